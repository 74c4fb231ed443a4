// sync_prune(), checkpoint_bound() and the samples it chooses from.
//
// Invariants:
//  - A sample, the log and low water are read in one snapshot. (Low water of a later moment with
//    the log of an earlier one would pass rows whose writers were running.)
//  - Low water only rises: a sample that does not cover it is not chosen.
//  - Of a transaction all rows go, or none: low water's bound is the newest row that its snapshot
//    saw, so it is not below any row of a transaction that had ended. (First rows of batches lead
//    to the others: log_reader.cpp.)
//  - What goes and the new low water commit together, by MVCC: a reader sees both or neither.
#include "pg_ext/retention.h"

#include <vector>

#include "pg_ext/cut.h"
#include "pg_ext/pull.h"
#include "pg_ext/settings.h"
#include "pg_ext/spi.h"
#include "protocol/errors.h"
#include "protocol/low_water.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

struct LogState {
  std::string epoch;
  std::optional<Checkpoint> low_water;
};

// In the active snapshot, as everything that goes into a sample.
LogState read_state(Spi& spi) {
  Rows rows =
      spi.execute("SELECT epoch::text, low_water FROM objectos_sync.state", {}, Access::read_only);
  LogState state;
  state.epoch = rows.text_or(0, 0, "");
  if (const auto text = rows.text(0, 1)) state.low_water = decode_checkpoint(*text);
  return state;
}

void store_sample(Spi& spi, const LogState& state) {
  const Cut cut = cut_of_writer();
  Checkpoint sample = checkpoint_here(cut, state.epoch, state.low_water);
  sample.segments = {low_water_segment(sample.last_bound(), cut.inflight, cut.xmax)};
  spi.execute(
      "INSERT INTO objectos_sync.samples (taken_at, checkpoint)"
      " VALUES (clock_timestamp(), $1)",
      {Param::text(encode_checkpoint(sample))});
}

struct Samples {
  std::vector<Checkpoint> checkpoints;
  std::vector<std::string> taken_at;
};

// Those old enough, in the order of their snapshots.
Samples candidates(Spi& spi, const LogState& state, Datum older_than) {
  Rows rows = spi.execute(
      "SELECT taken_at::text, checkpoint FROM objectos_sync.samples"
      " WHERE taken_at <= clock_timestamp() - $1 ORDER BY taken_at",
      {Param::datum(INTERVALOID, older_than, false)});
  Samples samples;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    auto sample = decode_checkpoint(rows.text_or(row, 1, ""));
    if (!sample || sample->epoch != state.epoch) continue;
    if (state.low_water && !covers(*sample, *state.low_water)) continue;
    // The clock may have been set back: the order that counts is that of the snapshots.
    if (!samples.checkpoints.empty() && !covers(*sample, samples.checkpoints.back())) continue;
    samples.checkpoints.push_back(std::move(*sample));
    samples.taken_at.push_back(rows.text_or(row, 0, ""));
  }
  rows.release();
  return samples;
}

// What a client stored is its own text: one that cannot be used holds nothing back.
std::optional<Checkpoint> usable(const std::string& text, const LogState& state) {
  std::optional<Checkpoint> checkpoint;
  try {
    checkpoint = decode_checkpoint(text);
  } catch (const ProtocolError&) {
    return std::nullopt;
  }
  if (!checkpoint || checkpoint->epoch != state.epoch) return std::nullopt;
  if (state.low_water && !covers(*checkpoint, *state.low_water)) return std::nullopt;
  return checkpoint;
}

struct Clients {
  std::vector<Checkpoint> present;  // seen within client_retention
  std::vector<Checkpoint> away;
};

