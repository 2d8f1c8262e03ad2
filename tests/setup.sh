#!/usr/bin/env bash
# Installs what the tests need beside Rust, on Debian or Ubuntu. Quick when everything is there already.
# Nothing is started: services of freshly installed packages stay off.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")

# command:package, only what a test really uses.
needs=(
  curl:curl
  python3:python3
  prometheus:prometheus
  promtool:prometheus
  amtool:prometheus-alertmanager
  faketime:faketime
)

missing=()
for need in "${needs[@]}"; do
  command -v "${need%%:*}" >/dev/null 2>&1 || missing+=("${need##*:}")
done
# The module is there with python3, what it needs to make an environment with pip is a package of its own.
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing+=(python3-venv)
# A compiler and a linker, which Rust does not bring.
command -v cc >/dev/null 2>&1 || missing+=(build-essential)

if [ "${#missing[@]}" -gt 0 ]; then
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  echo "setup: installing ${missing[*]}" >&2
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup: needs root (or sudo) to install: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  # Keep Debian from starting Prometheus and Alertmanager as services of this machine.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
  fi
  "${as_root[@]}" apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
  # Nor at the next start of this machine, where it has systemd: the tests start what they need themselves.
  if command -v systemctl >/dev/null 2>&1; then
    for package in "${missing[@]}"; do
      case $package in prometheus | prometheus-alertmanager) "${as_root[@]}" systemctl disable "$package" >/dev/null 2>&1 || true ;; esac
    done
  fi
fi

# What the stand-ins of tests/sinks need from Python, in an environment of their own below target/.
cache=${CALLOUT_SINKS_CACHE:-${CARGO_TARGET_DIR:-$top/target}/sinks-cache}
"$here/sinks/run.sh" --setup-only
# Slack's own libraries, which judge what callout accepts and sends.
"$here/sinks/slack/run.sh" --setup-only
# And Schemathesis, which reads /openapi.json.
"$here/schemathesis/run.sh" --setup-only
echo "setup: ready (cache: $cache)" >&2
