// A world in which an edit that was lost, or done twice, shows: every edit adds one to a counter
// and leaves a row of its own, in one group. The server adds up what clients add, so a lost edit
// leaves the sum behind the rows, one that is done twice goes ahead of them.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/e2e/replica.h"

namespace e2e {

struct CountedEdits {
  static constexpr int kItems = 8;
  Server server;

  CountedEdits() {
    server.exec("CREATE TABLE items (id text PRIMARY KEY, name text, amount int NOT NULL)");
    server.exec("CREATE TABLE edits (id text PRIMARY KEY, item text, at_server boolean)");
    server.exec("SELECT sync_enable('items', fields => '{\"amount\": \"counter\"}')");
    server.exec("SELECT sync_enable('edits')");
    server.exec("INSERT INTO items SELECT 'r' || i, 'start', 0 FROM generate_series(0, " +
                std::to_string(kItems - 1) + ") i");
  }

  // The edit that bears this name.
  static std::string edit_sql(const std::string& name, int item) {
    const std::string id = "'r" + std::to_string(item % kItems) + "'";
    return "UPDATE items SET amount = amount + 1 WHERE id = " + id +
           "; INSERT INTO edits (id, item, at_server) VALUES ('" + name + "', " + id + ", ";
  }
  static void edit(const std::string& file, const std::string& name, int item) {
    local(file, "BEGIN IMMEDIATE; INSERT INTO _group DEFAULT VALUES; " + edit_sql(name, item) +
                    "0); DELETE FROM _group; COMMIT");
  }
  void edit_by_psql(const std::string& name, int item) {
    server.exec("BEGIN; " + edit_sql(name, item) + "true); COMMIT");
  }

  // With nothing queued any more: `edits` of them took effect, each once, and the files say what
  // the server says.
  void check_all(const std::vector<std::string>& files, int edits) {
    const std::string count = std::to_string(edits);
    CHECK(server.exec("SELECT count(*) FROM edits") == count);
    CHECK(server.exec("SELECT sum(amount) FROM items") == count);
    CHECK(server.exec("SELECT string_agg(i.id, ' ') FROM items i WHERE amount <> (SELECT count(*) "
                      "FROM edits e WHERE e.item = i.id)") == "");
    CHECK(server.exec("SELECT count(*) - count(DISTINCT (client_id, client_sequence)) FROM "
                      "objectos_sync.mutations WHERE client_sequence IS NOT NULL") == "0");
    for (const std::string& file : files) {
      CAPTURE(file);
      CHECK(broken_records(file) == "");
      CHECK(leftovers(file, "items") == kNoLeftovers);
      CHECK(local_rows(file, "items", {"id", "name", "amount"}) ==
            server_rows(server, "items", {"id", "name", "amount"}));
      CHECK(local_rows(file, "edits", {"id", "item", "at_server"}) ==
            server_rows(server, "edits", {"id", "item", "at_server::int"}));
    }
  }
};

}  // namespace e2e
