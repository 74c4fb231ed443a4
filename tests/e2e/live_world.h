// A server that tells of commits, a phone's file, and a live engine on it.
#pragma once

#include <functional>
#include <thread>

#include "tests/e2e/listener_world.h"

namespace e2e {

inline bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 4'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

struct LiveContacts : Contacts {
  LiveContacts() {
    objectos::SyncEngine(options()).clone();
    if (server.exec("SELECT to_regprocedure('sync_listen(text)') IS NULL") == "t")
      tell_by_trigger();
  }
  // An interval that never comes.
  objectos::Options live() const {
    objectos::Options made = options();
    made.live = true;
    made.timing.interval = made.timing.push_age = std::chrono::hours(1);
    return made;
  }
  // Whoever sends them, and says so.
  void answer_listeners(const std::string& sent_by, const std::string& reason = {}) {
    server.exec(
        "CREATE OR REPLACE FUNCTION sync_listen(client_id text) RETURNS jsonb LANGUAGE sql "
        "AS $$ SELECT jsonb_build_object('channel', 'objectos_sync', 'sent_by', '" +
        sent_by + "', 'reason', nullif('" + reason + "', '')) $$");
  }
  void tell_by_trigger() {
    answer_listeners("commit");
    server.exec(
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
        "pg_notify('objectos_sync', ''); RETURN NULL; END $$;"
        "CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON contacts EXECUTE FUNCTION tell()");
  }
  // Calls of sync_pull and its like are counted from now on, for sessions that begin now.
  void count_calls() {
    server.exec(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET track_functions = ''all''', "
        "current_database()); END $$");
  }
  // By sessions that have ended, or have been idle for a while.
  int calls(const std::string& like) {
    return std::stoi(
        server.exec("SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE "
                    "funcname ~ '" +
                    like + "'"));
  }
  std::string name_of(int id) {
    return local(phone, "SELECT name FROM contacts WHERE id = " + std::to_string(id));
  }
  // What another program writes.
  void edit_elsewhere(const std::string& sql) {
    const Ended ended = shell("sqlite3 " + shell_quoted(phone) + " " +
                              shell_quoted(".timeout 10000") + " " + shell_quoted(sql));
    if (ended.code != 0) throw std::runtime_error(ended.output);
  }
  // The engine's session on the server.
  std::string session(const std::string& what) {
    return server.exec("SELECT " + what +
                       " FROM pg_stat_activity WHERE datname = current_database() AND "
                       "application_name = 'objectos-sync' LIMIT 1");
  }
};

// Live, and nothing left to do.
inline bool settles(objectos::SyncEngine& engine, objectos::Live live = objectos::Live::listening) {
  if (!engine.wait_until_synced(std::chrono::seconds(20))) return false;
  return comes_true([&] {
    const objectos::Status status = engine.status();
    return status.live == live && status.phase == objectos::Phase::waiting;
  });
}

}  // namespace e2e
