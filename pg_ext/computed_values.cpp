#include "pg_ext/computed_values.h"

#include "pg_ext/boundary.h"
#include "pg_ext/identity.h"
#include "pg_ext/json_form.h"
#include "pg_ext/mutation_values.h"
#include "pg_ext/rejection.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

[[noreturn]] void reject(const PushItem& item, const MergeCall& call, const std::string& message) {
  throw MutationRejected{rejected(item.entry->id, "user_error", "", message,
                                  "See docs/conflicts.md for what a merge function returns.",
                                  call.whole ? "" : call.fields.front())};
}

[[noreturn]] void reject(const PushItem& item, PgError& error, const char* reason,
                         const std::string& field) {
  if (ends_the_push(error.sqlstate())) throw;
  Verdict verdict = rejected(item.entry->id, error);
  verdict.reason = reason;
  if (!field.empty()) verdict.detail.set("field", Json::string(field));
  error.discard();
  throw MutationRejected{std::move(verdict)};
}

const FieldConflict& conflict_of(const Decision& decision, const std::string& field) {
  for (const FieldConflict& one : decision.conflicts) {
    if (one.field == field) return one;
  }
  throw SyncError("OS000", "a merge function is asked about a field without conflict");
}

// One side's values: of a whole call an object of fields, else the field's value alone.
std::optional<std::string> side(const Decision& decision, const MergeCall& call,
                                std::optional<std::string> FieldConflict::*value) {
  if (!call.whole) return conflict_of(decision, call.fields.front()).*value;
  FieldValues values;
  for (const std::string& field : call.fields) {
    if (const auto& one = conflict_of(decision, field).*value) values[field] = *one;
  }
  return object_text(values);
}

std::string context_of(const PushItem& item, const RecordState& record, const Decision& decision,
                       const MergeCall& call) {
  Json context = Json::object();
  context.set("object", Json::string(record.object->info.object));
  context.set("record_id", Json::string(record.record_id));
  if (!call.whole) context.set("field", Json::string(call.fields.front()));
  context.set("mutation_id", Json::string(item.entry->id));
  context.set("user_id", Json::string(current_user_id()));
  context.set("timestamp_us", Json::integer(item.edit.timestamp_us));
  if (decision.client_version)
    context.set("client_version", Json::integer(*decision.client_version));
  if (decision.server_version)
    context.set("server_version", Json::integer(*decision.server_version));
  return write_json(context);
}

// The function's answer as JSON text; nothing for SQL NULL. Runs as the calling role.
std::optional<std::string> ask(Spi& spi, const PushItem& item, const RecordState& record,
                               const Decision& decision, const MergeCall& call) {
  const auto base = side(decision, call, &FieldConflict::base);
  const auto client = side(decision, call, &FieldConflict::client_value);
  const auto server = side(decision, call, &FieldConflict::server_value);
  const Params params{Param::jsonb(base), Param::jsonb(client), Param::jsonb(server),
                      Param::jsonb(context_of(item, record, decision, call))};
  try {
    inject_fault("merge_function");
    Rows rows = spi.execute("SELECT " + call.function + "($1, $2, $3, $4)", params);
    if (rows.size() != 1 || rows.column_type(0) != JSONBOID) {
      reject(item, call, "merge function " + call.function + " does not return one jsonb");
    }
    std::optional<std::string> answer = rows.text(0, 0);
    rows.release();
    return answer;
  } catch (PgError& error) {
    reject(item, error, "user_error", call.whole ? "" : call.fields.front());
  }
}

std::string canonical(const PushItem& item, const std::string& field, const std::string& json,
                      const char* reason) {
  const ColumnInfo* column = item.object->info.column(field);
  if (column == nullptr || column->generated || column->in_key) {
    throw MutationRejected{rejected(item.entry->id, reason, "",
                                    "a merge function gives no value to " + field, "", field)};
  }
  try {
    return canonical_value(*column, json);
  } catch (const SyncError& error) {
    Verdict verdict = rejected(item.entry->id, error, field);
    verdict.reason = reason;
    throw MutationRejected{std::move(verdict)};
  } catch (PgError& error) {
    reject(item, error, reason, field);
  }
}

Json parse_answer(const PushItem& item, const MergeCall& call, const std::string& text) {
  try {
    return parse_json(text);
  } catch (const ProtocolError& error) {  // too deep, too large
    reject(item, call, "merge function " + call.function + ": " + error.message());
  }
}

void make_call(Spi& spi, const PushItem& item, const RecordState& record, const MergeCall& call,
               Decision& decision) {
  const auto text = ask(spi, item, record, decision, call);
  if (!text) reject(item, call, "merge function " + call.function + " returned NULL");
  const Json given = parse_answer(item, call, *text);
  if (call.whole && !given.is_object()) {
    reject(item, call, "merge function " + call.function + " returned no object of fields");
  }
  FieldValues answer;
  as_pinned([&] {
    if (!call.whole) {
      const std::string& field = call.fields.front();
      answer[field] = canonical(item, field, *text, "user_error");
      return;
    }
    for (const auto& [name, value] : given.members()) {
      answer[name] = canonical(item, name, write_json(value), "user_error");
    }
  });
  take_answer(decision, call, record.server, answer);
}

}  // namespace

void complete(Spi& spi, const PushItem& item, const RecordState& record, Decision& decision) {
  if (decision.computed.empty() && decision.calls.empty()) return;
  const auto computed = decision.computed;
  as_pinned([&] {
    for (const std::string& field : computed) {
      take_computed(decision, record.server, field,
                    canonical(item, field, decision.write[field], "constraint_violation"));
    }
  });
  for (const MergeCall& call : decision.calls) make_call(spi, item, record, call, decision);
}

}  // namespace objectos::server
