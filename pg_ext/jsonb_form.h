// The JSON form of a row as jsonb, for the log. The same forms as pg_ext/json_form.h: types that
// are frequent in bulk are built directly, all others come from append_json_form().
#pragma once

#include <string>
#include <vector>

#include "pg_ext/catalog.h"

namespace objectos::server {

// Types that jsonb_row() builds by itself, whatever the session's settings are.
bool has_direct_form(Oid base_type) noexcept;

// The columns' indexes in the order in which jsonb keeps their names.
std::vector<std::size_t> jsonb_key_order(const std::vector<const ColumnInfo*>& columns);

// A jsonb object of those columns whose `wanted` is true, allocated in the current memory context.
// `values` and `nulls` are indexed by attnum - 1.
// `order` is jsonb_key_order(columns). `forms`: by column, the JSON text to stand for its value
// where it is not empty; none: nullptr. Throws 54000 beyond what a jsonb object can hold.
Datum jsonb_row(const std::vector<const ColumnInfo*>& columns,
                const std::vector<std::size_t>& order, const std::vector<char>& wanted,
                const Datum* values, const bool* nulls,
                const std::vector<std::string>* forms = nullptr);

}  // namespace objectos::server
