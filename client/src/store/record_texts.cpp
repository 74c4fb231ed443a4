#include "record_texts.h"

#include "protocol/errors.h"
#include "queue_sql.h"
#include "store.h"
#include "text_edits.h"

namespace objectos {

// One field, mutation by mutation.
class RecordTexts::Reader {
 public:
  Reader(std::string field, const std::optional<RawMembers>& base, int64_t revision)
      : field_(std::move(field)) {
    state_.revision = revision;
    if (!base) return;
    const std::string* const raw = json_find(*base, field_);
    begin(raw == nullptr ? "null" : *raw);
  }

  // False: nothing of this mutation, nor of later ones, is an operation.
  bool read(const std::string& mutation, const RawMembers& data, const RawMembers& original) {
    const std::string* const raw = json_find(data, field_);
    if (raw == nullptr) return true;
    const std::string* const before = json_find(original, field_);
    if (is_text_edit_form(*raw)) {
      if (!begun_) return false;
      const QueuedTextEdit edit = read_text_edit(*raw);
      add(mutation, edit.operation, edit.to_null);
      queued_.emplace(mutation, edit.operation);
      return true;
    }
    if (before != nullptr && *before == *raw) return true;
    try {
      if (!begun_) begin(before == nullptr ? "null" : *before);
      add(mutation, difference(*raw, before), *raw == "null");
    } catch (const ProtocolError&) {
      return false;
    }
    return true;
  }

  bool empty() const { return state_.edits.empty(); }
  bool moved() const { return moved_; }
  std::string name() const { return field_; }
  Field field() && {
    return {std::move(base_), TextSession(std::move(state_)), std::move(to_null_),
            std::move(queued_)};
  }

 private:
  void begin(const std::string& raw) {
    base_ = raw;
    text_ = state_.base = text_of(&raw);
    begun_ = true;
  }

  void add(const std::string& mutation, const TextOperation& operation, bool to_null) {
    state_.edits.push_back({mutation, operation, false, {}, 0});
    since_.push_back(operation);
    to_null_[mutation] = to_null;
  }

  // Of the text so far and what plain SQL made of `original`.
  TextOperation difference(const std::string& raw, const std::string* original) {
    text_ = ot::apply(text_, ot::compose_all(since_));
    since_.clear();
    const std::string after = text_of(&raw);
    const std::string found = original == nullptr ? text_ : text_of(original);
    if (found == text_) return ot::diff(text_, after);
    moved_ = true;
    return ot::transform(ot::diff(found, after), ot::diff(found, text_), ot::Side::right);
  }

