#!/bin/bash
# What `make install DESTDIR=…` puts there serves an outside program, shared and static, and
# `make uninstall` takes all of it away.
set -uo pipefail
cd "$(dirname "$0")/../.."
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dest=$work/dest
export OBJECTOS_PACKAGES=skip PKG_CONFIG_SYSROOT_DIR=$dest
export PKG_CONFIG_PATH=$dest/usr/local/lib/pkgconfig
pg_config=${PG_CONFIG:-pg_config}
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" objectos_sync.control)

# Inherited make flags would bring the outer run's variables and job server.
unset MAKEFLAGS MFLAGS MAKELEVEL
it() {
  local what=$1
  shift
  if "$@" >"$work/out" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "install: FAILED: $what"
    tail -20 "$work/out" | sed 's/^/  /'
  fi
}
extension_files() {
  test -f "$dest$("$pg_config" --pkglibdir)/objectos_sync.so" &&
    test -f "$dest$("$pg_config" --sharedir)/extension/objectos_sync.control" &&
    test -f "$dest$("$pg_config" --sharedir)/extension/objectos_sync--$version.sql"
}
compile_shared() {
  # shellcheck disable=SC2046
  g++ -std=c++20 tests/install/outside.cpp -o "$work/shared" $(pkg-config --cflags --libs objectos)
}
# The sysroot belongs to our own paths; the system's libraries are where they are.
compile_static() {
  g++ -std=c++20 -I"$dest/usr/local/include" tests/install/outside.cpp -o "$work/static" \
    "$dest/usr/local/lib/libobjectos.a" $(PKG_CONFIG_SYSROOT_DIR='' pkg-config --static --libs-only-l objectos |
      sed 's/-lobjectos//')
}
run_shared() { LD_LIBRARY_PATH=$dest/usr/local/lib "$work/shared"; }
nothing_left() { [ -z "$(find "$dest" ! -type d)" ]; }

it "make install with DESTDIR" make install DESTDIR="$dest"
it "the extension's three files are installed" extension_files
it "an outside program builds by pkg-config" compile_shared
it "it runs against the shared library" run_shared
it "an outside program links the static library" compile_static
it "it runs" "$work/static"
it "the installed command prints its help" "$dest/usr/local/bin/objectos-sync" --help
it "make uninstall" make uninstall DESTDIR="$dest"
it "nothing is left" nothing_left
echo "install: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
