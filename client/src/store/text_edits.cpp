#include "text_edits.h"

#include <algorithm>

#include "local_values.h"
#include "protocol/errors.h"
#include "protocol/operational_transform.h"
#include "protocol/text_operation_json.h"

namespace objectos {

QueuedTextEdit read_text_edit(std::string_view raw) {
  const RawMembers members = json_members(raw);
  const std::string* const operation = json_find(members, "op");
  try {
    if (operation != nullptr)
      return {parse_text_operation(std::string_view(*operation)), json_true(members, "null")};
  } catch (const ProtocolError& error) {
    throw StoreError(StoreErrorKind::corrupt, "a queued edit of a text cannot be read",
                     error.message());
  }
  throw StoreError(StoreErrorKind::corrupt, "a queued edit of a text cannot be read",
                   std::string(raw.substr(0, 200)));
}

std::string text_edit_form(const QueuedTextEdit& edit) {
  std::string form = "{\"op\":";
  append_text_operation(form, edit.operation);
  return form + (edit.to_null ? ",\"null\":true}" : "}");
}

std::string text_of(const std::string* raw) {
  return raw == nullptr || *raw == "null" ? std::string() : json_unquote(*raw);
}

void RowOverlay::set(const std::string& field, std::string raw) {
  const auto found = std::find_if(row_->begin(), row_->end(),
                                  [&](const RawMember& member) { return member.first == field; });
  if (found == row_->end())
    row_->emplace_back(field, std::move(raw));
  else
    found->second = std::move(raw);
}

void RowOverlay::add(const std::string& field, QueuedTextEdit edit) {
  auto waiting = std::find_if(waiting_.begin(), waiting_.end(),
                              [&](const Waiting& each) { return each.field == field; });
  if (waiting == waiting_.end()) waiting = waiting_.insert(waiting_.end(), {field, {}, false});
  waiting->operations.push_back(std::move(edit.operation));
  waiting->to_null = edit.to_null;
}

void RowOverlay::apply(const std::string& operation, const RawMembers& data) {
  if (operation == "delete") {
    row_.reset();
    waiting_.clear();
    return;
  }
  if (!row_ && operation == "update") return;
  if (!row_) row_.emplace();
  for (const auto& [name, raw] : data) {
    if (is_text_edit_form(raw)) {
      add(name, read_text_edit(raw));
      continue;
    }
    std::erase_if(waiting_, [&field = name](const Waiting& each) { return each.field == field; });
    set(name, raw);
  }
}

std::optional<RawMembers>& RowOverlay::row() {
  std::vector<Waiting> waiting;
  waiting.swap(waiting_);
  for (const Waiting& each : waiting) {
    try {
      const std::string text =
          ot::apply(text_of(json_find(*row_, each.field)), ot::compose_all(each.operations));
      set(each.field, text.empty() && each.to_null ? "null" : json_string(text));
    } catch (const ProtocolError& error) {
      throw StoreError(StoreErrorKind::corrupt, "queued edits do not fit the text of " + each.field,
                       error.message());
    }
  }
  return row_;
}

}  // namespace objectos
