#include "engine/conflict_resolvers.h"

#include "engine/public_forms.h"
#include "protocol/errors.h"
#include "protocol/json.h"

namespace objectos {

namespace {

ConflictQuestion question_about(const LocalDatabase& database, const LocalConflict& local) {
  const Conflict conflict = public_form(local);
  ConflictQuestion question{local.conflict_id,
                            local.object,
                            local.record_id,
                            local.reason,
                            conflict.base,
                            conflict.client,
                            conflict.server,
                            {},
                            {}};
  for (const LocalObject& object : database.objects()) {
    if (object.name == local.object)
      question.row = database.row_json(local.object, local.record_id).value_or("");
  }
  if (!conflict.server.empty()) {
    const Json server = parse_json(conflict.server);
    for (const auto& [name, value] : server.members()) question.fields.push_back(name);
  }
  return question;
}

std::string state_of(const LocalConflict& local, const ConflictQuestion& question) {
  return local.data + '\x1f' + question.row;
}

bool is_object(const std::string& text) {
  try {
    return parse_json(text).is_object();
  } catch (const ProtocolError&) {
    return false;
  }
}

}  // namespace

Subscription ConflictResolvers::set(const std::string& object, Resolver resolver) {
  Subscription token = resolvers_.add(
      [call = std::move(resolver)](const Ask& ask) { ask.decision = call(ask.question); }, object);
  std::lock_guard lock(shared_->mutex);
  shared_->newly_set = true;
  return token;
}

bool ConflictResolvers::take_newly_set() {
  std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->newly_set, false);
}

void ConflictResolvers::ask(const LocalDatabase& database) {
  const auto resolvers = resolvers_.all();
  if (resolvers.empty()) return;
  for (const LocalConflict& local : database.conflicts()) {
    std::int64_t chosen = 0;  // the newest for the object, else the newest for all
    for (const auto& [id, resolver] : resolvers) {
      const bool own = resolver->object() == local.object;
      const bool chosen_own = chosen != 0 && resolvers.at(chosen)->object() == local.object;
      if (own || (resolver->object().empty() && !chosen_own)) chosen = id;
    }
    if (chosen == 0) continue;
    ConflictQuestion question = question_about(database, local);
    std::string state = state_of(local, question);
    {
      std::lock_guard lock(shared_->mutex);
      Asked& asked = shared_->asked[local.conflict_id];
      if (asked.resolver == chosen && asked.state == state) continue;
      asked = {chosen, state};
      shared_->decisions.erase(local.conflict_id);
    }
    post(chosen, resolvers.at(chosen), std::move(question), std::move(state));
  }
}

void ConflictResolvers::post(std::int64_t id, std::shared_ptr<Listener<Ask>> resolver,
                             ConflictQuestion question, std::string state) {
  dispatcher_.post([shared = shared_, id, resolver = std::move(resolver),
                    question = std::move(question), state = std::move(state), report = report_,
                    decided = decided_] {
    Decision decision = Decision::later();
    const bool ran = resolver->call(Ask{question, decision}, report);
    if (decision.kind == Decision::Kind::values && !is_object(decision.values_json)) {
      if (report) report("A resolver's values are no JSON object: " + decision.values_json);
      decision = Decision::later();
    }
    if (!ran || decision.kind == Decision::Kind::later) return ran ? 1 : 0;
    {
      std::lock_guard lock(shared->mutex);
      const Asked& asked = shared->asked[question.conflict_id];
      if (asked.resolver != id || asked.state != state) return 1;  // an outdated question
      shared->decisions[question.conflict_id] = {decision, state};
    }
    decided();
    return 1;
  });
}

bool ConflictResolvers::some_decided() const {
  std::lock_guard lock(shared_->mutex);
  return !shared_->decisions.empty();
}

std::vector<ConflictResolvers::Decided> ConflictResolvers::decisions_that_hold(
    const LocalDatabase& database) {
  std::vector<Decided> hold;
  const std::vector<LocalConflict> open = database.conflicts();
  std::lock_guard lock(shared_->mutex);
  for (auto it = shared_->decisions.begin(); it != shared_->decisions.end();) {
    bool same = false;
    for (const LocalConflict& local : open) {
      same |= local.conflict_id == it->first &&
              state_of(local, question_about(database, local)) == it->second.state;
    }
    if (same) hold.push_back({it->first, it->second.decision});
    it = same ? std::next(it) : shared_->decisions.erase(it);
  }
  return hold;
}

void ConflictResolvers::forget_decision(const std::string& conflict_id) {
  std::lock_guard lock(shared_->mutex);
  shared_->decisions.erase(conflict_id);
}

}  // namespace objectos
