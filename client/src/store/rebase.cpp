// Local row = base image (+) queued mutations, in client_sequence order.
#include <cstdlib>

#include "protocol/errors.h"
#include "protocol/json.h"
#include "store.h"
#include "text_edits.h"

namespace objectos {
namespace {

// What an insert does not name is NULL. The row is not deleted for that: triggers of the app would
// take its children along.
void complete(RawMembers& row, const LocalObject& object) {
  for (const LocalColumn& column : object.columns)
    if (json_find(row, column.name) == nullptr) row.emplace_back(column.name, "null");
}

}  // namespace

bool same_value(const LocalColumn& column, const std::string* left, const std::string* right) {
  std::string a = left == nullptr ? "null" : *left, b = right == nullptr ? "null" : *right;
  if (column.kind == "float" && a[0] != '"' && b[0] != '"' && a != "null" && b != "null")
    return std::strtod(a.c_str(), nullptr) == std::strtod(b.c_str(), nullptr);
  return json_unquote(a) == json_unquote(b) && (a == "null") == (b == "null");
}

std::optional<RawMembers> readable_row(const std::string& json) {
  constexpr size_t looked_into = 1 << 20;  // bytes of a value; a longer one is believed
  try {
    RawMembers members = json_members(json);
    for (const auto& [name, raw] : members)
      if (raw.size() < looked_into) parse_json(raw);
    return members;
  } catch (const StoreError&) {
    return std::nullopt;
  } catch (const ProtocolError&) {
    return std::nullopt;
  }
}

RawMembers changed_fields(const std::string& operation, const std::string& data,
                          const std::string& original) {
  RawMembers fields = data.empty() ? RawMembers() : json_members(data);
  if (operation != "update" || original.empty()) return fields;
  RawMembers before = json_members(original);
  std::erase_if(fields, [&](const RawMember& field) {
    const std::string* old = json_find(before, field.first);
    return old != nullptr && *old == field.second;
  });
  return fields;
}

Image applied(Image row, const std::string& operation, const RawMembers& data) {
  RowOverlay overlay(std::move(row));
  overlay.apply(operation, data);
  return std::move(overlay.row());
}

Image Store::expected_row(const std::string& object, const std::string& record_id,
                          std::optional<int64_t>* version) const {
  Statement base(database_, "SELECT image,version FROM _base WHERE object=? AND record_id=?");
  base.bind(1, std::string_view(object)).bind(2, std::string_view(record_id));
  Image row;
  if (base.step()) {
    if (!base.is_null(0)) {
      row = readable_row(base.text(0));
      if (!row)
        throw StoreError(StoreErrorKind::corrupt,
                         "the base image of " + object + " " + record_id + " cannot be read",
                         base.text(0), "`objectos-sync verify --repair` mends it.");
    }
    if (version != nullptr) *version = base.integer_or_none(1);
  }
  RowOverlay overlay(std::move(row));
  for (const auto& mutation : queue_of(object, record_id)) {
    overlay.apply(mutation.operation,
                  changed_fields(mutation.operation, mutation.data, mutation.original));
    if (version != nullptr) *version = mutation.version;
  }
  return std::move(overlay.row());
}

namespace {

bool checks_wanted() {
  static const bool wanted = std::getenv("OBJECTOS_CHECK_LOCAL") != nullptr;
  return wanted;
}

}  // namespace

void Store::check_rebased() {
  std::set<std::pair<std::string, std::string>> records;
  records.swap(rebased_);
  for (const auto& [object, record_id] : records) {
    const std::optional<LocalDifference> difference = difference_of(object, record_id);
    if (difference)
      throw StoreError(StoreErrorKind::internal,
                       "the local row is not what base image and queue say",
                       object + " " + record_id + ": expected " + difference->expected +
                           ", found " + difference->found);
  }
}

void Store::rebase(const std::string& object, const std::string& record_id) {
  if (checks_wanted()) rebased_.emplace(object, record_id);
  Statement base(database_, "SELECT 1 FROM _base WHERE object=? AND record_id=?");
  base.bind(1, std::string_view(object)).bind(2, std::string_view(record_id));
  if (!base.step()) return;
  base.reset();
  std::optional<int64_t> version;
  Image row = expected_row(object, record_id, &version);
  Statement queued(database_, "SELECT 1 FROM _mutations WHERE object=? AND record_id=? LIMIT 1");
  queued.bind(1, std::string_view(object)).bind(2, std::string_view(record_id));
  bool pending = queued.step();
  if (knows(object)) {
    RowWriter& table = writer(object);
    if (row) {
      complete(*row, table.object());
      table.upsert(JsonSlices(*row).slices(), version, !pending, true);
    } else {
      table.remove(record_id, std::nullopt);
    }
  }
  if (pending) return;
  Statement drop(database_, "DELETE FROM _base WHERE object=? AND record_id=?");
  drop.bind(1, std::string_view(object)).bind(2, std::string_view(record_id)).run();
}

// Nothing: the record is what base image and queue say.
std::optional<LocalDifference> Store::difference_of(const std::string& object,
                                                    const std::string& record_id) const {
  if (!knows(object)) return std::nullopt;
  bool known = false;
  {
    Statement work(database_,
                   "SELECT 1 FROM _base WHERE object=?1 AND record_id=?2 UNION ALL SELECT "
                   "1 FROM _mutations WHERE object=?1 AND record_id=?2");
    work.bind(1, std::string_view(object)).bind(2, std::string_view(record_id));
    known = work.step();
  }
  if (!known) return std::nullopt;
  std::optional<std::string> found = row_json(object, record_id);
  Image wanted;
  try {
    wanted = expected_row(object, record_id, nullptr);
  } catch (const StoreError& error) {
    if (error.kind != StoreErrorKind::corrupt && error.kind != StoreErrorKind::invalid_input) throw;
    return LocalDifference{object, record_id, "", found.value_or("")};
  }
  bool same = wanted.has_value() == found.has_value();
  if (wanted && found) {
    RawMembers there = json_members(*found);
    for (const LocalColumn& column : writer(object).object().columns)
      same = same &&
             same_value(column, json_find(*wanted, column.name), json_find(there, column.name));
  }
  if (same) return std::nullopt;
  return LocalDifference{object, record_id, wanted ? json_object(*wanted) : "", found.value_or("")};
}

std::vector<LocalDifference> Store::verify_local() const {
  std::vector<LocalDifference> differences;
  Statement records(database_,
                    "SELECT object,record_id FROM _base UNION SELECT object,record_id FROM "
                    "_mutations");
  while (records.step()) {
    if (auto difference = difference_of(records.text(0), records.text(1)))
      differences.push_back(std::move(*difference));
  }
  for (const LocalObject& object : objects_) {
    Statement rows(database_, "SELECT " + record_id_sql(object, "t") + " FROM " +
                                  quote_name(object.name) +
                                  " t WHERE _synced=0 AND NOT EXISTS("
                                  "SELECT 1 FROM _base b WHERE b.object=" +
                                  quote_text(object.name) +
                                  " AND b.record_id=" + record_id_sql(object, "t") + ")");
    while (rows.step())
      differences.push_back(
          {object.name, rows.text(0), "", row_json(object.name, rows.text(0)).value_or("")});
  }
  return differences;
}

}  // namespace objectos
