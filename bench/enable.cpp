// What sync_enable() costs: the 1,000th object against the first ones, and how long a table of a
// million rows is locked (the lock is held from the statement's begin to its commit).
#include "contacts.h"
#include "measurement.h"

namespace bench {

namespace {

constexpr int tables = 1'000, sample = 20, locks = 7;
constexpr std::size_t locked_rows = 1'000'000;

std::vector<Measurement> measure() {
  fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  Measurement thousandth{"enable_1000th",
                         "sync_enable() of the 981st to the 1,000th table",
                         "of the 1st to the 20th",
                         2,
                         sample,
                         {},
                         {},
                         {}};
  for (int i = 1; i <= tables; i++)
    server.run("CREATE TABLE t" + std::to_string(i) + " (id int PRIMARY KEY, name text, n int)");
  for (int i = 1; i <= tables; i++) {
    const double seconds =
        seconds_of([&] { server.run("SELECT sync_enable('t" + std::to_string(i) + "')"); });
    if (i <= sample) thousandth.floor.push_back(seconds);
    if (i > tables - sample) thousandth.ours.push_back(seconds);
  }
  create_contacts(server, "contacts");
  server.run(insert_contacts_sql("contacts", locked_rows));
  Measurement lock{"enable_lock",
                   "sync_enable() of a table of 1,000,000 rows, its ACCESS EXCLUSIVE lock held",
                   "",
                   100,
                   locked_rows,
                   {},
                   {},
                   {}};
  lock.unit = "ms";
  for (int i = 0; i < locks; i++) {
    lock.ours.push_back(1000 * seconds_of([&] { server.run("SELECT sync_enable('contacts')"); }));
    server.run("SELECT sync_disable('contacts')");
  }
  return {thousandth, lock};
}

}  // namespace

Suite enable_suite() {
  return {{"enable_1000th", "enable_lock"}, measure};
}

}  // namespace bench
