#include "pg_ext/pull.h"

#include "pg_ext/identity.h"
#include "pg_ext/json_form.h"
#include "pg_ext/log_reader.h"
#include "pg_ext/net_effect.h"
#include "pg_ext/own_rows.h"
#include "pg_ext/reread.h"
#include "pg_ext/session_token.h"
#include "pg_ext/touched_records.h"
#include "protocol/errors.h"
#include "protocol/limits.h"
#include "protocol/low_water.h"
#include "protocol/signed_payload.h"

#include "pg_ext/pg.h"

namespace objectos::server {
namespace {

void require_sane(const PullCall& call) {
  if (call.max_mutations < 1 || call.max_mutations > limits::page_mutations_max) {
    throw ProtocolError(
        ErrorCode::limit_exceeded, "max_mutations is out of range",
        "It is " + std::to_string(call.max_mutations) + ".",
        "Give a number from 1 to " + std::to_string(limits::page_mutations_max) + ".");
  }
  if (call.confirmed < 0) {
    throw ProtocolError(ErrorCode::limit_exceeded, "confirmed is negative", "",
                        "Give the highest client_sequence whose verdict is stored, or 0.");
  }
}

// What was removed must have been passed, or the client would miss it in silence.
void require_not_pruned(const Checkpoint& checkpoint, const std::optional<Checkpoint>& low_water) {
  if (!low_water || covers(checkpoint, *low_water)) return;
  throw_resync("the log was pruned up to mutation " + std::to_string(low_water->last_bound()) +
               ", and this client had not pulled all of that");
}

// The row the checkpoint ends at must still be the same; else the log was taken back and refilled.
// Low water keeps the anchor of the row it ends at, which is gone itself.
void require_anchor(const Checkpoint& checkpoint, const std::optional<Checkpoint>& low_water) {
  if (low_water && checkpoint.anchor && checkpoint.anchor == low_water->anchor) return;
  if (!checkpoint.anchor) {
    if (checkpoint.last_bound() > 0) throw_resync("it names no mutation to check against");
    return;
  }
  const std::int64_t sequence = checkpoint.anchor->sequence;
  std::optional<LogRow> row = log_row_at(sequence);
  if (row && anchor_hash(*row) == checkpoint.anchor->hash) return;
  if (!row) {
    pg_call([] { PushActiveSnapshot(GetLatestSnapshot()); });
    row = log_row_at(sequence);
    pg_call([] { PopActiveSnapshot(); });
    if (row && anchor_hash(*row) == checkpoint.anchor->hash) {
      throw SyncError("40001", "the checkpoint is newer than this transaction's snapshot", "",
                      "Begin a new transaction and pull again.");
    }
  }
  throw_resync("mutation " + std::to_string(sequence) + " is not the one it was made at");
}

Checkpoint starting_point(const PullCall& call, const Cut& cut, const PullClient& client) {
  std::optional<Checkpoint> decoded;
  if (call.checkpoint) decoded = decode_checkpoint(*call.checkpoint);
  if (!decoded) return checkpoint_here(cut, client.epoch, client.low_water);
  require_own_history(*decoded, client.epoch);
  require_not_pruned(*decoded, client.low_water);
  require_anchor(*decoded, client.low_water);
  return *decoded;
}

void append_schema(const View& view, Checkpoint& checkpoint, bool fresh, PullRows& out) {
  if (!fresh && checkpoint.schema == view.schema_fingerprint) return;
  PullRow row;
  row.kind = "schema";
  row.data = view.schema_json;
  out.push_back(std::move(row));
  checkpoint.schema = view.schema_fingerprint;
}

// Examines fewer rows: what they lead to is too large for one page.
void halve(LogPage& page) {
  page.rows.resize(page.rows.size() / 2);
  page.has_more = true;
}

// Moves the checkpoint over the rows a page has examined.
void advance_over(const LogPage& page, const Cut& cut, Checkpoint& checkpoint) {
  const std::int64_t last = checkpoint.last_bound();
  const LogRow* newest = page.rows.empty() ? nullptr : &page.rows.back();
  if (page.has_more) {
    checkpoint.advance(newest->sequence, cut.inflight);
  } else {
    checkpoint.advance(newest ? std::max(last, newest->sequence) : last, cut.inflight);
  }
  if (newest && newest->sequence > last) {
    checkpoint.anchor = Anchor{newest->sequence, anchor_hash(*newest)};
  }
}

void read_again(const std::string& object, Checkpoint& checkpoint) {
  ObjectState& state = checkpoint.objects.at(object);
  state.reading = true;
  state.cursor.reset();
}

// Appends what the page's rows led to; takes fewer of them where that is too large for one page.
// What a single touch leads to may be too large, too: then its object is read again, page by page.
// True when one is to be.
bool append_examined(Spi& spi, const View& view, const PullClient& client, LogPage& page,
                     Checkpoint& checkpoint, PullRows& out) {
  for (;;) {
    const Touched touched = touched_records(spi, page.rows, view);
    std::vector<LogRow> with_touched;
    if (!touched.rows.empty()) {
      with_touched = page.rows;
      with_touched.insert(with_touched.end(), touched.rows.begin(), touched.rows.end());
    }
    const std::vector<LogRow>& examined = touched.rows.empty() ? page.rows : with_touched;
    if (append_net_effects(spi, examined, view, client, out)) {
      for (const std::string& object : touched.too_large) read_again(object, checkpoint);
      return !touched.too_large.empty();
    }
    if (page.rows.size() == 1) {
      read_again(page.rows.front().object, checkpoint);
      return true;
    }
    halve(page);
  }
}

}  // namespace

std::string record_tag(const PullClient& client, const std::string& object,
                       const std::string& record_id) {
  const std::string text = client.client_id + '\0' + object + '\0' + record_id;
  return hex_text(std::string_view(client.tags->of({text})).substr(0, 16));
}

PullClient identify_client(const std::string& client_id) {
  if (client_id.empty()) {
    throw ProtocolError(ErrorCode::invalid_client, "client_id is empty", "",
                        "Give the name under which this device syncs.");
  }
  PullClient client;
  client.client_id = client_id;
  const std::string user = current_user_id();
  require_session_of(client_id);
  const std::vector<OwnRow> state = own_rows("state", {"epoch", "secret", "low_water"});
  if (state.size() != 1) throw SyncError("OS000", "objectos_sync.state is not one row");
  client.epoch = state[0][0].value_or("");
  client.tags = std::make_shared<const HmacSha256>(state[0][1].value_or(""));
  if (state[0][2]) client.low_water = decode_checkpoint(*state[0][2]);
  const std::optional<OwnRow> known =
      own_row("clients", {"user_id", "device", "high_water", "confirmed"}, client_id);
  client.known = known.has_value();
  if (known) {
    if ((*known)[0] != user) {
      throw SyncError("42501", "client id \"" + client_id + "\" belongs to another user", "",
                      "Use a client id of your own.");
    }
    client.device = (*known)[1];
    client.high_water = number_or((*known)[2], 0);
    client.confirmed_before = number_or((*known)[3], 0);
  }
  if (auto wanted = own_row("subscriptions", {"subscription", "columns"}, client_id)) {
    client.subscription = std::move((*wanted)[0]);
    client.subscription_columns = std::move((*wanted)[1]);
  }
  return client;
}

std::string server_epoch(Spi& spi) {
  return as_owner([&] {
    Rows rows = spi.execute("SELECT epoch::pg_catalog.text FROM objectos_sync.state", {},
                            Access::read_only);
    return rows.text_or(0, 0, "");
  });
}

Checkpoint checkpoint_here(const Cut& cut, const std::string& epoch,
                           const std::optional<Checkpoint>& low_water) {
  Checkpoint checkpoint;
  checkpoint.epoch = epoch;
  checkpoint.timeline = cut.timeline;
  checkpoint.lsn = cut.lsn;
  const std::optional<LogRow> newest = newest_log_row();
  if (low_water && (!newest || newest->sequence <= low_water->last_bound())) {
    checkpoint.advance(low_water->last_bound(), cut.inflight);
    checkpoint.anchor = low_water->anchor;
    return checkpoint;
  }
  checkpoint.advance(newest ? newest->sequence : 0, cut.inflight);
  if (newest) checkpoint.anchor = Anchor{newest->sequence, anchor_hash(*newest)};
  return checkpoint;
}

PullRows pull(const PullCall& call) {
  require_sane(call);
  require_cut_possible();
  const Cut cut = current_cut();
  return with_spi([&](Spi& spi) {
    PullClient client = identify_client(call.client_id);
    client.confirmed = call.confirmed;
    inject_fault("pull_begun");
    Checkpoint checkpoint = starting_point(call, cut, client);
    const View view = open_view(client);
    PullRows out;
    append_schema(view, checkpoint, checkpoint.schema == 0, out);
    align_objects(view, checkpoint);
    const auto row_limit = static_cast<std::size_t>(call.max_mutations);
    bool has_more = false;
    as_pinned([&] {
      const std::size_t sent =
          append_reread(spi, view, client, row_limit, checkpoint, out, &has_more);
      if (has_more) return;
      if (sent >= row_limit) {
        has_more = true;
        return;
      }
      LogPage page = read_new_rows(checkpoint, cut, row_limit - sent);
      inject_fault("pull_page");
      const bool read_again = append_examined(spi, view, client, page, checkpoint, out);
      advance_over(page, cut, checkpoint);
      has_more = page.has_more || read_again;
    });
    checkpoint.timeline = cut.timeline;
    checkpoint.lsn = cut.lsn;
    PullRow last;
    last.kind = "checkpoint";
    last.checkpoint = encode_checkpoint(checkpoint);
    last.has_more = has_more;
    out.push_back(std::move(last));
    return out;
  });
}

}  // namespace objectos::server
