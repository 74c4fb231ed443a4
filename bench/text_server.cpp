// Edits of texts through a server: as fast as it takes them, one field, one client that sends them
// in pushes; and a device that was away while as much was written there as on it.
#include <stdexcept>

#include "contacts.h"
#include "measurement.h"
#include "objectos/sync_engine.h"
#include "postgres.h"
#include "protocol/text_edit.h"
#include "protocol/text_operation_json.h"
#include "sqlite.h"
#include "text_trace.h"

namespace bench {

namespace {

constexpr std::size_t edit_count = 10'000, push_edits = 1'000, text_points = 20'000;
constexpr int repetitions = 5;

// The text of a mutation is the server's to read: it is made before the clock starts. Each push
// names the revision that the one before left behind, as a client does that has pulled.
std::string push_text(const std::vector<objectos::TextOperation>& edits, std::size_t first,
                      const std::string& record, std::int64_t revision, std::int64_t number) {
  objectos::Json mutations = objectos::Json::array();
  for (std::size_t i = first; i < first + push_edits; ++i) {
    const std::string digits = std::to_string(++number);
    objectos::Json data = objectos::Json::object();
    data.set("body", objectos::encode_text_edit({revision, edits[i], false}));
    objectos::Json mutation = objectos::Json::object();
    mutation.set("id", objectos::Json::string("00000000-0000-4000-8000-" +
                                              std::string(12 - digits.size(), '0') + digits));
    mutation.set("object", objectos::Json::string("papers"));
    mutation.set("record_id", objectos::Json::string(record));
    mutation.set("operation", objectos::Json::string("update"));
    mutation.set("data", std::move(data));
    mutation.set("version", objectos::Json::integer(revision));
    mutation.set("client_sequence", objectos::Json::integer(number));
    mutations.push_back(std::move(mutation));
  }
  return objectos::write_json(mutations);
}

void make_papers(Postgres& server, std::size_t points) {
  server.run("CREATE TABLE papers (id int PRIMARY KEY, body text)");
  server.run("INSERT INTO papers SELECT i, repeat('t', " + std::to_string(points) +
             ") FROM generate_series(1, " + std::to_string(repetitions) + ") i");
  server.run("SELECT sync_enable('papers', fields => '{\"body\": \"text\"}')");
}

// Pushed one after the other as another client does; returns the seconds that the server took.
double push_all(Postgres& server, const std::vector<objectos::TextOperation>& edits,
                const std::string& record, std::int64_t& number) {
  double seconds = 0;
  for (std::size_t first = 0; first < edits.size(); first += push_edits) {
    const std::int64_t revision =
        std::stoll(server.value("SELECT _version FROM papers WHERE id = " + record));
    const std::string push = push_text(edits, first, record, revision, number);
    number += static_cast<std::int64_t>(push_edits);
    PgResult verdicts;
    seconds += seconds_of(
        [&] { verdicts = server.query("SELECT status FROM sync_push('writer', $1)", {push}); });
    for (int row = 0; row < PQntuples(verdicts.get()); ++row)
      if (std::string(PQgetvalue(verdicts.get(), row, 0)) != "applied")
        throw std::runtime_error("an edit was not applied");
  }
  return seconds;
}

std::vector<Measurement> measure() {
  fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  make_papers(server, text_points);
  const auto edits = text_branch(edit_count, text_points, 'a', false);
  Measurement result{
      "text_push", "single edits of one text of 20,000 characters through sync_push, 1,000 a push",
      "",          16'900,
      edit_count,  {},
      {},          {}};
  result.unit = "edits/s";
  result.more_is_better = true;
  std::int64_t number = 0;
  for (int i = 1; i <= repetitions; ++i) {
    const double seconds = push_all(server, edits, std::to_string(i), number);
    result.ours.push_back(static_cast<double>(edit_count) / seconds);
  }
  return {result};
}

// 10,000 edits on the device, each by itself, and 10,000 on the server: pushed, refused as too far
// behind, pulled, moved over one another, pushed again, pulled.
std::vector<Measurement> measure_offline() {
  constexpr std::size_t points = 100'000;
  const std::string server_string = fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  make_papers(server, points);
  const std::string path = bench_file("writing.db");
  remove_file(path);
  objectos::SyncEngine engine({.database = path, .server = server_string});
  engine.clone();
  Measurement result{"text_offline",
                     "10,000 edits made offline and 10,000 of others', on both sides the same text",
                     "",
                     1'000,
                     2 * edit_count,
                     {},
                     {},
                     {}};
  result.unit = "ms";
  const auto own = text_branch(edit_count, points, 'a', false);
  const auto others = text_branch(edit_count, points, 'b', false);
  std::int64_t number = 0;
  double mutations = 0;
  for (int i = 1; i <= repetitions; ++i) {
    const std::string record = std::to_string(i);
    for (const objectos::TextOperation& edit : own)
      engine.edit_text("papers", record, "body", objectos::write_text_operation(edit));
    push_all(server, others, record, number);
    objectos::SyncResult synced;
    result.ours.push_back(1'000 * seconds_of([&] {
                            synced = engine.sync_now();
                            if (!engine.pending().empty()) synced = engine.sync_now();
                          }));
    mutations = static_cast<double>(synced.verdicts.size());
    Sqlite file(path);
    SqliteStatement row(file, "SELECT body FROM papers WHERE id = " + record);
    row.step();
    if (std::string(row.text(0)) != server.value("SELECT body FROM papers WHERE id = " + record))
      throw std::runtime_error("the two texts differ");
  }
  result.extra = {{"mutations_that_the_edits_made", mutations}};
  return {result};
}

}  // namespace

Suite text_offline_suite() {
  return {{"text_offline"}, measure_offline};
}

Suite text_push_suite() {
  return {{"text_push"}, measure};
}

}  // namespace bench
