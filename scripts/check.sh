#!/bin/bash
# Everything quick, suite after suite, a line each; a failing suite does not hide the next one. What it
# said is told at the end. The last line is the sum, alone: N passed, N failed. Each suite's output is
# kept in build/check/<suite>.log.
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
  SECONDS=0
  "$@" >"build/check/$name.log" 2>&1 || status=$?
  read -r ok bad < <(count "build/check/$name.log")
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
    echo "exit code $status" >>"build/check/$name.log"
    bad=1
  fi
  if [ "$status" -eq 0 ] && [ $((ok + bad)) -eq 0 ]; then
    echo "no test was run" >>"build/check/$name.log"
    bad=1
  fi
  printf '%-11s %4d passed, %d failed, %4d s\n' "$name" "$ok" "$bad" "$SECONDS"
  passed=$((passed + ok)) failed=$((failed + bad))
  [ "$bad" -eq 0 ] || broken+=("$name")
}

# What a failed suite said: its end, then the lines that name a failure, which therefore stand last.
told() {
  echo "== $1 failed (build/check/$1.log):"
  tail -n 10 "build/check/$1.log" | cut -c1-400
  echo "== failed in $1:"
  sed -e 's/\x1b\[[0-9;]*m//g' "build/check/$1.log" | awk '
    /^TEST CASE:/ { name = $0 }
    /^[^ ]+:[0-9]+: (FATAL )?ERROR|^not ok|FAILED|[^a-z]signal [0-9]/ { print name; print; name = ""; more = 4; next }
    more > 0 { print; more-- }' | grep -v '^ *$' | cut -c1-240 | head -n 40
}

suite lint scripts/lint.sh
suite protocol build/test-protocol
suite client build/test-client
suite fuzz-corpus build/fuzz-replay tests/fuzz/corpus 1000
suite regress scripts/run-regress.sh regress
suite isolation scripts/run-regress.sh isolation
suite e2e scripts/with-cluster.sh -c wal_level=logical -- build/test-e2e -tse=torture
suite torture env COUNT=200 TEXTS=50 SIMULATIONS=100 USERS=50 ROUNDS=5 KILLS=50 SYNCS=200 LIVE_CLIENTS=10 LIVE_SECONDS=5 \
  tests/faults/torture.sh histories texts users kills memory live
suite c-api scripts/with-cluster.sh --fast -- tests/c_api/run.sh
suite install tests/install/run.sh
suite examples scripts/with-cluster.sh --fast -- tests/examples/run.sh
suite tutorial tests/tutorial/run.sh
suite upgrade tests/upgrade/run.sh
suite operations tests/operations/run.sh
suite soak env COUNT=20000 PARTS=log tests/faults/soak.sh
suite crash env COUNT=5000 SEED=1 tests/faults/check-crash.sh
suite faults env PARTS=points STRIDE=100 COLD=0 ERRORS=2000 tests/faults/check-faults.sh
suite restore tests/operations/restore.sh

for name in "${broken[@]}"; do told "$name"; done
[ "$failed" -eq 0 ] || echo "failed: ${broken[*]} (see build/check/)"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
