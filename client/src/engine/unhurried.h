// While it lives, the file's commits do not wait for the disk: what they hold can be asked for
// again.
#pragma once

#include "store/local_database.h"

namespace objectos {

class Unhurried {
 public:
  explicit Unhurried(LocalDatabase& database) : database_(database) {
    database.wait_for_disk(false);
  }
  ~Unhurried() {
    try {
      database_.wait_for_disk(true);
    } catch (const StoreError&) {  // it cannot fail on an open file
    }
  }
  Unhurried(const Unhurried&) = delete;
  Unhurried& operator=(const Unhurried&) = delete;

 private:
  LocalDatabase& database_;
};

}  // namespace objectos
