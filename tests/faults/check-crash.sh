#!/bin/bash
# check-crash: calls every function of the extension at random; tests/faults/crash/main.cpp says what must
# hold, and which settings there are.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec scripts/with-cluster.sh --fast -c deadlock_timeout=100ms \
  -c log_line_prefix='%m <%p> %e ' -- build/check-crash
