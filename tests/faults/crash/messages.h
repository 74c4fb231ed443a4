// Messages as a client might send them: right ones, and ones that are wrong somewhere.
#pragma once

#include <string>

#include "dice.h"
#include "pool.h"
#include "world.h"

namespace faults {

class Messages {
 public:
  Messages(Dice& dice, Pool& pool, std::string name)
      : dice_(dice), pool_(pool), name_(std::move(name)) {}

  std::string client_id();
  std::string checkpoint();
  std::string mutations();  // a JSON array
  std::string push_request();
  std::string ack();
  std::string subscription();
  std::string fields();  // of sync_enable
  std::string record_values();
  std::string frame();  // bytes
  std::string uuid();
  std::string odd_json();
  std::string odd_text();
  // A text of which a bit is broken, now and then.
  std::string perhaps_broken(std::string text, double percent);

 private:
  std::string json_string(const std::string& text);
  std::string json_value(const std::string& kind);
  std::string plain_key(const std::string& kind);
  std::string record_id(const Table& table);
  std::string member(const std::string& key, const std::string& value);
  std::string object_of(const std::vector<std::string>& members);
  std::string values_of(const Table& table, bool with_key);
  std::string mutation();

  Dice& dice_;
  Pool& pool_;
  std::string name_;
  long sequence_ = 0;
};

}  // namespace faults
