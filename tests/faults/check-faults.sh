#!/bin/bash
# check-faults: every guarded call of the backend and every C++ allocation of each operation fails once.
# tests/faults/points/main.cpp says what must hold, and which settings there are.
#
# Then the client's long random tests, tests/faults/torture.sh. PARTS="points histories texts users kills memory signatures" says
# which of all this is done.
set -euo pipefail
cd "$(dirname "$0")/../.."
parts=" ${PARTS:-points histories texts users kills memory signatures} "
rest=${parts/ points / }
if [ -n "${rest// /}" ]; then
  # shellcheck disable=SC2086
  tests/faults/torture.sh $rest
  [[ "$parts" == *" points "* ]] || exit 0
fi
tests/faults/build-module.sh
# Without JIT, which would compile one of the statements each of the thousands of times that it is run.
exec scripts/with-cluster.sh --fast --stage build/faults/stage -c jit_above_cost=-1 \
  -c objectos_sync.events_per_second=0 -- build/check-faults
