// The public values as JSON: what the command prints with --json and what the C API hands out.
// The members carry the names of objectos/types.h; a text that holds JSON becomes its value.
#pragma once

#include <string>
#include <vector>

#include "objectos/error.h"
#include "objectos/live_query.h"
#include "objectos/local_writes.h"
#include "objectos/presence.h"
#include "objectos/resolver.h"
#include "objectos/types.h"
#include "objectos/verify.h"
#include "protocol/json.h"

namespace objectos {

// The value of a JSON text; null for "", the text as a string if it is no JSON.
Json embedded_json(const std::string& text);

Json to_json(const Verdict& verdict);
Json to_json(const Status& status);
Json to_json(const Progress& progress);
Json to_json(const Change& change);
Json to_json(const PendingMutation& mutation);
Json to_json(const Conflict& conflict);
Json to_json(const RejectedMutation& rejected);
Json to_json(const SyncResult& result);
Json to_json(const Finding& finding);
Json to_json(const LocalDifference& difference);
Json to_json(const TransactionResult& result);
Json to_json(const HistoryMutation& mutation);
Json to_json(const HistoryGroup& group);
Json to_json(const LeftAlone& left);
Json to_json(const UndoResult& result);
Json to_json(const ConflictQuestion& question);
// An SQLite value: blobs as "\\x" and hex, infinities and NaN as text.
Json to_json(const Value& value);
Json to_json(const ChangedRow& row);
Json to_json(const QueryChange& change);
Json to_json(const PresentClient& client);
Json to_json(const PresenceEvent& event);
Json to_json(const RecordDifference& difference);
Json to_json(const ObjectVerification& object);
Json to_json(const VerifyReport& report);
Json to_json(const HistoryEntry& entry);
Json to_json(const FieldDifference& field);
Json to_json(const RecordDiff& diff);
// {class, code, message, detail, hint}
Json to_json(const Error& error);

// As write_json, and UTF-8 whatever the values hold: paths, arguments and SQLite's texts may be any
// bytes. Each byte that is none of a character becomes U+FFFD.
std::string public_text(const Json& json);

template <typename Value>
Json to_json(const std::vector<Value>& values) {
  Json all = Json::array();
  for (const Value& value : values) all.push_back(to_json(value));
  return all;
}

}  // namespace objectos
