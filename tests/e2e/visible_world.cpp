// The users' side of a visible world: what they ask for, write and get.
#include "tests/e2e/visible_world.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "protocol/frame.h"

namespace e2e {

using objectos::Error;

namespace {

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> list;
  for (std::string word; stream >> word;) list.push_back(word);
  return list;
}

bool holds(const std::vector<std::string>& list, const std::string& wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

// All texts of the form ~v12~ and ~k12~.
std::set<std::string> marks_in(const std::string& bytes) {
  std::set<std::string> found;
  for (std::size_t at = bytes.find('~'); at != std::string::npos; at = bytes.find('~', at + 1)) {
    if (at + 2 >= bytes.size() || (bytes[at + 1] != 'v' && bytes[at + 1] != 'k')) continue;
    const std::size_t end = bytes.find_first_not_of("0123456789", at + 2);
    if (end != std::string::npos && end > at + 2 && bytes[end] == '~')
      found.insert(bytes.substr(at, end - at + 1));
  }
  return found;
}

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = at; i < at + 4; ++i)
    number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

// What the server's messages hold, frames taken out of their compression.
std::string unpacked(const std::string& stream) {
  std::string text = stream;
  for (std::size_t at = 0; at + 5 <= stream.size();) {
    const std::size_t end = at + 1 + number_at(stream, at + 1);
    if (stream[at] == 'D') {
      std::size_t field = at + 7;
      while (field + 4 <= end) {
        const std::uint32_t length = number_at(stream, field);
        field += 4;
        if (length == 0xffffffff) continue;
        const std::string value = stream.substr(field, length);
        if (value.starts_with("OSF")) text += objectos::decode_frame(value);
        field += length;
      }
    }
    at = end;
  }
  return text;
}

}  // namespace

VisibleWorld::VisibleWorld(Server& server, std::uint64_t seed, int users)
    : Dice(seed), server_(server), prefix_("w" + std::to_string(seed)), network_(seed) {
  network_.record();
  server_.exec("SET client_min_messages = error");
  make_tables();
  for (int i = 0; i < users; ++i) add_user(i);
}

VisibleWorld::~VisibleWorld() {
  users_.clear();
  for (const GuardedTable& table : tables_)
    if (table.name != members_) server_.exec("DROP TABLE " + table.name);
  server_.exec("DROP TABLE " + members_ + ", " + settings_);
}

std::string VisibleWorld::psql(const std::string& sql) {
  steps_ += "psql: " + sql + "\n";
  const std::string answer = server_.exec(sql);
  // What was to be seen for a moment may be told: the key of a record that is gone again.
  for (User& user : users_) learn_marks(user);
  return answer;
}

std::string VisibleWorld::as(const User& user, const std::string& sql) {
  server_.exec("SET ROLE " + user.role);
  std::string answer;
  try {
    answer = server_.exec(sql);
  } catch (const std::exception& error) {
    wrong(user.role + ": " + error.what());
  }
  server_.exec("RESET ROLE");
  return answer;
}

void VisibleWorld::add_user(int number) {
  const std::string role = "visible_" + std::to_string(number);
  users_.push_back({role, directory_.file(role + ".db"), nullptr, {}, {}, {}});
  User& user = users_.back();
  for (const GuardedTable& table : tables_) {
    if (chance(60))
      psql("GRANT SELECT ON " + table.name + " TO " + role);
    else if (chance(80))
      psql("GRANT SELECT (" + columns_to_grant(table) + ") ON " + table.name + " TO " + role);
    if (chance(70)) psql("GRANT INSERT, UPDATE, DELETE ON " + table.name + " TO " + role);
  }
  std::string direct = server_.conninfo();
  const std::string admin = std::string("user=") + std::getenv("PGUSER");
  direct.replace(direct.find(admin), admin.size(), "user=" + role);
  objectos::Options options{.database = user.file, .server = network_.conninfo(direct)};
  options.page_mutations = 1 + below(20);
  options.push_mutations = 1 + below(10);
  options.frames = chance(50) ? objectos::Frames::on : objectos::Frames::off;
  if (chance(60)) options.subscription = draw_subscription(user);
  for (const GuardedTable& table : tables_) {
    if (options.subscription.empty()) user.wanted.insert(table.name);
  }
  steps_ += role + ": clone " + options.subscription + "\n";
  user.engine = std::make_unique<objectos::SyncEngine>(options);
  learn_marks(user);
  user.engine->clone();
  search_wire(user);
}

// The columns of a table that the user may SELECT, without id.
std::vector<std::string> VisibleWorld::readable(const User& user, const GuardedTable& table) {
  return words(server_.exec(
      "SELECT coalesce(string_agg(attname, ' ' ORDER BY attnum), '') FROM pg_attribute WHERE "
      "attrelid = '" +
      table.name + "'::regclass AND attnum > 0 AND NOT attisdropped AND has_column_privilege('" +
      user.role + "', attrelid, attnum, 'SELECT')"));
}

