#!/bin/bash
# What the documents tell operators holds: every SQL query of docs/operations.md and docs/backup.md
# runs, docs/settings.md lists the settings as the server has them, docs/backup.md the tables, and
# a dump restored into another database syncs.
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
    echo "operations: FAILED: $what"
    head -20 "$work/out" | sed 's/^/  /'
  fi
}
query() { local database=$1; shift; psql -XqAt -v ON_ERROR_STOP=1 -d "$database" "$@"; }
equal() { [ "$1" = "$2" ] || { diff <(echo "$1") <(echo "$2"); false; }; }

createdb ops
query ops -c "CREATE EXTENSION objectos_sync" -c "CREATE TABLE note (id int PRIMARY KEY, body text)" \
  -c "SELECT sync_enable('note', 'lww')" -c "INSERT INTO note VALUES (1, 'a'), (2, 'b')" \
  -c "SELECT count(*) FROM sync_push('phone', '[{\"id\": \"6f1c1c1e-8b0a-4a53-9d0e-0c2c5a3a9b11\",
     \"object\": \"note\", \"record_id\": \"1\", \"operation\": \"update\", \"data\": {\"body\": \"A\"},
     \"original\": {\"body\": \"a\"}, \"client_sequence\": 1}]')" >/dev/null

for document in docs/operations.md docs/backup.md; do
  awk -v prefix="$work/$(basename "$document" .md)" '/^```sql/ { inside = 1; n++; next }
    /^```/ { inside = 0 } inside { print > (prefix "." n ".sql") }' "$document"
done
check "there are queries in the documents" test "$(ls "$work"/operations.*.sql | wc -l)" -ge 8
for file in "$work"/*.sql; do
  check "$(basename "$file"): $(head -1 "$file")" query ops -f "$file"
done

# "| `name` | default | unit | range |" and the same of the server.
documented() { sed -n 's/^| `\(objectos_sync\.[a-z_]*\)` | *\([^|]*[^ |]\)\{0,1\} *| *\([a-z]*\) *| *\([^|]*[^ |]\)\{0,1\} *|.*/\1|\2|\3|\4/p' docs/settings.md; }
settings="SELECT name, boot_val, unit, min_val || ' to ' || max_val FROM pg_settings
  WHERE name LIKE 'objectos\\_sync.%' ORDER BY name"
check "docs/settings.md lists every setting as it is" equal \
  "$(query ops -c "LOAD 'objectos_sync'" -c "$settings")" "$(documented)"

listed() { sed -n '/^## What pg_dump/,/^`pg_dump/s/^| \(`.*`\) | \(yes\|no\) |.*/\1 \2/p' docs/backup.md |
  awk '{ for (i = 1; i < NF; i++) { gsub(/[`,]/, "", $i); print $i, $NF } }' | sort; }
dumped="SELECT c.relname || CASE WHEN c.oid = ANY (e.extconfig) THEN ' yes' ELSE ' no' END
  FROM pg_class c, pg_extension e WHERE c.relnamespace = 'objectos_sync'::regnamespace
  AND c.relkind IN ('r', 'S') AND e.extname = 'objectos_sync'"
check "docs/backup.md says of every table whether it is dumped" equal \
  "$(query ops -c "$dumped" | sort)" "$(listed)"

# Dump, restore, sync.
query ops -c "INSERT INTO objectos_sync.tombstones VALUES ('note', '9', 1, now())"
pg_dump -Fc ops -f "$work/ops.dump"
createdb again
check "a dump restores" pg_restore -d again --exit-on-error "$work/ops.dump"
kept="SELECT object, strategy FROM sync_objects() UNION ALL
  SELECT 'tombstone', record_id FROM objectos_sync.tombstones UNION ALL
  SELECT 'clock', clocks::text FROM objectos_sync.field_clocks UNION ALL
  SELECT 'version', last_value::text FROM objectos_sync.version_seq"
check "objects, tombstones, clocks and versions are kept" equal "$(query ops -c "$kept")" "$(query again -c "$kept")"
check "there is a clock among them" grep -q '^clock|.*"body"' <<<"$(query again -c "$kept")"
check "epoch, secret, log, clients and verdicts are not" equal "t|t|0|0|0" "$(query again -c "SELECT
  epoch <> '$(query ops -c "SELECT epoch FROM objectos_sync.state")',
  secret <> '$(query ops -c "SELECT secret FROM objectos_sync.state")',
  (SELECT count(*) FROM objectos_sync.mutations), (SELECT count(*) FROM objectos_sync.clients),
  (SELECT count(*) FROM objectos_sync.verdicts) FROM objectos_sync.state")"
query again -c "UPDATE note SET body = 'again' WHERE id = 2" -c "INSERT INTO note VALUES (3, 'new')"
check "writes are captured again, with versions that go on" equal "2
3" "$(query again -c "SELECT record_id FROM objectos_sync.mutations WHERE version > (SELECT max(version)
  FROM (SELECT _version AS version FROM note WHERE id = 1) v) ORDER BY 1")"
check "a client syncs with it" equal "1 A
2 again
3 new" "$(query again -c "SELECT record_id || ' ' || (data->>'body') FROM sync_pull('phone', '0')
  WHERE kind = 'mutation' ORDER BY 1")"
check "the restore is told of" grep -q 'restored from a dump' <<<"$(query again -c "SELECT problem FROM sync_status()")"
query again -c "SELECT sync_new_epoch()" >/dev/null
check "until the epoch is new" equal "" "$(query again -c "SELECT problem FROM sync_status() WHERE fact = 'epoch'")"
echo "operations: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
