// Steps that follow one another on one record and were never sent become one, where the server
// would make the same of it.
//
// That is so for an insert and what is done to it next: nobody else knows the record; for an update
// and a deletion; and for two updates if the later one writes every field of the earlier one, so
// that no field gets a later timestamp than its own. A step that puts a field back to what it was
// stays two: it is an edit that wins or loses like any other. Steps with another record's mutation
// between them stay as they are: that one may need the first, or be needed by the second.
//
// Edits of a text become one operation, which says the same to the server, with any number of them
// composed at once.
#include <algorithm>

#include "protocol/operational_transform.h"
#include "queue_sql.h"
#include "store.h"
#include "text_edits.h"

namespace objectos {

bool may_fold(const QueuedMutation& first, const QueuedMutation& then) {
  return first.group.empty() && then.group.empty() && first.undo_of.empty() &&
         then.undo_of.empty() && first.object == then.object && first.record_id == then.record_id &&
         (first.operation == "insert" || first.operation == "update") && then.operation != "insert";
}

namespace {

RawMembers changed(const QueuedMutation& mutation) {
  return changed_fields(mutation.operation, mutation.data, mutation.original);
}

// `row` with the values of `over`, fields that it has not at its end.
RawMembers overlaid(RawMembers row, const RawMembers& over) {
  for (const auto& [name, raw] : over) {
    const auto found =
        std::find_if(row.begin(), row.end(),
                     [&wanted = name](const RawMember& field) { return field.first == wanted; });
    if (found == row.end())
      row.emplace_back(name, raw);
    else
      found->second = raw;
  }
  return row;
}

// Of what was there before `first`, the fields that it changed.
RawMembers before(const QueuedMutation& first) {
  const RawMembers fields = changed(first);
  RawMembers original = members_of(first.original);
  std::erase_if(original,
                [&](const RawMember& field) { return json_find(fields, field.first) == nullptr; });
  return original;
}

// Whether `later` says all of what an earlier step wrote to the field, which it may be made to.
bool covered(RawMembers& later, const std::string& name, const std::string& earlier) {
  const bool text = is_text_edit_form(earlier);
  for (auto& [field, raw] : later) {
    if (field != name) continue;
    if (text != is_text_edit_form(raw)) return false;
    if (text) {
      QueuedTextEdit both = read_text_edit(raw);
      both.operation = ot::compose(read_text_edit(earlier).operation, both.operation);
      raw = text_edit_form(both);
    }
    return true;
  }
  if (text) later.emplace_back(name, earlier);
  return text;
}

bool edits_text(const RawMembers& fields) {
  return std::any_of(fields.begin(), fields.end(),
                     [](const RawMember& field) { return is_text_edit_form(field.second); });
}

bool edits_text_alone(const QueuedMutation& mutation) {
  if (mutation.operation != "update") return false;
  const RawMembers fields = members_of(mutation.data);
  return !fields.empty() && std::all_of(fields.begin(), fields.end(), [](const RawMember& field) {
    return is_text_edit_form(field.second);
  });
}

// Both as one update; false: they stay two.
bool fold_updates(const QueuedMutation& first, QueuedMutation& then) {
  const RawMembers earlier = changed(first);
  RawMembers later = changed(then);
  RawMembers original = members_of(then.original);
  std::erase_if(original,
                [&](const RawMember& field) { return json_find(later, field.first) == nullptr; });
  original = overlaid(std::move(original), before(first));
  for (const auto& [name, raw] : earlier)
    if (!covered(later, name, raw)) return false;
  for (const auto& [name, raw] : later) {
    const std::string* was = json_find(original, name);
    if (was != nullptr && *was == raw) return false;
  }
  then.data = json_object(later);
  then.original = json_object(original);
  then.version = first.version;
  return true;
}

// Makes one of two: of `then`, which keeps its id, number and time. False: they stay two.
bool fold_into(const QueuedMutation& first, QueuedMutation& then) {
  if (first.operation == "update" && then.operation == "update") {
    if (!fold_updates(first, then)) return false;
  } else {
    // A deletion says what the server had, which an operation does not.
    if (edits_text(members_of(first.data))) return false;
    then.original = json_object(overlaid(members_of(then.original), before(first)));
  }
  then.version = first.version;
  return true;
}

// Steps that are one already, though not yet in the queue: an insert and its updates, or edits of a
// text alone.
class OpenFold {
 public:
  explicit OpenFold(sqlite3* database)
      : drop_(database, queue_sql::drop),
        drop_chain_(database, queue_sql::drop_chain),
        write_(database, queue_sql::rewrite) {}

