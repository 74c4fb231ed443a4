// The table that everything is measured on: a contact with uuid key, texts, numbers, a flag and a
// time; about 150 bytes of payload.
#pragma once

#include <cstddef>
#include <string>

#include "postgres.h"
#include "sqlite.h"

namespace bench {

// "id, name, …": all columns, ours aside.
extern const char* const contact_columns;
inline constexpr int contact_column_count = 9;

// CREATE TABLE without rows.
void create_contacts(Postgres& server, const std::string& table);
// INSERT … SELECT of `rows` generated contacts; the same ones for every table.
std::string insert_contacts_sql(const std::string& table, std::size_t rows);
// The SQLite table that the runtime would make of it, and nothing else, in a new file. `table`
// gets no triggers and no queue.
void create_local_contacts(Sqlite& file, const std::string& table);
// The hand-written bulk load: binary COPY out, decoded by fixed positions, one INSERT a row in one
// transaction without a journal, then one fsync. Returns the rows. Closes its own connection to
// the file, which did not exist before.
std::size_t bare_load(Postgres& server, const std::string& table, const std::string& path);

// Where files of a run live: build/bench, or $OBJECTOS_BENCH_DIR.
std::string bench_file(const std::string& name);

}  // namespace bench
