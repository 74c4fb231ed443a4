// Mutations and pushes: strict decoding, encoding, canonical bytes.
#include <algorithm>
#include <utility>

#include "protocol/messages.h"
#include "protocol/timestamp.h"

namespace objectos {

const char* to_string(Operation operation) noexcept {
    switch (operation) {
        case Operation::insert: return "insert";
        case Operation::update: return "update";
        case Operation::remove: return "delete";
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

[[noreturn]] void refuse(const std::string& field, const std::string& why, const Json& json) {
    const Json* id = json.find("id");
    std::string which = id && id->is_string() ? "Mutation " + id->text().substr(0, 100) : "Message";
    throw ProtocolError(ErrorCode::invalid_mutation, "field \"" + field + "\" " + why,
                        which + ", field " + field + ".",
                        "See the list of messages for the fields and their types.", field);
}

const Json* present(const Json& json, std::string_view name) {
    const Json* value = json.find(name);
    return value && !value->is_null() ? value : nullptr;
}

std::string text_field(const Json& json, const std::string& name, std::size_t bytes_max,
                       bool required) {
    const Json* value = present(json, name);
    if (!value) {
        if (required) refuse(name, "is missing", json);
        return {};
    }
    if (!value->is_string()) refuse(name, "must be a string", json);
    if (value->text().size() > bytes_max) refuse(name, "is too long", json);
    return value->text();
}

std::optional<std::string> label(const Json& json, const std::string& name) {
    if (!present(json, name)) return std::nullopt;
    return text_field(json, name, limits::label_bytes_max, true);
}

std::optional<std::int64_t> integer_field(const Json& json, const std::string& name) {
    const Json* value = present(json, name);
    if (!value) return std::nullopt;
    auto number = value->as_integer();
    if (!number || *number < 0) refuse(name, "must be a whole number, not negative", json);
    return number;
}

void check_keys(const Json& json, std::initializer_list<std::string_view> known) {
    for (const auto& [name, value] : json.members()) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            refuse(name, "is not known", json);
        }
    }
}

Json object_field(const Json& json, const std::string& name) {
    const Json* value = present(json, name);
    if (!value) return {};
    if (!value->is_object()) refuse(name, "must be an object", json);
    return *value;
}

void read_changes(Mutation& mutation, const Json& json) {
    Json changes = object_field(json, "changes");
    if (changes.is_null()) return;
    if (present(json, "data") || present(json, "original")) {
        refuse("changes", "cannot stand beside data or original", json);
    }
    mutation.data = Json::object();
    for (const auto& [field, change] : changes.members()) {
        const Json* to = change.find("to");
        const Json* from = change.find("from");
        if (!change.is_object() || !to || change.members().size() > (from ? 2u : 1u)) {
            refuse("changes." + field, "must be {\"from\", \"to\"}", json);
        }
        mutation.data.members().push_back({field, *to});
        if (!from) continue;
        if (mutation.original.is_null()) mutation.original = Json::object();
        mutation.original.members().push_back({field, *from});
    }
}

PushEntry decode_entry(const Json& json, std::size_t index) {
    std::string place = "Element " + std::to_string(index + 1) + " of the push.";
    const Json* id = json.find("id");
    auto uuid = id && id->is_string() ? normalize_uuid(id->text()) : std::nullopt;
    if (!uuid) {
        throw ProtocolError(ErrorCode::invalid_mutation, "a mutation has no usable id", place,
                            "Give every mutation an \"id\" that is a UUID.", "id");
    }
    PushEntry entry;
    entry.id = *uuid;
    if (const Json* value = json.find("object")) entry.object = value->text();
    if (const Json* value = json.find("record_id")) entry.record_id = value->text();
    if (const Json* value = json.find("client_sequence")) {
        entry.client_sequence = value->as_integer();
    }
    try {
        entry.mutation = decode_mutation(json);
        entry.canonical = canonical_mutation(*entry.mutation);
    } catch (const ProtocolError& error) {
        entry.error = error;
        entry.mutation.reset();
        entry.canonical = canonical_json(json);
    }
    return entry;
}

std::vector<PushEntry> decode_entries(const Json& array) {
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
    std::vector<PushEntry> entries;
    entries.reserve(array.items().size());
    for (const Json& item : array.items()) entries.push_back(decode_entry(item, entries.size()));
    return entries;
}

}  // namespace

Mutation decode_mutation(const Json& json) {
    check_keys(json, {"id", "object", "record_id", "operation", "data", "timestamp", "version",
                      "original", "client_sequence", "group", "user", "device", "undo_of",
                      "changes"});
    Mutation mutation;
    auto id = normalize_uuid(text_field(json, "id", 64, true));
    if (!id) refuse("id", "must be a UUID", json);
    mutation.id = *id;
    mutation.object = text_field(json, "object", limits::name_bytes_max, true);
    mutation.record_id = text_field(json, "record_id", limits::record_id_bytes_max, true);
    auto operation = parse_operation(text_field(json, "operation", 32, true));
    if (!operation) refuse("operation", "must be insert, update or delete", json);
    mutation.operation = *operation;
    mutation.data = object_field(json, "data");
    mutation.original = object_field(json, "original");
    read_changes(mutation, json);
    if (mutation.data.is_null() && mutation.operation != Operation::remove) {
        refuse("data", "is missing", json);
    }
    mutation.timestamp = text_field(json, "timestamp", 64, false);
    if (!mutation.timestamp.empty()) {
        mutation.timestamp_us = parse_timestamp(mutation.timestamp);
        if (!mutation.timestamp_us) refuse("timestamp", "must be ISO 8601", json);
    }
    mutation.version = integer_field(json, "version");
    mutation.client_sequence = integer_field(json, "client_sequence");
    mutation.group = label(json, "group");
    mutation.user = label(json, "user");
    mutation.device = label(json, "device");
    if (auto undo_of = label(json, "undo_of")) {
        mutation.undo_of = normalize_uuid(*undo_of);
        if (!mutation.undo_of) refuse("undo_of", "must be a UUID", json);
    }
    return mutation;
}

std::vector<PushEntry> decode_push(std::string_view text) {
    return decode_entries(parse_json(text));
}

PushRequest decode_push_request(std::string_view text) {
    Json json = parse_json(text);
    if (!json.is_object()) refuse("request", "must be an object", json);
    check_keys(json, {"client_id", "last_sync", "checkpoint", "confirmed", "mutations"});
    PushRequest request;
    request.client_id = text_field(json, "client_id", limits::client_id_bytes_max, true);
    request.last_sync = text_field(json, "last_sync", 64, false);
    request.checkpoint = text_field(json, "checkpoint", limits::checkpoint_bytes_max, false);
    request.confirmed = integer_field(json, "confirmed");
    const Json* mutations = json.find("mutations");
    if (!mutations) refuse("mutations", "is missing", json);
    request.entries = decode_entries(*mutations);
    return request;
}

Ack decode_ack(std::string_view text) {
    Json json = parse_json(text);
    if (!json.is_object()) refuse("ack", "must be an object", json);
    check_keys(json, {"client_id", "last_sync", "checkpoint", "confirmed"});
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
    json.set("id", Json::string(m.id));
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

std::string canonical_mutation(const Mutation& mutation) {
    return canonical_json(encode_mutation(mutation));
}

}  // namespace objectos
