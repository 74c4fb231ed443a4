// Sessions that are told of commits, and drain what they are told, on a thread of their own.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "postgres.h"

namespace bench {

class Listeners {
 public:
  Listeners(const std::string& database, int count);
  ~Listeners();
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

  std::size_t heard() const { return heard_; }  // notifications, of all sessions together

 private:
  void drain();
  std::vector<std::unique_ptr<Postgres>> sessions_;
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> heard_{0};
  std::thread thread_;
};

}  // namespace bench
