#include "pg_ext/mutation_applier.h"

#include "pg_ext/json_form.h"

namespace objectos::server {

namespace {

Param value_param(const ColumnInfo& column, const std::string& form) {
  return Param::of_type(column.type, input_text(column, form));
}

const ColumnInfo& column_of(const ObjectInfo& info, const std::string& name) {
  const ColumnInfo* column = info.column(name);
  if (column != nullptr) return *column;
  throw ProtocolError(ErrorCode::invalid_mutation, "there is no column " + name, {},
                      "Migrate the client to the present sync_schema().", name);
}

// "key" = $n AND … AND "_version" = $m
std::string identity(const RecordState& record, Params& params) {
  const ObjectInfo& info = record.object->info;
  std::string sql;
  for (std::size_t k = 0; k < info.key.size(); ++k) {
    const ColumnInfo& key = info.columns[info.key[k]];
    params.push_back(Param::of_type(key.type, record.key_texts[k]));
    sql += key.quoted + " " + key.equals + " $" + std::to_string(params.size()) + " AND ";
  }
  params.push_back(Param::int8(record.server.version));
  return sql + "\"_version\" OPERATOR(pg_catalog.=) $" + std::to_string(params.size());
}

std::string insert_statement(const ObjectInfo& info, const FieldValues& write, Params& params) {
  std::string names, values;
  bool identity_sent = false;
  for (const auto& [name, form] : write) {
    const ColumnInfo& column = column_of(info, name);
    if (column.generated) continue;
    identity_sent |= column.identity == 'a';
    params.push_back(value_param(column, form));
    if (!names.empty()) {
      names += ", ";
      values += ", ";
    }
    names += column.quoted;
    values += "$" + std::to_string(params.size());
  }
  return "INSERT INTO " + info.qualified + " (" + names + ")" +
         (identity_sent ? " OVERRIDING SYSTEM VALUE" : "") + " VALUES (" + values + ")";
}

std::string update_statement(const RecordState& record, const FieldValues& write, Params& params) {
  const ObjectInfo& info = record.object->info;
  std::string sets;
  for (const auto& [name, form] : write) {
    const ColumnInfo& column = column_of(info, name);
    params.push_back(value_param(column, form));
    if (!sets.empty()) sets += ", ";
    sets += column.quoted + " = $" + std::to_string(params.size());
  }
  return "UPDATE " + info.qualified + " SET " + sets + " WHERE " + identity(record, params);
}

}  // namespace

Applied apply(Spi& spi, const PushAuthor& author, const PushItem& item, const RecordState& record,
              const Decision& decision) {
  const ObjectInfo& info = record.object->info;
  Params params;
  std::string sql;
  PushedMutation pushed;
  pushed.record_id = record.record_id;  // the name under which capture will meet the row
  pushed.mutation_id = item.entry->id;
  pushed.client_sequence = item.entry->client_sequence;
  pushed.sent = object_text(decision.write);
  switch (decision.action) {
    case Action::none:
      return {};
    case Action::insert:
    case Action::reinsert:
      pushed.operation = "insert";
      sql = insert_statement(info, decision.write, params);
      break;
    case Action::update:
      pushed.operation = "update";
      sql = update_statement(record, decision.write, params);
      break;
    case Action::remove:
      pushed.operation = "delete";
      sql = "DELETE FROM " + info.qualified + " WHERE " + identity(record, params);
      break;
  }
  if (pushed.operation != "insert" && !record.stored_id.empty())
    pushed.record_id = record.stored_id;
  PushScope scope;
  scope.relid = info.relid;
  scope.client_id = author.client_id;
  scope.user_id = author.user_id;
  scope.device = author.device;
  scope.mutations.push_back(std::move(pushed));
  const std::uint64_t affected =
      with_push_scope(scope, [&] { return spi.execute(sql, params).affected(); });
  const PushedMutation& outcome = scope.mutations.front();
  return {affected > 0, outcome.captured, outcome.sequence, outcome.version};
}

std::string object_text(const FieldValues& values) {
  std::string out = "{";
  for (const auto& [name, value] : values) {
    if (out.size() > 1) out += ',';
    append_json_string(out, name);
    out += ':';
    out += value;
  }
  return out + "}";
}

}  // namespace objectos::server
