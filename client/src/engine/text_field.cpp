#include "objectos/text_field.h"

#include "engine/text_field_state.h"
#include "engine/text_refusals.h"
#include "protocol/code_points.h"
#include "protocol/json.h"
#include "protocol/operational_transform.h"
#include "protocol/text_operation_json.h"

namespace objectos {

namespace {

constexpr std::size_t kOwnMax = 1'000;  // edits that are remembered until they are told

// The field's text in a row as listeners get it.
std::string text_in(const std::string& row, const std::string& field) {
  if (row.empty()) return "";
  const Json json = parse_json(row);
  const Json* const value = json.find(field);
  return value == nullptr ? "" : value->text();
}

std::size_t number_in(const Json& json, const char* name) {
  const Json* const value = json.find(name);
  const auto number = value == nullptr ? std::nullopt : value->as_integer();
  return number && *number > 0 ? static_cast<std::size_t>(*number) : 0;
}

}  // namespace

// One listener, and the text that it was told last.
struct TextField::State::Follower {
  std::function<void(const TextChange&)> callback;
  std::optional<std::string> text{};

  void hear(const Told& told) {
    if (text && *text == told.text) return;
    const std::string before = text.value_or("");
    const bool follows = text && before == told.before;
    const TextOperation operation = follows ? told.operation : ot::diff(before, told.text);
    text = told.text;
    callback({write_text_operation(operation), told.text, told.origin});
  }
};

TextField::State::State(SyncEngine& engine, SyncEngine::Impl& impl, std::string object,
                        std::string record_id, std::string field)
    : engine_(engine),
      impl_(impl),
      object_(std::move(object)),
      record_id_(std::move(record_id)),
      field_(std::move(field)) {}

std::string TextField::State::text() const {
  auto text = impl_.text_of(object_, record_id_, field_);
  if (text) return std::move(*text);
  throw Error(ErrorClass::usage, "record_missing", object_ + " " + record_id_ + " is not there.");
}

std::string TextField::State::edit(const TextOperation& operation) {
  std::optional<std::string> seen;
  {
    std::lock_guard lock(mutex_);
    if (!client_id_.empty()) seen = view_;
  }
  return impl_.edit_text(object_, record_id_, field_, operation, seen,
                         [&](const TextOperation& as_made, const std::string& after) {
                           made(seen, operation, as_made, after);
                         });
}

// Before it is told: the commit comes next.
void TextField::State::made(const std::optional<std::string>& seen, const TextOperation& wanted,
                            const TextOperation& operation, const std::string& after) {
  std::lock_guard lock(mutex_);
  if (own_.size() == kOwnMax) own_.pop_front();
  own_.push_back(operation);
  view_ = seen && view_ == *seen ? ot::apply(view_, wanted) : after;
}

// Locked. Something was told.
void TextField::State::renew_view() {
  view_ = text_;
  try {
    for (const TextOperation& operation : own_) view_ = ot::apply(view_, operation);
  } catch (const ProtocolError&) {  // one that was never written
    own_.clear();
    view_ = text_;
  }
}

// From here on changes are heard of.
void TextField::State::follow() {
  {
    std::lock_guard lock(mutex_);
    if (!client_id_.empty()) return;
    client_id_ = engine_.status().client_id;
    own_.clear();
  }
  Subscription feed = engine_.on_change(object_, [weak = weak_from_this()](const Change& change) {
    if (const auto state = weak.lock()) state->hear(change);
  });
  const std::string text = impl_.text_of(object_, record_id_, field_).value_or("");
  std::lock_guard lock(mutex_);
  feed_ = std::move(feed);
  text_ = view_ = text;
}

void TextField::State::post_present() {
  impl_.dispatcher().post([weak = weak_from_this()] {
    const auto state = weak.lock();
    if (!state) return 0;
    Told told;
    {
      std::lock_guard lock(state->mutex_);
      told.before = told.text = state->text_;
    }
    return state->changes_.call(told, state->impl_.report()) +
           state->cursor_listeners_.call(state->cursors(), state->impl_.report());
  });
  impl_.dispatcher().announce();
}

Subscription TextField::State::on_change(std::function<void(const TextChange&)> callback) {
  follow();
  auto follower = std::make_shared<Follower>(Follower{std::move(callback)});
  Subscription token = changes_.add([follower](const Told& told) { follower->hear(told); });
  post_present();
  return lasting(std::move(token));
}

// The field is followed as long as somebody listens, with or without a handle.
Subscription TextField::State::lasting(Subscription token) {
  auto held = std::make_shared<Subscription>(std::move(token));
  return Subscription([state = shared_from_this(), held] { held->cancel(); });
}

void TextField::State::hear(const Change& change) {
  const bool all = change.operation == "truncate";
  if (!all && change.record_id != record_id_) return;
  Told told;
  {
    std::lock_guard lock(mutex_);
    told.before = text_;
    told.text = text_in(change.after, field_);
    told.origin = change.origin;
    if (told.text == told.before) return;
    // Its own edits are known exactly, if nothing else came in between.
    bool known = false;
    try {
      known = change.origin == Origin::local && !own_.empty() &&
              ot::apply(told.before, own_.front()) == told.text;
    } catch (const ProtocolError&) {  // it was made of another text
    }
    if (known) {
      told.operation = std::move(own_.front());
      own_.pop_front();
    } else {
      told.operation = ot::diff(told.before, told.text);
      if (change.origin == Origin::local) own_.clear();
    }
    text_ = told.text;
    if (!known || own_.empty()) renew_view();
    // One beyond the end is in a text that has not come yet.
    const std::size_t end = count_points(told.before);
    for (auto& [client, cursor] : cursors_)
      for (std::size_t* const place : {&cursor.position, &cursor.anchor})
        if (*place <= end) *place = ot::transform_position(*place, told.operation, ot::Side::left);
  }
  changes_.call(told, impl_.report());
  cursor_listeners_.call(cursors(), impl_.report());
}

void TextField::State::join() {
  std::string state;
  {
    std::lock_guard lock(mutex_);
    if (presence_) return;
    state = shared_;
  }
  Presence presence = engine_.presence(object_ + "/" + record_id_, state,
                                       [weak = weak_from_this()](const PresenceEvent& event) {
                                         if (const auto held = weak.lock()) held->hear(event);
                                       });
  std::lock_guard lock(mutex_);
  if (!presence_) presence_.emplace(std::move(presence));
}

void TextField::State::share_cursor(std::size_t position, std::size_t anchor) {
  Json state = Json::object();
  state.set("field", Json::string(field_));
  state.set("position", Json::integer(static_cast<std::int64_t>(position)));
  state.set("anchor", Json::integer(static_cast<std::int64_t>(anchor)));
  {
    std::lock_guard lock(mutex_);
    shared_ = write_json(state);
    if (presence_) {
      presence_->update(shared_);
      return;
    }
  }
  follow();
  join();
}

Subscription TextField::State::on_cursors(
    std::function<void(const std::vector<TextCursor>&)> callback) {
  follow();
  Subscription token = cursor_listeners_.add(std::move(callback));
  join();
  post_present();
  return lasting(std::move(token));
}

// Locked. What a client says of itself; false: it is nowhere in this text.
bool TextField::State::place(const PresentClient& client) {
  if (client.client_id == client_id_) return false;
  try {
    const Json json = parse_json(client.state.empty() ? "null" : client.state);
    const Json* const field = json.find("field");
    if (field != nullptr && field->text() == field_) {
      cursors_[client.client_id] = {client.client_id, client.user_id, number_in(json, "position"),
                                    number_in(json, "anchor")};
      return true;
    }
  } catch (const ProtocolError&) {  // another program's state
  }
  return cursors_.erase(client.client_id) > 0;
}

void TextField::State::hear(const PresenceEvent& event) {
  bool moved = false;
  {
    std::lock_guard lock(mutex_);
    if (event.kind == PresenceKind::listed || event.kind == PresenceKind::offline) {
      moved = !cursors_.empty() || !event.present.empty();
      cursors_.clear();
      for (const PresentClient& client : event.present) place(client);
    } else if (event.kind == PresenceKind::join || event.kind == PresenceKind::update) {
      moved = place({event.client_id, event.user_id, event.payload});
    } else if (event.kind == PresenceKind::leave) {
      moved = cursors_.erase(event.client_id) > 0;
    }
  }
  if (moved) cursor_listeners_.call(cursors(), impl_.report());
}

std::vector<TextCursor> TextField::State::cursors() const {
  std::lock_guard lock(mutex_);
  const std::size_t end = count_points(text_);
  std::vector<TextCursor> found;
  for (const auto& [client, cursor] : cursors_)
    found.push_back({cursor.client_id, cursor.user_id, std::min(cursor.position, end),
                     std::min(cursor.anchor, end)});
  return found;
}

std::size_t moved_position(std::size_t position, const std::string& operation, bool stays_before) {
  const TextOperation parsed =
      with_refusals([&] { return parse_text_operation(std::string_view(operation)); });
  return ot::transform_position(position, parsed, stays_before ? ot::Side::left : ot::Side::right);
}

std::string TextField::text() const {
  return state_->text();
}

std::string TextField::edit(const std::string& operation) {
  return state_->edit(
      with_refusals([&] { return parse_text_operation(std::string_view(operation)); }));
}

std::string TextField::insert(std::size_t position, const std::string& text) {
  return state_->edit(with_refusals([&] {
    require_valid_text(text, "The inserted text");
    return TextOperationBuilder().keep(position).insert(text).build();
  }));
}

std::string TextField::erase(std::size_t position, std::size_t length) {
  return state_->edit(
      with_refusals([&] { return TextOperationBuilder().keep(position).erase(length).build(); }));
}

Subscription TextField::on_change(std::function<void(const TextChange&)> callback) {
  return state_->on_change(std::move(callback));
}

void TextField::share_cursor(std::size_t position, std::size_t anchor) {
  state_->share_cursor(position, anchor);
}

Subscription TextField::on_cursors(std::function<void(const std::vector<TextCursor>&)> callback) {
  return state_->on_cursors(std::move(callback));
}

TextField SyncEngine::text(const std::string& object, const std::string& record_id,
                           const std::string& field) {
  return TextField(std::make_shared<TextField::State>(*this, *impl_, object, record_id, field));
}

}  // namespace objectos
