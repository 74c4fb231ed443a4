// A thread that looks at the file now and then, and at once when it is woken. While somebody knows
// of every write and wakes it, it need not look of its own accord.
//
// Threads: every member from any thread; stop() waits for the look under way, unless it is called
// from it. Nothing happens before start().
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace objectos {

class FileWatch {
 public:
  // `look` must not throw. `ended` runs as the thread's last act.
  FileWatch(std::chrono::milliseconds interval, std::function<void()> look,
            std::function<void()> ended)
      : interval_(interval), look_(std::move(look)), ended_(std::move(ended)) {}
  ~FileWatch() { stop(); }
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  void start() {
    std::lock_guard lifecycle(lifecycle_mutex_);
    std::lock_guard lock(mutex_);
    if (thread_.joinable()) return;
    stopping_ = false;
    thread_ = std::thread([this] { run(); });
  }
  void wake() {
    std::lock_guard lock(mutex_);
    woken_ = true;
    wake_.notify_all();
  }
  void only_when_woken(bool only) {
    std::lock_guard lock(mutex_);
    if (only_when_woken_ == only) return;
    only_when_woken_ = only;
    wake_.notify_all();
  }
  // The look under way is the last.
  bool ends() {
    std::lock_guard lock(mutex_);
    return stopping_;
  }
  // One more look is begun after the call, then the thread ends.
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      wake_.notify_all();
      if (thread_.get_id() == std::this_thread::get_id()) return;
    }
    std::lock_guard lifecycle(lifecycle_mutex_);
    if (thread_.joinable()) thread_.join();
    std::lock_guard lock(mutex_);
    thread_ = std::thread();
  }

 private:
  void run() {
    for (bool last = false; !last;) {
      {
        std::unique_lock lock(mutex_);
        const auto wanted = [this] { return woken_ || stopping_; };
        if (only_when_woken_)
          wake_.wait(lock, [&] { return wanted() || !only_when_woken_; });
        else
          wake_.wait_for(lock, interval_, [&] { return wanted() || only_when_woken_; });
        last = stopping_;
        woken_ = false;
      }
      look_();
    }
    ended_();
  }

  const std::chrono::milliseconds interval_;
  const std::function<void()> look_, ended_;
  std::mutex lifecycle_mutex_;  // who makes and joins the thread; taken before mutex_
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
  bool woken_ = true;
  bool stopping_ = false;
  bool only_when_woken_ = false;
};

}  // namespace objectos
