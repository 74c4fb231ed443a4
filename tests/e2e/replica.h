// What a test asks of a server and a file at the end: are they the same, and is the file sound.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/local_database.h"
#include "tests/e2e/support.h"

namespace e2e {

// One line per row, in key order, with every column and the version. Table and columns are plain
// names; `key` is compared as bytes on both sides.
inline std::string row_text(const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& column : columns)
    text += (text.empty() ? "" : " || '|' || ") + std::string("coalesce(CAST(") + column +
            " AS text), '-')";
  return text + " || '|' || _version";
}

inline std::string server_rows(Server& server, const std::string& table,
                               const std::vector<std::string>& columns) {
  std::string row = row_text(columns);
  return server.exec(
      "SELECT coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE \"C\"), '') "
      "FROM (SELECT " +
      row + " AS line FROM " + table + ") t");
}

inline std::string local_rows(const std::string& file, const std::string& table,
                              const std::vector<std::string>& columns) {
  return local(file, "SELECT coalesce(group_concat(line, char(10)), '') FROM (SELECT " +
                         row_text(columns) + " AS line FROM " + table + " ORDER BY line)");
}

// Promise 3, asked of the file itself: the records that break it, one per line.
inline std::string broken_records(const std::string& file) {
  std::string text;
  auto database = objectos::LocalDatabase::open(file, objectos::LocalDatabase::Mode::tool);
  for (const auto& difference : database->verify_local())
    text += difference.object + " " + difference.record_id + ": expected " + difference.expected +
            ", found " + difference.found + "\n";
  return text;
}

// What an emptied queue must not leave behind: base images, unsynced marks, applying marks.
inline std::string leftovers(const std::string& file, const std::string& table) {
  return local(file,
               "SELECT (SELECT count(*) FROM _mutations) || ' queued, ' || (SELECT count(*) "
               "FROM _base) || ' base images, ' || (SELECT count(*) FROM _applying) || "
               "' applying, ' || (SELECT count(*) FROM " +
                   table + " WHERE _synced <> 1) || ' unsynced'");
}

constexpr const char* kNoLeftovers = "0 queued, 0 base images, 0 applying, 0 unsynced";

// A server of its own and one device's file, which the command clones and syncs.
struct Synced {
  Server server;
  Directory directory;
  std::string phone = directory.file("phone.db");
  std::string file = shell_quoted(phone);

  Ended clone_into(const std::string& path) {
    return command("clone " + shell_quoted(server.conninfo()) + " " + shell_quoted(path));
  }
  Ended clone() { return clone_into(phone); }
  Ended sync(const std::string& fault = {}) { return command("sync " + file, fault); }
  // How many mutations of clients took effect.
  std::string pushed() {
    return server.exec(
        "SELECT count(*) FROM objectos_sync.mutations WHERE client_sequence IS NOT NULL");
  }
};

}  // namespace e2e
