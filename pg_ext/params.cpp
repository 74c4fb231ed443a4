// Parameters of statements: from C++ values and input texts to datums.
#include "pg_ext/spi.h"

#include "pg_ext/pg.h"

namespace objectos::server {

Param Param::text(std::optional<std::string_view> value) {
  Param param(TEXTOID, value ? Form::varlena : Form::null);
  if (value) param.bytes_ = *value;
  return param;
}

Param Param::json(std::optional<std::string_view> value) {
  Param param = text(value);
  param.type_ = JSONOID;
  return param;
}

Param Param::bytea(std::optional<std::string_view> bytes) {
  Param param = text(bytes);
  param.type_ = BYTEAOID;
  return param;
}

Param Param::int8(std::optional<std::int64_t> value) {
  Param param(INT8OID, value ? Form::number : Form::null);
  if (value) param.number_ = static_cast<std::uintptr_t>(*value);
  return param;
}

Param Param::boolean(std::optional<bool> value) {
  Param param(BOOLOID, value ? Form::number : Form::null);
  if (value) param.number_ = *value ? 1 : 0;
  return param;
}

Param Param::of_type(Oid type, std::optional<std::string_view> input) {
  Param param(type, input ? Form::input : Form::null);
  if (input) param.bytes_ = *input;
  return param;
}

Param Param::jsonb(std::optional<std::string_view> value) {
  return of_type(JSONBOID, value);
}
Param Param::uuid(std::optional<std::string_view> value) {
  return of_type(UUIDOID, value);
}
Param Param::timestamptz(std::optional<std::string_view> value) {
  return of_type(TIMESTAMPTZOID, value);
}

Param Param::datum(Oid type, Datum value, bool is_null) {
  Param param(type, is_null ? Form::null : Form::ready);
  param.number_ = value;
  return param;
}

Param Param::text_array(std::vector<std::optional<std::string>> values) {
  Param param(TEXTARRAYOID, Form::texts);
  param.elements_ = std::move(values);
  return param;
}

Param Param::bytea_array(std::vector<std::optional<std::string>> values) {
  Param param(BYTEAARRAYOID, Form::texts);
  param.elements_ = std::move(values);
  return param;
}

Param Param::int8_array(std::vector<std::int64_t> values) {
  Param param(INT8ARRAYOID, Form::numbers);
  param.numbers_ = std::move(values);
  return param;
}

Param Param::array_of(Oid element_type, std::vector<std::optional<std::string>> inputs) {
  if (element_type == TEXTOID) return text_array(std::move(inputs));
  Param param(pg_call([&] { return get_array_type(element_type); }), Form::inputs);
  if (param.type_ == InvalidOid)
    throw SyncError("OS000", "type " + std::to_string(element_type) + " has no array type");
  param.elements_ = std::move(inputs);
  return param;
}

namespace {

Datum array_datum(Datum* values, bool* nulls, int count, Oid element_type) {
  int16 length;
  bool by_value;
  char alignment;
  get_typlenbyvalalign(element_type, &length, &by_value, &alignment);
  int dimensions[1] = {count};
  int lower_bounds[1] = {1};
  return PointerGetDatum(construct_md_array(values, nulls, 1, dimensions, lower_bounds,
                                            element_type, length, by_value, alignment));
}

// Text and bytea: the bytes as they are.
Datum array_of_bytes(const std::vector<std::optional<std::string>>& elements, Oid element_type) {
  const int count = static_cast<int>(elements.size());
  return pg_call([&] {
    auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * (count + 1)));
    for (int i = 0; i < count; ++i) {
      nulls[i] = !elements[i].has_value();
      if (nulls[i]) continue;
      values[i] = PointerGetDatum(
          cstring_to_text_with_len(elements[i]->data(), static_cast<int>(elements[i]->size())));
    }
    return array_datum(values, nulls, count, element_type);
  });
}

// Each element by its type's input function; a domain judges NULL, too.
Datum array_of_inputs(const std::vector<std::optional<std::string>>& elements, Oid element_type) {
  const int count = static_cast<int>(elements.size());
  return pg_call([&] {
    auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * (count + 1)));
    FmgrInfo input;
    Oid function, parameter;
    getTypeInputInfo(element_type, &function, &parameter);
    fmgr_info(function, &input);
    for (int i = 0; i < count; ++i) {
      nulls[i] = !elements[i].has_value();
      char* text = nulls[i] ? nullptr : const_cast<char*>(elements[i]->c_str());
      values[i] = InputFunctionCall(&input, text, parameter, -1);
    }
    return array_datum(values, nulls, count, element_type);
  });
}

Datum array_of_numbers(const std::vector<std::int64_t>& numbers) {
  const int count = static_cast<int>(numbers.size());
  return pg_call([&] {
    auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    for (int i = 0; i < count; ++i) values[i] = Int64GetDatum(numbers[i]);
    return array_datum(values, nullptr, count, INT8OID);
  });
}

Oid element_type_of(Oid array_type) {
  return pg_call([&] { return get_element_type(array_type); });
}

}  // namespace

static Datum input_datum(Oid type, const std::string& text) {
  const char* input = text.c_str();
  return pg_call([&] {
    Oid function, parameter;
    getTypeInputInfo(type, &function, &parameter);
    return OidInputFunctionCall(function, const_cast<char*>(input), parameter, -1);
  });
}

Datum Spi::value_of(const Param& param) {
  switch (param.form_) {
    case Param::Form::null:
      return 0;
    case Param::Form::number:
    case Param::Form::ready:
      return param.number_;
    case Param::Form::varlena:
      return text_result(param.bytes_);
    case Param::Form::input:
      return input_datum(param.type_, param.bytes_);
    case Param::Form::texts:
      return array_of_bytes(param.elements_, element_type_of(param.type_));
    case Param::Form::numbers:
      return array_of_numbers(param.numbers_);
    case Param::Form::inputs:
      return array_of_inputs(param.elements_, element_type_of(param.type_));
  }
  return 0;
}

}  // namespace objectos::server
