#!/usr/bin/env bash
# Fuzzes every parser of foreign bytes for some seconds each: tests/fuzz/run.sh [SECONDS [TARGET…]]. What is found lies in tests/fuzz/artifacts/;
# put it into tests/fuzz/corpus/TARGET/ with a name that says what it is, and mend the parser: from then on it is an ordinary test.
# Needs cargo-fuzz (`cargo install cargo-fuzz`); the stable compiler is enough, since no sanitizer is used: all code is safe Rust.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
shift || true
export RUSTC_BOOTSTRAP=1
mapfile -t targets < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else cargo fuzz list --fuzz-dir . ; fi)
found=0
for target in "${targets[@]}"; do
  mkdir -p "target/corpus/$target" # What is new goes there; what is committed stays small.
  begin=$SECONDS
  if cargo fuzz run --fuzz-dir . --sanitizer none "$target" "target/corpus/$target" "corpus/$target" -- \
    -max_total_time="$seconds" -timeout=10 -max_len=4096 -rss_limit_mb=1024 -print_final_stats=1 >"target/$target.log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "target/$target.log")
    echo "fuzz: $target: $runs runs in $((SECONDS - begin)) s, nothing found"
  else
    found=1
    echo "fuzz: $target: FOUND, see tests/fuzz/target/$target.log" >&2
    tail -n 30 "target/$target.log" >&2
  fi
done
exit "$found"
