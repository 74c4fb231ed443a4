#include "pg_ext/text_capture.h"

#include <utility>

#include "protocol/errors.h"
#include "protocol/limits.h"
#include "protocol/operational_transform.h"
#include "protocol/text_operation_json.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// What was committed, and what takes it back. A trigger may have made another text of what the
// mutation wrote: that belongs to it.
std::pair<TextOperation, TextOperation> operations_of(const std::string& before,
                                                      const std::string& after,
                                                      const CommittedText* pushed, bool& moved) {
  if (pushed != nullptr && *pushed->after == after) return {pushed->operation, pushed->inverse};
  moved = true;
  if (pushed == nullptr) {
    TextOperation operation = ot::diff(before, after);
    TextOperation inverse = ot::invert(operation, before);
    return {std::move(operation), std::move(inverse)};
  }
  // `before` may be the text before others of its push.
  const std::string base = ot::apply(*pushed->after, pushed->inverse);
  TextOperation operation = ot::compose(pushed->operation, ot::diff(*pushed->after, after));
  TextOperation inverse = ot::invert(operation, base);
  return {std::move(operation), std::move(inverse)};
}

const CommittedText* committed_text(const PushedMutation* mutation, const std::string& field) {
  if (mutation == nullptr || mutation->texts == nullptr) return nullptr;
  const auto found = mutation->texts->find(field);
  return found == mutation->texts->end() || !found->second.after ? nullptr : &found->second;
}

}  // namespace

TextCapture::TextCapture(const ObjectInfo& object, const std::vector<const ColumnInfo*>& columns)
    : columns_(columns), fields_(columns.size()), data_(columns.size()), original_(columns.size()) {
  const Oid root = object.root;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i]->merges_text) continue;
    texts_.push_back(i);
    const char* const name = columns[i]->name.c_str();
    fields_[i] =
        object.relid == root ? columns[i]->attnum : pg_call([&] { return get_attnum(root, name); });
  }
}

void TextCapture::clear() {
  for (const Change& change : changes_) {
    data_[change.column].clear();
    original_[change.column].clear();
  }
  changes_.clear();
}

// A write of the user's never fails because of what we make of it.
void TextCapture::change(std::size_t column, const std::optional<std::string>& before,
                         const std::optional<std::string>& after, PushedMutation* mutation) {
  changes_.push_back({column, {}});
  if (!before) return;
  const CommittedText* const pushed = committed_text(mutation, columns_[column]->name);
  bool moved = false;
  try {
    const std::string& now = after ? *after : std::string();
    const auto [operation, inverse] = operations_of(*before, now, pushed, moved);
    if (operation.components().size() <= limits::text_components_max) {
      changes_.back().operation = write_text_operation(operation);
      if (after) {
        data_[column] = changes_.back().operation;
        original_[column] = write_text_operation(inverse);
      }
    }
  } catch (const ProtocolError&) {
    moved = true;
  }
  if (moved && pushed != nullptr) mutation->texts_moved = true;
}

void TextCapture::change(std::size_t column, const CommittedText& edit) {
  original_[column] = write_text_operation(edit.inverse);
  data_[column] = write_text_operation(edit.operation);
  changes_.push_back({column, data_[column]});
}

bool TextCapture::left_alone(std::size_t column, const std::optional<std::string>& after,
                             const PushedMutation* mutation) const {
  const CommittedText* const pushed = committed_text(mutation, columns_[column]->name);
  return pushed != nullptr && pushed->operation.changes_nothing() && after == *pushed->after;
}

void TextCapture::replace_all() {
  for (const std::size_t column : texts_) changes_.push_back({column, {}});
}

void TextCapture::keep(const std::string& object, const std::string& record_id,
                       std::int64_t revision, std::int64_t sequence, const std::string* mutation_id,
                       const std::string& client_id) {
  for (const Change& change : changes_) {
    if (!rows_) rows_.emplace("text_ops");
    BulkInsert& row = *rows_;
    row.text(object).text(record_id).int2(fields_[change.column]);
    row.int8(revision).int8(sequence);
    if (mutation_id != nullptr) {
      row.text(client_id).input(*mutation_id);
    } else {
      row.null().null();
    }
    row.text_or_null(change.operation).end_row();
  }
  clear();
}

void TextCapture::finish() {
  if (rows_) rows_->finish();
  rows_.reset();
}

std::string text_value(Datum value) {
  struct View {
    const char* data;
    std::size_t size;
  };
  const View view = pg_call([&] {
    const auto* const packed = DatumGetTextPP(value);
    return View{VARDATA_ANY(packed), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(packed))};
  });
  return std::string(view.data, view.size);
}

}  // namespace objectos::server