  // `then` takes the place of `last`. False: that is not for this to do.
  bool take(QueuedMutation& last, const QueuedMutation& then) {
    if (then.operation != "update") return false;
    const bool made = last.operation == "insert";
    if (!made && !(first_ ? !row_ : edits_text_alone(last))) return false;
    if (!made && !edits_text_alone(then)) return false;
    if (!first_) begin(last);
    if (!first_) first_ = last.client_sequence;
    const std::optional<int64_t> version = last.version;
    last = then;
    last.version = version;
    if (made) last.operation = "insert";
    made ? row_->apply("update", changed(then)) : add(then);
    return true;
  }

  // Before anything else is done with `last`.
  void end(QueuedMutation& last) {
    if (!first_) return;
    if (row_) {
      last.data = json_object(*row_->row());
    } else {
      RawMembers data;
      for (const Edits& each : edits_)
        data.emplace_back(each.field,
                          text_edit_form({ot::compose_all(each.operations), each.to_null}));
      last.data = json_object(data);
    }
    last.original.clear();
    drop_chain_.bind(1, std::string_view(last.object)).bind(2, std::string_view(last.record_id));
    drop_chain_.bind(3, *first_).bind(4, last.client_sequence).run();
    write(last);
    first_.reset(), edits_.clear(), row_.reset();
  }

  void drop(const QueuedMutation& mutation) { drop_.bind(1, mutation.client_sequence).run(); }
  void write(const QueuedMutation& mutation) {
    write_.bind(1, std::string_view(mutation.operation)).bind_text_or_null(2, mutation.data);
    write_.bind_text_or_null(3, mutation.original).bind(4, mutation.version);
    write_.bind(5, mutation.client_sequence).run();
  }

 private:
  struct Edits {
    std::string field;
    std::vector<TextOperation> operations;
    bool to_null = false;
  };

  void begin(const QueuedMutation& first) {
    if (first.operation == "insert")
      row_.emplace(members_of(first.data));
    else
      add(first);
  }

  void add(const QueuedMutation& mutation) {
    for (const auto& [name, raw] : members_of(mutation.data)) {
      auto found = std::find_if(edits_.begin(), edits_.end(),
                                [&field = name](const Edits& each) { return each.field == field; });
      if (found == edits_.end()) found = edits_.insert(edits_.end(), {name, {}, false});
      QueuedTextEdit edit = read_text_edit(raw);
      found->operations.push_back(std::move(edit.operation));
      found->to_null = edit.to_null;
    }
  }

  Statement drop_, drop_chain_, write_;
  std::optional<int64_t> first_;  // number of the step that it began with
  std::vector<Edits> edits_;
  std::optional<RowOverlay> row_;
};

}  // namespace

void Store::fold(std::vector<QueuedMutation>& batch) {
  std::vector<QueuedMutation> kept;
  OpenFold open(database_);
  for (QueuedMutation& mutation : batch) {
    const bool may = !kept.empty() && may_fold(kept.back(), mutation);
    if (may && open.take(kept.back(), mutation)) continue;
    if (!kept.empty()) open.end(kept.back());
    if (may && kept.back().operation == "insert" && mutation.operation == "delete") {
      open.drop(kept.back());
      open.drop(mutation);
      kept.pop_back();
      Applying applying(*this);
      rebase(mutation.object, mutation.record_id);
      applying.done();
    } else if (may && fold_into(kept.back(), mutation)) {
      open.drop(kept.back());
      open.write(mutation);
      kept.back() = std::move(mutation);
    } else {
      kept.push_back(std::move(mutation));
    }
  }
  if (!kept.empty()) open.end(kept.back());
  batch = std::move(kept);
}

}  // namespace objectos
