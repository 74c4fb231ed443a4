#!/bin/bash
# run-regress.sh regress|isolation [test…]: PostgreSQL's own test drivers against a throwaway cluster.
# Without names, everything in the schedule. Each run starts with a new database that has the
# extension. Results in build/regress/<kind>; what differs is printed.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:?regress or isolation}
shift
[ -n "${OBJECTOS_STAGE:-}" ] || exec scripts/with-cluster.sh --fast -- "$0" "$kind" "$@"

pgxs_tests=$(dirname "$(dirname "$("${PG_CONFIG:-pg_config}" --pgxs)")")/test
case $kind in
  regress) driver=$pgxs_tests/regress/pg_regress input=tests/regress ;;
  isolation) driver=$pgxs_tests/isolation/pg_isolation_regress input=tests/regress/isolation ;;
  *) echo "run-regress: regress or isolation?" >&2; exit 2 ;;
esac
output=build/regress/$kind
rm -rf "$output"
mkdir -p "$output"
tests=("$@")
if [ $# -eq 0 ]; then
  grep -q '^test:' "$input/schedule" || { echo "$input/schedule names no test" >&2; exit 1; }
  tests=("--schedule=$input/schedule")
fi
status=0
"$driver" --inputdir="$input" --outputdir="$output" --bindir="$OBJECTOS_STAGE" \
  --host="$PGHOST" --port="$PGPORT" --user="$PGUSER" --dbname="objectos_$kind" \
  --load-extension=objectos_sync "${tests[@]}" || status=$?
if [ -s "$output/regression.diffs" ]; then cat "$output/regression.diffs"; fi
exit "$status"
