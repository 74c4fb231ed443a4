#!/bin/bash
# The rules of the house, as checks that fail. lint.sh --format reformats instead.
set -uo pipefail
cd "$(dirname "$0")/.."
mapfile -t sources < <(git ls-files -co --exclude-standard '*.cpp' '*.h' '*.hpp' | while read -r f; do
  [ -e "$f" ] && echo "$f"; done)
if [ "${1:-}" = --format ]; then
  [ ${#sources[@]} -eq 0 ] || clang-format -i "${sources[@]}"
  exit
fi
passed=0 failed=0

# check "rule" command: the command prints what breaks the rule.
check() {
  local rule=$1 found
  shift
  found=$("$@")
  if [ -z "$found" ]; then
    passed=$((passed + 1))
    return
  fi
  failed=$((failed + 1))
  echo "lint: $rule:"
  head -30 <<<"$found" | sed 's/^/  /'
}

under() { printf '%s\n' "${sources[@]}" | grep -E "^($1)" || true; }
# includes DIRS PATTERN [ALLOWED]: lines in files under DIRS that include PATTERN.
includes() {
  under "$1" | grep -vE "${3:-^$}" | xargs -r grep -nHE "^ *# *include *[<\"]($2)" || true
}
# Comments may name what code must not contain.
code_says() {
  under "$1" | grep -vE "${3:-^$}" | while read -r file; do
    sed -E 's@//.*@@; s@^ *(/\*| \*).*@@' "$file" | grep -nE "$2" | sed "s|^|$file:|"
  done
}
unscheduled() {
  local file name
  for file in tests/regress/sql/*.sql; do
    [ -e "$file" ] || continue
    name=$(basename "$file" .sql)
    grep -qE "^test:(.* )?$name( |$)" tests/regress/schedule || echo "$file is not in the schedule"
    [ -e "tests/regress/expected/$name.out" ] || echo "$file has no expected output"
  done
  for file in tests/regress/isolation/specs/*.spec; do
    [ -e "$file" ] || continue
    name=$(basename "$file" .spec)
    grep -qE "^test:(.* )?$name( |$)" tests/regress/isolation/schedule ||
      echo "$file is not in the schedule"
    [ -e "tests/regress/isolation/expected/$name.out" ] || echo "$file has no expected output"
  done
}
unformatted() {
  [ ${#sources[@]} -eq 0 ] && return
  clang-format --dry-run "${sources[@]}" 2>&1 | sed -n 's/^\([^ :]*:[0-9]*\):.*Wclang-format.*/\1/p' |
    sort -u
}
exported() {
  local module=build/server/objectos_sync.so
  [ -e "$module" ] || { echo "$module is not built: run make"; return; }
  nm -D --defined-only "$module" | awk '{print $NF}' |
    grep -vE '^(Pg_magic_func|_PG_init|pg_finfo_objectos_.*|objectos_.*)$'
}
too_long() {
  [ ${#sources[@]} -eq 0 ] || LC_ALL=C.UTF-8 grep -nHE '^.{101,}$' "${sources[@]}" |
    grep -vE 'R"|https?:' | cut -c 1-60
}
too_big() { under '.*' | xargs -r wc -l | awk '$2 != "total" && $1 > 400 { print $2 ": " $1 " lines" }'; }
shell_broken() {
  git ls-files -co --exclude-standard '*.sh' .ci/run | while read -r file; do
    [ ! -e "$file" ] || bash -n "$file" 2>&1
  done
}
# The traps that no test names, and the names that the list does not have.
traps() {
  local named
  named=$(git grep -hoE 'trap: [a-z0-9, -]+' -- tests ':!tests/traps.txt' ':!tests/regress/expected' |
    sed 's/^trap: //' | tr ', ' '\n\n' | grep . | sort -u)
  comm -3 <(sed -n 's/^\([a-z][a-z0-9-]*\)  *[^ ].*/\1/p' tests/traps.txt | sort -u) <(echo "$named") |
    sed 's/^\t\(.*\)/\1 is not in the list/; t; s/$/ is named by no test/'
}
workplace() { git grep -nIE '(^|[^a-z.])/work/[a-z]' -- . ':!scripts/lint.sh' || true; }

check "every trap of tests/traps.txt is named by a test" traps
check "protocol/ includes nothing of ours but protocol/" includes protocol/ '(pg_ext|client|objectos)/'
check "protocol/ knows no database and does no I/O" includes protocol/ \
  '(postgres|libpq|sqlite3|fstream|iostream|thread|random|unistd|sys/)'
check "protocol/ knows no clock" code_says protocol/ '(_clock::now|std::time\(|getenv|rand\()'
check "pg_ext/ does not include client/" includes pg_ext/ '(client|objectos)/'
check "client/ does not include pg_ext/ or server headers" includes client/ \
  '(pg_ext/|postgres\.h|utils/|catalog/)'
check "client/include/ includes public headers only" includes client/include/ '(protocol|client|store|engine)/'
check "examples and bench include public headers only, but for the algebra's own measurements" includes \
  'examples/|bench/' '(protocol|pg_ext|client)/' '^bench/text'
check "sqlite3.h stays in the client's store" includes client/ 'sqlite3\.h' '^client/src/store/'
check "libpq-fe.h stays in the client's transport" includes client/ 'libpq-fe\.h' '^client/src/transport/'
check "PG_TRY, ereport(ERROR), elog(ERROR) stay in pg_ext/boundary.*" code_says pg_ext/ \
  '(PG_TRY *\(|(ereport|elog) *\( *(ERROR|FATAL|PANIC))' '^pg_ext/boundary\.'
check "server headers, gathered in pg_ext/pg.h, are included by .cpp files only" includes \
  'pg_ext/.*\.h$' '(postgres\.h|utils/|catalog/|pg_ext/pg\.h)' '^pg_ext/pg\.h'
check "every regress and isolation test is scheduled and has its expected output" unscheduled
check "formatting (make format repairs it)" unformatted
check "the module exports only what PostgreSQL calls" exported
check "shell scripts parse" shell_broken
check "no path of a workplace" workplace
check "no line beyond 100 columns" too_long

big=$(too_big)
[ -z "$big" ] || sed 's/^/lint: notice, over 400 lines: /' <<<"$big"
echo "lint: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
