// Users behind one role: a server with a diary under row-level security by sync_user_id(), keys,
// and devices that hold them.
#pragma once

#include <sys/stat.h>

#include <fstream>
#include <string>
#include <utility>

#include "objectos/sync_engine.h"
#include "tests/e2e/support.h"

namespace e2e {

struct SignedWorld {
  SignedWorld() {
    role = "app_" + std::to_string(getpid()) + "_" + std::to_string(++counter());
    server.exec(
        "CREATE ROLE " + role + " LOGIN; SELECT sync_grant('" + role +
        "'); CREATE TABLE diary (id text PRIMARY KEY, owner text NOT NULL DEFAULT sync_user_id(),"
        " body text, n int NOT NULL DEFAULT 0); ALTER TABLE diary ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON diary USING (owner = (SELECT sync_user_id()));"
        "GRANT ALL ON diary TO " +
        role + "; SELECT sync_enable('diary')");
  }
  ~SignedWorld() { server.exec("DROP TABLE diary; DROP OWNED BY " + role + "; DROP ROLE " + role); }

  // A key file of a new key, and the key's id.
  std::pair<std::string, std::string> key_file(const std::string& user,
                                               const std::string& made_by = {}) {
    const std::string key =
        server.exec("SELECT key_id || ':' || secret FROM " +
                    (made_by.empty() ? "sync_create_key('" + user + "')" : made_by));
    const std::string path = directory.file(user + std::to_string(++counter()) + ".key");
    write_key(path, key);
    return {path, key.substr(0, key.find(':'))};
  }
  static void write_key(const std::string& path, const std::string& key) {
    std::ofstream(path) << key << '\n';
    chmod(path.c_str(), 0600);
  }

  std::string conninfo() const {
    std::string text = server.conninfo();
    const std::string user = std::string("user=") + std::getenv("PGUSER");
    return text.replace(text.find(user), user.size(), "user=" + role);
  }

  objectos::Options options(const std::string& name, const std::string& key) const {
    objectos::Options made;
    made.database = directory.file(name);
    made.server = conninfo();
    made.key_file = key;
    return made;
  }

  static int& counter() {
    static int count = 0;
    return count;
  }

  Server server;
  Directory directory;
  std::string role;
};

}  // namespace e2e
