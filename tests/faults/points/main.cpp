// check-faults: every guarded call of the backend and every C++ allocation of each operation fails
// once, in a session that knows the tables and in a new one; every seventh also with all that
// follow it. Each time: an ERROR of class 53, never a crash; what was
// there is there, to the byte; identity and settings are as before; and the same call succeeds.
// Runs in the module of tests/faults/build-module.sh.
//
//   STRIDE=7       every seventh failure only; all of them where a new session has at most 60
//   COLD=0         not once more in new sessions, whose caches are empty
//   JOBS=2         so many at a time; as many as there are processors
//   ONLY=push      the operations with this in their name
//   ERRORS=10000   errors in one session, after which its memory is as it was after 1,000
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>

#include "memory.h"
#include "operations.h"

namespace faults {

namespace {

struct Way {
  const char* setting;
  const char* what;  // in the plural
  int sign;          // -1: all that follow fail, too
  bool cold;         // each in a new session
  long stride = 1;   // which of them
};

struct Findings {
  long failures = 0;  // injected
  long absorbed = 0;  // the call succeeded all the same, and rightly
  std::string wrong;  // the first thing that is
};

class Trial {
 public:
  Trial(Session& session, const Operation& operation, const Way& way)
      : session_(session), operation_(operation), way_(way) {}

  Findings run(long stride) {
    if (!expect()) return findings_;
    there_are_ = count();
    const long cap = 3 * there_are_ + 100;
    // A new session costs many times the call: of many, one in four.
    if (way_.cold && there_are_ > 400) stride *= 4;
    // Where a new session fills its caches, each tells something else.
    if (way_.cold && there_are_ <= 60) stride = 1;
    for (long n = 1; findings_.wrong.empty(); n += stride) {
      if (n > cap + stride) return fail("there is no end of them"), findings_;
      if (!fail_at(n)) break;
    }
    return findings_;
  }

 private:
  void fail(const std::string& what) {
    if (findings_.wrong.empty()) findings_.wrong = what;
    session_.run("ROLLBACK");
  }
  void begin() {
    session_.must(operation_.begin);
    session_.must("SET ROLE " + operation_.role + "; SAVEPOINT before");
  }
  void arm(long n) {
    session_.must(std::string("SET ") + way_.setting + " = " + std::to_string(way_.sign * n));
  }
  // As a statement that the session keeps: its plan is the dear part.
  std::string digest(bool exact) {
    std::string& prepared = prepared_[exact ? 1 : 0];
    const std::string name = exact ? "exact_digest" : "digest";
    // Whoever runs the operation may not read it all.
    session_.must("RESET ROLE");
    if (exact ? prepared.empty() : !same_tables_ || prepared.empty()) {
      const std::string query =
          session_.must("SELECT digest_query(" + std::string(exact ? "true" : "false") + ")");
      if (query != prepared) {
        if (!prepared.empty()) session_.must("DEALLOCATE " + name);
        session_.must("PREPARE " + name + " AS " + query);
        prepared = query;
      }
    }
    std::vector<std::vector<std::string>> parts = session_.run("EXECUTE " + name).rows;
    std::sort(parts.begin(), parts.end());
    std::string text;
    for (const auto& part : parts) text += part[0];
    session_.must("SET ROLE " + operation_.role);
    if (text.empty()) throw std::runtime_error("no digest");
    return text;
  }
  // The log alone, which a new session reads at once.
  std::string logged() {
    return session_.must(
        "RESET ROLE; SELECT string_agg(concat_ws(' ', object, record_id, operation, client_id,"
        " client_sequence, (data - 'conflict_id')::text, original::text), ',' ORDER BY sequence)"
        " FROM objectos_sync.mutations");
  }
  void connect() {
    session_.connect();
    for (std::string& one : prepared_) one.clear();
  }

  // What is so before the call, and after it.
  bool expect() {
    begin();
    before_ = digest(true);
    bearings_ = session_.must("SELECT bearings()");
    const Answer answer = session_.run(operation_.sql);
    if (!answer.ok())
      return fail("fails by itself: " + answer.sqlstate + " " + answer.message), false;
    rows_ = answer.rows;
    after_ = digest(false);
    logged_ = logged();
    const std::string tables = prepared_[0];
    session_.must("ROLLBACK");
    same_tables_ = tables == session_.must("SELECT digest_query(false)");
    return true;
  }

