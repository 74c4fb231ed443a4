#include "pg_ext/settings.h"

#include "pg_ext/fault_points.h"
#include "pg_ext/pg.h"
#include "pg_ext/session_token.h"

namespace objectos::server {

extern char* inject_fault_setting;  // read in boundary.cpp

namespace {

constexpr int minutes_a_day = 24 * 60;

int client_retention = 30 * minutes_a_day;
int sample_interval = 60 * 60;
int tombstone_retention = 5 * 365 * minutes_a_day;
int token_lifetime = 15 * 60;
bool notify_at_commit = false;
int notify_delay = 2;
int notifier_idle = 3;
int events_per_second = 100;

}  // namespace

// All but the token are for superusers: they decide what the log loses, and for whom. ALTER
// DATABASE … SET and postgresql.conf both reach every backend.
void define_settings() {
  DefineCustomIntVariable(
      "objectos_sync.client_retention",
      "How long a client that was not seen keeps what it has not pulled from being pruned.",
      "Who stays away longer reads the objects again, and keeps its queue.", &client_retention,
      30 * minutes_a_day, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MIN, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("objectos_sync.sample_interval",
                          "How often a checkpoint is stored that sync_prune may prune to.",
                          "They are stored as clients acknowledge, and by sync_prune itself.",
                          &sample_interval, 60 * 60, 0, 24 * 60 * 60, PGC_SUSET, GUC_UNIT_S,
                          nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "objectos_sync.tombstone_retention",
      "How long the key and version of a deletion are kept after it was pruned from the log.",
      "An older edit of the deleted record is told from one of a new record with its key.",
      &tombstone_retention, 5 * 365 * minutes_a_day, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MIN, nullptr,
      nullptr, nullptr);
  DefineCustomIntVariable("objectos_sync.token_lifetime", "How long the token of a login is good.",
                          "A revoked key's tokens end with the transactions under way.",
                          &token_lifetime, 15 * 60, 1, 24 * 60 * 60, PGC_SUSET, GUC_UNIT_S, nullptr,
                          nullptr, nullptr);
  DefineCustomBoolVariable(
      "objectos_sync.notify_at_commit", "Whether writers notify within their own transactions.",
      "It makes them wait for one another, and transactions that notify cannot be prepared. Off: "
      "a background worker notifies after the commit.",
      &notify_at_commit, false, PGC_SUSET, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "objectos_sync.events_per_second",
      "How many broadcasts and changes of presence one session may send in a second.",
      "One more is refused, and nothing is sent; 0: no limit.", &events_per_second, 100, 0,
      1'000'000, PGC_SUSET, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "objectos_sync.notify_delay", "How long the notifier pauses after a notification.",
      "What is committed meanwhile shares the next one. While commits follow one "
      "another the pause grows to 32 ms.",
      &notify_delay, 2, 0, 10'000, PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "objectos_sync.notifier_idle", "How long the notifier stays when nothing is committed.",
      "While it is there, the database cannot be dropped or copied.", &notifier_idle, 3, 1, 60 * 60,
      PGC_SUSET, GUC_UNIT_S, nullptr, nullptr, nullptr);
  // Whoever has a token may use it. Not shown by SHOW ALL: it is a secret while it is good.
  DefineCustomStringVariable(
      "objectos_sync.session_token", "The token of sync_login() that says who the session is.",
      "Set it for a session or, behind a pooler, for a transaction; empty: the session's role.",
      &session_token_setting, "", PGC_USERSET,
      GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, nullptr, nullptr, nullptr);
  DefineCustomStringVariable(
      "objectos_sync.inject_fault", "Debug aid: fail at a named point, as kind:point.",
      "Kinds are bad_alloc, exception, internal and error; empty means never.",
      &inject_fault_setting, "", PGC_SUSET, GUC_NOT_IN_SAMPLE, nullptr, nullptr, nullptr);
  define_fault_settings();
  reserve_setting_prefix("objectos_sync");
}

namespace settings {

int client_retention_minutes() {
  return client_retention;
}
int sample_interval_seconds() {
  return sample_interval;
}
int events_per_second() {
  return server::events_per_second;
}
bool notify_at_commit() {
  return server::notify_at_commit;
}
int notify_delay_ms() {
  return notify_delay;
}
int notifier_idle_seconds() {
  return notifier_idle;
}
int token_lifetime_seconds() {
  return token_lifetime;
}
int tombstone_retention_minutes() {
  return tombstone_retention;
}

}  // namespace settings

}  // namespace objectos::server
