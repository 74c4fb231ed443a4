#include "pg_ext/push_signatures.h"

#include <algorithm>

#include "pg_ext/bulk_insert.h"
#include "pg_ext/identity.h"
#include "pg_ext/log_seal.h"
#include "pg_ext/rejection.h"
#include "pg_ext/secrets.h"
#include "pg_ext/signing_keys.h"
#include "pg_ext/spi.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

[[noreturn]] void signature_required(const std::string& why, const std::string& detail) {
  throw ProtocolError(ErrorCode::signature_required, why, detail,
                      "Give the client a key, and it signs what it sends.");
}

bool required_by_server() {
  return as_owner([] {
    return with_spi([](Spi& spi) {
      return spi
          .execute("SELECT require_signatures FROM objectos_sync.state", {}, Access::read_only)
          .boolean(0, 0);
    });
  });
}

}  // namespace

SignatureCheck PushSignatures::check() {
  return
      [this](const std::string& client_id, const auto& mutations) { verify(client_id, mutations); };
}

// Goes through all of them, whatever it meets.
void PushSignatures::verify(const std::string& client_id,
                            const std::vector<const SignedMutation*>& mutations) {
  SigningKeys keys;
  std::vector<std::string> ids;
  for (const SignedMutation* one : mutations) {
    if (ids.empty() || ids.back() != one->key_id) ids.push_back(one->key_id);
  }
  as_owner([&] {
    with_spi([&](Spi& spi) {
      keys = load_keys(spi, ids);
      const Rows state =
          spi.execute("SELECT epoch, secret FROM objectos_sync.state", {}, Access::read_only);
      epoch_ = state.text_or(0, 0, "");
      seal_ = log_sealer(take_secret(state, 0, 1).bytes());
    });
  });
  bool all_stand = true;
  for (std::size_t i = 0; i < mutations.size(); ++i) {
    if (i % 1000 == 999) check_interrupts();
    const SignedMutation& one = *mutations[i];
    const std::string user = signing_user(
        keys.find(one.key_id)->second, one.signature,
        {mutation_prefix({epoch_, one.key_id, client_id}, one.payload.size()), one.payload});
    if (!user_) user_ = user;
    all_stand = !user.empty() && user == *user_ && all_stand;
  }
  if (!all_stand) authentication_failed();
}

void require_signatures(const std::vector<PushEntry>& entries, const PushSignatures& signatures) {
  const auto unsigned_one = std::find_if(entries.begin(), entries.end(), [](const PushEntry& e) {
    return !e.signed_form.has_value();
  });
  if (unsigned_one == entries.end()) return;
  const std::string which = "Mutation " + unsigned_one->id + ".";
  if (required_by_server()) signature_required("this server takes signed mutations only", which);
  if (signatures.user() && *signatures.user() != current_user_id())
    signature_required("an unsigned mutation of another user stands beside signed ones", which);
}

void require_signatures_from(std::int64_t first_signed, const std::vector<PushItem>& items) {
  for (const PushItem& item : items) {
    const PushEntry& entry = *item.entry;
    if (entry.signed_form) continue;
    if (entry.client_sequence && *entry.client_sequence < first_signed) continue;
    signature_required("this client signs its mutations", "Mutation " + entry.id + ".");
  }
}

void require_proven_user(const char* what) {
  if (!required_by_server() || proven_user_id()) return;
  signature_required("this server takes signed mutations only", what);
}

namespace {

bool is_kept(const PushItem& item) {
  return item.entry->signed_form && item.verdict && !item.verdict->duplicate &&
         item.verdict->sequence;
}

constexpr const char* first_signed_sql = R"(
UPDATE objectos_sync.clients SET signed_from = LEAST(signed_from, $2) WHERE client_id = $1)";

void note_first_signed(const std::string& client_id, const ClientState& client,
                       const std::vector<PushItem>& items) {
  std::optional<std::int64_t> first;
  for (const PushItem& item : items) {
    const bool counts = item.entry->signed_form && item.verdict && !item.verdict->duplicate &&
                        !is_pull_first(*item.verdict);
    if (!counts) continue;
    if (!first || *item.entry->client_sequence < *first) first = *item.entry->client_sequence;
  }
  if (!first || (client.signed_from && *client.signed_from <= *first)) return;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      spi.execute(first_signed_sql, {Param::text(client_id), Param::int8(*first)});
    });
  });
}

}  // namespace

void store_signatures(const std::string& client_id, const ClientState& client,
                      const PushSignatures& signatures, const std::vector<PushItem>& items) {
  if (!signatures.user()) return;
  note_first_signed(client_id, client, items);
  if (std::none_of(items.begin(), items.end(), is_kept)) return;
  BulkInsert rows("signatures");
  for (const PushItem& item : items) {
    if (!is_kept(item)) continue;
    const SignedMutation& form = *item.entry->signed_form;
    rows.int8(item.verdict->sequence).text(client_id).input(form.key_id);
    rows.input(signatures.epoch());
    rows.text(*bytes_of_hex(form.signature)).text(form.payload).text(item.seal).end_row();
  }
  rows.finish();
}

}  // namespace objectos::server
