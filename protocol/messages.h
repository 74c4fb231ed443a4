// The messages of the protocol (JSON), their decoding with precise errors, and their encoding.
// Requests are read strictly (an unknown key is an error, so a misspelt one is not lost);
// responses leniently (a newer server may say more).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/errors.h"
#include "protocol/json.h"
#include "protocol/signed_payload.h"

namespace objectos {

enum class Operation { insert, update, remove };
// "insert", "update", "delete".
const char* to_string(Operation operation) noexcept;
std::optional<Operation> parse_operation(std::string_view name) noexcept;

// A UUID as 36 lower-case characters from any case, with or without dashes or braces; nothing else.
std::optional<std::string> normalize_uuid(std::string_view text);

// The client's public types (include/objectos/types.h) have some of these names too, and both stand
// in one library: only the inner namespace keeps the linker from taking one for the other.
inline namespace messages {

struct Mutation {
  std::string id;  // UUID, lower case
  std::string object;
  std::string record_id;
  Operation operation = Operation::update;
  Json data;                                 // object; null for a delete
  Json original;                             // object; null if not given
  std::string timestamp;                     // as sent; "" if not given
  std::optional<std::int64_t> timestamp_us;  // the same, since 1970, UTC
  std::optional<std::int64_t> version;       // the one edited
  std::optional<std::int64_t> client_sequence;
  std::optional<std::string> group;
  std::optional<std::string> user;
  std::optional<std::string> device;
  std::optional<std::string> undo_of;
  // Only in what the server sends.
  std::optional<std::int64_t> sequence;
  std::optional<std::string> tag;
};

// One element of a push. With an id that can be read but otherwise wrong, it carries the error and
// becomes a `rejected` verdict; the rest of the push goes on.
struct PushEntry {
  std::string id;
  std::optional<Mutation> mutation;
  std::optional<ProtocolError> error;  // set iff mutation is not
  // As far as they can be read, also when the rest is wrong.
  std::string object;
  std::string record_id;
  std::optional<std::int64_t> client_sequence;
  // The bytes a fingerprint is taken of: canonical_mutation(), or for a wrong one its canonical
  // JSON.
  std::string canonical;
  std::optional<SignedMutation> signed_form;  // as it came, if it came signed
};

struct PushRequest {
  std::string client_id;
  std::string last_sync;   // informs only; "" if not given
  std::string checkpoint;  // "" if not given
  std::optional<std::int64_t> confirmed;
  std::vector<PushEntry> entries;
};

struct Conflict {
  std::string mutation_id;
  std::string reason;
  std::optional<std::int64_t> server_version;
  std::optional<std::int64_t> client_version;
  std::string resolution;   // "" = null
  std::string conflict_id;  // "" = null
  Json base;                // object field → value
  struct Field {
    std::string field;
    Json client_value;
    Json server_value;
    std::string resolution;  // "" = not sent
  };
  std::vector<Field> conflicts;
  std::string object;
  std::string record_id;
  std::string status;  // open, resolved; "" = not sent
};

struct Acknowledgement {
  std::string id;  // mutation id
  std::string object;
  std::string record_id;
  std::string operation;
  std::optional<std::int64_t> version;
  std::int64_t client_sequence = 0;
  std::string status;
  bool whole = false;  // the row was stored as the mutation said
  bool absorb =
      false;  // the row's data is left out: the client moves its own mutation into the base
};

struct PullResponse {
  std::vector<Mutation> mutations;
  std::vector<Conflict> conflicts;
  std::string checkpoint;
  bool has_more = false;
  Json removals;  // array
  std::vector<Acknowledgement> acknowledgements;
  Json schema;     // object or null
  Json rereads;    // array
  Json truncates;  // array
};

struct Ack {
  std::string client_id;
  std::string last_sync;
  std::string checkpoint;
  std::optional<std::int64_t> confirmed;
};

struct Verdict {
  std::string mutation_id;
  std::string status;
  bool duplicate = false;
  std::optional<std::int64_t> version;
  std::optional<std::int64_t> sequence;
  std::string reason;      // "" = null
  std::string resolution;  // "" = null
  std::optional<std::int64_t> server_version;
  std::optional<std::int64_t> client_version;
  Json detail;
};

}  // namespace messages

// One mutation, strictly (OS006 naming mutation and field). `changes: {field: {from, to}}` is taken
// for data and original. A delete carries no data; client_sequence counts from 1.
Mutation decode_mutation(const Json& json);

// One mutation as the server sends it: leniently, with `sequence` and `tag`; "" for a missing id.
Mutation decode_pulled_mutation(const Json& json);

// Looks at all signed mutations of a push before a byte of a payload is parsed; throws unless every
// one of them is good.
using SignatureCheck = std::function<void(const std::string& client_id,
                                          const std::vector<const SignedMutation*>& mutations)>;

// The array of sync_push: mutations, as they are or in their signed form. Throws OS005 if the text
// or a payload is not JSON, OS006 if it is no array, an element is no object or lacks a usable id,
// OS007 for sizes; OS016 for signed ones where there is no check. Other faults are carried in the
// entries.
std::vector<PushEntry> decode_push(std::string_view text, const std::string& client_id = {},
                                   const SignatureCheck& check = {});

// The whole PushRequest of sync_push_request. As decode_push; client_id is required.
PushRequest decode_push_request(std::string_view text, const SignatureCheck& check = {});

// A JSON value of the form {"key_id", "signature", "payload"}, all three texts: taken out of it.
// Nothing if it has none of the three; OS006 if it is neither the one form nor the other.
std::optional<SignedMutation> take_signed(Json& json);

Ack decode_ack(std::string_view text);
PullResponse decode_pull_response(std::string_view text);
Conflict decode_conflict(const Json& json);
Acknowledgement decode_acknowledgement(const Json& json);
Verdict decode_verdict(const Json& json);
std::vector<Verdict> decode_push_response(std::string_view text);

// Keys in the order of the specification; optional keys only when set.
Json encode_mutation(const Mutation& mutation);
Json encode_conflict(const Conflict& conflict);
Json encode_acknowledgement(const Acknowledgement& acknowledgement);
Json encode_verdict(const Verdict& verdict);
std::string encode_push(const std::vector<Mutation>& mutations);
std::string encode_push_request(const std::string& client_id, const std::string& last_sync,
                                const std::string& checkpoint,
                                std::optional<std::int64_t> confirmed,
                                const std::vector<Mutation>& mutations);
// {"verdicts": [...]}: what answers a push request in a frame.
std::string encode_push_response(const std::vector<Verdict>& verdicts);
std::string encode_pull_response(const PullResponse& response);
std::string encode_ack(const Ack& ack);

// Equal for two mutations that say the same, whatever the order of their keys or the form (data and
// original, or changes) they came in.
std::string canonical_mutation(const Mutation& mutation);

}  // namespace objectos
