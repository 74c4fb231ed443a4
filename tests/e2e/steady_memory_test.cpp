// The memory of an engine that syncs all day. After a warm-up neither what the process has
// allocated nor what it occupies grows with the number of syncs. SYNCS=n says how many (default
// 200).
#include <doctest/doctest.h>
#include <malloc.h>
#include <unistd.h>

#include <fstream>
#include <iostream>

#include "objectos/sync_engine.h"
#include "tests/e2e/counted_edits.h"

using namespace e2e;

namespace {

long resident_kib() {
  long total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

long allocated_kib() {
  return static_cast<long>(mallinfo2().uordblks / 1024);
}

}  // namespace

TEST_CASE("the memory of an engine does not grow with its syncs" * doctest::test_suite("torture")) {
  const char* text = std::getenv("SYNCS");
  const int syncs = text == nullptr ? 200 : std::atoi(text);
  CountedEdits world;
  Directory directory;
  const std::string file = directory.file("phone.db");
  objectos::SyncEngine engine({.database = file, .server = world.server.conninfo()});
  engine.clone();
  int edits = 0;
  std::int64_t changes = 0;
  auto token = engine.on_change("", [&](const objectos::Change&) { ++changes; });
  const auto sync = [&] {
    CountedEdits::edit(file, "phone-" + std::to_string(edits), edits);
    world.edit_by_psql("psql-" + std::to_string(edits), edits);
    ++edits;
    engine.sync_now();
    engine.sync_now();
    engine.status();
    engine.pending();
  };
  for (int i = 0; i < 50; ++i) sync();
  CHECK(engine.drain(std::chrono::seconds(20)));
  const long allocated = allocated_kib(), resident = resident_kib();
  for (int i = 0; i < syncs; ++i) sync();
  CHECK(engine.drain(std::chrono::seconds(20)));
  const long grown = allocated_kib() - allocated, occupied = resident_kib() - resident;
  std::cout << syncs << " syncs: " << grown << " KiB more allocated, " << occupied
            << " KiB more resident of " << resident << "\n";
  CHECK(changes >= 2 * syncs);
  CHECK(grown < 256);
  CHECK(occupied < 2048);
  engine.sync_now();
  world.check_all({file}, 2 * edits);
}
