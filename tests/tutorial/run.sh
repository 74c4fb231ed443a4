#!/bin/bash
# The tutorial, command by command, and the pieces of code in the other documents.
set -uo pipefail
cd "$(dirname "$0")/../.."
unset MAKEFLAGS MFLAGS MAKELEVEL
export OBJECTOS_PACKAGES=skip PYTHONDONTWRITEBYTECODE=1
status=0
tests/tutorial/run.py docs/tutorial.md || status=1
scripts/with-cluster.sh --fast -- tests/tutorial/snippets.py || status=1
exit "$status"
