// The SQL text of the client file: object tables, the triggers that queue local writes, our own
// tables. Text in, text out. The triggers are plain SQL, so any program that writes queues rightly.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "local_database.h"

namespace objectos {

std::vector<LocalObject> parse_schema(std::string_view schema_json);
std::string schema_epoch(std::string_view schema_json);
std::string declared_type(const LocalColumn& column);
std::string create_table_sql(const LocalObject& object, const std::string& table_name);
// SQLite runs the triggers of one event from the newest to the oldest. What an app's trigger writes
// is queued rightly when ours for new and changed rows come before it, and the one for deleted rows
// after it (children before their parent): so the first is made before the app's, the others after.
std::string create_delete_trigger_sql(const LocalObject& object);
std::string create_write_triggers_sql(const LocalObject& object);
std::string create_triggers_sql(const LocalObject& object);  // both, in this order
std::string drop_triggers_sql(const std::string& object);
extern const char* const system_tables_sql;
extern const char* const drop_system_tables_sql;

// The wire form of one value / the record_id / the whole row as JSON, of row `row` (NEW, OLD, t).
std::string value_sql(const LocalColumn& column, const std::string& row);
std::string record_id_sql(const LocalObject& object, const std::string& row);
std::string image_sql(const LocalObject& object, const std::string& row);
std::string key_match_sql(const LocalObject& object, const std::string& left,
                          const std::string& right);

}  // namespace objectos
