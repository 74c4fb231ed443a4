#include "pg_ext/channel.h"

#include "pg_ext/json_form.h"
#include "pg_ext/record_reader.h"
#include "protocol/errors.h"
#include "protocol/json.h"
#include "protocol/limits.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// The object that a channel's name begins with. Names may hold slashes: the longest that is
// enabled, whoever asks.
std::optional<std::string> object_of(const std::string& channel) {
  return as_owner([&] {
    return with_spi([&](Spi& spi) {
      const Rows rows = spi.execute(
          "SELECT object FROM objectos_sync.objects WHERE object = $1"
          " OR pg_catalog.starts_with($1, object || '/') ORDER BY pg_catalog.length(object) DESC"
          " LIMIT 1",
          {Param::text(channel)}, Access::read_only);
      return rows.empty() ? std::nullopt : rows.text(0, 0);
    });
  });
}

// The record's id as its row has it, for whoever sees it.
std::optional<std::string> seen_record(ObjectInfo info, const std::string& record_id) {
  static const FieldsOf none = [](const std::string&, std::int64_t) {
    static const std::vector<std::string> fields;
    return &fields;
  };
  ObjectView object;
  object.info = std::move(info);
  std::optional<std::string> seen;
  with_spi([&](Spi& spi) {
    as_pinned([&] {
      read_records(spi, object, {record_id}, none, [&](RecordRow&& row) {
        seen = std::move(row.record_id);
        return false;
      });
    });
  });
  return seen;
}

std::optional<std::string> readable(const std::string& channel) {
  const std::optional<std::string> name = object_of(channel);
  if (!name) return std::nullopt;
  std::optional<ObjectInfo> info = object_by_name(*name);
  if (!info || !info->visible) return std::nullopt;
  if (channel.size() == name->size()) return channel;
  const auto record = seen_record(std::move(*info), channel.substr(name->size() + 1));
  if (!record) return std::nullopt;
  return *name + "/" + *record;
}

}  // namespace

// Rights may have been taken since the statement's snapshot, and a name may be no key of the
// object.
std::optional<std::string> readable_channel(const std::string& channel) {
  try {
    return subtransaction([&] {
      pg_call([] { PushActiveSnapshot(GetLatestSnapshot()); });
      auto found = readable(channel);
      pg_call([] { PopActiveSnapshot(); });
      if (found && found->size() > limits::channel_bytes_max) found.reset();
      return found;
    });
  } catch (PgError& error) {
    if (error.sqlstate().compare(0, 2, "22") != 0) throw;  // what cannot be a key's value
    error.discard();
  } catch (const SyncError&) {
  } catch (const ProtocolError&) {
  }
  return std::nullopt;
}

std::string require_channel(const std::string& channel) {
  if (channel.size() > limits::channel_bytes_max) {
    throw ProtocolError(ErrorCode::limit_exceeded, "the channel's name is too long",
                        "It has " + std::to_string(channel.size()) + " bytes.",
                        "At most " + std::to_string(limits::channel_bytes_max) + " are allowed.");
  }
  if (auto found = readable_channel(channel)) return std::move(*found);
  throw ProtocolError(ErrorCode::unknown_object, "there is no channel " + json_string(channel),
                      "A channel is an object or a record of it, and this one is not there, or you "
                      "may not read it.",
                      "Name an object of sync_objects(), or object/record_id.");
}

}  // namespace objectos::server
