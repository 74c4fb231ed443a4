// How the algebra writes components: into room that was made before, in canonical form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "protocol/text_operation.h"

namespace objectos {

// Room for the components of a result whose size is not known yet. Few are written aside first, so
// that a small result needs no memory of its own however large it could have become.
class TextRoom {
 public:
  explicit TextRoom(std::size_t most)
      : components_(most <= few_max ? 0 : most), most_(most), is_few_(most <= few_max) {}
  TextComponent* begin() noexcept { return is_few_ ? few_ : components_.data(); }
  // The first `size`, that were written. The room is not to be used afterwards.
  TextComponents take(std::size_t size) {
    if (is_few_) return TextComponents(std::span<const TextComponent>(few_, size));
    // What is small in the end does not hold on to the memory of what it could have become.
    if (size < most_ / 2)
      return TextComponents(std::span<const TextComponent>(components_.data(), size));
    components_.set_size(size);
    return std::move(components_);
  }

 private:
  static constexpr std::size_t few_max = 16;
  TextComponents components_;
  std::size_t most_;
  bool is_few_;
  TextComponent few_[few_max];
};

// Writes from `begin` on. Each call writes at most one component, a keep none until something
// follows it; so there must be room for as many as there are calls of erase() and insert(), twice.
// A caller that ends a component of its inputs with each call writes no more than those had.
class TextWriter {
 public:
  explicit TextWriter(TextComponent* begin) noexcept : begin_(begin), next_(begin) {}

  void keep(std::uint32_t points) noexcept { kept_ += points; }
  void erase(std::uint32_t points) noexcept {
    const auto length = static_cast<std::int32_t>(points);
    base_points_ += kept_ + points;
    write_kept();
    if (next_ != begin_ && next_[-1].points < 0)
      next_[-1].points -= length;
    else
      *next_++ = {-length, 0};
  }
  void insert(std::uint32_t points, std::uint32_t bytes) noexcept {
    base_points_ += kept_;
    inserted_bytes_ += bytes;
    write_kept();
    if (next_ != begin_ && next_[-1].bytes != 0) {
      next_[-1].points += static_cast<std::int32_t>(points);
      next_[-1].bytes += bytes;
    } else {
      *next_++ = {static_cast<std::int32_t>(points), bytes};
    }
  }

  TextComponent* end() const noexcept { return next_; }
  // Throws OS007 where the result is larger than an operation may be.
  void check() const { require_text_limits(base_points_, inserted_bytes_); }

 private:
  void write_kept() noexcept {
    if (kept_ == 0) return;
    *next_++ = {static_cast<std::int32_t>(kept_), 0};
    kept_ = 0;
  }

  TextComponent* begin_;
  TextComponent* next_;
  std::uint32_t kept_ = 0;
  std::uint64_t base_points_ = 0;
  std::uint64_t inserted_bytes_ = 0;
};

}  // namespace objectos
