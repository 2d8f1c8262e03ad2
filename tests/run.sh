#!/usr/bin/env bash
# Runs every test; installs what they need first. Arguments go to the test programs, e.g. `./tests/run.sh escalation`.
#
# CALLOUT_ORACLES   folder with other cases of known answers (burnrate/, schedules/, escalation/)
# CALLOUT_KILLS     how often the crash test kills the service (default 200; the long run: 500)
# CALLOUT_SIM_SEEDS how many seeds the simulator runs; CALLOUT_SIM_SEED=N replays one
# CALLOUT_STORM     how many alerts the storm has (default 20000; the long run: 200000)
# CALLOUT_SEED      seed of the crash test (default: a new one, printed)
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.." || exit 1
began=$SECONDS

"$here/setup.sh" || exit 1
ready=$SECONDS

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# What the tests print when they pass (cases read, kills done, seeds) is part of the result: --show-output.
cargo test --locked --no-fail-fast -- --show-output "$@" 2>&1 | tee "$log" | grep --line-buffered -vE '^test .* \.\.\. ok$|^$|^successes:$|^    [a-z0-9_:]+$|^---- .* stdout ----$'
status=${PIPESTATUS[0]}

passed=0 failed=0 ignored=0
while read -r p f i; do
  passed=$((passed + p)) failed=$((failed + f)) ignored=$((ignored + i))
done < <(sed -nE 's/^test result: [A-Za-z]+\. ([0-9]+) passed; ([0-9]+) failed; ([0-9]+) ignored.*/\1 \2 \3/p' "$log")

echo
echo "──────── summary"
grep -hE '^(oracles|crash|storm|prometheus|docs|metrics|schemathesis|sim): ' "$log" | sort -u
grep -hE '^test .* \.\.\. FAILED$' "$log" | sort -u
echo "$passed passed, $failed failed, $ignored ignored; setup $((ready - began)) s, tests $((SECONDS - ready)) s"
[ "$status" -eq 0 ] && [ "$passed" -gt 0 ] && echo "all tests passed" && exit 0
echo "TESTS FAILED" >&2
exit 1
