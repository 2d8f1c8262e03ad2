#!/bin/sh
# Starts the sinks; all arguments go to sinks.py. Prints one JSON line when ready.
# --setup-only: fetch what they need, then stop.
# CALLOUT_SINKS_CACHE: where the virtual environment and the card schema live (default: below target/).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${CALLOUT_SINKS_CACHE:-${CARGO_TARGET_DIR:-$here/../../target}/sinks-cache}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
. "$here/setup.sh"
setup_python
setup_schema
[ "${1:-}" = --setup-only ] && exit 0
PYTHONDONTWRITEBYTECODE=1 exec "$cache/venv/bin/python" "$here/sinks.py" --schema "$cache/adaptive-card.json" "$@"
