#!/bin/bash
# The main job on real input: Debian's package catalogue on one server and two devices that edit
# offline, meet again, and end with the same rows. Runs inside scripts/with-cluster.sh; exits
# non-zero when the three do not hold the same.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
sync=${OBJECTOS_SYNC:-$root/build/objectos-sync}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
phone=$work/phone.db tablet=$work/tablet.db
conninfo="host=$PGHOST port=${PGPORT:-5432} user=$PGUSER dbname=$PGDATABASE"

bold='' dim='' green='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi
say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
fail() { printf '%sdemo: %s%s\n' "$red" "$*" "$plain" >&2; exit 1; }
query() { psql -X -q -v ON_ERROR_STOP=1 -At -F $'\t' "$@"; }

# Verdicts of rejected mutations (3) and open conflicts (4) are what the demo is about.
sync_device() {
  local status=0
  printf '%s%s$ objectos-sync %s%s\n' "$dim" "" "$1 $(basename "$2")" "$plain"
  "$sync" "$1" "$2" || status=$?
  case $status in 0|3|4) ;; *) fail "objectos-sync $1 ended with exit code $status" ;; esac
}
edit() {  # file, SQL
  printf '%s$ sqlite3 %s "%s"%s\n' "$dim" "$(basename "$1")" "$2" "$plain"
  sqlite3 -bail "$1" "$2"
}
on_server() {  # SQL
  printf '%s$ psql -c "%s"%s\n' "$dim" "$1" "$plain"
  query -c "$1"
}

# Writes name, version, section, size, maintainer, email, description as tab-separated lines.
catalogue() {
  if [ -n "$(apt-cache dumpavail 2>/dev/null | head -c 8)" ]; then  # no grep -q: pipefail
    apt-cache dumpavail | awk -v RS= -F'\n' -v OFS='\t' '
      { split("", f)
        for (i = 1; i <= NF; i++) if (match($i, /^[A-Za-z-]+: /)) {
          key = substr($i, 1, RLENGTH - 2); if (!(key in f)) f[key] = substr($i, RLENGTH + 1) }
        name = f["Package"]; if (name == "" || seen[name]++) next
        who = f["Maintainer"]; mail = who
        if (match(who, /<[^>]*>/)) { mail = substr(who, RSTART + 1, RLENGTH - 2)
                                     who = substr(who, 1, RSTART - 1) }
        sub(/ +$/, "", who)
        print name, f["Version"], f["Section"], f["Installed-Size"] + 0, who, tolower(mail),
              f["Description"] }'
  else
    jq -r '."639-3"[] | [.alpha_3, (.scope // ""), (.type // ""), (.name | length),
      "Language \(.alpha_3[0:2])", "\(.alpha_3[0:2])@example.org", .name] | @tsv' \
      /usr/share/iso-codes/json/iso_639-3.json
  fi
}

say 'A server with the package catalogue'
catalogue | tr -d '\\' >"$work/catalogue.tsv"
query <<SQL
CREATE EXTENSION IF NOT EXISTS objectos_sync;
CREATE TABLE maintainers (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE);
CREATE TABLE packages (name text PRIMARY KEY, version text, section text, size_kb int,
                       maintainer_id int REFERENCES maintainers, description text);
CREATE TEMP TABLE raw (name text, version text, section text, size_kb int, who text, email text,
                       description text);
\copy raw FROM '$work/catalogue.tsv'
INSERT INTO maintainers SELECT row_number() OVER (ORDER BY email), min(who), email FROM raw
  GROUP BY email;
INSERT INTO packages SELECT r.name, r.version, r.section, r.size_kb, m.id, r.description
  FROM raw r JOIN maintainers m USING (email);
SELECT 'synced: ' || sync_enable('maintainers');
SELECT 'synced: ' || sync_enable('packages', on_conflict => 'manual');
SQL
printf '%s packages, %s maintainers\n' "$(query -c 'SELECT count(*) FROM packages')" \
  "$(query -c 'SELECT count(*) FROM maintainers')"

