#include "pg_ext/text_merge.h"

#include "pg_ext/text_log.h"
#include "protocol/json.h"
#include "protocol/limits.h"
#include "protocol/operational_transform.h"

namespace objectos::server {

namespace {

// Of a canonical JSON value; NULL is an empty text.
std::string text_of(const std::string& value) {
  const Json json = parse_json(value);
  return json.is_string() ? json.text() : std::string();
}

[[noreturn]] void refuse_revision(const PushItem& item, const std::string& field,
                                  std::int64_t revision, std::int64_t newest) {
  throw ProtocolError(ErrorCode::invalid_mutation, "the revision of a text edit is in the future",
                      "Mutation " + item.entry->id + ", record " + item.entry->record_id +
                          ", field " + field + ": made of revision " + std::to_string(revision) +
                          ", the record is at " + std::to_string(newest) + ".",
                      "Send the version of the row that was edited.", field);
}

// What the client's earlier edits of this push did to the field. Those that are judged stand in the
// log, or became nothing; of one that was rejected the client has to hear first.
void pass_earlier(const std::vector<PushItem>& items, std::size_t index, const RecordState& record,
                  const std::string& field, TextChain& chain) {
  for (const std::size_t earlier : record.text_edits) {
    if (earlier >= index) break;
    const PushItem& item = items[earlier];
    const auto sent = item.texts.find(field);
    if (sent == item.texts.end() || sent->second.revision != chain.revision) continue;
    if (!item.verdict || item.verdict->status == "rejected" || !item.verdict->version)
      throw PullFirst{index};
    chain.commit.passed(sent->second.operation, *item.verdict->version);
  }
}

TextChain& chain_of(const std::string& client_id, const std::vector<PushItem>& items,
                    std::size_t index, RecordState& record, const std::string& field,
                    std::int64_t revision) {
  const auto known = record.texts.find(field);
  if (known != record.texts.end() && known->second.revision == revision) return known->second;
  const ObjectInfo& info = record.object->info;
  // The text of a version that is the record's is known; of others before that nobody logged.
  if (revision != record.server.version && revision < info.texts_from) throw PullFirst{index};
  const std::string& id = record.stored_id.empty() ? record.record_id : record.stored_id;
  constexpr std::int64_t most = limits::text_revisions_behind_max + 1;
  const std::vector<TextRevision> log = with_spi([&](Spi& spi) {
    auto read = read_text_log(spi, info.object, {{id, info.column(field)->attnum, revision}},
                              Access::read_write, most);
    return std::move(read.front());
  });
  TextChain chain{
      revision, TextCommit(client_id, revision, {std::max(record.server.version, revision), log})};
  pass_earlier(items, index, record, field, chain);
  if (known != record.texts.end()) record.texts.erase(known);
  return record.texts.emplace(field, std::move(chain)).first->second;
}

// An edit by its operation.
void merge_edit(const std::string& client_id, std::vector<PushItem>& items, std::size_t index,
                RecordState& record, const std::string& field, const std::string& present) {
  PushItem& item = items[index];
  const PushedTextEdit& sent = item.texts.at(field);
  if (sent.revision > record.server.version && record.server.exists)
    refuse_revision(item, field, sent.revision, record.server.version);
  TextChain& chain = chain_of(client_id, items, index, record, field, sent.revision);
  if (chain.commit.needs_pull()) throw PullFirst{index};
  if (!chain.text) {
    chain.text = std::make_shared<TextRope>(text_of(present));
    chain.is_null = present == "null";
  }
  const bool current = chain.commit.is_current();
  TextOperation operation = chain.commit.commit(sent.operation);
  const bool replaces = !operation.changes_nothing() && operation.length_change() == 0;
  const std::string before = replaces ? chain.text->text() : std::string();
  TextOperation inverse = chain.text->apply_invertibly(operation);
  const bool is_null = chain.text->size() == 0 && (sent.to_null || chain.is_null);
  const bool changes = replaces ? before != chain.text->text() : !operation.changes_nothing();
  item.merged->merged[field] = changes || is_null != chain.is_null;
  chain.is_null = is_null;
  item.committed[field] = {std::move(operation), std::move(inverse), nullptr};
  item.is_carried |= !current;
}

// An edit by two values: what makes one of the other, and what makes the present one of the first.
void merge_values(const std::string& client_id, PushItem& item, const std::string& field,
                  const std::string& value, const std::string& base, const std::string& present) {
  const std::string before = text_of(base), now = text_of(present);
  TextOperation operation = ot::diff(before, text_of(value));
  if (before != now) {
    operation =
        ot::transform(operation, ot::diff(before, now), ot::side_of(client_id, std::string()));
    item.is_carried = true;
  }
  const std::string text = ot::apply(now, operation);
  const bool stays_null = present == "null" && value == base;
  const bool is_null = text.empty() && (value == "null" || stays_null);
  std::string& merged = item.merged->data[field];
  merged = is_null ? "null" : json_string(text);
  item.merged->merged[field] = merged != present;
  TextOperation inverse = ot::invert(operation, now);
  item.committed[field] = {std::move(operation), std::move(inverse),
                           std::make_shared<const std::string>(text)};
}

// The value that the edit meets; none: it meets nothing that could be merged.
const std::string* present_value(std::optional<std::int64_t> version, const ServerState& server,
                                 const std::string& field) {
  if (server.exists && !is_another_record(version, server)) {
    const auto found = server.values.find(field);
    return found == server.values.end() ? nullptr : &found->second;
  }
  if (server.exists || !server.deleted_values) return nullptr;
  const auto found = server.deleted_values->find(field);
  return found == server.deleted_values->end() ? nullptr : &found->second;
}

}  // namespace

bool edits_texts(const PushItem& item) {
  if (item.edit.operation != Operation::update || !item.object->info.has_texts) return false;
  if (!item.texts.empty()) return true;
  for (const auto& [field, value] : item.edit.data) {
    const ColumnInfo* const column = item.object->info.column(field);
    if (column->merges_text && item.edit.original.contains(field)) return true;
  }
  return false;
}

bool only_edits_texts(const PushItem& item) {
  if (item.texts.empty() || item.texts.size() != item.edit.data.size()) return false;
  for (const auto& [field, edit] : item.texts) {
    if (edit.to_null) return false;
  }
  return true;
}

void merge_texts(const std::string& client_id, std::vector<PushItem>& items, std::size_t index,
                 std::optional<std::int64_t> version, RecordState& record) {
  PushItem& item = items[index];
  item.merged = item.edit;
  item.committed.clear();
  item.is_carried = false;
  for (const auto& [field, value] : item.edit.data) {
    if (!item.object->info.column(field)->merges_text) continue;
    const std::string* const present = present_value(version, record.server, field);
    if (present == nullptr) continue;
    const auto base = item.edit.original.find(field);
    if (item.texts.contains(field)) {
      merge_edit(client_id, items, index, record, field, *present);
    } else if (base != item.edit.original.end()) {
      merge_values(client_id, item, field, value, base->second, *present);
    }
  }
}

}  // namespace objectos::server
