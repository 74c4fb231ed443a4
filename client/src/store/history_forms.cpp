// What the server made of values that this file wrote: 1.5 became 1.50, a trigger shouted, a
// default filled a field in. Undo asks whether a field still holds what was written, so the history
// takes the server's forms over as soon as a pull has brought the record as the file's own mutation
// left it. `_history.version`: the record's version after a mutation that nobody interfered with,
// until then.
#include <map>
#include <set>

#include "store.h"
#include "undo_history.h"

namespace objectos {
namespace {

struct Remembered {
  int64_t seq;
  std::string operation, data, original;
  bool waits;
};

std::vector<Remembered> remembered_of(sqlite3* database, const std::string& object,
                                      const std::string& record_id) {
  Statement rows(database,
                 "SELECT seq,operation,data,original,version IS NOT NULL FROM _history WHERE "
                 "object=? AND record_id=? ORDER BY version DESC,seq DESC");
  rows.bind(1, std::string_view(object)).bind(2, std::string_view(record_id));
  std::vector<Remembered> found;
  while (rows.step())
    found.push_back(
        {rows.integer(0), rows.text(1), rows.text(2), rows.text(3), rows.integer(4) != 0});
  return found;
}

// A field, what was sent of it, and what stands there.
using Forms = std::map<std::pair<std::string, std::string>, std::string>;

void learn(Forms& forms, std::set<std::string>& later, const Remembered& row,
           const LocalObject& object, const RawMembers& image) {
  const RawMembers data = row.data.empty() ? RawMembers() : json_members(row.data);
  for (const LocalColumn& column : object.columns) {
    const std::string* const sent = json_find(data, column.name);
    const std::string* const stands = json_find(image, column.name);
    if (column.is_key || column.merges_text || stands == nullptr ||
        (sent == nullptr && row.operation != "insert"))
      continue;
    if (!later.insert(column.name).second) continue;  // a later mutation wrote it over
    const std::string value = sent == nullptr ? "null" : *sent;
    if (value != *stands) forms[{column.name, value}] = *stands;
  }
}

std::string with_forms(const Forms& forms, const std::string& text, bool whole) {
  if (text.empty()) return text;
  RawMembers members = json_members(text);
  for (auto& [name, raw] : members) {
    const auto found = forms.find({name, raw});
    if (found != forms.end()) raw = found->second;
  }
  for (const auto& [sent, stands] : forms)
    if (whole && sent.second == "null" && json_find(members, sent.first) == nullptr)
      members.emplace_back(sent.first, stands);
  return json_object(members);
}

void rewrite(sqlite3* database, const Forms& forms, const std::vector<Remembered>& rows) {
  Statement write(database, "UPDATE _history SET data=?,original=? WHERE seq=?");
  for (const Remembered& row : rows) {
    const std::string data = with_forms(forms, row.data, row.operation == "insert");
    write.bind_text_or_null(1, data);
    write.bind_text_or_null(2, with_forms(forms, row.original, false)).bind(3, row.seq).run();
  }
}

}  // namespace

HistoryVersions::HistoryVersions(sqlite3* database)
    : set_(database, "UPDATE _history SET version=? WHERE mutation_id=?"),
      find_(database, "SELECT 1 FROM _history WHERE mutation_id=?") {
  note_history(database);
}

bool HistoryVersions::holds(const std::string& mutation_id) {
  find_.bind(1, std::string_view(mutation_id));
  const bool found = find_.step();
  find_.reset();
  return found;
}

void HistoryVersions::judged(const QueuedMutation& mutation, const std::string& status,
                             std::optional<int64_t> version) {
  if (status != "applied" || !holds(mutation.id)) return;
  // Without a claim the verdict does not tell that nobody else wrote, but upon an insert.
  const std::pair<std::string, std::string> record(mutation.object, mutation.record_id);
  if (mutation.operation == "insert") inserted_.insert(record);
  if (!mutation.version && inserted_.count(record) == 0) return;
  set_.bind(1, version).bind(2, std::string_view(mutation.id)).run();
}

void Store::take_server_forms() {
  struct Waiting {
    std::string object, record_id;
    int64_t version;
  };
  std::vector<Waiting> waiting;
  {
    Statement rows(database_,
                   "SELECT object,record_id,max(version) FROM _history WHERE version IS NOT NULL "
                   "GROUP BY object,record_id");
    while (rows.step()) waiting.push_back({rows.text(0), rows.text(1), rows.integer(2)});
  }
  if (waiting.empty()) return;
  Statement settle(database_,
                   "UPDATE _history SET version=NULL WHERE object=? AND record_id=? AND version IS "
                   "NOT NULL");
  for (const Waiting& one : waiting) {
    std::optional<ImageRow> image;
    if (knows(one.object)) image = server_image(one.object, one.record_id);
    if (image && image->version < one.version) continue;  // comes with a later round
    if (image && image->version == one.version) {
      const std::optional<RawMembers> row = readable_row(image->json);
      if (!row) continue;  // until a repair
      const auto rows = remembered_of(database_, one.object, one.record_id);
      Forms forms;
      std::set<std::string> later;
      for (const Remembered& each : rows)
        if (each.waits) learn(forms, later, each, writer(one.object).object(), *row);
      if (!forms.empty()) rewrite(database_, forms, rows);
    }
    settle.bind(1, std::string_view(one.object)).bind(2, std::string_view(one.record_id)).run();
  }
}

}  // namespace objectos
