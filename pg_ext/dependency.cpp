// sync_depend() and sync_undepend(): triggers on the other table. The declaration is their
// arguments, so it is dumped and dropped with the table. All DDL runs as the caller.
#include "pg_ext/dependency.h"

#include "pg_ext/catalog.h"
#include "pg_ext/filter_sql.h"
#include "pg_ext/spi.h"
#include "protocol/errors.h"
#include "protocol/fnv.h"
#include "protocol/json.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

struct OtherTable {
  std::string qualified;
  Oid owner = 0;
  Oid column_type = 0;  // base type
};

[[noreturn]] void refuse(std::string message, std::string detail, std::string hint) {
  throw ProtocolError(ErrorCode::invalid_option, std::move(message), std::move(detail),
                      std::move(hint));
}

OtherTable other_table(Spi& spi, Oid relid, const std::string& column) {
  const Rows rows = spi.execute(
      "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.relowner,"
      " pg_catalog.pg_has_role(c.relowner, 'USAGE'), c.relkind IN ('r', 'p'), a.atttypid"
      " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
      " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = $2"
      " AND a.attnum > 0 AND NOT a.attisdropped WHERE c.oid = $1::pg_catalog.oid",
      {Param::int8(relid), Param::text(column)});
  if (rows.empty()) throw SyncError("42P01", "there is no such table");
  OtherTable table;
  table.qualified = rows.text_or(0, 0, "");
  table.owner = static_cast<Oid>(rows.int8(0, 1).value_or(0));
  if (!rows.boolean(0, 2)) {
    throw SyncError("42501", "must be owner of table " + table.qualified, "",
                    "Its owner declares what depends on it.");
  }
  if (!rows.boolean(0, 3)) {
    refuse(table.qualified + " is no table", "Only tables tell when their rows change.",
           "Name the table that the view is made of.");
  }
  const auto type = rows.int8(0, 4);
  if (!type) {
    throw SyncError("42703", "table " + table.qualified + " has no column " + json_string(column));
  }
  table.column_type = pg_call([&] { return getBaseType(static_cast<Oid>(*type)); });
  return table;
}

void require_comparable(const ColumnInfo& column, const OtherTable& table,
                        const std::string& on_column) {
  if (column.base_type != table.column_type) {
    refuse("the two columns are of different types",
           "\"" + column.name + "\" is of type " + column.type_text + ", \"" + on_column +
               "\" of table " + table.qualified + " is not.",
           "Give both the same type.");
  }
  const char kind = pg_call([&] { return get_typtype(column.base_type); });
  const bool simple = (kind == TYPTYPE_BASE || kind == TYPTYPE_ENUM) &&
                      column.kind != ValueKind::array && equality_operator(column.base_type);
  if (simple) return;
  refuse("values of type " + column.type_text + " cannot be depended on",
         "Column \"" + column.name + "\".", "Use a number, text, uuid, date or enumeration.");
}

std::string trigger_name(const Dependency& dependency, const char* event) {
  const std::uint64_t hash =
      fnv1a64(dependency.object + '\0' + dependency.object_column + '\0' + dependency.on_column);
  return quote_identifier("~objectos_depend_" + to_hex64(hash) + "_" + event);
}

constexpr const char* events[] = {"insert", "update", "delete", "truncate"};

void declare(Oid relid, const Dependency& dependency) {
  const ObjectInfo object = readable_object(dependency.object);
  const ColumnInfo* const column = object.column(dependency.object_column);
  if (column == nullptr) {
    throw SyncError("42703", "object " + json_string(dependency.object) + " has no column " +
                                 json_string(dependency.object_column));
  }
  with_spi([&](Spi& spi) {
    const OtherTable table = other_table(spi, relid, dependency.on_column);
    require_comparable(*column, table, dependency.on_column);
    if (!may_touch(object.relid, table.owner)) {
      throw SyncError("42501",
                      "the owner of table " + table.qualified + " may not touch object " +
                          json_string(object.object),
                      "Records are sent round again by those who may UPDATE them.",
                      "GRANT UPDATE on the object's table to the owner.");
    }
    static constexpr const char* transitions[] = {
        " REFERENCING NEW TABLE AS objectos_new",
        " REFERENCING OLD TABLE AS objectos_old NEW TABLE AS objectos_new",
        " REFERENCING OLD TABLE AS objectos_old", ""};
    for (int i = 0; i < 4; ++i) {
      const std::string event = events[i];
      spi.execute_once("CREATE OR REPLACE TRIGGER " + trigger_name(dependency, events[i]) +
                       " AFTER " + event + " ON " + table.qualified + transitions[i] +
                       " FOR EACH STATEMENT EXECUTE FUNCTION objectos_sync.touch_dependents(" +
                       quote_literal(dependency.object) + ", " +
                       quote_literal(dependency.object_column) + ", " +
                       quote_literal(dependency.on_column) + ")");
    }
  });
}

bool withdraw(Oid relid, const Dependency& dependency) {
  return with_spi([&](Spi& spi) {
    const Rows found = spi.execute(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), EXISTS (SELECT FROM"
        " pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND pg_catalog.quote_ident(t.tgname) = "
        "$2)"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.oid = $1::pg_catalog.oid",
        {Param::int8(relid), Param::text(trigger_name(dependency, events[0]))});
    if (found.empty() || !found.boolean(0, 1)) return false;
    for (const char* event : events) {
      spi.execute_once("DROP TRIGGER IF EXISTS " + trigger_name(dependency, event) + " ON " +
                       found.text_or(0, 0, ""));
    }
    return true;
  });
}

Dependency dependency_argument(FunctionCall call) {
  return {text_argument(call, 0), text_argument(call, 1), text_argument(call, 3)};
}

}  // namespace

bool may_touch(Oid relid, Oid user) {
  return pg_call([&] {
    return pg_class_aclcheck(relid, user, ACL_UPDATE) == ACLCHECK_OK ||
           pg_attribute_aclcheck_all(relid, user, ACL_UPDATE, ACLMASK_ANY) == ACLCHECK_OK;
  });
}

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_depend) {
  declare(oid_argument(call, 2), dependency_argument(call));
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_undepend) {
  return withdraw(oid_argument(call, 2), dependency_argument(call)) ? 1 : 0;  // a bool's datum
}
