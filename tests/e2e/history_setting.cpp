// A history's tables and devices, and what becomes of the tables.
#include "tests/e2e/history_world.h"

namespace e2e {

namespace {

const std::vector<std::string> kUsers = {"history_ada", "history_bob"};
const std::vector<std::string> kStrategies = {"lww", "merge", "server_wins", "client_wins",
                                              "manual"};
const std::vector<std::string> kOnConflict = {"lww", "server_wins", "client_wins", "manual"};

std::string type_of(const std::string& column) {
  switch (column[0]) {
    case 'i':
      return "int";
    case 'b':
      return "boolean";
    case 's':
      return "text[]";
    default:
      return "text";
  }
}

}  // namespace

void HistoryWorld::make_roles(Server& server) {
  for (const std::string& user : kUsers) {
    server.exec("DO $$ BEGIN CREATE ROLE " + user +
                " LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
    server.exec("SELECT sync_grant('" + user + "')");
  }
}

std::string HistoryWorld::enable_sql(const Table& table) {
  std::string fields;
  for (const std::string& column : table.columns) {
    if (column == "icount") fields += ", \"icount\": \"counter\"";
    if (column == "sset" && chance(70)) fields += ", \"sset\": \"set\"";
    if (column != "tname") continue;
    if (chance(20))
      fields += ", \"tname\": \"" + pick(kStrategies) + "\"";
    else if (chance(25))
      fields += ", \"tname\": \"text\"";
  }
  if (!fields.empty()) fields = fields.substr(2);
  return "SELECT sync_enable('" + table.name + "', strategy => '" + pick(kStrategies) +
         "', fields => '{" + fields + "}', on_conflict => '" + pick(kOnConflict) +
         "', deletes => '" + (chance(50) ? "deletion_wins" : "update_wins") + "')";
}

void HistoryWorld::make_tables() {
  const std::string parents = prefix_ + "_parents", children = prefix_ + "_children";
  tables_ = {{parents, "", {"tname", "icount", "bdone", "sset"}},
             {children, parents, {"p1", "tname", "irank", "owner"}}};
  const std::vector<std::string> actions = {"CASCADE", "SET NULL", "NO ACTION"};
  std::vector<std::string> sql = {
      "CREATE TABLE " + parents +
          " (id text PRIMARY KEY, tname text, icount int, bdone boolean DEFAULT false, sset "
          "text[])",
      "CREATE TABLE " + children + " (id text PRIMARY KEY, p1 text REFERENCES " + parents +
          " ON DELETE " + pick(actions) + " ON UPDATE CASCADE" +
          (chance(30) ? " DEFERRABLE INITIALLY DEFERRED" : "") +
          ", tname text, irank int CHECK (irank >= 0)" + (chance(20) ? " UNIQUE" : "") +
          ", owner text)"};
  guarded_ = chance(40);
  if (guarded_) {
    sql.push_back("ALTER TABLE " + children + " ENABLE ROW LEVEL SECURITY");
    sql.push_back("CREATE POLICY mine ON " + children +
                  " USING (owner IS NULL OR owner = current_user)");
  }
  for (const Table& table : tables_) sql.push_back(enable_sql(table));
  for (const Table& table : tables_) {
    for (const std::string& user : kUsers)
      sql.push_back("GRANT SELECT, INSERT, UPDATE, DELETE ON " + table.name + " TO " + user);
    sql.push_back("INSERT INTO " + table.name + " (id, tname) SELECT 'k' || i, 'start' FROM " +
                  "generate_series(0, 3) i");
  }
  for (const std::string& line : sql) {
    note("psql: " + line);
    server_.exec(line);
  }
}

void HistoryWorld::open(Device& device) {
  std::string direct = server_.conninfo();
  const std::string user = std::string("user=") + std::getenv("PGUSER");
  direct.replace(direct.find(user), user.size(), "user=" + device.user);
  objectos::Options options{.database = device.file, .server = network_.conninfo(direct)};
  options.page_mutations = 1 + below(20);
  options.push_mutations = 1 + below(10);
  options.frames = chance(50) ? objectos::Frames::on : objectos::Frames::off;
  device.engine = std::make_unique<objectos::SyncEngine>(options);
}

void HistoryWorld::make_devices() {
  const int count = 2 + below(3);
  for (int i = 0; i < count; ++i) {
    const std::string label(1, static_cast<char>('A' + i));
    devices_.push_back({label, directory_.file(label + ".db"), pick(kUsers), nullptr});
    note(label + ": clone as " + devices_.back().user);
    open(devices_.back());
    devices_.back().engine->clone();
  }
}

// Columns that a history made itself: nothing else hangs on them.
void HistoryWorld::change_schema() {
  Table& table = pick(tables_);
  Columns own;
  for (const std::string& column : table.columns)
    if (column.find('_') != std::string::npos) own.push_back(column);
  const std::vector<std::string> letters = {"t", "i", "b"};
  std::string sql = "ALTER TABLE " + table.name;
  if (own.empty() || chance(50)) {
    const std::string name = pick(letters) + "_" + std::to_string(++columns_made_);
    sql += " ADD COLUMN " + name + " " + type_of(name);
    if (name[0] == 'i' && chance(50)) sql += " NOT NULL DEFAULT 7";
    table.columns.push_back(name);
  } else {
    const std::string old = pick(own);
    std::erase(table.columns, old);
    if (chance(50)) {
      const std::string name = old.substr(0, 1) + "_" + std::to_string(++columns_made_);
      sql += " RENAME COLUMN " + old + " TO " + name;
      table.columns.push_back(name);
    } else {
      sql += " DROP COLUMN " + old;
    }
  }
  note("psql: " + sql);
  server_.exec(sql);
}

}  // namespace e2e
