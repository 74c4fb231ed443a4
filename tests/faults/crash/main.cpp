// check-crash: calls every function of the extension at random, from several sessions and roles,
// with messages that are right or wrong somewhere, inside subtransactions, read-only and
// serializable transactions, with timeouts, cancels and terminations. A bystander's session must
// live through it all: the end of any backend by a signal would end it, too. No error may be an
// internal one; and at the end the database is sound.
//
//   COUNT=100000  calls    SEED=…  repeats the choices of a run    WORKERS=4
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>
#include <thread>

#include "soundness.h"
#include "worker.h"

namespace faults {

namespace {

// Cancels and terminates the workers' backends, and is itself the proof that none died.
class Bystander {
 public:
  Bystander(Run& run, std::uint64_t seed) : run_(run), dice_(seed), session_("postgres") {
    pid_ = session_.pid();
    started_ = session_.must("SELECT pg_postmaster_start_time()");
  }

  void watch() {
    while (!run_.stop && run_.calls_left > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (session_.run("SELECT 1").ended) {
        run_.fail("the bystander's session ended: a backend died");
        run_.stop = true;
        return;
      }
      if (dice_.percent(30)) disturb();
    }
  }
  // "" when it is the same session of the same server.
  std::string verdict() {
    const Answer now = session_.run("SELECT pg_postmaster_start_time()");
    const Answer pid = session_.run("SELECT pg_backend_pid()");
    if (!now.ok() || now.value() != started_ || pid.value() != std::to_string(pid_))
      return "the bystander's session did not live";
    return "";
  }
  std::string told() const {
    return std::to_string(cancels_) + " cancels, " + std::to_string(terminations_) +
           " terminations";
  }

 private:
  void disturb() {
    std::vector<int> pids;
    {
      const std::scoped_lock lock(run_.mutex);
      pids.assign(run_.pids.begin(), run_.pids.end());
    }
    if (pids.empty()) return;
    const int pid = dice_.of(pids);
    const bool terminate = dice_.percent(10);
    if (terminate) {
      const std::scoped_lock lock(run_.mutex);
      run_.terminated.insert(pid);
    }
    ++(terminate ? terminations_ : cancels_);
    session_.run("SELECT pg_" + std::string(terminate ? "terminate" : "cancel") + "_backend(" +
                 std::to_string(pid) + ")");
  }

  Run& run_;
  Dice dice_;
  Session session_;
  int pid_ = 0;
  std::string started_;
  long cancels_ = 0, terminations_ = 0;
};

// Lines of the server's log that tell of a crash or an internal error. Its prefix ends in the
// SQLSTATE (check-crash.sh).
std::vector<std::string> bad_lines_of_log() {
  const char* path = std::getenv("OBJECTOS_SERVER_LOG");
  std::ifstream log(path != nullptr ? path : "");
  if (!log) return {"the server's log cannot be read"};
  std::vector<std::string> bad;
  long lines = 0;
  for (std::string line; std::getline(log, line); ++lines) {
    const bool internal =
        (line.find("> OS000 ") != std::string::npos || line.find("> XX") != std::string::npos) &&
        line.find("tuple concurrently ") == std::string::npos &&
        line.find(" ERROR: ") != std::string::npos;
    if (internal || line.find("terminated by signal") != std::string::npos ||
        line.find("PANIC: ") != std::string::npos || line.find("TRAP: ") != std::string::npos)
      bad.push_back(line.substr(0, 400));
  }
  if (lines < 10) bad.push_back("the server's log is empty");
  return bad;
}

int run() {
  Run run;
  const long count = setting("COUNT", 100'000);
  const auto seed = static_cast<std::uint64_t>(
      setting("SEED", std::chrono::system_clock::now().time_since_epoch().count() % 1'000'000));
  const int workers = static_cast<int>(setting("WORKERS", 4));
  std::printf("check-crash: SEED=%llu COUNT=%ld WORKERS=%d\n",
              static_cast<unsigned long long>(seed), count, workers);
  std::fflush(stdout);
  Session("postgres").must("CREATE DATABASE crash");
  Session owner("crash");
  make_world(owner);
  begin_witness(owner);
  run.functions = functions_of_extension(owner);
  run.calls_left = count;

  Bystander bystander(run, seed);
  std::vector<std::thread> threads;
  for (int i = 0; i < workers; ++i) {
    threads.emplace_back([&run, i, seed] {
      try {
        Worker(run, i, seed * 1'000 + static_cast<std::uint64_t>(i)).work();
      } catch (const std::exception& error) {
        run.fail(error.what());
        run.stop = true;
      }
    });
  }
  bystander.watch();
  for (std::thread& thread : threads) thread.join();

  int passed = 0, failed = 0;
  const auto check = [&](const std::string& what, const std::vector<std::string>& wrong) {
    wrong.empty() ? ++passed : ++failed;
    if (!wrong.empty()) std::printf("FAILED: %s\n", what.c_str());
    for (const std::string& one : wrong) std::printf("  %s\n", one.c_str());
  };
  std::printf("outcomes:");
  for (const auto& [state, times] : run.outcomes) std::printf(" %s %ld,", state.c_str(), times);
  std::printf(" %s (%ld met)\n", bystander.told().c_str(), run.terminations_seen);
  long fewest = count, all = 0;
  std::vector<std::string> uncalled;
  for (const Function& function : run.functions) {
    const long times = run.calls[function.signature];
    all += times;
    fewest = std::min(fewest, times);
    if (times == 0) uncalled.push_back(function.signature);
  }
  std::printf("%ld calls of %zu functions, at least %ld of each\n", all, run.functions.size(),
              fewest);
  check("every call succeeds or fails with a SQLSTATE that is not an internal one", run.failures);
  check("every function was called", uncalled);
  const std::string verdict = bystander.verdict();
  check("a bystander's session lives throughout",
        verdict.empty() ? std::vector<std::string>() : std::vector<std::string>{verdict});
  check("the server's log tells of no crash and no internal error", bad_lines_of_log());
  check("sync_status() has no problem to tell", problems_of_status(owner));
  check("a device that pulled along has what the tables hold", differences_of_witness(owner));
  check("a new device clones what the tables hold", differences_of_clone(owner));
  std::printf("check-crash: %d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace

}  // namespace faults

int main() {
  try {
    return faults::run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "check-crash: %s\n", error.what());
    return 1;
  }
}
