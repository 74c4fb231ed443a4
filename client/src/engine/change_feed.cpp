#include "engine/change_feed.h"

namespace objectos {

Subscription ChangeFeed::listen(const std::string& object,
                                std::function<void(const Change&)> callback,
                                const std::function<std::int64_t()>& newest) {
  std::lock_guard lock(mutex_);
  if (listeners_.empty()) told_ = newest();
  return listeners_.add(std::move(callback), object);
}

Listing ChangeFeed::listing() const {
  Listing listing;
  for (const auto& [id, listener] : listeners_.all()) {
    listing.wanted = true;
    if (listener->object().empty()) return {true, {}};
    listing.objects.insert(listener->object());
  }
  return listing;
}

void ChangeFeed::tell_local(const LocalDatabase& database) {
  const Listing wanted = listing();
  if (!wanted.wanted) return;
  const LocalWrites writes = database.local_writes(told_, wanted);
  for (const LocalChange& change : writes.changes) tell(change, Origin::local);
  told_ = writes.last;
}

void ChangeFeed::tell(const LocalChange& change, Origin origin) {
  if (listeners_.empty()) return;
  Change event{change.object, change.record_id, change.operation, change.version,
               origin,        change.before,    change.after};
  dispatcher_.post([listeners = listeners_, event = std::move(event), report = report_] {
    int ran = 0;
    for (const auto& [id, listener] : listeners.all()) {
      const bool wanted = listener->object().empty() || listener->object() == event.object;
      if (wanted && listener->call(event, report)) ++ran;
    }
    return ran;
  });
}

void ChangeFeed::note(const std::set<std::string, std::less<>>& objects) {
  std::lock_guard lock(note_mutex_);
  noted_.objects.insert(objects.begin(), objects.end());
}

void ChangeFeed::note_all() {
  std::lock_guard lock(note_mutex_);
  noted_.all = true;
}

void ChangeFeed::end_unknown_writes() {
  note_all();
  --unknown_writers_;
}

void ChangeFeed::hold_file(bool held) {
  if (held != file_held_.exchange(held)) note_all();
}

TablesChanged ChangeFeed::tables_changed(const LocalDatabase& database) {
  TablesChanged changed;
  {
    std::lock_guard lock(note_mutex_);
    std::swap(changed, noted_);
  }
  changed.all = changed.all || unknown_writers_ > 0 || !file_held_;
  const WrittenObjects written = database.written_since(counted_);
  counted_ = written.last;
  changed.objects.insert(written.objects.begin(), written.objects.end());
  return changed;
}

}  // namespace objectos
