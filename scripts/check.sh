#!/bin/bash
# Everything quick, suite after suite; a failing suite does not hide the next one. The last line is
# the sum, alone: N passed, N failed. Each suite's output is kept in build/check/<suite>.log.
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/check
passed=0 failed=0 broken=()

# Counts what the suites' drivers say: doctest, pg_regress, and our scripts' "name: N passed, M failed".
count() {
  sed -e 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    /^\[doctest\] test cases:/ { gsub(/[|]/, " "); for (i = 2; i <= NF; i++) {
        if ($i == "passed") p += $(i - 1); if ($i == "failed") f += $(i - 1) } }
    / *All [0-9]+ tests passed/ { p += $2 }
    /^ *[0-9]+ of [0-9]+ tests failed/ { f += $1; p += $3 - $1 }
    /^[a-z-]+: [0-9]+ passed, [0-9]+ failed$/ { p += $2; f += $4 }
    END { print p + 0, f + 0 }'
}

suite() {
  local name=$1 status=0 ok bad
  shift
  echo "== $name"
  "$@" 2>&1 | tee "build/check/$name.log" || status=$?
  read -r ok bad < <(count "build/check/$name.log")
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
    echo "$name: exit code $status"
    bad=1
  fi
  if [ "$status" -eq 0 ] && [ $((ok + bad)) -eq 0 ]; then
    echo "$name: ran no test"
    bad=1
  fi
  passed=$((passed + ok)) failed=$((failed + bad))
  [ "$bad" -eq 0 ] || broken+=("$name")
}

suite lint scripts/lint.sh
suite protocol build/test-protocol
suite client build/test-client
suite regress scripts/run-regress.sh regress
suite isolation scripts/run-regress.sh isolation
suite e2e scripts/with-cluster.sh -c wal_level=logical -- build/test-e2e -tse=torture
suite torture env COUNT=200 KILLS=50 SYNCS=200 tests/faults/torture.sh
suite c-api scripts/with-cluster.sh --fast -- tests/c_api/run.sh
suite install tests/install/run.sh
suite upgrade tests/upgrade/run.sh
suite operations tests/operations/run.sh
suite soak env COUNT=20000 tests/faults/soak.sh
suite crash env COUNT=5000 SEED=1 tests/faults/check-crash.sh
suite faults env PARTS=points STRIDE=100 COLD=0 ERRORS=2000 tests/faults/check-faults.sh
suite restore tests/operations/restore.sh

[ "$failed" -eq 0 ] || echo "failed: ${broken[*]} (see build/check/)"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