// A filter as the subscription has it, and in `sql` the same for SELECT.
std::string VisibleWorld::draw_filter(const User& user, const GuardedTable& table,
                                      std::string& sql) {
  const std::vector<std::string> columns = readable(user, table);
  std::vector<std::string> usable;
  for (const char* column : {"owner", "team", "level"})
    if (holds(columns, column)) usable.push_back(column);
  if (usable.empty()) return "";
  const std::string me = "'" + user.role + "'";
  const std::string column = pick(usable);
  if (column == "owner") {
    switch (below(3)) {
      case 0:
        sql = "owner = " + me;
        return R"({"owner": "$user"})";
      case 1:
        sql = "(owner = " + me + " OR owner IS NULL)";
        return R"({"owner": ["$user", null]})";
      default:
        sql = "(owner <> " + me + " OR owner IS NULL)";
        return R"("owner <> $user OR owner IS NULL")";
    }
  }
  const std::string one = std::to_string(below(4)), other = std::to_string(below(4));
  switch (below(5)) {
    case 0:
      sql = column + " = " + one;
      return "{\"" + column + "\": " + one + "}";
    case 1:
      sql = "(" + column + " IN (" + one + ", " + other + ") OR " + column + " IS NULL)";
      return "{\"" + column + "\": [" + one + ", " + other + ", null]}";
    case 2:
      sql = column + " >= " + one;
      return "\"" + column + " >= " + one + "\"";
    case 3: {
      const std::string second = pick(usable);
      const std::string is = second == "owner" ? "owner = " : second + " < ";
      sql = "(" + column + " = " + one + " OR " + is + (second == "owner" ? me : other) + ")";
      return "\"" + column + " = " + one + " OR " + is + (second == "owner" ? "$user" : other) +
             "\"";
    }
    default:
      sql = "(" + column + " IS NOT NULL AND " + column + " <> " + one + ")";
      return "\"" + column + " IS NOT NULL AND " + column + " <> " + one + "\"";
  }
}

std::string VisibleWorld::draw_subscription(User& user) {
  user.wanted.clear();
  user.filters.clear();
  std::string objects, filters;
  for (const GuardedTable& table : tables_) {
    const std::vector<std::string> columns = readable(user, table);
    if (!holds(columns, "id") || !holds(columns, "_version") || chance(20)) continue;
    user.wanted.insert(table.name);
    objects += (objects.empty() ? "\"" : ", \"") + table.name + "\"";
    std::string sql;
    const std::string filter = chance(70) ? draw_filter(user, table, sql) : "";
    if (filter.empty()) continue;
    user.filters[table.name] = sql;
    filters += (filters.empty() ? "\"" : ", \"") + table.name + "\": " + filter;
  }
  return "{\"objects\": [" + objects + "], \"filters\": {" + filters + "}}";
}

void VisibleWorld::subscribe(User& user) {
  std::string subscription;
  if (chance(70)) {
    subscription = draw_subscription(user);
  } else {
    user.filters.clear();
    for (const GuardedTable& table : tables_) user.wanted.insert(table.name);
  }
  steps_ += user.role + ": subscribe " + subscription + "\n";
  learn_marks(user);
  user.engine->subscribe(subscription);
}

// Whatever the user may SELECT now: what rights give, with or without a filter.
void VisibleWorld::learn_marks(User& user) {
  for (const GuardedTable& table : tables_) {
    std::string cells;
    for (const std::string& column : readable(user, table))
      if (column == "id" || column[0] == 'v') cells += ", " + column;
    if (cells.empty()) continue;
    const std::string seen =
        as(user, "SELECT string_agg(concat_ws(' '" + cells + "), ' ') FROM " + table.name);
    for (const std::string& mark : marks_in(seen)) user.marks.insert(mark);
  }
}

void VisibleWorld::edit(User& user) {
  const GuardedTable& table = pick(tables_);
  const std::vector<std::string> columns = words(
      local(user.file, "SELECT coalesce(group_concat(name, ' '), '') FROM pragma_table_info('" +
                           table.name + "') WHERE name NOT LIKE '\\_%' ESCAPE '\\'"));
  if (columns.size() < 2) return;
  std::string column = pick(columns);
  const auto drawn = [&](const std::string& name) {
    std::string text = value(name);
    // A code that somebody has already, perhaps where the user cannot see it.
    if (name == "vcode" && chance(50))
      text =
          "'" + server_.exec("SELECT vcode FROM " + table.name + " ORDER BY md5(id) LIMIT 1") + "'";
    for (const std::string& mark : marks_in(text)) user.marks.insert(mark);
    return text;
  };
  const std::string one = " WHERE id = (SELECT id FROM " + table.name +
                          " ORDER BY id LIMIT 1 OFFSET " + std::to_string(below(4)) + ")";
  std::string sql;
  const int what = below(10);
  if (what < 2) {
    sql = "DELETE FROM " + table.name + one;
  } else if (what < 4) {
    std::string names = "id", values = "'" + mark('k') + "'";
    for (const std::string& mark : marks_in(values)) user.marks.insert(mark);
    // Without row-level security a deletion tells the key, also of what came and went in one push.
    if (server_.exec("SELECT relrowsecurity FROM pg_class WHERE oid = '" + table.name +
                     "'::regclass") == "f") {
      for (User& each : users_)
        if (holds(readable(each, table), "id")) each.marks.merge(marks_in(values));
    }
    for (const std::string& name : columns) {
      if (name == "id" || chance(30)) continue;
      names += ", " + name;
      values += ", " + drawn(name);
    }
    sql = "INSERT INTO " + table.name + " (" + names + ") VALUES (" + values + ")";
  } else {
    if (column == "id") column = columns.back();
    sql = "UPDATE " + table.name + " SET " + column + " = " + drawn(column) + one;
  }
  steps_ += user.role + ": " + sql + "\n";
  local(user.file, sql);
}

