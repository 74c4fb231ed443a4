// PgConnection: several statements in one round trip, and what comes without being asked for.
#include "objectos/error.h"
#include "transport/pg_connection.h"
#include "transport/silence.h"

namespace objectos {

void PgConnection::send_all(const std::vector<Step>& steps) {
  prepare_to_send();
  if (PQenterPipelineMode(connection_) == 0) throw_connection_error("send to");
  prepares_.clear();
  std::size_t answers = 0;
  for (const Step& step : steps) {
    const std::string name = step.kept ? keep(step, answers) : std::string();
    if (!prepares_.empty() && prepares_.back() == answers) ++answers;
    send_step(step, name);
    ++answers;
  }
  if (PQpipelineSync(connection_) == 0) throw_connection_error("send to");
  flush();
}

void PgConnection::send_step(const Step& step, const std::string& prepared_as) {
  std::vector<const char*> values;
  for (const PgParameter& value : step.parameters)
    values.push_back(value ? value->c_str() : nullptr);
  const int count = static_cast<int>(values.size()), format = step.binary ? 1 : 0;
  const int sent = prepared_as.empty()
                       ? PQsendQueryParams(connection_, step.sql.c_str(), count, nullptr,
                                           values.data(), nullptr, nullptr, format)
                       : PQsendQueryPrepared(connection_, prepared_as.c_str(), count, values.data(),
                                             nullptr, nullptr, format);
  if (sent == 0) throw_connection_error("send to");
}

// The name that the statement has on this connection; it is prepared before its first use, and that
// has an answer of its own.
std::string PgConnection::keep(const Step& step, std::size_t place) {
  const auto known = kept_.find(step.sql);
  if (known != kept_.end()) return known->second;
  const std::string name = "objectos_" + std::to_string(++names_given_);
  if (PQsendPrepare(connection_, name.c_str(), step.sql.c_str(), 0, nullptr) == 0)
    throw_connection_error("send to");
  prepares_.push_back(place);
  kept_.emplace(step.sql, name);
  return name;
}

// What failed may have been the preparing, or what was prepared has become invalid.
void PgConnection::forget_kept() noexcept {
  kept_.clear();
}

// Between two answers next_result() has nothing, too.
PgResult PgConnection::receive_all(std::size_t wanted) {
  for (const std::size_t place : prepares_)
    if (place <= wanted) ++wanted;
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
    forget_kept();
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
  if (!over_unix_socket()) limit_silence_of_listener(connection_, silence);
}

void PgConnection::limit_silence_of_server(std::chrono::milliseconds silence) {
  require_open();
  if (!over_unix_socket()) query(silence_of_server_sql(silence));
}

}  // namespace objectos
