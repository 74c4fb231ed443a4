// The server's side of a visible world: tables, rows, and who may see them.
#include "tests/e2e/visible_world.h"

namespace e2e {

namespace {

const std::vector<std::string> kTeams = {"visible_red", "visible_green", "visible_blue"};
const std::vector<std::string> kStrategies = {"lww", "merge", "server_wins", "client_wins"};
const std::vector<std::string> kOnConflict = {"lww", "server_wins", "client_wins"};
constexpr int kRoles = 8;

std::string role_name(int number) {
  return "visible_" + std::to_string(number);
}

}  // namespace

void VisibleWorld::make_roles(Server& server) {
  server.exec("SET client_min_messages = error");
  const auto make = [&](const std::string& role, const char* options) {
    server.exec("DO $$ BEGIN CREATE ROLE " + role + options +
                "; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
  };
  for (int i = 0; i < kRoles; ++i) {
    make(role_name(i), " LOGIN");
    server.exec("SELECT sync_grant('" + role_name(i) + "')");
  }
  for (const std::string& team : kTeams) {
    make(team, "");
    for (int i = 0; i < kRoles; ++i) server.exec("REVOKE " + team + " FROM " + role_name(i));
  }
}

void VisibleWorld::make_tables() {
  members_ = prefix_ + "_members";
  settings_ = prefix_ + "_settings";
  psql("CREATE TABLE " + settings_ + " (open_level int); INSERT INTO " + settings_ +
       " VALUES (2); GRANT SELECT ON " + settings_ + " TO PUBLIC");
  psql("CREATE TABLE " + members_ + " (id text PRIMARY KEY, owner text, team int, level int)");
  psql("CREATE INDEX ON " + members_ + " (owner)");
  members_synced_ = chance(50);
  if (members_synced_) tables_.push_back({members_, {"owner", "team", "level"}, {}, false});
  psql("GRANT SELECT ON " + members_ + " TO PUBLIC");
  const int count = 1 + below(3);
  for (int i = 0; i < count; ++i) {
    GuardedTable table{
        prefix_ + "_t" + std::to_string(i), {"owner", "team", "level", "vbody"}, {}, chance(30)};
    for (int extra = below(3); extra > 0; --extra)
      table.columns.push_back("v" + std::to_string(extra));
    if (table.unique_code) table.columns.push_back("vcode");
    std::string columns = "id text PRIMARY KEY";
    for (const std::string& column : table.columns)
      columns += ", " + column + (column == "team" || column == "level" ? " int" : " text") +
                 (column == "vcode" ? " UNIQUE" : "");
    psql("CREATE TABLE " + table.name + " (" + columns + ")");
    tables_.push_back(table);
  }
  for (GuardedTable& table : tables_) {
    psql("SELECT sync_enable('" + table.name + "', '" + pick(kStrategies) + "', on_conflict => '" +
         pick(kOnConflict) + "', deletes => '" + (chance(50) ? "deletion_wins" : "update_wins") +
         "')");
    if (table.name == members_) continue;
    psql("SELECT sync_depend('" + table.name + "', 'team', '" + members_ + "', 'team')");
    if (chance(75)) {
      psql("ALTER TABLE " + table.name + " ENABLE ROW LEVEL SECURITY");
      for (int policies = 1 + below(2); policies > 0; --policies) add_policy(table);
    }
    insert_rows(table, 4 + below(8));
  }
  change_members();
}

std::string VisibleWorld::value(const std::string& column) {
  if (column[0] == 'v') return "'" + mark('v') + "'";
  if (chance(10)) return "NULL";
  if (column == "owner") return "'" + role_name(below(static_cast<int>(kRoles))) + "'";
  return std::to_string(below(4));
}

void VisibleWorld::insert_rows(const GuardedTable& table, int count) {
  for (; count > 0; --count) {
    std::string names = "id", values = "'" + mark('k') + "'";
    for (const std::string& column : table.columns) {
      names += ", " + column;
      values += ", " + value(column);
    }
    psql("INSERT INTO " + table.name + " (" + names + ") VALUES (" + values + ")");
  }
}

// What a policy says of a row.
std::string VisibleWorld::condition(const GuardedTable& table) {
  int what = below(8);
  // A policy that asks its own table asks for ever, says PostgreSQL.
  if (table.name == members_ && (what == 2 || what == 3)) what = 0;
  switch (what) {
    case 0:
      return "owner = current_user";
    case 1:
      return "owner = sync_user_id() OR level = 0";
    case 2:
      return "team IN (SELECT m.team FROM " + members_ + " m WHERE m.owner = current_user)";
    case 3:
      return "EXISTS (SELECT FROM " + members_ +
             " m WHERE m.owner = sync_user_id() AND m.team = " + table.name +
             ".team AND m.level >= " + table.name + ".level)";
    case 4:
      return "level <= " + std::to_string(below(4));
    case 5:
      return "pg_has_role(current_user, '" + pick(kTeams) + "', 'member')";
    case 6:
      return "level <= (SELECT open_level FROM " + settings_ + ")";
    default:
      return "owner IS NULL OR team <> " + std::to_string(below(4));
  }
}

void VisibleWorld::add_policy(GuardedTable& table) {
  const std::string name = "p" + std::to_string(++marks_);
  std::string sql = "CREATE POLICY " + name + " ON " + table.name;
  if (!table.policies.empty() && chance(40)) sql += " AS RESTRICTIVE";
  if (chance(20)) sql += " FOR SELECT";
  if (chance(15)) sql += " TO " + pick(kTeams);
  psql(sql + " USING (" + condition(table) + ")");
  table.policies.push_back(name);
}

void VisibleWorld::change_policies(GuardedTable& table) {
  const int what = below(5);
  if (what == 0) {
    psql("ALTER TABLE " + table.name + (chance(70) ? " ENABLE" : " DISABLE") +
         " ROW LEVEL SECURITY");
  } else if (what == 1 && !table.policies.empty()) {
    psql("DROP POLICY " + table.policies.back() + " ON " + table.name);
    table.policies.pop_back();
  } else if (what == 2 && !table.policies.empty()) {
    psql("ALTER POLICY " + pick(table.policies) + " ON " + table.name + " USING (" +
         condition(table) + ")");
  } else if (what == 3) {
    // What a policy asks elsewhere is no change of the record: the operator says so.
    psql("UPDATE " + settings_ + " SET open_level = " + std::to_string(below(4)));
    for (const GuardedTable& each : tables_)
      psql("SELECT sync_touch('" + each.name + "', (SELECT array_agg(id) FROM " + each.name + "))");
  } else {
    add_policy(table);
  }
}

std::string VisibleWorld::columns_to_grant(const GuardedTable& table) {
  std::string columns = chance(90) ? "id, _version" : "_version";
  for (const std::string& column : table.columns)
    if (chance(60)) columns += ", " + column;
  return columns;
}

void VisibleWorld::change_grants(const GuardedTable& table) {
  std::vector<std::string> holders = kTeams;
  for (const User& user : users_) holders.push_back(user.role);
  const std::string holder = pick(holders);
  switch (below(6)) {
    case 0:
      psql("REVOKE ALL ON " + table.name + " FROM " + holder);
      break;
    case 1:
      psql("GRANT SELECT (" + columns_to_grant(table) + ") ON " + table.name + " TO " + holder);
      break;
    case 2:
      psql("REVOKE SELECT (" + pick(table.columns) + ") ON " + table.name + " FROM " + holder);
      break;
    case 3:
      psql("GRANT SELECT ON " + table.name + " TO " + holder);
      break;
    case 4:
      psql("REVOKE INSERT, UPDATE, DELETE ON " + table.name + " FROM " + holder);
      break;
    default:
      psql("GRANT INSERT, UPDATE, DELETE ON " + table.name + " TO " + holder);
  }
}

void VisibleWorld::change_members() {
  for (int count = 1 + below(4); count > 0; --count) {
    const std::string somebody = "(SELECT id FROM " + members_ + " ORDER BY md5(id || '" +
                                 std::to_string(below(1000)) + "') LIMIT 1)";
    const int what = below(4);
    if (what == 0)
      psql("DELETE FROM " + members_ + " WHERE id = " + somebody);
    else if (what == 1)
      psql("UPDATE " + members_ + " SET team = " + value("team") + ", level = " + value("level") +
           " WHERE id = " + somebody);
    else
      psql("INSERT INTO " + members_ + " (id, owner, team, level) VALUES ('" + mark('k') + "', " +
           value("owner") + ", " + value("team") + ", " + value("level") + ")");
  }
}

void VisibleWorld::change_roles() {
  psql((chance(60) ? "GRANT " + pick(kTeams) + " TO " : "REVOKE " + pick(kTeams) + " FROM ") +
       pick(users_).role);
}

void VisibleWorld::change_rows(const GuardedTable& table) {
  const std::string some = " WHERE id IN (SELECT id FROM " + table.name + " ORDER BY md5(id || '" +
                           std::to_string(below(1000)) + "') LIMIT " +
                           std::to_string(1 + below(3)) + ")";
  const int what = below(10);
  if (what < 2) return insert_rows(table, 1 + below(3));
  if (what == 2) {
    psql("DELETE FROM " + table.name + some);
    return;
  }
  if (what == 3) {
    psql("UPDATE " + table.name + " SET id = '" + mark('k') + "' WHERE id = (SELECT min(id) FROM " +
         table.name + ")");
    return;
  }
  std::string column = pick(table.columns);
  const std::string one = "(SELECT id FROM " + table.name + " ORDER BY md5(id || '" +
                          std::to_string(below(1000)) + "') LIMIT 1)";
  psql("UPDATE " + table.name + " SET " + column + " = " + value(column) + " WHERE id = " + one);
  // Out and in again within one round.
  if (column[0] != 'v' && chance(30)) {
    psql("UPDATE " + table.name + " SET team = 9" + some);
    psql("UPDATE " + table.name + " SET team = 1 WHERE team = 9");
  }
}

void VisibleWorld::change_at_server() {
  for (int count = below(6); count > 0; --count) {
    GuardedTable& table = pick(tables_);
    const int what = below(100);
    if (what < 50)
      change_rows(table);
    else if (what < 65)
      change_members();
    else if (what < 80)
      change_grants(table);
    else if (what < 90)
      change_policies(table);
    else
      change_roles();
  }
}

}  // namespace e2e
