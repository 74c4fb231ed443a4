#!/bin/bash
# The extension is installed at its oldest version and climbs, with data, to the newest; then it must
# be the same, object by object, as a fresh installation. A release only adds files to sql/
# (CONTRIBUTING.md says which). So that climbing is tested while there is but one version, the test
# makes a later one of its own, in an installation of its own.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
if [ -z "${OBJECTOS_STAGE:-}" ]; then
  [ -x build/stage/bin/postgres ] || { echo "upgrade: run \`make stage\` first" >&2; exit 2; }
  own=$(mktemp -d "$root/build/upgrade.XXXXXX")
  trap 'rm -rf "$own"' EXIT
  chmod 755 "$own"
  mkdir "$own/build"
  cp -a build/stage "$own/build/stage"
  ln -s "$root/scripts" "$own/scripts"
  "$own/scripts/with-cluster.sh" --fast -- "$0" "$@"
  exit
fi
extension=$("$OBJECTOS_STAGE/pg_config" --sharedir)/extension
[ -w "$extension/objectos_sync.control" ] || { echo "upgrade: no control file in $extension" >&2; exit 2; }
passed=0 failed=0 work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check() {
  local what=$1
  shift
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "upgrade: FAILED: $what"; fi
}
query() { local database=$1; shift; psql -XqAt -v ON_ERROR_STOP=1 -d "$database" "$@"; }
# Base scripts have one version in their name, update scripts two.
versions() { (cd "$extension" && ls objectos_sync--*.sql) | sed -n 's/^objectos_sync--\([0-9][^-]*\)\.sql$/\1/p' | sort -V; }
catalog() { query "$1" -f tests/upgrade/catalog.sql >"$work/$1" 2>&1; }
same() { catalog "$1" && catalog "$2" && [ -s "$work/$1" ] && diff "$work/$1" "$work/$2" >"$work/diff"; }
shown() { "$@" || { head -20 "$work/diff"; false; }; }
differ() { ! same "$1" "$2"; }

# climb NAME TARGET: the oldest version with data in it, updated to TARGET.
climb() {
  local oldest
  oldest=$(versions | head -1)
  createdb "$1"
  query "$1" -c "CREATE EXTENSION objectos_sync VERSION '$oldest'" \
    -c "CREATE TABLE note (id int PRIMARY KEY, body text)" -c "SELECT sync_enable('note')" \
    -c "INSERT INTO note VALUES (1, 'old')" >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
  query "$1" -c "SELECT checkpoint FROM sync_pull('c', '0') WHERE kind = 'checkpoint'" >"$work/checkpoint"
  query "$1" -c "INSERT INTO note VALUES (2, 'between')" -c "ALTER EXTENSION objectos_sync UPDATE TO '$2'"
}
# What was there works on: the checkpoint is valid, the change between is pulled, the next is captured.
goes_on() {
  query "$1" -c "INSERT INTO note VALUES (3, 'new')" || return 1
  [ "$(query "$1" -c "SELECT string_agg(record_id, ',' ORDER BY record_id) FROM
    sync_pull('c', '$(cat "$work/checkpoint")') WHERE kind = 'mutation'")" = 2,3 ]
}
fresh() { createdb "$1" && query "$1" -c "CREATE EXTENSION objectos_sync VERSION '$2'"; }

current=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$extension/objectos_sync.control")
echo "upgrade: from $(versions | head -1) to $current"
check "every version's script is installed" test -n "$(versions)"
check "the oldest version climbs to $current" climb climbed "$current"
check "what was there before goes on" goes_on climbed
check "a fresh $current installs" fresh newest "$current"
check "the climbed one is the same as the fresh one" shown same climbed newest
for version in $(versions); do
  check "update path from $version to $current" [ "$(query newest -c "SELECT count(*) FROM
    pg_extension_update_paths('objectos_sync') WHERE source = '$version' AND target = '$current'
    AND path IS NOT NULL")" = "$([ "$version" = "$current" ] && echo 0 || echo 1)" ]
done

# A version of the test's own: one function, one column and one right more.
step="CREATE FUNCTION sync_made_up() RETURNS int LANGUAGE sql AS 'SELECT 99';
COMMENT ON FUNCTION sync_made_up() IS 'made by a test';
ALTER TABLE objectos_sync.clients ADD COLUMN made_up text;
REVOKE ALL ON FUNCTION sync_made_up() FROM PUBLIC;"
write() { cat >"$extension/$1" && chmod 644 "$extension/$1"; }
write "objectos_sync--$current--99.0.0.sql" <<<"$step"
{ cat "$extension/objectos_sync--$current.sql"; echo "$step"; } | write objectos_sync--99.0.0.sql
check "a later version is found and climbed to" climb later 99.0.0
check "it is there" [ "$(query later -c 'SELECT sync_made_up()')" = 99 ]
check "what was there before goes on" goes_on later
check "a fresh one of it installs" fresh later_fresh 99.0.0
check "they are the same" shown same later later_fresh
# An update script that forgot a right must be noticed.
write "objectos_sync--$current--99.0.1.sql" <<<"${step%REVOKE*}"
{ cat "$extension/objectos_sync--$current.sql"; echo "$step"; } | write objectos_sync--99.0.1.sql
check "a careless one climbs" climb careless 99.0.1
check "a fresh one beside it installs" fresh careless_fresh 99.0.1
check "and the difference shows" differ careless careless_fresh
echo "upgrade: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
