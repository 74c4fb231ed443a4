#!/bin/bash
# check-traces: recordings of real writing (TRACES=directory, files *.json and *.json.gz) are replayed by
# the algebra of text fields, those of two writers by two sessions with a history between, and through push and pull of
# a server; they must end with the text that they ended with then. The project carries none; the public collection of editing traces (josephg/editing-traces) has them in this form.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -n "${TRACES:-}" ] || { echo "check-traces: say TRACES=directory" >&2; exit 2; }
shopt -s nullglob
packed=("$TRACES"/*.json.gz) files=("$TRACES"/*.json)
[ $((${#packed[@]} + ${#files[@]})) -gt 0 ] || { echo "check-traces: no recording in $TRACES" >&2; exit 2; }
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
for file in "${packed[@]}"; do
  gzip -dc -- "$file" >"$unpacked/$(basename "$file" .gz)"
  files+=("$unpacked/$(basename "$file" .gz)")
done
scripts/with-cluster.sh --fast -- build/check-traces "${files[@]}"
