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

// Plans that are being made or executed, up the stack: triggers and policies may call us again.
int plans_running = 0;

class Running {
 public:
  Running() { ++plans_running; }
  ~Running() { --plans_running; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
};

// Plans differ by statement, parameter types and who plans them.
std::string plan_key(const std::string& sql, const Params& params, bool by_key) {
  std::string key = (by_key ? "k" : "") + std::to_string(GetUserId());
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

Spi::Spi() {
  pg_call([] {
    if (SPI_connect() != SPI_OK_CONNECT) elog(LOG, "SPI_connect failed");
  });
}

void Spi::finish() {
  pg_call([] { SPI_finish(); });
}

static SPIPlanPtr prepare(const std::string& sql, const std::vector<Oid>& types, bool by_key) {
  const char* text = sql.c_str();
  auto* type_list = const_cast<Oid*>(types.data());
  const int count = static_cast<int>(types.size());
  const SPIPlanPtr plan = pg_call([&] {
    return SPI_prepare_cursor(text, count, type_list, by_key ? CURSOR_OPT_GENERIC_PLAN : 0);
  });
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
  const Running running;
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

SPIPlanPtr Spi::kept_plan(const std::string& sql, const Params& params, bool by_key) {
  auto& plans = kept_plans();
  const std::string key = plan_key(sql, params, by_key);
  const auto found = plans.find(key);
  if (found != plans.end()) return found->second;
  if (plans.size() >= plans_kept_max && plans_running == 0) {
    for (const auto& [_, plan] : plans) pg_call([p = plan] { SPI_freeplan(p); });
    plans.clear();
  }
  std::vector<Oid> types;
  for (const Param& param : params) types.push_back(param.type());
  const SPIPlanPtr plan = prepare(sql, types, by_key);
  pg_call([&] { SPI_keepplan(plan); });
  plans.emplace(key, plan);
  return plan;
}

Rows Spi::execute(const std::string& sql, const Params& params, Access access, long row_limit) {
  return run(kept_plan(sql, params, false), params, access, row_limit);
}

// Whether the plan by key is there and holds as it is: looking is much cheaper than changing and
// restoring settings.
static bool is_planned(SPIPlanPtr plan) {
  return pg_call([&] {
    List* const sources = SPI_plan_get_plan_sources(plan);
    if (list_length(sources) != 1) return false;
    const auto* const source = static_cast<CachedPlanSource*>(linitial(sources));
    return source->is_valid && !source->dependsOnRLS && search_path_is(source->search_path) &&
           source->gplan != nullptr && source->gplan->is_valid &&
           !TransactionIdIsValid(source->gplan->saved_xmin);
  });
}

// The generic plan is made here, where the planner may not choose otherwise; what runs while the
// statement is executed (the user's triggers and policies) is planned under the caller's settings.
static void plan_by_key(SPIPlanPtr plan) {
  pg_call([&] {
    const int level = NewGUCNestLevel();
    for (const char* setting : {"enable_hashjoin", "enable_mergejoin", "enable_seqscan", "jit"})
      set_config_option(setting, "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                        false);
    CachedPlan* const generic = SPI_plan_get_cached_plan(plan);
    if (generic != nullptr) ReleaseCachedPlan(generic, CurrentResourceOwner);
    AtEOXact_GUC(true, level);
  });
}

Rows Spi::execute_by_key(const std::string& sql, const Params& params, Access access) {
  const SPIPlanPtr plan = kept_plan(sql, params, true);
  const Running running;  // planning calls immutable functions
  if (!is_planned(plan)) plan_by_key(plan);
  return run(plan, params, access, 0);
}

Params Spi::ready(const Params& params) {
  Params made;
  made.reserve(params.size());
  for (const Param& param : params)
    made.push_back(Param::datum(param.type(), value_of(param), param.is_null()));
  return made;
}

Rows Spi::execute_once(const std::string& sql, const Params& params, Access access) {
  std::vector<Oid> types;
  for (const Param& param : params) types.push_back(param.type());
  const SPIPlanPtr plan = prepare(sql, types, false);
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

std::vector<Oid> Rows::oids() const {
  std::vector<Oid> found;
  for (std::size_t row = 0; row < size_; ++row)
    found.push_back(static_cast<Oid>(int8(row, 0).value_or(0)));
  return found;
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

std::string Rows::bytes(std::size_t row, int column) const {
  bool null = false;
  const Datum value = datum(row, column, &null);
  if (null) return {};
  const auto* bytes = pg_call([&] { return PG_DETOAST_DATUM_PACKED(value); });
  return std::string(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
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
