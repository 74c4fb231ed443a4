#include "transport/pg_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <sstream>
#include <system_error>
#include <thread>
#include <vector>

#include "engine/error_classes.h"

namespace objectos {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLookMs = 100;  // how long a wait may overlook a cancel

// Verbose messages of a failed connection read "FATAL:  28P01: text"; libpq has no other way to
// tell the SQLSTATE of a connection that never came to be.
std::string sqlstate_in_message(const std::string& message) {
  for (std::size_t at = message.find(":  "); at != std::string::npos;
       at = message.find(":  ", at + 1)) {
    std::string code = message.substr(at + 3, 5);
    bool fits = code.size() == 5 && message.size() > at + 8 && message[at + 8] == ':';
    for (char c : code) fits = fits && ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'));
    if (fits) return code;
  }
  return {};
}

// What is for people in a verbose message: without SQLSTATE and place in the server's source.
std::string readable(const std::string& message, const std::string& sqlstate) {
  std::string text;
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("LOCATION:  ")) continue;
    const std::size_t code = sqlstate.empty() ? std::string::npos : line.find(sqlstate + ": ");
    if (code != std::string::npos) line.erase(code, sqlstate.size() + 2);
    text += (text.empty() ? "" : "\n") + line;
  }
  return text;
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}
std::string further_lines(const std::string& text) {
  const std::size_t end = text.find('\n');
  return end == std::string::npos ? "" : text.substr(end + 1);
}

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text != nullptr ? text : "";
}

}  // namespace

void PgConnection::check_not_cancelled() const {
  if (cancelled_) {
    throw Error(ErrorClass::transient, "cancelled", "The exchange was stopped.");
  }
  if (unanswered_too_long_) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(patience_.answer).count();
    throw Error(ErrorClass::transient, "answer_timeout",
                "The server was silent for " + std::to_string(seconds) +
                    " s, where it should have answered or read on.",
                {}, default_hint(""));
  }
}

bool PgConnection::open() {
  unanswered_too_long_ = false;
  check_not_cancelled();
  if (cancel_sent_.exchange(false)) close();
  if (connection_ != nullptr && PQstatus(connection_) == CONNECTION_OK) {
    PQconsumeInput(connection_);  // notices a connection that the server has closed
    if (PQstatus(connection_) == CONNECTION_OK) return false;
  }
  close();
  const char* keywords[] = {"fallback_application_name", "dbname", "client_encoding", nullptr};
  const char* values[] = {"objectos-sync", conninfo_.c_str(), "UTF8", nullptr};
  connection_ = PQconnectStartParams(keywords, values, 1);
  if (connection_ == nullptr) throw std::bad_alloc();
  PQsetErrorVerbosity(connection_, PQERRORS_VERBOSE);
  wait_connected();
  limit_silence(connection_);
  PQsetErrorVerbosity(connection_, PQERRORS_DEFAULT);
  PQsetNoticeProcessor(
      connection_, [](void*, const char*) {}, nullptr);
  PQsetnonblocking(connection_, 1);
  std::lock_guard lock(cancel_mutex_);
  cancel_handle_ = PQgetCancel(connection_);
  return true;
}

void PgConnection::wait_connected() {
  const auto deadline = Clock::now() + patience_.connect;
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED || PQstatus(connection_) == CONNECTION_BAD) {
      throw_connection_error("connect to");
    }
    check_not_cancelled();
    if (Clock::now() >= deadline) {
      close();
      throw Error(ErrorClass::transient, "connect_timeout",
                  "The server did not answer within the connect timeout.", {}, default_hint(""));
    }
    pollfd descriptor{PQsocket(connection_), POLLIN, 0};
    if (state == PGRES_POLLING_WRITING) descriptor.events = POLLOUT;
    if (poll(&descriptor, 1, kLookMs) > 0) state = PQconnectPoll(connection_);
  }
}

