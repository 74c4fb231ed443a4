// A page of a pull as one PullResponse message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pg_ext/pull_row.h"

namespace objectos::server {

// A net effect has the id of its newest mutation, which only says who wants to know; a frame leaves
// it out, since 16 random bytes are a quarter of what a small change costs on the wire.
enum class MutationIds { all, none };

std::string response_json(const PullRows& rows, MutationIds ids);

// A moment (timestamptz) in ISO 8601, UTC.
std::string iso_time(std::int64_t at);

// A JSON object, member by member.
class ObjectText {
 public:
  void raw(std::string_view name, std::string_view json);
  // Those of another object's text, which begins and ends with its brace.
  void members(std::string_view object);
  void text(std::string_view name, const std::optional<std::string>& value);
  void number(std::string_view name, const std::optional<std::int64_t>& value);
  std::string done() const { return text_ + '}'; }

 private:
  std::string text_ = "{";
};

}  // namespace objectos::server
