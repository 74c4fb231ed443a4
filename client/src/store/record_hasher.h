// Digests of records as protocol/record_digest.h says; SHA-256 by libcrypto.
#pragma once

#include <memory>

#include "protocol/record_digest.h"

namespace objectos {

class RecordHasher {
 public:
  explicit RecordHasher(std::uint64_t seed);
  ~RecordHasher();
  RecordHasher(const RecordHasher&) = delete;
  RecordImage& image() { return image_; }  // to be filled anew for each record
  Digest digest();                         // of the image

 private:
  RecordImage image_;
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace objectos
