// RecordImage and Digest: equal values have equal images, sums do not hang on the order, hex comes
// back. The first byte is the kind, the rest two JSON forms, one a line.
#include "protocol/record_digest.h"

#include "protocol/json.h"
#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

namespace {

std::optional<std::string> image_of(ValueKind kind, bool in_key, std::string_view form) {
  RecordImage image(42);
  image.begin("record", 7);
  if (!fuzz::accepted([&] { image.form(kind, in_key, form); })) return std::nullopt;
  return image.bytes();
}

}  // namespace

FUZZ_TARGET(record_digest) {
  fuzz::Bytes bytes(input);
  const auto kind = static_cast<ValueKind>(bytes.byte() % value_kind_count);
  const bool in_key = bytes.byte() % 2 != 0;
  const std::string_view one = bytes.until('\n'), other = bytes.rest();
  image_of(kind, in_key, one);  // no form at all may be refused
  Json value;
  if (fuzz::accepted([&] { value = parse_json(one); })) {
    const std::string form = write_json(value);
    const auto image = image_of(kind, in_key, form);
    require(image.has_value(), "a form has an image");
    require(image == image_of(kind, in_key, form), "which is the value's alone");
    if (value.is_string() && kind == ValueKind::text)
      require(image == image_of(kind, in_key,
                                one.substr(one.find('"'), one.rfind('"') + 1 - one.find('"'))),
              "escapes do not matter");
  }
  const Digest a = digest_of(one), b = digest_of(other);
  require(parse_digest(to_hex(a)) == a, "a digest comes back from its hex");
  const auto named = parse_digest(other);
  if (named) require(to_hex(*named) == other, "only its one written form is read");
  BucketSum there, back;
  there.add(a), there.add(b), back.add(b), back.add(a);
  require(there == back, "a sum does not hang on the order");
  const std::uint64_t place = place_of(a.low, one);
  for (const int bits : {0, 1, 8, 56, 63})
    require(bits == 0 ? bucket_of(place, 0) == 0 : bucket_of(place, bits) >> bits == 0,
            "a bucket is one of them");
}
