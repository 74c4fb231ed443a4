// What undo and redo say after an edit was discarded: it was never written.
#include <doctest/doctest.h>

#include "tests/client/store_file.h"

using namespace store_file;

namespace {

const Column kId{"id"}, kName{"name"}, kCity{"city"};

struct Notebook : File {
  Notebook() : File(schema({object_schema("notes", {"id"}, {kId, kName, kCity})})) {
    round({row("mutation", "notes", "1", "insert", R"({"id":"1","name":"one","city":"x"})", 1),
           row("mutation", "notes", "2", "insert", R"({"id":"2","name":"two","city":"y"})", 2)});
  }
  void rename(const std::string& id, const std::string& name) {
    CHECK(shell("UPDATE notes SET name='" + name + "' WHERE id='" + id + "'") == "");
  }
  std::string name(const std::string& id) {
    return shell("SELECT name FROM notes WHERE id='" + id + "'");
  }
  void discard_newest() { db->discard(db->queue().back().id); }
  // What can be undone and redone, the newest first: "done 1=Ada; undone 2=two".
  std::string remembered() {
    std::string text;
    for (const HistoryGroup& group : db->history()) {
      text += (text.empty() ? "" : "; ") + group.state;
      for (const HistoryMutation& mutation : group.mutations)
        text += " " + mutation.operation + " " + mutation.record_id;
    }
    return text;
  }
  // Undoes or redoes; "" or what it says instead.
  std::string say(bool redo) {
    try {
      const UndoResult result = db->invert_group(redo);
      return result.left.empty() ? "" : "something was left";
    } catch (const StoreError& error) {
      return error.what();
    }
  }
  std::string undo() { return say(false); }
  std::string redo() { return say(true); }
  ~Notebook() { CHECK(db->verify_local().empty()); }
};

}  // namespace

TEST_CASE("a discarded edit cannot be undone: the one before it is, or there is nothing to undo") {
  Notebook book;
  book.rename("1", "first");
  book.rename("2", "second");
  book.discard_newest();
  CHECK(book.remembered() == "done update 1");
  CHECK(book.undo() == "");
  CHECK(book.name("1") == "one");
  CHECK(book.name("2") == "two");
  CHECK(book.undo() == "there is nothing to undo");
}

TEST_CASE("undoing an edit made upon a discarded one brings back what was there before both") {
  Notebook book;
  book.rename("1", "discarded");
  const std::string first = book.db->queue().back().id;
  book.rename("1", "kept");
  book.db->discard(first);
  CHECK(book.name("1") == "kept");
  CHECK(book.undo() == "");
  CHECK(book.name("1") == "one");
  CHECK(book.redo() == "");
  CHECK(book.name("1") == "kept");
}

TEST_CASE("an edit whose undo was discarded is done again, and can be undone again") {
  Notebook book;
  book.rename("1", "first");
  book.rename("2", "second");
  CHECK(book.undo() == "");
  book.discard_newest();
  CHECK(book.name("2") == "second");
  CHECK(book.remembered() == "done update 2; done update 1");
  CHECK(book.redo() == "there is nothing to redo");
  CHECK(book.undo() == "");
  CHECK(book.name("2") == "two");
  CHECK(book.undo() == "");
  CHECK(book.name("1") == "one");
}

TEST_CASE(
    "an edit whose redo was discarded can be redone again, unless something new was written") {
  Notebook book;
  book.rename("1", "first");
  book.rename("2", "second");
  CHECK(book.undo() == "");
  CHECK(book.redo() == "");
  SUBCASE("nothing new") {
    book.discard_newest();
    CHECK(book.name("2") == "two");
    CHECK(book.redo() == "");
    CHECK(book.name("2") == "second");
  }
  SUBCASE("something new") {
    const std::string redone = book.db->queue().back().id;
    book.rename("1", "third");
    book.db->discard(redone);
    CHECK(book.redo() == "there is nothing to redo");
    CHECK(book.remembered() == "done update 1; done update 1");
    CHECK(book.undo() == "");
    CHECK(book.name("1") == "first");
  }
}

TEST_CASE("the discarded undo of a group gives back all of it: inserts, deletions, updates") {
  Notebook book;
  CHECK(book.shell("BEGIN; INSERT INTO _group DEFAULT VALUES; INSERT INTO notes(id, name) "
                   "VALUES('3', 'new'); UPDATE notes SET city='Rome' WHERE id='1'; DELETE FROM "
                   "notes WHERE id='2'; DELETE FROM _group; COMMIT") == "");
  const std::string written = book.shell("SELECT * FROM notes ORDER BY id");
  CHECK(book.undo() == "");
  const std::string before = book.shell("SELECT * FROM notes ORDER BY id");
  book.discard_newest();
  CHECK(book.shell("SELECT * FROM notes ORDER BY id") == written);
  CHECK(book.remembered() == "done insert 3 update 1 delete 2");
  CHECK(book.undo() == "");
  CHECK(book.shell("SELECT * FROM notes ORDER BY id") == before);
  CHECK(book.redo() == "");
  CHECK(book.shell("SELECT * FROM notes ORDER BY id") == written);
}
