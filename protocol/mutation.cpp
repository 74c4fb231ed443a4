// Mutations and pushes: strict decoding, encoding, canonical bytes.
#include <utility>

#include "protocol/message_fields.h"
#include "protocol/messages.h"
#include "protocol/timestamp.h"

namespace objectos {

const char* to_string(Operation operation) noexcept {
  switch (operation) {
    case Operation::insert:
      return "insert";
    case Operation::update:
      return "update";
    case Operation::remove:
      return "delete";
  }
  return "update";
}

std::optional<Operation> parse_operation(std::string_view name) noexcept {
  for (Operation operation : {Operation::insert, Operation::update, Operation::remove}) {
    if (name == to_string(operation)) return operation;
  }
  return std::nullopt;
}

std::optional<std::string> normalize_uuid(std::string_view text) {
  if (text.size() >= 2 && text.front() == '{' && text.back() == '}') {
    text = text.substr(1, text.size() - 2);
  }
  bool dashed = text.size() == 36;
  if (!dashed && text.size() != 32) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (dashed && (i == 8 || i == 13 || i == 18 || i == 23)) {
      if (c != '-') return std::nullopt;
      continue;
    }
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return std::nullopt;
    out += c;
  }
  for (std::size_t at : {8, 13, 18, 23}) out.insert(at, 1, '-');
  return out;
}

