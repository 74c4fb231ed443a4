// Which version of its record a queued mutation says it was made on.
//
// A mutation's `version` is that of the row its edit was made on: the version of the base image, or
// of the mutation that the edit was made over. A pull moves the base image, never the claim: its
// values are those of before, and so is what the server has to compare. Only this client's own
// verdicts carry it forward: where nobody else wrote between the claim and the mutation applied
// upon it, the version after that mutation vouches for the same values.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "sqlite_handle.h"

namespace objectos {

// What the judged mutations of one record, still in the queue, make of the claims of later ones.
class CarriedVersions {
 public:
  // `judged`: queue_sql::judged_of_record, prepared; one serves many records.
  CarriedVersions(Statement& judged, std::string_view object, std::string_view record_id);
  std::optional<int64_t> carried(std::optional<int64_t> claim) const;

 private:
  std::map<std::optional<int64_t>, int64_t> after_;
};

// Within a transaction. Before the record's judged mutations leave the queue: what follows them
// takes their versions along.
void carry_versions(sqlite3* database, const std::string& object, const std::string& record_id);

// The record was read again from a server whose versions need not be those that were claimed (a
// restored one). A claim that the new history may come to reach says nothing about it: those
// mutations are judged by their `original` alone. `same`: the record stands as it did.
void forget_claims(sqlite3* database, const std::string& object, const std::string& record_id,
                   std::optional<int64_t> version, bool same);

}  // namespace objectos
