#!/bin/bash
# torture.sh [histories] [texts] [users] [kills] [memory] [signatures] [live] [cut]: the long random tests (default: all), against a
# server that need not survive a power cut, with files in memory where 4 GiB are free. Seeds are printed.
#   COUNT=5000   random histories        SEED=1   the first one's seed    ONLY=n   this one, with its steps
#   TEXTS=500    histories of texts that several write at once; before them, SIMULATIONS=10000 of the protocol alone
#   USERS=500    users with rights, policies and subscriptions of their own, through ROUNDS=20
#   KILLS=1000   kills of a device that is at work
#   SYNCS=1000   syncs over which its memory stays what it is
#   FLIPS=1000   signed mutations of which every bit is flipped; REPLAYS=100000, REENCODINGS=10000, HONEST=10000
#   LIVE_CLIENTS=200   live devices, for LIVE_SECONDS=600 (only when asked for; make soak does)
#   CUT_SECONDS=30     of a network cut in the middle of a burst (likewise)
# tests/e2e/{random_histories,text_histories,visible_oracle,kill_torture,steady_memory,tampering,replay,live_soak,live_faults}_test.cpp say what must hold.
set -uo pipefail
cd "$(dirname "$0")/../.."
export COUNT=${COUNT:-5000} TEXTS=${TEXTS:-500} SIMULATIONS=${SIMULATIONS:-10000} USERS=${USERS:-500} ROUNDS=${ROUNDS:-20} KILLS=${KILLS:-1000} SYNCS=${SYNCS:-1000}
export LIVE_CLIENTS=${LIVE_CLIENTS:-200} LIVE_SECONDS=${LIVE_SECONDS:-600} CUT_SECONDS=${CUT_SECONDS:-30}
export FLIPS=${FLIPS:-1000} REPLAYS=${REPLAYS:-100000} REENCODINGS=${REENCODINGS:-10000} HONEST=${HONEST:-10000}
parts=("$@")
[ $# -gt 0 ] || parts=(histories texts users kills memory signatures)
# Containers often have 64 MB there, too little for a server.
memory_kib=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)
if [ -w /dev/shm ] && [ "${memory_kib:-0}" -ge $((4 << 20)) ]; then export TMPDIR=/dev/shm; fi
test_e2e=${TEST_E2E:-build/test-e2e}
status=0

run() { # test's name, environment
  local name=$1
  shift
  env "$@" scripts/with-cluster.sh --fast -c max_connections=300 -- "$test_e2e" -tc="$name"
}

# One after the other in as many processes as there are processors: each waits much.
by_all() { # test's name
  local workers part pids=()
  workers=$(nproc)
  [ -z "${ONLY:-}" ] || workers=1
  for ((part = 0; part < workers; part++)); do
    run "$1" PART="$part/$workers" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || return 1; done
}

for part in "${parts[@]}"; do
  echo "torture: $part"
  case $part in
    histories) by_all 'after random histories every*' || status=1 ;;
    texts)
      CASES=$SIMULATIONS build/test-protocol -sf='*text_simulation*' || status=1
      by_all 'after random histories of texts*' || status=1
      ;;
    users) by_all 'whatever rights*' || status=1 ;;
    kills) run 'a device switched off at any instant*' || status=1 ;;
    memory) run 'the memory of an engine*' || status=1 ;;
    live)
      run 'live devices hear of every change*' || status=1
      run 'an idle live device*' || status=1
      ;;
    cut) run 'a network cut in a burst*' ARRIVE_MS="${ARRIVE_MS:-2000}" || status=1 ;;
    signatures)
      by_all 'a signed mutation with one bit flipped*' || status=1
      run 'another text of the same mutation*,what was signed once*,honest mutations with awkward content*' ||
        status=1
      ;;
    *) echo "torture: no part is called $part" >&2; exit 2 ;;
  esac
done
exit "$status"
