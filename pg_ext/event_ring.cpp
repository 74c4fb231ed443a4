#include "pg_ext/event_ring.h"

#include <cstring>

namespace objectos::server::presence {

struct EventRing::Header {
  std::int64_t sequence;
  int session;
  unsigned int database;
  std::uint32_t bytes;  // of the event, with this
  std::uint16_t channel, client_id, user_id, payload;
  Kind kind;
};

namespace {

constexpr std::size_t rounded_up(std::size_t bytes) {
  return (bytes + 7) / 8 * 8;
}

}  // namespace

const char* to_string(Kind kind) noexcept {
  switch (kind) {
    case Kind::filler:
      return "filler";
    case Kind::join:
      return "join";
    case Kind::update:
      return "update";
    case Kind::leave:
      return "leave";
    case Kind::user_online:
      return "user_online";
    case Kind::user_offline:
      return "user_offline";
    case Kind::broadcast:
      return "broadcast";
  }
  return "filler";
}

void EventRing::begin(std::int64_t start) noexcept {
  last_ = dropped_ = start;
  oldest_ = next_ = 0;
}

// No header fits between a place so near to the end and the end.
Event EventRing::read(std::uint64_t place) const noexcept {
  Event event;
  const std::size_t offset = place % size;
  if (size - offset < sizeof(Header)) return event;
  Header header;
  std::memcpy(&header, bytes_ + offset, sizeof header);
  event.sequence = header.sequence;
  event.kind = header.kind;
  event.session = header.session;
  event.database = header.database;
  const char* text = bytes_ + offset + sizeof header;
  const auto take = [&](std::uint16_t length) {
    const std::string_view taken(text, length);
    text += length;
    return taken;
  };
  event.channel = take(header.channel);
  event.client_id = take(header.client_id);
  event.user_id = take(header.user_id);
  event.payload = take(header.payload);
  return event;
}

std::uint64_t EventRing::after(std::uint64_t place) const noexcept {
  const std::size_t rest = size - place % size;
  if (rest < sizeof(Header)) return place + rest;
  Header header;
  std::memcpy(&header, bytes_ + place % size, sizeof header);
  return place + header.bytes;
}

void EventRing::make_room(std::size_t bytes) noexcept {
  while (next_ + bytes - oldest_ > size) {
    const Event gone = read(oldest_);
    if (gone.kind != Kind::filler) dropped_ = gone.sequence;
    oldest_ = after(oldest_);
  }
}

void EventRing::append(Event event) noexcept {
  const std::size_t texts =
      event.channel.size() + event.client_id.size() + event.user_id.size() + event.payload.size();
  Header header{};
  header.bytes = static_cast<std::uint32_t>(rounded_up(sizeof header + texts));
  const std::size_t rest = size - next_ % size;
  if (rest < header.bytes) {
    make_room(rest);
    Header filler{};
    filler.bytes = static_cast<std::uint32_t>(rest);
    if (rest >= sizeof filler) std::memcpy(bytes_ + next_ % size, &filler, sizeof filler);
    next_ += rest;
  }
  make_room(header.bytes);
  header.sequence = ++last_;
  header.session = event.session;
  header.database = event.database;
  header.channel = static_cast<std::uint16_t>(event.channel.size());
  header.client_id = static_cast<std::uint16_t>(event.client_id.size());
  header.user_id = static_cast<std::uint16_t>(event.user_id.size());
  header.payload = static_cast<std::uint16_t>(event.payload.size());
  header.kind = event.kind;
  char* to = bytes_ + next_ % size;
  std::memcpy(to, &header, sizeof header);
  to += sizeof header;
  for (const std::string_view text :
       {event.channel, event.client_id, event.user_id, event.payload}) {
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    to += text.size();
  }
  next_ += header.bytes;
}

}  // namespace objectos::server::presence