say 'Two devices clone it'
for device in "$phone" "$tablet"; do
  printf '%s$ objectos-sync clone SERVER %s%s\n' "$dim" "$(basename "$device")" "$plain"
  "$sync" clone "$conninfo" "$device"
done

mapfile -t names < <(query -c 'SELECT name FROM packages ORDER BY name COLLATE "C" LIMIT 4')
[ ${#names[@]} -eq 4 ] || fail 'the catalogue is too small'
quoted() { printf "'%s'" "${1//\'/\'\'}"; }
one=$(quoted "${names[0]}") two=$(quoted "${names[1]}") three=$(quoted "${names[2]}")
four=$(quoted "${names[3]}")
taken=$(quoted "$(query -c 'SELECT email FROM maintainers ORDER BY id LIMIT 1')")

say 'Both are offline and edit with plain sqlite3'
edit "$phone" "UPDATE packages SET description = 'Edited on the phone' WHERE name = $one"
edit "$tablet" "UPDATE packages SET section = 'tablet' WHERE name = $one"
edit "$phone" "UPDATE packages SET description = 'The phone was here' WHERE name = $two"
edit "$tablet" "UPDATE packages SET description = 'The tablet was here' WHERE name = $two"
edit "$phone" "DELETE FROM packages WHERE name = $three"
edit "$tablet" "UPDATE packages SET size_kb = 42 WHERE name = $three"
edit "$tablet" "INSERT INTO maintainers (id, name, email) VALUES (1000001, 'Zoë', $taken)"

say 'Meanwhile somebody edits in psql'
on_server "UPDATE packages SET version = version || '+psql' WHERE name = $four"
on_server "INSERT INTO maintainers VALUES (1000002, 'Åsa Öberg', 'asa@example.org')"

say 'The phone comes back'
sync_device sync "$phone"
say 'The tablet comes back'
sync_device sync "$tablet"

say 'One conflict waits for a decision'
sync_device conflicts "$tablet"
conflict=$("$sync" conflicts "$tablet" --json | jq -r '.[0].conflict_id // empty') || true
[ -n "$conflict" ] || fail 'the edits of one field should have left a manual conflict'
both='{"description":"Both were here"}'
printf "%s$ objectos-sync resolve %s %s --values '%s'%s\n" "$dim" "$(basename "$tablet")" \
  "$conflict" "$both" "$plain"
"$sync" resolve "$tablet" "$conflict" --values "$both"

say 'Both sync once more'
for device in "$phone" "$tablet"; do sync_device sync "$device"; done

say 'The same rows everywhere?'
columns_packages='name, version, section, size_kb, maintainer_id, description'
columns_maintainers='id, name, email'
for object in packages maintainers; do
  list=columns_$object
  key=name; [ "$object" = packages ] || key=id
  collate=''; [ "$object" = maintainers ] || collate='COLLATE "C"'
  # One canonical JSON array per row, _version with it. jq writes both sides in one way.
  query -c "SELECT json_build_array(${!list}, _version) FROM $object ORDER BY $key $collate" |
    jq -c . >"$work/server.$object"
  for device in phone tablet; do
    sqlite3 "$work/$device.db" \
      "SELECT json_array(${!list}, _version) FROM $object ORDER BY $key" |
      jq -c . >"$work/$device.$object"
    diff "$work/server.$object" "$work/$device.$object" >"$work/difference" ||
      { head -20 "$work/difference" >&2; fail "$object on the $device differs from the server"; }
  done
  printf '%s%s: %s rows, the same on server, phone and tablet%s\n' "$green" "$object" \
    "$(wc -l <"$work/server.$object")" "$plain"
done
[ "$(sqlite3 "$phone" "SELECT count(*) FROM _mutations WHERE state <> 'judged'")" = 0 ] ||
  fail 'the phone still has unsent edits'
[ "$(query -c "SELECT description FROM packages WHERE name = $two")" = 'Both were here' ] ||
  fail 'the decision did not reach the server'
printf '%sAll the same.%s\n' "$green" "$plain"
