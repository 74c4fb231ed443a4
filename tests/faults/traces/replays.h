// The two kinds of recordings, replayed. Each function says what it did, and throws where the text
// at the end is not that of the recording.
#pragma once

#include <stdexcept>
#include <string>

#include "protocol/json.h"
#include "protocol/text_operation.h"

namespace objectos {

// One writer: edit by edit on a rope, and as operations, composed into one.
std::string replay_sequential(const Json& recording);

// Two writers who often write at the same time: two sessions and the history between them, each
// writer seeing of the other's edits what it saw when it was recorded.
std::string replay_concurrent(const Json& recording);

// The same through sync_push and sync_pull of a server (PGHOST and the like say which), where each
// writer is a client with a session.
std::string replay_served(const Json& recording);

inline const Json& member(const Json& json, const char* name) {
  const Json* found = json.find(name);
  if (found == nullptr) throw std::runtime_error(std::string("it has no ") + name);
  return *found;
}

inline std::size_t count_of(const Json& json) {
  const auto number = json.as_integer();
  if (!number || *number < 0) throw std::runtime_error("a number is missing or negative");
  return static_cast<std::size_t>(*number);
}

// One of a transaction's patches.
inline TextOperation operation_of(const Json& patch) {
  const Json::Items& parts = patch.items();
  if (parts.size() != 3) throw std::runtime_error("a patch has not 3 parts");
  TextOperationBuilder builder;
  return builder.keep(count_of(parts[0])).erase(count_of(parts[1])).insert(parts[2].text()).build();
}

}  // namespace objectos
