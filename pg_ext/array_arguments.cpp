#include "pg_ext/array_arguments.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

struct Elements {
  Datum* values;
  bool* nulls;
  int count;
};

Elements elements_of(FunctionCall fcinfo, int index, Oid element_type) {
  const Elements elements = pg_call([&] {
    Elements found{};
    int16 length;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(element_type, &length, &by_value, &alignment);
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(index), element_type, length, by_value, alignment,
                      &found.values, &found.nulls, &found.count);
    return found;
  });
  for (int i = 0; i < elements.count; ++i) {
    if (elements.nulls[i]) throw SyncError("22004", "an element of the array is null");
  }
  return elements;
}

}  // namespace

std::vector<std::string> text_array_argument(FunctionCall fcinfo, int index) {
  const Elements elements = elements_of(fcinfo, index, TEXTOID);
  std::vector<std::string> texts;
  texts.reserve(static_cast<std::size_t>(elements.count));
  for (int i = 0; i < elements.count; ++i) {
    const auto* text = pg_call([&] { return PG_DETOAST_DATUM_PACKED(elements.values[i]); });
    texts.emplace_back(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
  }
  return texts;
}

std::vector<std::int64_t> int8_array_argument(FunctionCall fcinfo, int index) {
  const Elements elements = elements_of(fcinfo, index, INT8OID);
  std::vector<std::int64_t> numbers;
  numbers.reserve(static_cast<std::size_t>(elements.count));
  for (int i = 0; i < elements.count; ++i) numbers.push_back(DatumGetInt64(elements.values[i]));
  return numbers;
}

}  // namespace objectos::server
