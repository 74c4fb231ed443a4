#include "pg_ext/rejection.h"

#include "pg_ext/hidden_rows.h"

namespace objectos::server {

namespace {

void add(Json& detail, const char* name, const std::string& value) {
  if (!value.empty()) detail.set(name, Json::string(value));
}

const char* reason_of(const std::string& sqlstate) {
  if (sqlstate == "42501") return "not_authorized";
  if (sqlstate == "P0001") return "user_error";
  if (const ErrorInfo* info = find_error(sqlstate)) return info->name;
  const std::string state_class = sqlstate.substr(0, 2);
  if (state_class == "22") return "invalid_mutation";
  return "constraint_violation";
}

}  // namespace

bool rejects_its_group(const std::string& sqlstate) noexcept {
  if (sqlstate == "42501" || sqlstate == "44000" || sqlstate == "P0001") return true;
  return sqlstate.compare(0, 2, "22") == 0 || sqlstate.compare(0, 2, "23") == 0;
}

bool ends_the_push(const std::string& sqlstate) noexcept {
  for (const char* state_class : {"08", "40", "53", "57", "58", "F0", "XX"}) {
    if (sqlstate.compare(0, 2, state_class) == 0) return true;
  }
  return sqlstate == "OS000" || sqlstate == "55P03";  // lock_timeout
}

Verdict rejected(const std::string& mutation_id, const std::string& reason,
                 const std::string& sqlstate, const std::string& message, const std::string& hint,
                 const std::string& field) {
  Verdict verdict;
  verdict.mutation_id = mutation_id;
  verdict.status = "rejected";
  verdict.reason = reason;
  verdict.detail = Json::object();
  add(verdict.detail, "sqlstate", sqlstate);
  add(verdict.detail, "message", message);
  add(verdict.detail, "hint", hint);
  add(verdict.detail, "field", field);
  return verdict;
}

Verdict rejected(const std::string& mutation_id, const PgError& error) {
  const std::string state = error.sqlstate();
  Verdict verdict =
      rejected(mutation_id, reason_of(state), state, error.message(), error.hint(), error.column());
  add(verdict.detail, "detail", error.detail());
  add(verdict.detail, "constraint", error.constraint());
  add(verdict.detail, "table", error.table());
  add(verdict.detail, "schema", error.schema());
  return verdict;
}

Verdict rejected_writing(const std::string& mutation_id, const PgError& error, bool only_inserts) {
  const std::string state = error.sqlstate();
  const bool among_rows =
      state == "23505" || state == "23P01" || (state == "23503" && !only_inserts);
  if (!among_rows || !hides_rows(error.schema(), error.table(), error.constraint()))
    return rejected(mutation_id, error);
  return rejected(mutation_id, "constraint_violation", "23000",
                  "a constraint between records refuses it",
                  "A record that you do not see may stand in its way: try another key or value.");
}

Verdict rejected(const std::string& mutation_id, const SyncError& error, const std::string& field) {
  Verdict verdict = rejected(mutation_id, reason_of(error.sqlstate()), error.sqlstate(),
                             error.message(), error.hint(), field);
  add(verdict.detail, "detail", error.detail());
  return verdict;
}

Verdict rejected(const std::string& mutation_id, const ProtocolError& error) {
  Verdict verdict = rejected(mutation_id, reason_of(error.sqlstate()), error.sqlstate(),
                             error.message(), error.hint(), error.field());
  add(verdict.detail, "detail", error.detail());
  return verdict;
}

Verdict pull_first(const std::string& mutation_id) {
  Verdict verdict;
  verdict.mutation_id = mutation_id;
  verdict.status = "pull_first";
  return verdict;
}

bool is_pull_first(const Verdict& verdict) noexcept {
  return verdict.status == "pull_first";
}

}  // namespace objectos::server
