#!/bin/bash
# check-restore: what restores, rollbacks, failovers, crashes and pruning do to the server's clients.
# In every case three devices have unsent edits: one synced before the moment that the server goes
# back to, one at it, one after it. Afterwards every replica must equal the server, every queue must
# be empty, every unsent edit must stand on the server, and those resync who must, nobody else.
#
#   check-restore.sh [case…]     SEED=n repeats the random numbers of a run, ROUNDS=n runs n of them
#
# Real clusters by initdb, pg_basebackup and cp, beside a cluster of scripts/with-cluster.sh, which
# brings the installation, the server's user and the directories.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
[ -n "${OBJECTOS_STAGE:-}" ] || exec scripts/with-cluster.sh --fast --allow-crash -- "$0" "$@"

sync=${OBJECTOS_SYNC:-$root/build/objectos-sync}
[ -x "$sync" ] || { echo "check-restore: $sync is not there: run make" >&2; exit 2; }
read -ra as_server <<<"${OBJECTOS_AS_SERVER:-}"
run() { (cd "$base" && "${as_server[@]}" "$@"); }
base=$(dirname "$PGDATA")/restore
(cd / && "${as_server[@]}" mkdir -p "$base")
files=$(mktemp -d)
bin=$OBJECTOS_STAGE
port=6500   # of the clusters; a unix socket only, like everything here
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((seed % 32768))
passed=0 failed=0 name=''
stop_all() {
  local data
  for data in "$base"/*/; do
    [ ! -s "$data/postmaster.pid" ] || run "$bin/pg_ctl" -D "$data" -m immediate -s stop >/dev/null 2>&1
  done
}
trap 'stop_all; rm -rf "$files"' EXIT

check() {  # what, command…
  local what=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $name: $what"
  fi
}
equal() { [ "$1" = "$2" ] || { diff <(echo "$1") <(echo "$2") | head -10; false; }; }
sql() { psql -XqAt -v ON_ERROR_STOP=1 -p "$port" -d crm -c "$1"; }

start() {  # directory, settings…
  local data=$1 options="-p $port"
  shift
  for setting in "$@"; do options+=" -c $setting"; done
  run "$bin/pg_ctl" -D "$base/$data" -w -s -l "$base/$data.log" -o "$options" start >/dev/null ||
    { tail -20 "$base/$data.log"; echo "check-restore: cannot start $data" >&2; exit 2; }
}
stop() { run "$bin/pg_ctl" -D "$base/$1" -w -s -m "${2:-fast}" stop >/dev/null; }
copy() { run rm -rf "$base/$2" && run cp -a "$base/$1" "$base/$2"; }

init() {
  run "$bin/initdb" -D "$base/$1" -A trust -U postgres --no-sync --no-instructions \
    --locale=C.UTF-8 -E UTF8 >/dev/null || exit 2
  printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$PGHOST'" \
    "max_prepared_transactions = 5" "wal_level = replica" "hot_standby = on" "fsync = on" |
    run tee -a "$base/$1/postgresql.conf" >/dev/null
}

device() { echo "$files/$1.db"; }
clone() {
  "$sync" clone "host=$PGHOST port=$port user=postgres dbname=crm" "$(device "$1")" --quiet \
    >/dev/null || exit 2
}
sync() { "$sync" sync "$(device "$1")" --json >"$files/$1.json" 2>&1; }
edit() { sqlite3 -bail "$(device "$1")" "$2" || exit 2; }
rows_of() { sqlite3 "$(device "$1")" "SELECT id, name, coalesce(note, '') FROM contacts ORDER BY id"; }
server_rows() { sql "SELECT id, name, coalesce(note, '') FROM contacts ORDER BY id"; }
resynced() { grep -qE '"resynced": ?true' "$files/$1.json" && echo yes || echo no; }
pending() { sqlite3 "$(device "$1")" "SELECT count(*) FROM _mutations"; }

# Commits on the server: updates, a delete, an insert, numbers by the seed.
work() {
  local i
  for ((i = 0; i < RANDOM % 4 + 1; i++)); do
    sql "UPDATE contacts SET note = 'server $RANDOM' WHERE id = $((RANDOM % 40 + 10))" >/dev/null
  done
  sql "DELETE FROM contacts WHERE id = (SELECT max(id) FROM contacts WHERE id BETWEEN 60 AND 99)"
  sql "INSERT INTO contacts SELECT max(id) + 1, 'new', NULL FROM contacts"
}
# Unsent edits of a device, of records that are its own.
queue() {  # device, first of its records
  edit "$1" "UPDATE contacts SET name = 'unsent $1' WHERE id = $2;
    UPDATE contacts SET note = 'unsent $1' WHERE id = $(($2 + 1));
    INSERT INTO contacts (id, name) VALUES ($(($2 + 1000)), 'made by $1')"
}
devices=(before level after)
first_of() { case $1 in before) echo 1 ;; level) echo 3 ;; after) echo 5 ;; esac; }

begin() {
  name=$1
  echo "== $name"
  rm -f "$files"/*
  copy template primary
  start primary "${@:2}"
  clone before
  clone level
  clone after
  work
}
# The server is in the state it comes back to: `level` has pulled it all.
moment() { sync level; sync after; }
later() { work; sync after; }
# What must hold when the server is back: device=yes|no says who resyncs.
settle() {
  local d expected
  for d in "${devices[@]}"; do queue "$d" "$(first_of "$d")"; done
  for d in "${devices[@]}"; do
    sync "$d"
    check "$d syncs (exit code $?)" [ "$?" -eq 0 ]
    for expected in "$@"; do
      [ "${expected%%=*}" != "$d" ] || check "$d resyncs: ${expected#*=}" equal "${expected#*=}" "$(resynced "$d")"
    done
  done
  work
  for d in "${devices[@]}"; do sync "$d"; done
  for d in "${devices[@]}"; do sync "$d"; done
  for d in "${devices[@]}"; do
    check "$d equals the server" equal "$(server_rows)" "$(rows_of "$d")"
    check "$d has sent everything" equal 0 "$(pending "$d")"
    check "$d's unsent edits stand on the server" equal 3 "$(sql "SELECT count(*) FROM contacts
      WHERE name IN ('unsent $d', 'made by $d') OR note = 'unsent $d'")"
    check "$d stays in step" equal no "$(resynced "$d")"
  done
}

# (a) pg_dump and pg_restore into a new cluster: a new history for everybody.
# trap: dump-configuration, other-history
case_dump() {
  begin "dump and restore into a new cluster"
  sql "CREATE TABLE parts (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100); SELECT sync_enable('parts')" >/dev/null
  moment
  "$bin/pg_dump" -Fc -p "$port" -d crm -f "$files/crm.dump" || exit 2
  later
  local enabled versions d
  enabled=$(sql "SELECT object, strategy FROM sync_objects()")
  versions=$(sql "SELECT last_value FROM objectos_sync.version_seq")
  stop primary
  copy empty restored
  start restored
  createdb -p "$port" crm
  check "pg_restore ends without an error" "$bin/pg_restore" -p "$port" -d crm --exit-on-error "$files/crm.dump"
  check "what was enabled is enabled" equal "$enabled" "$(sql "SELECT object, strategy FROM sync_objects()")"
  check "sync_status tells of the restore" equal "this database was restored from a dump" \
    "$(sql "SELECT problem FROM sync_status() WHERE fact = 'epoch'")"
  check "the log is not carried over" equal 0 "$(sql "SELECT count(*) FROM objectos_sync.mutations")"
  sql "SELECT sync_new_epoch()" >/dev/null
  check "versions go upward" equal t \
    "$(sql "SELECT nextval('objectos_sync.version_seq') > $versions")"
  check "sync_status is content again" equal "" \
    "$(sql "SELECT problem FROM sync_status() WHERE fact = 'epoch'")"
  settle before=yes level=yes after=yes
  # The restored database is one like any other: its partitions are known, objects go and come again.
  check "partitions are known" equal "parts_1|parts" "$(sql "SELECT relid::regclass, root::regclass
    FROM objectos_sync.partitions")"
  sql "SELECT sync_disable('contacts'); UPDATE contacts SET note = 'not captured' WHERE id = 30;
    SELECT sync_enable('contacts')" >/dev/null
  for d in "${devices[@]}"; do edit "$d" "UPDATE contacts SET note = 'again $d' WHERE id = $(first_of "$d")"; done
  for d in "${devices[@]}" "${devices[@]}"; do sync "$d"; done
  for d in "${devices[@]}"; do
    check "$d equals the server, enabled again" equal "$(server_rows)" "$(rows_of "$d")"
    check "$d has sent everything to it" equal "0|1" "$(pending "$d")|$(sql "SELECT count(*) FROM contacts
      WHERE note = 'again $d'")"
  done
  stop restored
}

# (b) A base backup started as it is: the same timeline, shorter WAL.
# trap: other-history
case_base_backup() {
  begin "base backup rolled back"
  moment
  run rm -rf "$base/backup"
  run "$bin/pg_basebackup" -h "$PGHOST" -p "$port" -U postgres -D "$base/backup" -X stream -c fast || exit 2
  later
  stop primary
  start backup
  settle before=no level=no after=yes
  stop backup
}

# The same, and the server has written past the place where `after` has been before it comes back.
case_base_backup_overtaken() {
  begin "base backup rolled back, and the WAL is longer again"
  moment
  run rm -rf "$base/backup"
  run "$bin/pg_basebackup" -h "$PGHOST" -p "$port" -U postgres -D "$base/backup" -X stream -c fast || exit 2
  later
  stop primary
  start backup
  sql "SELECT pg_switch_wal()" >/dev/null
  for _ in 1 2 3 4; do work; done
  sql "SELECT pg_switch_wal()" >/dev/null
  work
  settle before=no level=no after=yes
  stop backup
}

# (c) A copy of the volume, taken between two commits: of a higher number before a lower one.
# trap: volume-rollback
case_volume() {
  begin "volume rolled back to between two commits"
  moment
  psql -XqAt -p "$port" -d crm >/dev/null 2>&1 <<'SQL'
BEGIN; UPDATE contacts SET note = 'drawn first' WHERE id = 20; PREPARE TRANSACTION 'late';
SQL
  sql "UPDATE contacts SET note = 'drawn second' WHERE id = 21"
  sync level
  stop primary immediate
  copy primary volume
  start primary
  sql "COMMIT PREPARED 'late'"
  sync after
  check "the late commit came" equal "drawn first" \
    "$(sqlite3 "$(device after)" "SELECT note FROM contacts WHERE id = 20")"
  stop primary
  start volume
  sql "ROLLBACK PREPARED 'late'"
  # Neither anchor nor, once the WAL has grown, its position tells this (docs/backup.md): the operator does.
  sql "SELECT sync_new_epoch()" >/dev/null
  settle before=yes level=yes after=yes
  stop volume
}

# (d) Promotion of a standby that has received more or less than each device has pulled.
standby() {
  run rm -rf "$base/standby"
  run "$bin/pg_basebackup" -h "$PGHOST" -p "$port" -U postgres -D "$base/standby" -X stream -c fast -R || exit 2
  standby_port=$((port + 1))
  run "$bin/pg_ctl" -D "$base/standby" -w -s -l "$base/standby.log" -o "-p $standby_port" start >/dev/null || exit 2
}
caught_up() {
  local lsn i
  lsn=$(sql "SELECT pg_current_wal_flush_lsn()")
  for ((i = 0; i < 600; i++)); do
    [ "$(psql -XqAt -p "$standby_port" -d crm -c "SELECT pg_last_wal_replay_lsn() >= '$lsn'")" != t ] || return 0
    sleep 0.1
  done
  echo "check-restore: the standby does not follow" >&2
  exit 2
}
promote() {
  run "$bin/pg_ctl" -D "$base/standby" -w -s promote >/dev/null || exit 2
  psql -XqAt -p "$standby_port" -d crm -c CHECKPOINT
  stop standby
  start standby
}
# trap: other-history
case_failover() {
  begin "failover to a standby that is behind, level and ahead of the devices"
  standby
  moment
  caught_up
  check "a standby refuses pulls" equal OS010 "$(psql -XqAt -v VERBOSITY=sqlstate -p "$standby_port" \
    -d crm -c "SELECT * FROM sync_pull('x', '0')" 2>&1 | sed 's/ERROR: *//')"
  stop standby
  later              # the standby does not get this
  stop primary immediate
  run "$bin/pg_ctl" -D "$base/standby" -w -s -l "$base/standby.log" \
    -o "-p $standby_port -c primary_conninfo=" start >/dev/null || exit 2
  promote
  settle before=no level=no after=yes
  stop standby
}

