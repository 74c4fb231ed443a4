// The SQL functions sync_conflicts and sync_resolve.
#include <map>

#include "pg_ext/boundary.h"
#include "pg_ext/client_registry.h"
#include "pg_ext/computed_values.h"
#include "pg_ext/conflict_store.h"
#include "pg_ext/json_form.h"
#include "pg_ext/push_rows.h"
#include "pg_ext/push_signatures.h"
#include "pg_ext/pusher.h"
#include "pg_ext/record_loader.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

[[noreturn]] void unknown_conflict(const std::string& conflict_id) {
  throw ProtocolError(ErrorCode::unknown_conflict, "there is no open conflict " + conflict_id,
                      "It does not exist, was resolved, or its record is not visible to you.",
                      "List the open ones with sync_conflicts().");
}

// Whether the caller sees the record.
bool sees_record(const PushObject& object, const std::string& record_id) {
  std::vector<RecordState> records(1);
  records[0].object = &object;
  records[0].record_id = record_id;
  records[0].key_texts = key_input_texts(object.info, record_id);
  load_records(records, {});
  return records[0].server.exists;
}

// Fields the caller may not SELECT are left out.
Json readable_part(const ObjectInfo& info, const Json& values) {
  Json part = Json::object();
  for (const auto& [name, value] : values.members()) {
    const ColumnInfo* column = info.column(name);
    if (column != nullptr && column->selectable) part.set(name, value);
  }
  return part;
}

Json chosen_values(const ConflictRow& conflict, const std::string& resolution) {
  if (resolution == "client_wins") return conflict.client;
  if (resolution == "server_wins") return Json::object();
  throw ProtocolError(ErrorCode::invalid_option, "unknown resolution " + json_string(resolution),
                      "Conflict " + conflict.conflict_id + ".",
                      "Use 'client_wins', 'server_wins', or a JSON object of values.");
}

// Runs as a mutation of the caller; a rejected one leaves the conflict open.
Verdict resolve(const std::string& conflict_id, const std::string* resolution, const Json* values) {
  const std::optional<ConflictRow> conflict = lock_conflict(conflict_id);
  if (!conflict || conflict->status != "open") unknown_conflict(conflict_id);
  PushObject object;
  std::optional<ObjectInfo> info = object_by_name(conflict->object);
  if (!info || !info->visible) unknown_conflict(conflict_id);
  object.info = std::move(*info);
  if (!sees_record(object, conflict->record_id)) unknown_conflict(conflict_id);

  Mutation mutation;
  mutation.id = new_uuid();
  mutation.object = conflict->object;
  mutation.record_id = conflict->record_id;
  mutation.operation = Operation::update;
  mutation.data = resolution != nullptr ? chosen_values(*conflict, *resolution) : *values;
  mutation.original = Json::object();
  PushEntry entry;
  entry.id = mutation.id;
  entry.object = mutation.object;
  entry.record_id = mutation.record_id;
  entry.mutation = std::move(mutation);
  const std::string outcome = resolution != nullptr ? *resolution : "values";
  try {
    Verdict verdict = subtransaction([&] {
      end_conflict(*conflict, outcome,
                   calling_user());  // before the write, which would find it moot
      Pusher pusher(conflict->client_id);
      Verdict written = pusher.write_over(entry);
      if (written.status == "rejected") throw MutationRejected{std::move(written)};
      return written;
    });
    if (resolution != nullptr) verdict.resolution = *resolution;
    return verdict;
  } catch (MutationRejected& rejection) {
    return std::move(rejection.verdict);
  }
}

Datum answer(FunctionCall call, const std::string* resolution, const Json* values) {
  RowWriter writer(call);
  require_proven_user("A conflict is ended in a session that has logged in.");
  write_verdicts(writer, {resolve(argument_as_text(call, 0, UUIDOID), resolution, values)});
  return null_result(call);
}

void write_conflict(RowWriter& writer, const ObjectInfo& info, const ConflictRow& row) {
  const auto put = [&](const std::string& text) { writer.text(std::string_view(text)); };
  put(row.conflict_id);
  put(row.mutation_id);
  put(row.object);
  put(row.record_id);
  put(row.reason);
  for (const Json* part : {&row.base, &row.client, &row.server}) {
    put(write_json(readable_part(info, *part)));
  }
  put(row.client_id);
  put(row.status);
  put(row.opened_at);
  writer.end_row();
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_resolve) {
  const std::string resolution = text_argument(call, 1);
  return answer(call, &resolution, nullptr);
}

OBJECTOS_FUNCTION(sync_resolve_values) {
  const objectos::Json values = objectos::parse_json(argument_as_text(call, 1, JSONBOID));
  if (!values.is_object()) {
    throw objectos::ProtocolError(objectos::ErrorCode::invalid_option,
                                  "the values are no JSON object", {},
                                  "Give {\"field\": value, …}.", "values");
  }
  return answer(call, nullptr, &values);
}

OBJECTOS_FUNCTION(sync_conflicts) {
  RowWriter writer(call);
  std::map<std::string, std::unique_ptr<PushObject>> objects;
  std::size_t seen = 0;
  for (const ConflictRow& row : all_conflicts()) {
    if (++seen % 100 == 0) check_interrupts();
    auto [found, added] = objects.try_emplace(row.object);
    if (added) {
      if (auto info = object_by_name(row.object); info && info->visible) {
        found->second = std::make_unique<PushObject>();
        found->second->info = std::move(*info);
      }
    }
    if (!found->second || !sees_record(*found->second, row.record_id)) continue;
    write_conflict(writer, found->second->info, row);
  }
  return null_result(call);
}
