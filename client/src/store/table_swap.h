// A table that is built anew beside the one it replaces, so that a long round needs the file's
// write lock for moments only. All of it is ordinary SQLite: in the end two tables of one shape
// trade the roots of their b-trees in sqlite_master, in the transaction that ends the round.
//
// Names of an object x while that goes on:
//   _incoming_x      what x is going to be, without triggers
//   _outgoing_x      what x was, to be emptied in small transactions
//   _sync_replacing  which of these there are
//   _sync_touched    records whose queue has changed since _incoming_x was begun, noted by triggers
// What a crash leaves of them means nothing; discard_leftovers() takes it away.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "local_database.h"
#include "short_transactions.h"

struct sqlite3;

namespace objectos {

std::string incoming_name(std::string_view object);

// Whether the object's table may be replaced: it is as the store made it, nothing but the queue's
// triggers is on it (they would not see a table that is exchanged), and its app's indexes can be
// made under other names.
bool can_be_replaced(sqlite3* database, const LocalObject& object);

// What must not change between create_incoming() and exchange(): the table and its app's indexes.
std::string shape_of(sqlite3* database, const LocalObject& object);

// Within a transaction: the empty table, and from now on the notes of touched records.
void create_incoming(sqlite3* database, const LocalObject& object);
// The app's indexes, on the filled table; each a transaction of its own.
void index_incoming(sqlite3* database, const LocalObject& object);
// Within a transaction, when the contents are complete: the incoming table takes the object's
// place, under its name, with its triggers and indexes; the old one is called _outgoing_x.
void exchange(sqlite3* database, const LocalObject& object);
void stop_noting(sqlite3* database);

bool has_leftovers(sqlite3* database);
// In small transactions.
void discard_leftovers(sqlite3* database);
// Within one transaction, at once.
void drop_leftovers(sqlite3* database);

}  // namespace objectos
