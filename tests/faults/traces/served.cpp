#include <libpq-fe.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

#include "protocol/limits.h"
#include "protocol/text_edit.h"
#include "protocol/text_session.h"
#include "protocol/text_steps.h"
#include "tests/faults/traces/replays.h"
#include "tests/faults/traces/transactions.h"

namespace objectos {

namespace {

constexpr const char* record_id = "1";

struct Closed {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Closed>;
using Result = std::unique_ptr<PGresult, Closed>;

Connection connected() {
  Connection connection(PQconnectdb(""));
  if (PQstatus(connection.get()) != CONNECTION_OK)
    throw std::runtime_error(PQerrorMessage(connection.get()));
  return connection;
}

Result run(PGconn* connection, const char* sql, const std::vector<std::string>& parameters = {}) {
  std::vector<const char*> values;
  for (const std::string& value : parameters) values.push_back(value.c_str());
  Result result(PQexecParams(connection, sql, static_cast<int>(values.size()), nullptr,
                             values.data(), nullptr, nullptr, 0));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
    throw std::runtime_error(PQerrorMessage(connection));
  return result;
}

std::string value(const Result& result, int row, int column) {
  return PQgetvalue(result.get(), row, column);
}

// One writer: a client that holds one text.
class Writer {
 public:
  explicit Writer(std::size_t number) : number_(number), name_(std::to_string(number)) {}

  void write(const Transaction& transaction) {
    const std::string mutation = id_of(written_++);
    for (const TextOperation& one : transaction.operations) session_.edit(mutation, one);
    if (transaction.operations.empty()) session_.edit(mutation, {});
  }

  // What it made as its first `count` transactions, so far as it is not committed.
  void push(std::size_t count) {
    const std::vector<TextEdit>& edits = session_.state().edits;
    if (edits.empty() || count <= committed_) return;
    // Frozen before the last pull, but not committed then: what the server calls pull first.
    if (edits[0].sent_at != session_.state().revision) session_.unfreeze(edits[0].mutation);
    session_.freeze();
    const std::size_t first = written_ - edits.size();
    if (count - first > limits::mutations_per_push_max)
      throw std::runtime_error("a writer wrote more at a stretch than a push may hold");
    Json mutations = Json::array();
    for (std::size_t i = 0; first + i < count; ++i)
      mutations.push_back(mutation_of(edits[i], first + i + 1));
    const Result verdicts = run(
        connection_.get(), "SELECT status, detail, sequence, mutation_id FROM sync_push($1, $2)",
        {name_, write_json(mutations)});
    for (int row = 0; row < PQntuples(verdicts.get()); ++row) {
      const std::string status = value(verdicts, row, 0);
      if (status != "applied" && status != "merged")
        throw std::runtime_error("a verdict is " + status + ": " + value(verdicts, row, 1));
      if (value(verdicts, row, 2).empty()) nothing_.push_back(value(verdicts, row, 3));
    }
    committed_ = count;
    ++pushes_;
  }

  // Edits that became nothing are no step.
  void pull() {
    for (bool more = true; more;) {
      const Result page = run(connection_.get(),
                              "SELECT kind, data, version, checkpoint, has_more FROM "
                              "sync_pull($1, $2, 1000)",
                              {name_, checkpoint_});
      for (int row = 0; row < PQntuples(page.get()); ++row) take(page, row);
      const int last = PQntuples(page.get()) - 1;
      checkpoint_ = value(page, last, 3);
      more = value(page, last, 4) == "t";
    }
    for (const std::string& mutation : nothing_) session_.withdraw(mutation);
    nothing_.clear();
  }

  const std::string& text() const { return session_.text(); }
  bool idle() const { return session_.state().edits.empty(); }
  std::size_t written() const { return written_; }
  std::size_t committed() const { return committed_; }
  std::size_t pushes() const { return pushes_; }

 private:
  std::string id_of(std::size_t transaction) const {
    char id[40];
    std::snprintf(id, sizeof id, "%08zx-0000-4000-8000-%012zx", number_, transaction);
    return id;
  }
  Json mutation_of(const TextEdit& edit, std::size_t client_sequence) const {
    Json data = Json::object();
    data.set("body", encode_text_edit({edit.sent_at, edit.sent, false}));
    Json json = Json::object();
    json.set("id", Json::string(edit.mutation));
    json.set("object", Json::string("papers"));
    json.set("record_id", Json::string(record_id));
    json.set("operation", Json::string("update"));
    json.set("data", std::move(data));
    json.set("version", Json::integer(edit.sent_at));
    json.set("client_sequence", Json::integer(static_cast<std::int64_t>(client_sequence)));
    return json;
  }
  void take(const Result& page, int row) {
    if (value(page, row, 0) != "mutation") return;
    const Json data = parse_json(value(page, row, 1));
    const Json& body = member(data, "body");
    if (body.is_string()) {
      if (!session_.state().edits.empty()) throw std::runtime_error("steps are missing");
      session_ = TextSession(TextState{body.text(), std::stoll(value(page, row, 2)), {}});
      return;
    }
    for (const TextStep& step : decode_text_steps(body)) session_.take(step);
  }

  std::size_t number_;
  std::string name_;
  Connection connection_ = connected();
  TextSession session_{TextState{}};
  std::vector<std::string> nothing_;
  std::string checkpoint_ = "0";
  std::size_t written_ = 0, committed_ = 0, pushes_ = 0;
};

}  // namespace

std::string replay_served(const Json& recording) {
  const Connection server = connected();
  const Json* start = recording.find("startContent");
  run(server.get(), "CREATE EXTENSION objectos_sync");
  run(server.get(), "CREATE TABLE papers (id int PRIMARY KEY, body text)");
  run(server.get(), "INSERT INTO papers VALUES (1, $1)", {start ? start->text() : ""});
  run(server.get(), "SELECT sync_enable('papers', fields => '{\"body\": \"text\"}')");
  Writer writers[2] = {Writer(0), Writer(1)};
  for (Writer& writer : writers) writer.pull();
  for (const Transaction& one : transactions_of(recording)) {
    Writer &writer = writers[one.writer], &other = writers[1 - one.writer];
    if (one.seen[1 - one.writer] > other.committed()) {
      other.push(one.seen[1 - one.writer]);
      writer.pull();
    }
    writer.write(one);
  }
  for (Writer& writer : writers) writer.push(writer.written());
  const std::string& end = member(recording, "endContent").text();
  for (Writer& writer : writers) {
    writer.pull();
    if (writer.text() != end || !writer.idle())
      throw std::runtime_error("a client ends with another text than the writers did");
  }
  if (value(run(server.get(), "SELECT body FROM papers"), 0, 0) != end)
    throw std::runtime_error("the server ends with another text than the writers did");
  run(server.get(), "SELECT sync_disable('papers')");
  run(server.get(), "DROP TABLE papers");
  run(server.get(), "DROP EXTENSION objectos_sync");
  return "through " + std::to_string(writers[0].pushes() + writers[1].pushes()) +
         " pushes and as many pulls both clients and the server end with the text of the recording";
}

}  // namespace objectos
