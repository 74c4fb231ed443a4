#!/bin/bash
# stage.sh DIR: a private PostgreSQL installation in DIR, which finds its libraries and share files
# relative to its own binaries. Those are copied (a link would lead back to the system's); the
# libraries and share files are links. The extension directory takes our files beside the links.
set -euo pipefail
umask 022
# Inside a cluster pg_config is the staged one; staging from it would delete what it stands on.
[ -z "${OBJECTOS_STAGE:-}" ] || exit 0
stage=$(mkdir -p "$1" && cd "$1" && pwd)
pg_config=${PG_CONFIG:-pg_config}
bindir=$("$pg_config" --bindir)
pkglibdir=$("$pg_config" --pkglibdir)
sharedir=$("$pg_config" --sharedir)

stamp="$("$pg_config" --version) $bindir $(stat -c %Y "$bindir/postgres")"
if [ "$(cat "$stage/stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
rm -rf "$stage"
mkdir -p "$stage$bindir" "$stage$pkglibdir" "$stage$sharedir/extension"
cp -a "$bindir"/. "$stage$bindir/"
for file in "$pkglibdir"/*; do
  case $(basename "$file") in objectos_sync.so) ;; *) ln -s "$file" "$stage$pkglibdir/" ;; esac
done
for file in "$sharedir"/*; do
  [ "$(basename "$file")" = extension ] || ln -s "$file" "$stage$sharedir/"
done
for file in "$sharedir"/extension/*; do
  case $(basename "$file") in objectos_sync*) ;; *) ln -s "$file" "$stage$sharedir/extension/" ;; esac
done
ln -s ".$bindir" "$stage/bin"
echo "$stamp" >"$stage/stamp"
