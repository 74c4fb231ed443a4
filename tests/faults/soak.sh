#!/bin/bash
# soak: COUNT mutations (10,000,000) are written in steps, and after each step the log is pruned up to
# what a client that is two steps behind has pulled, and vacuumed. At the end the log, indexes and
# all, must be at most twice as large as its live rows are in a table of their own.
#
# Then 200 live devices for ten minutes, one that is idle for as long, and a network that is cut for half a minute
# (tests/faults/torture.sh live cut).
#
#   COUNT=50000 tests/faults/soak.sh      PARTS="log live" says which of the two
set -euo pipefail
cd "$(dirname "$0")/../.."
parts=" ${PARTS:-log live} "
if [ -z "${OBJECTOS_STAGE:-}" ] && [[ "$parts" == *" live "* ]]; then
  tests/faults/torture.sh live cut
  [[ "$parts" == *" log "* ]] || exit 0
fi
[ -n "${OBJECTOS_STAGE:-}" ] ||
  exec scripts/with-cluster.sh --fast -c max_wal_size=1GB -c autovacuum=off -- "$0" "$@"
count=${COUNT:-10000000}
steps=20
[ "$count" -le 1000000 ] || steps=$((count / 50000))
[ "$steps" -le 100 ] || steps=100
step=$((count / steps))
createdb soak
export PGDATABASE=soak
query() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
seconds() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(seconds)" 'BEGIN { printf "%.1f", b - a }'; }

query <<SQL
CREATE EXTENSION objectos_sync;
CREATE TABLE notes (id bigint PRIMARY KEY, body text, n int NOT NULL);
SELECT sync_enable('notes');
SQL
enabled=$(query -c "SELECT count(*) FROM objectos_sync.mutations") # enabling is a row of the log, too
query <<SQL
INSERT INTO notes SELECT g, 'note ' || g, 0 FROM generate_series(1, $step) g;
-- The client's places, oldest first: it acknowledges the one before the last.
CREATE TABLE places (step int PRIMARY KEY, checkpoint text NOT NULL);
INSERT INTO places SELECT 0, checkpoint FROM sync_snapshot('soak') LIMIT 1;
CREATE PROCEDURE acknowledge(s int) LANGUAGE plpgsql AS \$\$
BEGIN
  INSERT INTO places SELECT s, checkpoint FROM sync_snapshot('soak') LIMIT 1;
  PERFORM sync_ack(json_build_object('client_id', 'soak', 'confirmed', 0, 'checkpoint',
    (SELECT checkpoint FROM places WHERE step = greatest(s - 2, 0))));
  DELETE FROM places WHERE step < s - 2;
END \$\$;
SQL
written=$step pruned=0 write_s=0 prune_s=0 vacuum_s=0 peak=0
for ((i = 1; i < steps; i++)); do
  t=$(seconds)
  # Half of a step updates, a quarter deletes, a quarter inserts.
  query <<SQL >/dev/null
UPDATE notes SET n = n + 1, body = 'step $i' WHERE id IN (SELECT id FROM notes ORDER BY id LIMIT $((step / 2)));
DELETE FROM notes WHERE id IN (SELECT id FROM notes ORDER BY id LIMIT $((step / 4)));
INSERT INTO notes SELECT $((i * step)) + g, 'note ' || g, $i FROM generate_series(1, $((step - step / 2 - step / 4))) g;
SQL
  write_s=$(awk -v a="$write_s" -v b="$(since "$t")" 'BEGIN { print a + b }')
  written=$((written + step))
  query -c "CALL acknowledge($i)"
  t=$(seconds)
  gone=$(query -c "SELECT sync_prune('0')")
  prune_s=$(awk -v a="$prune_s" -v b="$(since "$t")" 'BEGIN { print a + b }')
  pruned=$((pruned + gone))
  t=$(seconds)
  query -c "VACUUM objectos_sync.mutations" -c "VACUUM notes"
  vacuum_s=$(awk -v a="$vacuum_s" -v b="$(since "$t")" 'BEGIN { print a + b }')
  size=$(query -c "SELECT pg_total_relation_size('objectos_sync.mutations')")
  [ "$size" -le "$peak" ] || peak=$size
done
live=$(query -c "SELECT count(*) FROM objectos_sync.mutations")
logged=$(query -c "SELECT last_value FROM objectos_sync.mutation_sequence")
query -c "CREATE TABLE live (LIKE objectos_sync.mutations INCLUDING ALL)" \
  -c "INSERT INTO live SELECT * FROM objectos_sync.mutations ORDER BY sequence" -c "VACUUM live"
live_size=$(query -c "SELECT pg_total_relation_size('live')")
ratio=$(awk -v a="$size" -v b="$live_size" 'BEGIN { printf "%.2f", a / b }')
passed=0 failed=0
check() { if [ "$2" -eq 1 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $1"; fi; }
printf '%s\n' "mutations written   $written in $steps steps, $write_s s" \
  "mutations pruned    $pruned, $prune_s s" "vacuum              $vacuum_s s" \
  "live rows           $live, $live_size bytes in a table of their own" \
  "log                 $size bytes (at most $peak)" "ratio               $ratio (at most 2)" \
  "tombstones          $(query -c "SELECT count(*), pg_total_relation_size('objectos_sync.tombstones') FROM objectos_sync.tombstones") (rows|bytes)"
check "enabling is one row of the log" $((enabled == 1))
check "every mutation was logged" $((logged == written + enabled))
check "what is not pruned is there" $((pruned + live == written + enabled))
check "two steps and what the client lacks are left, no more" $((live > step && live <= 3 * step))
check "the log is at most twice its live rows" "$(awk -v r="$ratio" 'BEGIN { print (r <= 2) }')"
check "the client's checkpoint is still valid" "$(query -c "SELECT count(*) FROM (SELECT has_more
  FROM sync_pull('soak', (SELECT checkpoint FROM places ORDER BY step LIMIT 1), 10)
  WHERE kind = 'checkpoint' AND has_more) p")"
echo "soak: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
