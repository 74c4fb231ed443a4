// The server's answers in rows, column by column, as the transport's values.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "transport/pg_connection.h"
#include "transport/transport.h"

namespace objectos {

// SQL NULL is nullopt; text that is no number counts as 0.
std::optional<std::string> text_at(const PGresult* r, int row, int column);
std::optional<std::int64_t> number_at(const PGresult* r, int row, int column);
bool true_at(const PGresult* r, int row, int column);
std::string_view view_at(const PGresult* r, int row, int column);  // lives as long as the result

// Error class upgrade, code "unexpected_answer", where there is no digest.
Digest digest_at(const PGresult* r, int row, int column);
BucketSum sum_at(const PGresult* r, int row, int column);  // two columns: records, digest

// What is to be selected for a verdict, an entry of a record's log, a page of a pull.
inline constexpr const char* kVerdictColumns =
    "mutation_id, status, duplicate, version, sequence, reason, resolution, server_version, "
    "client_version, detail";
VerdictRow verdict_at(const PGresult* r, int row);

inline constexpr const char* kHistoryColumns =
    "sequence, version, operation, user_id, client_id, device, mutation_id, "
    "pg_catalog.to_char(\"timestamp\" AT TIME ZONE 'UTC', "
    "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), data, original";
HistoryEntry history_at(const PGresult* r, int row);

inline constexpr const char* kPageColumns =
    "kind, id, object, record_id, operation, data, version, tag, checkpoint, has_more";
std::unique_ptr<PullPage> page_of_rows(PgResult result);

}  // namespace objectos
