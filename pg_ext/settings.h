// Every setting (GUC) of the extension, with units and ranges; docs/settings.md says the same for
// operators, and a test compares them.
#pragma once

namespace objectos::server {

// Called once, when the module is loaded.
void define_settings();

namespace settings {

// objectos_sync.client_retention: a client not seen for longer does not hold pruning back.
int client_retention_minutes();
// objectos_sync.events_per_second: broadcasts and presence of one session; 0: no limit.
int events_per_second();
// objectos_sync.notify_at_commit: writers notify themselves.
bool notify_at_commit();
// objectos_sync.notify_delay: the least time between two notifications of the notifier.
int notify_delay_ms();
// objectos_sync.notifier_idle: how long the notifier stays when nothing is committed.
int notifier_idle_seconds();
// objectos_sync.sample_interval: a checkpoint of the server's own is stored this often.
int sample_interval_seconds();
// objectos_sync.token_lifetime: how long a login's token is good.
int token_lifetime_seconds();
// objectos_sync.tombstone_retention: how long a pruned delete is remembered by key and version.
int tombstone_retention_minutes();

}  // namespace settings

}  // namespace objectos::server
