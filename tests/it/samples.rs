//! Samples in, by every way: callout's own, Prometheus remote write and OTLP, from messages made here and from the real programs.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use callout::ingest::metrics::wire::put_bytes;
use serde_json::{Value, json};

use crate::support::http::Reply;
use crate::support::service::{callout, free_address, run, stdout_of};
use crate::support::world::{self, STEPS};
use crate::support::{Service, Sinks, TempDir};

const CONFIG: &str = r#"[organisation]
name = "acme"
fallback = "ops"
[teams.ops]
[teams.shop]
[environments]
prod-eu = { region = "eu" }
[services.data-api]
team = "shop"
[services.users]
team = "ops"

[metrics.http]
total = 'http_requests_total{job="data-api"}'
bad = 'http_requests_total{job="data-api",code=~"5.."}'
service = "data-api"
endpoint = "{handler}"
environment = "prod-eu"
sli = "availability"
[metrics.http-latency]
histogram = 'http_request_duration_seconds{job="data-api"}'
threshold = "300ms"
service = "data-api"
sli = "latency"
[metrics.otel]
total = 'http.server.requests{service.name="data-api"}'
bad = 'http.server.requests{http.response.status_code=~"5.."}'
service = "{service.name}"
endpoint = "{http.route}"
sli = "availability"
[metrics.otel-latency]
histogram = 'http.server.request.duration'
threshold = "300ms"
service = "{service.name}"
endpoint = "{http.route}"
sli = "latency"
"#;

fn service() -> Service {
    Service::prepare(&[("callout.toml", CONFIG)]).start()
}

pub fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

pub fn minutes_ago(minutes: i64) -> String {
    let at = now_ms() / 60_000 - minutes;
    callout::domain::Timestamp::from_seconds(at * 60).to_string()
}

fn sample(minutes: i64, good: u64, total: u64) -> Value {
    json!({
        "service": "data-api", "endpoint": "GET /api/data/{tenant}", "sli": "availability", "environment": "prod-eu",
        "source": "api-1", "minute": minutes_ago(minutes), "good": good, "total": total,
    })
}

fn with(mut sample: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        sample[name] = value.clone();
    }
    sample
}

#[track_caller]
fn expect_counts(reply: &Reply, expected: &Value) {
    assert_eq!(reply.status, 202, "{}", reply.text());
    let answer = reply.json();
    for (name, count) in expected.as_object().unwrap() {
        assert_eq!(&answer[name], count, "{name}: {answer}");
    }
}

#[test]
fn samples_are_taken_one_by_one_and_in_batches() {
    let mut service = service();
    let first = sample(3, 98, 100);
    expect_counts(&service.post("/v1/samples", &first), &json!({"accepted": 1, "stored": 1, "rejected": []}));
    expect_counts(&service.post("/v1/samples", &first), &json!({"accepted": 1, "repeated": 1}));
    expect_counts(&service.post("/v1/samples", &sample(3, 99, 101)), &json!({"replaced": 1}));
    let part = |good, more: Value| with(sample(2, good, 10), &with(json!({"part": 1}), &more));
    expect_counts(&service.post("/v1/samples", &part(9, json!({}))), &json!({"stored": 1}));
    let conflict = service.post("/v1/samples", &part(8, json!({})));
    assert_eq!(conflict.status, 409, "{}", conflict.text());
    assert_eq!(conflict.json()["type"], "/problems/conflicting-sample");
    expect_counts(&service.post("/v1/samples", &part(8, json!({"correction": true}))), &json!({"replaced": 1}));

    // Valid ones are kept beside the others, and each other gets its reason at its place.
    let batch = json!([
        sample(1, 5, 5),
        with(sample(1, 5, 5), &json!({"service": "unknown"})),
        with(sample(1, 6, 5), &json!({"source": "api-2"})),
        with(sample(-4, 5, 5), &json!({"source": "api-2"})),
        with(sample(90, 1, 1), &json!({"source": "slow"})),
        with(sample(80, 1, 1), &json!({"source": "slow"})),
        with(sample(1, 5, 5), &json!({"sorce": "api-2"})),
    ]);
    let reply = service.post("/v1/samples", &batch);
    expect_counts(&reply, &json!({"accepted": 3, "stored": 1, "late": 2}));
    let rejected: Vec<(u64, String)> = reply.json()["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            (r["index"].as_u64().unwrap(), r["type"].as_str().unwrap().trim_start_matches("/problems/").to_owned())
        })
        .collect();
    let expected = [(1, "unknown-service"), (2, "bad-counts"), (3, "time-in-future"), (6, "unknown-field")]
        .map(|(n, s)| (n, s.to_owned()));
    assert_eq!(rejected, expected, "{}", reply.text());
    let too_late = service.post("/v1/samples", &with(sample(85, 2, 2), &json!({"source": "slow"})));
    assert_eq!(too_late.status, 422, "{}", too_late.text());
    assert_eq!(too_late.json()["rejected"][0]["type"], "/problems/time-in-past");

    // Compressed, and after a crash everything is known.
    service.kill_9();
    service.restart();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(json!([sample(3, 99, 101), sample(1, 5, 5)]).to_string().as_bytes()).unwrap();
    let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let reply = service.request("POST", "/v1/samples", &headers, &gzip.finish().unwrap());
    expect_counts(&reply, &json!({"accepted": 2, "repeated": 2}));
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains(r#"callout_ingest_points_total{dialect="samples",outcome="taken"} 2"#), "{metrics}");
}

