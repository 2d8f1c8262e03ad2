#!/usr/bin/env python3
"""Prints the results of run.sh as a table: the best of several runs of each server, and the ratio."""
import json
import sys

ROWS = [  # name, part of the label, path to the figure, whether more is better, unit
    *((f"distinct alerts, each notified, batch {b}: received", f"notified/{b}", "notified_per_s", True, "/s") for b in (1, 64, 512)),
    *((f"distinct alerts, each notified, batch {b}: accepted", f"notified/{b}", "accepted_per_s", True, "/s") for b in (1, 64, 512)),
    *((f"distinct alerts, nobody to notify, batch {b}", f"quiet/{b}", "accepted_per_s", True, "/s") for b in (1, 64, 512)),
    *((f"re-fires of 1,000 known alerts, batch {b}", f"refire/{b}", "accepted_per_s", True, "/s") for b in (1, 64, 512)),
    *((f"post to receipt at {r}/s, {q}", f"e2e/{r}", f"post_to_receipt.{q}_ms", False, "ms") for r in (1000, 5000) for q in ("p50", "p99")),
    ("burst of 100,000 until all were received", "storm", "last_seen_after_s", False, "s"),
    ("the same with one P1 among 1,000 P3: post to receipt of the P1, p50", "storm/urgent", "urgent.p50_ms", False, "ms"),
    ("the same, slowest P1", "storm/urgent", "urgent.max_ms", False, "ms"),
    ("the same, P3, p50", "storm/urgent", "post_to_receipt.p50_ms", False, "ms"),
    ("resident memory, 100,000 active and notified", "active", "rss_loaded_mib", False, "MiB"),
    ("list of active alerts (callout: first page), p50", "active", "list.p50_ms", False, "ms"),
    ("the same, bytes", "active", "list_bytes", False, "B"),
    ("burst of 5,000, no silences: notified", "silences/0", "seen_per_s", True, "/s"),
    ("burst of 5,000, 10,000 silences: notified", "silences/10000", "seen_per_s", True, "/s"),
    ("accepted alerts lost by kill -9, receiver down", "crash", "lost_accepted_before_kill", False, ""),
    ("ready after kill -9", "crash", "ready_after_restart_s", False, "s"),
]


def figure(result, path):
    for key in path.split("."):
        result = result.get(key) if isinstance(result, dict) else None
    return result


def show(value, unit):
    return "–" if value is None else f"{value:,.0f} {unit}".strip() if value >= 100 else f"{value:,.2f} {unit}".strip()


results = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8") if line.startswith("{")]
print("| work | Alertmanager | callout | ratio |\n|---|---|---|---|")
for name, label, path, more, unit in ROWS:
    best = {}
    for server in ("alertmanager", "callout"):
        values = [figure(r, path) for r in results if r["label"] == f"{server}/{label}"]
        values = [v for v in values if v is not None]
        best[server] = (max(values) if more else min(values)) if values else None
    a, c = best["alertmanager"], best["callout"]
    if a is None and c is None:
        continue
    ratio = "–"
    if a and c:
        ratio = f"{c / a if more else a / c:.1f} ×"
    print(f"| {name} | {show(a, unit)} | {show(c, unit)} | {ratio} |")
lost = sum(r.get("lost", 0) or 0 for r in results if r["label"].startswith("callout"))
failed = sum(r.get("failed", 0) or 0 for r in results if r["label"].startswith("callout"))
print(f"\ncallout: {lost} accepted alerts never received, {failed} posts failed")
