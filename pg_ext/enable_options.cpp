#include "pg_ext/enable_options.h"

#include <string_view>
#include <vector>

#include "pg_ext/catalog.h"
#include "pg_ext/pg.h"
#include "protocol/json.h"
#include "protocol/object_rules.h"

namespace objectos::server {

namespace {

constexpr std::string_view strategies =
    "lww, merge, server_wins, client_wins, manual, counter, set, text, function:schema.name";
constexpr std::string_view resolutions = "lww, server_wins, client_wins, manual";

[[noreturn]] void refuse_option(const std::string& message, const std::string& hint,
                                const std::string& detail = {}) {
  throw ProtocolError(ErrorCode::invalid_option, message, detail, hint);
}

struct Column {
  std::string name;
  Oid type = 0;
  std::string type_text;
  bool generated = false;
  bool in_key = false;
};

std::vector<Column> columns_of(Spi& spi, const TableFacts& table) {
  const Rows rows = spi.execute(
      "SELECT attname, atttypid, pg_catalog.format_type(atttypid, atttypmod),"
      " attgenerated OPERATOR(pg_catalog.<>) '' FROM pg_catalog.pg_attribute"
      " WHERE attrelid OPERATOR(pg_catalog.=) $1::pg_catalog.oid"
      " AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped ORDER BY attnum",
      {Param::int8(table.relid)});
  std::vector<Column> columns(rows.size());
  const Rows key = key_columns(spi, table.relid);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Column& column = columns[i];
    column.name = rows.text_or(i, 0, "");
    column.type = static_cast<Oid>(rows.int8(i, 1).value_or(0));
    column.type_text = rows.text_or(i, 2, "");
    column.generated = rows.boolean(i, 3);
    for (std::size_t k = 0; k < key.size(); ++k)
      column.in_key |= key.text_or(k, 0, "") == column.name;
  }
  return columns;
}

// As the calling role sees it: pushes call it as their own role, which needs the same right.
void check_function(Spi& spi, const FunctionName& function) {
  const std::string name =
      quote_identifier(function.schema) + "." + quote_identifier(function.name);
  const Rows found = spi.execute(
      "SELECT p.prokind OPERATOR(pg_catalog.=) 'f' AND NOT p.proretset"
      " AND p.prorettype OPERATOR(pg_catalog.=) 'pg_catalog.jsonb'::pg_catalog.regtype,"
      " pg_catalog.has_function_privilege(p.oid, 'EXECUTE')"
      " AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
      " FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n"
      " ON n.oid OPERATOR(pg_catalog.=) p.pronamespace"
      " WHERE n.nspname::text OPERATOR(pg_catalog.=) $1"
      " AND p.proname::text OPERATOR(pg_catalog.=) $2 AND p.proargtypes::text "
      "OPERATOR(pg_catalog.=)"
      " pg_catalog.concat_ws(' ', 'pg_catalog.jsonb'::pg_catalog.regtype::pg_catalog.oid,"
      " 'pg_catalog.jsonb'::pg_catalog.regtype::pg_catalog.oid,"
      " 'pg_catalog.jsonb'::pg_catalog.regtype::pg_catalog.oid,"
      " 'pg_catalog.jsonb'::pg_catalog.regtype::pg_catalog.oid)",
      {Param::text(function.schema), Param::text(function.name)});
  const std::string signature = name + "(jsonb, jsonb, jsonb, jsonb)";
  if (found.empty())
    refuse_option(
        "there is no function " + signature,
        "A merge function takes (base jsonb, client jsonb, server jsonb, context jsonb).");
  if (!found.boolean(0, 0))
    refuse_option("function " + signature + " does not return one jsonb",
                  "A merge function is a plain function that RETURNS jsonb.");
  if (!found.boolean(0, 1))
    throw SyncError("42501", "permission denied for function " + name, "",
                    "Pushes call it as the pushing role: GRANT EXECUTE on it to those who sync.");
}

StrategyText known_strategy(Spi& spi, std::string_view text, const std::string& of_what) {
  const auto strategy = parse_strategy_text(text);
  if (!strategy)
    refuse_option("unknown strategy " + json_string(text) + of_what,
                  "Known are " + std::string(strategies) + ".");
  if (strategy->function) check_function(spi, *strategy->function);
  return *strategy;
}

bool is_countable(Oid type) {
  const Oid base = pg_call([&] { return getBaseType(type); });
  return base == INT2OID || base == INT4OID || base == INT8OID || base == NUMERICOID;
}

bool is_text(Oid type) {
  const Oid base = pg_call([&] { return getBaseType(type); });
  return base == TEXTOID || base == VARCHAROID;
}

bool is_listable(Oid type) {
  const ValueKind kind = kind_of_type(type);
  return kind == ValueKind::array || kind == ValueKind::json;
}

void check_type(const Column& column, Strategy strategy, const std::string& hint) {
  const std::string what =
      "column " + quote_identifier(column.name) + " of type " + column.type_text;
  if (strategy == Strategy::counter && !is_countable(column.type))
    refuse_option(what + " cannot have strategy \"counter\"",
                  "Only int2, int4, int8 and numeric are counted exactly. " + hint);
  if (strategy == Strategy::set && !is_listable(column.type))
    refuse_option(what + " cannot have strategy \"set\"",
                  "Only arrays, json and jsonb have elements. " + hint);
  if (strategy != Strategy::text) return;
  if (!is_text(column.type))
    refuse_option(what + " cannot have strategy \"text\"",
                  "Only text and varchar are merged by characters. " + hint);
  if (GetDatabaseEncoding() != PG_UTF8)
    refuse_option(what + " cannot have strategy \"text\" in this database",
                  "Characters are counted in UTF8 alone: make a database of that encoding. " + hint,
                  std::string("Its encoding is ") + GetDatabaseEncodingName() + ".");
}

void check_field(Spi& spi, const TableFacts& table, const std::vector<Column>& columns,
                 const JsonMember& field) {
  const std::string quoted = quote_identifier(field.name);
  const Column* column = nullptr;
  for (const Column& one : columns)
    if (one.name == field.name) column = &one;
  if (column == nullptr)
    refuse_option("there is no column " + quoted + " in " + table.qualified,
                  "The option fields takes column names: {\"column\": \"strategy\"}.");
  if (column->in_key)
    refuse_option("column " + quoted + " belongs to the primary key, which cannot be merged",
                  "Leave it out of the option fields.");
  if (column->generated)
    refuse_option("column " + quoted + " is generated, so it cannot be merged",
                  "Leave it out of the option fields.");
  if (!field.value.is_string())
    refuse_option("unknown strategy " + write_json(field.value) + " for column " + quoted,
                  "Known are " + std::string(strategies) + ".");
  const StrategyText strategy = known_strategy(spi, field.value.text(), " for column " + quoted);
  check_type(*column, strategy.strategy, "Choose another strategy for it.");
}

}  // namespace

void check_options(Spi& spi, const TableFacts& table, const EnableOptions& options) {
  const StrategyText strategy = known_strategy(spi, options.strategy, "");
  const auto on_conflict = parse_strategy(options.on_conflict);
  if (!on_conflict || *on_conflict == Strategy::merge || *on_conflict == Strategy::counter ||
      *on_conflict == Strategy::set || *on_conflict == Strategy::text)
    refuse_option("unknown on_conflict \"" + options.on_conflict + "\"",
                  "Known are " + std::string(resolutions) + ".");
  if (!parse_delete_rule(options.deletes))
    refuse_option("unknown rule for deletes \"" + options.deletes + "\"",
                  "Known are deletion_wins, update_wins.");
  const Json fields = parse_json(options.fields);
  if (!fields.is_object())
    refuse_option("the option fields is no JSON object",
                  "Give it as {\"column\": \"strategy\", …}.");
  const std::vector<Column> columns = columns_of(spi, table);
  for (const JsonMember& field : fields.members()) check_field(spi, table, columns, field);
  for (const Column& column : columns)
    if (!column.in_key && !column.generated && fields.find(column.name) == nullptr)
      check_type(column, strategy.strategy, "Name a strategy of its own in the option fields.");
}

}  // namespace objectos::server