#[test]
fn a_token_of_a_team_sends_for_its_services_alone() {
    let token = "cot_0123456789abcdef0123456789abcdef0123456789abcdef";
    let hash = stdout_of(Command::new("bash").args(["-c", &format!("printf %s {token} | sha256sum")]));
    let config = format!(
        "{CONFIG}\n[tokens.shop]\nsha256 = \"{}\"\nscopes = [\"ingest:shop\"]\n",
        hash.split_whitespace().next().unwrap()
    );
    let service = Service::prepare(&[("callout.toml", &config)]).start();
    let bearer = format!("Bearer {token}");
    let json_headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let own = sample(1, 1, 1);
    let foreign = with(sample(1, 1, 1), &json!({"service": "users"}));
    let body = json!([own, foreign]).to_string();
    let reply = service.request("POST", "/v1/samples", &json_headers, body.as_bytes());
    expect_counts(&reply, &json!({"accepted": 1}));
    assert_eq!(reply.json()["rejected"][0]["type"], "/problems/other-team", "{}", reply.text());
    for path in ["/v1/samples", "/v1/metrics", "/api/v1/write"] {
        assert_eq!(service.request("POST", path, &[], b"").status, 401, "{path}");
    }
    let hint = service.request("POST", "/api/v1/alerts", &[], b"");
    assert_eq!(hint.status, 410, "the rest of the old interface still says where to go");
}

type Headers<'a> = &'a [(&'a str, &'a str)];

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const SNAPPY: (&str, &str) = ("content-encoding", "snappy");
const TWO: (&str, &str) = ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request");

fn message(parts: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (field, bytes) in parts {
        put_bytes(&mut out, *field, bytes);
    }
    out
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
}

fn point(value: f64, at: i64) -> Vec<u8> {
    let mut out = vec![0x09];
    out.extend(value.to_le_bytes());
    out.push(0x10);
    varint(&mut out, at.cast_unsigned());
    out
}

/// One series of version 1.
pub fn series(labels: &[(&str, &str)], points: &[(f64, i64)]) -> Vec<u8> {
    let labels = labels
        .iter()
        .map(|(name, value)| (1, message(&[(1, name.as_bytes().to_vec()), (2, value.as_bytes().to_vec())])));
    message(&labels.chain(points.iter().map(|(value, at)| (2, point(*value, *at)))).collect::<Vec<_>>())
}

fn snappy(body: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(body).unwrap()
}

