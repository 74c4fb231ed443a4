#include "protocol/json.h"

#include <charconv>
#include <utility>

namespace objectos {

Json::Json() noexcept = default;
Json::Json(const Json& other) = default;
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(const Json& other) = default;
Json& Json::operator=(Json&& other) noexcept = default;
Json::~Json() = default;

Json Json::boolean(bool value) {
  Json json;
  json.kind_ = Kind::boolean;
  json.boolean_ = value;
  return json;
}

Json Json::integer(std::int64_t value) {
  return number(std::to_string(value));
}

Json Json::number(std::string text) {
  Json json;
  json.kind_ = Kind::number;
  json.text_ = std::move(text);
  return json;
}

Json Json::string(std::string text) {
  Json json;
  json.kind_ = Kind::string;
  json.text_ = std::move(text);
  return json;
}

Json Json::array(Items items) {
  Json json;
  json.kind_ = Kind::array;
  json.items_ = std::move(items);
  return json;
}

Json Json::array() {
  return array(Items{});
}

Json Json::object() {
  return object(Members{});
}

Json Json::object(Members members) {
  Json json;
  json.kind_ = Kind::object;
  json.members_ = std::move(members);
  return json;
}

std::optional<std::int64_t> Json::as_integer() const noexcept {
  if (kind_ != Kind::number) return std::nullopt;
  std::int64_t value = 0;
  const char* end = text_.data() + text_.size();
  auto [stop, error] = std::from_chars(text_.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

const Json* Json::find(std::string_view name) const noexcept {
  for (const JsonMember& member : members_) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

void Json::set(std::string name, Json value) {
  if (kind_ == Kind::null) kind_ = Kind::object;
  for (JsonMember& member : members_) {
    if (member.name == name) {
      member.value = std::move(value);
      return;
    }
  }
  members_.push_back({std::move(name), std::move(value)});
}

void Json::push_back(Json value) {
  if (kind_ == Kind::null) kind_ = Kind::array;
  items_.push_back(std::move(value));
}

bool Json::operator==(const Json& other) const noexcept {
  return kind_ == other.kind_ && boolean_ == other.boolean_ && text_ == other.text_ &&
         items_ == other.items_ && members_ == other.members_;
}

}  // namespace objectos
