#include "engine/live_queries.h"

#include "engine/row_difference.h"

namespace objectos {

Subscription LiveQueries::add(const std::string& sql, const std::vector<Value>& parameters,
                              std::function<void(const QueryChange&)> callback) {
  auto query = std::make_shared<Query>();
  query->sql = sql, query->parameters = parameters;
  auto token = std::make_shared<Subscription>(query->listener.add(std::move(callback)));
  std::lock_guard lock(set_->mutex);
  const std::int64_t id = set_->next_id++;
  set_->queries[id] = query;
  std::weak_ptr<Set> weak = set_;
  return Subscription([weak, id, token] {
    if (auto set = weak.lock()) {
      std::lock_guard inner(set->mutex);
      set->queries.erase(id);
    }
    token->cancel();
  });
}

bool LiveQueries::empty() const {
  std::lock_guard lock(set_->mutex);
  return set_->queries.empty();
}

bool LiveQueries::some_never_ran() const {
  std::lock_guard lock(set_->mutex);
  for (const auto& [id, query] : set_->queries) {
    if (!query->ran) return true;
  }
  return false;
}

void LiveQueries::run(const LocalDatabase& database, const TablesChanged& changed) {
  std::map<std::int64_t, std::shared_ptr<Query>> queries;
  {
    std::lock_guard lock(set_->mutex);
    queries = set_->queries;
  }
  for (auto& [id, query] : queries) {
    if (concerns(*query, database, changed)) run(*query, database);
  }
}

// Who writes an object's table is known; any other table may have been written by any commit.
bool LiveQueries::concerns(const Query& query, const LocalDatabase& database,
                           const TablesChanged& changed) const {
  if (!query.ran || changed.all || !query.error.empty()) return true;
  for (const std::string& table : query.last.tables) {
    bool is_object = false;
    for (const LocalObject& object : database.objects()) is_object |= object.name == table;
    if (!is_object || changed.objects.count(table) > 0) return true;
  }
  return false;
}

void LiveQueries::run(Query& query, const LocalDatabase& database) {
  QueryChange change;
  change.first = !query.ran;
  QueryResult result;
  try {
    result = database.run_query(query.sql, query.parameters);
  } catch (const StoreError& error) {
    if (error.kind != StoreErrorKind::query) throw;
    if (query.error == error.detail) return;
    query.error = error.detail;
    change.columns = query.last.columns, change.rows = query.last.rows, change.error = query.error;
    post(query, std::move(change));
    return;
  }
  const bool recovered = !query.error.empty();
  query.error.clear();
  if (!change.first && !recovered && result.rows == query.last.rows &&
      result.columns == query.last.columns) {
    query.last.tables = std::move(result.tables);
    return;
  }
  // A table that was made anew may have other columns: then nothing is compared.
  const bool same_shape = result.columns == query.last.columns;
  RowDifference difference =
      row_difference(same_shape ? query.last.rows : std::vector<Row>(), result.rows, result.key);
  change.columns = result.columns, change.rows = result.rows;
  change.added = std::move(difference.added), change.removed = std::move(difference.removed);
  change.changed = std::move(difference.changed);
  query.last = std::move(result);
  post(query, std::move(change));
  std::lock_guard lock(set_->mutex);
  query.ran = true;
}

void LiveQueries::post(const Query& query, QueryChange change) {
  dispatcher_.post([listener = query.listener, change = std::move(change), report = report_] {
    return listener.call(change, report);
  });
}

}  // namespace objectos
