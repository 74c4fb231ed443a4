#include "messages.h"

#include <cstdio>

#include "protocol/frame.h"

namespace faults {

std::string Messages::json_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string Messages::odd_text() {
  static const std::vector<std::string> odd = {"",
                                               " ",
                                               "null",
                                               "0",
                                               "-1",
                                               "NaN",
                                               "'",
                                               "\"",
                                               "\\",
                                               "/",
                                               "%2F",
                                               "a\tb",
                                               "[",
                                               "]",
                                               "[]",
                                               "{}",
                                               "[1]",
                                               "[1,2,3]",
                                               "[null]",
                                               "\xc3\xa9",
                                               "\xf0\x9f\x98\x80",
                                               "e\xcc\x81",
                                               "\xe2\x80\xae",
                                               "9223372036854775808",
                                               "99999999999999999999999999",
                                               "1e400",
                                               "-0",
                                               "01",
                                               "+1",
                                               "_version",
                                               "_modified_at",
                                               "pg_catalog.pg_class",
                                               "objectos_sync.mutations",
                                               "NOTES",
                                               "notes ",
                                               "public.notes",
                                               "$user",
                                               "infinity",
                                               "1970-01-01",
                                               "function:nowhere.none",
                                               "function:",
                                               "; DROP TABLE notes",
                                               "00000000-0000-0000-0000-000000000000"};
  if (dice_.percent(3)) return std::string(dice_.below(40'000), 'x');
  if (dice_.percent(1)) return std::string(300'000, '[');
  return dice_.of(odd);
}

std::string Messages::odd_json() {
  static const std::vector<std::string> odd = {"null",
                                               "true",
                                               "0",
                                               "-1",
                                               "1.5",
                                               "1e400",
                                               "-0.0",
                                               "123456789012345678901234567890",
                                               "[]",
                                               "{}",
                                               "[[]]",
                                               "{\"a\":{}}",
                                               "{\"a\":1,\"a\":2}",
                                               "\"\\u0000\"",
                                               "\"\\ud800\"",
                                               "\"\\ud83d\\ude00\"",
                                               "[null,null]",
                                               "{\"\":\"\"}",
                                               "9223372036854775807",
                                               "-9223372036854775809",
                                               "{\"from\":1,\"to\":2}",
                                               "{\"from\":1}"};
  if (dice_.percent(20)) return json_string(odd_text());
  if (dice_.percent(10)) {
    static const std::vector<std::size_t> depths = {10, 62, 63, 64, 65, 66, 1000, 30'000};
    const std::size_t depth = dice_.of(depths);
    if (dice_.percent(50)) return std::string(depth, '[') + std::string(depth, ']');
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += "{\"k\":";
    return text + "1" + std::string(depth, '}');
  }
  return dice_.of(odd);
}

std::string Messages::uuid() {
  if (dice_.percent(4)) return odd_text();
  char text[40];
  std::snprintf(text, sizeof text, "%08zx-%04zx-4%03zx-8%03zx-%012zx", dice_.below(1UL << 32),
                dice_.below(1 << 16), dice_.below(1 << 12), dice_.below(1 << 12),
                dice_.below(1UL << 48));
  return text;
}

std::string Messages::client_id() {
  if (dice_.percent(4)) return odd_text();
  if (dice_.percent(10)) return "shared";
  return name_ + "-" + std::to_string(dice_.below(3));
}

std::string Messages::checkpoint() {
  if (dice_.percent(15)) return "0";
  if (dice_.percent(4)) return odd_text();
  return perhaps_broken(pool_.pick("checkpoint", dice_, "0"), 15);
}

std::string Messages::perhaps_broken(std::string text, double percent) {
  if (text.empty() || !dice_.percent(percent)) return text;
  const std::size_t at = dice_.below(text.size());
  switch (dice_.below(7)) {
    case 0:
      return text.substr(0, at);
    case 1:
      return text.substr(at);
    case 2:
      text.erase(at, 1);
      return text;
    case 3:
      text.insert(at, 1, static_cast<char>(dice_.between(' ', '~')));
      return text;
    case 4:
      text[at] = static_cast<char>(dice_.between('0', '9'));
      return text;
    case 5:
      text.insert(at, text.substr(at / 2, dice_.below(40)));
      return text;
    default:
      return text + text;
  }
}

std::string Messages::plain_key(const std::string& kind) {
  if (kind == "small int") return std::to_string(dice_.between(1, 25));
  if (kind == "date")
    return "20" + std::to_string(dice_.between(10, 45)) + "-02-0" +
           std::to_string(dice_.between(1, 9));
  if (kind == "uuid") {
    // Few, so that they are met again.
    return "11111111-1111-4111-8111-1111111111" + std::to_string(dice_.between(10, 40));
  }
  return std::to_string(dice_.between(1, 25));
}

std::string Messages::json_value(const std::string& kind) {
  if (dice_.percent(4)) return odd_json();
  if (dice_.percent(5)) return "null";
  if (kind == "int" || kind == "small int") return std::to_string(dice_.between(-3, 50));
  if (kind == "number") return std::to_string(dice_.between(-300, 300)) + ".50";
  if (kind == "array") return dice_.percent(50) ? "[\"x\",\"z\"]" : "[\"y\",null,\"\\\\\"]";
  if (kind == "json") return json_string(odd_json());
  if (kind == "time") {
    return dice_.percent(50) ? "\"2026-02-03T04:05:06.789Z\"" : "\"infinity\"";
  }
  if (kind == "bytes") return dice_.percent(70) ? "\"\\\\xdeadbeef\"" : "\"\\\\x0\"";
  if (kind == "composite") return dice_.percent(70) ? "{\"x\":1,\"y\":\"t\"}" : "\"(1,t)\"";
  if (kind == "mood") return dice_.percent(80) ? "\"bad\"" : "\"worse\"";
  if (kind == "role") return dice_.percent(70) ? "\"alice\"" : "\"bob\"";
  if (kind == "date" || kind == "uuid" || kind == "small text") return json_string(plain_key(kind));
  static const std::vector<std::string> texts = {"\"one\"",     "\"two\"", "\"raise it\"",
                                                 "\"skip it\"", "\"odd\"", "\"\""};
  return dice_.of(texts);
}

std::string Messages::record_id(const Table& table) {
  if (dice_.percent(4)) return odd_text();
  if (table.key.size() == 1) return plain_key(table.key[0].kind);
  std::string text = "[";
  for (const Column& column : table.key) {
    const std::string part = plain_key(column.kind);
    text += (text.size() > 1 ? "," : "") + (column.kind == "small int" ? part : json_string(part));
  }
  return perhaps_broken(text + "]", 3);
}

// Keys are misspelt, said twice and left out now and then, and values replaced.
std::string Messages::member(const std::string& key, const std::string& value) {
  if (dice_.percent(0.7)) return "";
  std::string name = key;
  if (dice_.percent(0.7) && !name.empty()) {
    static const std::vector<std::string> spellings = {
        "Id", "recordId", "record_ID", "", "DATA", "__proto__", "client id", "operation "};
    name = dice_.of(spellings);
  }
  const std::string text = json_string(name) + ":" + (dice_.percent(1.5) ? odd_json() : value);
  return dice_.percent(0.3) ? text + "," + text : text;
}

std::string Messages::object_of(const std::vector<std::string>& members) {
  std::string text = "{";
  for (const std::string& one : members) {
    if (one.empty()) continue;
    if (text.size() > 1) text += ",";
    text += one;
  }
  return text + "}";
}

std::string Messages::values_of(const Table& table, bool with_key) {
  std::vector<std::string> members;
  for (const Column& column : table.key) {
    if (with_key || dice_.percent(2))
      members.push_back(member(column.name, json_value(column.kind)));
  }
  for (const Column& column : table.columns) {
    if (dice_.percent(50)) members.push_back(member(column.name, json_value(column.kind)));
  }
  if (dice_.percent(2)) members.push_back(member(odd_text(), odd_json()));
  return object_of(members);
}

std::string Messages::mutation() {
  if (dice_.percent(1)) return odd_json();
  const Table& table = dice_.of(tables());
  static const std::vector<std::string> operations = {"insert", "update", "update", "update",
                                                      "delete"};
  const std::string operation = dice_.of(operations);
  std::string id = record_id(table);
  std::string data = values_of(table, operation == "insert");
  if (operation == "insert" && table.key.size() == 1 && dice_.percent(90)) {
    const std::string key =
        json_string(table.key[0].name) + ":" +
        (table.key[0].kind == "small int" ? plain_key("small int") : json_string(id));
    if (table.key[0].kind == "small int") id = key.substr(key.find(':') + 1);
    data = "{" + key + "}";
    for (const Column& column : table.columns) {
      if (dice_.percent(50)) {
        data.back() = ',';
        data += member(column.name, json_value(column.kind)) + "}";
        if (data.ends_with(",}")) data.replace(data.size() - 2, 2, "}");
      }
    }
  }
  std::vector<std::string> members = {
      member("id", json_string(dice_.percent(4) ? pool_.pick("mutation", dice_, "x") : uuid())),
      member("object", json_string(dice_.percent(2) ? odd_text() : table.name)),
      member("record_id", json_string(id)),
      member("operation", json_string(dice_.percent(1) ? odd_text() : operation))};
  if (operation != "delete" || dice_.percent(5)) members.push_back(member("data", data));
  if (dice_.percent(60)) members.push_back(member("original", values_of(table, false)));
  if (dice_.percent(3)) members.push_back(member("changes", "{\"v\":{\"from\":1,\"to\":2}}"));
  if (dice_.percent(60))
    members.push_back(member("version", std::to_string(dice_.between(-1, 2000))));
  if (dice_.percent(70)) members.push_back(member("timestamp", json_value("time")));
  if (dice_.percent(60)) members.push_back(member("client_sequence", std::to_string(++sequence_)));
  if (dice_.percent(20)) members.push_back(member("group", dice_.percent(50) ? "\"g\"" : "\"h\""));
  if (dice_.percent(10)) members.push_back(member("user", json_string(odd_text())));
  if (dice_.percent(10)) members.push_back(member("device", json_string(odd_text())));
  if (dice_.percent(5)) members.push_back(member("undo_of", json_string(uuid())));
  return object_of(members);
}

std::string Messages::mutations() {
  if (dice_.percent(1)) return odd_json();
  std::string text = "[";
  const std::size_t count = dice_.percent(5) ? dice_.below(60) : dice_.below(6);
  for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + mutation();
  return perhaps_broken(text + "]", 2);
}

std::string Messages::push_request() {
  std::vector<std::string> members = {member("client_id", json_string(client_id())),
                                      member("mutations", mutations())};
  if (dice_.percent(50)) members.push_back(member("last_sync", json_value("time")));
  if (dice_.percent(50)) members.push_back(member("checkpoint", json_string(checkpoint())));
  if (dice_.percent(50))
    members.push_back(member("confirmed", std::to_string(dice_.between(-1, sequence_ + 2))));
  return perhaps_broken(object_of(members), 2);
}

std::string Messages::ack() {
  return perhaps_broken(
      object_of({member("client_id", json_string(client_id())),
                 member("checkpoint", json_string(checkpoint())),
                 member("last_sync", json_value("time")),
                 member("confirmed", std::to_string(dice_.between(-1, sequence_ + 2)))}),
      2);
}

std::string Messages::subscription() {
  static const std::vector<std::string> filters = {
      "{\"notes\":{\"body\":\"one\"}}",    "{\"own\":{\"owner\":\"$user\"}}",
      "{\"counts\":{\"id\":[1,2,3]}}",     "{\"cards\":\"id < 5 AND NOT front IS NULL\"}",
      "{\"notes\":\"body = (SELECT 1)\"}", "{\"nothing\":{}}"};
  return object_of({member("objects", dice_.percent(80) ? "[\"notes\",\"own\"]" : odd_json()),
                    member("filters", dice_.percent(80) ? dice_.of(filters) : odd_json())});
}

std::string Messages::fields() {
  if (dice_.percent(10)) return odd_json();
  static const std::vector<std::string> names = {"hits",  "tags",    "body", "v",
                                                 "front", "nothing", "id"};
  static const std::vector<std::string> values = {"\"counter\"",
                                                  "\"set\"",
                                                  "\"lww\"",
                                                  "\"merge\"",
                                                  "\"manual\"",
                                                  "\"text\"",
                                                  "\"function:public.joined\"",
                                                  "{\"strategy\":\"lww\"}",
                                                  "\"nonsense\""};
  std::vector<std::string> members;
  for (std::size_t i = dice_.below(3); i > 0; --i)
    members.push_back(member(dice_.of(names), dice_.of(values)));
  return object_of(members);
}

std::string Messages::record_values() {
  return dice_.percent(20) ? odd_json() : values_of(dice_.of(tables()), false);
}

std::string Messages::frame() {
  if (dice_.percent(2)) {
    // Little that becomes much.
    static const std::string bomb = objectos::encode_frame(std::string(80'000'000, ' '));
    return bomb;
  }
  std::string bytes = dice_.percent(10) ? pool_.pick("frame", dice_, "OSF")
                                        : objectos::encode_frame(push_request());
  if (dice_.percent(75) || bytes.empty()) return bytes;
  const std::size_t at = dice_.percent(40) ? dice_.below(std::min<std::size_t>(bytes.size(), 16))
                                           : dice_.below(bytes.size());
  switch (dice_.below(6)) {
    case 0:
      return bytes.substr(0, at);
    case 1:
      return bytes + bytes;
    case 2:
      bytes.insert(at, 1, static_cast<char>(dice_.below(256)));
      return bytes;
    case 3:
      for (int i = 0; i < 8; ++i)
        bytes[dice_.below(bytes.size())] ^= static_cast<char>(1 << dice_.below(8));
      return bytes;
    case 4:
      return odd_text();
    default:
      bytes[at] ^= static_cast<char>(1 << dice_.below(8));
      return bytes;
  }
}

}  // namespace faults
