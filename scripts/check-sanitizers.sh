#!/bin/bash
# The protocol and client tests again, under AddressSanitizer and UndefinedBehaviorSanitizer, built in
# build/asan (a link farm of the sources, so that the ordinary objects stay as they are).
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/asan
for path in client mk objectos_sync.control protocol scripts tests; do
  ln -sfn "$PWD/$path" "build/asan/$path"
done
flags='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1'
unset MAKEFLAGS MFLAGS MAKELEVEL
make -j"$(nproc)" --no-print-directory -C build/asan -f mk/house.mk EXTRA_CXXFLAGS="$flags" \
  LDFLAGS='-fsanitize=address,undefined' build/test-protocol build/test-client
export UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1
build/asan/build/test-protocol
build/asan/build/test-client
