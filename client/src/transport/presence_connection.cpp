#include "transport/presence_connection.h"

#include <optional>
#include <string_view>

#include "objectos/error.h"
#include "protocol/listening.h"
#include "transport/answer_rows.h"
#include "transport/conninfo.h"
#include "transport/extension_place.h"

namespace objectos {

namespace {

constexpr PresenceKind kTold[] = {PresenceKind::join,         PresenceKind::update,
                                  PresenceKind::leave,        PresenceKind::user_online,
                                  PresenceKind::user_offline, PresenceKind::broadcast};

// Nothing for a kind that a later server may have.
std::optional<PresenceKind> kind_named(std::string_view name) {
  for (const PresenceKind kind : kTold) {
    if (name == presence_kind_name(kind)) return kind;
  }
  return std::nullopt;
}

}  // namespace

PresenceConnection::PresenceConnection(const std::string& conninfo, Patience patience,
                                       std::shared_ptr<const RequestSigner> signer,
                                       std::string client_id)
    : connection_(conninfo, patience), client_id_(std::move(client_id)) {
  check_conninfo(conninfo);
  login_.sign_with(std::move(signer));
}

void PresenceConnection::open(std::chrono::milliseconds silence) {
  connection_.open();
  connection_.limit_silence_to(silence);
  connection_.limit_silence_of_server(silence);
  schema_ = PQgetvalue(find_extension(connection_).get(), 0, 0);
  connection_.command(std::string("LISTEN ") + listening::event_channel);
  const PgResult sender =
      call("said ->> 'sent_by'", "sync_listen($1::pg_catalog.text) AS said", {client_id_});
  told_ = text_at(sender.get(), 0, 0) == "worker";
  place_.clear();
  news();
}

PgResult PresenceConnection::call(const std::string& columns, const std::string& function,
                                  std::initializer_list<PgParameter> parameters) {
  login_.renew(connection_, schema_, client_id_);
  return login_.query(connection_, "SELECT " + columns + " FROM " + schema_ + function, parameters);
}

std::string PresenceConnection::join(const std::string& channel, const std::string& state) {
  const PgResult joined =
      call(schema_ + "sync_channel($2::pg_catalog.text)",
           "sync_presence_join($1::pg_catalog.text, $2::pg_catalog.text, $3::pg_catalog.jsonb)",
           {client_id_, channel, state});
  return text_at(joined.get(), 0, 0).value_or("");
}

void PresenceConnection::update(const std::string& channel, const std::string& state) {
  call("*", "sync_presence_update($1::pg_catalog.text, $2::pg_catalog.text, $3::pg_catalog.jsonb)",
       {client_id_, channel, state});
}

void PresenceConnection::leave(const std::string& channel) {
  call("*", "sync_presence_leave($1::pg_catalog.text, $2::pg_catalog.text)", {client_id_, channel});
}

void PresenceConnection::broadcast(const std::string& channel, const std::string& payload) {
  call("*", "sync_broadcast($1::pg_catalog.text, $2::pg_catalog.text, $3::pg_catalog.jsonb)",
       {client_id_, channel, payload});
}

std::vector<PresentClient> PresenceConnection::list(const std::string& channel) {
  const PgResult rows =
      call("client_id, user_id, state", "sync_presence($1::pg_catalog.text)", {channel});
  std::vector<PresentClient> present;
  for (int row = 0; row < PQntuples(rows.get()); ++row) {
    present.push_back({text_at(rows.get(), row, 0).value_or(""),
                       text_at(rows.get(), row, 1).value_or(""),
                       text_at(rows.get(), row, 2).value_or("")});
  }
  return present;
}

PresenceConnection::News PresenceConnection::news() {
  PgParameter after;
  if (!place_.empty()) after = place_;
  const PgResult rows =
      call("sequence, kind, channel, client_id, user_id, payload",
           "sync_events($1::pg_catalog.text, $2::pg_catalog.int8)", {client_id_, after});
  News news;
  const int count = PQntuples(rows.get());
  for (int row = 0; row < count; ++row) {
    const std::string kind = text_at(rows.get(), row, 1).value_or("");
    if (row == count - 1) {
      place_ = text_at(rows.get(), row, 0).value_or("");
      news.lost = kind == "lost";
      break;
    }
    const auto known = kind_named(kind);
    if (!known) continue;
    PresenceEvent event;
    event.kind = *known;
    event.channel = text_at(rows.get(), row, 2).value_or("");
    event.client_id = text_at(rows.get(), row, 3).value_or("");
    event.user_id = text_at(rows.get(), row, 4).value_or("");
    event.payload = text_at(rows.get(), row, 5).value_or("");
    news.events.push_back(std::move(event));
  }
  return news;
}

bool PresenceConnection::take_notice() {
  bool any = false;
  connection_.take_notifications([&](std::string_view, std::string_view) { any = true; });
  return any;
}

}  // namespace objectos
