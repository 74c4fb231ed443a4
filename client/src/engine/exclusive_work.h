// SyncEngine::Impl::exclusively(), for the files that need it.
#pragma once

#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "engine/engine_impl.h"
#include "engine/translated.h"

namespace objectos {

// Runs `work` as the only one and remembers how it ended.
template <typename Work>
auto SyncEngine::Impl::exclusively(Work work, Writes writes) {
  if (worker_.load() == std::this_thread::get_id()) {
    throw Error(ErrorClass::usage, "reentrant",
                "A log callback must not call the engine's sync functions.");
  }
  if (app_thread_.load() == std::this_thread::get_id()) {
    throw Error(ErrorClass::usage, "reentrant",
                "A transaction must not call the engine's sync functions.");
  }
  struct Finish {
    Impl* impl;
    bool unknown;
    Finish(Impl* of, bool writes_unknown) : impl(of), unknown(writes_unknown) {
      impl->worker_ = std::this_thread::get_id();
      if (unknown) impl->feed_.begin_unknown_writes();
    }
    ~Finish() {
      if (unknown) impl->feed_.end_unknown_writes();
      impl->worker_ = std::thread::id{};
    }
  };
  // The loop waits on the connection, too, and keeps off it while another thread works.
  struct WakeLoop {
    Impl* impl;
    ~WakeLoop() {
      if (impl->loop_thread_.load() != std::this_thread::get_id()) impl->wake_signal_.set();
    }
  };
  std::optional<decltype(work())> result;
  try {
    WakeLoop afterwards{this};
    std::lock_guard lock(work_mutex_);
    Finish finish(this, writes == Writes::unknown);
    result = translated(work);
  } catch (const Error& error) {
    note_result(&error);
    throw;
  }
  note_result(nullptr);
  return std::move(*result);
}

}  // namespace objectos
