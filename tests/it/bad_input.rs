//! Bad input: each gets a precise answer, nothing of it is half-applied, and nothing valid beside it is lost.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::support::Service;
use crate::support::http::Reply;
use crate::support::service::incidents;
use crate::support::world;

const JSON: (&str, &str) = ("content-type", "application/json");

/// A service that tells nobody: what is asked here is what it takes.
fn quiet() -> Service {
    Service::prepare(&[(
        "callout.toml",
        r#"[organisation]
name = "acme"
timezone = "UTC"
fallback = "ops"
[teams.ops]
[services.api]
team = "ops"
"#,
    )])
    .start()
}

fn good(name: &str) -> Value {
    json!({"kind": "resource", "service": "api", "labels": {"alertname": name}})
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// A problem document of that type and status, with a detail.
#[track_caller]
fn expect_problem(reply: &Reply, status: u16, slug: &str) {
    assert_eq!(reply.status, status, "{slug}: {}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{slug}");
    let problem = reply.json();
    assert!(problem["type"].as_str().is_some_and(|t| t.ends_with(slug)), "{slug}: {problem}");
    assert!(problem["detail"].as_str().is_some_and(|d| !d.is_empty()), "{problem}");
}

/// The one rejected item of an answer.
#[track_caller]
fn expect_rejected(reply: &Reply, index: u64, slug: &str) {
    let answer = reply.json();
    let rejected = &answer["rejected"][0];
    assert_eq!(rejected["index"], index, "{slug}: {answer}");
    assert!(rejected["type"].as_str().is_some_and(|t| t.ends_with(slug)), "{slug}: {answer}");
    assert!(rejected["detail"].as_str().is_some_and(|d| !d.is_empty()), "{answer}");
}

/// What the service made of everything so far: names of the incidents' alerts, after a last good event was judged.
#[track_caller]
fn settled(service: &Service, expected: &[&str]) {
    service.post("/v1/breaches", &good("the last")).expect_status(202);
    let list =
        service.wait_json("/v1/incidents?status=all&limit=500", "judged", |v| v.to_string().contains("the last"));
    let all = incidents(&list);
    assert_eq!(all.len(), expected.len() + 1, "{list:#}");
    for name in expected {
        assert!(all.iter().any(|i| i.to_string().contains(name)), "{name} is missing in {list:#}");
    }
}

#[test]
fn whole_requests_that_are_refused() {
    let service = quiet();
    let send = |headers: &[(&str, &str)], body: &[u8]| service.request("POST", "/v1/breaches", headers, body);
    let plain = good("a").to_string();

    for broken in
        ["", "{", "[{]", "{\"service\": NaN}", "{\"service\": Infinity}", "nonsense", "{} {}", "{'service': 1}"]
    {
        expect_problem(&send(&[JSON], broken.as_bytes()), 400, "malformed-json");
    }
    for shape in ["1", "\"text\"", "true", "null"] {
        expect_problem(&send(&[JSON], shape.as_bytes()), 400, "wrong-shape");
    }
    expect_problem(&send(&[JSON], b"{\"service\": \"\xff\xfe\"}"), 400, "invalid-utf8");
    expect_problem(&send(&[("content-type", "text/plain")], plain.as_bytes()), 415, "unsupported-media-type");
    expect_problem(&send(&[JSON, ("content-encoding", "br")], plain.as_bytes()), 415, "unsupported-encoding");
    expect_problem(&send(&[JSON, ("content-encoding", "gzip")], plain.as_bytes()), 400, "bad-compression");
    let cut = gzip(plain.as_bytes());
    expect_problem(&send(&[JSON, ("content-encoding", "gzip")], &cut[..cut.len() / 2]), 400, "bad-compression");

    // Over the limit before, and only after decompression.
    let large = vec![b' '; 9 * 1024 * 1024];
    expect_problem(&send(&[JSON], &large), 413, "body-too-large");
    let bomb = gzip(&vec![b' '; 64 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    expect_problem(&send(&[JSON, ("content-encoding", "gzip")], &bomb), 413, "body-too-large");

    let many: Vec<Value> =
        (0..10_001).map(|n| json!({"kind": "resource", "service": "api", "labels": {"n": n.to_string()}})).collect();
    expect_problem(&send(&[JSON], json!(many).to_string().as_bytes()), 413, "too-many-events");

    settled(&service, &[]);
}

#[test]
fn single_events_that_are_rejected_beside_valid_ones() {
    let service = quiet();
    let breach = |changes: Value| {
        let mut breach = json!({
            "service": "api", "sli": "availability", "objective": "99.7",
            "window": {"length": "60m", "good": 1, "total": 2}
        });
        for (name, value) in changes.as_object().unwrap() {
            breach[name] = value.clone();
        }
        breach
    };
    let labels: serde_json::Map<String, Value> = (0..65).map(|n| (format!("l{n}"), json!("x"))).collect();
    let table: Vec<(Value, &str)> = vec![
        (breach(json!({"endpoint": []})), "wrong-type"),
        (json!({"service": 7, "sli": "availability"}), "wrong-type"),
        (breach(json!({"window": "60m"})), "wrong-type"),
        (breach(json!({"window": {"length": "60m", "good": "one", "total": 2}})), "bad-counts"),
        (breach(json!({"window": {"length": "60m", "good": 1.5, "total": 2}})), "bad-counts"),
        (breach(json!({"serivce": "x"})), "unknown-field"),
        (json!({"service": "api"}), "missing-field"),
        (breach(json!({"window": {"length": "60m", "good": 3, "total": 2}})), "bad-counts"),
        (breach(json!({"window": {"length": "60m", "good": -1, "total": 2}})), "bad-counts"),
        (breach(json!({"window": {"length": "0m", "good": 1, "total": 2}})), "bad-window"),
        (breach(json!({"window": {"length": "9000d", "good": 1, "total": 2}})), "bad-window"),
        (breach(json!({"objective": "NaN"})), "bad-value"),
        (breach(json!({"objective": "100"})), "bad-value"),
        (breach(json!({"objective": "-1"})), "bad-value"),
        (breach(json!({"objective": "1e400"})), "bad-value"),
        (breach(json!({"at": "yesterday"})), "bad-value"),
        (breach(json!({"at": "2199-01-01T00:00:00Z"})), "time-in-future"),
        (breach(json!({"at": "1999-01-01T00:00:00Z"})), "time-in-past"),
        (breach(json!({"labels": labels})), "too-many"),
        (breach(json!({"labels": {"x": "y".repeat(3000)}})), "too-long"),
        (breach(json!({"service": "s".repeat(600)})), "too-long"),
        (breach(json!({"organisation": "globex"})), "other-organisation"),
    ];
    for (n, (bad, slug)) in table.iter().enumerate() {
        let name = format!("beside-{n}");
        let reply = service.post("/v1/breaches", &json!([good(&name), bad]));
        assert_eq!(reply.status, 202, "{slug}: {}", reply.text());
        assert_eq!(reply.json()["accepted"].as_array().map(Vec::len), Some(1), "{slug}: {}", reply.text());
        expect_rejected(&reply, 1, slug);
        // Alone it is refused as a whole, with the same reason.
        let alone = service.post("/v1/breaches", bad);
        assert_eq!(alone.status / 100, 4, "{slug}: {}", alone.text());
        assert!(alone.text().contains(slug), "{slug}: {}", alone.text());
    }
    let names: Vec<String> = (0..table.len()).map(|n| format!("beside-{n}")).collect();
    settled(&service, &names.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_name_given_twice_and_an_id_given_twice() {
    let service = quiet();
    let twice = br#"[{"kind": "resource", "service": "api", "service": "other", "labels": {"alertname": "a"}}]"#;
    let reply = service.request("POST", "/v1/breaches", &[JSON], twice);
    assert_eq!(reply.status / 100, 4, "{}", reply.text());
    assert!(reply.text().contains("duplicate-name") || reply.text().contains("malformed-json"), "{}", reply.text());

    let mut first = good("first");
    first["id"] = json!("one");
    let mut second = good("second");
    second["id"] = json!("one");
    let reply = service.post("/v1/breaches", &json!([first, second])).expect_status(202);
    expect_rejected(&reply, 1, "duplicate-id");
    settled(&service, &["first"]);
}

#[test]
fn an_unknown_service_is_taken_and_falls_to_the_fallback_team() {
    let service = quiet();
    let stray = json!({"kind": "resource", "service": "ghost", "labels": {"alertname": "stray"}});
    service.post("/v1/breaches", &stray).expect_status(202);
    settled(&service, &["stray"]);
    let list = service.get("/v1/incidents?status=all&limit=500").json();
    let stray = incidents(&list).into_iter().find(|i| i.to_string().contains("stray")).unwrap();
    assert_eq!(stray["unowned"], true, "{stray}");
}

#[test]
fn alertmanagers_dialect_answers_in_its_own_shape_and_keeps_the_valid() {
    let service = quiet();
    let post = |body: &Value| service.post("/api/v2/alerts", body);
    post(&json!([world::alert(&json!({"alertname": "fine", "service": "api"}))])).expect_status(200);

    let mixed = json!([
        world::alert(&json!({"alertname": "valid", "service": "api"})),
        world::alert(&json!({})),
        {"labels": {"alertname": "backwards", "service": "api"}, "startsAt": "2026-11-20T20:00:00Z", "endsAt": "2026-11-20T19:00:00Z"},
    ]);
    let reply = post(&mixed);
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.json().is_string(), "a bare JSON text: {}", reply.text());

    for broken in ["{", "{}", "[1]", "[{\"labels\": {\"a\": 1}}]", "\"x\""] {
        let reply = service.request("POST", "/api/v2/alerts", &[JSON], broken.as_bytes());
        assert_eq!(reply.status, 400, "{broken}: {}", reply.text());
        assert!(reply.json().is_string(), "{broken}: {}", reply.text());
    }
    settled(&service, &["fine", "valid"]);
}

#[test]
fn gzip_is_read_in_both_dialects() {
    let service = quiet();
    let packed = gzip(json!([good("packed")]).to_string().as_bytes());
    service.request("POST", "/v1/breaches", &[JSON, ("content-encoding", "gzip")], &packed).expect_status(202);
    let packed =
        gzip(json!([world::alert(&json!({"alertname": "squeezed", "service": "api"}))]).to_string().as_bytes());
    service.request("POST", "/api/v2/alerts", &[JSON, ("content-encoding", "gzip")], &packed).expect_status(200);
    settled(&service, &["packed", "squeezed"]);
}

#[test]
fn unknown_routes_incidents_and_verbs() {
    let service = quiet();
    assert_eq!(service.get("/v1/nonsense").status, 404);
    expect_problem(&service.get("/v1/incidents/999"), 404, "not-found");
    assert_eq!(service.get("/v1/incidents/one").status / 100, 4);
    assert_eq!(service.post("/v1/incidents/999/acknowledge", &json!({})).status, 404);
    assert_eq!(service.get("/v1/breaches").status, 405);
    assert_eq!(service.get("/a/nonsense").status / 100, 4);
    assert_eq!(service.post("/v1/silences", &json!({"matchers": []})).status, 422);
}

#[test]
fn half_a_request_is_nothing() {
    use std::io::Read as _;
    use std::net::{Shutdown, TcpStream};
    let service = quiet();
    let body = json!([good("half")]).to_string();
    let mut stream = TcpStream::connect(&service.address).unwrap();
    write!(
        stream,
        "POST /v1/breaches HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len() + 10
    )
    .unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    settled(&service, &[]);
}
