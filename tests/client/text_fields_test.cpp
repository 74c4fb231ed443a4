// Text fields on the client: what is queued, sent and pulled of them, against a server in the same
// process. Local writes come from the sqlite3 shell, because any program may write.
#include <doctest/doctest.h>

#include "tests/client/text_server.h"

using namespace text_server;

namespace {

std::string member(const std::string& json, const std::string& name) {
  const RawMembers members = json_members(json);
  const std::string* const raw = json_find(members, name);
  return raw == nullptr ? "" : *raw;
}
std::string sent_body(const QueuedMutation& mutation) {
  return member(member(mutation.frozen, "data"), "body");
}

struct OneNote {
  Server server;
  OneNote() { server.put("1", "Hello world"); }
};

}  // namespace

TEST_CASE("what plain SQL writes to a text goes to the server as an operation of its revision") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello brave world");
  const auto batch = phone.batch();
  REQUIRE(batch.size() == 1);
  CHECK(sent_body(batch[0]) == R"({"revision":11,"op":[6,"brave "]})");
  CHECK(member(batch[0].frozen, "original") == "");
  CHECK(phone.op(0) == R"({"body":{"op":[6,"brave "]}})");
  CHECK(phone.body() == "Hello brave world");
  phone.sound();
}

TEST_CASE("two who edit one text offline both keep their words") {
  OneNote world;
  Device ann(world.server, "ann"), ben(world.server, "ben");
  ann.write("Hello brave world");
  ann.write("Hello brave world!");
  ben.write("Oh, Hello world");
  ann.sync();
  ben.sync();
  ann.sync();
  CHECK(world.server.notes.at("1").body == "\"Oh, Hello brave world!\"");
  CHECK(ann.body() == "Oh, Hello brave world!");
  CHECK(ben.body() == "Oh, Hello brave world!");
}

TEST_CASE("edits of one push name the same revision, each made of the text after the one before") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello brave world");
  phone.write("Hello brave new world");
  const auto batch = phone.batch();
  REQUIRE(batch.size() == 2);
  CHECK(sent_body(batch[0]) == R"({"revision":11,"op":[6,"brave "]})");
  CHECK(sent_body(batch[1]) == R"({"revision":11,"op":[12,"new "]})");
}

TEST_CASE("steps without queued edits become the row's text") {
  OneNote world;
  Device phone(world.server);
  world.server.edit("1", "Hello new world");
  world.server.edit("1", "Hello new world!");
  phone.pull();
  CHECK(phone.body() == "Hello new world!");
  CHECK(phone.shell("SELECT _version = " + std::to_string(world.server.version) +
                    ", _synced FROM notes") == "1|1");
  CHECK(phone.db->queue().empty());
}

TEST_CASE("queued edits move over what is pulled, sent ones keep their bytes") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello world!");
  const std::string sent = phone.batch().at(0).frozen;
  phone.write("Hello world! Bye");
  world.server.edit("1", "So: Hello world");
  phone.pull();
  CHECK(phone.body() == "So: Hello world! Bye");
  CHECK(phone.op(0) == R"({"body":{"op":[15,"!"]}})");
  CHECK(phone.op(1) == R"({"body":{"op":[16," Bye"]}})");
  CHECK(phone.batch().at(0).frozen == sent);
  phone.sync();
  CHECK(phone.body() == "So: Hello world! Bye");
}

TEST_CASE("an edit behind a sent one of its text waits until that has come back") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello world!");
  REQUIRE(phone.push());
  phone.write("Hello world!?");
  CHECK(phone.batch().empty());
  CHECK(phone.batch(1).empty());
  phone.sql("UPDATE notes SET title = 'x'");  // keeps its place in the order
  CHECK(phone.batch().empty());
  world.server.edit("1", "Oh Hello world!");
  phone.pull();
  CHECK(phone.body() == "Oh Hello world!?");
  REQUIRE(phone.batch().size() == 2);
  phone.sync();
  CHECK(world.server.notes.at("1").body == "\"Oh Hello world!?\"");
}

TEST_CASE("pull_first is no verdict: the edits wait, move over what came, and go again") {
  OneNote world;
  Device phone(world.server);
  world.server.behind_max = 2;
  phone.write("Hello world!");
  phone.sql("UPDATE notes SET title = 'x'");
  for (int i = 0; i < 5; ++i)
    world.server.edit("1", "a" + content(world.server.notes.at("1").body));
  const auto before = phone.db->queue();
  REQUIRE(phone.push());
  const auto queue = phone.db->queue();
  REQUIRE(queue.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(queue[i].state == "pending");
    CHECK(queue[i].frozen == "");
    CHECK(queue[i].id == before[i].id);
    CHECK(queue[i].client_sequence == before[i].client_sequence);
  }
  phone.pull();
  CHECK(phone.body() == "aaaaaHello world!");
  CHECK(phone.sync() == 1);
  CHECK(world.server.notes.at("1").body == "\"aaaaaHello world!\"");
}

