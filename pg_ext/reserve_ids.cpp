// The SQL function sync_reserve_ids: a block of a key's own sequence, for a client that will make
// records while it is offline. Asks for what an INSERT would: the right to write the key.
#include "pg_ext/boundary.h"
#include "pg_ext/catalog.h"
#include "pg_ext/sequence_block.h"
#include "pg_ext/spi.h"
#include "protocol/limits.h"

#include "pg_ext/pg.h"

extern "C" {
#include "catalog/dependency.h"
}

namespace objectos::server {

namespace {

std::int64_t wanted_count(FunctionCall call) {
  const std::int64_t count = argument_is_null(call, 1) ? 0 : int8_argument(call, 1);
  if (count < 1) {
    throw ProtocolError(ErrorCode::invalid_option, "the count of keys is not positive",
                        "Asked for: " + std::to_string(count) + ".", "Ask for 1 key or more.");
  }
  if (count > limits::leased_ids_max) {
    throw ProtocolError(ErrorCode::limit_exceeded, "too many keys at once",
                        "Asked for " + std::to_string(count) + ", at most " +
                            std::to_string(limits::leased_ids_max) + ".",
                        "Ask for fewer, more often.");
  }
  return count;
}

ObjectInfo writable_object(FunctionCall call) {
  const std::string name = argument_is_null(call, 0) ? std::string() : text_argument(call, 0);
  std::optional<ObjectInfo> info = object_by_name(name);
  if (!info || !info->visible) {
    throw ProtocolError(ErrorCode::unknown_object, "there is no object " + name, {},
                        "Enable it with sync_enable(), or grant SELECT on it.");
  }
  if (!info->insertable) {
    throw SyncError("42501", "permission denied for inserting into object " + name,
                    "Keys are given to those who may insert.", "Ask the owner for GRANT INSERT.");
  }
  return std::move(*info);
}

const ColumnInfo& sequence_column(const ObjectInfo& info) {
  for (const std::size_t at : info.key) {
    const ColumnInfo& column = info.columns[at];
    if (column.key_source == KeySource::sequence) return column;
  }
  throw ProtocolError(ErrorCode::object_not_supported,
                      "no key column of object " + info.object + " is drawn from a sequence",
                      "It is no serial, no identity, and has no default of nextval().",
                      "Make its keys on the client, best as UUIDs.");
}

// A default may name any sequence, also one that is not the table owner's. What belongs to the
// column (serial, identity) goes with the right to insert; another one asks for its own right.
void check_sequence(const ObjectInfo& object, const ColumnInfo& column) {
  const Oid relid = object.relid, sequence = column.sequence;
  const bool allowed = pg_call([&] {
    Oid table = InvalidOid;
    int32 of_column = 0;
    const bool owned = sequenceIsOwned(sequence, DEPENDENCY_AUTO, &table, &of_column) ||
                       sequenceIsOwned(sequence, DEPENDENCY_INTERNAL, &table, &of_column);
    if (owned && table == relid && of_column == column.attnum) return true;
    return pg_class_aclcheck(sequence, GetUserId(), ACL_USAGE | ACL_UPDATE) == ACLCHECK_OK;
  });
  if (allowed) return;
  throw SyncError("42501", "permission denied for the sequence of object " + object.object,
                  "It does not belong to key column " + column.name + ".",
                  "GRANT USAGE on the sequence, or ALTER SEQUENCE … OWNED BY the column.");
}

SequenceBlock draw_for(const ColumnInfo& column, std::int64_t count) {
  switch (column.base_type) {
    case INT2OID:
      return draw_user_sequence(column.sequence, count, PG_INT16_MIN, PG_INT16_MAX);
    case INT4OID:
      return draw_user_sequence(column.sequence, count, PG_INT32_MIN, PG_INT32_MAX);
    default:
      return draw_user_sequence(column.sequence, count, PG_INT64_MIN, PG_INT64_MAX);
  }
}

void refuse_in_recovery() {
  if (!pg_call([] { return RecoveryInProgress(); })) return;
  throw ProtocolError(ErrorCode::in_recovery, "this server is a standby", "It gives out no keys.",
                      "Ask the primary.");
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_reserve_ids) {
  RowWriter writer(call);
  refuse_in_recovery();
  const std::int64_t count = wanted_count(call);
  const ObjectInfo object = writable_object(call);
  const ColumnInfo& column = sequence_column(object);
  check_sequence(object, column);
  const SequenceBlock block = draw_for(column, count);
  if (block.count == 0) {
    throw SyncError("2200H", "the sequence of object " + object.object + " has reached its end",
                    "Key column " + column.name + ".",
                    "ALTER SEQUENCE … MAXVALUE, or give the column a wider type.");
  }
  writer.text(std::string_view(column.name)).int8(block.first).int8(block.last).int8(block.step);
  writer.end_row();
  return null_result(call);
}
