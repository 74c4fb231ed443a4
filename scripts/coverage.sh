#!/bin/bash
# Line coverage of protocol/ and client/ by the protocol, client and end-to-end tests (gcov), in
# build/coverage. coverage.sh SUITE… takes only these suites. Files that no test reaches count too.
set -euo pipefail
cd "$(dirname "$0")/.."
suites=("$@")
[ $# -gt 0 ] || suites=(protocol client e2e)
targets=(build/objectos-sync)
for suite in "${suites[@]}"; do targets+=("build/test-$suite"); done
scripts/build-apart.sh coverage EXTRA_CXXFLAGS='--coverage -O0' LDFLAGS=--coverage "${targets[@]}"
find build/coverage/build -name '*.gcda' -delete
for suite in "${suites[@]}"; do
  run=("build/coverage/build/test-$suite")
  [ "$suite" != e2e ] || run=(env "OBJECTOS_SYNC=$PWD/build/coverage/build/objectos-sync"
    scripts/with-cluster.sh --fast -- "${run[@]}" '-tce=*5 s*,*commits in any order*')
  "${run[@]}" || { echo "coverage: $suite failed" >&2; exit 1; }
done
cd build/coverage
find build/client -name '*.gcno' -print0 | xargs -0 gcov -n 2>/dev/null | awk '
  /^File / { gsub(/\x27/, "", $2); file = $2 }
  /^Lines executed/ && file ~ /^(protocol|client)\/.*cpp$/ {
    split($2, part, /[:%]/); split($0, of, / of /)
    printf "%7.2f %%  of %5d  %s\n", part[2], of[2], file; file = ""
    lines += of[2]; hit += of[2] * part[2] / 100 }
  END { if (!lines) exit 1; printf "%7.2f %%  of %5d  all\n", 100 * hit / lines, lines }' | sort -k4
