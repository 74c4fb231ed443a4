#include "worker.h"

#include "surroundings.h"

namespace faults {

namespace {

// Two sessions changing one catalog row at a time is PostgreSQL's own, and says so this way.
bool of_postgres_alone(const std::string& message) {
  return message.find("tuple concurrently updated") != std::string::npos ||
         message.find("tuple concurrently deleted") != std::string::npos;
}

bool unexpected(const Answer& answer) {
  const std::string& state = answer.sqlstate;
  if (state != "OS000" && !state.starts_with("XX")) return false;
  return !of_postgres_alone(answer.message);
}

}  // namespace

void Run::fail(const std::string& what) {
  const std::scoped_lock lock(mutex);
  failures.push_back(what);
  if (failures.size() >= 30) stop = true;
}

Worker::Worker(Run& run, int number, std::uint64_t seed)
    : run_(run),
      number_(number),
      dice_(seed),
      messages_(dice_, run.pool, "device" + std::to_string(number)),
      calls_(dice_, run.pool, messages_),
      session_("crash") {
  prepare_session();
}

void Worker::prepare_session() {
  {
    const std::scoped_lock lock(run_.mutex);
    run_.pids.insert(session_.pid());
  }
  session_.run("SET lock_timeout = '2s'");
  session_.run("SET statement_timeout = '20s'");
}

void Worker::work() {
  try {
    while (!run_.stop && run_.calls_left > 0) unit();
    session_.run("ROLLBACK");
  } catch (const std::exception& error) {
    run_.fail(std::string("worker ") + std::to_string(number_) + ": " + error.what());
    run_.stop = true;
  }
}

bool Worker::run(const std::string& sql) {
  transcript_.push_back(sql.substr(0, 3000));
  answer_ = session_.run(sql);
  const auto context = [&] {
    std::string text;
    for (const std::string& one : transcript_) text += "    " + one + ";\n";
    return text;
  };
  if (answer_.ended) {
    bool by_us = false;
    {
      const std::scoped_lock lock(run_.mutex);
      run_.pids.erase(session_.pid());
      by_us = run_.terminated.count(session_.pid()) > 0;
      run_.terminations_seen += by_us ? 1 : 0;
    }
    if (!by_us || (answer_.sqlstate != "57P01" && answer_.sqlstate != "no SQLSTATE"))
      run_.fail("the session died: " + answer_.message + context());
    session_.connect();
    prepare_session();
    return false;
  }
  {
    const std::scoped_lock lock(run_.mutex);
    ++run_.outcomes[answer_.ok() ? "success" : answer_.sqlstate];
  }
  if (unexpected(answer_)) run_.fail(answer_.sqlstate + " " + answer_.message + context());
  for (const std::string& warning : session_.warnings()) {
    if (warning.find("leak") != std::string::npos) run_.fail(warning + context());
  }
  return true;
}

bool Worker::call(const Function& function, const std::string& sql) {
  --run_.calls_left;
  {
    const std::scoped_lock lock(run_.mutex);
    ++run_.calls[function.signature];
  }
  if (!run(sql)) return false;
  const bool direct = sql == "SELECT " + function.name + "()";
  if (function.is_trigger && direct && answer_.ok())
    run_.fail("a trigger function was called like any other: " + sql);
  if (answer_.ok()) learn(function, answer_);
  return true;
}

// Keeps what later calls can build on.
void Worker::learn(const Function& function, const Answer& answer) {
  if (answer.rows.empty()) return;
  const std::vector<std::string>& last = answer.rows.back();
  if (function.name.ends_with("sync_pull") && last.size() == 13) {
    run_.pool.add("checkpoint", last[11]);
  } else if (function.name.ends_with("sync_snapshot") && last.size() == 5) {
    run_.pool.add("checkpoint", last[0]);
  } else if (function.name.ends_with("sync_conflicts") && last.size() == 11) {
    run_.pool.add("conflict", dice_.of(answer.rows)[0]);
  } else if (last.size() == 10) {
    run_.pool.add("mutation", last[0]);
  } else if (function.name.ends_with("_frame") && last.size() == 1 && last[0].size() > 2 &&
             last[0].size() < 100'000) {
    std::string bytes;
    for (std::size_t i = 2; i + 1 < last[0].size(); i += 2)
      bytes += static_cast<char>(std::stoi(last[0].substr(i, 2), nullptr, 16));
    run_.pool.add("frame", bytes);
  }
}

const Function& Worker::some_function() {
  return dice_.of(run_.functions);
}

std::string Worker::select_of(const Function& function) {
  if (function.is_trigger) return "SELECT " + function.name + "()";
  const std::string text = calls_.call(function);
  switch (dice_.below(8)) {
    case 0:
      return "SELECT " + text;
    case 1:
      return "SELECT " + text + " FROM generate_series(1, 2)";
    case 2:
      return "SELECT count(*) FROM notes LEFT JOIN LATERAL (SELECT " + text +
             ") x ON true WHERE id < '12'";
    case 3:
      return "SELECT * FROM " + text + " WITH ORDINALITY LIMIT 2";
    default:
      return "SELECT * FROM " + text;
  }
}

void Worker::unit() {
  transcript_.clear();
  if (session_.in_transaction() && !run("ROLLBACK")) return;
  if (dice_.percent(50) && !run("SET ROLE " + dice_.of(roles()))) return;
  if (dice_.percent(3) && !run("RESET ROLE")) return;
  static const std::vector<std::string> begins = {"BEGIN",
                                                  "BEGIN",
                                                  "BEGIN READ ONLY",
                                                  "BEGIN ISOLATION LEVEL REPEATABLE READ",
                                                  "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                                                  "BEGIN ISOLATION LEVEL SERIALIZABLE"};
  const std::size_t kind = dice_.below(100);
  if (kind < 50) return plain_call();
  if (kind < 72) return calls_in_transaction(dice_.of(begins));
  if (kind < 80) return calls_within_a_block();
  if (kind < 84) return cursor();
  if (kind < 86) return prepared_transaction();
  if (kind < 95) {
    run(change_of_rows(dice_));
    return;
  }
  if (!run("RESET ROLE")) return;
  if (kind < 98) return misplaced();
  run(change_of_schema(dice_));
}

void Worker::plain_call() {
  const Function& function = some_function();
  const bool hurried = dice_.percent(8);
  if (hurried && !run("SET statement_timeout = " + std::to_string(dice_.between(1, 30)))) return;
  if (!call(function, select_of(function))) return;
  if (hurried) run("SET statement_timeout = '20s'");
}

void Worker::calls_in_transaction(const std::string& begin) {
  if (!run(begin)) return;
  for (std::size_t i = 1 + dice_.below(5); i > 0; --i) {
    if (!run("SAVEPOINT s")) return;
    if (dice_.percent(30)) {
      if (!run(change_of_rows(dice_))) return;
      if (!answer_.ok() && !run("ROLLBACK TO s")) return;
    }
    const Function& function = some_function();
    if (!call(function, select_of(function))) return;
    const bool keep = answer_.ok() && dice_.percent(70);
    if (!run(keep ? "RELEASE s" : "ROLLBACK TO s")) return;
  }
  run(dice_.percent(60) ? "COMMIT" : "ROLLBACK");
}

void Worker::calls_within_a_block() {
  const Function& function = some_function();
  std::string text;
  for (std::size_t i = 1 + dice_.below(3); i > 0; --i) {
    text += "BEGIN PERFORM * FROM " + calls_.call(function) +
            "; EXCEPTION WHEN OTHERS THEN IF SQLSTATE ~ '^(XX|OS000)' OR SQLSTATE = '57014' THEN "
            "RAISE; "
            "END IF; END; ";
  }
  // Every one of these could succeed, for a trigger function's error is caught.
  --run_.calls_left;
  {
    const std::scoped_lock lock(run_.mutex);
    ++run_.calls[function.signature];
  }
  run("DO $block$ BEGIN " + text + "END $block$");
}

void Worker::cursor() {
  const Function& function = some_function();
  if (!run("BEGIN")) return;
  if (!call(function, "DECLARE c CURSOR FOR SELECT * FROM " + calls_.call(function))) {
    return;
  }
  if (answer_.ok() && !run("FETCH 2 FROM c")) return;
  if (answer_.ok() && dice_.percent(50) && !run("CLOSE c")) return;
  run(dice_.percent(50) ? "COMMIT" : "ROLLBACK");
}

void Worker::prepared_transaction() {
  const std::string name = "'w" + std::to_string(number_) + "'";
  if (!run("BEGIN") || !run(change_of_rows(dice_))) return;
  const Function& function = some_function();
  if (answer_.ok() && !call(function, select_of(function))) return;
  if (!run("PREPARE TRANSACTION " + name)) return;
  if (!answer_.ok()) return;
  while (!run((dice_.percent(70) ? "COMMIT PREPARED " : "ROLLBACK PREPARED ") + name)) {
  }
}

void Worker::misplaced() {
  std::vector<const Function*> triggers;
  for (const Function& one : run_.functions) {
    if (one.is_trigger) triggers.push_back(&one);
  }
  const Function& function = *dice_.of(triggers);
  if (!run("BEGIN")) return;
  for (const std::string& statement : misplaced_trigger(dice_, function)) {
    if (!run("SAVEPOINT s")) return;
    if (!call(function, statement)) return;
    if (!answer_.ok() && !run("ROLLBACK TO s")) return;
  }
  run("ROLLBACK");
}

}  // namespace faults
