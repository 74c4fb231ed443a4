#include "group_inverter.h"

#include "protocol/combine.h"
#include "protocol/decimal.h"
#include "protocol/errors.h"
#include "protocol/operational_transform.h"
#include "row_text.h"
#include "text_edits.h"

namespace objectos {
namespace {

std::string where_key_sql(const LocalObject& object, size_t first_parameter) {
  std::string sql;
  for (const std::string& name : object.key)
    sql += (sql.empty() ? " WHERE " : " AND ") + quote_name(name) + "=?" +
           std::to_string(first_parameter++);
  return sql;
}

std::string value_in(const RawMembers& row, std::string_view field) {
  const std::string* const value = json_find(row, field);
  return value == nullptr ? "null" : *value;
}

const LocalColumn* column_of(const LocalObject& object, std::string_view name) {
  const int at = object.column_index(name);
  return at < 0 ? nullptr : &object.columns[static_cast<size_t>(at)];
}

// The same JSON, written otherwise. What is no JSON equals nothing else.
bool same_json(const std::string& one, const std::string& other) {
  try {
    return canonical_json(parse_json(one)) == canonical_json(parse_json(other));
  } catch (const ProtocolError&) {
    return false;
  }
}

// The present text without what the mutation did to `old`, others' edits as they are.
std::string text_without(const std::string& wrote, const std::string& old,
                         const std::string& present) {
  const std::string before = text_of(&old), now = text_of(&present);
  std::string after;
  TextOperation inverse;
  if (is_text_edit_form(wrote)) {
    const TextOperation edit = read_text_edit(wrote).operation;
    after = ot::apply(before, edit);
    inverse = ot::invert(edit, before);
  } else {
    after = text_of(&wrote);
    inverse = ot::diff(after, before);
  }
  const std::string text =
      ot::apply(now, ot::transform(inverse, ot::diff(after, now), ot::Side::right));
  return text.empty() && old == "null" ? "null" : json_string(text);
}

}  // namespace

bool means_the_same(const LocalColumn& column, const std::string& one, const std::string& other) {
  if (same_value(column, &one, &other)) return true;
  if (one == "null" || other == "null") return false;
  if (column.kind == "numeric" || column.kind == "integer")
    return decimal_compare(json_unquote(one), json_unquote(other)) == 0;
  if (column.kind == "json") return same_json(json_unquote(one), json_unquote(other));
  return column.kind == "array" && same_json(one, other);
}

std::optional<RawMembers> GroupInverter::row_of(const HistoryMutation& mutation) const {
  const auto row = store_.row_json(mutation.object, mutation.record_id);
  if (!row) return std::nullopt;
  return json_members(*row);
}

void GroupInverter::leave(const HistoryMutation& mutation, const std::string& field,
                          const std::string& written, const std::string& found) {
  result_.left.push_back({mutation.object, mutation.record_id, field, written, found});
}

void GroupInverter::write(const HistoryMutation& mutation, const LocalObject& object,
                          const std::string& sql, const RawMembers& values, bool keyed) {
  const int64_t before = store_.newest_write();
  Statement statement(store_.database(), sql);
  int at = 1;
  for (const auto& [name, raw] : values)
    bind_wire_value(statement, at++, *column_of(object, name), raw);
  if (keyed) bind_record_id(statement, at, object, mutation.record_id);
  statement.run();
  Statement mark(store_.database(),
                 "UPDATE _mutations SET undo_of=?1 WHERE client_sequence=(SELECT "
                 "min(client_sequence) FROM _mutations WHERE client_sequence>?2 AND object=?3 AND "
                 "record_id=?4)");
  mark.bind(1, std::string_view(mutation.mutation_id)).bind(2, before);
  mark.bind(3, std::string_view(mutation.object)).bind(4, std::string_view(mutation.record_id));
  mark.run();
}

void GroupInverter::take_back(const HistoryMutation& mutation) {
  if (!store_.knows(mutation.object)) return;  // the server has that object no more
  const LocalObject& object = store_.writer(mutation.object).object();
  if (mutation.operation == "update") return take_back_update(mutation, object);
  if (mutation.operation == "insert") return take_back_insert(mutation, object);
  take_back_delete(mutation, object);
}

void GroupInverter::take_back_update(const HistoryMutation& mutation, const LocalObject& object) {
  const auto row = row_of(mutation);
  const RawMembers original = members_of(mutation.original);
  RawMembers values;
  std::string sets;
  for (const auto& [name, wrote] : changed_fields("update", mutation.data, mutation.original)) {
    const LocalColumn* const column = column_of(object, name);
    const std::string* const old = json_find(original, name);
    if (column == nullptr || column->generated || column->is_key || old == nullptr) continue;
    if (!row) {
      leave(mutation, name, wrote, "");
      continue;
    }
    const std::string present = value_in(*row, name);
    std::string wanted = *old;
    if (column->merges_text) {
      wanted = text_without(wrote, *old, present);
      if (wanted == present) continue;
    } else if (!means_the_same(*column, present, wrote)) {
      const auto counted = column->counter ? combine_counter(wrote, *old, present) : std::nullopt;
      if (!counted) {
        if (!means_the_same(*column, present, *old)) leave(mutation, name, wrote, present);
        continue;
      }
      wanted = *counted;
    }
    sets += (sets.empty() ? "" : ",") + quote_name(name) + "=?" + std::to_string(values.size() + 1);
    values.emplace_back(name, std::move(wanted));
  }
  if (values.empty()) return;
  write(mutation, object,
        "UPDATE " + quote_name(object.name) + " SET " + sets +
            where_key_sql(object, values.size() + 1),
        values, true);
}

// Only a record that is as it was left: what else is in it is somebody's later work.
void GroupInverter::take_back_insert(const HistoryMutation& mutation, const LocalObject& object) {
  const auto row = row_of(mutation);
  if (!row) return;  // gone already
  const RawMembers data = members_of(mutation.data);
  bool as_left = true;
  for (const LocalColumn& column : object.columns) {
    if (column.generated || column.is_key) continue;
    const std::string wrote = value_in(data, column.name), present = value_in(*row, column.name);
    if (means_the_same(column, present, wrote)) continue;
    leave(mutation, column.name, wrote, present);
    as_left = false;
  }
  if (!as_left) return;
  write(mutation, object, "DELETE FROM " + quote_name(object.name) + where_key_sql(object, 1), {},
        true);
}

void GroupInverter::take_back_delete(const HistoryMutation& mutation, const LocalObject& object) {
  if (const auto row = row_of(mutation)) {  // made again since
    leave(mutation, "", "", row_text(object, row));
    return;
  }
  RawMembers values;
  std::string names, places;
  for (auto& [name, raw] : members_of(mutation.original)) {
    const LocalColumn* const column = column_of(object, name);
    if (column == nullptr || column->generated) continue;
    const std::string comma = names.empty() ? "" : ",";
    names += comma + quote_name(name);
    places += comma + "?" + std::to_string(values.size() + 1);
    values.emplace_back(name, raw);
  }
  write(mutation, object,
        "INSERT INTO " + quote_name(object.name) + "(" + names + ") VALUES(" + places + ")", values,
        false);
}

}  // namespace objectos
