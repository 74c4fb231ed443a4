#!/bin/bash
# build-apart.sh NAME [make argument…]: a build with other flags or another compiler, in
# build/NAME/build. build/NAME is a farm of links to the sources, so the ordinary objects stay as they
# are, and what was built apart before is built again only where a source changed.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:?the name of a directory below build/}
shift
mkdir -p "build/$name"
for path in bench client mk objectos_sync.control pg_ext protocol scripts sql tests; do
  ln -sfn "$PWD/$path" "build/$name/$path"
done
unset MAKEFLAGS MFLAGS MAKELEVEL
exec make -j"$(nproc)" --no-print-directory -C "build/$name" -f mk/house.mk "$@"
