#include "engine/signer.h"

#include "protocol/json.h"
#include "protocol/messages.h"
#include "protocol/signed_payload.h"

namespace objectos {

namespace {

constexpr std::string_view signed_form = "{\"key_id\":";

}  // namespace

std::string RequestSigner::seal(const std::string& frozen, const std::string& epoch,
                                const std::string& client_id) const {
  SignedMutation form{key_id_, {}, frozen};
  if (frozen.starts_with(signed_form)) {
    Json json = parse_json(frozen);
    auto before = take_signed(json);
    if (before && before->key_id == key_id_) return frozen;
    if (before) form.payload = std::move(before->payload);
  }
  std::string message = mutation_prefix({epoch, key_id_, client_id}, form.payload.size());
  message += form.payload;
  form.signature = hex_text(hmac(message));
  std::string text;
  text.reserve(form.payload.size() + form.payload.size() / 8 + 160);
  append_signed(text, form);
  return text;
}

std::string RequestSigner::login_proof(const std::string& challenge, const std::string& epoch,
                                       const std::string& client_id) const {
  return hex_text(hmac(login_message({epoch, key_id_, client_id}, challenge)));
}

}  // namespace objectos
