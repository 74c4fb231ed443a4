// The app's resolvers, the questions they were asked and the decisions that wait to be sent.
//
// A question is asked once for each state of conflict and row: `asked_` holds the last one of each
// conflict as text. A decision counts only while that is still the state of the file, which
// decisions_that_hold() compares right before it is sent. Nothing of this is stored: the open
// conflicts are, so a new engine asks again.
// Threads: any; ask() and decisions_that_hold() with a connection of the calling thread.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/dispatcher.h"
#include "engine/listeners.h"
#include "objectos/resolver.h"
#include "store/local_database.h"

namespace objectos {

class ConflictResolvers {
 public:
  // `decided`: a decision waits to be sent; called where callbacks run.
  ConflictResolvers(Dispatcher& dispatcher, ErrorReport report, std::function<void()> decided)
      : dispatcher_(dispatcher), report_(std::move(report)), decided_(std::move(decided)) {}

  Subscription set(const std::string& object, Resolver resolver);
  bool empty() const { return resolvers_.empty(); }
  // True once after each set().
  bool take_newly_set();
  // Posts the questions that were not asked yet about the open conflicts.
  void ask(const LocalDatabase& database);

  struct Decided {
    std::string conflict_id;
    Decision decision;
  };
  bool some_decided() const;
  // Those whose question is still the state of the file; the others are forgotten and asked again.
  std::vector<Decided> decisions_that_hold(const LocalDatabase& database);
  // It was sent, or cannot be.
  void forget_decision(const std::string& conflict_id);

 private:
  struct Ask {
    const ConflictQuestion& question;
    Decision& decision;
  };
  struct Asked {
    std::int64_t resolver = 0;
    std::string state;  // of conflict and row
  };
  struct Waiting {
    Decision decision;
    std::string state;
  };
  // What the dispatcher's tasks need; they may outlive this.
  struct Shared {
    std::mutex mutex;
    std::map<std::string, Asked> asked;
    std::map<std::string, Waiting> decisions;
    bool newly_set = false;
  };
  void post(std::int64_t id, std::shared_ptr<Listener<Ask>> resolver, ConflictQuestion question,
            std::string state);

  Dispatcher& dispatcher_;
  const ErrorReport report_;
  const std::function<void()> decided_;
  Listeners<Ask> resolvers_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace objectos
