// The C API's channels.
#include "c_api/guarded_call.h"

using namespace objectos;
using namespace objectos::c_api;

struct objectos_presence {
  Presence handle;
};

namespace {

Presence& handle_of(objectos_presence* presence) {
  if (presence == nullptr) throw Error(ErrorClass::usage, "no_presence", "The presence is NULL.");
  return presence->handle;
}

}  // namespace

objectos_presence* objectos_presence_join(objectos_engine* engine, const char* channel,
                                          const char* state, objectos_callback callback, void* user,
                                          objectos_error** error) {
  objectos_presence* made = nullptr;
  guarded(error, [&] {
    if (callback == nullptr) text_of(nullptr, "callback");
    made = new objectos_presence{
        engine_of(engine).presence(text_of(channel, "channel"), state != nullptr ? state : "{}",
                                   [callback, user](const PresenceEvent& event) {
                                     callback(user, public_text(to_json(event)).c_str());
                                   })};
  });
  return made;
}

int objectos_presence_update(objectos_presence* presence, const char* state,
                             objectos_error** error) {
  return guarded(error, [&] { handle_of(presence).update(text_of(state, "state")); });
}

int objectos_presence_list(objectos_presence* presence, char** list, objectos_error** error) {
  if (list != nullptr) *list = nullptr;
  return guarded(error, [&] { give(list, to_json(handle_of(presence).list())); });
}

void objectos_presence_leave(objectos_presence* presence) {
  guarded(nullptr, [&] { delete presence; });
}

int objectos_broadcast(objectos_engine* engine, const char* channel, const char* payload,
                       objectos_error** error) {
  return guarded(error, [&] {
    engine_of(engine).broadcast(text_of(channel, "channel"), text_of(payload, "payload"));
  });
}
