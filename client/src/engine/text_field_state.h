// What the copies of one TextField share.
//
// Invariants: text_ and cursors_ are those of the last event that was told, so that positions and
// operations fit each other. Events come one at a time, from the dispatcher; the mutex is for those
// who edit and listen meanwhile, and is not held while the app is called.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>

#include "engine/engine_impl.h"
#include "objectos/text_field.h"
#include "protocol/text_operation.h"

namespace objectos {

class TextField::State : public std::enable_shared_from_this<TextField::State> {
 public:
  State(SyncEngine& engine, SyncEngine::Impl& impl, std::string object, std::string record_id,
        std::string field);

  std::string text() const;
  std::string edit(const TextOperation& operation);
  void made(const std::optional<std::string>& seen, const TextOperation& wanted,
            const TextOperation& operation, const std::string& after);
  void renew_view();
  Subscription on_change(std::function<void(const TextChange&)> callback);
  void share_cursor(std::size_t position, std::size_t anchor);
  Subscription on_cursors(std::function<void(const std::vector<TextCursor>&)> callback);

 private:
  struct Told {
    TextOperation operation;  // of `before`
    std::string before, text;
    Origin origin = Origin::local;
  };
  struct Follower;
  Subscription lasting(Subscription token);
  void follow();
  void join();
  void hear(const Change& change);
  void hear(const PresenceEvent& event);
  bool place(const PresentClient& client);
  std::vector<TextCursor> cursors() const;
  // Posts what tells everybody how things stand, for those who have not heard anything yet.
  void post_present();

  SyncEngine& engine_;
  SyncEngine::Impl& impl_;
  const std::string object_, record_id_, field_;
  Listeners<Told> changes_;
  Listeners<std::vector<TextCursor>> cursor_listeners_;

  mutable std::mutex mutex_;
  std::string text_;
  std::string view_;               // what was told last, with this handle's own edits since
  std::deque<TextOperation> own_;  // these, as they are in the file
  std::map<std::string, TextCursor> cursors_;  // by client
  std::string client_id_;                      // this file's
  std::string shared_ = "{}";                  // this device's cursor, as a presence state
  Subscription feed_;
  std::optional<Presence> presence_;
};

}  // namespace objectos