TEST_CASE("what was frozen behind an edit that wants a pull first waits with it") {
  OneNote world;
  world.server.put("2", "Two");
  Device phone(world.server);
  world.server.behind_max = 0;
  world.server.edit("1", "Hello");
  phone.write("Hello world!");
  phone.write("Two!", "2");
  const auto first = phone.db->next_batch(1);
  REQUIRE(first.size() == 1);
  const auto verdicts = world.server.push("phone", first);
  REQUIRE(phone.db->next_batch(1, first[0].client_sequence).size() == 1);
  phone.db->store_verdicts(verdicts);
  for (const QueuedMutation& mutation : phone.db->queue()) CHECK(mutation.state == "pending");
  phone.sync();
  CHECK(phone.body() == "Hello!");
  CHECK(phone.body("2") == "Two!");
}

TEST_CASE("a lost answer: the same bytes go again, and take effect once") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello world!");
  REQUIRE(phone.push(false));
  world.server.edit("1", "Oh " + content(world.server.notes.at("1").body));
  phone.write("Hello world!!");
  phone.db.reset();
  phone.db = LocalDatabase::open(phone.path, LocalDatabase::Mode::engine);
  phone.sync();
  CHECK(phone.body() == "Oh Hello world!!");
  CHECK(world.server.notes.at("1").body == "\"Oh Hello world!!\"");
}

TEST_CASE("a lost answer that a pull tells: the edit is in the text, and leaves the queue") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello world!");
  REQUIRE(phone.push(false));
  phone.write("Hello world!?");
  phone.pull();
  CHECK(phone.db->queue().size() == 1);
  CHECK(phone.body() == "Hello world!?");
  phone.sync();
  CHECK(world.server.notes.at("1").body == "\"Hello world!?\"");
}

TEST_CASE("a rejected edit is taken out of the text, later ones stay and go again") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello world!");
  phone.sql("UPDATE notes SET body = 'Hello bad world!', title = 'bad'");
  phone.write("Oh, Hello bad world!");
  phone.sync();
  CHECK(phone.body() == "Oh, Hello world!");
  CHECK(world.server.notes.at("1").body == "\"Oh, Hello world!\"");
  const auto rejections = phone.db->rejections();
  REQUIRE(rejections.size() == 1);
  CHECK(member(rejections[0].data, "body") == "\"Hello bad world!\"");
  CHECK(member(rejections[0].original, "body") == "\"Hello world!\"");
}

TEST_CASE("a rejected edit of a text that is tried again is merged with what stands there now") {
  OneNote world;
  Device phone(world.server);
  phone.sql("UPDATE notes SET body = 'Hello bad world', title = 'bad'");
  phone.sync();
  world.server.edit("1", "Oh, Hello world");
  phone.pull();
  phone.db->retry(phone.db->rejections().at(0).mutation_id);
  CHECK(phone.body() == "Oh, Hello bad world");
  phone.sound();
}

TEST_CASE("an edit that is discarded leaves the later ones") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello brave world");
  phone.write("Hello brave world!");
  phone.db->discard(phone.db->queue().at(0).id);
  CHECK(phone.body() == "Hello world!");
  phone.sound();
  phone.sync();
  CHECK(world.server.notes.at("1").body == "\"Hello world!\"");
}

TEST_CASE("a text that is NULL is an empty one; set to NULL it is that, unless others write") {
  OneNote world;
  Device phone(world.server);
  phone.sql("UPDATE notes SET body = NULL");
  CHECK(sent_body(phone.batch().at(0)) == R"({"revision":11,"op":[-11],"null":true})");
  phone.sync();
  CHECK(world.server.notes.at("1").body == "null");
  CHECK(phone.body() == "(null)");
  phone.write("New");
  phone.sync();
  CHECK(phone.body() == "New");
  phone.sql("UPDATE notes SET body = NULL");
  world.server.edit("1", "New text");
  phone.pull();
  CHECK(phone.body() == " text");
  phone.sync();
  CHECK(world.server.notes.at("1").body == "\" text\"");
  phone.sql("UPDATE notes SET body = NULL; UPDATE notes SET body = ''");
  phone.sync();
  CHECK(phone.body() == "");
  CHECK(world.server.notes.at("1").body == "\"\"");
}

