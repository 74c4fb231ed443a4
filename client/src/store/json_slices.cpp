#include "json_slices.h"

#include "local_database.h"

namespace objectos {
namespace {

[[noreturn]] void bad(std::string_view text) {
  throw StoreError(StoreErrorKind::invalid_input, "not the JSON that was expected",
                   std::string(text.substr(0, 200)));
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  void space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      at_++;
  }
  char peek() {
    space();
    if (at_ >= text_.size()) bad(text_);
    return text_[at_];
  }
  bool take(char c) {
    if (peek() != c) return false;
    at_++;
    return true;
  }
  void need(char c) {
    if (!take(c)) bad(text_);
  }
  std::string_view value() {
    peek();
    size_t from = at_;
    int depth = 0;
    do {
      if (at_ >= text_.size()) bad(text_);
      char c = text_[at_];
      if (c == '"') {
        skip_string();
        continue;
      }
      if (c == '{' || c == '[') depth++;
      if (c == '}' || c == ']') depth--;
      if (depth < 0) bad(text_);
      at_++;
      if (depth == 0 && c != '}' && c != ']') skip_scalar();
    } while (depth > 0);
    return text_.substr(from, at_ - from);
  }
  void end() {
    space();
    if (at_ != text_.size()) bad(text_);
  }

 private:
  void skip_scalar() {
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '}' && text_[at_] != ']' &&
           text_[at_] != ' ' && text_[at_] != '\n' && text_[at_] != '\r' && text_[at_] != '\t')
      at_++;
  }
  void skip_string() {
    const char* data = text_.data();
    const size_t size = text_.size();
    size_t at = at_ + 1;
    while (at < size && data[at] != '"') at += data[at] == '\\' ? 2 : 1;
    if (at >= size) bad(text_);
    at_ = at + 1;
  }
  std::string_view text_;
  size_t at_ = 0;
};

unsigned hex4(std::string_view raw, size_t at) {
  if (at + 4 > raw.size()) bad(raw);
  return static_cast<unsigned>(std::stoul(std::string(raw.substr(at, 4)), nullptr, 16));
}

void put_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 63));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 63));
    out += static_cast<char>(0x80 | (code & 63));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 63));
    out += static_cast<char>(0x80 | ((code >> 6) & 63));
    out += static_cast<char>(0x80 | (code & 63));
  }
}

}  // namespace

JsonSlices::JsonSlices(const RawMembers& members) {
  for (const auto& [name, raw] : members) slices_.push_back({name, raw});
}

const JsonSlice* JsonSlices::find(std::string_view name) const {
  for (const JsonSlice& slice : slices_)
    if (slice.name == name) return &slice;
  return nullptr;
}

const std::vector<JsonSlice>& JsonSlices::parse(std::string_view text) {
  slices_.clear();
  unescaped_.clear();
  Scanner scan(text);
  scan.need('{');
  if (!scan.take('}')) {
    do {
      if (scan.peek() != '"') bad(text);
      std::string_view name = scan.value();
      if (name.find('\\') != std::string_view::npos)
        name = unescaped_.emplace_back(json_unquote(name));
      else
        name = name.substr(1, name.size() - 2);
      scan.need(':');
      slices_.push_back({name, scan.value()});
    } while (scan.take(','));
    scan.need('}');
  }
  scan.end();
  return slices_;
}

RawMembers members_of(const std::string& text) {
  return text.empty() ? RawMembers() : json_members(text);
}

RawMembers json_members(std::string_view text) {
  Scanner scan(text);
  RawMembers members;
  scan.need('{');
  if (!scan.take('}')) {
    do {
      if (scan.peek() != '"') bad(text);
      std::string name = json_unquote(scan.value());
      scan.need(':');
      members.emplace_back(std::move(name), scan.value());
    } while (scan.take(','));
    scan.need('}');
  }
  scan.end();
  return members;
}

std::vector<std::string> json_elements(std::string_view text) {
  const std::vector<std::string_view> views = json_views(text);
  return {views.begin(), views.end()};
}

std::vector<std::string_view> json_views(std::string_view text) {
  Scanner scan(text);
  std::vector<std::string_view> elements;
  scan.need('[');
  if (!scan.take(']')) {
    do elements.push_back(scan.value());
    while (scan.take(','));
    scan.need(']');
  }
  scan.end();
  return elements;
}

std::string json_unquote(std::string_view raw) {
  if (raw.empty() || raw.front() != '"') return std::string(raw);
  if (raw.size() < 2 || raw.back() != '"') bad(raw);
  raw = raw.substr(1, raw.size() - 2);
  if (raw.find('\\') == std::string_view::npos) return std::string(raw);
  std::string out;
  for (size_t i = 0; i < raw.size(); i++) {
    if (raw[i] != '\\') {
      out += raw[i];
      continue;
    }
    if (++i >= raw.size()) bad(raw);
    switch (raw[i]) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'u': {
        unsigned code = hex4(raw, i + 1);
        i += 4;
        if (code >= 0xD800 && code < 0xDC00 && i + 6 < raw.size() + 0 && raw[i + 1] == '\\') {
          code = 0x10000 + ((code - 0xD800) << 10) + (hex4(raw, i + 3) - 0xDC00);
          i += 6;
        }
        put_utf8(out, code);
        break;
      }
      default:
        out += raw[i];
    }
  }
  return out;
}

std::string json_object(const RawMembers& members) {
  std::string out = "{";
  for (const auto& [name, raw] : members) {
    if (out.size() > 1) out += ',';
    append_json_string(out, name);
    out += ':' + raw;
  }
  return out + '}';
}

const std::string* json_find(const RawMembers& members, std::string_view name) {
  for (const auto& member : members)
    if (member.first == name) return &member.second;
  return nullptr;
}

std::string json_text(const RawMembers& members, std::string_view name) {
  const std::string* raw = json_find(members, name);
  return raw == nullptr || *raw == "null" ? std::string() : json_unquote(*raw);
}

bool json_true(const RawMembers& members, std::string_view name) {
  const std::string* raw = json_find(members, name);
  return raw != nullptr && *raw == "true";
}

}  // namespace objectos
