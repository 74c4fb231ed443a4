#include "pg_ext/shape.h"

#include "pg_ext/eligibility.h"
#include "pg_ext/identity.h"
#include "pg_ext/log_writer.h"
#include "pg_ext/partitions.h"
#include "pg_ext/table_setup.h"

namespace objectos::server {

// Types by oid, without modifiers: what a modifier changes in a row is a rewrite.
Shape read_shape(Spi& spi, Oid relid) {
  const Rows row = spi.execute(
      "SELECT (SELECT string_agg(format('%s:%s', a.attnum, a.atttypid), ',' ORDER BY k.place)"
      "  FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY"
      "   k(attnum, place) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
      "  WHERE i.indrelid = $1::oid AND i.indisprimary AND k.place <= i.indnkeyatts),"
      " (SELECT string_agg(format('%s:%s:%I', a.attnum, a.atttypid, a.attname), ','"
      "  ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0"
      "  AND NOT a.attisdropped)"
      " || (SELECT format(' off:%s', count(*)) FROM pg_trigger t WHERE t.tgenabled = 'D'"
      "  AND t.tgname::text ~ '^~objectos_sync_' AND (t.tgrelid = $1::oid OR t.tgrelid IN"
      "  (SELECT p.relid FROM objectos_sync.partitions p WHERE p.root = $1::oid)))",
      {Param::int8(relid)});
  return {row.text_or(0, 0, ""), row.text_or(0, 1, "")};
}

namespace {

// Our own DDL fires the event triggers that got us here.
class Following {
 public:
  Following() { busy = true; }
  ~Following() { busy = false; }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;
  static bool busy;
};
bool Following::busy = false;

std::int64_t log_change(const std::string& object, const std::string& user) {
  LogEntry entry;
  entry.object = object;
  entry.user_id = user;
  entry.operation = "schema";
  return write_log({entry}).front();
}

}  // namespace

Oid enabled_root(Spi& spi, Oid relid) {
  return as_owner([&] {
    const Rows found = spi.execute(
        "SELECT relid::oid FROM objectos_sync.objects WHERE relid = $1::oid OR relid ="
        " (SELECT root FROM objectos_sync.partitions WHERE relid = $1::oid)",
        {Param::int8(relid)});
    return found.empty() ? Oid(0) : static_cast<Oid>(found.int8(0, 0).value_or(0));
  });
}

void reshape(Spi& spi, Oid relid) {
  const std::string user = current_user_id();
  as_owner([&] {
    const std::string object =
        spi.execute(
               "SELECT object FROM objectos_sync.objects o JOIN objectos_sync.shapes s"
               " ON s.relid = o.relid WHERE o.relid = $1::oid",
               {Param::int8(relid)})
            .text_or(0, 0, "");
    if (object.empty()) return;
    spi.execute("UPDATE objectos_sync.shapes SET reshaped_at = $2 WHERE relid = $1::oid",
                {Param::int8(relid), Param::int8(log_change(object, user))});
  });
}

// What depends on the types, as far as types and relations go; and from a relation on to its row
// type (which depends on a table, while a composite type's relation depends on it).
void reshape_users_of_types(Spi& spi, const std::string& changed) {
  const std::vector<Oid> users = as_owner([&] {
    const Rows rows = spi.execute(
        "WITH RECURSIVE changed AS (" + changed +
        "), used(classid, objid) AS (SELECT 'pg_type'::regclass::oid, objid FROM changed"
        "  WHERE classid = 'pg_type'::regclass"
        " UNION SELECT 'pg_type'::regclass, c.reltype FROM changed"
        "  JOIN pg_class c ON c.oid = objid WHERE classid = 'pg_class'::regclass"
        " UNION SELECT n.classid, n.objid FROM used u, LATERAL"
        "  (SELECT d.classid, d.objid FROM pg_depend d WHERE d.refclassid = u.classid"
        "    AND d.refobjid = u.objid AND d.classid IN ('pg_class'::regclass, 'pg_type'::regclass)"
        "   UNION ALL SELECT 'pg_type'::regclass, c.reltype FROM pg_class c"
        "    WHERE u.classid = 'pg_class'::regclass AND c.oid = u.objid) n)"
        "SELECT DISTINCT o.relid FROM objectos_sync.shapes o JOIN used u ON u.objid = o.relid"
        " AND u.classid = 'pg_class'::regclass");
    return rows.oids();
  });
  for (const Oid relid : users) reshape(spi, relid);
}

void follow_object(Spi& spi, Oid relid) {
  if (Following::busy) return;
  const Following following;
  const TableFacts table = read_table(spi, relid);
  check_table(spi, table);
  const std::string user = current_user_id();
  const bool rows_moved = table.is_partitioned() && follow_partitions(spi, table);
  settle_roles(spi, relid, table.qualified);
  as_owner([&] {
    const Shape shape = read_shape(spi, relid);
    const std::string text = shape.text();
    const Rows known = spi.execute(
        "SELECT object, shape FROM objectos_sync.objects o JOIN objectos_sync.shapes s"
        " ON s.relid = o.relid WHERE o.relid = $1::oid",
        {Param::int8(relid)});
    if (known.empty()) return;
    const std::string before = known.text_or(0, 1, "");
    if (text == before && !rows_moved) return;
    const std::int64_t sequence = log_change(known.text_or(0, 0, ""), user);
    const bool rekeyed = before.substr(0, before.find('|')) != shape.key;
    // The strategies of fields go with the columns that they were given to. Renames are kept for as
    // long as the log has rows that were written before them.
    spi.execute(
        "WITH before AS (SELECT column_names FROM objectos_sync.shapes WHERE relid = $1::oid),"
        " renamed AS (SELECT jsonb_object_agg(n.value, a.attname) AS names FROM before b"
        "  CROSS JOIN jsonb_each_text(b.column_names) n"
        "  LEFT JOIN pg_attribute a ON a.attrelid = $1::oid AND a.attnum = n.key::smallint"
        "   AND NOT a.attisdropped WHERE a.attname IS DISTINCT FROM n.value),"
        " kept AS (SELECT COALESCE(jsonb_agg(r.value ORDER BY r.ordinality), '[]') AS renames"
        "  FROM objectos_sync.shapes s, jsonb_array_elements(s.renames) WITH ORDINALITY r"
        "  WHERE s.relid = $1::oid AND (r.value ->> 'at')::bigint >="
        "   (SELECT min(m.sequence) FROM objectos_sync.mutations m)),"
        " now AS (UPDATE objectos_sync.shapes SET shape = $2, reshaped_at = $3,"
        "  renames = (SELECT renames FROM kept) || COALESCE((SELECT jsonb_build_object("
        "   'at', $3, 'names', names) FROM renamed WHERE names IS NOT NULL), '[]'),"
        "  rekeyed_at = CASE WHEN $4 THEN $3 ELSE rekeyed_at END, column_names = " +
            std::string(column_names_sql) +
            " WHERE relid = $1::oid)"
            " UPDATE objectos_sync.objects o SET fields ="
            "  COALESCE((SELECT jsonb_object_agg(a.attname, f.value) FROM jsonb_each(o.fields) f"
            "   JOIN jsonb_each_text(b.column_names) n ON n.value = f.key"
            "   JOIN pg_attribute a ON a.attrelid = o.relid AND a.attnum = n.key::smallint"
            "    AND NOT a.attisdropped), '{}')"
            " FROM before b WHERE o.relid = $1::oid AND b.column_names <> '{}'",
        {Param::int8(relid), Param::text(text), Param::int8(sequence), Param::boolean(rekeyed)});
  });
}

}  // namespace objectos::server