TEST_CASE("others set a text to NULL under an edit, which makes a text of it") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello world!");
  Note& note = world.server.notes.at("1");
  world.server.edit("1", "");
  note.body = "null";
  phone.pull();
  CHECK(phone.body() == "!");
  phone.sync();
  CHECK(note.body == "\"!\"");
}

TEST_CASE("where steps are not kept the whole text comes, with what of the queue is in it") {
  OneNote world;
  world.server.keeps_steps = false;
  Device phone(world.server);
  phone.write("Hello world!");
  REQUIRE(phone.push());
  phone.write("Hello world!?");
  world.server.edit("1", "Oh, " + content(world.server.notes.at("1").body));
  phone.pull();
  CHECK(phone.body() == "Oh, Hello world!?");
  CHECK(phone.db->queue().size() == 1);
  phone.sync();
  CHECK(world.server.notes.at("1").body == "\"Oh, Hello world!?\"");
}

TEST_CASE(
    "a record that leaves the view and comes back keeps its edit, merged with the text then") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello world!");
  phone.write("Hello world!?");
  phone.round({row("removal", "notes", "1")});
  CHECK(phone.body() == "(no row)");
  CHECK(member(phone.op(1), "body") == "\"Hello world!?\"");
  world.server.edit("1", "Oh, Hello world");
  Note& note = world.server.notes.at("1");
  phone.round({row("mutation", "notes", "1", "insert",
                   "{\"id\":\"1\",\"title\":\"t\",\"body\":" + note.body + "}", note.version)});
  CHECK(phone.body() == "Oh, Hello world!?");
  phone.sound();
  phone.cut = world.server.version;
  phone.sync();
  CHECK(note.body == "\"Oh, Hello world!?\"");
}

TEST_CASE("an edit of a record that the server has deleted goes as values, and is a conflict") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello world!");
  Note& note = world.server.notes.at("1");
  note.there = false, note.version = ++world.server.version;
  phone.pull();
  CHECK(sent_body(phone.batch().at(0)) == "\"Hello world!\"");
  phone.sync();
  CHECK(phone.body() == "(no row)");
}

TEST_CASE("edits of a record made here wait for it, or go into its insert") {
  for (const bool folds : {false, true}) {
    CAPTURE(folds);
    OneNote world;
    Device phone(world.server);
    phone.folds = folds;
    phone.sql("INSERT INTO notes(id, title, body) VALUES ('2', 'n', 'New')");
    phone.write("New note", "2");
    phone.write("A new note", "2");
    const auto batch = phone.batch();
    REQUIRE(batch.size() == 1);
    CHECK(sent_body(batch[0]) == (folds ? "\"A new note\"" : "\"New\""));
    CHECK(phone.body("2") == "A new note");
    phone.sound();
    CHECK(phone.sync() == (folds ? 1 : 2));
    CHECK(phone.body("2") == "A new note");
    CHECK(world.server.notes.at("2").body == "\"A new note\"");
  }
}

TEST_CASE("an insert and an edit of its text in one group go together") {
  OneNote world;
  Device phone(world.server);
  phone.sql(
      "BEGIN; INSERT INTO _group DEFAULT VALUES; INSERT INTO notes(id, body) VALUES ('2', 'New');"
      "UPDATE notes SET body = 'New note' WHERE id = '2'; DELETE FROM _group; COMMIT");
  phone.write("New note!", "2");
  const auto batch = phone.batch();
  REQUIRE(batch.size() == 2);
  CHECK(sent_body(batch[1]) == "\"New note\"");
  phone.sync();
  CHECK(phone.body("2") == "New note!");
  CHECK(world.server.notes.at("2").body == "\"New note!\"");
}

TEST_CASE("what others wrote upon an insert moves the edits that waited for it") {
  OneNote world;
  Device phone(world.server);
  phone.sql("INSERT INTO notes(id, title, body) VALUES ('2', 'n', 'New')");
  phone.write("New note", "2");
  REQUIRE(phone.push());
  world.server.edit("2", "A New");
  phone.pull();
  CHECK(phone.body("2") == "A New note");
  phone.sync();
  CHECK(world.server.notes.at("2").body == "\"A New note\"");
}

TEST_CASE("an insert that is rejected takes its edits along") {
  OneNote world;
  Device phone(world.server);
  phone.sql("INSERT INTO notes(id, title, body) VALUES ('2', 'bad', 'New')");
  phone.write("New note", "2");
  phone.sync();
  CHECK(phone.body("2") == "(no row)");
  CHECK(phone.body() == "Hello world");
}

