#include "staging_file.h"

#include <unistd.h>

namespace objectos {
namespace {

std::string_view view_of(const Statement& row, int column) {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(row.handle(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(row.handle(), column))};
}

}  // namespace

StagingFile::StagingFile(const std::string& live) : live_(live) {
  const std::string path = live + "-incoming";
  ::unlink(path.c_str());
  const int code = sqlite3_open_v2(path.c_str(), &database_,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  if (code != SQLITE_OK) throw_sqlite(database_, code);
  sqlite3_busy_timeout(database_, 10'000);
  run_sql(database_,
          "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-32768;"
          "CREATE TABLE kept(n INTEGER PRIMARY KEY,kind,id,object,record_id,operation,data,version,"
          "tag)");
  ::unlink(path.c_str());
  begin();
  keep_ = Statement(database_,
                    "INSERT INTO kept(kind,id,object,record_id,operation,data,version,tag) VALUES("
                    "?,?,?,?,?,?,?,?)");
}

StagingFile::~StagingFile() {
  keep_ = Statement();
  sqlite3_close_v2(database_);
}

// An INSERT … SELECT between two tables of one shape copies pages' contents without taking the rows
// apart. The live file is only read, for as long as this takes.
void StagingFile::copy_table(const LocalObject& object, const std::function<void()>& more) {
  run_sql(database_, create_table_sql(object, object.name) + "COMMIT;ATTACH " + quote_text(live_) +
                         " AS live");
  const std::string name = quote_name(object.name);
  run_sql(database_, "BEGIN;INSERT INTO main." + name + " SELECT * FROM live." + name);
  more();
  run_sql(database_, "COMMIT;DETACH live;BEGIN");
}

void StagingFile::keep(const PulledView& row) {
  keep_.bind_view(1, row.kind).bind_view(2, row.id).bind_view(3, row.object);
  keep_.bind_view(4, row.record_id).bind_view(5, row.operation).bind_view(6, row.data);
  keep_.bind(7, row.version).bind_view(8, row.tag).run();
}

void StagingFile::hand_over(const std::string& condition, const std::string& object,
                            const std::function<void(const PulledView&)>& each) {
  {
    Statement rows(database_,
                   "SELECT kind,id,object,record_id,operation,data,version,tag FROM kept" +
                       condition + " ORDER BY n");
    if (!condition.empty()) rows.bind(1, std::string_view(object));
    while (rows.step()) {
      PulledView row;
      row.kind = view_of(rows, 0), row.id = view_of(rows, 1), row.object = view_of(rows, 2);
      row.record_id = view_of(rows, 3), row.operation = view_of(rows, 4);
      row.data = view_of(rows, 5), row.version = rows.integer_or_none(6);
      row.tag = view_of(rows, 7);
      each(row);
    }
  }
  Statement gone(database_, "DELETE FROM kept" + condition);
  if (!condition.empty()) gone.bind(1, std::string_view(object));
  gone.run();
}

void StagingFile::take(const std::string& object,
                       const std::function<void(const PulledView&)>& each) {
  hand_over(" WHERE kind<>'acknowledgement' AND kind<>'conflict' AND object=?", object, each);
}

void StagingFile::take_all(const std::function<void(const PulledView&)>& each) {
  hand_over("", "", each);
}

}  // namespace objectos
