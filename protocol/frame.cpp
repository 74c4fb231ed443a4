#include "protocol/frame.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <memory>
#include <new>

#include "protocol/errors.h"
#include "protocol/frame_dictionary.h"

namespace objectos {

namespace {

constexpr std::string_view magic = "OSF";
constexpr unsigned char frame_version = 1;
constexpr std::size_t header_bytes = 5;

struct ContextDeleter {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

[[noreturn]] void refuse(const char* what) {
  throw ProtocolError(ErrorCode::malformed_message, std::string("not a frame: ") + what, {},
                      "Send one whole frame as it was made.");
}

[[noreturn]] void refuse_version(const char* what, unsigned found, unsigned known) {
  throw ProtocolError(ErrorCode::upgrade_required, std::string(what) + " is not known here",
                      "It is " + std::to_string(found) + ", the highest known here is " +
                          std::to_string(known) + ".",
                      "Bring client and server to the same version.");
}

// None of the calls fails but for want of memory: parameters and buffer are right by construction.
std::size_t require_memory(std::size_t code) {
  if (ZSTD_isError(code)) throw std::bad_alloc();
  return code;
}

std::string_view dictionary_of(unsigned char version) {
  if (version == 0) return {};
  if (version > frame_dictionary_version)
    refuse_version("the frame's dictionary", version, frame_dictionary_version);
  return frame_dictionary_1;
}

// Checks the header; gives what follows it.
std::string_view zstd_part(std::string_view frame) {
  if (frame.size() < header_bytes || frame.substr(0, magic.size()) != magic)
    refuse("it does not begin as one");
  const auto version = static_cast<unsigned char>(frame[3]);
  if (version != frame_version) refuse_version("the frame's version", version, frame_version);
  return frame.substr(header_bytes);
}

}  // namespace

std::string encode_frame(std::string_view message) {
  const std::unique_ptr<ZSTD_CCtx, ContextDeleter> context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  const bool small = message.size() <= limits::frame_dictionary_bytes_max;
  require_memory(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel,
                                        limits::frame_compression_level));
  require_memory(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 0));
  if (small) {
    require_memory(ZSTD_CCtx_loadDictionary(context.get(), frame_dictionary_1.data(),
                                            frame_dictionary_1.size()));
  }
  std::string frame(header_bytes + ZSTD_compressBound(message.size()), '\0');
  frame.replace(0, magic.size(), magic);
  frame[3] = static_cast<char>(frame_version);
  frame[4] = small ? static_cast<char>(frame_dictionary_version) : '\0';
  const std::size_t size =
      require_memory(ZSTD_compress2(context.get(), frame.data() + header_bytes,
                                    frame.size() - header_bytes, message.data(), message.size()));
  frame.resize(header_bytes + size);
  return frame;
}

std::string decode_frame(std::string_view frame, std::size_t message_bytes_max) {
  const std::string_view packed = zstd_part(frame);
  const std::string_view dictionary = dictionary_of(static_cast<unsigned char>(frame[4]));
  const std::unique_ptr<ZSTD_DCtx, ContextDeleter> context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  require_memory(
      ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, limits::frame_window_log_max));
  require_memory(ZSTD_DCtx_loadDictionary(context.get(), dictionary.data(), dictionary.size()));
  std::string message;
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::size_t left = 1;
  while (left != 0) {
    const std::size_t had = message.size();
    // One byte more than allowed shows that there is more.
    const std::size_t room = std::min(ZSTD_DStreamOutSize(), message_bytes_max + 1 - had);
    message.resize(had + room);
    ZSTD_outBuffer out{message.data() + had, room, 0};
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left)) {
      if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation) throw std::bad_alloc();
      refuse(ZSTD_getErrorName(left));
    }
    message.resize(had + out.pos);
    if (message.size() > message_bytes_max) {
      throw ProtocolError(ErrorCode::limit_exceeded, "the frame's message is too large",
                          "It has more than " + std::to_string(message_bytes_max) + " bytes.",
                          "Send smaller batches.");
    }
    if (left != 0 && out.pos < room && in.pos == in.size) refuse("it is cut off");
  }
  if (in.pos != in.size) refuse("something follows its end");
  if (message.empty()) refuse("it holds no message");
  return message;
}

}  // namespace objectos
