// The queries that are watched, and their last results.
//
// Threads: add() and empty() from any thread; run() from one thread at a time, with a connection of
// its own. No lock is held while a query runs.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/change_feed.h"
#include "engine/dispatcher.h"
#include "engine/listeners.h"
#include "store/local_database.h"

namespace objectos {

class LiveQueries {
 public:
  LiveQueries(Dispatcher& dispatcher, ErrorReport report)
      : dispatcher_(dispatcher), report_(std::move(report)) {}

  Subscription add(const std::string& sql, const std::vector<Value>& parameters,
                   std::function<void(const QueryChange&)> callback);
  bool empty() const;
  bool some_never_ran() const;
  // Runs those that read what changed, and new ones; posts what differs.
  void run(const LocalDatabase& database, const TablesChanged& changed);

 private:
  struct Query {
    std::string sql;
    std::vector<Value> parameters;
    Listeners<QueryChange> listener;  // one
    bool ran = false;                 // under the set's mutex; the rest is run()'s alone
    QueryResult last;
    std::string error;
  };
  struct Set {
    std::mutex mutex;
    std::int64_t next_id = 1;
    std::map<std::int64_t, std::shared_ptr<Query>> queries;
  };
  bool concerns(const Query& query, const LocalDatabase& database,
                const TablesChanged& changed) const;
  void run(Query& query, const LocalDatabase& database);
  void post(const Query& query, QueryChange change);

  Dispatcher& dispatcher_;
  const ErrorReport report_;
  std::shared_ptr<Set> set_ = std::make_shared<Set>();
};

}  // namespace objectos
