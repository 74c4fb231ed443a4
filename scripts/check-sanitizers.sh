#!/bin/bash
# The tests of protocol and client, and the end-to-end tests of the client half, again under
# AddressSanitizer with UndefinedBehaviorSanitizer, and those that run threads under ThreadSanitizer.
# What they find ends the run with an error; so does a compiler whose sanitizers find nothing, which
# planted faults tell. The backend is not built with them: it is PostgreSQL's process, and
# PostgreSQL's own objects know no sanitizer.
#   check-sanitizers.sh [protocol] [client] [e2e] [threads]     default: all
set -euo pipefail
cd "$(dirname "$0")/.."
common='-fno-sanitize-recover=all -fno-omit-frame-pointer -O1'
export UBSAN_OPTIONS=print_stacktrace=1
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

# plant NAME FLAGS FAULT…: each planted fault must end the program.
plant() {
  local name=$1 flags=$2 fault
  shift 2
  mkdir -p "build/$name"
  cat >"build/$name/planted.cpp" <<'CPP'
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>
int main(int argc, char** argv) {
  std::string what = argc > 1 ? argv[1] : "";
  std::vector<int> three(3, argc);
  int* raw = three.data();
  if (what == "read") return raw[argc + 1];
  if (what == "overflow") return 2147483647 + argc;
  if (what == "leak") return *new int(0);
  if (what == "race") {
    std::thread other([&] { ++raw[0]; });
    ++raw[0];
    other.join();
    return raw[0] - raw[0];
  }
  return 0;
}
CPP
  # shellcheck disable=SC2086
  "${CXX:-g++}" $flags -o "build/$name/planted" "build/$name/planted.cpp"
  "build/$name/planted"
  for fault; do
    if "build/$name/planted" "$fault" >"build/$name/planted.log" 2>&1 ||
      ! grep -qE 'Sanitizer|runtime error' "build/$name/planted.log"; then
      echo "check-sanitizers: the sanitizers do not find a planted $fault" >&2
      exit 1
    fi
  done
}

# built NAME FLAGS LINK-FLAGS TARGET…
built() {
  local name=$1 flags=$2 links=$3
  shift 3
  scripts/build-apart.sh "$name" EXTRA_CXXFLAGS="$flags" LDFLAGS="$links" "$@"
}

failed=()
# run SUITE BUILD [argument…]: the end-to-end tests beside a server, with the command of that build.
run() {
  local suite=$1 build=$2 program
  shift 2
  program=build/$build/build/test-$suite
  echo "== $suite, $build"
  if [ "$suite" = e2e ]; then
    env "OBJECTOS_SYNC=$PWD/build/$build/build/objectos-sync" \
      scripts/with-cluster.sh -c wal_level=logical -- "$program" "$@" || failed+=("$suite ($build)")
  else
    "$program" "$@" || failed+=("$suite ($build)")
  fi
}

suites=("$@")
[ $# -gt 0 ] || suites=(protocol client e2e threads)

targets=()
for suite in "${suites[@]}"; do [ "$suite" = threads ] || targets+=("build/test-$suite"); done
if [ ${#targets[@]} -gt 0 ]; then
  [[ " ${suites[*]} " != *" e2e "* ]] || targets+=(build/objectos-sync)
  links='-fsanitize=address,undefined'
  plant asan "$links $common" read overflow leak
  built asan "$links $common" "$links" "${targets[@]}"
  for suite in "${suites[@]}"; do
    # Not here: the tests that time (a sanitizer costs a factor) or bound memory (it maps terabytes),
    # those that kill at every step, and those that are about the backend alone.
    case $suite in
      e2e)
        run e2e asan -tse=torture '-tce=*5 s*,*fault point*,*killed*,*commits in any order*,*overtaken*,*random*,*statement timeout*,*no more memory*,*no more than 64 MB*'
        ;;
      threads) ;;
      *) run "$suite" asan ;;
    esac
  done
fi

# Files of tests in which an engine works beside the test: its loop, its listeners, several engines,
# a network that fails.
if [[ " ${suites[*]} " == *" threads "* ]]; then
  links='-fsanitize=thread'
  plant tsan "$links $common" race
  built tsan "$links $common" "$links" build/test-client build/test-e2e build/objectos-sync
  run client tsan -sf='*dispatcher*,*own_writes*,*durability*'
  run e2e tsan -tse=torture '-tce=*5 s*,*fault point*,*killed*,*no more memory*,*no more than 64 MB*' \
    -sf='*/engine_test*,*engine_life*,*parallel_sync*,*listener*,*live*,*resolver*,*bad_network*,*watch_command*,*presence*,*fork_test*,*verify_test*,*undo*,*queue*'
fi

[ ${#failed[@]} -eq 0 ] || { echo "check-sanitizers: failed: ${failed[*]}" >&2; exit 1; }
echo "check-sanitizers: nothing found in ${suites[*]}"
