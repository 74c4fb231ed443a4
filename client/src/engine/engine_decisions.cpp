// The app's decisions about conflicts, on their way to the server.
#include "engine/engine_impl.h"
#include "engine/translated.h"

namespace objectos {

Subscription SyncEngine::Impl::set_resolver(const std::string& object, Resolver resolver) {
  Subscription token = resolvers_.set(object, std::move(resolver));
  ensure_watched();
  return token;
}

// Within a sync, after its pull: what is decided is compared with the newest row. True when
// something was sent, so that a pull brings what came of it.
bool SyncEngine::Impl::send_decisions() {
  if (!resolvers_.some_decided()) return false;
  bool sent = false;
  for (const auto& [conflict_id, decision] : resolvers_.decisions_that_hold(database())) {
    try {
      send_decision(conflict_id, decision);
      sent = true;
    } catch (const Error& error) {
      // It stays decided while the same may work later; otherwise nobody waits for it.
      if (error.retryable() || error.error_class() == ErrorClass::auth) throw;
      log(LogLevel::warning, "A decision was refused: " + error.message());
    }
    resolvers_.forget_decision(conflict_id);
  }
  return sent;
}

void SyncEngine::Impl::send_decision(const std::string& conflict_id, const Decision& decision) {
  const bool values = decision.kind == Decision::Kind::values;
  const std::string choice =
      decision.kind == Decision::Kind::client_wins ? "client_wins" : "server_wins";
  const VerdictRow verdict = values ? transport().resolve_values(conflict_id, decision.values_json)
                                    : transport().resolve(conflict_id, choice);
  if (verdict.status == "rejected") {
    throw Error(ErrorClass::rejected, "decision_rejected",
                "The server rejected what a resolver decided.", verdict.detail.value_or(""));
  }
}

}  // namespace objectos