pub fn write(service: &Service, all: &[Vec<u8>]) -> Reply {
    let body = message(&all.iter().map(|s| (1, s.clone())).collect::<Vec<_>>());
    service.request("POST", "/api/v1/write", &[PROTOBUF, SNAPPY], &snappy(&body))
}

fn written(reply: &Reply) -> [Option<&str>; 3] {
    ["samples", "histograms", "exemplars"]
        .map(|what| reply.header(&format!("x-prometheus-remote-write-{what}-written")))
}

/// All minutes that became samples, from the journal: bad and total of each minute's newest whole and of its further parts.
fn counted(service: &Service) -> Vec<(i64, u64, u64)> {
    fn collect(value: &Value, into: &mut Vec<(i64, Value, u64, u64, u64)>) {
        match value {
            Value::Object(object) => {
                if let Some(rows) = object.get("MinutesCounted").and_then(|m| m["batch"]["rows"].as_array()) {
                    for row in rows {
                        let number = |name: &str| row[name].as_u64().unwrap();
                        let row = (
                            row["minute"].as_i64().unwrap(),
                            row["part"].clone(),
                            number("feed"),
                            number("bad"),
                            number("total"),
                        );
                        into.retain(|(minute, part, feed, ..)| (*minute, part, *feed) != (row.0, &row.1, row.2));
                        into.push(row);
                    }
                }
                for value in object.values() {
                    collect(value, into);
                }
            }
            Value::Array(list) => {
                for value in list {
                    collect(value, into);
                }
            }
            _ => {}
        }
    }
    let lines = stdout_of(callout().args(["export", "--data"]).arg(service.data()));
    let mut rows = Vec::new();
    for line in lines.lines() {
        collect(&serde_json::from_str(line).unwrap(), &mut rows);
    }
    let mut minutes = std::collections::BTreeMap::new();
    for (minute, _, _, bad, total) in rows {
        let sum: &mut (u64, u64) = minutes.entry(minute).or_default();
        *sum = (sum.0 + bad, sum.1 + total);
    }
    minutes.into_iter().map(|(minute, (bad, total))| (minute, bad, total)).collect()
}

