// One of several sessions that call at random, each in its own thread and from its own seed.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "calls.h"

namespace faults {

// What all workers and the bystander share.
struct Run {
  std::vector<Function> functions;
  Pool pool;
  std::atomic<long> calls_left{0};
  std::atomic<bool> stop{false};

  std::mutex mutex;                      // of what follows
  std::set<int> pids;                    // of the workers' sessions
  std::set<int> terminated;              // by the bystander
  std::map<std::string, long> calls;     // by function
  std::map<std::string, long> outcomes;  // by SQLSTATE
  std::vector<std::string> failures;
  long terminations_seen = 0;

  void fail(const std::string& what);
};

class Worker {
 public:
  Worker(Run& run, int number, std::uint64_t seed);
  void work();

 private:
  void prepare_session();
  void unit();
  void plain_call();
  void calls_in_transaction(const std::string& begin);
  void calls_within_a_block();
  void cursor();
  void prepared_transaction();
  void misplaced();
  const Function& some_function();
  std::string select_of(const Function& function);
  // Runs it and judges how it ended. False when the session was ended.
  bool run(const std::string& sql);
  bool call(const Function& function, const std::string& sql);
  void learn(const Function& function, const Answer& answer);

  Run& run_;
  int number_;
  Dice dice_;
  Messages messages_;
  Calls calls_;
  Session session_;
  std::vector<std::string> transcript_;  // of the unit
  Answer answer_;                        // of the statement run last
};

}  // namespace faults
