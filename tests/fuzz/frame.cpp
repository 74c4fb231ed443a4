// decode_frame: any bytes are refused or give a message within the cap; what is encoded comes back.
#include "protocol/frame.h"

#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

FUZZ_TARGET(frame) {
  constexpr std::size_t cap = 1 << 20;
  std::string message;
  if (fuzz::accepted([&] { message = decode_frame(input, cap); }))
    require(message.size() <= cap, "a message is no longer than the cap");
  // The bytes behind a right head, so that the decompressor sees them.
  std::string headed = encode_frame(input.substr(0, input.size() / 2)).substr(0, 5);
  headed += input;
  if (fuzz::accepted([&] { message = decode_frame(headed, 4096); }))
    require(message.size() <= 4096, "a message is no longer than the cap");
  if (input.empty()) return;  // no message is no message
  const std::string frame = encode_frame(input);
  require(decode_frame(frame, input.size()) == input, "a message comes back");
  require(frame.size() <= input.size() + input.size() / 128 + 64, "a frame hardly grows");
  require(!fuzz::accepted([&] { decode_frame(frame + '\0'); }), "nothing may follow");
  require(!fuzz::accepted([&] { decode_frame(frame + frame); }), "no second frame");
  require(!fuzz::accepted([&] { decode_frame(frame.substr(0, frame.size() - 1)); }), "cut off");
  require(!fuzz::accepted([&] { decode_frame(frame, input.size() - 1); }), "the cap holds");
}
