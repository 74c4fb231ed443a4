// The JSON form of values: one form per type, whatever the session's settings (contract:
// docs/types.md).
//
// Output settings are pinned by as_pinned(); run every statement whose values are turned into their
// form inside it when types beyond the fast ones may occur (json_form pins for itself only around
// the output functions it calls).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg_ext/boundary.h"
#include "pg_ext/catalog.h"

struct HeapTupleData;
struct TupleDescData;

namespace objectos::server {

// Appends the form of one value: `null`, `12`, `"text"`, `[1,2]`, …
void append_json_form(std::string& out, Oid type, Datum value, bool is_null);

// {"name":form,…} of the given columns; values[i] belongs to columns[i]. One guard for the whole
// row.
void append_row_form(std::string& out, const std::vector<const ColumnInfo*>& columns,
                     const Datum* values, const bool* nulls);

// record_id from the key's values in key order: bare text of a single key, canonical JSON array of
// a composite one.
std::string record_id_of(const std::vector<const ColumnInfo*>& key, const Datum* values);

// The text that the column type's input function takes, from a JSON value's text (`12`, `"a"`,
// `[1,2]`, `{"a":1}`, `null`). nullopt for JSON null. Throws SyncError 22P02 when the JSON kind
// cannot be this column's (an object for an integer, …).
std::optional<std::string> input_text(const ColumnInfo& column, std::string_view json);

// Key values' input texts from a record_id. Throws SyncError OS006 when it is malformed for the
// key.
std::vector<std::string> key_input_texts(const ObjectInfo& object, std::string_view record_id);

// Runs `work` under pinned DateStyle, IntervalStyle, TimeZone, bytea_output, extra_float_digits,
// search_path, array_nulls, xmloption and what else the texts of values hang on.
namespace detail {
int pin_settings();
void unpin_settings(int level);
}  // namespace detail

template <typename Work>
auto as_pinned(Work&& work) -> decltype(work()) {
  const int level = detail::pin_settings();
  try {
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      detail::unpin_settings(level);
    } else {
      auto result = work();
      detail::unpin_settings(level);
      return result;
    }
  } catch (...) {
    try {
      detail::unpin_settings(level);
    } catch (...) {
    }
    throw;
  }
}

}  // namespace objectos::server
