#include "engine/public_forms.h"

#include "protocol/errors.h"
#include "protocol/json.h"

namespace objectos {

Conflict public_form(const LocalConflict& local) {
  Conflict conflict{local.conflict_id,
                    local.mutation_id,
                    local.object,
                    local.record_id,
                    local.reason,
                    local.status,
                    "",
                    "",
                    ""};
  try {
    const Json json = parse_json(local.data);
    if (const Json* base = json.find("base"); base != nullptr && !base->is_null()) {
      conflict.base = write_json(*base);
    }
    const Json* fields = json.find("conflicts");
    if (fields == nullptr) return conflict;
    Json client = Json::object(), server = Json::object();
    for (const Json& field : fields->items()) {
      const Json* name = field.find("field");
      if (name == nullptr) continue;
      const Json* ours = field.find("client_value");
      const Json* theirs = field.find("server_value");
      client.set(name->text(), ours != nullptr ? *ours : Json());
      server.set(name->text(), theirs != nullptr ? *theirs : Json());
    }
    conflict.client = write_json(client);
    conflict.server = write_json(server);
  } catch (const ProtocolError&) {
    conflict.server = local.data;  // shown as it is rather than hidden
  }
  return conflict;
}

RejectedMutation public_form(const Rejection& rejection) {
  return {rejection.mutation_id, rejection.object, rejection.record_id, rejection.operation,
          rejection.reason,      rejection.detail, rejection.before,    rejection.after};
}

PendingMutation public_form(const QueuedMutation& mutation) {
  return {mutation.id,        mutation.client_sequence, mutation.object,
          mutation.record_id, mutation.operation,       mutation.data,
          mutation.timestamp, mutation.version,         mutation.state};
}

}  // namespace objectos
