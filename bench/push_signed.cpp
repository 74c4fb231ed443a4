// 10,000 queued updates to verdicts by a device that signs them, against another device of the
// same table that does not. The two take turns in going first.
#include <sys/stat.h>

#include <fstream>
#include <stdexcept>

#include "contacts.h"
#include "measurement.h"
#include "objectos/sync_engine.h"

namespace bench {

namespace {

constexpr std::size_t table_rows = 100'000, pushed_rows = 10'000;
constexpr int repetitions = 6;

struct Device {
  Device(const std::string& name, const std::string& server, const std::string& key_file)
      : path(fresh(name)), engine({.database = path, .server = server, .key_file = key_file}) {
    engine.clone();
  }
  static std::string fresh(const std::string& name) {
    const std::string path = bench_file(name);
    remove_file(path);
    return path;
  }
  // Every tenth contact, one statement for all; seconds of the push.
  double push(int part) {
    engine.pull_now();
    {
      Sqlite file(path);
      file.run("UPDATE contacts SET phone = phone || '0', company = 'Company of round " +
               std::to_string(part) + "' WHERE (balance / 37) % 10 = " + std::to_string(part % 10));
    }
    objectos::SyncResult synced;
    const double seconds = seconds_of([&] { synced = engine.push_now(); });
    if (synced.verdicts.size() != pushed_rows) throw std::runtime_error("verdicts are missing");
    for (const objectos::Verdict& verdict : synced.verdicts)
      if (verdict.status != "applied")
        throw std::runtime_error("a mutation was " + verdict.status + ": " + verdict.detail);
    return seconds;
  }
  std::string path;
  objectos::SyncEngine engine;
};

std::vector<Measurement> measure() {
  const std::string server_string = fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  create_contacts(server, "contacts");
  server.run(insert_contacts_sql("contacts", table_rows));
  server.run("SELECT sync_enable('contacts')");
  server.run("VACUUM ANALYZE contacts");
  const std::string key_file = bench_file("ada.key");
  std::ofstream(key_file) << server.value(
      "SELECT key_id || ':' || secret FROM sync_create_key('ada')");
  chmod(key_file.c_str(), 0600);
  Device plain("plain.db", server_string, ""), signing("signing.db", server_string, key_file);
  Measurement result{"push_signed",
                     "10,000 queued updates to verdicts, signed",
                     "the same by a device that does not sign",
                     1.1,
                     pushed_rows,
                     {},
                     {},
                     {}};
  for (int repetition = 0; repetition < repetitions; repetition++) {
    const auto unsigned_push = [&] { result.floor.push_back(plain.push(2 * repetition)); };
    if (repetition % 2 == 0) unsigned_push();
    result.ours.push_back(signing.push(2 * repetition + 1));
    if (repetition % 2 == 1) unsigned_push();
    server.run("VACUUM ANALYZE contacts");
  }
  const std::string kept = server.value("SELECT count(*) FROM objectos_sync.signatures");
  if (kept != std::to_string(pushed_rows * repetitions))
    throw std::runtime_error("signatures kept: " + kept);
  return {result};
}

}  // namespace

Suite push_signed_suite() {
  return {{"push_signed"}, measure};
}

}  // namespace bench
