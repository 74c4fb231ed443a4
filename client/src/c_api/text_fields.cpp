// The C API's texts.
#include "c_api/guarded_call.h"
#include "protocol/json.h"

using namespace objectos;
using namespace objectos::c_api;

struct objectos_text {
  TextField field;
};

namespace {

TextField& field_of(objectos_text* text) {
  if (text == nullptr) throw Error(ErrorClass::usage, "no_text", "The text is NULL.");
  return text->field;
}

void give_text(char** target, const std::string& text) {
  Json json = Json::object();
  json.set("text", Json::string(text));
  give(target, json);
}

std::string change_json(const TextChange& change) {
  Json json = Json::object();
  json.set("operation", parse_json(change.operation));
  json.set("text", Json::string(change.text));
  json.set("origin", Json::string(origin_name(change.origin)));
  return public_text(json);
}

std::string cursors_json(const std::vector<TextCursor>& cursors) {
  Json list = Json::array();
  for (const TextCursor& cursor : cursors) {
    Json json = Json::object();
    json.set("client_id", Json::string(cursor.client_id));
    json.set("user_id", Json::string(cursor.user_id));
    json.set("position", Json::integer(static_cast<std::int64_t>(cursor.position)));
    json.set("anchor", Json::integer(static_cast<std::int64_t>(cursor.anchor)));
    list.push_back(std::move(json));
  }
  return public_text(list);
}

}  // namespace

int objectos_edit_text(objectos_engine* engine, const char* object, const char* record_id,
                       const char* field, const char* operation, char** result,
                       objectos_error** error) {
  if (result != nullptr) *result = nullptr;
  return guarded(error, [&] {
    give_text(result, engine_of(engine).edit_text(
                          text_of(object, "object"), text_of(record_id, "record_id"),
                          text_of(field, "field"), text_of(operation, "operation")));
  });
}

objectos_text* objectos_text_open(objectos_engine* engine, const char* object,
                                  const char* record_id, const char* field,
                                  objectos_error** error) {
  objectos_text* made = nullptr;
  guarded(error, [&] {
    made = new objectos_text{engine_of(engine).text(
        text_of(object, "object"), text_of(record_id, "record_id"), text_of(field, "field"))};
  });
  return made;
}

void objectos_text_close(objectos_text* text) {
  guarded(nullptr, [&] { delete text; });
}

int objectos_text_get(objectos_text* text, char** result, objectos_error** error) {
  if (result != nullptr) *result = nullptr;
  return guarded(error, [&] { give_text(result, field_of(text).text()); });
}

int objectos_text_edit(objectos_text* text, const char* operation, char** result,
                       objectos_error** error) {
  if (result != nullptr) *result = nullptr;
  return guarded(error,
                 [&] { give_text(result, field_of(text).edit(text_of(operation, "operation"))); });
}

objectos_subscription* objectos_text_on_change(objectos_text* text, objectos_callback callback,
                                               void* user, objectos_error** error) {
  objectos_subscription* made = nullptr;
  guarded(error, [&] {
    if (callback == nullptr) text_of(nullptr, "callback");
    made = new objectos_subscription{
        field_of(text).on_change([callback, user](const TextChange& change) {
          callback(user, change_json(change).c_str());
        })};
  });
  return made;
}

int objectos_text_share_cursor(objectos_text* text, unsigned position, unsigned anchor,
                               objectos_error** error) {
  return guarded(error, [&] { field_of(text).share_cursor(position, anchor); });
}

objectos_subscription* objectos_text_on_cursors(objectos_text* text, objectos_callback callback,
                                                void* user, objectos_error** error) {
  objectos_subscription* made = nullptr;
  guarded(error, [&] {
    if (callback == nullptr) text_of(nullptr, "callback");
    made = new objectos_subscription{
        field_of(text).on_cursors([callback, user](const std::vector<TextCursor>& cursors) {
          callback(user, cursors_json(cursors).c_str());
        })};
  });
  return made;
}
