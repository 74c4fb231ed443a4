// Mallory tries to learn what row-level security and column grants keep from her.
#include <doctest/doctest.h>

#include "tests/e2e/attack_world.h"

using namespace e2e;

namespace {

constexpr const char* kUniform = "a constraint between records refuses it";

void check_uniform(const Answer& answer) {
  CHECK_MESSAGE(answer.has(kUniform), answer.rows << answer.message);
  for (const char* secret : {"23505", "23503", "23P01", "diary_pkey", "email", "salary", "_key"})
    CHECK_MESSAGE(!answer.has(secret), answer.rows);
}

}  // namespace

TEST_CASE("bringing back somebody's deleted record by an update does not give away its values") {
  AttackWorld world(", deletes => 'update_wins'");
  world.bob.rows("DELETE FROM diary WHERE id = 'bobs-entry'");
  const Answer answer = push(
      world.mallory, "m",
      mutation(1, "diary", "bobs-entry", "update", R"("data":{"owner":"mallory"},"version":1)"));
  CHECK(answer.has("conflict|deleted"));
  CHECK_FALSE(answer.has("secret"));
  CHECK(world.server.exec("SELECT count(*) FROM diary") == "0");
}

TEST_CASE("taking the key of somebody's deleted record does not open its history") {
  AttackWorld world;
  world.bob.rows("UPDATE diary SET body = 'bob-secret 2'");
  world.bob.rows("DELETE FROM diary");
  world.mallory.rows("INSERT INTO diary VALUES ('bobs-entry', 'mallory', 'mine')");
  const std::string steps = world.mallory.rows(
      "SELECT operation, data ->> 'body' FROM sync_history('diary', 'bobs-entry')");
  CHECK(steps == "insert|mine");
}

TEST_CASE("a hidden record has no history") {
  AttackWorld world;
  CHECK(world.bob.rows("SELECT count(*) FROM sync_history('diary', 'bobs-entry')") == "1");
  CHECK(world.mallory.rows("SELECT count(*) FROM sync_history('diary', 'bobs-entry')") == "0");
}

TEST_CASE("history leaves out columns that one may not read") {
  AttackWorld world;
  world.server.exec("UPDATE staff SET salary = 815047118 WHERE id = 1");
  const Answer answer = world.mallory.ask("SELECT * FROM sync_history('staff', '1')");
  CHECK(answer.has("Ada"));
  for (const char* secret : {"47114711", "815047118", "salary"}) CHECK_FALSE(answer.has(secret));
}

TEST_CASE("an update of a hidden record is answered like one of a record that never was") {
  AttackWorld world;
  const std::string rest = R"("data":{"body":"x"},"original":{"body":"y"},"version":1)";
  const Answer answer = push(world.mallory, "m",
                             mutation(1, "diary", "bobs-entry", "update", rest) + "," +
                                 mutation(2, "diary", "no", "update", rest));
  const auto half = answer.rows.find('\n') + 1;
  CHECK(answer.rows.substr(0, half) == answer.rows.substr(half));
  CHECK(world.server.exec("SELECT body FROM diary") == "bob-secret");
}

TEST_CASE("a delete of a hidden record is answered like one of a record that never was") {
  AttackWorld world;
  const Answer answer = push(world.mallory, "m",
                             mutation(1, "diary", "bobs-entry", "delete", R"("version":1)") + "," +
                                 mutation(2, "diary", "no", "delete", R"("version":1)"));
  const auto half = answer.rows.find('\n') + 1;
  CHECK(answer.rows.substr(0, half) == answer.rows.substr(half));
  CHECK(world.server.exec("SELECT count(*) FROM diary") == "1");
}

TEST_CASE("a key that a hidden record has is refused without saying that it is the key") {
  AttackWorld world;
  check_uniform(push(world.mallory, "m",
                     mutation(1, "diary", "bobs-entry", "insert", R"("data":{"body":"x"})")));
}

TEST_CASE("a unique value that a hidden record has is refused like a taken key") {
  AttackWorld world;
  const Answer key = push(world.mallory, "m",
                          mutation(1, "diary", "bobs-entry", "insert", R"("data":{"body":"x"})"));
  const Answer value =
      push(world.mallory, "m", mutation(2, "diary", "m2", "insert", R"("data":{"email":"bob@x"})"));
  check_uniform(value);
  CHECK(key.rows == value.rows);
}