  std::string field_, base_, text_;
  TextState state_;
  std::vector<TextOperation> since_;  // not in text_ yet
  std::map<std::string, bool> to_null_;
  std::map<std::string, TextOperation> queued_;
  bool begun_ = false, moved_ = false;
};

RecordTexts::RecordTexts(const Store& store, const std::string& object,
                         const std::string& record_id, int64_t after,
                         const std::optional<RawMembers>& base, int64_t revision)
    : store_(store) {
  std::vector<Reader> readers;
  for (const LocalColumn& column : store.writer(object).object().columns)
    if (column.merges_text) readers.emplace_back(column.name, base, revision);
  Statement rows(store.database(),
                 "SELECT client_sequence,id,operation,data,original FROM _mutations WHERE "
                 "object=?1 AND record_id=?2 AND client_sequence>?3 ORDER BY client_sequence");
  rows.bind(1, std::string_view(object)).bind(2, std::string_view(record_id)).bind(3, after);
  std::vector<Reader> done;
  while (rows.step() && rows.text(2) == "update") {
    const std::string id = rows.text(1);
    const RawMembers data = members_of(rows.text(3)), original = members_of(rows.text(4));
    std::erase_if(readers, [&](Reader& reader) {
      const bool goes_on = reader.read(id, data, original);
      if (!goes_on) done.push_back(std::move(reader));
      return !goes_on;
    });
    for (const Reader& reader : readers)
      if (json_find(data, reader.name()) != nullptr) numbers_[id] = rows.integer(0);
  }
  for (Reader& reader : readers) done.push_back(std::move(reader));
  for (Reader& reader : done) {
    if (reader.empty()) continue;
    moved_ = moved_ || reader.moved();
    const std::string name = reader.name();
    try {
      fields_.emplace(name, std::move(reader).field());
    } catch (const ProtocolError& error) {
      throw StoreError(StoreErrorKind::corrupt,
                       "queued edits do not fit the text of " + object + " " + record_id,
                       error.message(), "`objectos-sync verify --repair` mends it.");
    }
  }
}

std::vector<std::string> RecordTexts::fields() const {
  std::vector<std::string> names;
  for (const auto& [name, field] : fields_) names.push_back(name);
  return names;
}

void RecordTexts::rewrite(int64_t number, const RawMembers& data,
                          const RawMembers& original) const {
  Statement write(store_.database(), queue_sql::rewrite_values);
  write.bind(1, std::string_view(json_object(data)));
  write.bind_text_or_null(2, original.empty() ? "" : json_object(original));
  write.bind(3, number).run();
}

namespace {

void set_member(RawMembers& members, const std::string& name, const std::string& raw) {
  for (RawMember& member : members)
    if (member.first == name) {
      member.second = raw;
      return;
    }
  members.emplace_back(name, raw);
}

void drop_member(RawMembers& members, const std::string& name) {
  std::erase_if(members, [&](const RawMember& member) { return member.first == name; });
}

}  // namespace

void RecordTexts::keep() {
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> forms;  // by mutation
  for (const auto& [name, field] : fields_)
    for (const TextEdit& edit : field.session.state().edits) {
      const auto queued = field.queued.find(edit.mutation);
      if (queued != field.queued.end() && queued->second == edit.operation) continue;
      forms[edit.mutation].emplace_back(
          name, text_edit_form({edit.operation, field.to_null.at(edit.mutation)}));
    }
  Statement read(store_.database(), "SELECT data,original FROM _mutations WHERE client_sequence=?");
  for (const auto& [mutation, edits] : forms) {
    read.bind(1, numbers_.at(mutation));
    if (!read.step()) continue;
    RawMembers data = members_of(read.text(0)), original = members_of(read.text(1));
    read.reset();
    for (const auto& [name, form] : edits) {
      set_member(data, name, form);
      drop_member(original, name);
    }
    rewrite(numbers_.at(mutation), data, original);
  }
}

// By mutation.
std::map<std::string, RecordTexts::Plain> RecordTexts::plain_values() const {
  std::map<std::string, Plain> values;
  for (const auto& [name, field] : fields_) {
    std::string before = field.base;
    for (const TextEdit& edit : field.session.state().edits) {
      const std::string text = ot::apply(text_of(&before), edit.operation);
      std::string after =
          text.empty() && field.to_null.at(edit.mutation) ? "null" : json_string(text);
      Plain& plain = values[edit.mutation];
      plain.data.emplace_back(name, after);
      plain.original.emplace_back(name, std::move(before));
      before = std::move(after);
    }
  }
  return values;
}

RecordTexts::Plain RecordTexts::plain(const std::string& mutation) const {
  return plain_values()[mutation];
}

void RecordTexts::keep_plain() {
  const std::map<std::string, Plain> values = plain_values();
  for (const auto& [mutation, plain] : values) {
    Statement read(store_.database(),
                   "SELECT data,original FROM _mutations WHERE client_sequence=?");
    read.bind(1, numbers_.at(mutation));
    if (!read.step()) continue;
    RawMembers data = members_of(read.text(0)), original = members_of(read.text(1));
    read.reset();
    for (const auto& [name, raw] : plain.data) set_member(data, name, raw);
    for (const auto& [name, raw] : plain.original) set_member(original, name, raw);
    rewrite(numbers_.at(mutation), data, original);
  }
}

}  // namespace objectos
