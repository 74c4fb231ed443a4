// decode_push and decode_push_request: entries carry a mutation or an error, and a mutation that is
// sent again is the same.
#include <algorithm>

#include "protocol/messages.h"

#include "protocol/limits.h"
#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

namespace {

void check_mutation(const Mutation& mutation, const std::string& canonical) {
  require(normalize_uuid(mutation.id) == mutation.id, "an id is a UUID as we write it");
  require(mutation.object.size() <= limits::name_bytes_max, "an object's name is bounded");
  require(mutation.record_id.size() <= limits::record_id_bytes_max, "a record id is bounded");
  if (mutation.operation == Operation::remove)
    require(mutation.data.is_null(), "no data to delete");
  if (mutation.client_sequence) require(*mutation.client_sequence >= 1, "numbers count from 1");
  require(canonical_mutation(mutation) == canonical, "the fingerprint is the mutation's");
  const Mutation again = decode_mutation(encode_mutation(mutation));
  require(canonical_mutation(again) == canonical, "a mutation sent again has its fingerprint");
}

std::vector<Mutation> check_entries(const std::vector<PushEntry>& entries) {
  require(entries.size() <= limits::mutations_per_push_max, "a push is bounded");
  std::vector<Mutation> mutations;
  for (const PushEntry& entry : entries) {
    require(entry.mutation.has_value() != entry.error.has_value(), "a mutation or an error");
    require(normalize_uuid(entry.id) == entry.id, "each entry has an id");
    if (!entry.mutation) continue;
    require(entry.id == entry.mutation->id, "the entry's id is the mutation's");
    check_mutation(*entry.mutation, entry.canonical);
    mutations.push_back(*entry.mutation);
  }
  return mutations;
}

void check_same(const std::vector<PushEntry>& entries, const std::vector<Mutation>& mutations) {
  require(entries.size() == mutations.size(), "as many as were sent");
  for (std::size_t i = 0; i < entries.size(); ++i)
    require(entries[i].mutation && entries[i].canonical == canonical_mutation(mutations[i]),
            "each as it was sent");
}

}  // namespace

FUZZ_TARGET(push) {
  std::vector<PushEntry> entries;
  if (fuzz::accepted([&] { entries = decode_push(input); })) {
    const std::vector<Mutation> mutations = check_entries(entries);
    check_same(decode_push(encode_push(mutations)), mutations);
  }
  PushRequest request;
  if (!fuzz::accepted([&] { request = decode_push_request(input); })) return;
  // An empty one is refused where clients are known (OS014).
  require(request.client_id.size() <= limits::client_id_bytes_max, "a client id is bounded");
  require(request.confirmed.value_or(0) >= 0, "confirmed counts");
  const std::vector<Mutation> mutations = check_entries(request.entries);
  const PushRequest again = decode_push_request(encode_push_request(
      request.client_id, request.last_sync, request.checkpoint, request.confirmed, mutations));
  require(again.client_id == request.client_id && again.confirmed == request.confirmed &&
              again.checkpoint == request.checkpoint,
          "a request sent again says the same");
  check_same(again.entries, mutations);
}
