// The database that check-crash calls into: tables of every kind and strategy, roles with and
// without rights.
#pragma once

#include <string>
#include <vector>

#include "tests/faults/session.h"

namespace faults {

struct Column {
  std::string name;
  std::string kind;  // names a kind of JSON value: messages.cpp
};

struct Table {
  std::string name;
  std::vector<Column> key;
  std::vector<Column> columns;
};

// As they are at first; DDL of the run may change them.
const std::vector<Table>& tables();
const std::vector<std::string>& roles();
void make_world(Session& session);

}  // namespace faults
