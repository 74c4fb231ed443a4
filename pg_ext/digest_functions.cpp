// The SQL functions by which a client compares its replica with the server and mends it:
// sync_digest, sync_digest_records, sync_records. All read user tables as the caller, in the
// transaction's snapshot: called in a pull round they speak of its cut.
#include <unordered_set>

#include "pg_ext/array_arguments.h"
#include "pg_ext/json_form.h"
#include "pg_ext/pull.h"
#include "pg_ext/pull_functions.h"
#include "pg_ext/record_hasher.h"
#include "pg_ext/reread.h"
#include "protocol/errors.h"
#include "protocol/json.h"
#include "protocol/limits.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// Which records of an object are asked for: those whose first `bits` bits of their place are one of
// `buckets`.
struct Wanted {
  int bits = 0;
  std::unordered_set<std::uint64_t> buckets;
  bool holds(std::uint64_t place) const {
    return bits == 0 || buckets.count(bucket_of(place, bits)) > 0;
  }
};

const ObjectView& readable_object(const View& view, const std::string& name) {
  const ObjectView* const object = view.find(name);
  if (object != nullptr) return *object;
  refuse_unknown_object(name);
}

Wanted wanted_argument(FunctionCall call, int bits_index) {
  Wanted wanted;
  wanted.bits = int4_argument(call, bits_index);
  if (wanted.bits < 0 || wanted.bits > digest_bits_max) {
    throw ProtocolError(ErrorCode::limit_exceeded, "bits is out of range",
                        "It is " + std::to_string(wanted.bits) + ".",
                        "Give a number from 0 to " + std::to_string(digest_bits_max) + ".");
  }
  for (const std::int64_t bucket : int8_array_argument(call, bits_index + 1)) {
    wanted.buckets.insert(static_cast<std::uint64_t>(bucket));
  }
  if (wanted.buckets.size() > limits::digest_buckets_max) {
    throw ProtocolError(ErrorCode::limit_exceeded, "too many buckets",
                        std::to_string(wanted.buckets.size()) + " were named.",
                        "At most " + std::to_string(limits::digest_buckets_max) + " at a time.");
  }
  return wanted;
}

// Opens a view for the client and runs `work(view, hasher)` under pinned settings.
template <typename Work>
void with_digests(const std::string& client_id, std::int64_t seed, const Work& work) {
  with_spi([&](Spi&) {
    const PullClient client = identify_client(client_id);
    const View view = open_view(client);
    as_pinned([&] {
      RecordHasher hasher(static_cast<std::uint64_t>(seed), client);
      work(view, hasher);
    });
  });
}

void write_sum(RowWriter& writer, const BucketSum& sum) {
  writer.int8(sum.records).text(std::string_view(to_hex(sum.digest))).end_row();
}

void digest_objects(RowWriter& writer, const std::string& client_id, std::int64_t seed) {
  with_digests(client_id, seed, [&](const View& view, RecordHasher& hasher) {
    for (const ObjectView& object : view.objects) {
      BucketSum sum;
      scan_records(object,
                   [&](const ScannedRecord& record) { sum.add(hasher.digest(object, record)); });
      writer.text(std::string_view(object.info.object));
      write_sum(writer, sum);
    }
  });
}

void digest_buckets(RowWriter& writer, const std::string& client_id, std::int64_t seed,
                    const std::string& name, const Wanted& wanted) {
  BucketSums sums;
  with_digests(client_id, seed, [&](const View& view, RecordHasher& hasher) {
    const ObjectView& object = readable_object(view, name);
    scan_records(object, [&](const ScannedRecord& record) {
      const std::uint64_t place = hasher.place(record.record_id);
      if (!wanted.holds(place)) return;
      sums[bucket_of(place, wanted.bits + digest_step_bits)].add(hasher.digest(object, record));
    });
  });
  for (const auto& [bucket, sum] : sums) {
    writer.int8(static_cast<std::int64_t>(bucket));
    write_sum(writer, sum);
  }
}

void digest_records(RowWriter& writer, const std::string& client_id, std::int64_t seed,
                    const std::string& name, const Wanted& wanted) {
  with_digests(client_id, seed, [&](const View& view, RecordHasher& hasher) {
    const ObjectView& object = readable_object(view, name);
    scan_records(object, [&](const ScannedRecord& record) {
      if (!wanted.holds(hasher.place(record.record_id))) return;
      writer.text(std::string_view(record.record_id));
      writer.text(std::string_view(to_hex(hasher.digest(object, record)))).end_row();
    });
  });
}

// The records' rows as a re-read sends them, up to a page's weight; the last row says whether it
// ended there. Records that the caller does not see are left out.
PullRows records(const std::string& client_id, const std::string& name,
                 const std::vector<std::string>& ids) {
  static const FieldsOf all = [](const std::string&, std::int64_t) { return nullptr; };
  return with_spi([&](Spi& spi) {
    const PullClient client = identify_client(client_id);
    const View view = open_view(client);
    const ObjectView& object = readable_object(view, name);
    PullRows out;
    std::size_t bytes = 0;
    as_pinned([&] {
      read_records(spi, object, ids, all, [&](RecordRow&& record) {
        bytes += record.data.size();
        out.push_back(whole_row(object, client, std::move(record)));
        return bytes < limits::page_bytes;
      });
    });
    PullRow last;
    last.kind = "checkpoint";
    last.has_more = bytes >= limits::page_bytes;
    out.push_back(std::move(last));
    return out;
  });
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_digest) {
  RowWriter writer(call);
  digest_objects(writer, text_argument(call, 0), int8_argument(call, 1));
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_digest_buckets) {
  RowWriter writer(call);
  digest_buckets(writer, text_argument(call, 0), int8_argument(call, 1), text_argument(call, 2),
                 wanted_argument(call, 3));
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_digest_records) {
  RowWriter writer(call);
  digest_records(writer, text_argument(call, 0), int8_argument(call, 1), text_argument(call, 2),
                 wanted_argument(call, 3));
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_records) {
  RowWriter writer(call);
  const std::vector<std::string> ids = text_array_argument(call, 2);
  if (ids.size() > objectos::limits::mutations_per_push_max) {
    throw objectos::ProtocolError(
        objectos::ErrorCode::limit_exceeded, "too many records are asked for at once",
        std::to_string(ids.size()) + " were named.",
        "Ask for at most " + std::to_string(objectos::limits::mutations_per_push_max) +
            " at a time.");
  }
  for (const PullRow& row : records(text_argument(call, 0), text_argument(call, 1), ids)) {
    write_pull_row(writer, row);
  }
  return null_result(call);
}
