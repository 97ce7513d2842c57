#!/usr/bin/env bash
# run_all.sh SECONDS [BUILD_DIR]: every fuzz target for so long, two at a time. Fails on any finding; findings are kept in
# BUILD_DIR/findings. Grown corpora stay in BUILD_DIR/corpus for the next run.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seconds=${1:-60}
build=${2:-build/fuzz}
vectors=${MUSTER_VECTORS:-../shared/vectors}
mkdir -p "$build/findings" "$build/corpus" "$build/logs"
rm -f "$build"/findings/*

fuzz_one() {
  local program=$1 target seeds pattern
  target=$(basename "$program" _fuzz)
  mkdir -p "$build/corpus/$target"
  local inputs=("$build/corpus/$target")
  [ -d "fuzz/corpus/$target" ] && inputs+=("fuzz/corpus/$target")
  seeds=$build/seeds/$target
  rm -rf "$seeds"
  while read -r name pattern; do
    if [ "$name" = "$target" ] && [ -d "$vectors" ]; then
      mkdir -p "$seeds"
      # shellcheck disable=SC2086  # the pattern is a glob
      (cd "$vectors" && find $pattern -size -16k -print0) | xargs -0 -I{} cp "$vectors/{}" "$seeds/"
      inputs+=("$seeds")
    fi
  done <fuzz/seeds.txt
  local log=$build/logs/$target.log begin=$SECONDS
  if timeout --kill-after=10 "$((seconds + 120))" "$program" -max_total_time="$seconds" -dict=fuzz/muster.dict \
      -rss_limit_mb=1500 -timeout=10 -max_len=8192 -print_final_stats=1 \
      -artifact_prefix="$build/findings/$target-" "${inputs[@]}" >"$log" 2>&1; then
    printf '%-28s %4d s  %12s runs  cov %s\n' "$target" "$((SECONDS - begin))" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
      "$(sed -n 's/.*DONE *cov: \([0-9]*\).*/\1/p' "$log")"
  else
    printf '%-28s FINDING, see %s\n' "$target" "$log"
    tail -n 40 "$log"
    return 1
  fi
}
export -f fuzz_one
export build seconds vectors

mapfile -t programs < <(find "$build/fuzz" -maxdepth 1 -name '*_fuzz' -type f -perm -u+x | sort)
[ "${#programs[@]}" -gt 0 ] || { echo "no fuzz targets in $build/fuzz: build the fuzz preset first" >&2; exit 1; }
printf '%s\n' "${programs[@]}" | xargs -P 2 -I{} bash -c 'set -euo pipefail; fuzz_one {}'
echo "${#programs[@]} targets, no finding"
