// Texts through the engine: edits by operations, live typing on several devices, what listeners
// hear of it, and others' cursors.
#include <doctest/doctest.h>

#include <thread>

#include "protocol/operational_transform.h"
#include "protocol/text_operation_json.h"
#include "tests/e2e/live_world.h"

using namespace e2e;
using objectos::SyncEngine;
using objectos::TextChange;
using objectos::TextCursor;
using objectos::TextField;

namespace {

struct Papers {
  Server server;
  Directory directory;

  Papers() {
    server.exec("CREATE TABLE papers (id int PRIMARY KEY, title text, body text)");
    server.exec("SELECT sync_enable('papers', fields => '{\"body\":\"text\"}')");
    server.exec("INSERT INTO papers VALUES (1, 't', 'Hello world')");
  }
  objectos::Options options(const std::string& name) const {
    objectos::Options made{.database = directory.file(name + ".db"), .server = server.conninfo()};
    made.timing.interval = made.timing.push_age = std::chrono::hours(1);
    return made;
  }
  std::string body() { return server.exec("SELECT body FROM papers WHERE id = 1"); }
};

// Puts together what it hears.
struct Follower {
  std::mutex mutex;
  std::string text;
  bool fits = true;
  std::vector<TextChange> changes;
  std::function<void(const TextChange&)> listener() {
    return [this](const TextChange& change) {
      std::lock_guard lock(mutex);
      text = objectos::ot::apply(
          text, objectos::parse_text_operation(std::string_view(change.operation)));
      fits = fits && text == change.text;
      changes.push_back(change);
    };
  }
  std::string now() {
    std::lock_guard lock(mutex);
    return text;
  }
};

std::string code_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const objectos::Error& error) {
    return error.code();
  }
  return "";
}

}  // namespace

TEST_CASE("edit_text() gives back the text, or says what is wrong and changes nothing") {
  Papers world;
  SyncEngine engine(world.options("phone"));
  engine.clone();
  CHECK(engine.edit_text("papers", "1", "body", R"([6,"brave "])") == "Hello brave world");
  CHECK(engine.edit_text("papers", "1", "body", R"({"type":"delete","pos":0,"len":6})") ==
        "brave world");
  CHECK(code_of([&] { engine.edit_text("papers", "1", "body", "[99,-1]"); }) == "OS006");
  CHECK(code_of([&] { engine.edit_text("papers", "1", "body", "[0]"); }) == "OS006");
  CHECK(code_of([&] { engine.edit_text("papers", "1", "body", "nonsense"); }) == "OS005");
  CHECK(code_of([&] { engine.edit_text("papers", "1", "title", "[\"x\"]"); }) == "no_text_field");
  CHECK(code_of([&] { engine.edit_text("papers", "9", "body", "[\"x\"]"); }) == "record_missing");
  CHECK(engine.text("papers", "1", "body").text() == "brave world");
  CHECK(engine.pending().size() == 1);
  engine.sync_now();
  CHECK(world.body() == "brave world");
  CHECK(engine.pending().empty());
}

TEST_CASE("listeners of a text hear the whole of it, then each change, exactly where it is known") {
  Papers world;
  SyncEngine engine(world.options("phone"));
  engine.clone();
  TextField field = engine.text("papers", "1", "body");
  Follower heard;
  const auto token = field.on_change(heard.listener());
  field.insert(2, "l");
  field.erase(0, 1);
  engine.edit_text("papers", "1", "body", R"([11,"!"])");
  local(world.directory.file("phone.db"), "UPDATE papers SET body = body || '?' WHERE id = 1");
  world.server.exec("UPDATE papers SET body = 'Oh, ' || body WHERE id = 1");
  engine.sync_now();
  CHECK(comes_true([&] { return heard.now() == world.body() && !heard.now().empty(); }));
  CHECK(heard.fits);
  REQUIRE(heard.changes.size() >= 3);
  CHECK(heard.changes[0].operation == R"(["Hello world"])");
  CHECK(heard.changes[1].operation == R"([2,"l"])");
  CHECK(heard.changes[2].operation == "[-1]");
  CHECK(heard.changes.back().origin == objectos::Origin::remote);
}

TEST_CASE("two live devices type into one text at once, and both files and the server are one") {
  Papers world;
  SyncEngine ann(world.options("ann")), ben(world.options("ben"));
  Follower of_ann, of_ben;
  std::vector<objectos::Subscription> tokens;
  const auto begin = [&](SyncEngine& engine, Follower& follower) {
    engine.clone();
    tokens.push_back(engine.text("papers", "1", "body").on_change(follower.listener()));
    engine.start();
  };
  begin(ann, of_ann);
  begin(ben, of_ben);
  const auto type = [](SyncEngine& engine, const std::string& word) {
    TextField field = engine.text("papers", "1", "body");
    for (int i = 0; i < 60; ++i) {
      field.insert(0, word);
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
  };
  std::thread first([&] { type(ann, "a"); }), second([&] { type(ben, "b"); });
  for (int i = 0; i < 10; ++i)
    world.server.exec("UPDATE papers SET body = body || '.' WHERE id = 1");
  first.join();
  second.join();
  CHECK(comes_true([&] {
    const std::string text = world.body();
    return ann.pending().empty() && ben.pending().empty() && of_ann.now() == text &&
           of_ben.now() == text;
  }));
  const std::string text = world.body();
  CHECK(std::count(text.begin(), text.end(), 'a') == 60);
  CHECK(std::count(text.begin(), text.end(), 'b') == 60);
  CHECK(std::count(text.begin(), text.end(), '.') == 10);
  CHECK(of_ann.fits);
  CHECK(of_ben.fits);
  CHECK(ann.verify_local().empty());
  CHECK(ben.verify_local().empty());
}

TEST_CASE("a cursor is seen by others, and moves with the text") {
  Papers world;
  SyncEngine ann(world.options("ann")), ben(world.options("ben"));
  for (SyncEngine* engine : {&ann, &ben}) {
    engine->clone();
    engine->start();
  }
  TextField of_ann = ann.text("papers", "1", "body"), of_ben = ben.text("papers", "1", "body");
  std::mutex mutex;
  std::vector<TextCursor> seen;
  const auto token = of_ben.on_cursors([&](const std::vector<TextCursor>& cursors) {
    std::lock_guard lock(mutex);
    seen = cursors;
  });
  const auto sees = [&](std::size_t position, std::size_t anchor) {
    return comes_true([&] {
      std::lock_guard lock(mutex);
      return seen.size() == 1 && seen[0].position == position && seen[0].anchor == anchor;
    });
  };
  of_ann.share_cursor(5, 3);
  CHECK(sees(5, 3));
  CHECK(seen[0].client_id == ann.status().client_id);
  of_ben.insert(0, "Oh, ");
  CHECK(sees(9, 7));
  of_ann.share_cursor(100, 0);
  CHECK(sees(15, 0));
  of_ann = of_ben;  // the last handle goes
  CHECK(comes_true([&] {
    std::lock_guard lock(mutex);
    return seen.empty();
  }));
}
