// What the end-to-end tests share: the server through libpq, the file through SQLite, the command
// as a process. Each test has its own database and directory, gone at its end. Runs inside
// scripts/with-cluster.sh.
#pragma once

#include <libpq-fe.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

namespace e2e {

class Server {
 public:
  Server() {
    static int counter = 0;
    name_ = "e2e_" + std::to_string(getpid()) + "_" + std::to_string(++counter);
    admin_ = connect("postgres");
    run(admin_, "CREATE DATABASE " + name_);
    connection_ = connect(name_);
    exec("CREATE EXTENSION objectos_sync");
  }
  ~Server() {
    PQfinish(connection_);
    PQclear(PQexec(admin_, ("DROP DATABASE " + name_ + " WITH (FORCE)").c_str()));
    PQfinish(admin_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // After the server was stopped and started.
  void reconnect() {
    PQreset(connection_);
    PQreset(admin_);
  }
  // The first value of the first row, or "".
  std::string exec(const std::string& sql) { return run(connection_, sql); }
  std::string conninfo() const {
    return std::string("host=") + std::getenv("PGHOST") + " user=" + std::getenv("PGUSER") +
           " dbname=" + name_;
  }

 private:
  static PGconn* connect(const std::string& database) {
    PGconn* made = PQconnectdb(("dbname=" + database).c_str());
    if (PQstatus(made) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(made));
    return made;
  }
  static std::string run(PGconn* connection, const std::string& sql) {
    PGresult* result = PQexec(connection, sql.c_str());
    ExecStatusType status = PQresultStatus(result);
    std::string text;
    if (status == PGRES_TUPLES_OK && PQntuples(result) > 0) text = PQgetvalue(result, 0, 0);
    PQclear(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      throw std::runtime_error(sql + ": " + PQerrorMessage(connection));
    }
    return text;
  }

  std::string name_;
  PGconn* admin_ = nullptr;
  PGconn* connection_ = nullptr;
};

class Directory {
 public:
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "e2e-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Runs SQL on the file as any program would; the first value of the last row, or "".
inline std::string local(const std::string& file, const std::string& sql) {
  sqlite3* database = nullptr;
  if (sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) {
    sqlite3_close(database);
    throw std::runtime_error("cannot open " + file);
  }
  sqlite3_busy_timeout(database, 5000);
  std::string value;
  char* message = nullptr;
  auto take = [](void* target, int columns, char** values, char**) {
    if (columns > 0) *static_cast<std::string*>(target) = values[0] ? values[0] : "";
    return 0;
  };
  int code = sqlite3_exec(database, sql.c_str(), take, &value, &message);
  std::string error = message != nullptr ? message : "";
  sqlite3_free(message);
  sqlite3_close(database);
  if (code != SQLITE_OK) throw std::runtime_error(sql + ": " + error);
  return value;
}

struct Ended {
  int code = -1;  // exit code, or -1 when killed
  int signal = 0;
  std::string output;
};

// Runs one line of the shell; standard output and error together.
inline Ended shell(const std::string& line) {
  Ended ended;
  FILE* pipe = popen(("exec 2>&1; " + line).c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen");
  char buffer[4096];
  std::size_t count = 0;
  while ((count = fread(buffer, 1, sizeof buffer, pipe)) > 0) ended.output.append(buffer, count);
  int status = pclose(pipe);
  if (WIFEXITED(status)) ended.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
  return ended;
}

// build/objectos-sync, or $OBJECTOS_SYNC.
inline std::string program() {
  const char* named = std::getenv("OBJECTOS_SYNC");
  return std::filesystem::absolute(named != nullptr ? named : "build/objectos-sync").string();
}

// Runs the command with these shell-quoted arguments; `before` is shell text that prepares it.
inline Ended command(const std::string& arguments, const std::string& fault = {},
                     const std::string& before = {}) {
  std::string setting = fault.empty() ? "" : "OBJECTOS_FAULT=" + fault + " ";
  return shell(before + setting + "exec " + program() + " " + arguments);
}

// The names in calls like `function("name")` in the sources below a directory: every fault point
// there is, so that a new one is tested without being listed.
inline std::set<std::string> fault_points(const std::string& directory,
                                          const std::string& function) {
  std::set<std::string> points;
  std::regex call(function + "\\(\"([^\"]+)\"\\)");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.path().extension() != ".cpp") continue;
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    std::string source = text.str();
    for (std::sregex_iterator match(source.begin(), source.end(), call), end; match != end; ++match)
      points.insert((*match)[1]);
  }
  return points;
}

inline std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace e2e
