#!/bin/bash
# check-faults: every guarded call of the backend and every C++ allocation of each operation fails once.
# tests/faults/points/main.cpp says what must hold, and which settings there are.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/faults/build-module.sh
exec scripts/with-cluster.sh --fast --stage build/faults/stage -- build/check-faults