#[track_caller]
fn wait_counted(
    service: &Service,
    what: &str,
    within: Duration,
    enough: impl Fn(&[(i64, u64, u64)]) -> bool,
) -> Vec<(i64, u64, u64)> {
    let begin = Instant::now();
    loop {
        let minutes = counted(service);
        if enough(&minutes) {
            return minutes;
        }
        assert!(begin.elapsed() < within, "{what}: {minutes:?}\n{}", service.log());
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn remote_write_counts_exactly_through_crashes_resets_and_repeats() {
    let mut service = service();
    let minute = now_ms() / 60_000 * 60_000 - 4 * 60_000;
    let labels = |code, instance| {
        [
            ("__name__", "http_requests_total"),
            ("code", code),
            ("handler", "/api"),
            ("instance", instance),
            ("job", "data-api"),
        ]
    };
    let of = |code, instance, points: &[(f64, i64)]| series(&labels(code, instance), points);
    let unwanted = series(&[("__name__", "up"), ("job", "data-api")], &[(f64::NAN, minute)]);
    let first = [
        of("200", "a", &[(1_000.0, minute), (1_090.0, minute + 15_000)]),
        of("500", "a", &[(7.0, minute), (17.0, minute + 15_000)]),
        of("200", "b", &[(5_000.0, minute + 1_000)]),
        unwanted,
    ];
    let reply = write(&service, &first).expect_status(204);
    assert_eq!(written(&reply), [Some("6"), Some("0"), Some("0")]);
    // Sent again, as a sender does that did not see the answer; then a crash.
    write(&service, &first).expect_status(204);
    service.kill_9();
    service.restart();
    write(&service, &first).expect_status(204);
    // Goes on, one instance begins again at zero, and a minute later once more.
    let second = [
        of("200", "a", &[(1_190.0, minute + 30_000), (40.0, minute + 45_000)]),
        of("200", "b", &[(5_010.0, minute + 30_000), (5_030.0, minute + 75_000)]),
        of("500", "a", &[(17.0, minute + 75_000)]),
    ];
    write(&service, &second).expect_status(204);
    let minutes = wait_counted(&service, "two minutes", Duration::from_mins(1), |all| all.len() >= 2);
    let first_minute = minute / 60_000 + 1;
    // 90 + 10 + 100 + 40 of one instance, 10 of the other; ten are bad. Then 20 of the other and none of the first.
    assert_eq!(minutes, [(first_minute, 10, 250), (first_minute + 1, 0, 20)]);

    // Refused with a reason, and what is good beside it is kept.
    let reply = write(&service, &[of("200", "c", &[(-1.0, minute)]), of("200", "c", &[(1.0, minute + 1)])]);
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(reply.json()["type"], "/problems/rejected-points");
    assert!(reply.text().contains("which is no count (1)"), "{}", reply.text());
    assert_eq!(written(&reply)[0], Some("1"));
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains(r#"callout_ingest_points_total{dialect="remote_write",outcome="unwanted"}"#), "{metrics}");
}

#[test]
fn remote_write_is_answered_as_its_specification_says() {
    let service = service();
    let at = now_ms();
    let symbols = ["", "__name__", "http_requests_total", "job", "data-api", "handler", "/api", "code", "200"];
    let mut refs = Vec::new();
    for r in [1, 2, 7, 8, 5, 6, 3, 4] {
        varint(&mut refs, r);
    }
    let mut body = message(&symbols.map(|s| (4, s.as_bytes().to_vec())));
    put_bytes(&mut body, 5, &message(&[(1, refs.clone()), (2, point(5.0, at)), (4, Vec::new())]));
    let reply = service.request("POST", "/api/v1/write", &[TWO, SNAPPY], &snappy(&body)).expect_status(204);
    assert_eq!(written(&reply), [Some("1"), Some("0"), Some("1")]);
    assert!(reply.text().is_empty());
    // A native histogram of a series that a rule wants is refused; of any other it is nobody's business.
    let mut histogram = message(&symbols.map(|s| (4, s.as_bytes().to_vec())));
    put_bytes(&mut histogram, 5, &message(&[(1, refs), (3, vec![0x78, 1])]));
    let reply = service.request("POST", "/api/v1/write", &[TWO, SNAPPY], &snappy(&histogram));
    assert_eq!((reply.status, written(&reply)), (400, [Some("0"), Some("0"), Some("0")]), "{}", reply.text());
    assert!(reply.text().contains("native histogram"), "{}", reply.text());

    let good = snappy(&body);
    let table: [(Headers<'_>, &[u8], u16, &str); 8] = [
        (&[TWO, ("content-encoding", "gzip")], &good, 415, "unsupported-encoding"),
        (&[("content-type", "application/json"), SNAPPY], &good, 415, "unsupported-media-type"),
        (
            &[("content-type", "application/x-protobuf;proto=io.prometheus.write.v3.Request"), SNAPPY],
            &good,
            415,
            "unsupported-media-type",
        ),
        (&[TWO, SNAPPY], b"nonsense", 400, "bad-compression"),
        (&[TWO, SNAPPY], &good[..good.len() / 2], 400, "bad-compression"),
        (&[TWO, SNAPPY], &[0xff, 0xff, 0xff, 0xff, 0x0f], 413, "body-too-large"),
        (&[TWO, SNAPPY], &[2, 4, 0xff, 0xff], 400, "malformed-protobuf"),
        (&[PROTOBUF, SNAPPY], &vec![0; 1_100_000], 413, "body-too-large"),
    ];
    for (headers, body, status, slug) in table {
        let reply = service.request("POST", "/api/v1/write", headers, body);
        assert_eq!(
            (reply.status, reply.json()["type"].as_str()),
            (status, Some(format!("/problems/{slug}").as_str())),
            "{}",
            reply.text()
        );
        assert_eq!(written(&reply), [Some("0"); 3], "{slug}");
    }
    // An old sender says nothing about its body.
    let one = message(&[(1, series(&[("__name__", "up")], &[(1.0, at)]))]);
    service.request("POST", "/api/v1/write", &[], &snappy(&one)).expect_status(204);
}

#[test]
fn otlp_is_answered_as_its_specification_says() {
    let service = service();
    let send = |headers: &[(&str, &str)], body: &[u8]| service.request("POST", "/v1/metrics", headers, body);
    let empty = send(&[PROTOBUF], b"").expect_status(200);
    assert_eq!((empty.header("content-type"), empty.text().as_str()), (Some("application/x-protobuf"), ""));
    let attribute = |name: &str, value: &str| message(&[(1, name.into()), (2, message(&[(1, value.into())]))]);
    let gauge = message(&[(1, b"http.server.requests".to_vec()), (5, message(&[(1, Vec::new())]))]);
    let resource = message(&[(1, attribute("service.name", "data-api"))]);
    let body = message(&[(1, message(&[(1, resource), (2, message(&[(2, gauge)]))]))]);
    let partial = send(&[PROTOBUF], &body).expect_status(200);
    assert!(partial.text().contains("is a gauge"), "{}", partial.text());
    let table: [(Headers<'_>, &[u8], u16); 4] = [
        (&[("content-type", "application/json")], b"{}", 415),
        (&[PROTOBUF, ("content-encoding", "br")], b"", 415),
        (&[PROTOBUF, ("content-encoding", "gzip")], b"", 400),
        (&[PROTOBUF], &[0x0a, 0xff], 400),
    ];
    for (headers, body, status) in table {
        let reply = send(headers, body);
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (status, Some("application/x-protobuf")),
            "{}",
            reply.text()
        );
        assert!(reply.text().len() > 4, "a status with a message");
    }
}

/// The real SDK, from its own interpreter.
fn otel(service: &Service, back: u32, good: u32, bad: u32, slow: u32, temporality: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let cache = std::env::var("CALLOUT_SINKS_CACHE").unwrap_or_else(|_| {
        let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| format!("{root}/target"));
        format!("{target}/sinks-cache")
    });
    let mut command = Command::new(format!("{cache}/venv/bin/python"));
    command.arg(format!("{root}/tests/sinks/otel_client.py")).arg(service.url("/v1/metrics"));
    command.args([back, good, bad, slow].map(|n| n.to_string())).arg(temporality);
    let output = run(&mut command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.trim().to_owned()
}

#[test]
fn the_real_opentelemetry_sdk_is_understood() {
    // Which brings the interpreter with the SDK.
    let _sinks = Sinks::start();
    let service = service();
    assert_eq!(otel(&service, 120, 95, 5, 20, "cumulative"), "SUCCESS");
    // Two series of the same minute: requests, of which five failed, and durations, of which twenty were slow.
    let minutes = wait_counted(&service, "a minute", Duration::from_mins(1), |all| all.iter().any(|m| m.2 >= 195));
    let bad: u64 = minutes.iter().map(|m| m.1).sum();
    let total: u64 = minutes.iter().map(|m| m.2).sum();
    assert_eq!((bad, total), (25, 195), "{minutes:?}");
    assert_eq!(otel(&service, 60, 50, 1, 3, "delta"), "SUCCESS");
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains(r#"callout_ingest_points_total{dialect="otlp",outcome="taken"} 6"#), "{metrics}");
}

/// So far callout's clock is ahead of everybody else's in the test with Prometheus, which writes nothing from before its own start.
const AHEAD: Duration = Duration::from_mins(5);

/// Something to scrape whose time runs faster than the clock, until it is a minute ahead of callout's: each scrape is 20 seconds later than
/// the one before, with ninety good and ten bad requests more.
struct Target {
    address: String,
    scrapes: Arc<AtomicU64>,
}

impl Target {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let scrapes = Arc::new(AtomicU64::new(0));
        let begin = now_ms() + 1_000;
        let seen = Arc::clone(&scrapes);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                    line.clear();
                }
                let n = seen.load(Ordering::Relaxed);
                let at = begin + i64::try_from(n).unwrap() * 20_000;
                let mut body = String::new();
                if at < now_ms() + i64::try_from(AHEAD.as_millis()).unwrap() + 60_000 {
                    seen.store(n + 1, Ordering::Relaxed);
                    for (code, each) in [("200", 90), ("500", 10)] {
                        let _ =
                            writeln!(body, "http_requests_total{{code=\"{code}\",handler=\"/api\"}} {} {at}", n * each);
                    }
                }
                let mut stream = reader.into_inner();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { address, scrapes }
    }
}

/// A service whose clock is ahead.
fn ahead(service: Service) -> Service {
    let found = stdout_of(Command::new("bash").args(["-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"]));
    let library = found.lines().next().expect("faketime is installed by tests/setup.sh");
    service
        .env("LD_PRELOAD", library)
        .env("FAKETIME", &format!("+{}", AHEAD.as_secs()))
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
}

struct Prometheus {
    child: Child,
    dir: TempDir,
}

impl Prometheus {
    fn start(target: &str, service: &Service) -> Self {
        let dir = TempDir::new("remote-write");
        dir.write(
            "prometheus.yml",
            &format!(
                "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n- job_name: data-api\n  static_configs: [{{targets: ['{target}']}}]\nremote_write:\n- url: '{}'\n  queue_config: {{batch_send_deadline: 200ms, min_shards: 2, max_shards: 2}}\n",
                service.url("/api/v1/write")
            ),
        );
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}/prometheus.yml", dir.path().display()))
            .arg(format!("--storage.tsdb.path={}/tsdb", dir.path().display()))
            .arg(format!("--web.listen-address={}", free_address()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("prometheus is installed by tests/setup.sh");
        Self { child, dir }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A service of the stories' team, fed by a Prometheus.
const METRICS: &str = r#"[services.till]
team = "checkout"
environments = ["prod-eu"]
[[services.till.slo]]
name = "Availability of the till"
endpoint = "/api"
sli = "availability"
objective = "99.7%"
burn = "workbook"
priority = "P2"
[metrics.till]
total = 'http_requests_total{job="data-api"}'
bad = 'http_requests_total{job="data-api",code=~"5.."}'
service = "till"
endpoint = "{handler}"
environment = "prod-eu"
sli = "availability"
"#;

#[test]
fn a_real_prometheus_writes_what_it_scrapes_and_ann_is_paged() {
    let sinks = Sinks::start();
    let prepared = ahead(world::prepare(&sinks, STEPS));
    prepared.write_config("teams/metrics.toml", METRICS);
    let mut service = prepared.start();
    let target = Target::start();
    let prometheus = Prometheus::start(&target.address, &service);
    let begin = Instant::now();
    while target.scrapes.load(Ordering::Relaxed) < 8 {
        assert!(begin.elapsed() < Duration::from_secs(40), "Prometheus does not scrape\n{}", prometheus.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    // In the midst of it callout is gone for a while; Prometheus sends again what it could not.
    service.kill_9();
    std::thread::sleep(Duration::from_millis(300));
    service.restart();
    let minutes = wait_counted(&service, "five minutes", Duration::from_secs(90), |all| {
        all.iter().map(|m| m.2).sum::<u64>() >= 1_600
    });
    // Each whole minute has three scrapes of ninety good and ten bad, whichever requests they came by.
    assert!(minutes.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1), "no minute is missing: {minutes:?}");
    for (minute, bad, total) in &minutes[1..minutes.len() - 1] {
        assert_eq!((*bad, *total), (30, 300), "minute {minute} of {minutes:?}\n{}", prometheus.log());
    }
    assert!(!prometheus.log().contains("non-recoverable"), "{}", prometheus.log());
    // One in ten failed, where three in a thousand may: 33 times the budget in both windows, and no rule of Prometheus said so.
    let page = sinks
        .wait_until("slack.chat.postMessage", "ann's page", |all| all.iter().any(|m| m.body()["channel"] == "U0ANN"));
    assert!(page.iter().any(|m| m.text().contains("till")), "{}", page[0].text());
    sinks.expect_no_complaints();
}
