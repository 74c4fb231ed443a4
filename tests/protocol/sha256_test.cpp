// HMAC-SHA-256 against the cases of RFC 4231, section 4; SHA-256 against those of FIPS 180-4's
// examples.
#include "protocol/sha256.h"

#include <doctest/doctest.h>

#include "protocol/signed_payload.h"

using objectos::hex_text;
using objectos::HmacSha256;

namespace {

struct Case {
  std::string secret, message;
  const char* mac;
};

const Case cases[] = {
    {std::string(20, '\x0b'), "Hi There",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"Jefe", "what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {std::string(20, '\xaa'), std::string(50, '\xdd'),
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
};

}  // namespace

TEST_CASE("HMAC-SHA-256 is the standard's, the first time and again") {
  for (const Case& one : cases) {
    const HmacSha256 hmac(one.secret);
    CHECK(hex_text(hmac.of({one.message})) == one.mac);
    CHECK(hex_text(hmac.of({"another message"})) != one.mac);
    CHECK(hex_text(hmac.of({one.message})) == one.mac);
  }
}

TEST_CASE("HMAC-SHA-256 goes over the parts one after the other") {
  const HmacSha256 hmac("Jefe");
  CHECK(hmac.of({"what do ya", " want ", "", "for nothing?"}) ==
        hmac.of({"what do ya want for nothing?"}));
  CHECK(hmac.of({}) == hmac.of({""}));
}

TEST_CASE("SHA-256 is the standard's") {
  CHECK(hex_text(objectos::sha256("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex_text(objectos::sha256({})) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
