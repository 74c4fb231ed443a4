#!/bin/bash
# Line coverage of protocol/ and client/src by the protocol and client tests (gcov), in build/coverage.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/coverage
for path in client mk objectos_sync.control protocol scripts tests; do
  ln -sfn "$PWD/$path" "build/coverage/$path"
done
unset MAKEFLAGS MFLAGS MAKELEVEL
make -j"$(nproc)" --no-print-directory -C build/coverage -f mk/house.mk \
  EXTRA_CXXFLAGS='--coverage -O0' LDFLAGS=--coverage build/test-protocol build/test-client
cd build/coverage
find . -name '*.gcda' -delete
build/test-protocol
build/test-client
find build/client -name '*.gcda' -print0 | xargs -0 gcov -n 2>/dev/null | awk '
  /^File / { gsub(/\x27/, "", $2); file = $2 }
  /^Lines executed/ && file ~ /^(protocol|client)\/.*cpp$/ {
    split($2, part, /[:%]/); printf "%7.2f %%  of %5d  %s\n", part[2], $4, file; file = ""
    lines += $4; hit += $4 * part[2] / 100 }
  END { if (!lines) exit 1; printf "%7.2f %%  of %5d  all\n", 100 * hit / lines, lines }'
