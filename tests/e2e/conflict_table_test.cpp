// docs/conflicts.md is true on a server: every cell of its table, pushed to real tables, with the
// other side's change made by plain SQL and by another client's push.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "protocol/object_rules.h"
#include "tests/e2e/support.h"
#include "tests/protocol/conflict_cells.h"

using namespace objectos;
using namespace e2e;
using conflict_cells::Cell;
using conflict_cells::Values;

namespace {

std::string literal(const std::string& text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

// How a strategy is asked for: of the object, of the field, or as the object's on_conflict.
enum class Place { object, field, on_conflict };

// The tables of one database: one for each way to enable.
class World {
 public:
  Server server;

  World() {
    server.exec(R"(
      CREATE FUNCTION both_field(base jsonb, client jsonb, server jsonb, context jsonb)
        RETURNS jsonb LANGUAGE sql AS
        $$ SELECT to_jsonb((client #>> '{}') || '+' || (server #>> '{}')) $$;
      CREATE FUNCTION both_object(base jsonb, client jsonb, server jsonb, context jsonb)
        RETURNS jsonb LANGUAGE sql AS
        $$ SELECT jsonb_object_agg(c.key, c.value || '+' || (server ->> c.key))
             FROM jsonb_each_text(client) c $$)");
  }

  // The table's name; made when it is first asked for.
  std::string table(const std::string& strategy, Place place, const std::string& deletes) {
    const std::string key = strategy + std::to_string(static_cast<int>(place)) + deletes;
    std::string& name = tables_[key];
    if (!name.empty()) return name;
    name = "cells_" + std::to_string(tables_.size());
    const std::string type = strategy == "counter" ? "int" : strategy == "set" ? "text[]" : "text";
    server.exec("CREATE TABLE " + name + " (id int PRIMARY KEY, f " + type + ", g text)");
    std::string asked = strategy, fields = "{}", on_conflict = "lww";
    if (strategy == "function")
      asked = place == Place::object ? "function:public.both_object" : "function:public.both_field";
    if (place == Place::field) {
      fields = R"({"f": ")" + asked + "\"}";
      asked = "manual";
    } else if (place == Place::on_conflict) {
      on_conflict = asked;
      asked = "merge";
    }
    server.exec("SELECT sync_enable(" + literal(name) + ", " + literal(asked) + ", " +
                literal(fields) + ", " + literal(on_conflict) + ", " + literal(deletes) + ")");
    return name;
  }

  int next() { return ++last_; }

 private:
  std::map<std::string, std::string> tables_;
  int last_ = 0;
};

// One record of a table, and what the two sides do to it.
class Case {
 public:
  Case(World& world, std::string table, std::string strategy, bool by_push)
      : world_(world),
        table_(std::move(table)),
        strategy_(std::move(strategy)),
        id_(std::to_string(world.next())),
        by_push_(by_push) {}

  void change_on_server(const Cell& cell, const Values& values) {
    const std::string& what = cell.server;
    if (what.starts_with("nothing (")) return;
    if (what == "insert") return other_side("insert", "f", values.server, "");
    sql("INSERT INTO " + table_ + " VALUES (" + id_ + ", " + native(values.base) + ", 'g')");
    seen_ = sql("SELECT _version FROM " + table_ + " WHERE id = " + id_);
    if (what == "nothing") return;
    if (what == "update of another field") return other_side("update", "g", "\"h\"", "\"g\"");
    if (what == "update to the same value")
      return other_side("update", "f", values.client, values.base);
    if (what == "update of the field" || what.starts_with("update, then"))
      other_side("update", "f", values.server, values.base);
    if (what == "update of the field") return;
    REQUIRE((what == "delete" || what == "update, then delete" || what == "delete, then insert"));
    other_side("delete", "", "", "");
    if (what == "delete, then insert") other_side("insert", "f", values.server, "");
  }

  // The verdict as docs/conflicts.md writes it; `reason` gets the verdict's.
  std::string push(const Cell& cell, const Values& values, std::string& reason) {
    const std::string operation = cell.client.substr(0, cell.client.find(','));
    const bool knows_original = cell.client.find("original unknown") == std::string::npos;
    // What the log would tell is pruned.
    if (!knows_original) sql("SELECT sync_prune('0')");
    const std::string time = cell.strategy == "lww (earlier)" ? "2001-01-01T00:00:00Z" : "";
    const std::string verdict =
        pushed("this", operation, operation == "delete" ? "" : "f", values.client,
               operation == "update" && knows_original ? values.base : "", time);
    const std::size_t bar = verdict.find('|');
    reason = verdict.substr(0, bar);
    std::string value = sql("SELECT to_jsonb(f)::text FROM " + table_ + " WHERE id = " + id_);
    std::erase(value, ' ');
    return verdict.substr(bar + 1) + ": " +
           (value.empty() ? "gone" : conflict_cells::label_of(values, value));
  }

 private:
  std::string sql(const std::string& text) { return world_.server.exec(text); }

  // JSON to a literal of the column's type.
  std::string native(const std::string& json) {
    if (strategy_ == "set") return "ARRAY(SELECT jsonb_array_elements_text(" + literal(json) + "))";
    return "(" + literal(json) + "::jsonb #>> '{}')" + (strategy_ == "counter" ? "::int" : "");
  }

  void other_side(const std::string& operation, const std::string& field, const std::string& to,
                  const std::string& from) {
    if (by_push_) {
      pushed("other", operation, field, to, from, "2002-01-01T00:00:00Z");
      return;
    }
    const std::string value = field == "g" ? "'h'" : operation == "delete" ? "" : native(to);
    if (operation == "insert")
      sql("INSERT INTO " + table_ + " VALUES (" + id_ + ", " + value + ", 'g')");
    else if (operation == "delete")
      sql("DELETE FROM " + table_ + " WHERE id = " + id_);
    else
      sql("UPDATE " + table_ + " SET " + field + " = " + value + " WHERE id = " + id_);
  }

  // "reason|status, resolution" of one mutation at the version this record was seen at, or, of the
  // other client, at the version it has.
  std::string pushed(const std::string& client, const std::string& operation,
                     const std::string& field, const std::string& to, const std::string& from,
                     const std::string& time) {
    const std::string now_version = "(SELECT _version FROM " + table_ + " WHERE id = " + id_ + ")";
    const std::string version = operation == "insert" ? "NULL"
                                : client == "other"   ? now_version
                                                      : seen_;
    const auto object = [&](const std::string& value) {
      return value.empty()
                 ? std::string("NULL")
                 : "json_build_object(" + literal(field) + ", " + literal(value) + "::json)";
    };
    return sql(
        "SELECT concat(reason, '|', concat_ws(', ', status, resolution)) FROM sync_push(" +
        literal(client) +
        ", json_build_array(json_strip_nulls(json_build_object('id', gen_random_uuid(), "
        "'object', " +
        literal(table_) + ", 'record_id', " + literal(id_) + ", 'operation', " +
        literal(operation) + ", 'data', " + (field.empty() ? "NULL" : object(to)) +
        ", 'original', " + object(from) + ", 'version', " + (version.empty() ? "NULL" : version) +
        ", 'timestamp', " +
        (time.empty() ? "to_json(clock_timestamp())" : "to_json(" + literal(time) + "::text)") +
        "))))");
  }

  World& world_;
  const std::string table_, strategy_, id_;
  const bool by_push_;
  std::string seen_;
};

}  // namespace

TEST_CASE("docs/conflicts.md: every cell of the table is what a push to a server gives") {
  const std::vector<Cell> cells = conflict_cells::read("docs/conflicts.md");
  REQUIRE(cells.size() == 16 * 8);
  World world;
  int walked = 0;
  for (const Cell& cell : cells) {
    const std::string strategy = cell.strategy.substr(0, cell.strategy.find(' '));
    const Values values = conflict_cells::values_of(strategy);
    const bool combines = strategy == "counter" || strategy == "set";
    for (const std::string deletes : {"deletion_wins", "update_wins"}) {
      if (cell.client.find('`') != std::string::npos &&
          cell.client.find(deletes) == std::string::npos)
        continue;
      for (const Place place : {Place::object, Place::field, Place::on_conflict}) {
        // A strategy for a kind of value is a field's; on_conflict takes the four plain ones.
        if (place == Place::object && combines) continue;
        if (place == Place::on_conflict && (combines || strategy == "function")) continue;
        for (const bool by_push : {false, true}) {
          CAPTURE(cell.client);
          CAPTURE(cell.server);
          CAPTURE(cell.strategy);
          CAPTURE(static_cast<int>(place));
          CAPTURE(by_push);
          Case tried(world, world.table(strategy, place, deletes), strategy, by_push);
          tried.change_on_server(cell, values);
          std::string reason;
          CHECK(tried.push(cell, values, reason) == cell.expected);
          CHECK(reason == cell.reason);
          ++walked;
        }
      }
    }
  }
  CHECK(walked > 1'000);
}
