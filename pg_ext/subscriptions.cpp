#include "pg_ext/subscriptions.h"

#include "pg_ext/client_registry.h"
#include "pg_ext/identity.h"
#include "pg_ext/session_token.h"
#include "protocol/errors.h"
#include "protocol/json.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

constexpr const char* store_sql = R"(
INSERT INTO objectos_sync.subscriptions AS s (client_id, subscription, columns, subscribed_at)
VALUES ($1, $2, $3, pg_catalog.now())
ON CONFLICT (client_id) DO UPDATE
   SET subscription = EXCLUDED.subscription, columns = EXCLUDED.columns,
       subscribed_at = EXCLUDED.subscribed_at
RETURNING subscription::pg_catalog.text)";

std::optional<std::string> device_of(const std::string& client_id) {
  return as_owner([&] {
    return with_spi([&](Spi& spi) {
      return spi
          .execute("SELECT device FROM objectos_sync.clients WHERE client_id = $1",
                   {Param::text(client_id)})
          .text(0, 0);
    });
  });
}

// {"contacts": {"relid": 16384, "columns": {"owner": 3}}}
Json columns_json(const ObjectInfo& object, const FilterColumns& columns) {
  Json numbers = Json::object();
  for (const auto& [name, attnum] : columns) numbers.set(name, Json::integer(attnum));
  Json entry = Json::object();
  entry.set("relid", Json::integer(object.root));
  entry.set("columns", std::move(numbers));
  return entry;
}

// What the filters name, after a trial of each.
std::string checked_columns(const std::vector<ObjectSubscription>& wanted,
                            const FilterVariables& variables) {
  Json all = Json::object();
  for (const ObjectSubscription& one : wanted) {
    const ObjectInfo object = readable_object(one.object);
    if (!one.filter) continue;
    const FilterColumns columns = find_filter_columns(object, *one.filter);
    filter_condition(object, *one.filter, columns, variables);
    all.set(one.object, columns_json(object, columns));
  }
  return write_json(all);
}

}  // namespace

std::optional<std::string> store_subscription(const std::string& client_id,
                                              const std::optional<std::string>& subscription) {
  require_session_of(client_id);
  claim_client(client_id, std::nullopt);
  std::optional<std::vector<ObjectSubscription>> wanted;
  if (subscription) wanted = parse_subscription(parse_json(*subscription));
  std::string columns;
  if (wanted) {
    columns = checked_columns(*wanted, {current_user_id(), client_id, device_of(client_id)});
  }
  return as_owner([&] {
    return with_spi([&](Spi& spi) -> std::optional<std::string> {
      if (wanted) {
        return spi
            .execute(store_sql,
                     {Param::text(client_id), Param::jsonb(*subscription), Param::jsonb(columns)})
            .text(0, 0);
      }
      spi.execute("DELETE FROM objectos_sync.subscriptions WHERE client_id = $1",
                  {Param::text(client_id)});
      return std::nullopt;
    });
  });
}

ClientSubscription::ClientSubscription(const PullClient& client)
    : everything_(!client.subscription),
      variables_{current_user_id(), client.client_id, client.device} {
  if (everything_) return;
  const Json columns = parse_json(client.subscription_columns.value_or("{}"));
  std::optional<std::vector<ObjectSubscription>> wanted =
      parse_subscription(parse_json(*client.subscription));
  if (!wanted) throw SyncError("OS000", "a stored subscription says everything");
  for (ObjectSubscription& one : *wanted) {
    Part& part = parts_[one.object];
    part.filter = std::move(one.filter);
    const Json* const entry = columns.find(one.object);
    if (entry == nullptr) continue;
    if (const Json* const relid = entry->find("relid")) {
      part.relid = static_cast<Oid>(relid->as_integer().value_or(0));
    }
    if (const Json* const numbers = entry->find("columns")) {
      for (const auto& [name, attnum] : numbers->members()) {
        part.columns[name] = static_cast<std::int16_t>(attnum.as_integer().value_or(0));
      }
    }
  }
}

bool ClientSubscription::wants(const std::string& object) const {
  return everything_ || parts_.count(object) > 0;
}

// Another table has taken the object's name: its columns are meant by name.
FilterColumns ClientSubscription::columns_of(const Part& part, const ObjectInfo& object) {
  if (part.relid == object.root) return part.columns;
  return find_filter_columns(object, *part.filter);
}

std::string ClientSubscription::condition(const ObjectInfo& object) const {
  const auto part = parts_.find(object.object);
  if (part == parts_.end() || !part->second.filter) return {};
  return filter_condition(object, *part->second.filter, columns_of(part->second, object),
                          variables_);
}

std::vector<std::string> ClientSubscription::deciding_columns(const ObjectInfo& object) const {
  std::vector<std::string> names;
  const auto part = parts_.find(object.object);
  if (part == parts_.end() || !part->second.filter) return names;
  for (const auto& [name, attnum] : columns_of(part->second, object)) {
    for (const ColumnInfo& column : object.columns) {
      if (column.attnum == attnum) names.push_back(column.name);
    }
  }
  return names;
}

}  // namespace objectos::server
