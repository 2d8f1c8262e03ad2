//! The whole router over a running shard with the real engine and a journal in memory; only the sockets are missing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{App, Peer, router};
use crate::auth::link::{ChartLink, DigestLink, Holder, Link, LinkKey, SwapLink, Verbs, calendar_path};
use crate::auth::token::hash;
use crate::config::{Loaded, TokenSettings, load_texts};
use crate::domain::{DeliveryId, DigestId, EventId, IncidentId, Seq, Span, SwapId, Timestamp};
use crate::engine::Input;
use crate::engine::calendar::CalendarOf;
use crate::ingest::DIALECTS;
use crate::ingest::limits::{BODY_BYTES_MAX, COMPRESSED_BYTES_MAX, EVENTS_MAX, LABELS_MAX};
use crate::journal::RecordBody;
use crate::runtime::slack::Workspaces;
use crate::runtime::{Clock, MakeCore, Parts, Prepared, Running, engine};
use crate::store::{Journal as _, MemoryJournal, Room};
use crate::telemetry::Metrics;

mod access;
mod indicators;
mod limits;
mod links;
mod quiet;
mod slack;
mod slos;
mod stand_ins;

const CONFIG: &str = r#"
[organisation]
name = "acme"
timezone = "Europe/Berlin"
fallback = "checkout"
[priorities.P1]
meaning = "no log-on to any application"
[priorities.P2]
[channels.email.default]
smtp = "smtps://mail.acme.example:465"
from = "callout@acme.example"
[channels.webhook.sink]
url = "http://127.0.0.1:9/"
allow_private = true
[people]
ana = { name = "Ana Ruiz", email = "ana@acme.example", slack = "U0ANA" }
bo = { name = "Bo Lindqvist", email = "bo@acme.example" }
[teams.checkout]
members = ["ana", "bo"]
escalation = "checkout"
[[teams.checkout.routes]]
tell = ["webhook:sink"]
[teams.search]
members = ["bo"]
[[teams.search.routes]]
tell = ["webhook:sink"]
[services.data-api]
team = "checkout"
[services.finder]
team = "search"
[budget_policies.standard]
exhausted = { freeze = true, consequence = "no releases" }
silver_bullets = { most = 1 }
[services.shop]
team = "checkout"
budget_policy = "standard"
default_slo.availability = { objective = "90%" }
[services.levels]
team = "search"
[[services.levels.slo]]
name = "Search answers"
sli = "availability"
objective = "99.9%"
period = "30d"
burn = "workbook"
[schedules.checkout]
team = "checkout"
users = ["ana", "bo"]
rotate = "weekly"
start = 2026-11-02T09:00:00
[escalations.checkout]
steps = [{ notify = ["schedule:checkout"], wait = "60m" }, { notify = ["person:bo"], wait = "60m" }]
"#;

/// A service of its own for each test.
struct World {
    router: Router,
    journal: MemoryJournal,
    clock: Clock,
    app: App,
    _running: Running,
}

impl World {
    fn new() -> Self {
        Self::with_tokens(&[])
    }

    /// Tokens by their texts, with their scopes; the word `expired` among these ends one.
    fn with_tokens(tokens: &[(&str, &str)]) -> Self {
        Self::of(CONFIG, tokens, engine)
    }

    /// With another configuration, or other things known.
    fn of(config: &str, tokens: &[(&str, &str)], make: MakeCore) -> Self {
        let (prepared, app, journal, clock) = Self::prepared(config, tokens, make);
        let running = prepared.run(|_| {}, |_| {}).unwrap();
        Self { router: router(app.clone()), journal, clock, app, _running: running }
    }

