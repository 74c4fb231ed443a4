#!/bin/bash
# check-warnings.sh [compiler…]: every source of both halves, the tests and the benchmarks, by g++ and
# by clang++ (or those named), where a warning is an error. clang++ warns in its front end, so it
# checks the syntax only; g++ warns while it optimises too, so it compiles, to nowhere.
# CLIENT_FLAGS and the server's headers come from the makefiles (`make check-warnings`).
set -uo pipefail
cd "$(dirname "$0")/.."
compilers=("$@")
[ $# -gt 0 ] || compilers=(g++ clang++)
client_flags=${CLIENT_FLAGS:?run make check-warnings}
# As -isystem, as in mk/server.mk: PostgreSQL's headers are not ours to warn about.
server_flags="-std=c++20 -O2 -Wall -Wextra -fPIC -D_GNU_SOURCE -I.
  -isystem $("${PG_CONFIG:-pg_config}" --includedir-server)"
mapfile -t sources < <(git ls-files -co --exclude-standard '*.cpp')
status=0
for compiler in "${compilers[@]}"; do
  command -v "$compiler" >/dev/null || { echo "check-warnings: $compiler is not there" >&2; exit 1; }
  case $compiler in *clang*) mode=-fsyntax-only ;; *) mode='-c -o /dev/null' ;; esac
  for source in "${sources[@]}"; do
    [ -e "$source" ] || continue
    case $source in pg_ext/*) flags=$server_flags ;; *) flags=$client_flags ;; esac
    printf '%s\0' "$compiler $flags -Werror $mode $source"
  done | xargs -0 -P "$(nproc)" -n 1 sh -c '$0' || { status=1; echo "$compiler: warnings" >&2; continue; }
  echo "$compiler: ${#sources[@]} files, no warning"
done
exit "$status"
