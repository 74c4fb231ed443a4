#include "pg_ext/table_setup.h"

#include "pg_ext/eligibility.h"

namespace objectos::server {

void set_defaults(Spi& spi, const std::string& table) {
  spi.execute_once("ALTER TABLE " + table +
                   " ALTER COLUMN _version SET DEFAULT"
                   " pg_catalog.nextval('objectos_sync.version_seq'::pg_catalog.regclass),"
                   " ALTER COLUMN _modified_at SET DEFAULT pg_catalog.now(),"
                   " ALTER COLUMN _modified_by SET DEFAULT " +
                   quote_identifier(function_schema()) + ".sync_user_id()");
}

// A default that is not volatile is computed once and kept in the catalog for the rows that are
// there; nextval is volatile and would rewrite the table, so it becomes the default afterwards.
void add_columns(Spi& spi, const std::string& table) {
  const std::string version =
      spi.execute("SELECT pg_catalog.nextval('objectos_sync.version_seq'::pg_catalog.regclass)")
          .text_or(0, 0, "");
  spi.execute_once("ALTER TABLE " + table +
                   " ADD COLUMN _version pg_catalog.int8 NOT NULL DEFAULT " + version +
                   ", ADD COLUMN _modified_at pg_catalog.timestamptz NOT NULL"
                   " DEFAULT pg_catalog.now()"
                   ", ADD COLUMN _modified_by pg_catalog.text NOT NULL DEFAULT " +
                   quote_identifier(function_schema()) + ".sync_user_id()");
  set_defaults(spi, table);
}

// Triggers of one event fire in the order of their names: `~` sorts behind letters, so ours see
// what the user's made.
void add_statement_triggers(Spi& spi, const std::string& table) {
  const std::string capture = " FOR EACH STATEMENT EXECUTE FUNCTION objectos_sync.capture()";
  const std::string on = " ON " + table;
  spi.execute_once("CREATE TRIGGER \"~objectos_sync_insert\" AFTER INSERT" + on +
                   " REFERENCING NEW TABLE AS objectos_new" + capture);
  spi.execute_once("CREATE TRIGGER \"~objectos_sync_update\" AFTER UPDATE" + on +
                   " REFERENCING OLD TABLE AS objectos_old NEW TABLE AS objectos_new" + capture);
  spi.execute_once("CREATE TRIGGER \"~objectos_sync_delete\" AFTER DELETE" + on +
                   " REFERENCING OLD TABLE AS objectos_old" + capture);
  spi.execute_once("CREATE TRIGGER \"~objectos_sync_truncate\" AFTER TRUNCATE" + on + capture);
}

// In the role replica no ordinary trigger fires: the stamp fires in both roles, and what statement
// triggers do in one, a row trigger does in the other.
void add_row_triggers(Spi& spi, const std::string& table) {
  spi.execute_once("CREATE TRIGGER \"~objectos_sync_stamp\" BEFORE UPDATE ON " + table +
                   " FOR EACH ROW EXECUTE FUNCTION objectos_sync.stamp()");
  spi.execute_once("CREATE TRIGGER \"~objectos_sync_row\" AFTER INSERT OR UPDATE OR DELETE ON " +
                   table + " FOR EACH ROW EXECUTE FUNCTION objectos_sync.capture_row()");
}

void settle_roles(Spi& spi, Oid table_oid, const std::string& table) {
  const Rows wrong = spi.execute(
      "SELECT tgname FROM pg_catalog.pg_trigger WHERE tgrelid OPERATOR(pg_catalog.=)"
      " $1::pg_catalog.oid AND tgenabled OPERATOR(pg_catalog.=) 'O'"
      " AND tgname::text OPERATOR(pg_catalog.=) ANY (ARRAY['~objectos_sync_row',"
      " '~objectos_sync_stamp', '~objectos_sync_truncate'])",
      {Param::int8(table_oid)});
  std::string actions;
  for (std::size_t row = 0; row < wrong.size(); ++row) {
    const std::string name = wrong.text_or(row, 0, "");
    actions += actions.empty() ? " ENABLE " : ", ENABLE ";
    actions += name == "~objectos_sync_row" ? "REPLICA" : "ALWAYS";
    actions += " TRIGGER " + quote_identifier(name);
  }
  if (!actions.empty()) spi.execute_once("ALTER TABLE " + table + actions);
}

void drop_triggers(Spi& spi, Oid table_oid, const std::string& table) {
  const Rows ours = spi.execute(
      "SELECT tgname FROM pg_catalog.pg_trigger WHERE tgrelid OPERATOR(pg_catalog.=)"
      " $1::pg_catalog.oid AND tgname::text OPERATOR(pg_catalog.~) '^~objectos_sync_'"
      " AND NOT tgisinternal AND tgparentid OPERATOR(pg_catalog.=) 0",
      {Param::int8(table_oid)});
  for (std::size_t row = 0; row < ours.size(); ++row)
    spi.execute_once("DROP TRIGGER " + quote_identifier(ours.text_or(row, 0, "")) + " ON " + table);
}

void drop_columns(Spi& spi, Oid table_oid, const std::string& table) {
  const Rows ours = spi.execute(
      "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid OPERATOR(pg_catalog.=)"
      " $1::pg_catalog.oid AND NOT attisdropped AND attinhcount OPERATOR(pg_catalog.=) 0"
      " AND attname::text OPERATOR(pg_catalog.=) ANY"
      " (ARRAY['_version', '_modified_at', '_modified_by'])",
      {Param::int8(table_oid)});
  std::string actions;
  for (std::size_t row = 0; row < ours.size(); ++row)
    actions += (row == 0 ? " DROP COLUMN " : ", DROP COLUMN ") + ours.text_or(row, 0, "");
  if (!actions.empty()) spi.execute_once("ALTER TABLE " + table + actions);
}

}  // namespace objectos::server