void VisibleWorld::sync(User& user) {
  learn_marks(user);
  try {
    try {
      const objectos::SyncResult result = user.engine->sync_now();
      std::string verdicts;
      for (const objectos::Verdict& verdict : result.verdicts)
        verdicts += " " + verdict.record_id + "=" + verdict.status;
      steps_ += user.role + ": sync" + verdicts + "\n";
    } catch (const Error& error) {
      // A filter's column that the user may not read any more: nothing comes until a new one.
      if (error.code() != "OS019") throw;
      steps_ += user.role + ": " + error.detail() + "\n";
      const std::string subscription = draw_subscription(user);
      steps_ += user.role + ": subscribe " + subscription + "\n";
      user.engine->subscribe(subscription);
      user.engine->sync_now();
    }
  } catch (const Error& error) {
    wrong(user.role + ": " + error.code() + " " + error.message() + " " + error.detail());
  }
  for (User& each : users_) learn_marks(each);
  search_wire(user);
  search_file(user);
  for (const GuardedTable& table : tables_) compare(user, table);
}

void VisibleWorld::search_wire(User& user) {
  for (const std::string& stream : network_.take_recorded()) {
    for (const std::string& mark : marks_in(unpacked(stream))) {
      ++marks_seen_;
      if (user.marks.count(mark) == 0) wrong(user.role + ": " + mark + " crossed the wire");
    }
  }
}

// Also what SQLite has not overwritten yet.
void VisibleWorld::search_file(User& user) {
  for (const char* suffix : {"", "-wal"}) {
    std::ifstream stream(user.file + suffix, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
    for (const std::string& mark : marks_in(bytes))
      if (user.marks.count(mark) == 0) wrong(user.role + ": " + mark + " is in the file");
  }
}

void VisibleWorld::compare(User& user, const GuardedTable& table) {
  ++compared_;
  std::vector<std::string> columns = readable(user, table);
  const bool may = holds(columns, "id") && holds(columns, "_version");
  const bool there = local(user.file, "SELECT count(*) FROM sqlite_master WHERE name = '" +
                                          table.name + "'") != "0";
  if (!may || user.wanted.count(table.name) == 0) {
    if (there && local(user.file, "SELECT count(*) FROM " + table.name) != "0")
      wrong(user.role + ": " + table.name + " is not for this user");
    return;
  }
  if (!there) return wrong(user.role + ": " + table.name + " is not there");
  std::erase_if(columns, [](const std::string& column) { return column[0] == '_'; });
  std::vector<std::string> theirs =
      words(local(user.file, "SELECT group_concat(name, ' ') FROM pragma_table_info('" +
                                 table.name + "') WHERE name NOT LIKE '\\_%' ESCAPE '\\'"));
  std::vector<std::string> ours = columns;
  std::sort(ours.begin(), ours.end());
  std::sort(theirs.begin(), theirs.end());
  if (ours != theirs)
    return wrong(user.role + ": " + table.name + " has other columns than may be read");
  const auto filter = user.filters.find(table.name);
  const std::string where = filter == user.filters.end() ? "" : " WHERE " + filter->second;
  server_.exec("SET ROLE " + user.role);
  const std::string expected = server_rows(server_, table.name + where, columns);
  server_.exec("RESET ROLE");
  const std::string found = local_rows(user.file, table.name, columns);
  if (expected != found)
    wrong(user.role + ": " + table.name + where + " holds\n" + found + "\nand SELECT gives\n" +
          expected);
  if (leftovers(user.file, table.name) != kNoLeftovers)
    wrong(user.role + ": " + table.name + ": " + leftovers(user.file, table.name));
}

void VisibleWorld::round() {
  change_at_server();
  for (User& user : users_) {
    if (chance(50)) edit(user);
    if (chance(20)) edit(user);
    if (chance(10)) subscribe(user);
    // What others pushed in the meantime is seen, too.
    sync(user);
    if (!problems_.empty()) return;
  }
}

}  // namespace e2e
