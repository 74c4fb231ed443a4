// What each client wants: its subscription, as it gave it, and which columns its filters mean.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "pg_ext/filter_sql.h"
#include "pg_ext/pull_row.h"
#include "pg_ext/spi.h"

namespace objectos::server {

// Stores the client's subscription (jsonb text), or forgets it (none, or one that says everything).
// Returns what is stored, as jsonb text. Registers the client. Throws ProtocolError OS019, OS004
// for an object that the caller cannot read, OS014 and 42501 as claim_client() does; then nothing
// is stored.
std::optional<std::string> store_subscription(const std::string& client_id,
                                              const std::optional<std::string>& subscription);

// A client's subscription.
class ClientSubscription {
 public:
  ClientSubscription() = default;  // everything
  explicit ClientSubscription(const PullClient& client);

  // Whether the object is subscribed to. A client without a subscription gets everything.
  bool wants(const std::string& object) const;
  // The records wanted of an object that is, as a condition; empty: all. Throws OS019 when the
  // filter does not fit the object any more: what is filtered must never be sent whole.
  std::string condition(const ObjectInfo& object) const;
  // The columns that decide which records are wanted, by their present names.
  std::vector<std::string> deciding_columns(const ObjectInfo& object) const;

 private:
  struct Part {
    std::optional<Filter> filter;
    Oid relid = 0;
    FilterColumns columns;
  };
  static FilterColumns columns_of(const Part& part, const ObjectInfo& object);

  bool everything_ = true;
  std::map<std::string, Part> parts_;
  FilterVariables variables_;
};

}  // namespace objectos::server
