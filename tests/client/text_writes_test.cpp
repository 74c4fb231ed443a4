// Edits of a text that the app gives as operations, and how they are undone.
#include <doctest/doctest.h>

#include "protocol/errors.h"
#include "protocol/text_operation_json.h"
#include "tests/client/text_server.h"

using namespace text_server;

namespace {

struct Typed {
  Server server;
  Typed() { server.put("1", "aaa"); }
};

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string edit(Device& device, const std::string& operation, int64_t later_ms = 0,
                 const std::string& id = "1") {
  const TextWrite write{"notes", id, "body", parse_text_operation(std::string_view(operation)),
                        now_ms() + later_ms};
  return device.db->edit_text(write, {}).text;
}

}  // namespace

TEST_CASE("an edit by an operation is queued as it is, not as a difference") {
  Typed world;
  Device phone(world.server);
  CHECK(edit(phone, R"([1,"a"])") == "aaaa");
  CHECK(phone.op(0) == R"({"body":{"op":[1,"a"]}})");
  CHECK(phone.body() == "aaaa");
  CHECK(phone.shell("SELECT _synced FROM notes") == "0");
  phone.sound();
  phone.sync();
  CHECK(world.server.notes.at("1").body == "\"aaaa\"");
}

TEST_CASE(
    "what is typed in one go is one mutation, until it is sent, or something else is written") {
  Typed world;
  world.server.put("2", "b");
  Device phone(world.server);
  edit(phone, R"(["x"])");
  edit(phone, R"([1,"y"])");
  edit(phone, R"([2,"z"])");
  REQUIRE(phone.db->queue().size() == 1);
  CHECK(phone.op(0) == R"({"body":{"op":["xyz"]}})");
  CHECK(phone.body() == "xyzaaa");
  phone.sound();
  edit(phone, R"(["!"])", 2'000);
  CHECK(phone.db->queue().size() == 2);
  edit(phone, R"(["?"])", 0, "2");
  edit(phone, R"(["."])");
  CHECK(phone.db->queue().size() == 4);
  phone.batch();
  edit(phone, R"(["-"])");
  CHECK(phone.db->queue().size() == 5);
  phone.write(phone.body() + "end");
  edit(phone, R"(["+"])");
  CHECK(phone.db->queue().size() == 7);
  CHECK(phone.body() == "+-.!xyzaaaend");
  phone.sound();
  phone.sync();
  CHECK(content(world.server.notes.at("1").body) == "+-.!xyzaaaend");
}

TEST_CASE("an edit beyond the text, of no text, or of no record changes nothing") {
  Typed world;
  Device phone(world.server);
  CHECK_THROWS_AS(edit(phone, R"([4,"x"])"), ProtocolError);
  CHECK_THROWS_AS(edit(phone, R"(["x"])", 0, "none"), StoreError);
  CHECK_THROWS_AS(phone.db->edit_text({"notes", "1", "title", {}, 0}, {}), StoreError);
  CHECK(phone.body() == "aaa");
  CHECK(phone.db->queue().empty());
}

TEST_CASE("an app's trigger fires for each edit by an operation, and its writes are queued") {
  Typed world;
  world.server.put("2", "b");
  Device phone(world.server);
  phone.sql(
      "CREATE TRIGGER count_edits AFTER UPDATE OF body ON notes WHEN NEW.id = '1' BEGIN UPDATE "
      "notes SET title = length(NEW.body) WHERE id = '2'; END");
  edit(phone, R"(["x"])");
  edit(phone, R"(["y"])");
  CHECK(phone.db->queue().size() == 4);
  CHECK(phone.shell("SELECT title FROM notes WHERE id = '2'") == "5");
  phone.sound();
  phone.sync();
  CHECK(world.server.notes.at("2").title == "\"5\"");
}

TEST_CASE("undo takes back what was typed and leaves what others wrote since") {
  Typed world;
  Device phone(world.server);
  edit(phone, R"(["x"])");
  edit(phone, R"([1,"y"])");
  phone.sync();
  world.server.edit("1", "x others yaaa");
  phone.pull();
  const UndoResult undone = phone.db->invert_group(false);
  CHECK(undone.mutations == 1);
  CHECK(undone.left.empty());
  CHECK(phone.body() == " others aaa");
  phone.sound();
  phone.sync();
  CHECK(content(world.server.notes.at("1").body) == " others aaa");
  phone.db->invert_group(true);
  phone.sync();
  CHECK(phone.body().size() == std::string("x others yaaa").size());
  CHECK(phone.body().find(" others ") != std::string::npos);
}

TEST_CASE("undo of plain SQL's edit of a text is its inverse, too, with edits in the queue") {
  Typed world;
  Device phone(world.server);
  phone.write("aaa bbb");
  phone.sync();
  phone.write("ccc aaa bbb");
  phone.batch();
  phone.db->invert_group(false);
  CHECK(phone.body() == "aaa bbb");
  phone.db->invert_group(false);
  CHECK(phone.body() == "aaa");
  phone.sound();
  phone.sync();
  CHECK(content(world.server.notes.at("1").body) == "aaa");
}
