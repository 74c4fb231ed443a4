#!/bin/bash
# Makes build/faults/stage: the private installation once more, with a module that has the fault points
# of pg_ext/fault_points.h. It is linked from the objects of the ordinary one, but for the few files
# that -DOBJECTOS_FAULTS changes; so what fails there is the code that is released.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=build/faults
mkdir -p "$out/server"
changed=(boundary settings fault_points)
pg_config=${PG_CONFIG:-pg_config}

objects=() made=''
for source in pg_ext/*.cpp protocol/*.cpp; do
  object=build/server/${source%.cpp}.o
  [ -e "$object" ] || { echo "build-module: $object is not there: run make" >&2; exit 2; }
  name=$(basename "$source" .cpp)
  if [[ $source == pg_ext/* && " ${changed[*]} " == *" $name "* ]]; then
    object=$out/server/$name.o
    if [ ! -e "$object" ] || [ -n "$(find pg_ext protocol mk "$0" -newer "$object" -print -quit)" ]; then
      "${CXX:-g++}" -std=c++20 -O2 -g -Wall -Wextra -fPIC -fno-strict-aliasing -fwrapv \
        -fvisibility-inlines-hidden -fno-semantic-interposition -DOBJECTOS_FAULTS \
        -I. -isystem "$("$pg_config" --includedir-server)" -D_GNU_SOURCE -c -o "$object" "$source" &
      made=1
    fi
  fi
  objects+=("$object")
done
[ -z "$made" ] || for job in $(jobs -p); do wait "$job"; done
"${CXX:-g++}" -shared -Wl,--version-script=pg_ext/exports.map -o "$out/objectos_sync.so" \
  "${objects[@]}" -lzstd -lcrypto
if nm -D --undefined-only "$out/objectos_sync.so" | grep -qE ' _Zn[wa]'; then
  echo "build-module: an operator new of the module is not its own" >&2
  exit 1
fi

scripts/stage.sh "$out/stage"
cp build/stage"$("$pg_config" --sharedir)"/extension/objectos_sync* \
  "$out/stage$("$pg_config" --sharedir)/extension/"
install -m 755 "$out/objectos_sync.so" "$out/stage$("$pg_config" --pkglibdir)/objectos_sync.so"
