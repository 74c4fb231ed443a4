// What the app writes through the engine: its statements, and transactions that form one group.
#include "store.h"

namespace objectos {
namespace {

void bind_parameter(Statement& statement, int at, const Value& value) {
  switch (value.kind()) {
    case Value::Kind::null:
      statement.bind_null(at);
      return;
    case Value::Kind::integer:
      statement.bind(at, value.integer());
      return;
    case Value::Kind::real:
      sqlite3_bind_double(statement.handle(), at, value.real());
      return;
    case Value::Kind::text:
      statement.bind_view(at, value.text());
      return;
    case Value::Kind::blob:
      sqlite3_bind_blob64(statement.handle(), at, value.blob().data(), value.blob().size(),
                          SQLITE_STATIC);
      return;
  }
}

Value value_at(const Statement& statement, int column) {
  sqlite3_stmt* const row = statement.handle();
  switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
      return sqlite3_column_int64(row, column);
    case SQLITE_FLOAT:
      return sqlite3_column_double(row, column);
    case SQLITE_TEXT:
      return statement.text(column);
    case SQLITE_BLOB: {
      const char* const bytes = static_cast<const char*>(sqlite3_column_blob(row, column));
      const auto size = static_cast<size_t>(sqlite3_column_bytes(row, column));
      return Blob{bytes == nullptr ? std::string() : std::string(bytes, size)};
    }
    default:
      return nullptr;
  }
}

std::vector<Row> rows_of(Statement& statement) {
  std::vector<Row> rows;
  while (statement.step()) {
    Row row;
    const int columns = sqlite3_column_count(statement.handle());
    for (int i = 0; i < columns; i++) row.push_back(value_at(statement, i));
    rows.push_back(std::move(row));
  }
  return rows;
}

[[noreturn]] void refuse(const std::string& what, const std::string& sql) {
  throw StoreError(StoreErrorKind::statement, what, sql.substr(0, 200));
}

// The first statement of `rest`, which moves on to what follows it.
std::vector<Row> run_first(sqlite3* database, std::string_view& rest,
                           const std::vector<Value>& parameters) {
  Statement statement(database, rest, rest);
  if (statement.handle() == nullptr) return {};  // white space, a comment
  const int wanted = sqlite3_bind_parameter_count(statement.handle());
  if (wanted != static_cast<int>(parameters.size()))
    refuse("the statement has " + std::to_string(wanted) + " parameters, and " +
               std::to_string(parameters.size()) + " values were given",
           sqlite3_sql(statement.handle()));
  for (int i = 0; i < wanted; i++)
    bind_parameter(statement, i + 1, parameters[static_cast<size_t>(i)]);
  return rows_of(statement);
}

// BEGIN, COMMIT and ROLLBACK are the engine's: they would end the group in its middle.
int refuse_transactions(void*, int action, const char*, const char*, const char*, const char*) {
  return action == SQLITE_TRANSACTION ? SQLITE_DENY : SQLITE_OK;
}

// While the app's statements are prepared.
struct AppStatements {
  sqlite3* database;
  explicit AppStatements(sqlite3* of) : database(of) {
    sqlite3_set_authorizer(database, refuse_transactions, nullptr);
  }
  ~AppStatements() { sqlite3_set_authorizer(database, nullptr, nullptr); }
  AppStatements(const AppStatements&) = delete;
};

}  // namespace

std::vector<Row> Store::run_statement(const std::string& sql,
                                      const std::vector<Value>& parameters) {
  // SQLite itself rolls back on some errors; what came after would be outside the group.
  if (sqlite3_get_autocommit(database_) != 0)
    refuse("an error before this statement has rolled the transaction back", sql);
  std::vector<Row> rows;
  try {
    for (std::string_view rest = sql; !rest.empty();) rows = run_first(database_, rest, parameters);
  } catch (const StoreError& error) {
    if (error.kind != StoreErrorKind::internal) throw;
    refuse(std::string(error.what()) + ": " + error.detail, sql);
  }
  return rows;
}

int64_t Store::last_number() const {
  Statement row(database_,
                "SELECT coalesce(max(seq),0) FROM sqlite_sequence WHERE name='_mutations'");
  row.step();
  return row.integer(0);
}

TransactionResult Store::write_group(const std::function<void()>& write) {
  WriteTransaction transaction(database_);
  follow_indexes();
  const int64_t before = last_number();
  Statement begin(database_, "INSERT INTO _group DEFAULT VALUES RETURNING CAST(id AS TEXT)");
  begin.step();
  TransactionResult result{begin.text(0), 0};
  begin.reset();
  {
    AppStatements guarded(database_);
    write();
  }
  Statement count(database_,
                  "SELECT count(*) FROM _mutations WHERE client_sequence>?1 AND \"group\"=?2");
  count.bind(1, before).bind(2, std::string_view(result.group));
  count.step();
  result.mutations = count.integer(0);
  count.reset();
  run_sql(database_, "DELETE FROM _group");
  transaction.commit();
  return result;
}

}  // namespace objectos