void PgConnection::close() noexcept {
  {
    std::lock_guard lock(cancel_mutex_);
    if (cancel_handle_ != nullptr) PQfreeCancel(cancel_handle_);
    cancel_handle_ = nullptr;
  }
  if (connection_ != nullptr) PQfinish(connection_);
  connection_ = nullptr;
  unanswered_ = false;
  forget_kept();
}

void PgConnection::throw_connection_error(const char* doing) {
  std::string text = trimmed(PQerrorMessage(connection_));
  std::string sqlstate = sqlstate_in_message(text);
  bool needs_password = PQconnectionNeedsPassword(connection_) != 0;
  close();
  check_not_cancelled();
  text = readable(text, sqlstate);
  if (sqlstate.empty() && needs_password) sqlstate = "28P01";
  throw Error(classify_sqlstate(sqlstate), sqlstate.empty() ? "08006" : sqlstate,
              std::string("Could not ") + doing + " the server: " + first_line(text),
              further_lines(text), default_hint(sqlstate));
}

void PgConnection::throw_result_error(const PGresult* result) {
  std::string sqlstate = field(result, PG_DIAG_SQLSTATE);
  std::string message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  std::string detail = field(result, PG_DIAG_MESSAGE_DETAIL);
  std::string hint = field(result, PG_DIAG_MESSAGE_HINT);
  if (sqlstate.empty()) throw_connection_error("keep the connection to");
  drain();
  check_not_cancelled();
  if (hint.empty()) hint = default_hint(sqlstate);
  throw Error(classify_sqlstate(sqlstate), sqlstate, message, detail, hint);
}

bool PgConnection::wait_for(short events) noexcept {
  const auto begin = Clock::now();
  while (!cancelled_ && !unanswered_too_long_) {
    pollfd descriptor{PQsocket(connection_), events, 0};
    if (poll(&descriptor, 1, kLookMs) > 0) return true;
    unanswered_too_long_ = patience_.answer.count() > 0 && Clock::now() - begin > patience_.answer;
  }
  close();
  return false;
}

// Null at the end of the answer, and when cancelled: then there is no connection any more.
PGresult* PgConnection::next_result() {
  while (PQisBusy(connection_) != 0) {
    if (!wait_for(POLLIN)) return nullptr;
    if (PQconsumeInput(connection_) == 0) break;  // PQgetResult says what is wrong
  }
  return PQgetResult(connection_);
}

void PgConnection::drain() noexcept {
  if (!unanswered_) return;
  unanswered_ = false;
  if (PQpipelineStatus(connection_) != PQ_PIPELINE_OFF) return close();
  while (PGresult* result = next_result()) {
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    while (status == PGRES_COPY_OUT) {
      char* buffer = nullptr;
      const int length = PQgetCopyData(connection_, &buffer, 1);
      PQfreemem(buffer);
      if (length < 0) break;
      if (length > 0) continue;
      if (!wait_for(POLLIN)) return;
      if (PQconsumeInput(connection_) == 0) break;
    }
    if (PQstatus(connection_) == CONNECTION_BAD) break;
  }
}

void PgConnection::flush() {
  unanswered_ = true;
  int left = 0;
  while ((left = PQflush(connection_)) > 0) {
    if (!wait_for(POLLIN | POLLOUT)) check_not_cancelled();
    if (PQconsumeInput(connection_) == 0) throw_connection_error("send to");
  }
  if (left < 0) throw_connection_error("send to");
}

void PgConnection::prepare_to_send() {
  busy_ = true;
  check_not_cancelled();
  require_open();
  drain();
  check_not_cancelled();
  require_open();
}

void PgConnection::require_open() const {
  if (connection_ != nullptr) return;
  throw Error(ErrorClass::transient, "08003", "There is no connection to the server.", {},
              default_hint(""));
}

void PgConnection::send(const std::string& sql, std::initializer_list<PgParameter> parameters) {
  prepare_to_send();
  std::vector<const char*> values;
  for (const PgParameter& value : parameters) {
    values.push_back(value ? value->c_str() : nullptr);
  }
  if (PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0) == 0) {
    throw_connection_error("send to");
  }
  flush();
}