TEST_CASE("folded, a chain of edits of a text goes as one operation, other fields by their rules") {
  OneNote world;
  Device phone(world.server);
  phone.folds = true;
  phone.write("Hello world!");
  phone.write("Hello world!?");
  phone.write("Oh Hello world!?");
  phone.sql("UPDATE notes SET title = 'x', body = 'Oh hello world!?'");
  phone.write("oh hello world!?");
  const auto batch = phone.batch();
  REQUIRE(batch.size() == 2);
  CHECK(member(batch[0].frozen, "data") ==
        R"({"title":"x","body":{"revision":11,"op":["Oh ",-1,"h",10,"!?"]}})");
  CHECK(sent_body(batch[1]) == R"({"revision":11,"op":[-1,"o"]})");
  phone.sync();
  CHECK(world.server.notes.at("1").body == "\"oh hello world!?\"");
}

TEST_CASE("a deletion behind an edit of a text goes by itself") {
  OneNote world;
  Device phone(world.server);
  phone.folds = true;
  phone.write("Hello world!");
  phone.sql("DELETE FROM notes");
  CHECK(phone.batch().size() == 2);
  phone.sync();
  CHECK(phone.body() == "(no row)");
}

TEST_CASE("a step that does not follow the text here asks for the whole row") {
  OneNote world;
  Device phone(world.server), other(world.server, "other");
  phone.write("Hello world!");
  for (Device* device : {&phone, &other}) {
    const std::string steps =
        R"({"title":"y","body":{"since":20,"steps":[{"revision":21,"side":"left","op":["x"]}]}})";
    const RoundResult round = device->round({row("mutation", "notes", "1", "update", steps, 21)});
    CHECK(round.missing_rows == 1);
    CHECK(device->body() == (device == &phone ? "Hello world!" : "Hello world"));
    const RoundResult healed =
        device->round({row("mutation", "notes", "1", "update", steps, 21),
                       row("mutation", "notes", "1", "insert",
                           R"({"id":"1","title":"y","body":"xHello world"})", 21)});
    CHECK(healed.missing_rows == 0);
    CHECK(device->body() == (device == &phone ? "xHello world!" : "xHello world"));
    device->sound();
  }
}

TEST_CASE("a column that ceases to be a text, and is one again, keeps the edits in the queue") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello world!");
  phone.batch();
  phone.write("Hello world!?");
  PulledRow plain = row("schema"), text = row("schema");
  plain.data = Device::notes_schema("lww");
  text.data = Device::notes_schema();
  phone.round({plain});
  CHECK(phone.op(1) == R"({"body":"Hello world!?"})");
  CHECK(phone.body() == "Hello world!?");
  phone.round({row("mutation", "notes", "1", "update", R"({"body":"Oh, Hello world"})", 12)});
  CHECK(phone.body() == "Hello world!?");
  phone.sound();
  phone.round({text});
  phone.round({row("mutation", "notes", "1", "update", R"({"title":"y"})", 13)});
  CHECK(phone.body() == "Oh, Hello world!?");
  phone.sound();
}

TEST_CASE("a program beside the engine sees one text in every state of the file") {
  OneNote world;
  Device phone(world.server);
  phone.write("Hello world!");
  world.server.edit("1", "Oh, Hello world");
  phone.pull();
  CHECK(phone.shell("SELECT body FROM notes") == "Oh, Hello world!");
  phone.write("Oh, Hello world!?");
  CHECK(phone.body() == "Oh, Hello world!?");
  CHECK(phone.shell("SELECT json_extract(image, '$.body') FROM _base") == "Oh, Hello world");
  phone.sync();
  CHECK(phone.shell("SELECT count(*) FROM _base") == "0");
  CHECK(phone.shell("SELECT body, _synced FROM notes") == "Oh, Hello world!?|1");
}

TEST_CASE("ten thousand pending edits of a long text are one operation") {
  Server server;
  server.put("1", std::string(100'000, 'a'));
  Device phone(server);
  phone.folds = true;
  phone.write("b" + phone.body());
  phone.shell(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
      "INSERT INTO _mutations(id, object, record_id, operation, data, timestamp, version) SELECT "
      "'m' || i, 'notes', '1', 'update', '{\"body\":{\"op\":[' || (1 + (i * 7919) % 90000) || "
      "',\"x\"]}}', '2026-01-01T00:00:00Z', 11 FROM n;"
      "UPDATE _history_control SET noted = 10001;");
  REQUIRE(phone.db->counters().pending == 10'001);
  const auto batch = phone.batch();
  REQUIRE(batch.size() == 1);
  server.edit("1", "c" + content(server.notes.at("1").body));
  phone.pull();
  CHECK(phone.db->queue().size() == 1);
  CHECK(phone.body().size() == 110'002);
  phone.sync();
  CHECK(content(server.notes.at("1").body) == phone.body());
}
