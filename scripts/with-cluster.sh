#!/bin/bash
# Runs a command beside a throwaway PostgreSQL that has our extension to offer, and removes it all at
# the end, whatever the end is (failure, Ctrl-C, SIGTERM; after SIGKILL the server still stops).
#
#   with-cluster.sh [options] -- command [argument…]
#     -c name=value   a server setting (may be repeated)
#     --fast          fsync off, for tests that do not test durability
#     --log FILE      keep the server's log there
#     --interactive   the command gets the terminal (psql)
#     --allow-crash   a crashed backend is part of the test, not a failure
#     --stage DIR     an installation other than build/stage
#
# Unix socket only, so it never meets another cluster. The command runs as the calling user and
# connects as PGUSER (superuser) through PGHOST, PGPORT, PGDATABASE. As root the server runs as
# `postgres`, or `nobody`; $OBJECTOS_AS_SERVER is the prefix that does that (empty otherwise), e.g.
# `$OBJECTOS_AS_SERVER pg_ctl -D "$PGDATA" -w restart`. Exit code: the command's.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
stage=$root/build/stage
settings=()
log_copy='' interactive='' allow_crash=''
usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case $1 in
    -c) [ $# -ge 2 ] || usage; settings+=("$2"); shift 2 ;;
    --fast) settings+=(fsync=off full_page_writes=off); shift ;;
    --log) [ $# -ge 2 ] || usage; log_copy=$2; shift 2 ;;
    --interactive) interactive=1; shift ;;
    --allow-crash) allow_crash=1; shift ;;
    --stage) [ $# -ge 2 ] || usage; stage=$(cd "$2" && pwd); shift 2 ;;
    --) shift; break ;;
    *) usage ;;
  esac
done
[ $# -gt 0 ] || usage
[ -x "$stage/bin/postgres" ] || { echo "with-cluster: run \`make stage\` first" >&2; exit 2; }

as_server=()
server_user=$(id -un)
if [ "$(id -u)" -eq 0 ]; then
  server_user=postgres
  getent passwd postgres >/dev/null || server_user=nobody
  as_server=(setpriv --reuid="$server_user" --regid="$(id -g "$server_user")" --init-groups
    --)
fi
# takes PATH and HOME of that user; tests that use the prefix need our PATH.
run_as_server() { "${as_server[@]}" "$@"; }

work='' socket='' postmaster='' command_pid=''
cleanup() {
  trap '' INT TERM HUP
  if [ -n "$command_pid" ]; then kill -TERM -- "-$command_pid" 2>/dev/null || true; fi
  if [ -n "$postmaster" ]; then
    if [ -s "$work/data/postmaster.pid" ]; then
      run_as_server "$bin/pg_ctl" -D "$work/data" -m fast -t 60 -w -s stop >/dev/null 2>&1 ||
        run_as_server "$bin/pg_ctl" -D "$work/data" -m immediate -w -s stop >/dev/null 2>&1 || true
    fi
    kill -QUIT "$postmaster" 2>/dev/null || true
    wait "$postmaster" 2>/dev/null || true
  fi
  if [ -n "$log_copy" ] && [ -f "$work/log" ]; then cp "$work/log" "$log_copy" || true; fi
  [ -z "$work" ] || rm -rf "$work"
  [ -z "$socket" ] || rm -rf "$socket"
  rmdir "$root/build/cluster" 2>/dev/null || true
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The server's user must be able to walk into the checkout; where it cannot (a 0700 directory above),
# data and installation go to a directory of their own.
bin=$stage/bin
mkdir -p "$root/build/cluster"
# What a killed run left behind in this checkout goes now.
for owner in "$root"/build/cluster/*/owner; do
  [ -r "$owner" ] && read -r owner_pid owner_socket <"$owner" || continue
  kill -0 "$owner_pid" 2>/dev/null && continue
  case $owner_socket in /tmp/osync.??????) rm -rf "$owner_socket" ;; esac
  rm -rf "$(dirname "$owner")"
done
if run_as_server test -x "$bin/postgres" -a -r "$stage/stamp" 2>/dev/null; then
  work=$(mktemp -d "$root/build/cluster/XXXXXX")
else
  work=$(mktemp -d /tmp/objectos-cluster.XXXXXX)
  cp -a "$stage" "$work/stage"
  bin=$work/stage/bin
fi
bin=$(cd -P "$bin" && pwd)
socket=$(mktemp -d /tmp/osync.XXXXXX)
echo "$$ $socket" >"$work/owner"
chmod 755 "$work" "$socket"
mkdir -m 700 "$work/data"
: >"$work/log"
if [ ${#as_server[@]} -gt 0 ]; then
  chown "$server_user" "$work" "$work/data" "$work/log" "$socket"
fi

cd "$work"
run_as_server "$bin/initdb" -D "$work/data" -A trust -U postgres --no-sync --no-instructions \
  --locale=C.UTF-8 -E UTF8 >"$work/initdb.log" 2>&1 || { cat "$work/initdb.log" >&2; exit 2; }
{
  printf "%s\n" "listen_addresses = ''" "unix_socket_directories = '$socket'" "port = 5432" \
    "max_connections = 100" "max_prepared_transactions = 50" "max_worker_processes = 16" \
    "log_line_prefix = '%m [%p] %d %a '" "lc_messages = 'C'" "timezone = 'UTC'" \
    "log_timezone = 'UTC'" "fsync = on"
  for setting in "${settings[@]}"; do
    value=${setting#*=}
    printf "%s = '%s'\n" "${setting%%=*}" "${value//\'/\'\'}"
  done
} | run_as_server tee -a "$work/data/postgresql.conf" >/dev/null

# A session of its own keeps Ctrl-C away from it; pdeathsig stops it should this script be killed.
pdeath=(setpriv --pdeathsig INT)
if [ ${#as_server[@]} -gt 0 ]; then pdeath=("${as_server[@]:0:${#as_server[@]}-1}" --pdeathsig INT --); fi
setsid "${pdeath[@]}" "$bin/postgres" -D "$work/data" </dev/null >>"$work/log" 2>&1 &
postmaster=$!
for ((i = 0; i < 600; i++)); do
  if grep -q '^ready' "$work/data/postmaster.pid" 2>/dev/null; then break; fi
  kill -0 "$postmaster" 2>/dev/null || { cat "$work/log" >&2; postmaster=''; exit 2; }
  sleep 0.05
done
cd "$OLDPWD"

export PGHOST=$socket PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PGDATA=$work/data
export OBJECTOS_STAGE=$bin OBJECTOS_SERVER_LOG=$work/log OBJECTOS_AS_SERVER="${as_server[*]}"
export PATH=$bin:$PATH
unset PGSERVICE PGPASSWORD PGHOSTADDR PGOPTIONS

status=0
if [ -n "$interactive" ]; then
  "$@" || status=$?
else
  # In the background, in its own process group, so that a signal to us is acted upon at once and
  # reaches all that the command started.
  [ -t 0 ] && exec </dev/null
  set -m
  setpriv --pdeathsig TERM -- "$@" &
  command_pid=$!
  set +m
  wait "$command_pid" || status=$?
  command_pid=''
fi

if [ -z "$allow_crash" ] && grep -qE 'terminated by signal (4|6|7|8|11)|PANIC:' "$work/log"; then
  echo "with-cluster: the server crashed:" >&2
  grep -nE -A3 'terminated by signal|PANIC:' "$work/log" | head -40 >&2
  [ "$status" -ne 0 ] || status=1
fi
exit "$status"
