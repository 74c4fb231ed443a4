#!/bin/bash
# scripts/bench.sh [--gate] [NAME…]: measures beside a throwaway cluster with PostgreSQL's default
# settings (fsync on). Build first: make does. Files go to build/bench and are removed, the results stay.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x build/bench/objectos-bench ] || { echo "bench: run \`make bench\`" >&2; exit 2; }
export OBJECTOS_BENCH_DIR=$PWD/build/bench
trap 'rm -f "$OBJECTOS_BENCH_DIR"/*.db "$OBJECTOS_BENCH_DIR"/*.db-*' EXIT
scripts/with-cluster.sh --log build/bench/server.log -- build/bench/objectos-bench "$@"
