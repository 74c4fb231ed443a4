#include "c_api/options_json.h"

#include <limits>

#include "protocol/errors.h"
#include "protocol/json.h"

namespace objectos::c_api {

namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorClass::usage, "bad_options", why, {}, "docs/c-api.md lists the options.");
}

std::string text(const JsonMember& member) {
  if (!member.value.is_string()) refuse("Option \"" + member.name + "\" must be a string.");
  return member.value.text();
}

int whole(const JsonMember& member) {
  const auto number = member.value.as_integer();
  if (!number || *number < 0 || *number > std::numeric_limits<int>::max()) {
    refuse("Option \"" + member.name + "\" must be a whole number that is not negative.");
  }
  return static_cast<int>(*number);
}

bool truth(const JsonMember& member) {
  if (!member.value.is_boolean()) refuse("Option \"" + member.name + "\" must be true or false.");
  return member.value.as_boolean();
}

Frames frames(const JsonMember& member) {
  const std::string value = text(member);
  if (value == "auto") return Frames::automatic;
  if (value == "on") return Frames::on;
  if (value == "off") return Frames::off;
  refuse("Option \"frames\" takes auto, on or off.");
}

Delivery delivery(const JsonMember& member) {
  const std::string value = text(member);
  if (value == "thread") return Delivery::thread;
  if (value == "poll") return Delivery::poll;
  refuse("Option \"delivery\" takes thread or poll.");
}

bool take_word(Options& options, const JsonMember& member) {
  if (member.name == "database")
    options.database = text(member);
  else if (member.name == "server")
    options.server = text(member);
  else if (member.name == "device")
    options.device = text(member);
  else if (member.name == "key_file")
    options.key_file = text(member);
  else if (member.name == "subscription")
    options.subscription =
        member.value.is_string() ? member.value.text() : write_json(member.value);
  else if (member.name == "frames")
    options.frames = frames(member);
  else if (member.name == "delivery")
    options.delivery = delivery(member);
  else if (member.name == "live")
    options.live = truth(member);
  else if (member.name == "fold")
    options.fold = truth(member);
  else
    return false;
  return true;
}

bool take_live_time(Timing& timing, const JsonMember& member) {
  using std::chrono::milliseconds;
  if (member.name == "live_push_delay_ms")
    timing.live_push_delay = milliseconds(whole(member));
  else if (member.name == "live_poll_interval_ms")
    timing.live_poll_interval = milliseconds(whole(member));
  else if (member.name == "live_burst_pause_ms")
    timing.live_burst_pause = milliseconds(whole(member));
  else if (member.name == "live_silence_ms")
    timing.live_silence = milliseconds(whole(member));
  else
    return false;
  return true;
}

bool take_number(Options& options, const JsonMember& member) {
  using std::chrono::milliseconds;
  if (member.name == "page_mutations")
    options.page_mutations = whole(member);
  else if (member.name == "push_mutations")
    options.push_mutations = whole(member);
  else if (member.name == "push_bytes")
    options.push_bytes = whole(member);
  else if (member.name == "push_age_ms")
    options.timing.push_age = milliseconds(whole(member));
  else if (member.name == "initial_connections")
    options.initial_connections = whole(member);
  else if (member.name == "lease_block")
    options.lease_block = whole(member);
  else if (member.name == "history_groups")
    options.history_groups = whole(member);
  else if (member.name == "watch_interval_ms")
    options.timing.watch_interval = milliseconds(whole(member));
  else if (member.name == "interval_ms")
    options.timing.interval = milliseconds(whole(member));
  else if (member.name == "backoff_first_ms")
    options.timing.backoff_first = milliseconds(whole(member));
  else if (member.name == "backoff_max_ms")
    options.timing.backoff_max = milliseconds(whole(member));
  else if (member.name == "connect_timeout_ms")
    options.timing.connect_timeout = milliseconds(whole(member));
  else if (member.name == "answer_timeout_ms")
    options.timing.answer_timeout = milliseconds(whole(member));
  else
    return false;
  return true;
}

}  // namespace

Options options_from_json(const std::string& source) {
  Json json;
  try {
    json = parse_json(source);
  } catch (const ProtocolError& error) {
    refuse(std::string("The options are no JSON: ") + error.what());
  }
  if (!json.is_object()) refuse("The options must be a JSON object.");
  Options options;
  for (const JsonMember& member : json.members()) {
    if (take_word(options, member) || take_number(options, member) ||
        take_live_time(options.timing, member))
      continue;
    refuse("There is no option \"" + member.name + "\".");
  }
  return options;
}

}  // namespace objectos::c_api