  // How many there are to fail.
  long count() {
    constexpr long many = 1'000'000'000;
    if (way_.cold) connect();
    begin();
    session_.must(std::string("SET ") + way_.setting + " = " + std::to_string(many));
    session_.must(operation_.sql);
    const long left = std::stol(session_.must(std::string("SHOW ") + way_.setting));
    session_.must("ROLLBACK");
    return many - left;
  }

  // Whether there was an nth.
  bool fail_at(long n) {
    if (way_.cold) connect();
    begin();
    arm(n);
    const Answer answer = session_.run(operation_.sql);
    if (answer.ended) return fail(at(n) + "the session is gone: " + answer.message), false;
    if (answer.ok()) return succeeded(n, answer);
    ++findings_.failures;
    if (answer.sqlstate != "53200") {
      return fail(at(n) + "ends as " + answer.sqlstate + " " + answer.message), false;
    }
    session_.must("ROLLBACK TO before");
    check_as_before(n);
    if (findings_.wrong.empty()) check_again(n);
    // Alone the number may differ by a few, and what succeeds is committed: not near the end.
    const bool ends = n + 10 > there_are_;
    if (findings_.wrong.empty() && operation_.begin == "BEGIN" && !way_.cold && !ends)
      fail_alone(n);
    const std::vector<std::string> warnings = session_.warnings();
    if (!warnings.empty()) fail(at(n) + warnings.front());
    return true;
  }

  bool succeeded(long n, const Answer& answer) {
    const bool reached = session_.must(std::string("SHOW ") + way_.setting) == "0";
    session_.must(std::string("SET ") + way_.setting + " = 0");
    if (reached) ++findings_.failures, ++findings_.absorbed;
    if (answer.rows != rows_) return fail(at(n) + "succeeds with another answer"), false;
    if (digest(false) != after_) return fail(at(n) + "succeeds with another effect"), false;
    session_.must("ROLLBACK");
    return reached;
  }

  // The first line that is not as expected.
  static std::string difference(const std::string& expected, const std::string& found) {
    std::size_t at = 0;
    while (at < std::min(expected.size(), found.size()) && expected[at] == found[at]) ++at;
    const auto line = [&](const std::string& text) {
      const std::size_t begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
      return text.substr(begin, std::min<std::size_t>(text.find('\n', begin) - begin, 300));
    };
    return ": expected " + line(expected) + ", found " + line(found);
  }
  void check_as_before(long n) {
    if (session_.must("SELECT bearings()") != bearings_) fail(at(n) + "leaves role or settings");
    if (way_.cold && n % 20 != 1) return;
    const std::string found = digest(true);
    if (found != before_) fail(at(n) + "leaves something behind" + difference(before_, found));
  }

  // In the same transaction, after the savepoint.
  void check_again(long n) {
    const Answer again = session_.run(operation_.sql);
    if (!again.ok()) return fail(at(n) + "then fails: " + again.sqlstate + " " + again.message);
    if (again.rows != rows_) return fail(at(n) + "then has another answer");
    if (way_.cold && n % 20 != 1) {
      if (logged() != logged_) fail(at(n) + "then logs something else");
      session_.must("ROLLBACK");
      return;
    }
    const std::string effect = digest(false);
    if (effect != after_) {
      return fail(at(n) + "then has another effect" + difference(after_, effect));
    }
    session_.must("ROLLBACK");
  }

  // As a statement of its own, without a transaction around it.
  void fail_alone(long n) {
    session_.must("SET ROLE " + operation_.role);
    arm(n);
    const Answer answer = session_.run(operation_.sql);
    if (answer.ended) return fail(at(n) + "alone, the session is gone: " + answer.message);
    session_.must(std::string("SET ") + way_.setting + " = 0");
    if (answer.ok()) return fail(at(n) + "alone succeeds");
    if (digest(true) != before_) fail(at(n) + "alone leaves something behind");
    session_.must("RESET ROLE");
  }

