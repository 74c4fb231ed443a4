#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>
#include <vector>

#include "protocol/code_points.h"
#include "protocol/errors.h"
#include "protocol/json.h"

// The asserts of RapidJSON would abort a backend; what they guard is checked here.
#define RAPIDJSON_ASSERT(condition) ((void)0)
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

namespace objectos {

namespace {

using Size = rapidjson::SizeType;

// RapidJSON reads numbers as doubles: beyond 1e308 or 309 digits it refuses them, even where it
// hands out their text. So the stream shows each number as a single 0 and keeps its text for the
// handler. Outside strings a digit or a minus begins a number, or the text is broken.
class NumberHidingStream {
 public:
  using Ch = char;

  explicit NumberHidingStream(std::string_view text) : text_(text) {}

  Ch Peek() const {
    if (at_ == text_.size()) return '\0';
    return !in_string_ && starts_number(text_[at_]) ? '0' : text_[at_];
  }
  Ch Take() {
    if (at_ == text_.size()) return '\0';
    char c = text_[at_];
    if (in_string_) {
      in_string_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
    } else if (starts_number(c)) {
      std::size_t end = std::min(text_.find_first_not_of("+-.0123456789Ee", at_), text_.size());
      number_ = text_.substr(at_, end - at_);
      at_ = end;
      return '0';
    } else {
      in_string_ = c == '"';
    }
    ++at_;
    return c;
  }
  std::size_t Tell() const { return at_; }
  // The text of the number taken last.
  std::string_view number() const { return number_; }

  // RapidJSON's concept of a stream wants these; they are for parsing in place.
  Ch* PutBegin() { return nullptr; }
  void Put(Ch) {}
  std::size_t PutEnd(Ch*) { return 0; }

 private:
  static bool starts_number(char c) { return c == '-' || (c >= '0' && c <= '9'); }

  std::string_view text_;
  std::string_view number_;
  std::size_t at_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

// Without data: none does. Few names are compared with one another, many are sorted.
std::string_view name_that_comes_twice(const Json::Members& members) {
  constexpr std::size_t few = 16;
  if (members.size() <= few) {
    for (std::size_t i = 1; i < members.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (members[k].name == members[i].name) return members[i].name;
      }
    }
    return {};
  }
  std::vector<std::string_view> names;
  names.reserve(members.size());
  for (const JsonMember& member : members) names.push_back(member.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  return twice == names.end() ? std::string_view() : *twice;
}

// Builds the tree from SAX events on a stack of its own. A handler that returns false stops the
// parser; `fault` then says why.
class TreeBuilder {
 public:
  TreeBuilder(const JsonLimits& limits, const NumberHidingStream& stream)
      : limits_(limits), stream_(stream) {}

  bool Null() { return add(Json()); }
  bool Bool(bool value) { return add(Json::boolean(value)); }
  bool Uint(unsigned) {
    std::string_view number = stream_.number();
    if (!is_json_number(number)) {
      return fail(ErrorCode::malformed_message,
                  "invalid number " + std::string(number.substr(0, 100)));
    }
    return check_text(number) && add(Json::number(std::string(number)));
  }
  // Never called: every number looks like 0.
  bool Int(int) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
  bool RawNumber(const char*, Size, bool) { return false; }
  bool String(const char* text, Size length, bool) {
    return check_text({text, length}) && add(Json::string(std::string(text, length)));
  }
  bool Key(const char* text, Size length, bool) {
    if (!check_text({text, length})) return false;
    open_.back().key.assign(text, length);
    return true;
  }
  bool StartObject() { return open(true); }
  bool StartArray() { return open(false); }
  bool EndObject(Size) {
    const auto first = done_.begin() + static_cast<std::ptrdiff_t>(open_.back().first);
    Json::Members members(std::make_move_iterator(first), std::make_move_iterator(done_.end()));
    if (members.size() > limits::json_members_max) {
      return fail(ErrorCode::limit_exceeded, "an object has too many keys");
    }
    const std::string_view twice = name_that_comes_twice(members);
    if (twice.data() != nullptr) {
      return fail(ErrorCode::malformed_message,
                  "duplicate key " + json_string(first_points(twice, 100)));
    }
    return close(Json::object(std::move(members)));
  }
  bool EndArray(Size) {
    Json::Items items;
    items.reserve(done_.size() - open_.back().first);
    for (std::size_t i = open_.back().first; i < done_.size(); ++i)
      items.push_back(std::move(done_[i].value));
    return close(Json::array(std::move(items)));
  }

  Json take() { return std::move(done_.front().value); }
  const std::string& fault() const { return fault_; }
  ErrorCode fault_code() const { return fault_code_; }

 private:
  // An object or array whose end has not come yet.
  struct Open {
    bool is_object;
    std::size_t first;  // of its parts in done_
    std::string key;    // of the member being read
  };

