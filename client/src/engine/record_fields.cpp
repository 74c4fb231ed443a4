#include "engine/record_fields.h"

namespace objectos {

namespace {

std::string stored(const LocalColumn& column, const std::string* json) {
  RecordImage image(0);
  const ValueKind kind = parse_value_kind(column.kind).value_or(ValueKind::text);
  image.form(kind, column.is_key, json == nullptr ? "null" : std::string_view(*json));
  return image.bytes();
}

}  // namespace

bool same_stored(const LocalColumn& column, const std::string* one, const std::string* other) {
  return stored(column, one) == stored(column, other);
}

}  // namespace objectos
