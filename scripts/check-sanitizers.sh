#!/bin/bash
# The protocol and client tests, and the end-to-end tests of the client half, again under
# AddressSanitizer and UndefinedBehaviorSanitizer. What they find ends the run with an error; so does
# a compiler whose sanitizers find nothing, which a planted fault tells. The backend is not built
# with them: it is PostgreSQL's process, and PostgreSQL's own objects know no sanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."
flags='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1'
links='-fsanitize=address,undefined'
export UBSAN_OPTIONS=print_stacktrace=1
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
mkdir -p build/asan

# Each planted fault must end the program.
cat >build/asan/planted.cpp <<'CPP'
#include <cstdlib>
#include <string>
#include <vector>
int main(int argc, char** argv) {
  std::string what = argc > 1 ? argv[1] : "";
  std::vector<int> three(3, argc);
  int* raw = three.data();
  if (what == "read") return raw[argc + 1];
  if (what == "overflow") return 2147483647 + argc;
  if (what == "leak") return *new int(0);
  return 0;
}
CPP
"${CXX:-g++}" $flags $links -o build/asan/planted build/asan/planted.cpp
build/asan/planted
for fault in read overflow leak; do
  if build/asan/planted "$fault" >build/asan/planted.log 2>&1 ||
    ! grep -qE 'Sanitizer|runtime error' build/asan/planted.log; then
    echo "check-sanitizers: the sanitizers do not find a planted $fault" >&2
    exit 1
  fi
done

suites=("$@")
[ $# -gt 0 ] || suites=(protocol client e2e)
targets=()
for suite in "${suites[@]}"; do targets+=("build/test-$suite"); done
[[ " ${suites[*]} " != *" e2e "* ]] || targets+=(build/objectos-sync)
scripts/build-apart.sh asan EXTRA_CXXFLAGS="$flags" LDFLAGS="$links" "${targets[@]}"

failed=()
for suite in "${suites[@]}"; do
  echo "== $suite"
  run=("build/asan/build/test-$suite")
  # Not here: the tests that time (a sanitizer costs a factor) or bound memory (it maps terabytes),
  # those that kill at every step, and those that are about the backend alone.
  [ "$suite" != e2e ] || run=(env "OBJECTOS_SYNC=$PWD/build/asan/build/objectos-sync"
    scripts/with-cluster.sh --fast -- "${run[@]}" -tse=torture
    '-tce=*5 s*,*fault point*,*killed*,*commits in any order*,*overtaken*,*random*,*statement timeout*,*no more memory*')
  "${run[@]}" || failed+=("$suite")
done
[ ${#failed[@]} -eq 0 ] || { echo "check-sanitizers: failed: ${failed[*]}" >&2; exit 1; }
echo "check-sanitizers: nothing found in ${suites[*]}"
