#include "transport/notifications.h"

#include "objectos/error.h"
#include "protocol/errors.h"
#include "protocol/json.h"
#include "protocol/listening.h"
#include "transport/answer_rows.h"

namespace objectos {

namespace {

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"') text += c;
    text += c;
  }
  return text + "\"";
}

std::string member(const Json& json, std::string_view name) {
  const Json* found = json.find(name);
  return found != nullptr && found->is_string() ? found->text() : std::string();
}

// Also a server of an older version is spoken to.
bool can_be_asked(PgConnection& connection, const std::string& schema) {
  const PgResult found = connection.query(
      "SELECT pg_catalog.has_function_privilege(pg_catalog.to_regprocedure($1::text), 'EXECUTE')",
      {schema + "sync_listen(pg_catalog.text)"});
  return true_at(found.get(), 0, 0);
}

}  // namespace

void Notifications::forget() {
  notifying_ = {};
  asked_ = false;
  channel_.clear();
}

void Notifications::ask(PgConnection& connection, const SessionLogin& login,
                        const std::string& schema, const std::string& client_id,
                        std::chrono::milliseconds silence) {
  if (!can_be_asked(connection, schema)) {
    notifying_ = {false, "The server has no sync_listen(), or does not let this user call it."};
    return;
  }
  const PgResult answer = connection.query(
      "SELECT " + login.first() + schema + "sync_listen($1::text), pg_catalog.pg_backend_pid()",
      {client_id});
  const int columns = PQnfields(answer.get());
  Json said;
  try {
    said = parse_json(text_at(answer.get(), 0, columns - 2).value_or(""));
  } catch (const ProtocolError& error) {
    throw Error(ErrorClass::upgrade, "unexpected_answer",
                "The server gave an answer this version does not know.", error.what());
  }
  const std::string channel = member(said, "channel");
  if (!connection.has_backend(
          static_cast<int>(number_at(answer.get(), 0, columns - 1).value_or(0)))) {
    notifying_ = {false, "A pooler stands between: no notification comes through it."};
    return;
  }
  if (!asked_) connection.limit_silence_of_server(silence);
  if (!channel.empty() && channel != channel_) {
    connection.command("LISTEN " + quoted(channel));
    channel_ = channel;
  }
  const std::string sender = member(said, "sent_by");
  notifying_.sent = !channel.empty() && (sender == "worker" || sender == "commit");
  notifying_.reason = notifying_.sent ? "" : member(said, "reason");
}

const Notifying& Notifications::listen(PgConnection& connection, const SessionLogin& login,
                                       const std::string& schema, const std::string& client_id,
                                       std::chrono::milliseconds silence) {
  if (asked_ && notifying_.sent) return notifying_;
  if (!asked_) connection.limit_silence_to(silence);
  ask(connection, login, schema, client_id, silence);
  asked_ = true;
  return notifying_;
}

Notices Notifications::take(PgConnection& connection) {
  Notices notices;
  connection.take_notifications([&](std::string_view channel, std::string_view payload) {
    if (channel != channel_) return;
    notices.commits = true;
    if (payload != listening::poll_payload) return;
    notifying_ = {false, "The server can start no worker that sends notifications."};
  });
  return notices;
}

}  // namespace objectos