void PgConnection::command(const std::string& sql) {
  prepare_to_send();
  if (PQsendQuery(connection_, sql.c_str()) == 0) throw_connection_error("send to");
  flush();
  receive();
}

void PgConnection::send_binary(const std::string& sql,
                               std::initializer_list<PgParameter> parameters,
                               const std::string* bytes) {
  prepare_to_send();
  std::vector<const char*> values;
  for (const PgParameter& value : parameters) values.push_back(value ? value->c_str() : nullptr);
  std::vector<int> lengths(values.size(), 0), formats(values.size(), 0);
  if (bytes != nullptr) {
    values.push_back(bytes->data());
    lengths.push_back(static_cast<int>(bytes->size()));
    formats.push_back(1);
  }
  if (PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), lengths.data(), formats.data(), 1) == 0) {
    throw_connection_error("send to");
  }
  flush();
}

bool PgConnection::over_unix_socket() const noexcept {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  return getsockname(PQsocket(connection_), reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
         address.ss_family == AF_UNIX;
}

bool PgConnection::server_speaks_utf8() const noexcept {
  const char* encoding = PQparameterStatus(connection_, "server_encoding");
  return encoding != nullptr && std::string_view(encoding) == "UTF8";
}

PgResult PgConnection::query(const std::string& sql,
                             std::initializer_list<PgParameter> parameters) {
  send(sql, parameters);
  return receive();
}

PgResult PgConnection::receive() {
  PgResult last;
  while (PGresult* next = next_result()) {
    last.reset(next);
    ExecStatusType status = PQresultStatus(next);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) throw_result_error(next);
  }
  check_not_cancelled();
  unanswered_ = false;
  busy_ = false;
  if (!last) throw_connection_error("keep the connection to");
  return last;
}

void PgConnection::receive_copy(const std::function<void(std::string_view)>& on_bytes) {
  PgResult start(next_result());
  check_not_cancelled();
  if (!start) throw_connection_error("keep the connection to");
  if (PQresultStatus(start.get()) != PGRES_COPY_OUT) throw_result_error(start.get());
  char* buffer = nullptr;
  int length = 0;
  while ((length = PQgetCopyData(connection_, &buffer, 1)) >= 0) {
    if (length == 0) {
      if (!wait_for(POLLIN)) check_not_cancelled();
      if (PQconsumeInput(connection_) == 0) throw_connection_error("read from");
      continue;
    }
    std::unique_ptr<char, void (*)(void*)> owner(buffer, PQfreemem);
    try {
      on_bytes({buffer, static_cast<std::size_t>(length)});
    } catch (...) {
      close();
      throw;
    }
  }
  if (length == -2) throw_connection_error("read from");
  while (PGresult* next = next_result()) {
    PgResult end(next);
    if (PQresultStatus(next) != PGRES_COMMAND_OK) throw_result_error(next);
  }
  check_not_cancelled();
  unanswered_ = false;
  busy_ = false;
}

bool PgConnection::try_command(const char* sql) noexcept {
  if (cancelled_) close();
  if (connection_ == nullptr || PQstatus(connection_) != CONNECTION_OK) return false;
  drain();
  if (connection_ == nullptr) return false;
  try {
    return PQresultStatus(query(sql).get()) == PGRES_COMMAND_OK;
  } catch (const std::exception&) {
    return false;
  }
}

// The request for the server goes out beside: it is a connection of its own, and on a network that
// swallows everything it would be waited for in vain. That thread holds nothing of ours.
void PgConnection::cancel() noexcept {
  cancelled_ = true;
  std::lock_guard lock(cancel_mutex_);
  if (cancel_handle_ == nullptr || !busy_) return;
  PGcancel* handle = std::exchange(cancel_handle_, nullptr);
  cancel_sent_ = true;
  try {
    std::thread([handle] {
      char error[256];
      PQcancel(handle, error, sizeof error);
      PQfreeCancel(handle);
    }).detach();
  } catch (const std::system_error&) {
    PQfreeCancel(handle);
  }
}

}  // namespace objectos
