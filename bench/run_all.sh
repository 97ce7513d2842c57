#!/usr/bin/env bash
# Every benchmark of a build, or those named: bench/run_all.sh BUILD_DIR [NAME...] [-- OPTION...]. Results also go to bench/results/;
# those of `responder`, `check`, `keeper`, `handshake` and `stapling` are reports in docs/reports/. Options are for the programs named: responder -- --count 10000000
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
build=$(readlink -f "$1")
shift
wanted=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  wanted+=("$1")
  shift
done
[ $# -eq 0 ] || shift
options=("$@")
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
  "$@" "${options[@]}" | tee "$results/$name.txt"
}

bench http bench/http/run.py "$build"
bench handshake-alone "$build/bench/handshake/muster_bench_handshake"
# Their results are docs/reports/responder.md, checker.md, stapler.md and handshake.md: no second copy of the figures.
for name in responder check keeper handshake; do
  if is_wanted "$name"; then
    echo "== $name"
    "bench/$name/run.py" "$build" "${options[@]}"
  fi
done
# An hour of real time (HAProxy's scenarios); its result is docs/reports/stapling.md.
if is_wanted stapling; then
  echo "== stapling"
  bench/stapling/run.py "$build" --out docs/reports "${options[@]}"
fi
bench store "$build/bench/store/muster_bench_store"