  bool fail(ErrorCode code, std::string fault) {
    fault_code_ = code;
    fault_ = std::move(fault);
    return false;
  }
  bool check_text(std::string_view text) {
    if (text.size() > limits_.string_bytes_max) {
      return fail(ErrorCode::limit_exceeded,
                  "a string is longer than " + std::to_string(limits_.string_bytes_max) + " bytes");
    }
    if (text.find('\0') != std::string_view::npos) {
      return fail(ErrorCode::malformed_message, "U+0000 cannot be stored in text");
    }
    if (!is_valid_utf8(text)) {  // RapidJSON lets an escaped low surrogate pass
      return fail(ErrorCode::malformed_message, "a surrogate stands alone");
    }
    return true;
  }
  bool open(bool is_object) {
    if (static_cast<int>(open_.size()) >= limits_.depth_max) {
      return fail(ErrorCode::malformed_message,
                  "nested deeper than " + std::to_string(limits_.depth_max) + " levels");
    }
    open_.push_back({is_object, done_.size(), {}});
    return true;
  }
  bool close(Json value) {
    done_.resize(open_.back().first);
    open_.pop_back();
    return add(std::move(value));
  }
  bool add(Json value) {
    std::string name;
    if (!open_.empty() && open_.back().is_object) name = std::move(open_.back().key);
    done_.push_back({std::move(name), std::move(value)});
    return true;
  }

  const JsonLimits& limits_;
  const NumberHidingStream& stream_;
  std::vector<Open> open_;
  std::vector<JsonMember> done_;  // values whose container is still open; at last the root
  std::string fault_;
  ErrorCode fault_code_ = ErrorCode::malformed_message;
};

// RapidJSON takes what its allocator gives without looking at it, a null pointer too.
struct ThrowingAllocator {
  [[maybe_unused]] static constexpr bool kNeedFree = true;
  void* Malloc(std::size_t bytes) { return bytes == 0 ? nullptr : ::operator new(bytes); }
  void* Realloc(void* block, std::size_t bytes, std::size_t new_bytes) {
    void* grown = Malloc(new_bytes);
    if (block != nullptr && grown != nullptr) std::memcpy(grown, block, std::min(bytes, new_bytes));
    Free(block);
    return grown;
  }
  static void Free(void* block) { ::operator delete(block); }
};

int utf8_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}

// Where the ASCII that begins at `from` ends: eight bytes at a time.
std::size_t ascii_length(std::string_view text, std::size_t from) {
  std::uint64_t eight = 0;
  for (; from + sizeof eight <= text.size(); from += sizeof eight) {
    std::memcpy(&eight, text.data() + from, sizeof eight);
    if ((eight & 0x8080808080808080U) != 0) break;
  }
  while (from < text.size() && static_cast<unsigned char>(text[from]) < 0x80) ++from;
  return from;
}

}  // namespace

bool is_valid_utf8(std::string_view text) noexcept {
  for (std::size_t i = ascii_length(text, 0); i < text.size(); i = ascii_length(text, i)) {
    auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    int length = utf8_length(byte(i));
    if (length == 0 || i + static_cast<std::size_t>(length) > text.size()) return false;
    for (int k = 1; k < length; ++k) {
      if ((byte(i + static_cast<std::size_t>(k)) & 0xc0) != 0x80) return false;
    }
    if (byte(i) == 0xe0 && byte(i + 1) < 0xa0) return false;   // overlong
    if (byte(i) == 0xed && byte(i + 1) >= 0xa0) return false;  // surrogate
    if (byte(i) == 0xf0 && byte(i + 1) < 0x90) return false;   // overlong
    if (byte(i) == 0xf4 && byte(i + 1) >= 0x90) return false;  // beyond U+10FFFF
    i += static_cast<std::size_t>(length);
  }
  return true;
}

bool is_json_number(std::string_view text) noexcept {
  std::size_t i = 0;
  auto digits = [&] {
    std::size_t from = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - from;
  };
  if (i < text.size() && text[i] == '-') ++i;
  bool zero = i < text.size() && text[i] == '0';
  std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

Json parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) {
    throw ProtocolError(ErrorCode::limit_exceeded,
                        "the message is larger than " + std::to_string(limits.bytes_max) + " bytes",
                        {}, "Send it in smaller parts.");
  }
  if (!is_valid_utf8(text)) {
    throw ProtocolError(ErrorCode::malformed_message, "the message is not valid UTF-8");
  }
  if (text.find('\0') != std::string_view::npos) {
    throw ProtocolError(ErrorCode::malformed_message, "the message holds a zero byte");
  }
  NumberHidingStream stream(text);
  TreeBuilder builder(limits, stream);
  rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, ThrowingAllocator> reader;
  // The encoding is known to be valid; what escapes make of it, the handler looks at.
  rapidjson::ParseResult result = reader.Parse<rapidjson::kParseIterativeFlag>(stream, builder);
  if (result.IsError()) {
    bool ours = !builder.fault().empty();
    std::string fault = ours ? builder.fault() : rapidjson::GetParseError_En(result.Code());
    throw ProtocolError(ours ? builder.fault_code() : ErrorCode::malformed_message,
                        "cannot read the message: " + fault,
                        "At byte " + std::to_string(result.Offset()) + ".",
                        "Send one JSON text of the documented form.");
  }
  return builder.take();
}

}  // namespace objectos
