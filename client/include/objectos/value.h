// What goes into and comes out of SQLite: one of its five kinds of values, and a row of them.
// Plain data; safe to copy between threads.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace objectos {

struct Blob {
  std::string bytes;
  bool operator==(const Blob&) const = default;
};

class Value {
 public:
  enum class Kind { null, integer, real, text, blob };

  Value() = default;
  Value(std::nullptr_t) {}
  template <std::integral Number>
  Value(Number number) : held_(static_cast<std::int64_t>(number)) {}
  Value(double number) : held_(number) {}
  Value(std::string text) : held_(std::move(text)) {}
  Value(std::string_view text) : held_(std::string(text)) {}
  Value(const char* text) : held_(std::string(text)) {}
  Value(Blob blob) : held_(std::move(blob)) {}

  Kind kind() const noexcept { return static_cast<Kind>(held_.index()); }
  bool is_null() const noexcept { return kind() == Kind::null; }
  // Each throws std::bad_variant_access where the value is of another kind.
  std::int64_t integer() const { return std::get<std::int64_t>(held_); }
  double real() const { return std::get<double>(held_); }
  const std::string& text() const { return std::get<std::string>(held_); }
  const std::string& blob() const { return std::get<Blob>(held_).bytes; }

  bool operator==(const Value&) const = default;

 private:
  std::variant<std::monostate, std::int64_t, double, std::string, Blob> held_;
};

// In the order of the query's columns.
using Row = std::vector<Value>;

}  // namespace objectos
