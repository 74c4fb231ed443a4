#include <algorithm>
#include <vector>

#include "protocol/json.h"

namespace objectos {

namespace {

// Recursion is bounded by the parser's depth limit.
void append_value(std::string& out, const Json& value, bool sorted);

void append_member(std::string& out, const JsonMember& member, bool sorted) {
  if (out.back() != '{') out += ',';
  append_json_string(out, member.name);
  out += ':';
  append_value(out, member.value, sorted);
}

void append_sorted(std::string& out, const Json::Members& members) {
  const auto by_name = [](const JsonMember* a, const JsonMember* b) { return a->name < b->name; };
  std::vector<const JsonMember*> order;
  order.reserve(members.size());
  for (const JsonMember& member : members) order.push_back(&member);
  std::sort(order.begin(), order.end(), by_name);
  for (const JsonMember* member : order) append_member(out, *member, true);
}

void append_members(std::string& out, const Json::Members& members, bool sorted) {
  out += '{';
  if (sorted && members.size() > 1) {
    append_sorted(out, members);
  } else {
    for (const JsonMember& member : members) append_member(out, member, sorted);
  }
  out += '}';
}

void append_value(std::string& out, const Json& value, bool sorted) {
  switch (value.kind()) {
    case Json::Kind::null:
      out += "null";
      return;
    case Json::Kind::boolean:
      out += value.as_boolean() ? "true" : "false";
      return;
    case Json::Kind::number:
      out += value.text();
      return;
    case Json::Kind::string:
      append_json_string(out, value.text());
      return;
    case Json::Kind::object:
      append_members(out, value.members(), sorted);
      return;
    case Json::Kind::array:
      break;
  }
  out += '[';
  const char* separator = "";
  for (const Json& item : value.items()) {
    out += separator;
    append_value(out, item, sorted);
    separator = ",";
  }
  out += ']';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t from = 0;  // what needs no escape is copied as it is
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, from, at - from);
    from = at + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
        out += "0123456789abcdef"[c & 15];
    }
  }
  out.append(text, from);
  out += '"';
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

void append_json(std::string& out, const Json& value) {
  append_value(out, value, false);
}

std::string write_json(const Json& value) {
  std::string out;
  append_value(out, value, false);
  return out;
}

std::string canonical_json(const Json& value) {
  std::string out;
  append_value(out, value, true);
  return out;
}

void append_canonical_json(std::string& out, const Json& value) {
  append_value(out, value, true);
}

}  // namespace objectos