# (e) A planned switchover: nobody resyncs.
case_switchover() {
  begin "planned switchover"
  standby
  moment
  later
  stop primary       # sends everything to the standby before it ends
  promote
  settle before=no level=no after=no
  stop standby
}

# (f) A crash with asynchronous commit: what a client has seen was flushed before.
# trap: asynchronous-commit
case_crash() {
  begin "crash with synchronous_commit = off" synchronous_commit=off wal_writer_delay=10s
  moment
  local i
  for ((i = 0; i < 5; i++)); do
    later
    stop primary immediate
    start primary synchronous_commit=off wal_writer_delay=10s
    check "after crash $((i + 1)) the server holds what a client has seen" equal \
      "$(rows_of after)" "$(server_rows)"
  done
  settle before=no level=no after=no
  stop primary
}

# Pruned beyond a device that stayed away: it is told, keeps its queue, and brings nothing back.
case_pruned() {
  begin "a device comes back after its deletions were pruned"
  moment
  edit before "UPDATE contacts SET note = 'edited while away' WHERE id BETWEEN 50 AND 59"
  sql "DELETE FROM contacts WHERE id BETWEEN 50 AND 59"
  sql "INSERT INTO contacts VALUES (50, 'another of the same key', NULL)"
  later
  sync level
  sync after
  sql "SET objectos_sync.client_retention = 0; SELECT sync_prune('0')" >/dev/null
  check "the log is empty" equal 0 "$(sql "SELECT count(*) FROM objectos_sync.mutations")"
  sync before
  check "it resyncs" equal yes "$(resynced before)"
  check "its edits are conflicts" equal 10 "$(grep -oE '"reason": ?"deleted"' "$files/before.json" | wc -l)"
  settle before=no level=no after=no
  check "nothing came back" equal "another of the same key" \
    "$(sql "SELECT string_agg(name || coalesce(note, ''), ',') FROM contacts WHERE id BETWEEN 50 AND 59")"
  stop primary
}

# The operator may say it himself.
case_new_epoch() {
  begin "sync_new_epoch()"
  moment
  later
  sql "SELECT sync_new_epoch()" >/dev/null
  settle before=yes level=yes after=yes
  stop primary
}

echo "seed $seed"
init empty
copy empty template
start template
createdb -p "$port" crm || exit 2
sql "CREATE EXTENSION objectos_sync;
  CREATE TABLE contacts (id int PRIMARY KEY, name text NOT NULL, note text);
  INSERT INTO contacts SELECT g, 'name ' || g FROM generate_series(1, 100) g;
  SELECT sync_enable('contacts')" >/dev/null || exit 2
stop template
cases=("$@")
[ $# -gt 0 ] || cases=(dump base_backup base_backup_overtaken volume failover switchover crash
  pruned new_epoch)
for ((round = 0; round < ${ROUNDS:-1}; round++)); do
  for one in "${cases[@]}"; do
    "case_$one"
    stop_all
  done
done
echo "seed $seed"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
