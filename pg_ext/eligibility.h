// What sync_enable() accepts. Each refusal is a small check with its SQLSTATE and the offending
// name.
#pragma once

#include <optional>
#include <string>

#include "pg_ext/spi.h"

namespace objectos::server {

// A table as the catalog has it now.
struct TableFacts {
  Oid relid = 0;
  std::string schema;
  std::string table;
  std::string qualified;  // "schema"."table", quoted where needed
  char kind = 'r';        // pg_class.relkind
  char persistence = 'p';
  bool is_partition = false;
  bool is_typed = false;
  bool is_child = false;
  bool is_parent = false;
  bool is_system = false;
  std::string extension;  // that the table belongs to; empty: none
  int attributes = 0;     // slots used, dropped columns counted
  bool enabled = false;   // an object already
  bool is_partitioned() const { return kind == 'p'; }
};

// Under whatever lock the caller holds. 42P01 when it is gone.
TableFacts read_table(Spi& spi, Oid relid);

// Locks the table ACCESS EXCLUSIVE until the transaction ends, after checking that it exists
// (42P01) and that the caller owns it (42501; before the lock, so that nobody can block another's
// table). The facts are read under the lock.
TableFacts lock_own_table(Spi& spi, Oid relid);

// OS008: what cannot be synced, by name; of a table that is enabled, what cannot stay so.
void check_table(Spi& spi, const TableFacts& table);

// OS008: what cannot be a partition of an enabled table.
void check_partition(const TableFacts& partition);

struct EnableOptions {
  std::string strategy;
  std::string on_conflict;
  std::string deletes;
  std::string fields;                 // JSON object {"column": "strategy"}
  std::optional<std::string> object;  // the name; the table's when absent
  bool history = false;               // has an index for sync_history()
};

// The key's columns in key order: name, type, whether it is generated, the type's text.
Rows key_columns(Spi& spi, Oid relid);

// The object's name: as asked for, else the table's name, with its schema in front unless that is
// public. OS011 when clients could not have a table of that name, or another object has it.
std::string checked_object_name(Spi& spi, const TableFacts& table, const EnableOptions& options);

// The schema that the extension's functions are installed in, unquoted.
std::string function_schema();

}  // namespace objectos::server
