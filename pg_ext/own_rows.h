// Rows of the extension's own small tables, read without a statement: a live pull asks three of
// them, and what a statement needs beside the rows takes longer than reading them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace objectos::server {

// The columns asked for, in that order, by their types' output functions; oids and regclass as
// numbers, bytea in hexadecimal digits. Empty: NULL.
using OwnRow = std::vector<std::optional<std::string>>;

std::int64_t number_or(const std::optional<std::string>& text, std::int64_t otherwise);

// As the active snapshot sees them. `columns` are names of columns of objectos_sync.`table`. The
// caller's rights are not asked. All throw PgError, and SyncError where a column is missing.
std::vector<OwnRow> own_rows(const char* table, const std::vector<const char*>& columns);
// The row of that key, which is the table's first column, of type text.
std::optional<OwnRow> own_row(const char* table, const std::vector<const char*>& columns,
                              const std::string& key);

}  // namespace objectos::server
