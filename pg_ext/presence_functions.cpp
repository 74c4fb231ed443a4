// The SQL functions of presence and broadcasts. Who calls is asked for first, then rights, then
// limits; what is refused is not sent.
#include <map>

#include "pg_ext/channel.h"
#include "pg_ext/identity.h"
#include "pg_ext/live_slots.h"
#include "pg_ext/presence.h"
#include "pg_ext/pull.h"
#include "pg_ext/push_signatures.h"
#include "pg_ext/settings.h"
#include "protocol/errors.h"
#include "protocol/json.h"
#include "protocol/limits.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

using presence::Who;

// Who acts, once it may; this process is attached then.
Who identified(const std::string& client_id) {
  identify_client(client_id);
  Who who{client_id, current_user_id()};
  if (client_id.size() > limits::client_id_bytes_max ||
      who.user_id.size() > limits::label_bytes_max) {
    throw ProtocolError(ErrorCode::invalid_client, "the client id is too long",
                        "It has " + std::to_string(client_id.size()) + " bytes.",
                        "At most " + std::to_string(limits::client_id_bytes_max) + " are allowed.");
  }
  if (pg_call([] { return RecoveryInProgress(); })) {
    throw ProtocolError(ErrorCode::in_recovery, "this server is a standby",
                        "Nobody is told of anything here.", "Connect to the primary.");
  }
  live::attach();
  presence::attach();
  return who;
}

// The same of whoever says something to others.
Who speaking(const std::string& client_id) {
  require_proven_user("Others hear of a session that has logged in.");
  return identified(client_id);
}

// A jsonb argument as text that fits into an event.
std::string small_document(FunctionCall call, int index, const char* what) {
  if (argument_is_null(call, index)) {
    throw SyncError("22004", std::string("the ") + what + " must not be null");
  }
  std::string text = argument_as_text(call, index, JSONBOID);
  if (text.size() <= limits::presence_bytes_max) return text;
  throw ProtocolError(ErrorCode::limit_exceeded, std::string("the ") + what + " is too large",
                      "It has " + std::to_string(text.size()) + " bytes as text.",
                      "At most " + std::to_string(limits::presence_bytes_max) +
                          " are allowed: put what is larger into a record.");
}

// One of the events that this session may send in a second, which begins with the first of them.
void spend_event() {
  static TimestampTz second = 0;
  static int spent = 0;
  const int most = settings::events_per_second();
  const TimestampTz now = GetCurrentTimestamp();
  if (now - second >= 1'000'000 || now < second) {
    second = now;
    spent = 0;
  }
  if (most == 0 || spent++ < most) return;
  throw ProtocolError(ErrorCode::limit_exceeded, "this session sends too many events",
                      "It may send " + std::to_string(most) + " in a second.",
                      "Send the newest state only, a few times a second; the setting is "
                      "objectos_sync.events_per_second.");
}

// From now on the notifier is told by others, and there is one.
void be_told() {
  if (live::add_listener()) live::ensure_notifier();
}

std::int64_t join_channel(const Who& who, const std::string& channel, const std::string& state) {
  const std::optional<std::int64_t> joined = presence::join(who, channel, state);
  if (joined) return *joined;
  throw ProtocolError(ErrorCode::limit_exceeded, "there is no room for one more in a channel",
                      "A session may be in " + std::to_string(limits::channels_per_session_max) +
                          " channels, and the server holds " + std::to_string(limits::members_max) +
                          " members.",
                      "Leave channels that are not looked at.");
}

void show_state(const Who& who, const std::string& channel, const std::string& state) {
  if (presence::update(who, channel, state)) return;
  throw ProtocolError(ErrorCode::invalid_option,
                      "this session has not joined channel " + json_string(channel), "",
                      "Call sync_presence_join() first.");
}

// Whoever has lost the right to its channel can still leave it, by the name that events have.
bool leave_channel(const Who& who, const std::string& channel) {
  if (presence::leave(who, channel)) return true;
  const std::optional<std::string> name = readable_channel(channel);
  return name && presence::leave(who, *name);
}

void write_event(RowWriter& writer, const presence::Heard& event) {
  writer.int8(event.sequence).text(std::string_view(presence::to_string(event.kind)));
  writer.text(std::string_view(event.channel)).text(std::string_view(event.client_id));
  writer.text(std::string_view(event.user_id));
  if (event.payload.empty()) {
    writer.null();
  } else {
    writer.text(std::string_view(event.payload));
  }
  writer.end_row();
}

void write_end(RowWriter& writer, const presence::News& news) {
  writer.int8(news.last).text(std::string_view(news.lost ? "lost" : "now"));
  writer.null().null().null().null().end_row();
}

// A channel that this session may not read any more is left, and says so by a leave of its own.
void write_news(RowWriter& writer, const Who& who, std::optional<std::int64_t> after) {
  const presence::News news = presence::news(who, after);
  std::map<std::string, bool> readable;
  for (const presence::Heard& event : news.events) {
    const auto [known, is_new] = readable.try_emplace(event.channel, false);
    if (is_new) known->second = readable_channel(event.channel) == event.channel;
    if (known->second) write_event(writer, event);
    if (known->second || !is_new) continue;
    presence::leave(who, event.channel);
    live::tell_event();
    presence::Heard own;
    own.sequence = event.sequence;
    own.kind = presence::Kind::leave;
    own.channel = event.channel;
    own.client_id = who.client_id;
    own.user_id = who.user_id;
    write_event(writer, own);
  }
  write_end(writer, news);
}

void list_members(RowWriter& writer, const std::string& channel) {
  for (const presence::Member& member : presence::members(channel)) {
    writer.text(std::string_view(member.client_id)).text(std::string_view(member.user_id));
    writer.text(std::string_view(member.state)).datum(TimestampTzGetDatum(member.since), false);
    writer.end_row();
  }
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_channel) {
  return result_from_text(TEXTOID, require_channel(text_argument(call, 0)));
}

OBJECTOS_FUNCTION(sync_presence_join) {
  const Who who = speaking(text_argument(call, 0));
  spend_event();
  const std::string channel = require_channel(text_argument(call, 1));
  const std::string state = small_document(call, 2, "state");
  be_told();
  const std::int64_t joined = join_channel(who, channel, state);
  live::tell_event();
  return Int64GetDatum(joined);
}

OBJECTOS_FUNCTION(sync_presence_update) {
  const Who who = speaking(text_argument(call, 0));
  spend_event();
  const std::string channel = require_channel(text_argument(call, 1));
  show_state(who, channel, small_document(call, 2, "state"));
  live::tell_event();
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_presence_leave) {
  const Who who = identified(text_argument(call, 0));
  const bool was_in = leave_channel(who, text_argument(call, 1));
  if (was_in) live::tell_event();
  return was_in ? 1 : 0;  // a bool's datum
}

OBJECTOS_FUNCTION(sync_presence) {
  RowWriter writer(call);
  const std::string channel = require_channel(text_argument(call, 0));
  presence::attach();
  list_members(writer, channel);
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_broadcast) {
  const Who who = speaking(text_argument(call, 0));
  spend_event();
  const std::string channel = require_channel(text_argument(call, 1));
  presence::broadcast(who, channel, small_document(call, 2, "payload"));
  live::tell_event();
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_events) {
  RowWriter writer(call);
  const Who who = identified(text_argument(call, 0));
  std::optional<std::int64_t> after;
  if (!argument_is_null(call, 1)) after = int8_argument(call, 1);
  write_news(writer, who, after);
  return null_result(call);
}

OBJECTOS_FUNCTION(present) {
  return Int64GetDatum(presence::count());
}
