#include "pg_ext/spi.h"

#include <unordered_map>

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

constexpr std::size_t plans_kept_max = 1000;

std::unordered_map<std::string, SPIPlanPtr>& kept_plans() {
  static std::unordered_map<std::string, SPIPlanPtr> plans;
  return plans;
}

// Plans differ by statement, parameter types and who plans them.
std::string plan_key(const std::string& sql, const Params& params) {
  std::string key = std::to_string(GetUserId());
  for (const Param& param : params) {
    key += ',';
    key += std::to_string(param.type());
  }
  key += ';';
  key += sql;
  return key;
}

void check_spi(int result, const char* what) {
  if (result < 0)
    throw SyncError("OS000", std::string("statement failed: ") + what,
                    SPI_result_code_string(result));
}

}  // namespace

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

Param Param::text_array(const std::vector<std::optional<std::string>>& values) {
  Param param(TEXTARRAYOID, Form::array);
  param.elements_ = values;
  return param;
}

namespace {

Datum text_array_datum(const std::vector<std::optional<std::string>>& elements) {
  const int count = static_cast<int>(elements.size());
  return pg_call([&] {
    auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * (count + 1)));
    for (int i = 0; i < count; ++i) {
      nulls[i] = !elements[i].has_value();
      values[i] = nulls[i] ? 0
                           : PointerGetDatum(cstring_to_text_with_len(
                                 elements[i]->data(), static_cast<int>(elements[i]->size())));
    }
    int dimensions[1] = {count};
    int lower_bounds[1] = {1};
    return PointerGetDatum(construct_md_array(values, nulls, 1, dimensions, lower_bounds, TEXTOID,
                                              -1, false, TYPALIGN_INT));
  });
}

struct Arguments {
  std::vector<Oid> types;
  std::vector<Datum> values;
  std::string nulls;
};

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
    case Param::Form::array:
      return text_array_datum(param.elements_);
  }
  return 0;
}

Spi::Spi() {
  pg_call([] {
    if (SPI_connect() != SPI_OK_CONNECT) elog(LOG, "SPI_connect failed");
  });
}

void Spi::finish() {
  pg_call([] { SPI_finish(); });
}

static SPIPlanPtr prepare(const std::string& sql, const std::vector<Oid>& types) {
  const char* text = sql.c_str();
  auto* type_list = const_cast<Oid*>(types.data());
  const int count = static_cast<int>(types.size());
  const SPIPlanPtr plan = pg_call([&] { return SPI_prepare(text, count, type_list); });
  if (plan == nullptr) check_spi(SPI_result, text);
  return plan;
}

Rows Spi::run(SPIPlanPtr plan, const Params& params, Access access, long row_limit) {
  std::vector<Datum> values;
  std::string nulls;
  values.reserve(params.size());
  for (const Param& param : params) {
    values.push_back(value_of(param));
    nulls += param.is_null() ? 'n' : ' ';
  }
  const int result = pg_call([&] {
    return SPI_execute_plan(plan, values.data(), nulls.c_str(), access == Access::read_only,
                            row_limit);
  });
  check_spi(result, "execute");
  Rows rows;
  rows.affected_ = SPI_processed;
  rows.table_ = SPI_tuptable;
  rows.size_ = SPI_tuptable == nullptr ? 0 : SPI_tuptable->numvals;
  return rows;
}

Rows Spi::execute(const std::string& sql, const Params& params, Access access, long row_limit) {
  auto& plans = kept_plans();
  const std::string key = plan_key(sql, params);
  auto found = plans.find(key);
  if (found == plans.end()) {
    if (plans.size() >= plans_kept_max) {
      for (const auto& [_, plan] : plans) pg_call([p = plan] { SPI_freeplan(p); });
      plans.clear();
    }
    std::vector<Oid> types;
    for (const Param& param : params) types.push_back(param.type());
    const SPIPlanPtr plan = prepare(sql, types);
    pg_call([&] { SPI_keepplan(plan); });
    found = plans.emplace(key, plan).first;
  }
  return run(found->second, params, access, row_limit);
}

Rows Spi::execute_once(const std::string& sql, const Params& params, Access access) {
  std::vector<Oid> types;
  for (const Param& param : params) types.push_back(param.type());
  const SPIPlanPtr plan = prepare(sql, types);
  Rows rows = run(plan, params, access, 0);
  pg_call([&] { SPI_freeplan(plan); });
  return rows;
}

int Rows::column_count() const {
  return table_ == nullptr ? 0 : table_->tupdesc->natts;
}

Oid Rows::column_type(int column) const {
  return TupleDescAttr(table_->tupdesc, column)->atttypid;
}

Datum Rows::datum(std::size_t row, int column, bool* is_null) const {
  return pg_call(
      [&] { return heap_getattr(table_->vals[row], column + 1, table_->tupdesc, is_null); });
}

void Rows::values(std::size_t row, Datum* values, bool* nulls) const {
  pg_call([&] { heap_deform_tuple(table_->vals[row], table_->tupdesc, values, nulls); });
}

bool Rows::is_null(std::size_t row, int column) const {
  bool null = false;
  datum(row, column, &null);
  return null;
}

std::optional<std::string> Rows::text(std::size_t row, int column) const {
  bool null = false;
  const Datum value = datum(row, column, &null);
  if (null) return std::nullopt;
  const Oid type = column_type(column);
  if (type == TEXTOID || type == JSONOID) {
    const auto* bytes = pg_call([&] { return PG_DETOAST_DATUM_PACKED(value); });
    return std::string(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
  }
  char* text = pg_call([&] {
    Oid output;
    bool is_varlena;
    getTypeOutputInfo(type, &output, &is_varlena);
    return OidOutputFunctionCall(output, value);
  });
  std::string result = text;
  pg_call([&] { pfree(text); });
  return result;
}

std::string Rows::text_or(std::size_t row, int column, std::string_view otherwise) const {
  auto value = text(row, column);
  return value ? *value : std::string(otherwise);
}

std::optional<std::int64_t> Rows::int8(std::size_t row, int column) const {
  bool null = false;
  const Datum value = datum(row, column, &null);
  if (null) return std::nullopt;
  switch (column_type(column)) {
    case INT2OID:
      return DatumGetInt16(value);
    case INT4OID:
      return DatumGetInt32(value);
    case OIDOID:
    case REGCLASSOID:
      return DatumGetObjectId(value);
    default:
      return DatumGetInt64(value);
  }
}

bool Rows::boolean(std::size_t row, int column) const {
  bool null = false;
  const Datum value = datum(row, column, &null);
  return !null && DatumGetBool(value);
}

void Rows::release() {
  if (table_ == nullptr) return;
  pg_call([&] { SPI_freetuptable(table_); });
  table_ = nullptr;
  size_ = 0;
}

std::string quote_identifier(const std::string& name) {
  const char* text = name.c_str();
  return pg_call([&] { return ::quote_identifier(text); });
}

std::string quote_literal(const std::string& text) {
  const char* raw = text.c_str();
  return pg_call([&] { return quote_literal_cstr(raw); });
}

}  // namespace objectos::server
