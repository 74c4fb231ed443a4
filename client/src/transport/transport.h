// The way to the server, as the engine sees it. One implementation speaks libpq (PgTransport);
// tests put others here. Text in, text out: JSON is decoded above this layer.
//
// Threads: one thread uses a transport at a time; cancel() alone may come from any thread.
// Errors: objectos::Error, sorted by the table in engine/error_classes.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// A row of sync_pull.
struct PullRow {
  std::string kind;
  std::optional<std::int64_t> sequence;
  std::optional<std::string> id;
  std::optional<std::string> object;
  std::optional<std::string> record_id;
  std::optional<std::string> operation;
  std::optional<std::string> data;
  std::optional<std::int64_t> version;
  std::optional<std::string> timestamp;
  std::optional<std::string> user_id;
  std::optional<std::string> tag;
  std::optional<std::string> checkpoint;
  bool has_more = false;
};

// What sync_snapshot says of one object that COPY can read.
struct SnapshotObject {
  std::string object;
  std::string query;
  std::string columns;  // JSON: [{name, kind, format}]
};

struct Snapshot {
  std::string checkpoint;
  std::string schema;  // JSON: sync_schema()'s value
  std::vector<SnapshotObject> objects;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // Connects unless connected and alive. Keeps trying no longer than the connect timeout.
  virtual void connect() = 0;
  virtual void disconnect() noexcept = 0;
  // JSON text of sync_hello().
  virtual std::string hello(const std::string& client_id,
                            std::optional<std::int64_t> high_water) = 0;
  // JSON text of sync_schema().
  virtual std::string schema() = 0;
  virtual std::vector<VerdictRow> push(const std::string& client_id,
                                       const std::string& mutations_json) = 0;
  virtual void ack(const std::string& ack_json) = 0;
  // A round: one REPEATABLE READ READ ONLY transaction around pages.
  virtual void begin_round() = 0;
  virtual void page(const std::string& client_id, const std::string& checkpoint, int max_mutations,
                    std::int64_t confirmed, const std::function<void(const PullRow&)>& on_row) = 0;
  virtual void end_round() = 0;
  virtual void abort_round() noexcept = 0;
  // Within a round: the snapshot's plan, then the bytes of one COPY in chunks of any size.
  virtual Snapshot snapshot(const std::string& client_id) = 0;
  virtual void copy_out(const std::string& query,
                        const std::function<void(std::string_view)>& on_bytes) = 0;
  virtual VerdictRow resolve(const std::string& conflict_id, const std::string& resolution) = 0;
  virtual VerdictRow resolve_values(const std::string& conflict_id,
                                    const std::string& values_json) = 0;
  // Makes the running and every later call fail with class transient, code "cancelled", until
  // allow() is called.
  virtual void cancel() noexcept = 0;
  virtual void allow() noexcept = 0;
};

}  // namespace objectos
