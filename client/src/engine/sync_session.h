// One exchange between a local file and a server: hello, push, pull round, ack, snapshot.
//
// Invariants:
//  - a batch is frozen in the file before its first byte is sent; verdicts are stored in one
//    transaction;
//  - a round is applied in one transaction. Its first pages are held back (a MiB), so that a short
//    round takes the file's write lock only when it has all; a longer one is kept beside the file,
//    or applied page by page, while the server works on the next (LocalDatabase::begin_long_round),
//    and needs no more memory than that;
//  - after any throw the file is as before the failed step; the next run goes on from there.
// Threads: one thread at a time. Errors: objectos::Error and StoreError.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/answers.h"
#include "objectos/types.h"
#include "objectos/verify.h"
#include "store/local_database.h"
#include "transport/transport.h"

namespace objectos {

// Lives around a transaction of the session's that changes rows, until its events are told.
class WriteScope {
 public:
  virtual ~WriteScope() = default;
  // What listeners want to hear of the round.
  virtual Listing listing() = 0;
  // Within the transaction, when no other program can write and no row is changed yet.
  virtual void begun(const LocalDatabase& database) = 0;
  // In the same transaction: local writes got new numbers, and are no news for that.
  virtual void renumbered(const LocalDatabase& database) = 0;
  // After the commit.
  virtual void applied(const RoundResult& round) = 0;
  virtual void rejected(const std::vector<Rejection>& rejections) = 0;
  // After the commit: an edit of the app's own that no number of the queue tells of.
  virtual void edited(const LocalChange& change) = 0;
};

// What a session tells while it works; called on its thread, after the commit it speaks of.
struct SessionEvents {
  std::function<void(const Progress&)> progress;
  std::function<void(const Verdict&)> verdict;
  std::function<void(const RejectedMutation&)> rejection;
  std::function<std::unique_ptr<WriteScope>()> begin_write;
  std::function<void(const LocalDatabase&)> stored;  // the queue is another one now
  std::function<void(LogLevel, const std::string&)> log;
  std::function<std::int64_t()> now_ms;
};

struct SessionLimits {
  int page_mutations = 1000;
  int push_mutations = 1000;
  std::int64_t lease_block = 1000;
  std::int64_t push_bytes = 4 << 20;
  bool fold = false;
  int initial_connections = 1;
  // The connection is to hear of commits, from a peer that may be silent for so long.
  std::optional<std::chrono::milliseconds> listens{};
  std::shared_ptr<const RequestSigner> signer{};  // none: role mode
};

class SyncSession {
 public:
  SyncSession(Transport& transport, LocalDatabase& database, SessionLimits limits,
              SessionEvents& events)
      : transport_(transport), database_(database), limits_(limits), events_(events) {}

  // hello, then what is asked for, then ack. An invalid checkpoint or a new server history
  // makes it read the replica anew, keeping the queue.
  SyncResult run(bool push, bool pull);
  // Live: what was committed since the last round, over a connection that run() has made; no hello
  // and no ack. The file shows it at once and has it on the disk with the next acknowledge(). On
  // class resync it takes a run().
  SyncResult pull_committed();
  // Live: what is queued, in one round trip with the greeting; no pull and no ack. The verdicts are
  // on the disk with the next acknowledge(): until then they can be asked for again. False: it
  // takes a run(), which sends what was frozen here.
  bool push_lightly();
  // Tells the server how far the file is, so that it can forget what is behind.
  void acknowledge();
  // The end of a clone: the objects that the snapshot left out, by a round, then ack.
  SyncResult pull_what_is_left();
  // hello, a pull round, and in its cut the comparison of the file with the server; then ack.
  VerifyReport verify(const VerifyOptions& options);

 private:
  void hello(SyncResult& result);
  void settle_subscription(const HelloAnswer& answer);
  void push_as_one_client(SyncResult& result);
  void take_new_identity(SyncResult& result);
  void push_readable(SyncResult& result);
  bool reject_unreadable(SyncResult& result);
  void push_all(SyncResult& result);
  std::vector<QueuedMutation> next_batch(std::int64_t after);
  BatchLimits batch_limits() const;
  void request_push(const std::vector<QueuedMutation>& batch);
  // Of one batch, in the server's order.
  struct Judged {
    std::vector<QueuedMutation> batch;
    std::vector<StoredVerdict> verdicts;
  };
  std::vector<StoredVerdict> receive_push(const std::vector<QueuedMutation>& batch);
  // One of each mutation, or an error.
  static std::vector<StoredVerdict> verdicts_of(const std::vector<VerdictRow>& rows,
                                                const std::vector<QueuedMutation>& batch);
  void settle(Judged& judged, SyncResult& result);
  void push_and_pull(SyncResult& result);
  void pull(SyncResult& result);
  void pull_round(SyncResult& result);
  void require_complete() const;
  RoundResult receive_round(const std::string& checkpoint, std::unique_ptr<WriteScope>& scope);
  std::unique_ptr<RoundApplier> begin_applying(bool more, std::unique_ptr<WriteScope>& scope);
  void request_page(const std::string& checkpoint);
  std::unique_ptr<PullPage> receive_first_page(const std::string& checkpoint, bool& ended);
  void enter(Phase phase);

  Transport& transport_;
  LocalDatabase& database_;
  SessionLimits limits_;
  SessionEvents& events_;
  Progress progress_;
  std::string client_id_;       // of the round under way,
  std::int64_t confirmed_ = 0;  // as they were when it began
  // What else is done in a round's cut, when the file has committed it; empty: nothing.
  std::function<void()> in_cut_;
  std::int64_t push_until_ = 0;  // what was queued when the session began to push; 0: not yet
  bool pull_wanted_ = false;     // the server wants one before it goes on judging
  bool expects_one_page_ = false;
  bool mends_missing_ = false;   // by in_cut_
  bool in_place_ = false;        // a round of this session could not be applied beside the tables
  bool schema_changed_ = false;  // the server has another schema than the file
};

struct CloneRequest {
  std::string path;
  std::string server;                                      // without a password
  std::string subscription;                                // JSON; empty: everything
  std::function<std::unique_ptr<Transport>()> connection;  // one more, not connected yet
};

// Initial sync into a new (or incomplete) file: one cut by COPY, then a pull round. Returns the
// open database.
std::unique_ptr<LocalDatabase> clone_replica(Transport& transport, const CloneRequest& request,
                                             SessionLimits limits, SessionEvents& events,
                                             SyncResult& result);

// Leases keys for every object that has fewer than half a block left. What the server refuses to
// give is logged and is no error: the app is told when it runs out of keys.
void renew_leases(Transport& transport, LocalDatabase& database, std::int64_t block,
                  SessionEvents& events);

StoredVerdict stored_form(const VerdictRow& row);
// Of what sync_schema() says, as text or as the file has it; empty: there is none.
std::string schema_fingerprint(const std::string& schema);
RejectedMutation public_form(const Rejection& rejection);

// What sync_ack() is told: how far this file is.
std::string ack_message(const SyncState& state);

// A random UUID (version 4).
std::string new_client_id();
// Milliseconds since 1970 as ISO 8601 in UTC.
std::string iso_time(std::int64_t milliseconds);

// Runs `attempt`, again after a serialisation failure or deadlock (40001, 40P01), at most five
// times in all.
void with_serialization_retries(SessionEvents& events, const std::function<void()>& attempt);

}  // namespace objectos