namespace {

// The member if it is an object, nullptr if it is not there or null; anything else is refused.
const Json* object_at(const Json& json, const char* name) {
  const Json* value = present(json, name);
  if (value && !value->is_object()) refuse_field(json, name, "must be an object");
  return value;
}

void read_changes(Mutation& mutation, const Json& json) {
  const Json* changes = object_at(json, "changes");
  if (!changes) return;
  if (present(json, "data") || present(json, "original")) {
    refuse_field(json, "changes", "cannot stand beside data or original");
  }
  mutation.data = Json::object();
  for (const auto& [field, change] : changes->members()) {
    const Json* to = change.find("to");
    const Json* from = change.find("from");
    if (!change.is_object() || !to || change.members().size() > (from ? 2u : 1u)) {
      refuse_field(json, "changes." + field, "must be {\"from\", \"to\"}");
    }
    mutation.data.members().push_back({field, *to});
    if (!from) continue;
    if (mutation.original.is_null()) mutation.original = Json::object();
    mutation.original.members().push_back({field, *from});
  }
}

void read_record(Mutation& mutation, const Json& json) {
  mutation.object = text_field(json, "object", limits::name_bytes_max, true);
  mutation.record_id = text_field(json, "record_id", limits::record_id_bytes_max, true);
  auto operation = parse_operation(text_field(json, "operation", 32, true));
  if (!operation) refuse_field(json, "operation", "must be insert, update or delete");
  mutation.operation = *operation;
  object_at(json, "data");
  mutation.version = integer_field(json, "version");
}

void read_labels(Mutation& mutation, const Json& json) {
  mutation.group = optional_text_field(json, "group", limits::label_bytes_max);
  mutation.user = optional_text_field(json, "user", limits::label_bytes_max);
  mutation.device = optional_text_field(json, "device", limits::label_bytes_max);
}

// For an entry that may be wrong elsewhere: the text if it is one and not too long, else "".
std::string readable_text(const Json& json, const char* name, std::size_t bytes_max) {
  const Json* value = json.find(name);
  return value && value->is_string() && value->text().size() <= bytes_max ? value->text() : "";
}

// All of it but data and original, which are looked at and left where they are; "changes" are read.
Mutation decode_without_values(const Json& json) {
  require_object(json, "mutation");
  require_known_keys(
      json, {"id", "object", "record_id", "operation", "data", "timestamp", "version", "original",
             "client_sequence", "group", "user", "device", "undo_of", "changes"});
  Mutation mutation;
  auto id = normalize_uuid(text_field(json, "id", 64, true));
  if (!id) refuse_field(json, "id", "must be a UUID");
  mutation.id = *id;
  read_record(mutation, json);
  object_at(json, "original");
  read_changes(mutation, json);
  const bool removes = mutation.operation == Operation::remove;
  const bool writes = !mutation.data.is_null() || present(json, "data");
  if (!writes && !removes) refuse_field(json, "data", "is missing");
  if (writes && removes) {
    refuse_field(json, json.find("changes") ? "changes" : "data", "cannot come with a delete");
  }
  mutation.timestamp = text_field(json, "timestamp", 64, false);
  if (!mutation.timestamp.empty()) {
    mutation.timestamp_us = parse_timestamp(mutation.timestamp);
    if (!mutation.timestamp_us) refuse_field(json, "timestamp", "must be ISO 8601");
  }
  mutation.client_sequence = integer_field(json, "client_sequence");
  if (mutation.client_sequence == 0) {
    refuse_field(json, "client_sequence", "must be at least 1");
  }
  read_labels(mutation, json);
  if (auto undo_of = optional_text_field(json, "undo_of", 64)) {
    mutation.undo_of = normalize_uuid(*undo_of);
    if (!mutation.undo_of) refuse_field(json, "undo_of", "must be a UUID");
  }
  return mutation;
}

// Takes the values out of the message instead of copying them.
Mutation take_mutation(Json& json) {
  Mutation mutation = decode_without_values(json);
  for (auto& [name, value] : json.members()) {
    if (value.is_null()) continue;
    if (name == "data") mutation.data = std::move(value);
    if (name == "original") mutation.original = std::move(value);
  }
  return mutation;
}

PushEntry decode_entry(Json& json, std::size_t index) {
  std::string place = "Element " + std::to_string(index + 1) + " of the push.";
  const Json* id = json.find("id");
  auto uuid = id && id->is_string() ? normalize_uuid(id->text()) : std::nullopt;
  if (!uuid) {
    throw ProtocolError(ErrorCode::invalid_mutation, "a mutation has no usable id", place,
                        "Give every mutation an \"id\" that is a UUID.", "id");
  }
  PushEntry entry;
  entry.id = *uuid;
  entry.object = readable_text(json, "object", limits::name_bytes_max);
  entry.record_id = readable_text(json, "record_id", limits::record_id_bytes_max);
  if (const Json* value = json.find("client_sequence")) {
    entry.client_sequence = value->as_integer();
    if (entry.client_sequence && *entry.client_sequence < 1) entry.client_sequence.reset();
  }
  try {
    entry.mutation = take_mutation(json);
    entry.canonical = canonical_mutation(*entry.mutation);
  } catch (const ProtocolError& error) {
    entry.error = error;
    entry.mutation.reset();
    entry.canonical = canonical_json(json);
  }
  return entry;
}

// The payload's mutation. Without a number nothing would tell a replay from it for ever.
PushEntry decode_signed(SignedMutation& signed_form, std::size_t index) {
  Json json = parse_json(signed_form.payload);
  PushEntry entry = decode_entry(json, index);
  if (!entry.client_sequence) {
    throw ProtocolError(ErrorCode::invalid_mutation, "a signed mutation has no client_sequence",
                        "Mutation " + entry.id + ".", "Number what is signed, from 1 on.",
                        "client_sequence");
  }
  entry.signed_form = std::move(signed_form);
  return entry;
}

void check_signatures(const std::string& client_id,
                      const std::vector<std::optional<SignedMutation>>& forms,
                      const SignatureCheck& check) {
  std::vector<const SignedMutation*> signed_ones;
  for (const auto& form : forms) {
    if (form) signed_ones.push_back(&*form);
  }
  if (signed_ones.empty()) return;
  if (!check) {
    throw ProtocolError(ErrorCode::authentication_failed, "signatures are not checked here");
  }
  check(client_id, signed_ones);
}

std::vector<PushEntry> decode_entries(Json& array, const std::string& client_id,
                                      const SignatureCheck& check) {
  if (!array.is_array()) {
    throw ProtocolError(ErrorCode::invalid_mutation, "mutations must be an array", {},
                        "Send [mutation, …].", "mutations");
  }
  if (array.items().size() > limits::mutations_per_push_max) {
    throw ProtocolError(ErrorCode::limit_exceeded, "too many mutations in one push",
                        std::to_string(array.items().size()) + ", at most " +
                            std::to_string(limits::mutations_per_push_max) + ".",
                        "Send them in several pushes.", "mutations");
  }
  std::vector<std::optional<SignedMutation>> forms;
  forms.reserve(array.items().size());
  for (Json& item : array.items()) forms.push_back(take_signed(item));
  check_signatures(client_id, forms, check);
  std::vector<PushEntry> entries;
  entries.reserve(forms.size());
  for (std::size_t i = 0; i < forms.size(); ++i) {
    entries.push_back(forms[i] ? decode_signed(*forms[i], i) : decode_entry(array.items()[i], i));
  }
  return entries;
}

}  // namespace

