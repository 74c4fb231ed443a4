// What the server has given out, kept as material for later calls. For all workers together.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "dice.h"

namespace faults {

class Pool {
 public:
  void add(const std::string& kind, const std::string& value) {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string>& kept = kept_[kind];
    if (kept.size() < kept_max) {
      kept.push_back(value);
    } else {
      kept[next_++ % kept_max] = value;
    }
  }
  // One of them, or `otherwise`.
  std::string pick(const std::string& kind, Dice& dice, const std::string& otherwise) {
    const std::scoped_lock lock(mutex_);
    const auto found = kept_.find(kind);
    return found == kept_.end() ? otherwise : dice.of(found->second);
  }

 private:
  static constexpr std::size_t kept_max = 100;
  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> kept_;
  std::size_t next_ = 0;
};

}  // namespace faults
