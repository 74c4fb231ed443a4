#!/bin/bash
# The examples, built as a program of somebody else's would be, print exactly what is expected.
# Runs inside scripts/with-cluster.sh. With names (run.sh todo): only those, and what they print.
set -uo pipefail
cd "$(dirname "$0")/../.."
passed=0 failed=0 names=("$@")
work=$(mktemp -d)
running=''
trap '[ -z "$running" ] || kill "$running" 2>/dev/null; rm -rf "$work"' EXIT
# Inherited make flags would bring the outer run's variables and job server.
unset MAKEFLAGS MFLAGS MAKELEVEL
export OBJECTOS_PACKAGES=skip

# it "behaviour" command…
it() {
  local what=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "examples: FAILED: $what"
    tail -40 "$work/log" | sed 's/^/  /'
  fi
}
wanted() { [ ${#names[@]} -eq 0 ] || [[ " ${names[*]} " == *" $1 "* ]]; }

# A place of its own for an example: directory and database, whose conninfo is $server.
prepare() {
  mkdir "$work/$1"
  server="host=$PGHOST port=$PGPORT user=$PGUSER dbname=$1"
  createdb "$1" && psql -X -q -v ON_ERROR_STOP=1 -d "$1" -f examples/todos.sql >/dev/null
}
same() {
  [ ${#names[@]} -eq 0 ] || cat "$work/$1/out" >&3
  diff "tests/examples/expected/$1.out" "$work/$1/out"
}

install_client() {
  make --no-print-directory -f mk/house.mk install-client PREFIX="$work/prefix"
}
build() {
  local compilers=()
  # An app's own choice of compiler; ours only saves time.
  if command -v ccache >/dev/null; then compilers=(CXX='ccache g++'); fi
  PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig make -C examples -j2 OUT="$work/bin" \
    CXXFLAGS='-Wall -Wextra -Werror' "${compilers[@]}"
}
program() {  # name
  prepare "$1" && "$work/bin/$1" "$server" "$work/$1" >"$work/$1/out" && same "$1"
}
usage() {
  for name in todo live_query resolver undo coedit; do
    "$work/bin/$name" >"$work/log.usage" 2>&1
    [ $? -eq 2 ] && grep -q "^usage: $name SERVER" "$work/log.usage" || return 1
  done
}
no_server() {
  mkdir "$work/no_server"
  "$work/bin/todo" "host=$work/no_server" "$work/no_server" >"$work/log.none" 2>&1
  [ $? -eq 1 ] && grep -q '\[08006\]' "$work/log.none" && [ ! -e "$work/no_server/phone.db" ]
}

# Waits until the program has printed so many lines.
lines() {
  for ((i = 0; i < 300; i++)); do
    [ "$(wc -l <"$work/live_query/out")" -ge "$1" ] && return
    sleep 0.1
  done
  echo "no line $1 of:"
  cat "$work/live_query/out"
  return 1
}
# The program waits for Enter; meanwhile others write, in this order.
live_query() {
  local file=$work/live_query/live.db status=0
  prepare live_query && mkfifo "$work/enter" || return 1
  "$work/bin/live_query" "$server" "$file" <"$work/enter" >"$work/live_query/out" &
  running=$!
  exec 4>"$work/enter"
  lines 1 &&
    sqlite3 -cmd ".timeout 10000" "$file" "INSERT INTO todos (title, done) VALUES ('Buy milk', 0), ('Call Ada', 0)" &&
    lines 4 &&
    sqlite3 -cmd ".timeout 10000" "$file" "UPDATE todos SET done = 1 WHERE title = 'Buy milk'" && lines 6 &&
    sqlite3 -cmd ".timeout 10000" "$file" "DELETE FROM todos WHERE title = 'Buy milk'" && lines 8 &&
    psql -X -q -d live_query -c "INSERT INTO todos (title) VALUES ('From the server')" &&
    lines 10 || status=1
  exec 4>&-  # the end of its input does as well as Enter
  wait "$running" || status=1
  running=''
  [ "$status" -eq 0 ] && same live_query
}

# Two who wrote apart; then two terminals, of which one goes offline meanwhile. Without a terminal
# they read keys from their input and print the document at its end.
coedit() {
  prepare coedit && "$work/bin/coedit" --week "$server" "$work/coedit" >"$work/coedit/out" && same coedit
}
document_is() {
  local text='' i
  for ((i = 0; i < 300; i++)); do
    text=$(psql -X -A -t -d coedit_live -c "SELECT body FROM documents")
    [ "$text" != "$1" ] || return 0
    sleep 0.1
  done
  echo "the document is \"$text\" and not \"$1\""
  return 1
}
coedit_live() {
  local d=$work/coedit_live right=$'\e[C' status=0
  prepare coedit_live && mkfifo "$d/ada" "$d/bob" || return 1
  "$work/bin/coedit" "$server" "$d/ada.db" minutes <"$d/ada" >"$d/ada.out" &
  running=$!
  exec 4>"$d/ada"
  printf 'Hello' >&4
  document_is 'Hello' || status=1
  "$work/bin/coedit" "$server" "$d/bob.db" minutes <"$d/bob" >"$d/bob.out" &
  local other=$!
  exec 5>"$d/bob"
  printf '%s world' "$right$right$right$right$right" >&5
  document_is 'Hello world' || status=1
  printf '\x0f big' >&4  # offline
  printf '!' >&5
  document_is 'Hello world!' || status=1
  printf '\x0f' >&4
  document_is 'Hello big world!' || status=1
  exec 4>&- 5>&-
  wait "$running" || status=1
  wait "$other" || status=1
  running=''
  [ "$(cat "$d/ada.out" "$d/bob.out")" = "$(printf 'Hello big world!\nHello big world!')" ] || status=1
  return "$status"
}

export LD_LIBRARY_PATH=$work/prefix/lib OBJECTOS_LIBRARY=$work/prefix/lib/libobjectos.so PYTHONDONTWRITEBYTECODE=1
python_todo() {
  prepare python_todo &&
    python3 examples/python/todo.py "$server" "$work/python_todo" >"$work/python_todo/raw" &&
    sed "s|$work|DIRECTORY|" "$work/python_todo/raw" >"$work/python_todo/out" && same python_todo
}

exec 3>&1
it "the library and its headers are installed" install_client
it "the examples build by pkg-config, without a warning" build
if [ ${#names[@]} -eq 0 ]; then
  it "without arguments each says what it wants" usage
  it "without a server the error has its code, and no file is left" no_server
fi
if wanted coedit; then
  it "coedit prints what became of a week" coedit
  it "two terminals write one document, and what was written offline is merged" coedit_live
fi
for name in todo resolver undo; do
  if wanted $name; then it "$name prints what it should" program $name; fi
done
if wanted live_query; then it "live_query tells what others write" live_query; fi
if wanted python_todo; then it "todo.py prints what it should" python_todo; fi
if [ ${#names[@]} -eq 0 ]; then
  prepare binding && psql -X -q -v ON_ERROR_STOP=1 -d binding >/dev/null \
    -c "CREATE TABLE papers (id int PRIMARY KEY, body text)" \
    -c "INSERT INTO papers VALUES (1, 'Caf')" \
    -c "SELECT sync_enable('papers', fields => '{\"body\":\"text\"}')" || failed=$((failed + 1))
  PYTHONPATH=examples/python python3 -W error tests/examples/binding.py "$server" "$work/binding" ||
    failed=$((failed + 1))
fi
echo "examples: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