    /// A shard that does not run yet, and what is around it.
    fn prepared(config: &str, tokens: &[(&str, &str)], make: MakeCore) -> (Prepared, App, MemoryJournal, Clock) {
        let now = Timestamp::parse("2026-11-20T20:15:00Z").unwrap();
        let report = load_texts([("callout.toml", config)], now);
        let loaded = report.loaded.clone().unwrap_or_else(|| panic!("{}", report.render(false)));
        let mut settings = (*loaded.settings).clone();
        for (text, scopes) in tokens {
            let expires_at = scopes.contains("expired").then_some(now);
            let scopes = scopes.split(' ').map(Into::into).collect();
            settings.tokens.insert((*text).into(), TokenSettings { sha256: vec![hash(text)], scopes, expires_at });
        }
        let (journal, clock) = (MemoryJournal::default(), Clock::simulated(now));
        let prepared = Prepared::new(Parts {
            journal: Box::new(journal.clone()),
            index: None,
            loaded: Loaded { policy: loaded.policy, settings: Arc::new(settings) },
            clock: clock.clone(),
            make,
        })
        .unwrap();
        let app = App::new(
            prepared.handle(),
            Arc::new(Metrics::new()),
            LinkKey::new([7; 32]),
            Arc::default(),
            Workspaces::default(),
            super::callback::Callbacks::default(),
        );
        (prepared, app, journal, clock)
    }

    async fn send(&self, request: Request<Body>) -> Response<Bytes> {
        self.send_from("127.0.0.1", request).await
    }

    async fn send_from(&self, ip: &str, mut request: Request<Body>) -> Response<Bytes> {
        request.extensions_mut().insert(Peer(SocketAddr::new(ip.parse().unwrap(), 4000)));
        request.headers_mut().entry(header::HOST).or_insert("127.0.0.1:9093".parse().unwrap());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Response<Bytes> {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Response<Bytes> {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn get_json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}: {}", text(&response));
        serde_json::from_slice(response.body()).unwrap()
    }

    /// Waits until everything that was accepted has been judged.
    async fn settle(&self) {
        for _ in 0..1_000_000 {
            if !self.app.handle().has_unjudged() {
                return;
            }
            std::thread::yield_now();
            tokio::task::yield_now().await;
        }
        panic!("the inbox does not empty");
    }

    fn events(&self) -> usize {
        let records = self.journal.reader().read_from(Seq(1)).map(|r| r.unwrap().1.body);
        records.filter(|body| matches!(body, RecordBody::Input(i) if matches!(&**i, Input::Event(_)))).count()
    }

    /// Opens an incident and answers its number.
    async fn incident(&self, service: &str) -> u64 {
        let body =
            json!({"service": service, "sli": "availability", "window": {"length": "60m", "good": 9, "total": 10}});
        assert_eq!(self.post("/v1/breaches", body.to_string()).await.status(), 202);
        self.settle().await;
        self.get_json("/v1/incidents").await["incidents"][0]["id"].as_u64().unwrap()
    }

    fn digest_link(&self, digest: u64) -> String {
        let expires_at = self.app.handle().now().plus(Span::from_hours(72));
        let holder = Holder::Person("ana".into());
        let link = DigestLink { digest: DigestId(digest), holder, message: DeliveryId(17), expires_at };
        format!("/d/{}", self.app.link_key().sign_digest(&link))
    }

    async fn delete(&self, path: &str) -> Response<Bytes> {
        self.send(Request::delete(path).body(Body::empty()).unwrap()).await
    }

    /// A link that came with a code, which is not under way any more.
    fn contact_link(&self) -> String {
        let expires_at = self.app.handle().now().plus(Span::from_hours(1));
        format!("/v/{}", self.app.link_key().sign_contact(&"ana".into(), 7, expires_at))
    }

    /// The link that bo was sent about a swap request.
    fn swap_link(&self, swap: u64) -> String {
        let expires_at = self.app.handle().now().plus(Span::from_hours(72));
        let link = SwapLink { swap: SwapId(swap), person: "bo".into(), expires_at };
        format!("/s/{}", self.app.link_key().sign_swap(&link))
    }

    fn calendar_link(&self) -> String {
        let of = CalendarOf::Schedule("checkout".into());
        calendar_path(&self.app.link_key().sign_calendar(&of, 0))
    }

    fn link(&self, incident: u64, verbs: Verbs) -> String {
        self.link_of(17, incident, verbs)
    }

    /// The file of an incident's chart.
    fn chart_file(&self, incident: u64) -> String {
        let at = self.app.handle().now();
        let link = ChartLink { incident: IncidentId(incident), at, expires_at: at.plus(Span::from_hours(72)) };
        format!("{}.png", self.app.link_key().sign_chart(link))
    }

    /// The link of a message of its own.
    fn link_of(&self, message: u64, incident: u64, verbs: Verbs) -> String {
        let expires_at = self.app.handle().now().plus(Span::from_hours(72));
        let (incident, holder, message) = (IncidentId(incident), Holder::Person("ana".into()), DeliveryId(message));
        format!("/a/{}", self.app.link_key().sign(&Link { incident, verbs, holder, message, expires_at }))
    }
}

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8_lossy(response.body()).into_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    body: String,
    status: u16,
    #[serde(default)]
    accepted: usize,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    empty: bool,
}

