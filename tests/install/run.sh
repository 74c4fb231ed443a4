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
manual_page() {
  local page=$dest/usr/local/share/man/man1/objectos-sync.1
  for part in NAME SYNOPSIS COMMANDS OPTIONS 'EXIT STATUS'; do
    grep -q "^\.SH $part$" "$page" || return 1
  done
  # Nothing that troff would take for a request but what is one.
  ! grep -E '^[.]' "$page" | grep -vE '^[.](TH|SH|TP|B|I|BR|br)( |$)'
}
# What completion offers for the words typed so far.
offered() {
  bash -c '. "$1"; shift; COMP_WORDS=(objectos-sync "$@"); COMP_CWORD=$#; _objectos_sync
           printf "%s\n" "${COMPREPLY[@]}"' _ \
    "$dest/usr/local/share/bash-completion/completions/objectos-sync" "$@"
}
completion() {
  touch "$work/phone.db"
  offered cl | grep -x clone >/dev/null && offered resolve --va | grep -x -- --values >/dev/null &&
    ! offered status --va | grep -q . && offered sync "$work/pho" | grep -x "$work/phone.db" >/dev/null &&
    offered sync --frames '' | grep -x auto >/dev/null
}
c_program() {
  printf '#include <objectos/objectos.h>\nint main(void) { return objectos_version() == 0; }\n' >"$work/c.c"
  # shellcheck disable=SC2046
  gcc -std=c99 -pedantic "$work/c.c" -o "$work/c" $(pkg-config --cflags --libs objectos) &&
    LD_LIBRARY_PATH=$dest/usr/local/lib "$work/c"
}
nothing_left() { [ -z "$(find "$dest" ! -type d)" ]; }

it "make install with DESTDIR" make install DESTDIR="$dest"
it "the extension's three files are installed" extension_files
it "an outside program builds by pkg-config" compile_shared
it "it runs against the shared library" run_shared
it "an outside program links the static library" compile_static
it "it runs" "$work/static"
it "the installed command prints its help" "$dest/usr/local/bin/objectos-sync" --help
it "the manual page is one that man can show" manual_page
it "bash completes commands, options and files" completion
it "a C program builds by pkg-config and runs" c_program
it "make uninstall" make uninstall DESTDIR="$dest"
it "nothing is left" nothing_left
echo "install: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
