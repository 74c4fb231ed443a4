#!/bin/bash
# A dump of tables of every shape restores without an error, whatever stands between a table and its
# key in it, and the restored database follows its tables as the first one did: strategies stay with
# their columns, partitions are known, changes reach clients, objects can be disabled and enabled.
set -uo pipefail
cd "$(dirname "$0")/../.."
[ -n "${OBJECTOS_STAGE:-}" ] || exec scripts/with-cluster.sh --fast -- "$0" "$@"
passed=0 failed=0 work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check() {
  local what=$1
  shift
  if "$@" >"$work/out" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "restore: FAILED: $what"
    head -20 "$work/out" | sed 's/^/  /'
  fi
}
query() { local database=$1; shift; psql -XqAt -v ON_ERROR_STOP=1 -d "$database" "$@"; }
equal() { [ "$1" = "$2" ] || { diff <(echo "$1") <(echo "$2"); false; }; }

createdb origin
# Constraints that sort before the key, policies and settings: pg_restore makes ALTER TABLE of them
# while the key is not there. Dropped columns: a restored table numbers its columns anew.
query origin >/dev/null <<'SQL' || exit 2
CREATE EXTENSION objectos_sync;
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TABLE people (gone int, id int PRIMARY KEY, gone_too int, score int NOT NULL, tags text[], mood mood,
  email text, CONSTRAINT a_unique UNIQUE (email), CONSTRAINT a_check CHECK (score >= 0));
ALTER TABLE people DROP COLUMN gone, DROP COLUMN gone_too;
ALTER TABLE people REPLICA IDENTITY FULL;
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON people USING (true);
CREATE TABLE events (id int, at date NOT NULL, person int REFERENCES people, PRIMARY KEY (id, at))
  PARTITION BY RANGE (at);
CREATE TABLE events_24 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_25 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (at);
CREATE TABLE events_25_rest PARTITION OF events_25 DEFAULT;
CREATE TABLE events_26 (gone int, id int NOT NULL, at date NOT NULL, person int);
ALTER TABLE events_26 DROP COLUMN gone;
ALTER TABLE events ATTACH PARTITION events_26 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
SELECT sync_enable('people', fields => '{"score": "counter", "tags": "set"}');
SELECT sync_enable('events', history => true);
-- The numbers of the log are beyond those that the restored log begins with.
INSERT INTO people SELECT g, g, '{a}', 'high', 'e' || g FROM generate_series(1, 500) g;
ALTER TABLE people ADD COLUMN note text;
ALTER TABLE events ADD COLUMN note text;
INSERT INTO events VALUES (1, '2024-02-02', 1), (2, '2025-02-02', 2), (3, '2026-02-02', 3);
SQL
objects="SELECT object, strategy, fields FROM sync_objects()"
triggers="SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgname ~ '^~objectos'
  ORDER BY tgrelid::regclass::text, tgname"
partitions="SELECT relid::regclass, root::regclass FROM objectos_sync.partitions ORDER BY relid::regclass::text"
newest="SELECT object, operation FROM objectos_sync.mutations ORDER BY sequence DESC LIMIT 1"

try() {  # database
  local db=$1 place
  check "$db: what was enabled is enabled" equal "$(query origin -c "$objects")" "$(query "$db" -c "$objects")"
  check "$db: with the triggers it had" equal "$(query origin -c "$triggers")" "$(query "$db" -c "$triggers")"
  check "$db: the restore itself logged nothing" equal 0 "$(query "$db" -c "SELECT count(*) FROM objectos_sync.mutations")"
  # Not yet a new epoch: an operator who forgets it loses no change.
  place=$(query "$db" -c "SELECT checkpoint FROM sync_pull('phone', '0', 1000) WHERE kind = 'checkpoint'")
  query "$db" -c "UPDATE people SET score = 7 WHERE id = 1" -c "INSERT INTO events_25_rest VALUES (5, '2025-05-05', 1)" \
    -c "DELETE FROM people WHERE id = 500"
  check "$db: the first changes reach a client" equal 'events|[5,"2025-05-05"]|insert
people|1|update
people|500|delete' "$(query "$db" -c "SELECT object, record_id, operation FROM sync_pull('phone', '$place')
    WHERE kind = 'mutation' ORDER BY 1, 2")"
  query "$db" -c "ALTER TABLE people RENAME COLUMN score TO points"
  check "$db: strategies stay with their columns" equal '{"tags": "set", "points": "counter"}' \
    "$(query "$db" -c "SELECT fields FROM sync_objects() WHERE object = 'people'")"
  check "$db: a trigger of a partition is kept" grep -q 'cannot drop trigger' \
    <<<"$(query "$db" -c 'DROP TRIGGER "~objectos_sync_insert" ON events_26' 2>&1)"
  check "$db: the history of events has its index" equal 1 "$(query "$db" -c "SELECT count(*) FROM pg_indexes
    WHERE indexname ~ '^mutations_history_' AND indexdef ~ 'events'")"
  query "$db" -c "DROP TABLE events_24"
  check "$db: a dropped partition is noticed" equal "events|schema" "$(query "$db" -c "$newest")"
  query "$db" -c "INSERT INTO events VALUES (6, '2026-06-06', 1)" -c "ALTER TABLE events DETACH PARTITION events_26"
  check "$db: a detached one, too" equal "events|schema" "$(query "$db" -c "$newest")"
  query "$db" -c "CREATE TABLE events_27 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')" \
    -c "INSERT INTO events_27 VALUES (7, '2027-07-07', 1)"
  check "$db: a new one is captured" equal "events|insert" "$(query "$db" -c "$newest")"
  query "$db" -c "SELECT sync_disable('people'), sync_disable('events')" >/dev/null
  check "$db: disabled, nothing of ours is left" equal "0|0|0" "$(query "$db" -c "SELECT
    (SELECT count(*) FROM pg_trigger WHERE tgname ~ '^~objectos'), (SELECT count(*) FROM objectos_sync.partitions),
    (SELECT count(*) FROM objectos_sync.shapes)")"
  query "$db" -c "SELECT sync_enable('people'), sync_enable('events')" >/dev/null
  query "$db" -c "UPDATE people SET points = 9 WHERE id = 2"
  check "$db: enabled again, it is captured" equal "people|update" "$(query "$db" -c "$newest")"
}

pg_dump origin -f "$work/origin.sql"
createdb plain
check "a plain dump restores" query plain -f "$work/origin.sql"
check "plain: partitions are known" equal "$(query origin -c "$partitions")" "$(query plain -c "$partitions")"
try plain
pg_dump -Fd origin -f "$work/origin"
createdb parallel
check "a dump restores by two at once" pg_restore -d parallel --exit-on-error -j 2 "$work/origin"
query parallel -c "SELECT sync_new_epoch()" >/dev/null
check "parallel: sync_new_epoch() knows the partitions" equal "$(query origin -c "$partitions")" \
  "$(query parallel -c "$partitions")"
try parallel
# Even where the last command of the restore leaves an object unsettled, the next command settles it.
pg_dump -Fc origin -f "$work/origin.dump"
createdb late
check "a dump restores in one transaction" pg_restore -d late --exit-on-error --single-transaction "$work/origin.dump"
query late -c "DELETE FROM objectos_sync.partitions" -c "DELETE FROM objectos_sync.shapes"
try late
echo "restore: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
