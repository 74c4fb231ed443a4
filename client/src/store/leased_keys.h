// Keys for records that are made offline: random UUIDs by a column's default, numbers from blocks
// that were leased from the key's own sequence on the server. Text in, text out.
//
// _leases(object, next, last, step): the numbers that this file may still give, oldest block first.
// A number is given by an AFTER INSERT trigger to a row that came without one, so the row is there
// for a moment with a NULL key. The queue's triggers pass over that moment: what is queued is the
// row with its key, once.
#pragma once

#include <string>

#include "local_database.h"

namespace objectos {

// A random UUID (version 4) as the server prints one.
extern const char* const random_uuid_sql;

// The key column that leases fill; nullptr: none.
const LocalColumn* leased_column(const LocalObject& object);

// What stands behind the column's type in CREATE TABLE.
std::string key_default_sql(const LocalColumn& column);

// "row.key IS NOT NULL" for the leased column; "" where there is none.
std::string has_key_sql(const LocalObject& object, const std::string& row);

// The body of the trigger that gives a new row its number. An empty lease raises an error.
std::string give_key_sql(const LocalObject& object);

}  // namespace objectos
