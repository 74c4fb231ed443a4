// Frames: one JSON message, compressed, as sync_pull_frame() and sync_push_frame() exchange it.
//
//   bytes 0-2  "OSF"
//   byte  3    version of the frame, 1
//   byte  4    version of the dictionary the message was compressed with; 0: none
//   then       one zstd frame (RFC 8878), without checksum; nothing after it
//
// What a peer sends is not trusted: the declared size is ignored, output is streamed and stops at
// the cap, the window is bounded, a second frame, a cut-off one and trailing bytes are refused.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/limits.h"

namespace objectos {

// Throws std::bad_alloc only.
std::string encode_frame(std::string_view message);

// Throws ProtocolError: OS005 for what is no whole frame, OS007 for a message of more than
// `message_bytes_max` bytes, OS013 for a version or dictionary that this build does not know.
std::string decode_frame(std::string_view frame,
                         std::size_t message_bytes_max = limits::request_bytes_max);

}  // namespace objectos
