// A device that is switched off again and again. Two processes work on one file, one syncs without
// a pause, one edits; both get SIGKILL at a random instant. Race: the kill against every
// instruction of either. Invariants, after every kill: what was committed is there, the queue is
// whole and in the order of the edits, local row = base image and queue. In the end nothing that
// was committed is lost, and nothing is done twice.
//
// SEED=n repeats the instants (not the scheduler's), KILLS=n says how many (default 50).
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <random>
#include <thread>

#include "objectos/sync_engine.h"
#include "tests/e2e/counted_edits.h"

using namespace e2e;
using namespace std::chrono_literals;

namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string edit_name(std::uint64_t number) {
  std::string digits = std::to_string(number);
  return "phone-" + std::string(8 - std::min<std::size_t>(digits.size(), 8), '0') + digits;
}

// One of the two processes: this very program, in which only the test below of that name runs.
class Victim {
 public:
  Victim(const std::string& role, const std::string& file, std::uint64_t first_edit = 0) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    setenv("TORTURE_ROLE", role.c_str(), 1);
    setenv("TORTURE_FILE", file.c_str(), 1);
    setenv("TORTURE_FIRST", std::to_string(first_edit).c_str(), 1);
    process_ = fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      dup2(ends[1], 3);
      if (ends[0] != 3) close(ends[0]);
      if (ends[1] != 3) close(ends[1]);
      const int silence = open("/dev/null", O_WRONLY);
      dup2(silence, 1);
      execl("/proc/self/exe", "test-e2e", "-ns", "-tc=a process that will be killed", nullptr);
      _exit(127);
    }
    close(ends[1]);
    said_ = ends[0];
  }
  ~Victim() {
    if (process_ > 0) kill_it();
    close(said_);
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  // Waits until it has begun, and done so many things; false when it ended instead.
  bool has_done(std::uint64_t things) {
    char byte = 0;
    for (std::uint64_t i = 0; i <= things; ++i)
      if (read(said_, &byte, 1) != 1) return false;
    return true;
  }
  // True if the signal ended it, and not something before.
  bool kill_it() {
    kill(process_, SIGKILL);
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = -1;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }
  // After its death: how often it said since that something is done.
  std::uint64_t said() {
    std::uint64_t count = 0;
    char buffer[4096];
    for (ssize_t got = 0; (got = read(said_, buffer, sizeof buffer)) > 0;)
      count += static_cast<std::uint64_t>(got);
    return count;
  }

 private:
  pid_t process_ = -1;
  int said_ = -1;
};

void say_done() {
  const char byte = '.';
  if (write(3, &byte, 1) != 1) std::abort();
}

void sync_for_ever(const std::string& file) {
  objectos::Options options{.database = file};
  options.page_mutations = 5;
  options.push_mutations = 4;
  objectos::SyncEngine engine(options);
  for (say_done();;) {
    try {
      engine.sync_now();
      say_done();
    } catch (const objectos::Error& error) {
      // The session of a killed predecessor may still hold the client's lock.
      if (error.error_class() != objectos::ErrorClass::transient) throw;
    }
  }
}

void edit_for_ever(const std::string& file, std::uint64_t number) {
  for (say_done();; ++number) {
    CountedEdits::edit(file, edit_name(number), static_cast<int>(number));
    say_done();
    std::this_thread::sleep_for(1ms);  // or the queue grows without end
  }
}

// The numbers of the edits in the queue, in its order.
std::string queued_edits(const std::string& file) {
  return local(file,
               "SELECT coalesce(group_concat(substr(record_id, 7), ' '), '') FROM (SELECT "
               "record_id FROM _mutations WHERE object = 'edits' ORDER BY client_sequence)");
}

struct Phone : CountedEdits {
  Directory directory;
  std::string file = directory.file("phone.db");
  std::uint64_t committed = 0;  // edits that the writer said are done, or that are in the file

  // After a kill: `said` edits from `first` on were said to be committed; one more may be.
  void check_file(std::uint64_t first, std::uint64_t said) {
    CHECK(local(file, "PRAGMA quick_check") == "ok");
    const std::string present = local(file, "SELECT count(*) FROM edits WHERE at_server = 0");
    const std::uint64_t there = std::strtoull(present.c_str(), nullptr, 10);
    CHECK(there >= first + said);
    CHECK(there <= first + said + 1);
    committed = there;
    std::stringstream queue(queued_edits(file));
    std::uint64_t last = 0, next = 0;
    for (bool begun = false; queue >> next; begun = true) {
      const bool in_order = !begun || next == last + 1;
      CHECK(in_order);
      last = next;
    }
    if (last != 0) CHECK(last + 1 == committed);
    CHECK(broken_records(file) == "");
  }
};

}  // namespace

TEST_CASE("a process that will be killed" * doctest::skip() * doctest::test_suite("torture")) {
  const std::string role = std::getenv("TORTURE_ROLE"), file = std::getenv("TORTURE_FILE");
  if (role == "sync") sync_for_ever(file);
  if (role == "edit") edit_for_ever(file, number_from("TORTURE_FIRST", 0));
}

TEST_CASE("a device switched off at any instant loses no edit, keeps their order, repeats none" *
          doctest::test_suite("torture")) {
  const std::uint64_t seed = number_from("SEED", 1), kills = number_from("KILLS", 50);
  std::cout << "seed " << seed << ", " << kills << " kills (SEED=n, KILLS=n)\n";
  std::mt19937_64 random(seed);
  Phone phone;
  {
    objectos::SyncEngine engine({.database = phone.file, .server = phone.server.conninfo()});
    engine.clone();
  }
  std::uint64_t done = 0, by_psql = 0;
  while (done < kills) {
    CAPTURE(done);
    const std::uint64_t first = phone.committed;
    Victim sync("sync", phone.file), edit("edit", phone.file, first);
    const std::uint64_t edits_before = random() % 4, syncs_before = random() % 3;
    REQUIRE(edit.has_done(edits_before));
    REQUIRE(sync.has_done(syncs_before));
    if (random() % 3 == 0) {
      phone.edit_by_psql("psql-" + std::to_string(by_psql), static_cast<int>(by_psql));
      ++by_psql;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
    const bool sync_first = random() % 2 == 0;
    CHECK((sync_first ? sync : edit).kill_it());
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 5'000));
    CHECK((sync_first ? edit : sync).kill_it());
    done += 2;
    phone.check_file(first, edits_before + edit.said());
  }
  CHECK(phone.committed > kills / 4);  // they had time to work
  objectos::SyncEngine engine({.database = phone.file});
  engine.sync_now();
  engine.sync_now();
  CHECK(engine.rejections().empty());
  CHECK(phone.server.exec("SELECT count(*) FROM edits WHERE NOT at_server") ==
        std::to_string(phone.committed));
  phone.check_all({phone.file}, static_cast<int>(phone.committed + by_psql));
}
