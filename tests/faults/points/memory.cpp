#include "memory.h"

#include <fstream>

namespace faults {

namespace {

// What PostgreSQL's own caches may grow by, between the first thousand errors and all of them; one
// that leaked 100 bytes an error would grow by 900,000.
constexpr long contexts_bound = 64 * 1024;
constexpr long process_bound = 512 * 1024;

// By then every operation has failed in many places, and the session's caches are full.
constexpr long warm_after = 1'000;

struct Memory {
  long contexts;  // bytes of all memory contexts
  long process;   // bytes of the process that are its own
};

Memory measure(Session& session) {
  Memory memory{};
  memory.contexts =
      std::stol(session.must("SELECT sum(total_bytes) FROM pg_backend_memory_contexts"));
  std::ifstream status("/proc/" + std::to_string(session.pid()) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) memory.process = std::stol(line.substr(8)) * 1024;
  }
  return memory;
}

// Errors of the caller's own making; each is one.
const std::vector<std::string>& bad_calls() {
  static const std::vector<std::string> calls = {
      "SELECT * FROM sync_push('phone', '[{\"id\": 1}')",
      "SELECT * FROM sync_push('phone', NULL)",
      "SELECT * FROM sync_push('', '[]')",
      "SELECT * FROM sync_push_request('{\"client_id\": \"phone\", \"mutations\": {}}')",
      "SELECT sync_push_frame('\\x4f534601')",
      "SELECT * FROM sync_pull('phone', 'no checkpoint')",
      "SELECT * FROM sync_pull('phone', '0', -1)",
      "SELECT sync_ack('{}')",
      "SELECT * FROM sync_resolve('00000000-0000-0000-0000-000000000000', 'server_wins')",
      "SELECT sync_enable('pg_class')",
      "SELECT sync_enable('notes', 'nonsense')",
      "SELECT objectos_sync.capture()",
  };
  return calls;
}

}  // namespace

MemoryFindings errors_in_one_session(const std::vector<Operation>& all, long count) {
  std::vector<Operation> operations;
  for (const Operation& one : all) {
    if (!one.is_ddl) operations.push_back(one);
  }
  Session session("faults");
  // LLVM keeps some 25 MB once it has compiled anything, and its heap grows ragged; the joins of
  // functions among the operations look dear enough to the planner for that.
  session.must("SET jit = off");
  MemoryFindings findings;
  Memory early{};
  long errors = 0, tries = 0;
  const char* const settings[] = {"objectos_sync.fail_guarded_call",
                                  "objectos_sync.fail_allocation"};
  while (errors < count) {
    if (++tries > 3 * count) {
      findings.wrong = "too few errors";
      return findings;
    }
    const std::string* sql = nullptr;
    if (tries % 4 == 0) {
      sql = &bad_calls()[static_cast<std::size_t>(tries / 4) % bad_calls().size()];
    } else {
      // The numbers go round; 997 and 31 have no divisor in common with what they are taken from.
      const Operation& operation =
          operations[static_cast<std::size_t>(tries * 31) % operations.size()];
      sql = &operation.sql;
      session.must("BEGIN; SET ROLE " + operation.role);
      session.must(std::string("SET ") + settings[tries % 2] + " = " +
                   std::to_string(1 + tries * 997 % 300));
    }
    const Answer answer = session.run(*sql);
    if (answer.ended) {
      findings.wrong = "the session is gone: " + *sql;
      return findings;
    }
    if (!answer.ok()) ++errors;
    session.run("ROLLBACK");
    if (errors == warm_after && !answer.ok()) early = measure(session);
  }
  const Memory late = measure(session);
  findings.told = std::to_string(errors) + " errors in one session: memory contexts " +
                  std::to_string(early.contexts) + " -> " + std::to_string(late.contexts) +
                  " bytes (at most " + std::to_string(contexts_bound) + " more), process " +
                  std::to_string(early.process) + " -> " + std::to_string(late.process) +
                  " bytes (at most " + std::to_string(process_bound) + " more)";
  if (early.process == 0) findings.wrong = "the process could not be measured";
  if (late.contexts - early.contexts > contexts_bound) findings.wrong = "memory contexts grow";
  if (late.process - early.process > process_bound) findings.wrong = "the process grows";
  return findings;
}

}  // namespace faults
