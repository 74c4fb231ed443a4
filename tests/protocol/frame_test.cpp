#include "protocol/frame.h"

#include <doctest/doctest.h>
#include <zstd.h>

#include <random>
#include <string>

#include "protocol/errors.h"
#include "protocol/frame_dictionary.h"

using namespace objectos;

namespace {

std::string error_of(const std::string& frame,
                     std::size_t message_bytes_max = limits::request_bytes_max) {
  try {
    decode_frame(frame, message_bytes_max);
  } catch (const ProtocolError& error) {
    return std::string(error.sqlstate()) + " " + error.message();
  }
  return "";
}

bool begins(const std::string& text, const std::string& with) {
  return text.compare(0, with.size(), with) == 0;
}

// A frame around zstd bytes made by hand.
std::string framed(const std::string& zstd_bytes, char version = 1, char dictionary = 0) {
  return std::string("OSF") + version + dictionary + zstd_bytes;
}

std::string zstd_of(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string random_text(std::mt19937& random, std::size_t size) {
  std::string text;
  const bool narrow = random() % 2 == 0;
  while (text.size() < size)
    text += static_cast<char>(narrow ? 'a' + random() % 4 : random() % 256);
  return text;
}

const std::string verdict =
    R"({"verdicts":[{"mutation_id":"6f1c1c1e-8b0a-4a53-9d0e-0c2c5a3a9b11","status":"applied",)"
    R"("duplicate":false,"version":17,"sequence":18,"reason":null,"resolution":null,)"
    R"("server_version":16,"client_version":16,"detail":null}]})";

}  // namespace

TEST_CASE("a message comes out of its frame as it went in, whatever its size and content") {
  std::mt19937 random(20261124);
  for (const std::size_t size : {1, 2, 100, 16383, 16384, 16385, 200'000, 3'000'000}) {
    CAPTURE(size);
    const std::string message = random_text(random, size);
    CHECK(decode_frame(encode_frame(message)) == message);
  }
  for (int i = 0; i < 300; ++i) {
    const std::string message = random_text(random, 1 + random() % 20'000);
    REQUIRE(decode_frame(encode_frame(message)) == message);
  }
}

TEST_CASE("a small message is compressed against the dictionary") {
  const std::string frame = encode_frame(verdict);
  CHECK(static_cast<unsigned char>(frame[4]) == frame_dictionary_version);
  CHECK(frame.size() * 3 < zstd_of(verdict).size() * 2);
  CHECK(decode_frame(frame) == verdict);
}

TEST_CASE("the dictionary's first version is the published one, to the byte") {
  std::uint64_t hash = 1469598103934665603u;
  for (const char c : frame_dictionary_1) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  CHECK(hash == 1291203699827516624u);
}

TEST_CASE("a frame cut off at any byte is refused") {
  for (const std::string& message : {verdict, std::string(40'000, 'x') + verdict}) {
    const std::string frame = encode_frame(message);
    for (std::size_t size = 0; size < frame.size(); ++size) {
      CAPTURE(size);
      REQUIRE(begins(error_of(frame.substr(0, size)), "OS005 not a frame"));
    }
  }
}

TEST_CASE(
    "whatever byte of a frame is changed, it is decoded or refused, never more than the cap") {
  std::mt19937 random(7);
  const std::string frame = encode_frame(verdict);
  for (std::size_t at = 0; at < frame.size(); ++at) {
    for (int i = 0; i < 20; ++i) {
      std::string other = frame;
      other[at] = static_cast<char>(random());
      std::size_t size = 0;
      try {
        size = decode_frame(other, 4096).size();
      } catch (const ProtocolError&) {
      }
      REQUIRE(size <= 4096);
    }
  }
}

// trap: zstd-bomb
TEST_CASE("a gigabyte of zeros in a small frame is refused at the cap") {
  std::string bomb;
  {
    const std::string zeros(std::size_t{256} << 20, '\0');
    bomb = framed(zstd_of(zeros));
  }
  CHECK(bomb.size() < 100'000);
  CHECK(begins(error_of(bomb), "OS007"));
  CHECK(begins(error_of(bomb, 10), "OS007"));
}

TEST_CASE("the cap is exact") {
  const std::string frame = encode_frame(std::string(1000, 'a'));
  CHECK(error_of(frame, 1000).empty());
  CHECK(begins(error_of(frame, 999), "OS007"));
}

// trap: zstd-bomb
TEST_CASE("a declared size is not believed") {
  // A raw block of 5 bytes in a frame whose header declares 200 bytes: the stream just ends early.
  std::string lying = zstd_of(std::string(200, 'q'));
  lying.resize(lying.size() - 1);
  CHECK(begins(error_of(framed(lying)), "OS005"));
}

// trap: zstd-bomb
TEST_CASE("a second frame, a skippable one, and bytes behind the end are refused") {
  const std::string one = zstd_of("{\"a\":1}");
  CHECK(error_of(framed(one)).empty());
  CHECK(begins(error_of(framed(one + one)), "OS005 not a frame: something follows"));
  CHECK(begins(error_of(framed(one + "x")), "OS005 not a frame: something follows"));
  const std::string skippable(
      "\x50\x2a\x4d\x18\x03\x00\x00\x00"
      "abc",
      11);
  CHECK(begins(error_of(framed(skippable)), "OS005"));
  CHECK(begins(error_of(framed(skippable + one)), "OS005"));
}

TEST_CASE("a frame of another version, or with a dictionary of the future, wants an upgrade") {
  const std::string one = zstd_of("{\"a\":1}");
  CHECK(begins(error_of(framed(one, 2)), "OS013"));
  CHECK(begins(error_of(framed(one, 0)), "OS013"));
  CHECK(begins(error_of(framed(one, 1, 2)), "OS013"));
  CHECK(begins(error_of(framed(one, 1, static_cast<char>(255))), "OS013"));
}

// trap: zstd-bomb
TEST_CASE("a window beyond the limit is refused before memory is taken") {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, limits::frame_window_log_max + 2);
  std::string out(1000, '\0');
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  ZSTD_inBuffer from{"{}", 2, 0};
  ZSTD_compressStream2(context, &to, &from, ZSTD_e_flush);  // size unknown: the window is declared
  from.pos = 0;
  ZSTD_compressStream2(context, &to, &from, ZSTD_e_end);
  ZSTD_freeCCtx(context);
  out.resize(to.pos);
  CHECK(begins(error_of(framed(out)), "OS005 not a frame"));
}

TEST_CASE("what is no frame is refused") {
  for (const std::string& text :
       {std::string(), std::string("OSF"), std::string("{}"), std::string(100, '\0'), framed(""),
        framed("hello"), framed(zstd_of(""))}) {
    CHECK(begins(error_of(text), "OS005 not a frame"));
  }
}
