// A filter as an SQL condition on an object's table.
//
// Values are literals, written by their type's own output function and cast to it; columns come
// from the catalog. The operators are those of the type's default btree or hash class, by schema
// and name, and the column stands there as its base type: what the caller's search_path or a domain
// could find is never asked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "pg_ext/catalog.h"
#include "protocol/filter.h"

namespace objectos::server {

// What $user, $client and $device stand for.
struct FilterVariables {
  std::string user, client;
  std::optional<std::string> device;
};

// The column that a filter's name means: by attnum, so that a renamed column stays the same.
using FilterColumns = std::map<std::string, std::int16_t>;

// "pg_catalog.text", "public.mood": by schema and name, without a modifier.
std::string qualified_type(Oid type);

// "OPERATOR(pg_catalog.=)" of the type's default classes; nothing where it has none.
std::optional<std::string> equality_operator(Oid base_type);

// A column of the table t as such an operator takes it: as its base type.
std::string compared_column(const ColumnInfo& column);

// Those that the filter names as they are now. Throws ProtocolError OS019 for a name that is none
// of a column the caller may read.
FilterColumns find_filter_columns(const ObjectInfo& object, const Filter& filter);

// The condition, over the table under the alias t. Throws ProtocolError OS019 when a column is
// gone, may not be read, or is of a type without such an operator, and when a value is not of the
// column's type.
std::string filter_condition(const ObjectInfo& object, const Filter& filter,
                             const FilterColumns& columns, const FilterVariables& variables);

}  // namespace objectos::server
