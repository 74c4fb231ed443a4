// What a round does to the records that somebody listens to: each record's row before the round
// touched it first and after the round, both as the app sees them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "local_database.h"

namespace objectos {

class Store;

class RoundChanges {
 public:
  RoundChanges(const Store& store, const Listing& listing) : store_(store), listing_(listing) {}

  // Before the record is changed for the first time; later calls only move the version on.
  void touch(std::string_view object, std::string_view record_id, std::optional<int64_t> version);
  // The record leaves this client's view, as far as the round knows now.
  void leaves_view(std::string_view object, std::string_view record_id);
  void truncate(std::string_view object, std::optional<int64_t> version);
  // At the end, before the commit. Records that are what they were are left out.
  std::vector<LocalChange> settle();

 private:
  struct Touched {
    LocalChange change;
    bool removed = false;
  };
  Touched* find(std::string_view object, std::string_view record_id);

  const Store& store_;
  const Listing listing_;
  std::vector<Touched> touched_;
  std::unordered_map<std::string, std::size_t> places_;
};

}  // namespace objectos
