#include "postgres.h"

#include <stdexcept>

namespace bench {

Postgres::Postgres(const std::string& database)
    : connection_(PQconnectdb(("dbname=" + database).c_str())) {
  if (PQstatus(connection_) != CONNECTION_OK) {
    const std::string message = PQerrorMessage(connection_);
    PQfinish(connection_);
    throw std::runtime_error("cannot connect to " + database + ": " + message);
  }
  run("SET client_min_messages = warning");
}

void Postgres::run(const std::string& sql) {
  const PgResult result(PQexec(connection_, sql.c_str()));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_OUT)
    throw std::runtime_error(std::string(PQerrorMessage(connection_)) +
                             "in: " + sql.substr(0, 200));
}

PgResult Postgres::query(const std::string& sql, const std::vector<std::string>& parameters) {
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  PgResult result(PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                               values.data(), nullptr, nullptr, 0));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_OUT)
    throw std::runtime_error(std::string(PQerrorMessage(connection_)) +
                             "in: " + sql.substr(0, 200));
  return result;
}

std::string Postgres::value(const std::string& sql) {
  const PgResult result = query(sql);
  if (PQntuples(result.get()) < 1) throw std::runtime_error("no row: " + sql);
  return PQgetvalue(result.get(), 0, 0);
}

std::string fresh_database(const std::string& database) {
  Postgres maintenance("postgres");
  if (maintenance.value("SHOW fsync") != "on" || maintenance.value("SHOW full_page_writes") != "on")
    throw std::runtime_error("the server runs without fsync: such figures mean nothing");
  maintenance.run("DROP DATABASE IF EXISTS " + database + " WITH (FORCE)");
  maintenance.run("CREATE DATABASE " + database + " TEMPLATE template0 ENCODING 'UTF8'");
  Postgres(database).run("CREATE EXTENSION objectos_sync");
  return "dbname=" + database;
}

}  // namespace bench
