#!/bin/bash
# fuzz: libFuzzer with address and undefined-behaviour sanitizers on every decoder of protocol/, a target
# each (tests/fuzz). SECONDS=600 is how long each target runs, JOBS=2 how many at once, TARGETS="json push"
# which. First a planted defect must be found within a minute. What a target fails on is kept in
# build/fuzz/<target>/crash-…; the corpus it grew, in build/fuzz/<target>/corpus, is used again.
each=$SECONDS
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$each" -gt 0 ] || each=600
scripts/install-packages.sh fuzz
build=build/fuzz
compile=(clang++ -std=c++20 -g -O1 -I. -DOBJECTOS_LIBFUZZER -fno-omit-frame-pointer
  -fno-sanitize-recover=all -fsanitize-ignorelist=tests/fuzz/ignored.txt)
checks=address,undefined

protocol_objects() {
  local source object
  mkdir -p "$build/protocol"
  for source in protocol/*.cpp; do
    object=$build/$(basename "$source" .cpp).o
    objects+=("$object")
    [ -n "$(find "$source" protocol/*.h -newer "$object" 2>/dev/null)" ] || [ ! -e "$object" ] || continue
    "${compile[@]}" -fsanitize=fuzzer-no-link,$checks -c -o "$object" "$source"
  done
}

# link name source [flag…]
link() {
  local name=$1 source=$2
  shift 2
  mkdir -p "$build/$name/corpus"
  "${compile[@]}" "$@" -fsanitize=fuzzer,$checks -o "$build/$name/run" "$source" "${objects[@]}" -lzstd -lcrypto
}

# run name seconds seeds: one line, 1 if the target fails.
run() {
  local name=$1 seconds=$2 seeds=$3 status=0 log=$build/$1/log
  nice -n 19 "$build/$name/run" "$build/$name/corpus" "$seeds" -max_total_time="$seconds" -max_len=4096 \
    -timeout=120 -rss_limit_mb=2048 -dict=tests/fuzz/words.dict -print_final_stats=1 \
    -artifact_prefix="$build/$name/" >"$log" 2>&1 || status=$?
  local runs edges
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  edges=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
  if [ "$status" -eq 0 ]; then
    echo "$name: $seconds s, ${runs:-0} inputs, ${edges:-0} edges, nothing found"
    return 0
  fi
  echo "$name: FAILED: $(grep -m 1 -E 'does not hold|ERROR: |runtime error|uncaught|terminate called' "$log" ||
    tail -n 1 "$log") ($log)"
  return 1
}

objects=()
protocol_objects
link seeded tests/fuzz/seeded.cpp
link planted tests/fuzz/seeded.cpp -DOBJECTOS_PLANTED_DEFECT
run seeded 10 tests/fuzz/corpus/push
rm -rf "$build/planted/corpus" "$build"/planted/crash-*
mkdir "$build/planted/corpus"
if run planted 60 tests/fuzz/corpus/push >/dev/null || ! grep -q heap-buffer-overflow "$build/planted/log"; then
  echo "the planted defect was not found within a minute: the fuzzer does not work" >&2
  exit 1
fi
echo "planted: found, as it must be"

targets=()
for source in tests/fuzz/*.cpp; do
  name=$(basename "$source" .cpp)
  case $name in seeded | replay) continue ;; esac
  [ -z "${TARGETS:-}" ] || [[ " $TARGETS " == *" $name "* ]] || continue
  link "$name" "$source"
  targets+=("$name")
done
results=$(mktemp)
trap 'rm -f "$results"' EXIT
running=0
for name in "${targets[@]}"; do
  { run "$name" "$each" "tests/fuzz/corpus/$name" || true; } | tee -a "$results" &
  running=$((running + 1))
  [ "$running" -lt "${JOBS:-2}" ] || { wait -n; running=$((running - 1)); }
done
wait
failed=$(grep -c FAILED "$results" || true)
echo "fuzz: $((${#targets[@]} - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
