// sync_touch(), and the triggers of declared dependencies: they write log rows that say "look
// again" (touched_records.h).
#include "pg_ext/array_arguments.h"
#include "pg_ext/catalog.h"
#include "pg_ext/client_registry.h"
#include "pg_ext/dependency.h"
#include "pg_ext/filter_sql.h"
#include "pg_ext/json_form.h"
#include "pg_ext/log_writer.h"
#include "pg_ext/spi.h"
#include "protocol/json.h"
#include "protocol/limits.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

ObjectInfo object_to_touch(const std::string& name) {
  ObjectInfo object = readable_object(name);
  const Oid user = pg_call([] { return GetUserId(); });
  if (!may_touch(object.relid, user)) {
    throw SyncError("42501", "permission denied for touching object " + json_string(name),
                    "Records are sent round again by those who may UPDATE them.",
                    "Ask the owner for GRANT UPDATE.");
  }
  return object;
}

// As the log spells it: '042' and '42' are the same integer.
std::string canonical_id(const ObjectInfo& object, const std::string& record_id) {
  const std::vector<std::string> texts = key_input_texts(object, record_id);
  std::vector<const ColumnInfo*> key;
  std::vector<Datum> values;
  for (std::size_t i = 0; i < object.key.size(); ++i) {
    key.push_back(&object.columns[object.key[i]]);
    const Oid type = key.back()->base_type;
    const char* const text = texts[i].c_str();
    values.push_back(pg_call([&] {
      Oid function, param;
      getTypeInputInfo(type, &function, &param);
      return OidInputFunctionCall(function, const_cast<char*>(text), param, -1);
    }));
  }
  return record_id_of(key, values.data());
}

LogEntry touch_of(const std::string& object, const std::string& user) {
  LogEntry entry;
  entry.user_id = user;
  entry.object = object;
  entry.operation = "touch";
  return entry;
}

std::int64_t touch(const std::string& name, const std::vector<std::string>& record_ids) {
  if (record_ids.size() > limits::touched_records_max) {
    throw ProtocolError(
        ErrorCode::limit_exceeded, "too many records are touched at once",
        std::to_string(record_ids.size()) + " were named.",
        "Touch at most " + std::to_string(limits::touched_records_max) + " at a time.");
  }
  const ObjectInfo object = object_to_touch(name);
  const std::string user = calling_user();
  std::vector<LogEntry> entries;
  as_pinned([&] {
    for (const std::string& record_id : record_ids) {
      entries.push_back(touch_of(object.object, user));
      entries.back().record_id = canonical_id(object, record_id);
    }
  });
  if (!entries.empty()) write_log(entries);
  return static_cast<std::int64_t>(entries.size());
}

// A value that the trigger's rows have in the column, before or after, once.
std::string values_sql(const TriggerData* trigger, const std::string& column,
                       const std::string& type) {
  std::string sql;
  for (const char* table : {trigger->tg_trigger->tgoldtable, trigger->tg_trigger->tgnewtable}) {
    if (table == nullptr) continue;
    if (!sql.empty()) sql += " UNION ";
    sql += "SELECT (r." + quote_identifier(column) + ")::" + type + " AS v FROM " +
           quote_identifier(table) + " AS r";
  }
  return "SELECT DISTINCT u.v FROM (" + sql + ") AS u WHERE u.v IS NOT NULL LIMIT " +
         std::to_string(limits::touched_records_max + 1);
}

bool has_column(const TriggerData* trigger, const std::string& name, Oid base_type) {
  const TupleDesc shape = RelationGetDescr(trigger->tg_relation);
  for (int i = 0; i < shape->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(shape, i);
    if (attribute->attisdropped || name != NameStr(attribute->attname)) continue;
    return pg_call([&] { return getBaseType(attribute->atttypid); }) == base_type;
  }
  return false;
}

// Read as the writer, which is who made the rows.
std::vector<std::string> values_of(TriggerData* trigger, const Dependency& dependency,
                                   const ColumnInfo& column) {
  const std::string sql =
      values_sql(trigger, dependency.on_column, qualified_type(column.base_type));
  return as_pinned([&] {
    return with_spi([&](Spi& spi) {
      pg_call([&] { SPI_register_trigger_data(trigger); });
      const Rows rows = spi.execute_once(sql, {}, Access::read_only);
      std::vector<std::string> values;
      for (std::size_t row = 0; row < rows.size(); ++row) {
        if (row % 1000 == 999) check_interrupts();
        values.push_back(rows.text_or(row, 0, ""));
      }
      return values;
    });
  });
}

constexpr std::size_t values_per_row = 1000;

std::string touched_values(std::int16_t attnum, const std::vector<std::string>& values,
                           std::size_t from) {
  std::string list;
  const std::size_t end = std::min(values.size(), from + values_per_row);
  for (std::size_t i = from; i < end; ++i) list += (i > from ? "," : "") + json_string(values[i]);
  return "{\"attnum\":" + std::to_string(attnum) + ",\"values\":[" + list + "]}";
}

void require_may_touch(const TriggerData* trigger, const ObjectInfo& object) {
  if (may_touch(object.relid, trigger->tg_relation->rd_rel->relowner)) return;
  throw SyncError("42501",
                  "the owner of table " +
                      std::string(RelationGetRelationName(trigger->tg_relation)) +
                      " may not touch object " + json_string(object.object),
                  "Records are sent round again by those who may UPDATE them.",
                  "GRANT UPDATE to the owner, or call sync_undepend().");
}

// Where the columns are not what was declared, or all rows are gone, the whole object is read
// again.
void touch_dependents(TriggerData* trigger, const Dependency& dependency) {
  const std::optional<ObjectInfo> object = object_by_name(dependency.object);
  if (!object) return;
  require_may_touch(trigger, *object);
  const ColumnInfo* const column = object->column(dependency.object_column);
  std::vector<std::string> values;
  bool whole = TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) || column == nullptr ||
               !has_column(trigger, dependency.on_column, column->base_type);
  if (!whole) {
    values = values_of(trigger, dependency, *column);
    whole = values.size() > limits::touched_records_max;
  }
  const std::string user = calling_user();
  std::vector<LogEntry> entries;
  if (whole) {
    entries.push_back(touch_of(object->object, user));
    entries.back().data = "{}";
  } else {
    for (std::size_t from = 0; from < values.size(); from += values_per_row) {
      entries.push_back(touch_of(object->object, user));
      entries.back().data = touched_values(column->attnum, values, from);
    }
  }
  if (!entries.empty()) write_log(entries);
}

Dependency dependency_of(const TriggerData* trigger) {
  const Trigger* const declared = trigger->tg_trigger;
  if (declared->tgnargs != 3) {
    throw SyncError("39P01", "a trigger of objectos_sync.touch_dependents() has three arguments",
                    "", "sync_depend() makes it.");
  }
  return {declared->tgargs[0], declared->tgargs[1], declared->tgargs[2]};
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_touch) {
  return static_cast<Datum>(touch(text_argument(call, 0), text_array_argument(call, 1)));
}

OBJECTOS_FUNCTION(touch_dependents) {
  auto* const trigger = reinterpret_cast<TriggerData*>(call->context);
  if (!CALLED_AS_TRIGGER(call) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
      !TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event)) {
    throw SyncError("39P01", "objectos_sync.touch_dependents() is an AFTER statement trigger");
  }
  touch_dependents(trigger, dependency_of(trigger));
  return 0;  // a trigger's null pointer, not an SQL NULL
}
