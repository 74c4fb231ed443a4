// The SQL function sync_history: the steps of one record, from the log.
//
// Who may ask: whoever may read the object and, under row-level security, sees the record now. The
// log itself is read as the owner; of its values only those of columns that the caller may SELECT
// go out. Steps from before the key was changed are left out: their ids mean other records. Under
// row-level security so are those before the newest delete: that was another record with this key,
// maybe somebody else's.
#include <limits>

#include "pg_ext/json_form.h"
#include "pg_ext/record_reader.h"
#include "protocol/errors.h"
#include "protocol/json.h"
#include "protocol/limits.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

struct HistoryCall {
  std::string object;
  std::string record_id;
  std::int64_t max_steps = 0;
  std::int64_t before_version = std::numeric_limits<std::int64_t>::max();
};

// A delete bears the version that it deleted, so two steps may have one version: they go together.
const std::string& steps_sql() {
  const auto readable = [](const std::string& column) {
    return "(SELECT pg_catalog.jsonb_object_agg(e.key, e.value) FROM pg_catalog.jsonb_each("
           "CASE pg_catalog.jsonb_typeof(m." +
           column + ") WHEN 'object' THEN m." + column + " END) AS e WHERE e.key = ANY ($3))";
  };
  static const std::string sql =
      "SELECT m.sequence, m.version, m.operation, m.user_id, m.client_id, m.device, m.id,"
      " m.\"timestamp\", m.data, m.original FROM (SELECT m.sequence, m.version, m.operation,"
      " m.user_id, m.client_id, m.device, m.id, m.\"timestamp\", " +
      readable("data") + " AS data, " + readable("original") +
      " AS original FROM objectos_sync.mutations AS m WHERE m.object = $1 AND m.record_id = $2"
      " AND m.operation IN ('insert', 'update', 'delete') AND m.sequence > $4 AND m.version < $5"
      " AND (NOT $7 OR m.version > (SELECT coalesce(max(d.version), 0) FROM"
      " objectos_sync.mutations AS d WHERE d.object = $1 AND d.record_id = $2"
      " AND d.operation = 'delete'))"
      " ORDER BY m.version DESC FETCH FIRST $6 ROWS WITH TIES) AS m"
      " ORDER BY m.version DESC, m.operation <> 'delete', m.sequence DESC";
  return sql;
}

bool sees_record(Spi& spi, const ObjectView& object, const std::string& record_id) {
  static const FieldsOf none = [](const std::string&, std::int64_t) {
    static const std::vector<std::string> fields;
    return &fields;
  };
  bool seen = false;
  as_pinned([&] {
    read_records(spi, object, {record_id}, none, [&](RecordRow&& row) {
      seen = seen || row.record_id == record_id;
      return true;
    });
  });
  return seen;
}

void write_steps(Spi& spi, const HistoryCall& call, const ObjectInfo& info, RowWriter& writer) {
  std::vector<std::optional<std::string>> readable;
  for (const ColumnInfo& column : info.columns) {
    if (column.selectable) readable.emplace_back(column.name);
  }
  as_owner([&] {
    const Rows rows = spi.execute(
        steps_sql(),
        {Param::text(call.object), Param::text(call.record_id), Param::text_array(readable),
         Param::int8(info.rekeyed_at), Param::int8(call.before_version),
         Param::int8(call.max_steps), Param::boolean(info.row_security)},
        Access::read_only);
    const int columns = rows.empty() ? 0 : rows.column_count();
    for (std::size_t row = 0; row < rows.size(); ++row) {
      for (int column = 0; column < columns; ++column) {
        bool is_null = false;
        const Datum value = rows.datum(row, column, &is_null);
        writer.datum(value, is_null);
      }
      writer.end_row();
    }
  });
}

HistoryCall call_of(FunctionCall call) {
  HistoryCall history;
  history.object = text_argument(call, 0);
  history.record_id = text_argument(call, 1);
  history.max_steps = argument_is_null(call, 2) ? 100 : int4_argument(call, 2);
  if (!argument_is_null(call, 3)) history.before_version = int8_argument(call, 3);
  if (history.max_steps < 1 || history.max_steps > limits::history_steps_max) {
    throw ProtocolError(
        ErrorCode::limit_exceeded, "max_steps is out of range",
        "It is " + std::to_string(history.max_steps) + ".",
        "Give a number from 1 to " + std::to_string(limits::history_steps_max) + ".");
  }
  return history;
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_history) {
  RowWriter writer(call);
  const HistoryCall history = call_of(call);
  with_spi([&](Spi& spi) {
    ObjectView object;
    object.info = readable_object(history.object);
    if (object.info.row_security && !sees_record(spi, object, history.record_id)) return;
    write_steps(spi, history, object.info, writer);
  });
  return null_result(call);
}
