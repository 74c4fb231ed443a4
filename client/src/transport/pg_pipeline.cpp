// PgConnection: several statements in one round trip, and what comes without being asked for.
#include "objectos/error.h"
#include "transport/pg_connection.h"
#include "transport/silence.h"

namespace objectos {

void PgConnection::send_all(const std::vector<Step>& steps) {
  prepare_to_send();
  if (PQenterPipelineMode(connection_) == 0) throw_connection_error("send to");
  for (const Step& step : steps) {
    std::vector<const char*> values;
    for (const PgParameter& value : step.parameters)
      values.push_back(value ? value->c_str() : nullptr);
    if (PQsendQueryParams(connection_, step.sql.c_str(), static_cast<int>(values.size()), nullptr,
                          values.data(), nullptr, nullptr, step.binary ? 1 : 0) == 0) {
      throw_connection_error("send to");
    }
  }
  if (PQpipelineSync(connection_) == 0) throw_connection_error("send to");
  flush();
}

// Between two answers next_result() has nothing, too.
PgResult PgConnection::receive_all(std::size_t wanted) {
  PgResult kept, failed;
  for (std::size_t step = 0;;) {
    PgResult next(next_result());
    check_not_cancelled();
    if (!next) {
      if (PQstatus(connection_) == CONNECTION_BAD) throw_connection_error("keep the connection to");
      ++step;
      continue;
    }
    const ExecStatusType status = PQresultStatus(next.get());
    if (status == PGRES_PIPELINE_SYNC) break;
    if (status == PGRES_PIPELINE_ABORTED) continue;
    if (status == PGRES_FATAL_ERROR && !failed) failed = std::move(next);
    if (next && step == wanted) kept = std::move(next);
    if (failed && PQstatus(connection_) == CONNECTION_BAD) break;
  }
  if (!failed && PQexitPipelineMode(connection_) == 0) throw_connection_error("read from");
  if (failed) {
    (void)PQexitPipelineMode(connection_);
    throw_result_error(failed.get());
  }
  unanswered_ = false;
  busy_ = false;
  return kept;
}

void PgConnection::take_notifications(
    const std::function<void(std::string_view, std::string_view)>& on_notification) {
  check_not_cancelled();
  require_open();
  drain();  // an answer that nobody waited for stands before what came after it
  check_not_cancelled();
  require_open();
  const bool well = PQconsumeInput(connection_) != 0;
  while (PGnotify* notification = PQnotifies(connection_)) {
    const std::unique_ptr<PGnotify, void (*)(void*)> owner(notification, PQfreemem);
    on_notification(notification->relname, notification->extra);
  }
  if (!well || PQstatus(connection_) != CONNECTION_OK)
    throw_connection_error("keep the connection to");
  busy_ = false;
}

void PgConnection::limit_silence_to(std::chrono::milliseconds silence) {
  require_open();
  if (over_unix_socket()) return;
  limit_silence_of_listener(connection_, silence);
  query(silence_of_server_sql(silence));
}

}  // namespace objectos