  std::string at(long n) const {
    return std::string(way_.setting) + " = " + std::to_string(way_.sign * n) + ": ";
  }

  Session& session_;
  const Operation& operation_;
  const Way& way_;
  Findings findings_;
  long there_are_ = 0;
  std::string before_, after_, logged_, bearings_;
  std::string prepared_[2];   // queries of the session's prepared statements
  bool same_tables_ = false;  // after the operation as before it
  std::vector<std::vector<std::string>> rows_;
};

constexpr const char* guarded_call = "objectos_sync.fail_guarded_call";
constexpr const char* allocation = "objectos_sync.fail_allocation";

constexpr Way ways[] = {
    {guarded_call, "guarded calls", 1, false},
    {guarded_call, "guarded calls and all after", -1, false, 7},
    {guarded_call, "guarded calls, cold", 1, true},
    {allocation, "allocations", 1, false},
    {allocation, "allocations and all after", -1, false, 7},
    {allocation, "allocations, cold", 1, true},
};

struct Task {
  const Operation* operation;
  const Way* way;
};

// Several at a time, each in a copy of the database.
class Runner {
 public:
  explicit Runner(std::vector<Task> tasks) : tasks_(std::move(tasks)) {}

  void run(long jobs, long stride) {
    std::vector<std::thread> threads;
    for (long i = 0; i < jobs; ++i) {
      const std::string database = "faults_" + std::to_string(i);
      Session("postgres").must("CREATE DATABASE " + database + " TEMPLATE faults");
      threads.emplace_back([this, database, stride] { work(database, stride); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  void tell(const std::string& what, const std::string& wrong) {
    const std::scoped_lock lock(mutex_);
    ++(wrong.empty() ? passed : failed);
    std::printf("%s%s%s\n", what.c_str(), wrong.empty() ? "" : "  FAILED: ", wrong.c_str());
    std::fflush(stdout);
  }

  int passed = 0, failed = 0;

 private:
  void work(const std::string& database, long stride) {
    for (std::size_t i = next_++; i < tasks_.size(); i = next_++) {
      const auto& [operation, way] = tasks_[i];
      Findings found;
      try {
        Session session(database);
        found = Trial(session, *operation, *way).run(stride * way->stride);
      } catch (const std::exception& error) {
        found.wrong = error.what();
      }
      char line[200];
      std::snprintf(line, sizeof line, "%-28s %6ld %s, %ld absorbed", operation->name.c_str(),
                    found.failures, way->what, found.absorbed);
      if (found.wrong.empty() && found.failures == 0) found.wrong = "nothing was injected";
      tell(line, found.wrong);
    }
  }

  const std::vector<Task> tasks_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
};

int run() {
  Session("postgres").must("CREATE DATABASE faults");
  std::vector<Operation> all;
  {
    Session maker("faults");
    make_world(maker);
    all = operations(maker);
  }
  const char* only = std::getenv("ONLY");
  const auto wanted = [&](const std::string& name) {
    return only == nullptr || name.find(only) != std::string::npos;
  };
  std::vector<Task> tasks;
  for (const Operation& operation : all) {
    for (const Way& way : ways) {
      const bool left_out = way.cold && setting("COLD", 1) == 0;
      if (wanted(operation.name) && !left_out) tasks.push_back({&operation, &way});
    }
  }
  Runner runner(std::move(tasks));
  runner.run(setting("JOBS", std::max(1U, std::thread::hardware_concurrency())),
             setting("STRIDE", 1));
  if (wanted("memory")) {
    const MemoryFindings memory = errors_in_one_session(all, setting("ERRORS", 10'000));
    runner.tell(memory.told, memory.wrong);
  }
  std::printf("check-faults: %d passed, %d failed\n", runner.passed, runner.failed);
  return runner.failed == 0 && runner.passed > 0 ? 0 : 1;
}

}  // namespace

}  // namespace faults

int main() {
  try {
    return faults::run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "check-faults: %s\n", error.what());
    return 1;
  }
}
