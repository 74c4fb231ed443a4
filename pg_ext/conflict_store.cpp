#include "pg_ext/conflict_store.h"

#include "pg_ext/client_registry.h"
#include "pg_ext/log_writer.h"
#include "pg_ext/spi.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

constexpr const char* open_sql = R"(
INSERT INTO objectos_sync.conflicts (conflict_id, mutation_id, client_id, object, record_id,
                                     reason, base, client,
                                     server, client_version, server_version, opened_at,
                                     status)
VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6, $7::jsonb, $8::jsonb, $9::jsonb, $10, $11,
        pg_catalog.now(), 'open'))";

constexpr const char* columns_sql = R"(
SELECT c.conflict_id, c.mutation_id, c.client_id, c.object, c.record_id, c.reason,
       c.base, c.client, c.server,
       c.client_version, c.server_version, c.status, c.opened_at
  FROM objectos_sync.conflicts c )";

// Whoever sees the record hears of it by the next pull.
void log_conflict(const std::string& client_id, const std::string& user,
                  const std::string& conflict_id, const std::string& object,
                  const std::string& record_id, const char* status,
                  std::optional<std::int64_t> version) {
  LogEntry entry;
  if (!client_id.empty()) entry.client_id = client_id;
  entry.user_id = user;
  entry.object = object;
  entry.record_id = record_id;
  entry.operation = "conflict";
  entry.data = "{\"conflict_id\":" + json_string(conflict_id) + ",\"status\":\"" + status + "\"}";
  entry.version = version;
  write_log({entry});
}

Json json_of(const Rows& rows, std::size_t row, int column) {
  const auto text = rows.text(row, column);
  return text ? parse_json(*text) : Json();
}

ConflictRow row_of(const Rows& rows, std::size_t i) {
  ConflictRow row;
  row.conflict_id = rows.text_or(i, 0, "");
  row.mutation_id = rows.text_or(i, 1, "");
  row.client_id = rows.text_or(i, 2, "");
  row.object = rows.text_or(i, 3, "");
  row.record_id = rows.text_or(i, 4, "");
  row.reason = rows.text_or(i, 5, "");
  row.base = json_of(rows, i, 6);
  row.client = json_of(rows, i, 7);
  row.server = json_of(rows, i, 8);
  row.client_version = rows.int8(i, 9);
  row.server_version = rows.int8(i, 10);
  row.status = rows.text_or(i, 11, "");
  row.opened_at = rows.text_or(i, 12, "");
  return row;
}

}  // namespace

std::string new_uuid() {
  unsigned char bytes[16];
  if (!pg_call([&] { return pg_strong_random(bytes, sizeof bytes); })) {
    throw SyncError("OS000", "the server has no random bytes");
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

namespace {

// A client's newer conflict about the same fields takes the place of its older one.
constexpr const char* older_sql = R"(
SELECT c.conflict_id FROM objectos_sync.conflicts c
 WHERE c.object = $1 AND c.record_id = $2 AND c.client_id = $3 AND c.status = 'open'
   AND NOT EXISTS (SELECT FROM pg_catalog.jsonb_object_keys(c.client) AS k(field)
                    WHERE NOT $4::jsonb ? k.field))";

void supersede_older(const std::string& client_id, const std::string& user,
                     const OpenedConflict& newer) {
  std::vector<std::string> older;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      Rows rows =
          spi.execute(older_sql, {Param::text(newer.object), Param::text(newer.record_id),
                                  Param::text(client_id), Param::text(object_text(newer.client))});
      for (std::size_t i = 0; i < rows.size(); ++i) older.push_back(rows.text_or(i, 0, ""));
    });
  });
  for (const std::string& conflict_id : older) {
    end_moot_conflict(conflict_id, "superseded", user);
  }
}

}  // namespace

void open_conflicts(const std::string& client_id, const std::vector<OpenedConflict>& conflicts) {
  if (conflicts.empty()) return;
  const std::string user = calling_user();
  for (const OpenedConflict& one : conflicts) {
    supersede_older(client_id, user, one);
    as_owner([&] {
      with_spi([&](Spi& spi) {
        spi.execute(open_sql,
                    {Param::text(one.conflict_id), Param::text(one.mutation_id),
                     Param::text(client_id), Param::text(one.object), Param::text(one.record_id),
                     Param::text(one.reason), Param::text(object_text(one.base)),
                     Param::text(object_text(one.client)), Param::text(object_text(one.server)),
                     Param::int8(one.client_version), Param::int8(one.server_version)});
      });
    });
    log_conflict(client_id, user, one.conflict_id, one.object, one.record_id, "open",
                 one.server_version);
  }
}

std::optional<ConflictRow> lock_conflict(const std::string& conflict_id) {
  std::optional<ConflictRow> found;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      Rows rows =
          spi.execute(std::string(columns_sql) + "WHERE c.conflict_id = $1::uuid FOR UPDATE",
                      {Param::text(conflict_id)});
      if (!rows.empty()) found = row_of(rows, 0);
    });
  });
  return found;
}

std::vector<ConflictRow> all_conflicts() {
  std::vector<ConflictRow> found;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      Rows rows = spi.execute(std::string(columns_sql) + "ORDER BY c.opened_at, c.conflict_id");
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i % 1000 == 999) check_interrupts();
        found.push_back(row_of(rows, i));
      }
    });
  });
  return found;
}

void end_moot_conflict(const std::string& conflict_id, const std::string& resolution,
                       const std::string& user) {
  std::optional<ConflictRow> conflict;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      Rows rows = spi.execute(std::string(columns_sql) +
                                  "WHERE c.conflict_id = $1::uuid AND c.status = 'open'"
                                  " FOR UPDATE SKIP LOCKED",
                              {Param::text(conflict_id)});
      if (!rows.empty()) conflict = row_of(rows, 0);
    });
  });
  if (conflict) end_conflict(*conflict, resolution, user);
}

void end_conflict(const ConflictRow& conflict, const std::string& resolution,
                  const std::string& resolved_by) {
  as_owner([&] {
    with_spi([&](Spi& spi) {
      spi.execute(
          "UPDATE objectos_sync.conflicts SET status = 'resolved', resolution = $2,"
          " resolved_by = $3, resolved_at = pg_catalog.now() WHERE conflict_id = $1::uuid",
          {Param::text(conflict.conflict_id), Param::text(resolution), Param::text(resolved_by)});
    });
  });
  log_conflict(conflict.client_id, resolved_by, conflict.conflict_id, conflict.object,
               conflict.record_id, "resolved", conflict.server_version);
}

}  // namespace objectos::server
