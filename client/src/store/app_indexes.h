// The app's own indexes and triggers on the object tables: what the store must know of them, and
// how it gets past them. They are the app's: whatever the store drops it makes again.
#pragma once

#include <string>
#include <vector>

#include "local_database.h"

struct sqlite3;

namespace objectos {

std::vector<AppUnique> app_unique_indexes(sqlite3* database, const std::string& table);

// Makes `object.app_unique` agree with the indexes there are now. True if the table's queue
// triggers agree with them, too, and stand in their order with the app's triggers (local_schema.h).
bool fits_app_statements(sqlite3* database, LocalObject& object);

// The same, and makes the triggers agree. Within a write transaction. True if they had to change.
bool follow_app_statements(sqlite3* database, LocalObject& object);

// Drops the app's UNIQUE indexes on a table and returns how to make them again: within a round,
// values may trade places, and only its end must satisfy them.
std::vector<std::string> drop_unique_indexes(sqlite3* database, const std::string& table);
void restore_unique_indexes(sqlite3* database, const std::string& table,
                            const std::vector<std::string>& statements);

}  // namespace objectos
