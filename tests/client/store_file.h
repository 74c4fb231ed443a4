// A local database in a directory of its own, and the sqlite3 shell beside it as any other program.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "store/local_database.h"

namespace store_file {

using namespace objectos;

struct Column {
  std::string name, kind = "text", type = "text";
};

inline std::string object_schema(const std::string& name, const std::vector<std::string>& key,
                                 const std::vector<Column>& columns) {
  std::string text = "{\"object\":\"" + name + "\",\"key\":[";
  for (const std::string& part : key) text += (part == key[0] ? "\"" : ",\"") + part + "\"";
  text += "],\"columns\":[";
  for (std::size_t i = 0; i < columns.size(); ++i)
    text += std::string(i == 0 ? "" : ",") + "{\"name\":\"" + columns[i].name + "\",\"type\":\"" +
            columns[i].type + "\",\"kind\":\"" + columns[i].kind + "\"}";
  return text + "]}";
}

inline std::string schema(const std::vector<std::string>& objects) {
  std::string text = "{\"epoch\":\"e\",\"protocol\":1,\"objects\":[";
  for (std::size_t i = 0; i < objects.size(); ++i) text += (i == 0 ? "" : ",") + objects[i];
  return text + "]}";
}

inline PulledRow row(const std::string& kind, const std::string& object = {},
                     const std::string& record_id = {}, const std::string& operation = {},
                     const std::string& data = {}, std::optional<int64_t> version = {}) {
  PulledRow made;
  made.kind = kind, made.object = object, made.record_id = record_id, made.operation = operation;
  made.data = data, made.version = version;
  return made;
}

inline StoredVerdict verdict(const std::string& id, const std::string& status, int64_t version) {
  StoredVerdict made;
  made.mutation_id = id, made.status = status, made.version = version;
  return made;
}

struct File {
  std::filesystem::path directory;
  std::string path;
  std::unique_ptr<LocalDatabase> db;

  File() {
    char name[] = "/tmp/store_file.XXXXXX";
    directory = mkdtemp(name);
    path = directory / "phone.db";
  }
  explicit File(const std::string& schema_text) : File() { create(schema_text); }
  ~File() {
    db.reset();
    std::filesystem::remove_all(directory);
  }
  void create(const std::string& schema_text) {
    db = LocalDatabase::create({path, "phone-1", "ann", "e", "postgresql:///crm", schema_text});
    db->begin_load()->finish("c0", "2026-01-01T00:00:00Z");
  }
  // What the shell prints; the text begins with "error" when it failed.
  std::string shell(const std::string& sql) const {
    std::ofstream(directory / "in.sql") << sql << "\n";
    std::string out = (directory / "out.txt").string();
    int code = std::system(
        ("sqlite3 -bail " + path + " <" + (directory / "in.sql").string() + " >" + out + " 2>&1")
            .c_str());
    std::stringstream text;
    text << std::ifstream(out).rdbuf();
    std::string printed = text.str();
    while (!printed.empty() && printed.back() == '\n') printed.pop_back();
    return code == 0 ? printed : "error: " + printed;
  }
  RoundResult round(const std::vector<PulledRow>& rows) {
    auto applier = db->begin_round();
    for (const PulledRow& pulled : rows) applier->apply(pulled);
    PulledRow last = row("checkpoint");
    last.checkpoint = "c1";
    applier->apply(last);
    return applier->commit("2026-01-02T00:00:00Z");
  }
  // One whole exchange in which the server applies everything that is queued.
  void push_all() {
    std::vector<PulledRow> rows;
    for (auto batch = db->next_batch(1000); !batch.empty(); batch = db->next_batch(1000)) {
      std::vector<StoredVerdict> verdicts;
      for (const QueuedMutation& mutation : batch) {
        verdicts.push_back(verdict(mutation.id, "applied", ++version));
        PulledRow ack = row("acknowledgement", mutation.object, mutation.record_id,
                            mutation.operation, R"({"status":"applied","absorb":true})", version);
        ack.id = mutation.id;
        rows.push_back(ack);
      }
      db->store_verdicts(verdicts);
    }
    round(rows);
  }
  int64_t version = 1000;
};

}  // namespace store_file
