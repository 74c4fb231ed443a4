#include "local_schema.h"

#include <cstdlib>

#include "json_slices.h"
#include "leased_keys.h"
#include "sqlite_handle.h"
#include "undo_history.h"

namespace objectos {

int LocalObject::column_index(std::string_view wanted) const {
  for (size_t i = 0; i < columns.size(); i++)
    if (columns[i].name == wanted) return static_cast<int>(i);
  return -1;
}

bool LocalObject::merges_text() const {
  for (const LocalColumn& column : columns)
    if (column.merges_text) return true;
  return false;
}

bool LocalObject::is_text(std::string_view name) const {
  const int at = column_index(name);
  return at >= 0 && columns[static_cast<size_t>(at)].merges_text;
}

const char* const system_tables_sql = R"(
CREATE TABLE _mutations(client_sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
  object TEXT NOT NULL, record_id TEXT NOT NULL, operation TEXT NOT NULL, data TEXT, original TEXT,
  timestamp TEXT NOT NULL, version INTEGER, "group" TEXT, state TEXT NOT NULL DEFAULT 'pending',
  synced INTEGER NOT NULL DEFAULT 0, verdict TEXT, frozen TEXT, undo_of TEXT);
CREATE INDEX _mutations_state ON _mutations(state, client_sequence);
CREATE INDEX _mutations_record ON _mutations(object, record_id, client_sequence);
CREATE TABLE _base(object TEXT NOT NULL, record_id TEXT NOT NULL, image TEXT, version INTEGER,
  PRIMARY KEY(object, record_id)) WITHOUT ROWID;
CREATE TABLE _conflicts(conflict_id TEXT PRIMARY KEY, mutation_id TEXT, object TEXT, record_id TEXT,
  reason TEXT, status TEXT, resolution TEXT, data TEXT);
CREATE TABLE _group(id INTEGER PRIMARY KEY AUTOINCREMENT,
  started_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
CREATE TABLE _applying(by TEXT);
CREATE TABLE _replaced(object TEXT, arriving TEXT, record_id TEXT, image TEXT, version INTEGER);
CREATE TABLE _tags(object TEXT NOT NULL, record_id TEXT NOT NULL, tag TEXT NOT NULL,
  PRIMARY KEY(object, record_id));
CREATE INDEX _tags_tag ON _tags(tag);
CREATE TABLE _reread(object TEXT NOT NULL, record_id TEXT NOT NULL,
  PRIMARY KEY(object, record_id)) WITHOUT ROWID;
CREATE TABLE _rejections(mutation_id TEXT PRIMARY KEY, client_sequence INTEGER, object TEXT,
  record_id TEXT, operation TEXT, data TEXT, original TEXT, reason TEXT, detail TEXT, before TEXT,
  after TEXT, rejected_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
CREATE TABLE _leases(id INTEGER PRIMARY KEY AUTOINCREMENT, object TEXT NOT NULL,
  next INTEGER NOT NULL, last INTEGER NOT NULL, step INTEGER NOT NULL);
CREATE TABLE _lost_statements(name TEXT PRIMARY KEY, object TEXT NOT NULL, sql TEXT NOT NULL,
  reason TEXT, lost_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
CREATE TABLE _sync_state(checkpoint TEXT, last_sync TEXT, client_id TEXT, next_client_id TEXT,
  user_id TEXT, epoch TEXT, server TEXT, schema TEXT, confirmed INTEGER DEFAULT 0,
  complete INTEGER DEFAULT 0, clock_offset_ms INTEGER DEFAULT 0, format INTEGER DEFAULT 1);
)";
const char* const drop_system_tables_sql = R"(
DROP TABLE _mutations; DROP TABLE _base; DROP TABLE _conflicts; DROP TABLE _group;
DROP TABLE _applying; DROP TABLE _replaced; DROP TABLE _tags; DROP TABLE _reread;
DROP TABLE _rejections; DROP TABLE _leases; DROP TABLE _lost_statements; DROP TABLE _sync_state;
)";

namespace {

// SQLite's expression depth is limited to 1000: concatenate as a balanced tree, not a list.
std::string joined(const std::vector<std::string>& parts, const char* with, size_t from,
                   size_t to) {
  if (to - from == 1) return parts[from];
  size_t middle = from + (to - from) / 2;
  return "(" + joined(parts, with, from, middle) + with + joined(parts, with, middle, to) + ")";
}
std::string joined(const std::vector<std::string>& parts, const char* with, const char* none) {
  return parts.empty() ? none : joined(parts, with, 0, parts.size());
}

std::string member_name_sql(const LocalColumn& column) {
  return quote_text("," + json_string(column.name) + ":");
}
std::string field(const std::string& row, const LocalColumn& column) {
  return row + "." + quote_name(column.name);
}

// {"a":…,"b":…} of the columns for which `condition` (of a column name expression) holds.
template <typename Condition>
std::string object_sql(const LocalObject& object, const std::string& row, bool generated,
                       Condition condition) {
  std::vector<std::string> parts;
  for (const LocalColumn& column : object.columns) {
    if (column.generated && !generated) continue;
    std::string member = member_name_sql(column) + "||" + value_sql(column, row);
    std::string when = condition(column);
    parts.push_back(when.empty() ? "(" + member + ")"
                                 : "CASE WHEN " + when + " THEN " + member + " ELSE '' END");
  }
  return "('{'||substr(" + joined(parts, "||", "''") + ",2)||'}')";
}

std::string key_changed_sql(const LocalObject& object) {
  std::vector<std::string> parts;
  for (const LocalColumn& column : object.columns)
    if (column.is_key)
      parts.push_back("(" + field("OLD", column) + " IS NOT " + field("NEW", column) + ")");
  return joined(parts, " OR ", "0");
}

std::string any_changed_sql(const LocalObject& object) {
  std::vector<std::string> parts;
  for (const LocalColumn& column : object.columns)
    if (!column.generated)
      parts.push_back("(" + field("OLD", column) + " IS NOT " + field("NEW", column) + ")");
  return joined(parts, " OR ", "0");
}

// Refuses what the server could never store, while the writer still can be told.
std::string refuse_sql(const LocalObject& object) {
  std::vector<std::string> nul, missing;
  for (const LocalColumn& column : object.columns) {
    std::string value = field("NEW", column);
    if (column.kind != "bytes")
      nul.push_back("(typeof(" + value + ") IN('text','blob') AND instr(CAST(" + value +
                    " AS BLOB),x'00')>0)");
    if (column.is_key) missing.push_back("(" + value + " IS NULL)");
  }
  return "SELECT RAISE(ABORT,'a text holds U+0000, which PostgreSQL cannot store') WHERE " +
         joined(nul, " OR ", "0") + ";SELECT RAISE(ABORT,'a key column is NULL') WHERE " +
         joined(missing, " OR ", "0") + ";";
}

std::string queue_head() {
  return "INSERT INTO "
         "_mutations(id,object,record_id,operation,data,original,timestamp,version,\"group\")"
         " SELECT " +
         std::string(random_uuid_sql) + ",";
}
const char* const queue_time = ",strftime('%Y-%m-%dT%H:%M:%fZ','now'),";
const char* const queue_group = ",(SELECT CAST(max(id) AS TEXT) FROM _group)";

std::string queue_sql(const LocalObject& object, const std::string& row, const char* operation,
                      const std::string& data, const std::string& original,
                      const std::string& version, const std::string& where) {
  return queue_head() + quote_text(object.name) + "," + record_id_sql(object, row) + ",'" +
         operation + "'," + data + "," + original + queue_time + version + queue_group +
         (where.empty() ? "" : " WHERE " + where) + ";";
}

// WHERE NOT EXISTS, not OR IGNORE: an outer INSERT OR REPLACE overrides conflict clauses in here.
std::string save_base_sql(const LocalObject& object, const std::string& row,
                          const std::string& image, const std::string& version,
                          const std::string& where) {
  std::string name = quote_text(object.name), id = record_id_sql(object, row);
  return "INSERT INTO _base(object,record_id,image,version) SELECT " + name + "," + id + "," +
         image + "," + version + " WHERE NOT EXISTS(SELECT 1 FROM _base WHERE object=" + name +
         " AND record_id=" + id + ")" + (where.empty() ? "" : " AND " + where) + ";";
}

// Where it is not so already: an UPDATE fires the app's triggers, too.
std::string mark_unsynced_sql(const LocalObject& object) {
  return "UPDATE " + quote_name(object.name) + " SET _synced=0 WHERE " +
         key_match_sql(object, quote_name(object.name), "NEW") + " AND _synced<>0;";
}

// Under which name the arrival of NEW is noted in _replaced: its record id, which a row that waits
// for a leased key has not yet. The app's triggers may nest other arrivals in this one.
std::string arrival_sql(const LocalObject& object) {
  const std::string id = record_id_sql(object, "NEW"), keyed = has_key_sql(object, "NEW");
  return keyed.empty() ? id : "CASE WHEN " + keyed + " THEN " + id + " ELSE '' END";
}

std::string noted_sql(const LocalObject& object, const std::string& arrival) {
  return " FROM _replaced AS r WHERE r.object=" + quote_text(object.name) +
         " AND r.arriving=" + arrival;
}

std::string forget_noted_sql(const LocalObject& object, const std::string& arrival) {
  return "DELETE FROM _replaced WHERE object=" + quote_text(object.name) +
         " AND arriving=" + arrival + ";";
}

// The rows that OR REPLACE took away because of the app's UNIQUE indexes: noted before in
// _replaced, gone now. They were deleted, without a DELETE trigger. `where`: what was noted is of
// this statement.
std::string displaced_sql(const LocalObject& object, const std::string& arrival,
                          const std::string& where) {
  if (object.app_unique.empty()) return "";
  std::string gone = noted_sql(object, arrival) + " AND r.record_id<>" +
                     record_id_sql(object, "NEW") + " AND NOT EXISTS(SELECT 1 FROM " +
                     quote_name(object.name) + " t WHERE " + record_id_sql(object, "t") +
                     "=r.record_id)" + (where.empty() ? "" : " AND (" + where + ")");
  return "INSERT INTO _base(object,record_id,image,version) SELECT r.object,r.record_id,r.image,"
         "r.version" +
         gone +
         " AND NOT EXISTS(SELECT 1 FROM _base b WHERE b.object=r.object AND "
         "b.record_id=r.record_id);" +
         queue_head() + "r.object,r.record_id,'delete',NULL,r.image" + queue_time + "r.version" +
         queue_group + gone + ";" + history_join_sql + " WHERE EXISTS(SELECT 1" + gone + ");";
}

// Where something may have been joined.
std::string history_parted_sql(const LocalObject& object) {
  return object.app_unique.empty() ? "" : history_part_sql;
}

// A new row under NEW's key: an update if _replaced says that a row was there (OR REPLACE fires no
// DELETE trigger), else an insert.
std::string arrived_sql(const LocalObject& object, const std::string& arrival) {
  const std::string from =
      noted_sql(object, arrival) + " AND r.record_id=" + record_id_sql(object, "NEW");
  const std::string replaced = "EXISTS(SELECT 1" + from + ")";
  const std::string image = "(SELECT r.image" + from + ")",
                    version = "(SELECT r.version" + from + ")";
  auto always = [](const LocalColumn&) { return std::string(); };
  auto present = [](const LocalColumn& column) { return field("NEW", column) + " IS NOT NULL"; };
  const std::string table = quote_name(object.name);
  return displaced_sql(object, arrival, "") + save_base_sql(object, "NEW", image, version, "") +
         queue_sql(object, "NEW", "insert", object_sql(object, "NEW", false, present), "NULL",
                   "NULL", "NOT " + replaced) +
         queue_sql(object, "NEW", "update", object_sql(object, "NEW", false, always), image,
                   version, replaced) +
         "UPDATE " + table + " SET _synced=0,_version=" + version + " WHERE " +
         key_match_sql(object, table, "NEW") + " AND (_synced<>0 OR _version IS NOT " + version +
         ");" + forget_noted_sql(object, arrival) + history_parted_sql(object);
}

std::string unique_match_sql(const AppUnique& index) {
  std::vector<std::string> parts;
  for (const auto& [name, collation] : index.columns)
    parts.push_back("(t." + quote_name(name) + "=NEW." + quote_name(name) + " COLLATE " +
                    quote_name(collation) + ")");
  return "(" + joined(parts, " AND ", "0") + ")";
}

// Before a row arrives under NEW's key: notes which rows it may take the place of. `itself`: the
// row that is being updated, which it does not replace ("" when inserting).
std::string notice_sql(const LocalObject& object, const std::string& itself) {
  std::string same_key = key_match_sql(object, "t", "NEW"), taken = "(" + same_key + ")";
  for (const AppUnique& index : object.app_unique) taken += " OR " + unique_match_sql(index);
  if (!itself.empty()) taken = "(" + taken + ") AND NOT(" + itself + ")";
  const std::string arrival = arrival_sql(object);
  return forget_noted_sql(object, arrival) +
         "INSERT INTO _replaced(object,arriving,record_id,image,version) SELECT " +
         quote_text(object.name) + "," + arrival + "," + record_id_sql(object, "t") + "," +
         image_sql(object, "t") + ",t._version FROM " + quote_name(object.name) + " t WHERE " +
         taken + ";";
}

// Which updates may take another row's place: a changed key, or changed values of a UNIQUE index.
std::string displaces_sql(const LocalObject& object) {
  std::string sql = key_changed_sql(object);
  for (const AppUnique& index : object.app_unique)
    for (const auto& [name, collation] : index.columns)
      sql += " OR (OLD." + quote_name(name) + " IS NOT NEW." + quote_name(name) + ")";
  return sql;
}

// The row is gone under OLD's key.
std::string leave_sql(const LocalObject& object) {
  const std::string image = image_sql(object, "OLD");
  return save_base_sql(object, "OLD", image, "OLD._version", "") +
         queue_sql(object, "OLD", "delete", "NULL", image, "OLD._version", "");
}

std::string edited_sql(const LocalObject& object) {
  const auto changed = [](const LocalColumn& column) {
    return field("OLD", column) + " IS NOT " + field("NEW", column);
  };
  const std::string arrival = arrival_sql(object);
  return displaced_sql(object, arrival, displaces_sql(object)) +
         save_base_sql(object, "OLD", image_sql(object, "OLD"), "OLD._version", "") +
         queue_sql(object, "NEW", "update", object_sql(object, "NEW", false, changed),
                   object_sql(object, "OLD", false, changed), "OLD._version", "") +
         (object.app_unique.empty() ? "" : forget_noted_sql(object, arrival) + history_part_sql);
}

std::string trigger_name(const std::string& object, const char* what) {
  return quote_name("_queue_" + std::string(what) + "_" + object);
}

std::string trigger_sql(const LocalObject& object, const char* name, const std::string& event,
                        const std::string& when, const std::string& body) {
  return "CREATE TRIGGER " + trigger_name(object.name, name) + " " + event + " ON " +
         quote_name(object.name) + " WHEN NOT EXISTS(SELECT 1 FROM _applying)" +
         (when.empty() ? "" : " AND (" + when + ")") + " BEGIN " + body + " END;\n";
}

}  // namespace

std::string value_sql(const LocalColumn& column, const std::string& row) {
  std::string x = field(row, column);
  if (column.kind == "integer")
    return "CASE typeof(" + x + ") WHEN 'null' THEN 'null' WHEN 'integer' THEN CAST(" + x +
           " AS TEXT) WHEN 'real' THEN printf('%!.19g'," + x + ") ELSE json_quote(CAST(" + x +
           " AS TEXT)) END";
  if (column.kind == "boolean")
    return "CASE WHEN " + x + " IS NULL THEN 'null' WHEN typeof(" + x +
           ") IN('text','blob') THEN json_quote(CAST(" + x + " AS TEXT)) WHEN " + x +
           " THEN 'true' ELSE 'false' END";
  if (column.kind == "float" && !column.is_key)
    return "CASE WHEN typeof(" + x + ") NOT IN('real','integer') THEN json_quote(CAST(" + x +
           " AS TEXT)) WHEN " + x + "=9e999 THEN '\"Infinity\"' WHEN " + x +
           "=-9e999 THEN '\"-Infinity\"' ELSE printf('%!.19g'," + x + ") END";
  if (column.kind == "numeric" || column.kind == "float")
    return "CASE WHEN json_valid(CAST(" + x + " AS TEXT)) AND json_type(CAST(" + x +
           " AS TEXT)) IN('integer','real') THEN CAST(" + x + " AS TEXT) ELSE json_quote(CAST(" +
           x + " AS TEXT)) END";
  if (column.kind == "bytes")
    return "CASE WHEN " + x + " IS NULL THEN 'null' ELSE '\"\\\\x'||lower(hex(" + x +
           "))||'\"' END";
  if (column.kind == "array")
    return "CASE WHEN json_valid(CAST(" + x + " AS TEXT)) AND json_type(CAST(" + x +
           " AS TEXT))='array' THEN CAST(" + x + " AS TEXT) ELSE json_quote(CAST(" + x +
           " AS TEXT)) END";
  return "json_quote(CAST(" + x + " AS TEXT))";
}

std::string record_id_sql(const LocalObject& object, const std::string& row) {
  std::vector<std::string> parts;
  for (const std::string& name : object.key) {
    const LocalColumn& column = object.columns.at(static_cast<size_t>(object.column_index(name)));
    std::string x = field(row, column);
    if (object.key.size() == 1) {
      if (column.kind == "boolean") return "CASE WHEN " + x + " THEN 'true' ELSE 'false' END";
      if (column.kind == "bytes") return "('\\x'||lower(hex(" + x + ")))";
      return "CAST(" + x + " AS TEXT)";
    }
    parts.push_back(value_sql(column, row));
  }
  return "('['||" + joined(parts, "||','||", "''") + "||']')";
}

std::string image_sql(const LocalObject& object, const std::string& row) {
  return object_sql(object, row, true, [](const LocalColumn&) { return std::string(); });
}

std::string key_match_sql(const LocalObject& object, const std::string& left,
                          const std::string& right) {
  std::vector<std::string> parts;
  for (const std::string& name : object.key)
    parts.push_back("(" + left + "." + quote_name(name) + "=" + right + "." + quote_name(name) +
                    ")");
  return joined(parts, " AND ", "0");
}

std::string declared_type(const LocalColumn& column) {
  if (column.kind == "boolean") return "BOOLEAN";
  if (column.kind == "integer")
    return column.type == "smallint" ? "SMALLINT" : column.type == "integer" ? "INT" : "BIGINT";
  if (column.kind == "float") return column.is_key ? "TEXT" : "REAL";
  if (column.kind == "bytes") return "BLOB";
  return "TEXT";
}

std::string create_table_sql(const LocalObject& object, const std::string& table_name) {
  std::string sql = "CREATE TABLE " + quote_name(table_name) + "(", key;
  for (const LocalColumn& column : object.columns)
    sql += quote_name(column.name) + " " + declared_type(column) + key_default_sql(column) + ",";
  for (const std::string& name : object.key) key += (key.empty() ? "" : ",") + quote_name(name);
  return sql + "_version BIGINT,_synced INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(" + key + "));\n";
}

std::string create_delete_trigger_sql(const LocalObject& object) {
  const std::string id = record_id_sql(object, "OLD");
  return trigger_sql(object, "delete", "AFTER DELETE", has_key_sql(object, "OLD"),
                     leave_sql(object) + "DELETE FROM _replaced WHERE object=" +
                         quote_text(object.name) + " AND record_id=" + id + ";");
}

std::string create_write_triggers_sql(const LocalObject& object) {
  std::string columns;
  for (const LocalColumn& column : object.columns)
    if (!column.generated) columns += (columns.empty() ? "" : ",") + quote_name(column.name);
  const std::string moved = key_changed_sql(object), stayed = "NOT(" + moved + ")";
  const std::string edited = "(" + stayed + ") AND (" + any_changed_sql(object) + ")";
  // A row that waits for a leased key has none for a moment: nothing is queued then.
  const std::string keyed = has_key_sql(object, "NEW"), was = has_key_sql(object, "OLD");
  const auto both = [](const std::string& one, const std::string& other) {
    return other.empty() ? one : one.empty() ? other : "(" + one + ") AND " + other;
  };
  const std::string refuse = refuse_sql(object), arrival = arrival_sql(object);
  std::string sql =
      trigger_sql(object, "notice", "BEFORE INSERT", "", notice_sql(object, "")) +
      trigger_sql(object, "insert", "AFTER INSERT", keyed, refuse + arrived_sql(object, arrival)) +
      trigger_sql(object, "notice_move", "BEFORE UPDATE OF " + columns,
                  both(displaces_sql(object), was),
                  notice_sql(object, key_match_sql(object, "t", "OLD"))) +
      // A trigger of its own, or an app's trigger that this UPDATE fires could not fire "update".
      trigger_sql(object, "mark", "AFTER UPDATE OF " + columns, "NEW._synced<>0 AND " + edited,
                  mark_unsynced_sql(object)) +
      trigger_sql(object, "update", "AFTER UPDATE OF " + columns, edited,
                  refuse + edited_sql(object)) +
      trigger_sql(object, "move", "AFTER UPDATE OF " + columns, both(moved, was),
                  refuse + leave_sql(object) + history_join_sql + ";" +
                      arrived_sql(object, arrival) + history_part_sql);
  if (keyed.empty()) return sql;
  return sql +
         trigger_sql(object, "key", "AFTER INSERT", "NOT(" + keyed + ")", give_key_sql(object)) +
         trigger_sql(object, "named", "AFTER UPDATE OF " + columns, keyed + " AND NOT(" + was + ")",
                     refuse + arrived_sql(object, "''"));
}

std::string create_triggers_sql(const LocalObject& object) {
  return create_delete_trigger_sql(object) + create_write_triggers_sql(object);
}

std::string drop_triggers_sql(const std::string& object) {
  std::string sql;
  for (const char* what :
       {"notice", "insert", "notice_move", "mark", "update", "move", "delete", "key", "named"})
    sql += "DROP TRIGGER IF EXISTS " + trigger_name(object, what) + ";";
  return sql;
}

std::vector<LocalObject> parse_schema(std::string_view schema_json) {
  std::vector<LocalObject> objects;
  RawMembers schema = json_members(schema_json);
  const std::string* list = json_find(schema, "objects");
  if (list == nullptr)
    throw StoreError(StoreErrorKind::invalid_input, "the schema names no objects");
  for (const std::string& item : json_elements(*list)) {
    RawMembers members = json_members(item);
    LocalObject object;
    object.name = json_text(members, "object");
    const std::string *key = json_find(members, "key"), *columns = json_find(members, "columns");
    if (object.name.empty() || key == nullptr || columns == nullptr)
      throw StoreError(StoreErrorKind::invalid_input, "the schema lacks a member", item);
    for (const std::string& name : json_elements(*key)) object.key.push_back(json_unquote(name));
    for (const std::string& text : json_elements(*columns)) {
      RawMembers column = json_members(text);
      object.columns.push_back({json_text(column, "name"), json_text(column, "type"),
                                json_text(column, "kind"), json_true(column, "generated"), false,
                                std::atoi(json_text(column, "attnum").c_str()), false, false,
                                json_text(column, "key_source")});
    }
    for (const std::string& name : object.key) {
      int at = object.column_index(name);
      if (at < 0) throw StoreError(StoreErrorKind::invalid_input, "a key column is missing", name);
      object.columns[static_cast<size_t>(at)].is_key = true;
    }
    object.row_security = json_true(members, "rls");
    const std::string* const fields = json_find(members, "fields");
    const RawMembers strategies = fields == nullptr ? RawMembers() : json_members(*fields);
    for (LocalColumn& column : object.columns) {
      if (column.is_key || column.generated) continue;
      const std::string* const own = json_find(strategies, column.name);
      const std::string strategy =
          own == nullptr ? json_text(members, "strategy") : json_unquote(*own);
      column.counter = strategy == "counter";
      column.merges_text = strategy == "text";
    }
    objects.push_back(std::move(object));
  }
  return objects;
}

std::string schema_epoch(std::string_view schema_json) {
  return json_text(json_members(schema_json), "epoch");
}

}  // namespace objectos
