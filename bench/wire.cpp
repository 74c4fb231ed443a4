// What a page weighs on the wire: the frame that clients ask for, against the same PullResponse as
// JSON. Contacts with random keys, inserted one by one, so that times, versions and sequences
// differ as they do in life.
#include <stdexcept>

#include "contacts.h"
#include "measurement.h"

namespace bench {

namespace {

struct Page {
  double frame;
  double json;
};

// A page of `rows` mutations from the log, that is without the re-read of a first pull.
Page weigh(Postgres& server, const std::string& checkpoint, std::size_t rows) {
  const std::string arguments = "('wire', $1, " + std::to_string(rows) + ")";
  const PgResult counted = server.query(
      "SELECT pg_catalog.jsonb_array_length(sync_pull_response" + arguments + " -> 'mutations')",
      {checkpoint});
  if (std::stoul(PQgetvalue(counted.get(), 0, 0)) != rows)
    throw std::runtime_error("the page is not full");
  const PgResult found = server.query("SELECT length(sync_pull_frame" + arguments +
                                          "), length(sync_pull_response" + arguments + "::text)",
                                      {checkpoint});
  return {std::stod(PQgetvalue(found.get(), 0, 0)), std::stod(PQgetvalue(found.get(), 0, 1))};
}

// jsonb prints a space after each colon and comma; the peer is the message without them.
double compact(Postgres& server, const std::string& checkpoint, std::size_t rows, double printed) {
  const PgResult spaces = server.query(
      "SELECT length(t) - length(replace(replace(t, '\": ', '\":'), ', \"', ',\"')) FROM "
      "(SELECT sync_pull_response('wire', $1, " +
          std::to_string(rows) + ")::text) AS r(t)",
      {checkpoint});
  return printed - std::stod(PQgetvalue(spaces.get(), 0, 0));
}

std::vector<Measurement> measure() {
  fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  create_contacts(server, "contacts");
  server.run("SELECT sync_enable('contacts')");
  const std::string checkpoint =
      server.value("SELECT checkpoint FROM sync_pull('wire', '0', 100) WHERE kind = 'checkpoint'");
  // Names and numbers scattered, so that neighbours are no neighbours in the alphabet.
  server.run(
      "DO $$ BEGIN FOR i IN 1 .. 10000 LOOP INSERT INTO contacts (id, name, email, phone, company,"
      " age, balance, active, created) SELECT gen_random_uuid(), 'Person number ' || n,"
      " 'person' || n || '@example.org', '+43 1 ' || (1000000 + n), 'Company ' || n % 1000,"
      " 18 + n % 70, n * 37::bigint, n % 3 = 0, timestamptz '2024-01-01 00:00Z' + n * interval"
      " '1 second' FROM (SELECT (i * 7919::bigint) % 1000003) AS s(n); COMMIT; END LOOP; END $$");
  std::vector<Measurement> results;
  for (const auto& [name, rows, goal] :
       {std::tuple{"wire_100", 100, 1.0 / 5}, std::tuple{"wire_10k", 10'000, 1.0 / 6}}) {
    const auto count = static_cast<std::size_t>(rows);
    const Page page = weigh(server, checkpoint, count);
    Measurement m{name,
                  "bytes of a frame of " + std::to_string(rows) + " inserts, random UUID keys",
                  "the same PullResponse as JSON, without spaces",
                  goal,
                  count,
                  {page.frame},
                  {compact(server, checkpoint, count, page.json)},
                  {{"bytes_per_mutation", page.frame / rows}}};
    m.unit = "bytes";
    results.push_back(m);
  }
  return results;
}

}  // namespace

Suite wire_suite() {
  return {{"wire_100", "wire_10k"}, measure};
}

}  // namespace bench