#[tokio::test]
async fn recorded_requests_are_answered_as_recorded() {
    for dialect in DIALECTS {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ingest").join(dialect.name);
        let mut count = 0;
        for file in std::fs::read_dir(dir).unwrap() {
            let cases: Cases = toml::from_str(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
            for case in cases.case {
                let world = World::new();
                let response = world.post(dialect.path, case.body).await;
                let (about, body) = (&case.about, text(&response));
                assert_eq!(response.status(), case.status, "{about}: {body}");
                for says in &case.says {
                    assert!(body.contains(says), "{about}: {says} is not in {body}");
                }
                assert_eq!(body.is_empty(), case.empty, "{about}: {body}");
                assert_eq!(world.events(), case.accepted, "{about}: events in the journal");
                count += 1;
            }
        }
        assert!(count > 5, "{}: {count} cases", dialect.name);
    }
}

#[tokio::test]
async fn a_repeated_id_is_answered_with_the_first_event() {
    let world = World::new();
    let body = r#"{"id": "4f1c", "service": "data-api", "sli": "availability", "budget": {"remaining_percent": "1"}}"#;
    let first: Value = serde_json::from_slice(world.post("/v1/breaches", body).await.body()).unwrap();
    let again: Value = serde_json::from_slice(world.post("/v1/breaches", body).await.body()).unwrap();
    assert_eq!(first["accepted"][0]["event"], again["accepted"][0]["event"]);
    assert_eq!((&first["accepted"][0]["repeated"], &again["accepted"][0]["repeated"]), (&Value::Null, &json!(true)));
    assert_eq!(world.events(), 1);
}

#[tokio::test]
async fn an_alert_sent_again_is_a_refire_until_something_changes() {
    let world = World::new();
    let alert = |summary: &str, ends: &str| {
        json!([{"labels": {"alertname": "x", "team": "checkout"}, "annotations": {"summary": summary},
                "startsAt": "2026-11-20T20:10:00Z", "endsAt": ends, "generatorURL": "http://p/"}])
        .to_string()
    };
    for (summary, ends, events) in [
        ("a", "2026-11-20T20:20:00Z", 1),
        ("a", "2026-11-20T20:21:00Z", 1),
        ("b", "2026-11-20T20:21:00Z", 2),
        ("b", "2026-11-20T20:22:00Z", 2),
        ("b", "2026-11-20T20:14:00Z", 3),
        ("b", "2026-11-20T20:14:00Z", 3),
    ] {
        assert_eq!(world.post("/api/v2/alerts", alert(summary, ends)).await.status(), 200);
        world.settle().await;
        assert_eq!(world.events(), events, "{summary} {ends}");
    }
    let incidents = world.get_json("/v1/incidents?status=all").await;
    assert_eq!(incidents["incidents"][0]["status"], "resolved");
}

#[tokio::test]
async fn limits_hold_before_and_after_decompression() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let world = World::new();
    let send = |encoding: &'static str, body: Vec<u8>| {
        let request = Request::post("/v1/breaches").header(header::CONTENT_TYPE, "application/json");
        world.send(request.header(header::CONTENT_ENCODING, encoding).body(body.into()).unwrap())
    };
    let breach = br#"{"service": "a", "sli": "b", "budget": {"remaining_percent": "1"}}"#;
    assert_eq!(send("gzip", gzip(breach)).await.status(), 202);
    assert_eq!(send("identity", vec![b' '; BODY_BYTES_MAX + 1]).await.status(), 413);
    assert_eq!(send("gzip", gzip(&vec![b' '; BODY_BYTES_MAX + 1])).await.status(), 413);
    assert_eq!(send("gzip", breach.to_vec()).await.status(), 400);
    assert_eq!(send("gzip", vec![b'x'; COMPRESSED_BYTES_MAX]).await.status(), 400);
    assert_eq!(send("gzip", vec![b'x'; COMPRESSED_BYTES_MAX + 1]).await.status(), 413);
    assert_eq!(send("br", breach.to_vec()).await.status(), 415);
    assert_eq!(send("identity", b"{\"service\": \"\xff\"}".to_vec()).await.status(), 400);
    let form = Request::post("/v1/breaches").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(world.send(form.body(Body::from(&breach[..])).unwrap()).await.status(), 415);
    let many = format!("[{}]", vec!["1"; EVENTS_MAX + 1].join(","));
    assert_eq!(world.post("/v1/breaches", many.clone()).await.status(), 413);
    assert_eq!(world.post("/api/v2/alerts", many).await.status(), 413);
    let labels: serde_json::Map<String, Value> = (0..=LABELS_MAX).map(|n| (format!("l{n}"), json!("v"))).collect();
    let bomb = json!({"service": "a", "sli": "b", "budget": {"remaining_percent": "1"}, "labels": labels});
    assert!(text(&world.post("/v1/breaches", bomb.to_string()).await).contains("/problems/too-many"));
    let bomb = world.post("/api/v2/alerts", json!([{"labels": labels}]).to_string()).await;
    assert_eq!((bomb.status(), world.events()), (StatusCode::BAD_REQUEST, 1), "{}", text(&bomb));
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_is_a_503_to_come_back_to() {
    let world = World::new();
    world.journal.set_full(Some(Room::Reserve));
    let breach = r#"{"service": "a", "sli": "b", "budget": {"remaining_percent": "1"}}"#;
    for (path, body) in [("/v1/breaches", breach), ("/api/v2/alerts", r#"[{"labels": {"a": "b"}}]"#)] {
        let response = world.post(path, body).await;
        assert_eq!(response.status(), 503, "{}", text(&response));
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
    assert_eq!(world.get("/-/ready").await.status(), 503);
    world.journal.set_full(None);
    assert_eq!(world.post("/v1/breaches", breach).await.status(), 202);
}

#[tokio::test]
async fn tokens_open_what_their_scopes_say() {
    let world = World::with_tokens(&[
        ("cot_in", "ingest"),
        ("cot_search", "ingest:search act:search"),
        ("cot_read", "read"),
        ("cot_act", "act"),
        ("cot_admin", "admin"),
    ]);
    let ask = |method: &'static str, path: &'static str, token: Option<&'static str>| {
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        world.send(request.body(Body::from("[]")).unwrap())
    };
    for (method, path, token, status) in [
        ("GET", "/v1/incidents", None, 401),
        ("GET", "/v1/incidents", Some("cot_wrong"), 401),
        ("GET", "/v1/incidents", Some("cot_in"), 403),
        ("GET", "/v1/incidents", Some("cot_read"), 200),
        ("GET", "/v1/incidents", Some("cot_act"), 200),
        ("POST", "/api/v2/alerts", Some("cot_read"), 403),
        ("POST", "/api/v2/alerts", Some("cot_in"), 200),
        ("POST", "/-/reload", Some("cot_act"), 403),
        ("GET", "/metrics", None, 401),
        ("GET", "/-/healthy", None, 200),
    ] {
        let response = ask(method, path, token).await;
        assert_eq!(response.status(), status, "{method} {path} {token:?}: {}", text(&response));
        assert_eq!(response.headers().contains_key(header::WWW_AUTHENTICATE), status == 401);
    }
    let request = Request::post("/v1/breaches")
        .header(header::AUTHORIZATION, "Bearer cot_search")
        .header(header::CONTENT_TYPE, "application/json");
    let one = |service: &str| json!({"service": service, "sli": "b", "budget": {"remaining_percent": "1"}});
    let both = json!([one("data-api"), one("finder")]).to_string();
    let response = world.send(request.body(both.into()).unwrap()).await;
    assert_eq!((response.status(), world.events()), (StatusCode::ACCEPTED, 1), "{}", text(&response));
    assert!(text(&response).contains("/problems/other-team"));
}

#[tokio::test]
async fn without_tokens_strangers_and_other_sites_are_turned_away() {
    let world = World::new();
    for (name, value) in [("host", "evil.example"), ("origin", "https://evil.example"), ("x-forwarded-for", "10.0.0.1")]
    {
        let request = Request::post("/api/v2/alerts").header(name, value).body(Body::from("[]")).unwrap();
        assert_eq!(world.send(request).await.status(), 403, "{name}");
    }
    let mut request = Request::post("/api/v2/alerts").body(Body::from("[]")).unwrap();
    request.extensions_mut().insert(Peer("10.0.0.1:4000".parse().unwrap()));
    assert_eq!(world.router.clone().oneshot(request).await.unwrap().status(), 403);
}

#[tokio::test]
async fn an_incident_goes_through_its_life_by_commands() {
    let world = World::new();
    let id = world.incident("data-api").await;
    for (verb, body, status, stands) in [
        ("acknowledge", "", 200, "acknowledged"),
        ("acknowledge", "", 409, "acknowledged"),
        ("unacknowledge", "{}", 200, "triggered"),
        ("unacknowledge", "{}", 409, "triggered"),
        ("snooze", r#"{"for": "2h"}"#, 200, "snoozed"),
        ("snooze", r#"{"for": "2h", "until": "2026-11-21T00:00:00Z"}"#, 422, "snoozed"),
        ("snooze", r#"{"until": "2020-01-01T00:00:00Z"}"#, 422, "snoozed"),
        ("priority", r#"{"priority": "P1"}"#, 200, "snoozed"),
        ("priority", r#"{"priority": "P9"}"#, 422, "snoozed"),
        ("severity", r#"{"severity": "critical"}"#, 200, "snoozed"),
        ("severity", r#"{"severity": "bad"}"#, 422, "snoozed"),
        ("note", r#"{"text": "looking"}"#, 200, "snoozed"),
        ("note", r#"{"text": ""}"#, 422, "snoozed"),
        ("reassign", r#"{"people": ["bo"]}"#, 200, "triggered"),
        ("reassign", r#"{"people": ["nobody"]}"#, 422, "triggered"),
        ("reassign", r#"{"policy": "checkout"}"#, 200, "triggered"),
        ("escalate", "", 200, "triggered"),
        ("reopen", "", 409, "triggered"),
        ("resolve", "", 200, "resolved"),
        ("acknowledge", "", 409, "resolved"),
        ("reopen", "", 200, "triggered"),
        ("resolve", r#"{"surprise": 1}"#, 422, "triggered"),
        ("resolve", "{", 400, "triggered"),
    ] {
        let response = world.post(&format!("/v1/incidents/{id}/{verb}"), body).await;
        assert_eq!(response.status(), status, "{verb} {body}: {}", text(&response));
        let incident = world.get_json(&format!("/v1/incidents/{id}")).await;
        assert_eq!(incident["status"], stands, "{verb} {body}");
    }
    let incident = world.get_json(&format!("/v1/incidents/{id}")).await;
    assert_eq!((&incident["priority"], &incident["severity"]), (&json!("P1"), &json!("critical")));
    assert_eq!(incident["notes"][0]["text"], "looking");
    assert_eq!(world.post("/v1/incidents/99/acknowledge", "").await.status(), 404);
    assert_eq!(world.post("/v1/incidents/x/acknowledge", "").await.status(), 404);
    let why = world.send(
        Request::get(format!("/v1/incidents/{id}/explain")).header("accept", "text/plain").body(Body::empty()).unwrap(),
    );
    assert!(text(&why.await).contains("acknowledged"));
    let event = incident["event"].as_str().unwrap().parse::<EventId>().unwrap();
    assert_eq!(world.get_json(&format!("/v1/events/{event}")).await["judged"], true);
    assert_eq!(world.get("/v1/events/E999999").await.status(), 404);
}

#[tokio::test]
async fn incidents_come_in_pages_newest_first() {
    let world = World::new();
    for n in 0..5 {
        world.incident(&format!("service-{n}")).await;
    }
    let first = world.get_json("/v1/incidents?limit=2").await;
    let ids = |page: &Value| {
        page["incidents"].as_array().unwrap().iter().map(|i| i["id"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&first), [5, 4]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = world.get_json(&format!("/v1/incidents?limit=3&cursor={cursor}")).await;
    assert_eq!((ids(&second), &second["next_cursor"]), (vec![3, 2, 1], &Value::Null));
    assert_eq!(ids(&world.get_json("/v1/incidents?service=service-2").await), [3]);
    assert_eq!(ids(&world.get_json("/v1/incidents?unowned=true&status=triggered&priority=unset").await).len(), 5);
    assert!(ids(&world.get_json("/v1/incidents?team=search").await).is_empty());
    for bad in ["limit=0", "limit=501", "cursor=x", "status=odd", "colour=red"] {
        assert_eq!(world.get(&format!("/v1/incidents?{bad}")).await.status(), 400, "{bad}");
    }
}

#[tokio::test]
async fn a_link_shows_on_get_and_acts_on_post() {
    let world = World::new();
    let id = world.incident("data-api").await;
    let path = world.link(id, Verbs::ALL);
    let page = world.get(&path).await;
    assert_eq!(page.status(), 200, "{}", text(&page));
    assert!(text(&page).contains("You act as Ana Ruiz."), "{}", text(&page));
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert_eq!(page.headers()["cache-control"], "no-store");
    let status = || async { world.get_json(&format!("/v1/incidents/{id}")).await["status"].clone() };
    assert_eq!(status().await, "triggered", "a GET never acts");
    let press = |path: &str, word: &str| {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        // Mail readers open links from anywhere; the link itself is the key.
        let request = request.header("origin", "null").header("host", "callout.acme.example");
        world.send(request.body(Body::from(format!("do={word}"))).unwrap())
    };
    assert_eq!(press(&path, "acknowledge").await.status(), 200);
    assert_eq!(status().await, "acknowledged");
    let again = press(&path, "acknowledge").await;
    assert_eq!(again.status(), 409);
    assert!(text(&again).contains("by Ana Ruiz"), "{}", text(&again));
    let only_ack = world.link(id, Verbs::ACKNOWLEDGE);
    assert_eq!(press(&only_ack, "resolve").await.status(), 403);
    let snoozed = press(&path, "snooze-tomorrow").await;
    assert!(text(&snoozed).contains("09:00") || text(&snoozed).contains("9:00"), "{}", text(&snoozed));
    assert_eq!(press(&path, "resolve").await.status(), 200);
    assert_eq!(status().await, "resolved");
    assert_eq!(world.get("/a/nonsense").await.status(), 404);
    world.clock.advance(Span::from_hours(73));
    assert_eq!(world.get(&path).await.status(), 410);
}

#[tokio::test]
async fn foreign_text_is_escaped_on_pages() {
    let world = World::new();
    let body =
        json!({"service": "<script>alert(1)</script>", "sli": "availability", "budget": {"remaining_percent": "1"}});
    assert_eq!(world.post("/v1/breaches", body.to_string()).await.status(), 202);
    world.settle().await;
    for path in ["/incidents", "/incidents/1", &world.link(1, Verbs::ALL)] {
        let page = text(&world.get(path).await);
        assert!(page.contains("script") && !page.contains("<script"), "{page}");
    }
}

#[tokio::test]
async fn alertmanagers_clients_find_alerts_and_silences() {
    let world = World::new();
    let alerts = json!([
        {"labels": {"alertname": "one", "team": "checkout"}, "generatorURL": "http://p/"},
        {"labels": {"alertname": "two", "team": "search"}},
    ]);
    assert_eq!(world.post("/api/v2/alerts", alerts.to_string()).await.status(), 200);
    world.settle().await;
    let all = world.get_json("/api/v2/alerts").await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert!(all[0]["fingerprint"].as_str().unwrap() < all[1]["fingerprint"].as_str().unwrap());
    for name in ["silencedBy", "inhibitedBy", "mutedBy"] {
        assert_eq!(all[0]["status"][name], json!([]));
    }
    let silence = json!({"matchers": [{"name": "alertname", "value": "one", "isRegex": false}], "createdBy": "ana", "comment": "patching",
        "startsAt": "2026-11-20T20:15:00Z", "endsAt": "2026-11-20T22:15:00Z"});
    let made = world.post("/api/v2/silences", silence.to_string()).await;
    let id = serde_json::from_slice::<Value>(made.body()).unwrap()["silenceID"].as_str().unwrap().to_owned();
    let names = |list: &Value| {
        list.as_array()
            .unwrap()
            .iter()
            .map(|a| a["labels"]["alertname"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&world.get_json("/api/v2/alerts?silenced=false").await), ["two"]);
    let silenced = world.get_json("/api/v2/alerts?active=false").await;
    assert_eq!((names(&silenced), &silenced[0]["status"]["silencedBy"][0]), (vec!["one".to_owned()], &json!(id)));
    assert_eq!(silenced[0]["status"]["state"], "suppressed");
    assert_eq!(names(&world.get_json("/api/v2/alerts?filter=alertname%3D~%22t.%2B%22").await), ["two"]);
    assert_eq!(names(&world.get_json("/api/v2/alerts?receiver=check.*").await), ["one"]);
    assert_eq!(world.get_json("/api/v2/alerts/groups").await.as_array().unwrap().len(), 2);
    // Only its end changes: the same silence. Other matchers: a new one, and the old one ends.
    let mut longer = silence.clone();
    longer["id"] = json!(id);
    longer["endsAt"] = json!("2026-11-20T23:15:00Z");
    let same = world.post("/api/v2/silences", longer.to_string()).await;
    assert_eq!(serde_json::from_slice::<Value>(same.body()).unwrap()["silenceID"], json!(id));
    longer["matchers"][0]["value"] = json!("two");
    let other = world.post("/api/v2/silences", longer.to_string()).await;
    let other = serde_json::from_slice::<Value>(other.body()).unwrap()["silenceID"].as_str().unwrap().to_owned();
    assert_ne!(other, id);
    assert_eq!(world.get_json(&format!("/api/v2/silence/{id}")).await["status"]["state"], "expired");
    assert_eq!(
        world.send(Request::delete(format!("/api/v2/silence/{other}")).body(Body::empty()).unwrap()).await.status(),
        200
    );
    assert_eq!(world.get("/api/v2/silence/00000000-0000-0000-0000-000000000000").await.status(), 404);
    for (path, value) in [("/matchers", json!([])), ("/comment", json!("")), ("/endsAt", json!("2020-01-01T00:00:00Z"))]
    {
        let mut bad = silence.clone();
        *bad.pointer_mut(path).unwrap() = value;
        let answer = world.post("/api/v2/silences", bad.to_string()).await;
        assert_eq!(answer.status(), 400, "{path}: {}", text(&answer));
        assert!(serde_json::from_slice::<String>(answer.body()).is_ok(), "a bare text: {}", text(&answer));
    }
    assert_eq!(world.get("/api/v1/alerts").await.status(), 410);
    let status = world.get_json("/api/v2/status").await;
    assert!(status["config"]["original"].as_str().unwrap().starts_with("route:\n"));
}

#[tokio::test]
async fn silences_of_our_own_shape_are_made_listed_and_ended() {
    let world = World::new();
    let made = world
        .post(
            "/v1/silences",
            r#"{"matchers": "team=\"checkout\",service=~\"data.*\"", "for": "2h", "comment": "patching"}"#,
        )
        .await;
    assert_eq!(made.status(), 201, "{}", text(&made));
    let made: Value = serde_json::from_slice(made.body()).unwrap();
    assert_eq!(world.get_json("/v1/silences").await["silences"][0], made);
    let path = format!("/v1/silences/{}", made["id"].as_str().unwrap());
    assert_eq!(world.send(Request::delete(&path).body(Body::empty()).unwrap()).await.status(), 204);
    assert_eq!(world.get_json("/v1/silences").await["total"], 0);
    assert_eq!(world.get_json(&path).await["state"], "expired");
    for bad in [
        r#"{"matchers": [], "for": "2h", "comment": "x"}"#,
        r#"{"matchers": "a=~\".*\"", "for": "2h", "comment": "everything"}"#,
        r#"{"matchers": "a=~\"(\"", "for": "2h", "comment": "broken"}"#,
        r#"{"matchers": "a=b", "comment": "no end"}"#,
    ] {
        assert_eq!(world.post("/v1/silences", bad).await.status(), 422, "{bad}");
    }
}

#[tokio::test]
async fn who_is_on_call_is_answered() {
    let world = World::new();
    let now = world.get_json("/v1/oncall?team=checkout").await;
    assert_eq!(now["on_call"][0]["users"][0], json!({"id": "ana", "name": "Ana Ruiz"}), "{now}");
    let later = world.get_json("/v1/oncall?schedule=checkout&at=2026-11-24T12:00:00Z").await;
    assert_eq!(later["on_call"][0]["users"][0]["id"], "bo", "{later}");
    let shifts =
        world.get_json("/v1/schedules/checkout/shifts?from=2026-11-20T00:00:00Z&to=2026-11-30T00:00:00Z").await;
    assert_eq!(shifts["shifts"].as_array().unwrap().len(), 2, "{shifts}");
    assert_eq!(world.get("/v1/oncall?team=nobody").await.status(), 404);
    assert_eq!(world.get("/v1/oncall?at=noon").await.status(), 400);
    assert_eq!(world.get("/v1/schedules/nope/shifts").await.status(), 404);
}

#[tokio::test]
async fn mistakes_of_the_request_itself_are_problem_documents() {
    let world = World::new();
    for (method, path, status, slug) in
        [("GET", "/nowhere", 404, "not-found"), ("PUT", "/v1/breaches", 405, "method-not-allowed")]
    {
        let response = world.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert!(text(&response).contains(slug));
    }
    assert_eq!(world.get("/problems/bad-counts").await.status(), 200);
    assert_eq!(world.get("/problems/none").await.status(), 404);
}

#[tokio::test]
async fn metrics_count_and_readiness_is_green() {
    let world = World::new();
    world.incident("data-api").await;
    assert_eq!(world.get("/-/ready").await.status(), 200);
    let metrics = text(&world.get("/metrics").await);
    for line in [
        "callout_ingest_events_total{dialect=\"native\",outcome=\"accepted\"} 1",
        "callout_incidents_open 1",
        "callout_http_responses_total{method=\"POST\",route=\"/v1/breaches\",class=\"2xx\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}