Mutation decode_mutation(const Json& json) {
  Mutation mutation = decode_without_values(json);
  if (const Json* data = present(json, "data")) mutation.data = *data;
  if (const Json* original = present(json, "original")) mutation.original = *original;
  return mutation;
}

Mutation decode_pulled_mutation(const Json& json) {
  require_object(json, "mutation");
  Mutation mutation;
  mutation.id = text_field(json, "id", 64, false);
  read_record(mutation, json);
  mutation.data = object_field(json, "data");
  mutation.original = object_field(json, "original");
  mutation.timestamp = text_field(json, "timestamp", 64, false);
  mutation.timestamp_us = parse_timestamp(mutation.timestamp);
  mutation.client_sequence = integer_field(json, "client_sequence");
  read_labels(mutation, json);
  mutation.undo_of = optional_text_field(json, "undo_of", 64);
  mutation.sequence = integer_field(json, "sequence");
  mutation.tag = optional_text_field(json, "tag", limits::label_bytes_max);
  return mutation;
}

std::optional<SignedMutation> take_signed(Json& json) {
  if (!json.is_object() || json.find("id") || !json.find("payload")) return std::nullopt;
  require_known_keys(json, {"key_id", "signature", "payload"});
  SignedMutation form;
  for (const auto& [name, part] : {std::pair{"key_id", &form.key_id},
                                   {"signature", &form.signature},
                                   {"payload", &form.payload}}) {
    if (!json.find(name)) refuse_field(json, name, "is missing");
    for (auto& member : json.members()) {
      if (member.name != name) continue;
      if (!member.value.is_string()) refuse_field(json, name, "must be a string");
      *part = member.value.take_text();
    }
  }
  return form;
}

std::vector<PushEntry> decode_push(std::string_view text, const std::string& client_id,
                                   const SignatureCheck& check) {
  Json json = parse_json(text);
  return decode_entries(json, client_id, check);
}

PushRequest decode_push_request(std::string_view text, const SignatureCheck& check) {
  Json json = parse_json(text);
  require_object(json, "request");
  require_known_keys(json, {"client_id", "last_sync", "checkpoint", "confirmed", "mutations"});
  PushRequest request;
  request.client_id = text_field(json, "client_id", limits::client_id_bytes_max, true);
  request.last_sync = text_field(json, "last_sync", 64, false);
  request.checkpoint = text_field(json, "checkpoint", limits::checkpoint_bytes_max, false);
  request.confirmed = integer_field(json, "confirmed");
  if (!json.find("mutations")) refuse_field(json, "mutations", "is missing");
  for (auto& [name, value] : json.members()) {
    if (name == "mutations") request.entries = decode_entries(value, request.client_id, check);
  }
  return request;
}

Ack decode_ack(std::string_view text) {
  Json json = parse_json(text);
  require_object(json, "ack");
  require_known_keys(json, {"client_id", "last_sync", "checkpoint", "confirmed"});
  return {text_field(json, "client_id", limits::client_id_bytes_max, true),
          text_field(json, "last_sync", 64, false),
          text_field(json, "checkpoint", limits::checkpoint_bytes_max, false),
          integer_field(json, "confirmed")};
}

