#include "pg_ext/reread.h"

#include "protocol/limits.h"

namespace objectos::server {
namespace {

PullRow mark(const std::string& object, const char* operation) {
  PullRow row;
  row.kind = "reread";
  row.object = object;
  row.operation = operation;
  return row;
}

}  // namespace

PullRow whole_row(const ObjectView& object, const PullClient& client, RecordRow&& record) {
  PullRow row;
  row.kind = "mutation";
  row.object = object.info.object;
  row.operation = "insert";
  if (object.info.row_security) {
    row.tag = record_tag(client, object.info.object, record.record_id);
  }
  row.record_id = std::move(record.record_id);
  row.data = std::move(record.data);
  row.version = record.version;
  row.timestamp = record.modified_at;
  row.user_id = std::move(record.modified_by);
  return row;
}

void align_objects(const View& view, Checkpoint& checkpoint) {
  std::map<std::string, ObjectState> aligned;
  for (const ObjectView& object : view.objects) {
    const auto known = checkpoint.objects.find(object.info.object);
    if (known != checkpoint.objects.end() && known->second.view == object.fingerprint) {
      aligned.insert(*known);
      continue;
    }
    ObjectState state;
    state.view = object.fingerprint;
    state.reading = true;
    aligned.emplace(object.info.object, state);
  }
  checkpoint.objects = std::move(aligned);
}

std::size_t append_reread(Spi& spi, const View& view, const PullClient& client,
                          std::size_t row_limit, Checkpoint& checkpoint, PullRows& out,
                          bool* unfinished) {
  std::size_t sent = 0, bytes = 0;
  *unfinished = false;
  for (const ObjectView& object : view.objects) {
    ObjectState& state = checkpoint.objects.at(object.info.object);
    if (!state.reading) continue;
    if (sent >= row_limit) {
      *unfinished = true;
      break;
    }
    if (!state.cursor) out.push_back(mark(object.info.object, "begin"));
    const std::size_t wanted = row_limit - sent;
    std::size_t got = 0;
    bool full = false;
    read_records_after(spi, object, state.cursor, wanted, [&](RecordRow&& record) {
      ++got;
      bytes += record.data.size();
      full = got == wanted || bytes >= limits::page_bytes;
      state.cursor = record.record_id;
      out.push_back(whole_row(object, client, std::move(record)));
      return !full;
    });
    sent += got;
    if (full) {
      *unfinished = true;
      break;
    }
    out.push_back(mark(object.info.object, "end"));
    state.reading = false;
    state.cursor.reset();
  }
  return sent;
}

}  // namespace objectos::server
