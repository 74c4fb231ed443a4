// The way to the server, as the engine sees it. One implementation speaks libpq (PgTransport);
// tests put others here. Text in, text out: JSON is decoded above this layer.
//
// Threads: one thread uses a transport at a time; cancel() alone may come from any thread.
// Errors: objectos::Error, sorted by the table in engine/error_classes.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "objectos/verify.h"
#include "protocol/record_digest.h"

namespace objectos {

// A row of sync_push or sync_resolve. Optionals are SQL NULL.
struct VerdictRow {
  std::string mutation_id;
  std::string status;
  bool duplicate = false;
  std::optional<std::int64_t> version;
  std::optional<std::int64_t> sequence;
  std::optional<std::string> reason;
  std::optional<std::string> resolution;
  std::optional<std::int64_t> server_version;
  std::optional<std::int64_t> client_version;
  std::optional<std::string> detail;
};

// A row of sync_pull, as far as the client looks at it. An empty text stands for SQL NULL.
struct PullRow {
  std::string_view kind;
  std::string_view id;
  std::string_view object;
  std::string_view record_id;
  std::string_view operation;
  std::string_view data;
  std::optional<std::int64_t> version;
  std::string_view tag;
  std::string_view checkpoint;
  bool has_more = false;
};

// One page of a pull. Its rows' texts live as long as the page.
class PullPage {
 public:
  virtual ~PullPage() = default;
  virtual std::size_t size() const = 0;
  virtual PullRow row(std::size_t index) const = 0;
};

// What sync_snapshot says of one object that COPY can read.
struct SnapshotObject {
  std::string object;
  std::string query;
  std::string columns;  // JSON: [{name, kind, format}]
};

// A block of keys: first, first + step, … last.
struct ReservedIds {
  std::int64_t first = 0, last = 0, step = 1;
};

struct Snapshot {
  std::string checkpoint;
  std::string schema;  // JSON: sync_schema()'s value
  std::vector<SnapshotObject> objects;
};

// Sums of digests (protocol/record_digest.h), of one object or of the parts of some buckets.
struct ObjectSum {
  std::string object;
  BucketSum sum;
};

struct RecordSum {
  std::string record_id;
  Digest digest;
};

// The buckets of an object that a question is about.
struct DigestQuestion {
  std::string object;
  int bits = 0;
  std::vector<std::uint64_t> buckets;
};

// Whether this connection hears of commits: what sync_listen() said, or why it cannot.
struct Notifying {
  bool sent = false;
  std::string reason;  // why not
};

// What was heard since it was asked last.
struct Notices {
  bool commits = false;  // a hint: something was committed
};

class RequestSigner;

class Transport {
 public:
  virtual ~Transport() = default;
  // Connects unless connected and alive. Keeps trying no longer than the connect timeout.
  virtual void connect() = 0;
  virtual void disconnect() noexcept = 0;
  // From now on the exchange is the key's user's; nullptr: the role's.
  virtual void sign_with(std::shared_ptr<const RequestSigner> signer) = 0;
  // Logs in for this client, where there is a key and no login that lasts; hello() does it, too.
  virtual void act_as(const std::string& client_id) = 0;
  // JSON text of sync_hello().
  virtual std::string hello(const std::string& client_id,
                            std::optional<std::int64_t> high_water) = 0;
  // sync_subscribe(); `subscription` empty: everything. What the server has stored, empty for that.
  virtual std::string subscribe(const std::string& client_id, const std::string& subscription) = 0;
  // JSON text of sync_schema().
  virtual std::string schema() = 0;
  // The two halves of a push; the server works in between.
  virtual void request_push(const std::string& client_id, const std::string& mutations_json) = 0;
  virtual std::vector<VerdictRow> receive_push() = 0;
  // hello() and a push in one round trip: the server judges the mutations only if its greeting says
  // what is expected. No verdicts: it says something else, and nothing was pushed.
  struct GreetedPush {
    std::string client_id;
    std::int64_t high_water = 0;
    std::string epoch, schema;  // schema: the fingerprint
    std::string mutations_json;
  };
  virtual std::vector<VerdictRow> push_greeted(const GreetedPush& push) = 0;
  // The two halves of an acknowledgement; the server works in between.
  virtual void request_ack(const std::string& ack_json) = 0;
  virtual void receive_ack() = 0;
  // A round: one REPEATABLE READ READ ONLY transaction around pages. A page is asked for, then
  // received: between the two the server works while the caller does.
  virtual void begin_round() = 0;
  virtual void request_page(const std::string& client_id, const std::string& checkpoint,
                            int max_mutations, std::int64_t confirmed) = 0;
  virtual std::unique_ptr<PullPage> receive_page() = 0;
  // Asks for the end and does not wait for it: all that was wanted is here.
  virtual void end_round() = 0;
  virtual void abort_round() noexcept = 0;
  // A round in the cut of another connection's: what share_round() gave there while it lasts.
  virtual std::string share_round() = 0;
  virtual void begin_round_of(const std::string& shared) = 0;
  // Within a round: the snapshot's plan, then the bytes of one COPY in chunks of any size. The
  // COPY's two halves: the server begins between them.
  virtual Snapshot snapshot(const std::string& client_id) = 0;
  virtual void request_copy(const std::string& query) = 0;
  virtual void receive_copy(const std::function<void(std::string_view)>& on_bytes) = 0;
  // Within a round, in its cut: what verify() asks. `records`: those of the ids that the caller
  // sees, and last a row that says whether some were left for another call.
  virtual std::vector<ObjectSum> digests(const std::string& client_id, std::uint64_t seed) = 0;
  virtual BucketSums digest_buckets(const std::string& client_id, std::uint64_t seed,
                                    const DigestQuestion& question) = 0;
  virtual std::vector<RecordSum> digest_records(const std::string& client_id, std::uint64_t seed,
                                                const DigestQuestion& question) = 0;
  virtual std::unique_ptr<PullPage> records(const std::string& client_id, const std::string& object,
                                            const std::vector<std::string>& record_ids) = 0;
  // A record's newest `max` steps, those before `before` if it is given; the newest first.
  virtual std::vector<HistoryEntry> history(const std::string& object, const std::string& record_id,
                                            int max, std::optional<std::int64_t> before) = 0;
  // sync_fork(): one row for each mutation named.
  virtual std::vector<VerdictRow> fork(const std::string& client_id,
                                       const std::string& new_client_id,
                                       const std::string& mutations_json) = 0;
  // sync_reserve_ids().
  virtual ReservedIds reserve_ids(const std::string& object, std::int64_t count) = 0;
  // Within a round: the conflicts that are open in its snapshot, each as a pull would send it. What
  // is read whole comes without them: the log told of them when they were opened.
  virtual std::vector<std::string> open_conflicts() = 0;
  virtual VerdictRow resolve(const std::string& conflict_id, const std::string& resolution) = 0;
  virtual VerdictRow resolve_values(const std::string& conflict_id,
                                    const std::string& values_json) = 0;
  // JSON text: [{fact, problem, hint}], what sync_status() says is wrong. Operators alone may ask.
  virtual std::string status_problems() = 0;
  // --- live: to hear of commits (docs/real_time.md)
  // Asks who sends notifications and listens; a pull that begins afterwards misses none. Nothing to
  // do on a connection that listens already, unless nobody sent any: then it asks again. `silence`:
  // how long a peer may be silent before the connection counts as lost.
  virtual Notifying listen(const std::string& client_id, std::chrono::milliseconds silence) = 0;
  // listen() was called on the connection that there is now.
  virtual bool live() const noexcept = 0;
  virtual Notifying notifying() const = 0;
  // Never waits for news. Throws when the connection is lost.
  virtual Notices take_notices() = 0;
  // Readable when there may be notices, or the connection is lost; -1: there is none.
  virtual int socket() const noexcept = 0;
  // begin_round(), request_page() and end_round() in one round trip, for a round that is expected
  // to be of one page. With more to come, the page is to be thrown away.
  virtual void request_only_page(const std::string& client_id, const std::string& checkpoint,
                                 int max_mutations, std::int64_t confirmed) = 0;
  virtual std::unique_ptr<PullPage> receive_only_page() = 0;
  // Makes the running and every later call fail with class transient, code "cancelled", until
  // allow() is called.
  virtual void cancel() noexcept = 0;
  virtual void allow() noexcept = 0;
  // Throws as those calls do.
  virtual void check_not_cancelled() const {}
};

}  // namespace objectos
