#!/bin/bash
# The C API, used from C. Runs inside scripts/with-cluster.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
conninfo="host=$PGHOST user=$PGUSER dbname=c_api"
createdb c_api
psql -X -q -v ON_ERROR_STOP=1 -d c_api >/dev/null <<'SQL'
CREATE EXTENSION objectos_sync;
CREATE TABLE contacts (id text PRIMARY KEY, name text);
INSERT INTO contacts VALUES ('1', 'A.');
CREATE TABLE papers (id text PRIMARY KEY, body text);
INSERT INTO papers VALUES ('1', 'Hello');
SELECT sync_enable('contacts'), sync_enable('papers', fields => '{"body":"text"}');
SQL
status=0
build/test-c-api "$conninfo" "$work/phone.db" || status=$?
names=$(psql -X -At -d c_api -c "SELECT string_agg(name, ',' ORDER BY id) FROM contacts")
[ "$names" = 'Ada,Grace,Mary' ] || { echo "c-api: the server holds: $names"; status=1; }
exit "$status"
