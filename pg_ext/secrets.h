// Secret bytes, and what is computed with them. No secret goes into a message, a log or a
// statement's parameters.
#pragma once

#include <string.h>

#include <string>
#include <string_view>
#include <utility>

namespace objectos::server {

class Rows;

// Bytes that are wiped when they go. Longer than what a string keeps within itself, so a move
// leaves nothing behind.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string bytes) noexcept : bytes_(std::move(bytes)) {}
  Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) {}
  Secret& operator=(Secret&& other) noexcept {
    wipe();
    bytes_ = std::move(other.bytes_);
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }
  std::string_view bytes() const noexcept { return bytes_; }

 private:
  void wipe() noexcept { explicit_bzero(bytes_.data(), bytes_.size()); }
  std::string bytes_;
};

// A bytea of a result, which is wiped there; empty for NULL.
Secret take_secret(const Rows& rows, std::size_t row, int column);

std::string random_bytes(std::size_t count);

}  // namespace objectos::server
