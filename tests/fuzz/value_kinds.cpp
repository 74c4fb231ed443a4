// The table of kinds: names come back, and SQLite's types never make a rowid's alias. Two names,
// one a line.
#include "protocol/value_kinds.h"

#include <cstring>

#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

FUZZ_TARGET(value_kinds) {
  fuzz::Bytes bytes(input);
  const std::string_view kind_name = bytes.until('\n'), type_name = bytes.rest();
  if (const auto kind = parse_value_kind(kind_name))
    require(to_string(*kind) == kind_name, "a kind comes back from its name");
  const ValueKind kind = kind_of_pg_type(type_name);
  require(parse_value_kind(to_string(kind)) == kind, "a type has a kind that has a name");
  for (int each = 0; each < value_kind_count; ++each) {
    for (const bool in_key : {false, true}) {
      const char* declared = sqlite_type(static_cast<ValueKind>(each), type_name, in_key);
      require(declared != nullptr && declared[0] != '\0', "each kind is declared somehow");
      require(std::strcmp(declared, "INTEGER") != 0, "no key is an alias of the rowid");
    }
  }
}
