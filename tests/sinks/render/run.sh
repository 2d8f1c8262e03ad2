#!/bin/sh
# run.sh check FILE...          type-check and schema-check payloads (exit status 1 when one is bad)
# run.sh render OUTDIR FILE...  the same payloads as PNG
# FILE: slack*.json, teams*.json or *.eml. Needs node 20+, python3, and chromium for `render`.
set -eu
rhere=$(cd "$(dirname "$0")" && pwd)
here=$(dirname "$rhere")
cache=${CALLOUT_SINKS_CACHE:-${CARGO_TARGET_DIR:-$here/../../target}/sinks-cache}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
. "$here/setup.sh"
setup_python
setup_schema
mkdir -p "$cache/node"
want=$(cat "$rhere/package.json" "$rhere/package-lock.json" | cksum)
if [ "$(cat "$cache/node/.done" 2>/dev/null || true)" != "$want" ]; then
  cp "$rhere/.npmrc" "$rhere/package.json" "$rhere/package-lock.json" "$cache/node/"
  ( cd "$cache/node" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error 1>&2 )
  printf '%s' "$want" > "$cache/node/.done"
fi
what=$1; shift
CACHE=$cache HERE=$here exec node "$rhere/$what.mjs" "$@"
