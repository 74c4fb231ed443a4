// Race: an engine opens the lock file while the holder takes it away and lets go of it. Invariant:
// at every moment one engine at most holds the lock of a file.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "store/engine_lock.h"
#include "tests/client/store_file.h"

using namespace store_file;
using objectos::EngineLock;

TEST_CASE("the lock has one holder at every moment, though holders take its file away") {
  const File place;
  std::atomic<int> inside{0}, crowded{0}, held{0};
  std::vector<std::thread> engines;
  for (int engine = 0; engine < 4; ++engine)
    engines.emplace_back([&, engine] {
      for (int i = 0; i < 20'000; ++i) {
        try {
          EngineLock lock(place.path);
          if (++inside != 1) ++crowded;
          ++held;
          if ((i + engine) % 2 == 0) lock.leave_nothing();
          std::this_thread::yield();
          --inside;
        } catch (const objectos::StoreError& error) {
          if (error.kind != objectos::StoreErrorKind::locked) ++crowded;
        }
      }
    });
  for (std::thread& engine : engines) engine.join();
  CHECK(crowded == 0);
  CHECK(held > 100);
}

TEST_CASE("detach leaves nothing beside the file") {
  File file(schema({object_schema("notes", {"id"}, {{"id"}})}));
  file.db.reset();
  LocalDatabase::detach(file.path);
  std::string found;
  for (const auto& entry : std::filesystem::directory_iterator(file.directory))
    found += entry.path().filename().string() + " ";
  CHECK(found == "phone.db ");
}
