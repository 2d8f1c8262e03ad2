#!/usr/bin/env bash
# Measures callout (durable) and Debian's Alertmanager (in memory) on this machine, one after the other with the same driver, and
# prints a table with the ratios. Needs prometheus-alertmanager (tests/setup.sh installs it), python3 and curl.
#
#   examples/load/run.sh [FIGURE...]      all figures, or some of: ingest quiet refire e2e storm silences crash
#
#   SECONDS_EACH=5    length of the closed-loop and fixed-rate runs
#   ROUNDS=1          the best of so many runs counts, for both servers
#   ONLY=callout      leave Alertmanager out (or ONLY=alertmanager)
#   OUT=FILE          keep the raw results (JSON lines) there
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${SECONDS_EACH:-5}
rounds=${ROUNDS:-1}
only=${ONLY:-}
figures=${*:-ingest quiet refire e2e storm silences crash}

cargo build --release --locked --bin callout --example load
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')
load=$target/release/examples/load
callout=$target/release/callout
work=$(mktemp -d "$target/load.XXXXXX")
results=${OUT:-$work/results.jsonl}
: > "$results"
pid=
finish() {
  [ -n "$pid" ] && kill -9 "$pid" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

read -r port sink_port cluster_port < <(python3 - <<'PY'
import socket
held = [socket.socket() for _ in range(3)]
for s in held:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))
PY
)
server=127.0.0.1:$port
sink=127.0.0.1:$sink_port

# --- configurations: 500 teams, each telling one webhook (or nobody)
callout_config() { # folder, "notify" or "quiet"
  mkdir -p "$1/teams"
  cat > "$1/callout.toml" <<TOML
[organisation]
name = "load"
timezone = "UTC"
fallback = "team-000"

[priorities.P1]
meaning = "urgent"
[priorities.P3]
meaning = "not so urgent"

[channels.webhook.sink]
url = "http://$sink/"
allow_private = true
batch = 256
TOML
  for n in $(seq -f %03g 0 499); do
    # Every alert an incident of its own, as Alertmanager's group_by ['...'] makes each a group of its own.
    printf '[teams.team-%s]\ndedup = ["lg_id"]\ndedup_resource = ["lg_id"]\n' "$n"
    if [ "$2" = notify ]; then printf '[[teams.team-%s.routes]]\ntell = ["webhook:sink"]\n' "$n"; fi
  done > "$1/teams/load.toml"
}
alertmanager_config() { # file, "notify" or "quiet"
  local integration="webhook_configs: [{url: 'http://$sink/', send_resolved: true}]"
  [ "$2" = notify ] || integration=""
  cat > "$1" <<YAML
route: {receiver: sink, group_by: ['...'], group_wait: 0s, group_interval: 5m, repeat_interval: 4h}
receivers:
  - name: sink
    $integration
YAML
}

# --- start and stop; every run begins with an empty data directory
start() { # callout|alertmanager, notify|quiet
  stop
  rm -rf "$work/data" "$work/config"
  mkdir -p "$work/data" "$work/config"
  if [ "$1" = callout ]; then
    callout_config "$work/config" "$2"
    command=("$callout" serve --config "$work/config" --data "$work/data" --listen "$server")
  else
    alertmanager_config "$work/config/am.yml" "$2"
    command=("$(command -v prometheus-alertmanager)" --config.file="$work/config/am.yml" --storage.path="$work/data"
      --web.listen-address="$server" --cluster.listen-address= --log.level=error)
  fi
  "${command[@]}" > "$work/log" 2>&1 &
  pid=$!
  for _ in $(seq 600); do
    curl -sf -o /dev/null "http://$server/-/ready" && return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  echo "$1 did not become ready:" >&2
  tail -40 "$work/log" >&2
  exit 1
}
stop() {
  if [ -n "$pid" ]; then kill -9 "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
  pid=
}
measure() { # label of the server, mode, arguments…
  local label=$1 mode=$2
  shift 2
  "$load" "$mode" --server "$server" --sink "$sink" --pid "$pid" --label "$label" "$@" | tee -a "$results" >&2
}

for name in alertmanager callout; do
  [ -n "$only" ] && [ "$only" != "$name" ] && continue
  for _ in $(seq "$rounds"); do
    for figure in $figures; do
      echo "== $name: $figure" >&2
      case $figure in
        ingest) for b in 1 64 512; do start $name notify; measure "$name/notified/$b" ingest --notified -b $b -t "$seconds"; done ;;
        quiet) for b in 1 64 512; do start $name quiet; measure "$name/quiet/$b" ingest -b $b -t "$seconds" -n 1000000; done ;;
        refire) for b in 1 64 512; do start $name quiet; measure "$name/refire/$b" ingest -b $b -t "$seconds" --refire 1000 -n 100000000; done ;;
        e2e) for r in 1000 5000; do start $name notify; measure "$name/e2e/$r" e2e -b 1 -c 64 -r $r -t "$seconds"; done ;;
        storm)
          start $name notify
          list=/api/v2/alerts
          [ $name = callout ] && list='/v1/incidents?limit=100'
          measure "$name/storm" storm -b 64
          start $name notify
          measure "$name/storm/urgent" storm -b 64 --urgent-every 1000
          start $name notify
          measure "$name/active" active -b 64 --list "$list" ;;
        silences)
          start $name notify
          measure "$name/silences/0" storm -b 64 -n 5000
          start $name notify
          measure "$name/silences/create" silences
          # Snapshot and index of what that made; the burst is to be compared with one that begins at rest.
          sleep 3
          measure "$name/silences/10000" storm -b 64 -n 5000 ;;
        crash)
          start $name notify
          measure "$name/crash" crash -b 1 -r 500 -t 5 --kill-after-s 2 --sink-down-s 3 --quiet-s 15 \
            --restart "$(printf '%q ' "${command[@]}")"
          pid=$(tail -1 "$results" | python3 -c 'import json,sys; print(json.loads(sys.stdin.read())["new_pid"])') ;;
        *) echo "no such figure: $figure" >&2; exit 2 ;;
      esac
    done
  done
done
stop
python3 examples/load/table.py "$results"
