// parse_record_id: only what encode_record_id writes for such a key is read. The first byte says
// how many key columns there are, as many bytes their kinds, the rest is the text.
#include "protocol/record_id.h"

#include "protocol/limits.h"
#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

FUZZ_TARGET(record_id) {
  fuzz::Bytes bytes(input);
  std::vector<ValueKind> kinds(1 + bytes.byte() % 4);
  for (ValueKind& kind : kinds) kind = static_cast<ValueKind>(bytes.byte() % value_kind_count);
  const std::string_view text = bytes.rest();
  std::vector<Json> values;
  if (!fuzz::accepted([&] { values = parse_record_id(text, kinds); })) return;
  require(values.size() == kinds.size(), "a value for each column");
  require(encode_record_id(values) == text, "only its one written form is read");
  require(text.size() <= limits::record_id_bytes_max, "a record id is bounded");
  require(parse_record_id(encode_record_id(values), kinds) == values, "and read as the same");
}
