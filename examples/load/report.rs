//! Figures: latencies by rank, CPU and memory of the server from /proc, one JSON line per result.

use std::fs;

use serde_json::{Value, json};

/// Clock ticks of /proc a second; fixed in Linux for all that user space sees.
const TICKS: f64 = 100.0;

/// Latencies in milliseconds by rank.
pub fn latency(mut ns: Vec<u64>) -> Value {
    if ns.is_empty() {
        return Value::Null;
    }
    ns.sort_unstable();
    let rank = |q: f64| {
        let at = ((ns.len() - 1) as f64 * q).round() as usize;
        round(ns[at] as f64 / 1e6)
    };
    json!({"count": ns.len(), "p50_ms": rank(0.5), "p90_ms": rank(0.9), "p99_ms": rank(0.99), "p999_ms": rank(0.999), "max_ms": rank(1.0)})
}

/// CPU seconds that a process used so far; 0 when there is none.
pub fn cpu_s(pid: Option<u32>) -> f64 {
    let Some(pid) = pid else { return 0.0 };
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS
}

/// `VmRSS` or `VmHWM` of a process in MiB; 0 when there is none.
pub fn memory_mib(pid: Option<u32>, key: &str) -> f64 {
    let Some(pid) = pid else { return 0.0 };
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib =
        status.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(':')?.split_whitespace().next()?.parse().ok());
    round(kib.unwrap_or(0.0) / 1024.0)
}

/// Three places after the point.
pub fn round(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}

/// Prints a result as one line of JSON.
pub fn emit(mode: &str, label: &str, fields: Value) {
    let mut line = json!({"mode": mode, "label": label});
    if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
        line.extend(fields);
    }
    println!("{line}");
}
