#!/bin/sh
# Runs Schemathesis in an environment of its own; all arguments go to it.
# --setup-only: fetch what it needs, then stop.
# CALLOUT_SINKS_CACHE: where the environment lives (default: below target/).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${CALLOUT_SINKS_CACHE:-${CARGO_TARGET_DIR:-$here/../../target}/sinks-cache}
mkdir -p "$cache"
venv=$(cd "$cache" && pwd)/schemathesis
want=$(cksum < "$here/requirements.txt")
if [ "$(cat "$venv/.done" 2>/dev/null || true)" != "$want" ]; then
  python3 -m venv "$venv" 1>&2
  "$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt" 1>&2
  printf '%s' "$want" > "$venv/.done"
fi
[ "${1:-}" = --setup-only ] && exit 0
exec "$venv/bin/st" "$@"
