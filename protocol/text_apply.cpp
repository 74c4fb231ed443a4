// docs/operational_transform.md, The operation and Invert.
#include <utility>

#include "protocol/code_points.h"
#include "protocol/errors.h"
#include "protocol/operational_transform.h"

namespace objectos::ot {

namespace {

[[noreturn]] void refuse_length(const TextOperation& operation, std::string_view text) {
  throw ProtocolError(ErrorCode::invalid_mutation,
                      "the text operation reaches beyond the end of the text",
                      "It is for a text of at least " + std::to_string(operation.base_points()) +
                          " characters; this one has " + std::to_string(count_points(text)) + ".",
                      "It was made of another text, or of another revision of this one.");
}

void require_utf8(std::string_view text) {
  require_valid_text(text, "the text");
}

// Goes along a text as an operation does.
class TextReader {
 public:
  TextReader(const TextOperation& operation, std::string_view text)
      : operation_(operation), rest_(text), text_(text) {}
  std::string_view take(std::size_t points) {
    const PointsOffset end = points_offset(rest_, points);
    if (end.missing != 0) refuse_length(operation_, text_);
    const std::string_view taken = rest_.substr(0, end.bytes);
    rest_.remove_prefix(end.bytes);
    return taken;
  }
  std::string_view rest() const noexcept { return rest_; }

 private:
  const TextOperation& operation_;
  std::string_view rest_;
  std::string_view text_;
};

}  // namespace

std::string apply(std::string_view text, const TextOperation& a) {
  require_utf8(text);
  TextReader reader(a, text);
  std::string result;
  result.reserve(text.size() + a.inserted().size());
  std::size_t inserted = 0;
  for (const TextComponent& one : a.components()) {
    if (one.is_insert()) {
      result += a.inserted().substr(inserted, one.bytes);
      inserted += one.bytes;
    } else {
      const std::string_view taken = reader.take(one.length());
      if (one.is_keep()) result += taken;
    }
  }
  result += reader.rest();
  return result;
}

TextOperation invert(const TextOperation& a, std::string_view text) {
  require_utf8(text);
  TextReader reader(a, text);
  TextOperationBuilder inverse;
  for (const TextComponent& one : a.components()) {
    if (one.is_insert()) {
      inverse.erase(one.length());
    } else {
      const std::string_view taken = reader.take(one.length());
      if (one.is_keep())
        inverse.keep(one.length());
      else
        inverse.insert_valid(taken, one.length());
    }
  }
  return inverse.build();
}

}  // namespace objectos::ot
