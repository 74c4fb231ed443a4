// The live loop: sleeps until the server tells of a commit, somebody writes to the file, the app
// wants something or the connection is lost, and does then what that takes.
//
// Nothing rests on a notification arriving: a connection that is not known to listen gets a whole
// sync, which asks, listens and then pulls, in this order.
//
// Race: another thread's sync_now() uses the connection that the loop waits on. Invariant: the loop
// touches it only under work_mutex_, which it does not wait for here; whoever has it wakes the loop
// when it is done, and the loop looks at the connection anew.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "engine/exclusive_work.h"

namespace objectos {

namespace {

// The acknowledgement of a pull may wait: it tells the server what it can forget. So while commits
// keep coming there is one in a second.
constexpr auto kAcknowledgeDelay = std::chrono::seconds(1);

// A push is told to this device, too, which then pulls; if that word is lost, it pulls by itself.
constexpr auto kOwnWordLast = std::chrono::milliseconds(20);
// It has what it pushed; others, and the server, have first call on the processor.
constexpr auto kOwnPull = std::chrono::milliseconds(2);
// The system tells of the loop's own writes, too, as soon as the loop waits again.
constexpr auto kOwnWrites = std::chrono::microseconds(500);

using Time = std::optional<std::chrono::steady_clock::time_point>;

bool has_come(const Time& time, std::chrono::steady_clock::time_point now) {
  return time && *time <= now;
}

void set_earlier(Time& end, const Time& other) {
  if (other && (!end || *other < *end)) end = other;
}

// False: the time is over, or a signal came. The looks at a file are less than a millisecond apart.
bool something_comes(pollfd* descriptors, nfds_t count, const Time& end) {
  using std::chrono::nanoseconds;
  const auto left =
      end ? std::max(nanoseconds(*end - std::chrono::steady_clock::now()), nanoseconds::zero())
          : nanoseconds(-1);
#ifdef __linux__
  const timespec wait{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  return ::ppoll(descriptors, count, end ? &wait : nullptr, nullptr) > 0;
#else
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return ::poll(descriptors, count,
                end ? static_cast<int>(std::min<std::int64_t>(whole, INT_MAX)) : -1) > 0;
#endif
}

}  // namespace

void SyncEngine::Impl::wake_loop() {
  wake_.notify_all();
  wake_signal_.set();
}

void SyncEngine::Impl::set_live(Live live, const std::string& reason) {
  {
    std::lock_guard lock(state_mutex_);
    if (live_ == live && live_reason_ == reason) return;
    live_ = live;
    live_reason_ = reason;
  }
  tell_status();
  dispatcher_.announce();
}

// One exchange. What it was for is taken from the state before it begins: what comes meanwhile is
// the next one's.
void SyncEngine::Impl::sync_live() {
  LiveState& state = live_state_;
  const Clock::time_point now = Clock::now();
  const LiveWork work{state.edits, state.commits || has_come(state.pull_at, now),
                      has_come(state.ask_at, now), has_come(state.acknowledge_at, now)};
  state.edits = state.commits = false;
  const bool done = !std::exchange(state.whole, false) && work_lightly(work);
  // What this device pushes is told to it, too, right after: that is no burst.
  state.just_pulled = done && !work.push;
  if (!done) {
    // It may take long, and nobody wakes the watch meanwhile.
    watch_.only_when_woken(false);
    try {
      sync(true, true);
    } catch (...) {
      state.begin_anew();
      throw;
    }
    watch_.only_when_woken(state.file.armed());
    state.pull_at.reset();
    state.acknowledge_at.reset();
  }
  const Notifying notifying = [this] {
    std::lock_guard lock(work_mutex_);
    return transport_ ? transport_->notifying() : Notifying{};
  }();
  if (notifying.sent) {
    state.ask_at.reset();
  } else if (!state.ask_at || *state.ask_at <= now) {
    state.ask_at = Clock::now() + options_.timing.live_poll_interval;
  }
  set_live(notifying.sent ? Live::listening : Live::polling, notifying.reason);
  state.worked_at = Clock::now();
}

// False: it takes a whole sync.
bool SyncEngine::Impl::work_lightly(const LiveWork& work) {
  LiveState& state = live_state_;
  bool done = false;
  try {
    done = exclusively(
        [&] {
          if (!transport_ || !transport_->live()) return false;
          SessionEvents events = session_events();
          const SessionLimits limits = session_limits();
          transport_->sign_with(limits.signer);
          SyncSession session(*transport_, database(), limits, events);
          try {
            if (work.ask)
              transport_->listen(database().state().client_id, options_.timing.live_silence);
            if (work.push) {
              if (!session.push_lightly()) return false;
              const bool told = transport_->notifying().sent;
              state.own_until = Clock::now() + kOwnPull;
              state.pull_at = Clock::now() + (told ? kOwnWordLast : Clock::duration::zero());
              if (!state.acknowledge_at) state.acknowledge_at = Clock::now() + kAcknowledgeDelay;
            }
            if (work.pull || work.ask) {
              state.pull_at.reset();
              const SyncResult result = session.pull_committed();
              state.pulled_several = result.pulled > 1;
              if (result.pulled > 0) {
                note_conflicts(database());
                if (!state.acknowledge_at) state.acknowledge_at = Clock::now() + kAcknowledgeDelay;
              }
              // Edits of texts wait for the one before them, which this may have brought.
              if (!database().oldest_pending(0).empty()) state.edits = true;
            }
          } catch (const Error& error) {
            if (error.error_class() != ErrorClass::resync) throw;
            log(LogLevel::warning, "Reading the replica anew: " + error.message());
            database().forget_checkpoint();
            return false;
          }
          if (work.acknowledge) {
            session.acknowledge();
            state.acknowledge_at.reset();
          }
          return true;
        },
        Writes::noted);
  } catch (...) {
    state.begin_anew();
    throw;
  }
  return done;
}

// Takes what the server has said. False: the connection is lost, and that is told and counted.
// `socket`: to wait on; -1 while another thread works, which wakes the loop afterwards.
bool SyncEngine::Impl::hear(int& socket) {
  LiveState& state = live_state_;
  std::unique_lock work(work_mutex_, std::try_to_lock);
  if (!work) return true;
  try {
    if (!transport_ || !transport_->live()) {
      state.whole = true;
      return true;
    }
    const Notices notices = transport_->take_notices();
    socket = transport_->socket();
    if (std::exchange(state.just_pulled, false))
      state.pacer.pulled(Clock::now(), state.pulled_several);
    if (notices.commits) state.pacer.heard(Clock::now());
    state.commits |= notices.commits;
    // Nobody sends them any more.
    if (!transport_->notifying().sent && !state.ask_at)
      state.ask_at = Clock::now() + options_.timing.live_poll_interval;
    return true;
  } catch (const Error& error) {
    state.begin_anew();
    work.unlock();
    {
      std::lock_guard lock(state_mutex_);
      if (stopping_) return true;  // stop() cut it off
    }
    log(LogLevel::warning, error.message());
    note_result(&error);
  } catch (const std::exception& error) {  // bad_alloc
    state.begin_anew();
    work.unlock();
    log(LogLevel::error, error.what());
  }
  return false;
}

// What is written from now on wakes the loop, or, where the system has nothing for that, the loop
// looks now and then.
void SyncEngine::Impl::watch_writes(Clock::time_point now) {
  LiveState& state = live_state_;
  if (!state.file.armed() && !state.look_at) {
    try {
      if (!loop_file_ || !loop_file_->is_current()) {
        loop_file_.reset();
        loop_file_ = open_beside();
        loop_seen_ = -1;
      }
      if (state.file.arm(options_.database)) state.look_at = now;
    } catch (const StoreError&) {  // the next sync says what is wrong with the file
      loop_file_.reset();
    }
    if (!state.look_at) state.look_at = now + options_.timing.watch_interval;
  }
  watch_.only_when_woken(state.file.armed());
}

// A write is looked at at once, or, while writes follow one another, when the push delay is over.
// The system tells of a write before its commit: who writes waits for the disk in between. So the
// loop looks again, and again less and less often. It does not ask for the write lock to find out:
// a program that does not wait for locks would fail.
void SyncEngine::Impl::look_at_writes(Clock::time_point now) {
  LiveState& state = live_state_;
  if (!has_come(state.look_at, now)) return;
  state.look_at.reset();
  state.heard = false;
  if (state.file.take()) state.written_again(now);
  const std::int64_t before = std::exchange(loop_looked_, -1);
  if (edits_are_due()) {
    state.edits = true;
    state.found_at = now;
  }
  if (loop_looked_ != before || loop_looked_ < 0) watch_.wake();
  if (now < state.looks_end)
    state.look_at =
        std::max(now + state.look_pause(now), state.found_at + options_.timing.live_push_delay);
  watch_writes(now);
}

void SyncEngine::Impl::wait_for_news(int socket, std::optional<Clock::time_point> end) {
  LiveState& state = live_state_;
  set_earlier(end, state.look_at);
  pollfd descriptors[] = {
      {wake_signal_.descriptor(), POLLIN, 0},
      {socket, POLLIN, 0},
      // Until the next look there is nothing more to hear of writes.
      {state.heard ? -1 : state.file.descriptor(), POLLIN, 0},
  };
  if (!something_comes(descriptors, 3, end)) return;
  if (descriptors[2].revents != 0 && state.file.take()) {
    watch_.wake();
    const Clock::time_point now = Clock::now();
    state.heard = true;
    if (now - state.worked_at < kOwnWrites) {
      state.written_by_engine(now);
      state.look_at = now + state.look_pause(now);
    } else {
      state.written(now);
      state.look_at = now;
    }
    state.look_at = std::max(*state.look_at, state.found_at + options_.timing.live_push_delay);
  }
}

// Until there is something to do and the app does not hold the loop, or the loop ends.
void SyncEngine::Impl::wait_live(std::int64_t retry_ms) {
  LiveState& state = live_state_;
  std::optional<Clock::time_point> retry_at;
  if (retry_ms > 0) retry_at = Clock::now() + std::chrono::milliseconds(retry_ms);
  while (true) {
    wake_signal_.clear();
    bool held = false;
    {
      std::lock_guard lock(state_mutex_);
      if (sync_wanted_) state.whole = true;
      if (stopping_ || (sync_wanted_ && !paused_)) return;
      held = paused_;
    }
    int socket = -1;
    if (!retry_at && !hear(socket)) {
      retry_at = Clock::now() + std::chrono::milliseconds(back_off());
    }
    const Clock::time_point now = Clock::now();
    watch_writes(now);
    look_at_writes(now);
    std::optional<Clock::time_point> end = retry_at;
    if (!retry_at) {
      if (state.whole || state.edits) end = now;
      if (state.commits) set_earlier(end, std::max(state.pacer.next(), state.own_until));
      set_earlier(end, state.pull_at);
      set_earlier(end, state.ask_at);
      set_earlier(end, state.acknowledge_at);
    }
    if (held) {
      end.reset();
    } else if (has_come(end, now)) {
      return;
    }
    wait_for_news(socket, end);
  }
}

// A listener that reads nothing would keep the server's queue of notifications from being emptied.
void SyncEngine::Impl::leave_live() {
  {
    std::lock_guard work(work_mutex_);
    if (transport_ && transport_->live()) transport_->disconnect();
  }
  live_state_.file.disarm();
  live_state_.look_at.reset();
  watch_.only_when_woken(false);
  set_live(Live::off);
}

}  // namespace objectos