Clients read_clients(Spi& spi, const LogState& state) {
  Rows rows = spi.execute(
      "SELECT checkpoint, last_seen >= clock_timestamp() - make_interval(mins => $1::int)"
      " FROM objectos_sync.clients WHERE checkpoint IS NOT NULL",
      {Param::int8(settings::client_retention_minutes())});
  Clients clients;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row % 1000 == 999) check_interrupts();
    auto checkpoint = usable(rows.text_or(row, 0, ""), state);
    if (!checkpoint) continue;
    (rows.boolean(row, 1) ? clients.present : clients.away).push_back(std::move(*checkpoint));
  }
  rows.release();
  return clients;
}

constexpr const char* passed_sql =
    " m.sequence <= $1 AND NOT EXISTS (SELECT FROM unnest($2::text[]::xid8[], $3::text[]::xid8[])"
    " AS r(lo, hi) WHERE m.xid >= r.lo AND m.xid <= r.hi)";

// Of each text the newest operation that goes leaves its place, so that it shows from where on they
// are all there.
void prune_text_log(Spi& spi, const Params& passed) {
  spi.execute(std::string("WITH newest AS (SELECT t.object, t.record_id, t.field,"
                          "  max(t.revision) AS revision"
                          " FROM objectos_sync.text_ops t JOIN objectos_sync.mutations m"
                          "  ON m.sequence = t.sequence WHERE") +
                  passed_sql +
                  " GROUP BY t.object, t.record_id, t.field),"
                  " gone AS (DELETE FROM objectos_sync.text_ops t USING newest n"
                  "  WHERE t.object = n.object AND t.record_id = n.record_id"
                  "  AND t.field = n.field AND t.revision < n.revision)"
                  " UPDATE objectos_sync.text_ops t SET operation = NULL FROM newest n"
                  " WHERE t.object = n.object AND t.record_id = n.record_id AND t.field = n.field"
                  " AND t.revision = n.revision",
              passed);
}

std::int64_t remove_passed(Spi& spi, const Checkpoint& low_water) {
  const Segment& segment = low_water.segments.back();
  std::vector<std::optional<std::string>> lo, hi;
  for (const XidRange& range : segment.inflight.ranges()) {
    lo.push_back(std::to_string(range.lo));
    hi.push_back(std::to_string(range.hi));
  }
  const Params params = {Param::int8(segment.bound), Param::text_array(lo), Param::text_array(hi)};
  spi.execute(std::string("INSERT INTO objectos_sync.tombstones AS t"
                          " (object, record_id, version, pruned_at)"
                          " SELECT m.object, m.record_id, max(m.version), now()"
                          " FROM objectos_sync.mutations m"
                          " WHERE m.operation = 'delete' AND m.version IS NOT NULL AND") +
                  passed_sql +
                  " GROUP BY m.object, m.record_id ON CONFLICT (object, record_id) DO UPDATE"
                  " SET version = greatest(t.version, EXCLUDED.version), pruned_at = now()",
              params);
  inject_fault("prune_tombstones");
  prune_text_log(spi, params);
  // Those whose log row is not there stay: sync_audit() names them.
  spi.execute(std::string("DELETE FROM objectos_sync.signatures s USING objectos_sync.mutations m"
                          " WHERE s.sequence = m.sequence AND") +
                  passed_sql,
              params);
  const Rows gone =
      spi.execute(std::string("DELETE FROM objectos_sync.mutations m WHERE") + passed_sql, params);
  return static_cast<std::int64_t>(gone.affected());
}

std::size_t count_behind(const std::vector<Checkpoint>& clients, const Checkpoint& low_water) {
  std::size_t count = 0;
  for (const Checkpoint& client : clients) count += covers(client, low_water) ? 0 : 1;
  return count;
}

void log_pruned(std::int64_t removed, const Checkpoint& low_water, std::size_t behind) {
  const auto bound = static_cast<long long>(low_water.last_bound());
  const auto rows = static_cast<long long>(removed);
  pg_call([&] {
    ereport(LOG, (errmsg("objectos_sync pruned %lld mutations, up to number %lld", rows, bound)));
    if (behind == 0) return;
    ereport(LOG, (errcode(MAKE_SQLSTATE('O', 'S', '0', '0', '1')),
                  errmsg("objectos_sync pruned what %zu clients have not pulled", behind),
                  errdetail("They were away longer than objectos_sync.client_retention, and will "
                            "read their objects again.")));
  });
}

