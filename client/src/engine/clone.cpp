// The initial sync: one cut of the server by binary COPY into a new file.
#include <openssl/rand.h>

#include "engine/answers.h"
#include "engine/sync_session.h"
#include "fault_point.h"
#include "objectos/error.h"
#include "protocol/timestamp.h"

namespace objectos {

namespace {

constexpr std::int64_t kProgressRows = 5'000;  // rows between two reports

class LoaderSink final : public RowSink {
 public:
  LoaderSink(BulkLoader& loader, Progress& progress, SessionEvents& events)
      : loader_(loader), progress_(progress), events_(events) {}
  void bind_null() override { loader_.bind_null(); }
  void bind_int64(std::int64_t value) override { loader_.bind_int64(value); }
  void bind_double(double value) override { loader_.bind_double(value); }
  void bind_text(std::string_view value) override { loader_.bind_text(value); }
  void bind_blob(std::string_view value) override { loader_.bind_blob(value); }
  void end_row() override {
    loader_.end_row();
    if (++progress_.pulled % kProgressRows == 0) events_.progress(progress_);
  }

 private:
  BulkLoader& loader_;
  Progress& progress_;
  SessionEvents& events_;
};

std::vector<std::string> key_of(const LocalDatabase& database, const std::string& object) {
  for (const LocalObject& local : database.objects()) {
    if (local.name == object) return local.key;
  }
  return {};
}

void load_objects(Transport& transport, LocalDatabase& database, const Snapshot& snapshot,
                  bool objects_left, SessionLimits limits, SessionEvents& events,
                  SyncResult& result) {
  auto loader = database.begin_load();
  Progress progress;
  progress.phase = Phase::cloning;
  for (const SnapshotObject& object : snapshot.objects) {
    progress.object = object.object;
    events.progress(progress);
    loader->begin_object(object.object);
    LoaderSink sink(*loader, progress, events);
    CopyDecoder decoder(parse_copy_columns(object.columns, key_of(database, object.object)), sink);
    transport.copy_out(object.query, [&](std::string_view bytes) {
      progress.bytes += static_cast<std::int64_t>(bytes.size());
      decoder.feed(bytes);
    });
    decoder.finish();
    fault_point("clone_object_loaded");
  }
  loader->set_open_conflicts(transport.open_conflicts());
  transport.end_round();
  renew_leases(transport, database, limits.lease_block, events);
  SyncState state = database.state();
  state.checkpoint = snapshot.checkpoint;
  state.last_sync = iso_time(events.now_ms());
  // The server notes the new client while the file goes to the disk. Should that fail, it knows a
  // client that never comes back, as it knows those whose devices were lost.
  if (!objects_left) transport.request_ack(ack_message(state));
  loader->finish(state.checkpoint, state.last_sync, !objects_left);
  if (!objects_left) transport.receive_ack();
  result.pulled += progress.pulled;
  result.changes += progress.pulled;
  events.progress(progress);
}

}  // namespace

std::string new_client_id() {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) {
    throw Error(ErrorClass::internal, "no_randomness", "No random bytes are to be had.");
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  return format_uuid({reinterpret_cast<const char*>(bytes), sizeof bytes});
}

std::string iso_time(std::int64_t milliseconds) {
  return format_timestamp(milliseconds * 1000);
}

std::unique_ptr<LocalDatabase> clone_replica(Transport& transport, const CloneRequest& request,
                                             SessionLimits limits, SessionEvents& events,
                                             SyncResult& result) {
  transport.connect();
  LocalDatabase::CreateOptions create;
  create.path = request.path;
  create.client_id = new_client_id();
  create.server = request.server;
  HelloAnswer answer = parse_hello(transport.hello(create.client_id, std::nullopt));
  create.user_id = answer.user_id;
  create.epoch = answer.epoch;
  std::optional<std::int64_t> offset_ms;
  if (auto server_us = parse_timestamp(answer.server_time)) {
    offset_ms = *server_us / 1000 - events.now_ms();
  }
  std::unique_ptr<LocalDatabase> database;
  bool objects_left = false;  // under row-level security COPY cannot read them
  with_serialization_retries(events, [&] {
    database.reset();  // an incomplete file is made anew
    transport.begin_round();
    try {
      Snapshot snapshot = transport.snapshot(create.client_id);
      create.schema = snapshot.schema;
      fault_point("clone_before_file");
      database = LocalDatabase::create(create);
      fault_point("clone_file_created");
      if (offset_ms) database->set_clock_offset(*offset_ms);
      objects_left = snapshot.objects.size() < database->objects().size();
      load_objects(transport, *database, snapshot, objects_left, limits, events, result);
    } catch (...) {
      transport.abort_round();
      throw;
    }
  });
  if (!objects_left) return database;
  SyncSession session(transport, *database, limits, events);
  SyncResult pulled = session.pull_what_is_left();
  result.pulled += pulled.pulled;
  result.changes += pulled.changes;
  return database;
}

}  // namespace objectos
