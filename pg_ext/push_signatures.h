// The signatures of a push: verified before anything in them is parsed, and kept with the log.
//
// Invariant: a push is judged only if all its signatures stand, for one user. Which of them did not
// stand is told to nobody.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg_ext/client_registry.h"
#include "pg_ext/push_item.h"
#include "protocol/messages.h"
#include "protocol/sha256.h"

namespace objectos::server {

class PushSignatures {
 public:
  // For decode_push(): throws OS016 unless all stand. Keeps a pointer to this object.
  SignatureCheck check();

  // Whose keys they are; none: nothing in the push is signed.
  const std::optional<std::string>& user() const noexcept { return user_; }
  const std::string& epoch() const noexcept { return epoch_; }
  // Seals the log rows; none: nothing is signed.
  const HmacSha256* seal() const noexcept { return seal_ ? &*seal_ : nullptr; }

 private:
  void verify(const std::string& client_id, const std::vector<const SignedMutation*>& mutations);

  std::optional<std::string> user_;
  std::string epoch_;
  std::optional<HmacSha256> seal_;
};

// Throws OS017 for unsigned mutations where the server or the client's own history wants them
// signed, or where signed ones of another user stand beside them.
void require_signatures(const std::vector<PushEntry>& entries, const PushSignatures& signatures);
void require_signatures_from(std::int64_t first_signed, const std::vector<PushItem>& items);

// What a session says without a signature: where they are required, it must have logged in. `what`
// is a sentence.
void require_proven_user(const char* what);

// Keeps the signed form of what was applied now. From its first such mutation on a client signs.
void store_signatures(const std::string& client_id, const ClientState& client,
                      const PushSignatures& signatures, const std::vector<PushItem>& items);

}  // namespace objectos::server