std::int64_t raise_low_water(Spi& spi, const LogState& state, Datum older_than) {
  const Samples samples = candidates(spi, state, older_than);
  const Clients clients = read_clients(spi, state);
  const auto chosen = newest_covered(samples.checkpoints, clients.present);
  if (!chosen) return 0;
  const Checkpoint& low_water = samples.checkpoints[*chosen];
  const std::int64_t removed = remove_passed(spi, low_water);
  inject_fault("prune_removed");
  const Param taken_at = Param::timestamptz(samples.taken_at[*chosen]);
  spi.execute(
      "UPDATE objectos_sync.state SET low_water = $1, low_water_taken_at = $2,"
      " pruned_at = clock_timestamp()",
      {Param::text(encode_checkpoint(low_water)), taken_at});
  spi.execute("DELETE FROM objectos_sync.samples WHERE taken_at < $1", {taken_at});
  log_pruned(removed, low_water, count_behind(clients.away, low_water));
  return removed;
}

void require_writable() {
  if (!pg_call([] { return RecoveryInProgress(); })) return;
  throw ProtocolError(ErrorCode::in_recovery, "cannot prune a server in recovery", "",
                      "Prune the primary: this server follows.");
}

}  // namespace

void take_sample_if_due() {
  as_owner([&] {
    with_spi([&](Spi& spi) {
      Rows due = spi.execute(
          "SELECT coalesce(max(taken_at) <= clock_timestamp() - make_interval(secs => $1::int),"
          " true) FROM objectos_sync.samples",
          {Param::int8(settings::sample_interval_seconds())});
      if (due.boolean(0, 0)) store_sample(spi, read_state(spi));
    });
  });
}

std::int64_t prune(Datum older_than) {
  require_writable();
  return as_owner([&] {
    return with_spi([&](Spi& spi) {
      // Conflicts with itself and with nothing that readers and writers take; unlike an advisory
      // lock, nobody else can take it.
      spi.execute("LOCK TABLE objectos_sync.samples IN SHARE UPDATE EXCLUSIVE MODE");
      pg_call([] { PushActiveSnapshot(GetTransactionSnapshot()); });  // after the lock
      const LogState state = read_state(spi);
      store_sample(spi, state);
      pg_call([] { PopActiveSnapshot(); });
      const std::int64_t removed = raise_low_water(spi, state, older_than);
      spi.execute(
          "DELETE FROM objectos_sync.tombstones"
          " WHERE pruned_at < now() - make_interval(mins => $1::int)",
          {Param::int8(settings::tombstone_retention_minutes())});
      return removed;
    });
  });
}

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_prune) {
  if (argument_is_null(call, 0)) {
    throw objectos::ProtocolError(objectos::ErrorCode::invalid_option, "older_than is null", "",
                                  "Give an interval, for example '30 days'.");
  }
  const Datum older_than = call->args[0].value;
  const bool negative = pg_call([&] {
    Interval zero{};
    return DatumGetInt32(DirectFunctionCall2(interval_cmp, older_than, IntervalPGetDatum(&zero))) <
           0;
  });
  if (negative) {
    throw objectos::ProtocolError(objectos::ErrorCode::invalid_option, "older_than is negative", "",
                                  "Give an interval, for example '30 days'.");
  }
  const std::int64_t removed = prune(older_than);
  return static_cast<Datum>(removed);
}

OBJECTOS_FUNCTION(checkpoint_bound) {
  std::optional<objectos::Checkpoint> checkpoint;
  try {
    checkpoint = objectos::decode_checkpoint(text_argument(call, 0));
  } catch (const objectos::ProtocolError&) {
    return null_result(call);
  }
  if (!checkpoint) return null_result(call);
  return static_cast<Datum>(checkpoint->last_bound());
}