Json encode_mutation(const Mutation& m) {
  Json json = Json::object();
  auto add_text = [&](const char* name, const std::optional<std::string>& value) {
    if (value) json.set(name, Json::string(*value));
  };
  auto add_integer = [&](const char* name, const std::optional<std::int64_t>& value) {
    if (value) json.set(name, Json::integer(*value));
  };
  json.set("id", text_or_null(m.id));
  json.set("object", Json::string(m.object));
  json.set("record_id", Json::string(m.record_id));
  json.set("operation", Json::string(to_string(m.operation)));
  if (!m.data.is_null()) json.set("data", m.data);
  if (!m.original.is_null()) json.set("original", m.original);
  if (!m.timestamp.empty()) json.set("timestamp", Json::string(m.timestamp));
  add_integer("version", m.version);
  add_integer("client_sequence", m.client_sequence);
  add_text("group", m.group);
  add_text("user", m.user);
  add_text("device", m.device);
  add_text("undo_of", m.undo_of);
  add_integer("sequence", m.sequence);
  add_text("tag", m.tag);
  return json;
}

std::string encode_push(const std::vector<Mutation>& mutations) {
  Json array = Json::array();
  for (const Mutation& mutation : mutations) array.push_back(encode_mutation(mutation));
  return write_json(array);
}

std::string encode_push_request(const std::string& client_id, const std::string& last_sync,
                                const std::string& checkpoint,
                                std::optional<std::int64_t> confirmed,
                                const std::vector<Mutation>& mutations) {
  Json json = Json::object();
  json.set("client_id", Json::string(client_id));
  json.set("last_sync", last_sync.empty() ? Json() : Json::string(last_sync));
  Json array = Json::array();
  for (const Mutation& mutation : mutations) array.push_back(encode_mutation(mutation));
  json.set("mutations", std::move(array));
  json.set("checkpoint", Json::string(checkpoint));
  if (confirmed) json.set("confirmed", Json::integer(*confirmed));
  return write_json(json);
}

std::string encode_ack(const Ack& ack) {
  Json json = Json::object();
  json.set("client_id", Json::string(ack.client_id));
  json.set("last_sync", ack.last_sync.empty() ? Json() : Json::string(ack.last_sync));
  json.set("checkpoint", Json::string(ack.checkpoint));
  if (ack.confirmed) json.set("confirmed", Json::integer(*ack.confirmed));
  return write_json(json);
}

// As canonical_json(encode_mutation()) would write it, without building a tree.
std::string canonical_mutation(const Mutation& m) {
  std::string out;
  const auto add = [&](std::string_view key, const auto& append) {
    out += out.empty() ? "{\"" : ",\"";
    out.append(key).append("\":");
    append();
  };
  const auto add_text = [&](std::string_view key, std::string_view value) {
    add(key, [&] { append_json_string(out, value); });
  };
  const auto add_optional = [&](std::string_view key, const std::optional<std::string>& value) {
    if (value) add_text(key, *value);
  };
  const auto add_integer = [&](std::string_view key, const std::optional<std::int64_t>& value) {
    if (value) add(key, [&] { out += std::to_string(*value); });
  };
  const auto add_object = [&](std::string_view key, const Json& value) {
    if (!value.is_null()) add(key, [&] { append_canonical_json(out, value); });
  };
  add_integer("client_sequence", m.client_sequence);
  add_object("data", m.data);
  add_optional("device", m.device);
  add_optional("group", m.group);
  if (m.id.empty()) {
    add("id", [&] { out += "null"; });
  } else {
    add_text("id", m.id);
  }
  add_text("object", m.object);
  add_text("operation", to_string(m.operation));
  add_object("original", m.original);
  add_text("record_id", m.record_id);
  add_integer("sequence", m.sequence);
  add_optional("tag", m.tag);
  if (!m.timestamp.empty()) add_text("timestamp", m.timestamp);
  add_optional("undo_of", m.undo_of);
  add_optional("user", m.user);
  add_integer("version", m.version);
  return out + '}';
}

}  // namespace objectos
