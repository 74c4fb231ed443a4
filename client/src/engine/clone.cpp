// The initial sync: one cut of the server by binary COPY into a new file.
#include <openssl/rand.h>

#include <algorithm>

#include "engine/answers.h"
#include "engine/parallel_copy.h"
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

std::vector<CopyColumn> columns_of(const LocalDatabase& database, const SnapshotObject& object) {
  return parse_copy_columns(object.columns, key_of(database, object.object));
}

// The objects of a snapshot on their way into the file.
class Load {
 public:
  Load(Transport& transport, LocalDatabase& database, const Snapshot& snapshot,
       SessionEvents& events)
      : transport_(transport),
        database_(database),
        objects_(snapshot.objects),
        loader_(database.begin_load()),
        events_(events),
        sink_(*loader_, progress_, events) {
    progress_.phase = Phase::cloning;
  }

  // One after the other, from the object at `first` on, whose COPY may be asked for already.
  void in_turn(std::size_t first, bool requested) {
    for (std::size_t i = first; i < objects_.size(); ++i, requested = false) {
      if (!requested) transport_.request_copy(objects_[i].query);
      begin(i);
      CopyDecoder decoder(columns_of(database_, objects_[i]), sink_);
      transport_.receive_copy([&](std::string_view bytes) {
        progress_.bytes += static_cast<std::int64_t>(bytes.size());
        decoder.feed(bytes);
      });
      decoder.finish();
      fault_point("clone_object_loaded");
    }
  }

  // Several at once; what no connection of their own could be had for, one after the other.
  void at_once(std::vector<std::unique_ptr<Transport>> connections) {
    std::vector<CopyTask> tasks;
    for (const SnapshotObject& object : objects_)
      tasks.push_back({object.query, columns_of(database_, object)});
    std::size_t taken = 0;
    {
      ParallelCopy copy(std::move(tasks), transport_.share_round(), std::move(connections));
      while (auto batch = copy.next([this] { transport_.check_not_cancelled(); })) {
        begin(batch->object);
        progress_.bytes += batch->source;
        batch->play(sink_);
        if (batch->last) fault_point("clone_object_loaded");
        copy.give_back(std::move(batch));
      }
      taken = copy.taken();
      for (const std::string& why : copy.refusals())
        events_.log(LogLevel::info, "initial sync over one connection less: " + why);
    }
    in_turn(taken, false);
  }

  BulkLoader& loader() { return *loader_; }
  const Progress& progress() const { return progress_; }

 private:
  void begin(std::size_t object) {
    if (progress_.object != objects_[object].object) {
      progress_.object = objects_[object].object;
      events_.progress(progress_);
    }
    loader_->begin_object(progress_.object);
  }

  Transport& transport_;
  LocalDatabase& database_;
  const std::vector<SnapshotObject>& objects_;
  std::unique_ptr<BulkLoader> loader_;
  SessionEvents& events_;
  Progress progress_;
  LoaderSink sink_;
};

// How many connections the objects are read over.
std::size_t connections_for(const Snapshot& snapshot, const SessionLimits& limits) {
  return std::min(snapshot.objects.size(), static_cast<std::size_t>(limits.initial_connections));
}

void load_objects(Transport& transport, LocalDatabase& database, const Snapshot& snapshot,
                  const CloneRequest& request, bool objects_left, SessionLimits limits,
                  SessionEvents& events, SyncResult& result) {
  Load load(transport, database, snapshot, events);
  if (const std::size_t connections = connections_for(snapshot, limits); connections > 1) {
    std::vector<std::unique_ptr<Transport>> more;
    while (more.size() < connections) more.push_back(request.connection());
    load.at_once(std::move(more));
  } else {
    load.in_turn(0, !snapshot.objects.empty());
  }
  const Progress& progress = load.progress();
  load.loader().set_open_conflicts(transport.open_conflicts());
  transport.end_round();
  renew_leases(transport, database, limits.lease_block, events);
  SyncState state = database.state();
  state.checkpoint = snapshot.checkpoint;
  state.last_sync = iso_time(events.now_ms());
  // The server notes the new client while the file goes to the disk. Should that fail, it knows a
  // client that never comes back, as it knows those whose devices were lost.
  if (!objects_left) transport.request_ack(ack_message(state));
  load.loader().finish(state.checkpoint, state.last_sync, !objects_left);
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
  std::string accepted;
  if (!request.subscription.empty()) {
    accepted = subscription_form(transport.subscribe(create.client_id, request.subscription));
  }
  std::unique_ptr<LocalDatabase> database;
  bool objects_left = false;  // under row-level security COPY cannot read them
  with_serialization_retries(events, [&] {
    database.reset();  // an incomplete file is made anew
    transport.begin_round();
    try {
      Snapshot snapshot = transport.snapshot(create.client_id);
      create.schema = snapshot.schema;
      // The server begins while the file is made.
      if (!snapshot.objects.empty() && connections_for(snapshot, limits) <= 1)
        transport.request_copy(snapshot.objects.front().query);
      fault_point("clone_before_file");
      database = LocalDatabase::create(create);
      fault_point("clone_file_created");
      if (offset_ms) database->set_clock_offset(*offset_ms);
      if (!accepted.empty()) database->accept_subscription(accepted);
      objects_left = snapshot.objects.size() < database->objects().size();
      load_objects(transport, *database, snapshot, request, objects_left, limits, events, result);
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
