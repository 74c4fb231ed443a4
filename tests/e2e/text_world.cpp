#include "tests/e2e/text_world.h"

#include <algorithm>
#include <map>
#include <utility>

#include "tests/e2e/server_control.h"

namespace e2e {

using objectos::Error;
using objectos::ErrorClass;

namespace {

constexpr int kRecords = 2;
constexpr int kSyncsInTheEnd = 4;  // of each: edits out, others' in, what those moved

Characters characters_of(const std::string& text) {
  Characters characters;
  for (const char byte : text) {
    if ((static_cast<unsigned char>(byte) & 0xc0) != 0x80) characters.emplace_back();
    characters.back() += byte;
  }
  return characters;
}

std::string text_of(const Characters& characters) {
  std::string text;
  for (const std::string& one : characters) text += one;
  return text;
}

// One of two to four bytes; none twice in a history.
std::string character(unsigned number) {
  const unsigned begins[] = {0x100, 0x4e00, 0x20000};
  const unsigned point = begins[number % 3] + number / 3;
  std::string utf8;
  if (point < 0x800) {
    utf8 += static_cast<char>(0xc0 | (point >> 6));
  } else if (point < 0x10000) {
    utf8 += static_cast<char>(0xe0 | (point >> 12));
    utf8 += static_cast<char>(0x80 | ((point >> 6) & 0x3f));
  } else {
    utf8 += static_cast<char>(0xf0 | (point >> 18));
    utf8 += static_cast<char>(0x80 | ((point >> 12) & 0x3f));
    utf8 += static_cast<char>(0x80 | ((point >> 6) & 0x3f));
  }
  return utf8 + static_cast<char>(0x80 | (point & 0x3f));
}

}  // namespace

TextWorld::TextWorld(Server& server, std::uint64_t seed)
    : Dice(seed), server_(server), table_("t" + std::to_string(seed)), network_(seed) {
  const bool guarded = chance(15), partitioned = chance(15), null = chance(20);
  whole_texts_ = guarded || null;
  const std::vector<std::string> sql = {
      "CREATE TABLE " + table_ + " (id text PRIMARY KEY, title text, body text)" +
          (partitioned ? " PARTITION BY HASH (id)" : ""),
      partitioned ? "CREATE TABLE " + table_ + "_1 PARTITION OF " + table_ +
                        " FOR VALUES WITH (MODULUS 1, REMAINDER 0)"
                  : "",
      "INSERT INTO " + table_ + " SELECT 'r' || i, 'start', " + (null ? "NULL" : "''") +
          " FROM generate_series(0, " + std::to_string(kRecords - 1) + ") i",
      guarded ? "ALTER TABLE " + table_ + " ENABLE ROW LEVEL SECURITY" : "",
      guarded ? "ALTER TABLE " + table_ + " FORCE ROW LEVEL SECURITY" : "",
      "SELECT sync_enable('" + table_ + "', fields => '{\"body\": \"text\"}')"};
  for (const std::string& line : sql) {
    if (line.empty()) continue;
    note("psql: " + line);
    server_.exec(line);
  }
  const int count = 2 + below(3);
  for (int i = 0; i < count; ++i) {
    const std::string label(1, static_cast<char>('A' + i));
    devices_.push_back({label, directory_.file(label + ".db"), nullptr});
    open(devices_.back());
    devices_.back().engine->clone();
  }
}

TextWorld::~TextWorld() {
  devices_.clear();
  server_.exec("DROP TABLE " + table_);
}

void TextWorld::open(Device& device) {
  objectos::Options options{.database = device.file,
                            .server = network_.conninfo(server_.conninfo())};
  options.page_mutations = 1 + below(20);
  options.push_mutations = 1 + below(10);
  options.frames = chance(50) ? objectos::Frames::on : objectos::Frames::off;
  device.engine = std::make_unique<objectos::SyncEngine>(options);
}

void TextWorld::run(int steps) {
  for (int i = 0; i < steps && problems_.empty(); ++i) step();
}

void TextWorld::step() {
  const int what = below(1000);
  if (what < 120) return edit_by_psql();
  if (what < 150) return change_weather();
  if (what < 165) return prune();
  if (what < 167) return crash_server();
  Device& device = pick(devices_);
  if (what < 560)
    edit(device);
  else if (what < 900)
    sync(device, false);
  else
    crash(device);
  sound(device);
}

std::string TextWorld::record() {
  return "r" + std::to_string(below(kRecords));
}

TextWorld::Change TextWorld::draw_change(const Characters& text) {
  Change change;
  change.at = static_cast<std::size_t>(below(static_cast<int>(text.size()) + 1));
  const int left = static_cast<int>(text.size() - change.at);
  if (left > 0 && chance(40))
    change.deleted = static_cast<std::size_t>(1 + below(std::min(left, 4)));
  if (change.deleted == 0 || chance(30)) {
    for (int more = 1 + below(4); more > 0; --more)
      change.typed.push_back(character(typed_count_++));
  }
  return change;
}

void TextWorld::remember(const std::string& writer, const Characters& before,
                         const Change& change) {
  for (std::size_t i = 0; i < change.deleted; ++i) {
    const std::string& one = before[change.at + i];
    const bool own = writer != "psql" && typed_[one] == writer;
    (own ? taken_back_ : deleted_).insert(one);
  }
  for (const std::string& one : change.typed) typed_[one] = writer;
}

// By the engine's exact operation, by plain SQL in one statement, beside another field, or several
// edits as one group.
void TextWorld::edit(Device& device) {
  const std::string where = " WHERE id = ", edited = record();
  const int edits = chance(20) ? 2 + below(3) : 1;
  std::string sql;
  Characters text = characters_of(
      local(device.file, "SELECT coalesce(body, '') FROM " + table_ + where + "'" + edited + "'"));
  std::vector<std::pair<Characters, Change>> done;
  for (int i = 0; i < edits; ++i) {
    const Change change = draw_change(text);
    done.emplace_back(text, change);
    const auto at = text.begin() + static_cast<std::ptrdiff_t>(change.at);
    text.erase(at, at + static_cast<std::ptrdiff_t>(change.deleted));
    text.insert(text.begin() + static_cast<std::ptrdiff_t>(change.at), change.typed.begin(),
                change.typed.end());
    const std::string title = chance(20) ? "title = 'v" + std::to_string(below(100)) + "', " : "";
    sql += "UPDATE " + table_ + " SET " + title + "body = '" + text_of(text) + "'" + where + "'" +
           edited + "'; ";
  }
  if (edits > 1)
    sql =
        "BEGIN IMMEDIATE; INSERT INTO _group DEFAULT VALUES; " + sql + "DELETE FROM _group; COMMIT";
  note(device.label + ": " + sql);
  local(device.file, sql);
  for (const auto& [before, change] : done) remember(device.label, before, change);
}

void TextWorld::edit_by_psql() {
  const std::string edited = record();
  const Characters text = characters_of(server_text(edited));
  const Change change = draw_change(text);
  const auto place = [](std::size_t at) { return std::to_string(at); };
  const std::string sql = "UPDATE " + table_ + " SET body = substr(coalesce(body, ''), 1, " +
                          place(change.at) + ") || '" + text_of(change.typed) +
                          "' || substr(coalesce(body, ''), " +
                          place(change.at + change.deleted + 1) + ") WHERE id = '" + edited + "'";
  note("psql: " + sql);
  server_.exec(sql);
  remember("psql", text, change);
}

std::string TextWorld::server_text(const std::string& record) {
  return server_.exec("SELECT coalesce(body, '') FROM " + table_ + " WHERE id = '" + record + "'");
}

void TextWorld::change_weather() {
  calm_ = !calm_;
  note(calm_ ? "the network is good" : "the network is bad");
  network_.set_weather(calm_ ? Weather{} : Weather{.ending_chance = 70, .bytes_max = 8'000});
  network_.drop_all();
  for (Device& each : devices_) each.has_old_connection = true;
}

// As if all devices had been away for longer than the server waits for them.
void TextWorld::prune() {
  note("psql: everything is pruned");
  whole_texts_ = true;
  server_.exec(
      "BEGIN; SET LOCAL objectos_sync.client_retention = 0; SELECT sync_prune('0'); COMMIT");
}

void TextWorld::crash_server() {
  note("the server crashes");
  server_control("restart", "-m immediate");
  server_.reconnect();
  for (Device& each : devices_) each.has_old_connection = true;
}

bool TextWorld::sync(Device& device, bool must_end_well) {
  try {
    const int way = must_end_well ? 9 : below(10);
    const objectos::SyncResult result = way == 0   ? device.engine->push_now()
                                        : way == 1 ? device.engine->pull_now()
                                                   : device.engine->sync_now();
    std::string verdicts;
    for (const objectos::Verdict& verdict : result.verdicts) {
      verdicts += " " + verdict.record_id + "=" + verdict.status + (verdict.duplicate ? "!" : "");
      if (verdict.status != "applied" && verdict.status != "merged")
        wrong(device.label + ": a verdict is " + verdict.status + " " + verdict.detail);
    }
    note(device.label + ": synced" + verdicts + (result.resynced ? " resynced" : ""));
    return true;
  } catch (const Error& error) {
    const std::string text =
        device.label + ": sync ended by " + error.code() + " " + error.message();
    note(text);
    const bool may_fail = !calm_ || std::exchange(device.has_old_connection, false);
    if (!may_fail || error.error_class() != ErrorClass::transient)
      wrong(text + " " + error.detail());
    return false;
  }
}

// The app is killed while it syncs; or it is only started again.
void TextWorld::crash(Device& device) {
  device.engine.reset();
  static const std::set<std::string> all = fault_points("client/src", "fault_point");
  static const std::vector<std::string> points = [] {
    std::vector<std::string> list;
    for (const std::string& point : all) {
      if (point.starts_with("store.") || point.starts_with("push_") ||
          point.starts_with("round_") || point.starts_with("ack_"))
        list.push_back(point);
    }
    return list;
  }();
  const std::string fault =
      chance(80) ? points[static_cast<std::size_t>(below(static_cast<int>(points.size())))] : "";
  note(device.label + ": the app is started again" + (fault.empty() ? "" : ", killed at " + fault));
  if (!fault.empty()) command("sync " + shell_quoted(device.file), fault);
  open(device);
}

void TextWorld::sound(const Device& device) {
  const std::string broken = broken_records(device.file);
  if (!broken.empty()) wrong(device.label + ": not base image and queue: " + broken);
}

void TextWorld::settle() {
  if (!problems_.empty()) return;
  calm_ = true;
  note("in the end");
  network_.set_weather({});
  network_.drop_all();
  for (Device& device : devices_) device.has_old_connection = true;
  for (int round = 0; round < kSyncsInTheEnd; ++round) {
    for (Device& device : devices_) {
      sync(device, true);
      sound(device);
    }
  }
}

void TextWorld::check() {
  if (!problems_.empty()) return;
  const std::vector<std::string> columns = {"id", "title", "body"};
  const std::string there = server_rows(server_, table_, columns);
  for (const Device& device : devices_) {
    const std::string here = local_rows(device.file, table_, columns);
    if (here != there) wrong(device.label + " holds\n" + here + "\nand the server\n" + there);
    if (leftovers(device.file, table_) != kNoLeftovers)
      wrong(device.label + ": " + leftovers(device.file, table_));
  }
  std::map<std::string, int> found;
  for (int i = 0; i < kRecords; ++i) {
    for (const std::string& one : characters_of(server_text("r" + std::to_string(i)))) ++found[one];
  }
  for (const auto& [one, count] : found) {
    if (count > 1) wrong(one + " is there " + std::to_string(count) + " times");
    if (!typed_.contains(one)) wrong(one + " was never typed");
    if (deleted_.contains(one) && !whole_texts_) wrong(one + " is there, and was deleted");
  }
  for (const auto& [one, writer] : typed_) {
    const bool may_miss = deleted_.contains(one) || taken_back_.contains(one);
    if (!may_miss && !found.contains(one)) wrong(one + " is lost");
  }
  const std::string twice = server_.exec(
      "SELECT count(*) - count(DISTINCT (client_id, client_sequence)) FROM "
      "objectos_sync.mutations WHERE client_sequence IS NOT NULL AND operation <> 'conflict'");
  if (twice != "0") wrong(twice + " mutations took effect twice");
}

}  // namespace e2e