TEST_CASE("probing a column that one may not read by its unique constraint does not name it") {
  AttackWorld world;
  check_uniform(
      push(world.mallory, "m",
           mutation(1, "staff", "3", "insert", R"("data":{"name":"M","salary":47114711})")));
  // Who may read it is told.
  const Answer told =
      push(world.ada, "a",
           mutation(1, "staff", "3", "insert", R"("data":{"name":"A","salary":47114711})"));
  CHECK(told.has("staff_salary_key"));
}

TEST_CASE("an exclusion constraint does not give away the hidden range that it met") {
  AttackWorld world;
  world.server.exec(
      "CREATE TABLE rooms (id int PRIMARY KEY, owner name, during int4range,"
      " EXCLUDE USING gist (during WITH &&))");
  world.server.exec("ALTER TABLE rooms ENABLE ROW LEVEL SECURITY");
  world.server.exec("CREATE POLICY own ON rooms USING (owner = current_user)");
  world.server.exec("SELECT sync_enable('rooms')");
  world.server.exec("GRANT ALL ON rooms TO mallory");
  world.server.exec("INSERT INTO rooms VALUES (1, 'bob', '[7,11)')");
  const Answer answer = push(
      world.mallory, "m",
      mutation(1, "rooms", "2", "insert", R"j("data":{"owner":"mallory","during":"[1,100)"})j"));
  check_uniform(answer);
  for (const char* secret : {"[7,11)", "during", "rooms_during"}) CHECK_FALSE(answer.has(secret));
}

TEST_CASE("deleting what a hidden record refers to does not name the table that refers") {
  AttackWorld world;
  world.server.exec("CREATE TABLE topics (id int PRIMARY KEY)");
  world.server.exec("CREATE TABLE covert (id int PRIMARY KEY, topic int REFERENCES topics)");
  world.server.exec("SELECT sync_enable('topics')");
  world.server.exec("GRANT ALL ON topics TO mallory");
  world.server.exec("INSERT INTO topics VALUES (1), (2)");
  world.server.exec("INSERT INTO covert VALUES (7, 1)");
  const Answer answer = push(world.mallory, "m", mutation(1, "topics", "1", "delete"));
  check_uniform(answer);
  CHECK_FALSE(answer.has("covert"));
  // In a group with an insert, checked at the group's end, all the same.
  world.server.exec("ALTER TABLE covert ALTER CONSTRAINT covert_topic_fkey DEFERRABLE");
  const Answer group = push(world.mallory, "m",
                            mutation(2, "topics", "1", "delete", R"("group":"g")") + "," +
                                mutation(3, "topics", "9", "insert", R"("data":{},"group":"g")"));
  CHECK(group.has(kUniform));
  CHECK_FALSE(group.has("covert"));
}

TEST_CASE("a child of a parent that is not there is told which one is missing") {
  AttackWorld world;
  world.server.exec("CREATE TABLE notes (id int PRIMARY KEY, staff int REFERENCES staff)");
  world.server.exec("SELECT sync_enable('notes')");
  world.server.exec("GRANT ALL ON notes TO ada");
  const Answer answer =
      push(world.ada, "a", mutation(1, "notes", "1", "insert", R"("data":{"staff":77})"));
  CHECK(answer.has("(staff)=(77) is not present"));
}

TEST_CASE("a row that breaks a check shows no column that one may not read") {
  AttackWorld world;
  world.server.exec("ALTER TABLE staff ADD CHECK (name <> 'bad')");
  const Answer answer = push(
      world.mallory, "m",
      mutation(1, "staff", "1", "update", R"("data":{"name":"bad"},"original":{"name":"Ada"})"));
  CHECK(answer.has("23514"));
  CHECK_FALSE(answer.has("47114711"));
}

TEST_CASE("editing a column that one may not read does not compare it") {
  AttackWorld world;
  const Answer answer = push(
      world.mallory, "m",
      mutation(1, "staff", "1", "update", R"("data":{"salary":1},"original":{"salary":47114711})") +
          "," +
          mutation(2, "staff", "1", "update",
                   R"("data":{"name":"M"},"original":{"salary":47114711})") +
          "," +
          mutation(3, "staff", "1", "update", R"("data":{"name":"M"},"original":{"salary":4712})"));
  CHECK(answer.has("rejected|not_authorized"));
  CHECK_FALSE(answer.has("conflict|"));
  CHECK_FALSE(answer.has("applied|"));
  CHECK(world.server.exec("SELECT name || salary FROM staff WHERE id = 1") == "Ada47114711");
}
