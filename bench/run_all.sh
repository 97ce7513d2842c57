#!/usr/bin/env bash
# Every benchmark of a build, or those named: bench/run_all.sh BUILD_DIR [NAME...]. Results also go to bench/results/.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
build=$(readlink -f "$1")
shift
wanted=("$@")
results=bench/results
mkdir -p "$results"

is_wanted() {
  local name
  [ ${#wanted[@]} -eq 0 ] && return 0
  for name in "${wanted[@]}"; do
    [ "$name" = "$1" ] && return 0
  done
  return 1
}

bench() {  # bench NAME COMMAND...
  local name=$1
  shift
  is_wanted "$name" || return 0
  echo "== $name"
  "$@" | tee "$results/$name.txt"
}

bench http bench/http/run.py "$build"
bench handshake "$build/bench/handshake/muster_bench_handshake"
[ ! -x bench/responder/run.py ] || bench responder bench/responder/run.py "$build"
[ ! -x "$build/bench/store/muster_bench_store" ] || bench store "$build/bench/store/muster_bench_store"
