//! Who may do what, route by route; what wrong tokens come to; what the audit keeps.

use super::*;
use crate::auth::policy;
use crate::auth::throttle::{FAILURE_EVERY, FAILURES_MAX};

/// What a route lets in. Written down apart from the policy table on purpose: a change there must be made here too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Everybody.
    Open,
    /// Who has the link.
    Link,
    Ingest,
    Read,
    /// `act`, and of teams only the one that the thing belongs to.
    Act,
    Admin,
}
use Class::{Act, Admin, Ingest, Link, Open, Read};

/// Credentials: text of the token, scopes.
const CREDENTIALS: [(&str, &str); 9] = [
    ("", ""),
    ("cot_wrong", ""),
    ("cot_expired", "admin expired"),
    ("cot_ingest", "ingest"),
    ("cot_ingest_team", "ingest:search"),
    ("cot_read", "read"),
    ("cot_act", "act"),
    ("cot_act_team", "act:checkout"),
    ("cot_admin", "admin"),
];
/// A token of another team than the one that things belong to.
const STRANGER: (&str, &str) = ("cot_act_other", "act:search");

/// The answer before the handler, for each of the credentials; 0: the handler's.
fn refusals(class: Class) -> [u16; 9] {
    match class {
        Open | Link => [0; 9],
        Ingest => [401, 401, 401, 0, 0, 403, 403, 403, 0],
        Read => [401, 401, 401, 403, 403, 0, 0, 0, 0],
        Act => [401, 401, 401, 403, 403, 403, 0, 0, 0],
        Admin => [401, 401, 401, 403, 403, 403, 403, 403, 0],
    }
}

/// Every route: method, pattern, what it lets in, the answers of its handler. Bodies and paths are made by [`request`].
const ROUTES: &[(&str, &str, Class, &[u16])] = &[
    ("POST", "/v1/breaches", Ingest, &[202]),
    ("POST", "/api/v2/alerts", Ingest, &[200]),
    ("POST", "/v1/samples", Ingest, &[202]),
    // What is sent here is no protocol buffer.
    ("POST", "/v1/metrics", Ingest, &[415]),
    ("POST", "/api/v1/write", Ingest, &[415]),
    ("GET", "/v1/incidents", Read, &[200]),
    ("GET", "/v1/incidents/{id}", Read, &[200]),
    ("GET", "/v1/incidents/{id}/explain", Read, &[200]),
    // The second to acknowledge finds it done.
    ("POST", "/v1/incidents/{id}/acknowledge", Act, &[200, 409]),
    ("POST", "/v1/incidents/{id}/unacknowledge", Act, &[200, 409]),
    ("POST", "/v1/incidents/{id}/snooze", Act, &[200]),
    ("POST", "/v1/incidents/{id}/resolve", Act, &[200, 409]),
    ("POST", "/v1/incidents/{id}/reopen", Act, &[200, 409]),
    ("POST", "/v1/incidents/{id}/priority", Act, &[200]),
    ("POST", "/v1/incidents/{id}/severity", Act, &[200]),
    ("POST", "/v1/incidents/{id}/note", Act, &[200]),
    ("POST", "/v1/incidents/{id}/reassign", Act, &[200]),
    ("POST", "/v1/incidents/{id}/escalate", Act, &[200]),
    // Into itself.
    ("POST", "/v1/incidents/{id}/merge", Act, &[422]),
    ("POST", "/v1/incidents/{id}/update", Act, &[200, 409]),
    ("POST", "/v1/incidents/{id}/role", Act, &[200, 409]),
    ("GET", "/v1/incidents/{id}/timeline", Read, &[200]),
    ("GET", "/v1/incidents/{id}/postmortem", Read, &[200]),
    // No priority asks for one.
    ("POST", "/v1/incidents/{id}/postmortem", Act, &[404]),
    ("GET", "/v1/postmortems", Read, &[200]),
    ("GET", "/v1/events/{id}", Read, &[200]),
    ("GET", "/v1/events/{id}/explain", Read, &[200]),
    ("GET", "/v1/explain", Read, &[200]),
    ("GET", "/v1/oncall", Read, &[200]),
    ("GET", "/v1/schedules/{name}/shifts", Read, &[200]),
    ("GET", "/v1/schedules/{name}/overrides", Read, &[200]),
    ("POST", "/v1/schedules/{name}/overrides", Act, &[201]),
    ("DELETE", "/v1/schedules/{name}/overrides/{id}", Act, &[204, 404]),
    ("GET", "/v1/swaps", Read, &[200]),
    // The second to offer the same shift is told so.
    ("POST", "/v1/swaps", Act, &[201, 409]),
    ("GET", "/v1/swaps/{id}", Read, &[200]),
    ("POST", "/v1/swaps/{id}/accept", Act, &[200, 409]),
    ("POST", "/v1/swaps/{id}/decline", Act, &[200, 409]),
    ("GET", "/v1/silences", Read, &[200]),
    ("POST", "/v1/silences", Act, &[201]),
    ("POST", "/v1/silences/preview", Read, &[200]),
    ("GET", "/v1/silences/{id}", Read, &[200]),
    ("DELETE", "/v1/silences/{id}", Act, &[204]),
    ("GET", "/v1/maintenance", Read, &[200]),
    ("GET", "/v1/slos", Read, &[200]),
    // There are no samples, so no service level has a number.
    ("GET", "/v1/slos/{id}/budget", Read, &[404]),
    ("GET", "/v1/slos/{id}/periods", Read, &[404]),
    ("GET", "/v1/indicators/adherence", Read, &[200]),
    ("GET", "/v1/indicators/exhaustion", Read, &[200]),
    ("GET", "/v1/indicators/depletion", Read, &[200]),
    ("GET", "/v1/indicators/speeds", Read, &[200]),
    ("GET", "/v1/indicators/endpoints", Read, &[200]),
    ("GET", "/v1/gate/{service}", Read, &[200]),
    ("GET", "/v1/indicators/rotations", Read, &[200]),
    // Of what a sender measured there is no chart.
    ("GET", "/c/{file}", Link, &[404]),
    ("GET", "/v1/indicators/load", Read, &[200]),
    ("GET", "/v1/gate/{service}/silver-bullets", Read, &[200]),
    // The policy of the service allows one, so the second finds none.
    ("POST", "/v1/gate/{service}/silver-bullets", Act, &[201, 409]),
    ("GET", "/v1/people/{person}/contacts", Read, &[200]),
    // She may be asked for, and has no such way.
    ("POST", "/v1/people/{person}/contacts/{channel}/code", Act, &[404]),
    ("POST", "/v1/people/{person}/contacts/{channel}/verify", Act, &[404]),
    // The link is right, and no such code is under way.
    ("GET", "/v/{token}", Link, &[410]),
    ("POST", "/v/{token}", Link, &[410]),
    ("POST", "/v1/drill", Act, &[202]),
    // The event is there, and no drill.
    ("GET", "/v1/drill/{event}", Read, &[404]),
    ("GET", "/api/v2/alerts", Read, &[200]),
    ("GET", "/api/v2/alerts/groups", Read, &[200]),
    ("GET", "/api/v2/silences", Read, &[200]),
    ("POST", "/api/v2/silences", Act, &[200]),
    ("GET", "/api/v2/silence/{id}", Read, &[200]),
    ("DELETE", "/api/v2/silence/{id}", Act, &[200]),
    ("GET", "/api/v2/status", Read, &[200]),
    ("GET", "/api/v2/receivers", Read, &[200]),
    ("*", "/api/v1/{*rest}", Open, &[410]),
    ("GET", "/a/{token}", Link, &[200]),
    ("POST", "/a/{token}", Link, &[200, 409]),
    // The link is right, and there is no such digest.
    ("GET", "/d/{token}", Link, &[410]),
    ("POST", "/d/{token}", Link, &[410]),
    // Where callout is reached is not configured in these tests.
    ("POST", "/v1/calendars", Act, &[409]),
    ("POST", "/v1/calendars/revoke", Act, &[204]),
    ("GET", "/calendars/{token}", Link, &[200]),
    ("GET", "/quiet", Read, &[200]),
    ("GET", "/s/{token}", Link, &[200]),
    ("POST", "/s/{token}", Link, &[200, 409]),
    // No channel of Slack is configured in these tests.
    ("POST", "/hooks/slack/{channel}/interactions", Open, &[404]),
    ("POST", "/hooks/slack/{channel}/commands", Open, &[404]),
    ("POST", "/hooks/slack/{channel}/events", Open, &[404]),
    // No service of that name may ask back.
    ("POST", "/k/{channel}/{token}", Link, &[404]),
    ("GET", "/", Read, &[200]),
    ("GET", "/incidents", Read, &[200]),
    ("GET", "/incidents/{id}", Read, &[200]),
    ("GET", "/style.css", Open, &[200]),
    ("GET", "/-/healthy", Open, &[200]),
    ("GET", "/-/ready", Open, &[200]),
    // There is no folder of configuration in these tests.
    ("POST", "/-/reload", Admin, &[422]),
    ("GET", "/v1/audit", Admin, &[200]),
    ("GET", "/v1/quarantine", Read, &[200]),
    ("GET", "/v1/tokens", Admin, &[200]),
    ("GET", "/metrics", Read, &[200]),
    ("GET", "/openapi.json", Open, &[200]),
    ("GET", "/problems", Open, &[200]),
    ("GET", "/problems/{slug}", Open, &[200]),
];

/// A world in which there is something of each kind, of the team `checkout`.
struct Things {
    world: World,
    event: String,
    silence: String,
    link: String,
}

impl Things {
    async fn of(tokens: &[(&str, &str)]) -> Self {
        let world = World::with_tokens(tokens);
        let token = tokens.iter().find(|(_, scopes)| *scopes == "admin").map(|(text, _)| *text);
        let silence = r#"{"matchers": "team=\"checkout\"", "for": "2h", "comment": "x", "author": "ana"}"#;
        let event =
            json!({"service": "data-api", "sli": "availability", "budget": {"remaining_percent": 1}}).to_string();
        let made = ask(&world, "127.0.0.1", "POST", "/v1/breaches", token, &event).await;
        assert_eq!(made.status(), 202, "{}", text(&made));
        let made: Value = serde_json::from_slice(made.body()).unwrap();
        world.settle().await;
        let silence = ask(&world, "127.0.0.1", "POST", "/v1/silences", token, silence).await;
        assert_eq!(silence.status(), 201, "{}", text(&silence));
        let silence: Value = serde_json::from_slice(silence.body()).unwrap();
        let change = r#"{"from": "2026-11-24T09:00", "to": "2026-11-25T09:00", "for": "bo", "who": "ana"}"#;
        let change = ask(&world, "127.0.0.1", "POST", "/v1/schedules/checkout/overrides", token, change).await;
        assert_eq!(change.status(), 201, "{}", text(&change));
        let offer =
            r#"{"schedule": "checkout", "from": "2026-11-21T09:00", "to": "2026-11-22T09:00", "person": "ana"}"#;
        let offer = ask(&world, "127.0.0.1", "POST", "/v1/swaps", token, offer).await;
        assert_eq!(offer.status(), 201, "{}", text(&offer));
        let link = world.link(1, Verbs::ALL);
        let event = made["accepted"][0]["event"].as_str().unwrap().to_owned();
        Self { world, event, silence: silence["id"].as_str().unwrap().to_owned(), link }
    }

    /// Path and body of a request that a route would do something for.
    fn request(&self, method: &str, pattern: &str) -> (String, String) {
        let now = self.world.app.handle().now();
        let until = now.plus(Span::from_hours(2)).to_string();
        let id = match pattern {
            p if p.contains("silence") => self.silence.as_str(),
            p if p.contains("/events/") => self.event.as_str(),
            p if p.contains("/overrides/") => "O1",
            p if p.contains("/swaps/") => "S1",
            _ => "1",
        };
        let path = pattern.replace("{id}", id).replace("{name}", "checkout").replace("{slug}", "not-found");
        let path = path
            .replace("{service}", if pattern.contains("silver") { "shop" } else { "finder" })
            .replace("{event}", &self.event)
            .replace("/a/{token}", &self.link);
        let path = path.replace("/d/{token}", &self.world.digest_link(1)).replace("{*rest}", "alerts");
        let path =
            path.replace("/s/{token}", &self.world.swap_link(1)).replace("/v/{token}", &self.world.contact_link());
        let path = path.replace("{person}", "ana").replace("{channel}", "slack");
        let path = path.replace("{file}", &self.world.chart_file(1));
        let path = path.replace("/calendars/{token}", &self.world.calendar_link());
        let body = match (method, pattern) {
            ("POST", "/v1/breaches") => {
                json!({"service": "finder", "sli": "availability", "budget": {"remaining_percent": 1}})
            }
            ("POST", "/v1/samples") => {
                json!({"service": "finder", "sli": "availability", "minute": now.to_string(), "good": 1, "total": 2})
            }
            ("POST", "/api/v2/alerts") => json!([{"labels": {"alertname": "x", "team": "search"}}]),
            ("POST", "/v1/schedules/{name}/overrides") => {
                json!({"from": "2026-11-24T09:00:00Z", "to": "2026-11-24T21:00:00Z", "for": "bo", "who": "ana"})
            }
            ("POST", "/v1/swaps") => json!({
                "schedule": "checkout", "from": "2026-11-22T09:00", "to": "2026-11-22T21:00", "person": "ana", "ask": "bo",
            }),
            ("POST", "/v1/swaps/{id}/accept" | "/v1/swaps/{id}/decline") => json!({"person": "bo"}),
            ("POST", "/v1/calendars" | "/v1/calendars/revoke") => json!({"schedule": "checkout"}),
            ("POST", "/v1/silences/preview") => json!({"matchers": "team=\"checkout\""}),
            ("POST", "/v1/people/{person}/contacts/{channel}/verify") => json!({"code": "123456"}),
            ("POST", "/v1/drill") => json!({"route": "checkout"}),
            ("POST", "/v1/silences") => json!({"matchers": "team=\"checkout\"", "for": "2h", "comment": "x"}),
            ("POST", "/api/v2/silences") => json!({
                "matchers": [{"name": "team", "value": "checkout", "isRegex": false}],
                "startsAt": now.to_string(), "endsAt": until, "createdBy": "ana", "comment": "x",
            }),
            (_, p) if p.ends_with("/silver-bullets") => json!({"reason": "the law changes at midnight"}),
            (_, p) if p.ends_with("/snooze") => json!({"until": until}),
            (_, p) if p.ends_with("/priority") => json!({"priority": "P1"}),
            (_, p) if p.ends_with("/severity") => json!({"severity": "error"}),
            (_, p) if p.ends_with("/note") || p.ends_with("/update") => json!({"text": "x"}),
            (_, p) if p.ends_with("/merge") => json!({"into": 1}),
            (_, p) if p.ends_with("/role") => json!({"role": "expert", "person": "ana"}),
            (_, p) if p.ends_with("/reassign") => json!({"people": ["bo"]}),
            _ => Value::Null,
        };
        let body = match pattern {
            "/s/{token}" => "do=accept".to_owned(),
            "/a/{token}" | "/d/{token}" | "/k/{channel}/{token}" => "do=acknowledge".to_owned(),
            _ if body.is_null() => String::new(),
            _ => body.to_string(),
        };
        (if pattern == "/v1/explain" { "/v1/explain?person=ana".to_owned() } else { path }, body)
    }
}

async fn ask(world: &World, ip: &str, method: &str, path: &str, token: Option<&str>, body: &str) -> Response<Bytes> {
    let method = if method == "*" { "GET" } else { method };
    let kind = if ["/a/", "/d/", "/k/", "/s/"].iter().any(|of_link| path.starts_with(of_link)) {
        "application/x-www-form-urlencoded"
    } else {
        "application/json"
    };
    let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    world.send_from(ip, request.body(Body::from(body.to_owned())).unwrap()).await
}

/// Addresses, never the same twice, so that wrong tokens of one test cell do not spoil the next.
fn fresh_ip(number: usize) -> String {
    format!("10.0.{}.{}", number / 250, number % 250 + 1)
}

#[test]
fn every_route_is_in_the_matrix() {
    let mut listed: Vec<(&str, &str)> = ROUTES.iter().map(|(method, path, ..)| (*method, *path)).collect();
    let mut served: Vec<(&str, &str)> = policy::ROUTES.iter().map(|r| (r.method, r.path)).collect();
    listed.sort_unstable();
    served.sort_unstable();
    assert_eq!(listed, served, "add the route to the matrix in src/http/tests/access.rs, with what it may let in");
}

#[tokio::test]
async fn every_route_lets_in_whom_it_should_and_nobody_else() {
    let tokens: Vec<(&str, &str)> =
        CREDENTIALS.into_iter().chain([STRANGER]).filter(|(_, scopes)| !scopes.is_empty()).collect();
    let mut cells = 0;
    let mut wrong = Vec::new();
    for (method, pattern, class, answers) in ROUTES {
        let things = Things::of(&tokens).await;
        let (path, body) = things.request(method, pattern);
        let others = (*class == Act).then_some((STRANGER, 403));
        let expected = CREDENTIALS.into_iter().zip(refusals(*class)).chain(others);
        for ((token, scopes), refusal) in expected {
            cells += 1;
            let ip = fresh_ip(cells);
            let answer = ask(&things.world, &ip, method, &path, Some(token).filter(|t| !t.is_empty()), &body).await;
            let status = answer.status().as_u16();
            let right = if refusal == 0 { answers.contains(&status) } else { status == refusal };
            if !right {
                let wanted = if refusal == 0 { format!("{answers:?}") } else { refusal.to_string() };
                wrong.push(format!("{method} {pattern} with `{scopes}`: {status}, not {wanted}: {}", text(&answer)));
            }
            assert_eq!(answer.headers().contains_key(header::WWW_AUTHENTICATE), status == 401, "{method} {pattern}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cells > ROUTES.len() * 9);
}

#[tokio::test]
async fn without_tokens_every_route_is_for_this_machine_alone() {
    for (method, pattern, class, answers) in ROUTES {
        let things = Things::of(&[]).await;
        let (path, body) = things.request(method, pattern);
        for (ip, local) in [("127.0.0.1", true), ("192.0.2.7", false)] {
            let status = ask(&things.world, ip, method, &path, None, &body).await.status().as_u16();
            let let_in = local || matches!(class, Open | Link);
            let right = if let_in { answers.contains(&status) } else { status == 403 };
            assert!(right, "{method} {pattern} from {ip}: {status}");
        }
    }
}

#[tokio::test]
async fn head_needs_what_get_needs() {
    let world = World::with_tokens(&[("cot_admin", "admin")]);
    for (method, pattern, class, _) in ROUTES {
        if *method == "GET" && !matches!(class, Open | Link) {
            let path = pattern.replace("{id}", "1").replace("{name}", "checkout").replace("{service}", "finder");
            assert_eq!(ask(&world, "127.0.0.1", "HEAD", &path, None, "").await.status(), 401, "{pattern}");
        }
    }
}

#[tokio::test]
async fn wrong_tokens_are_answered_429_after_a_while_and_right_ones_go_on_working() {
    let world = World::with_tokens(&[("cot_read", "read"), ("cot_old", "read expired")]);
    let (bad, good, other) = ("192.0.2.1", Some("cot_read"), "192.0.2.2");
    for number in 0..FAILURES_MAX {
        let wrong = if number % 2 == 0 { "cot_guess" } else { "cot_old" };
        assert_eq!(ask(&world, bad, "GET", "/v1/incidents", Some(wrong), "").await.status(), 401, "{number}");
    }
    let refused = ask(&world, bad, "GET", "/v1/incidents", Some("cot_guess"), "").await;
    assert_eq!(refused.status(), 429, "{}", text(&refused));
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    assert!(text(&refused).contains("/problems/too-many-failures"));
    let alertmanagers = ask(&world, bad, "POST", "/api/v2/alerts", Some("cot_guess"), "[]").await;
    assert_eq!((alertmanagers.status().as_u16(), text(&alertmanagers).starts_with('"')), (429, true));
    // Whoever shares the address with the guesser is not locked out, and a request without a token was no guess.
    assert_eq!(ask(&world, bad, "GET", "/v1/incidents", good, "").await.status(), 200);
    assert_eq!(ask(&world, bad, "GET", "/v1/incidents", None, "").await.status(), 401);
    assert_eq!(ask(&world, other, "GET", "/v1/incidents", Some("cot_guess"), "").await.status(), 401);
    // A link that was not made here is a guess too.
    assert_eq!(ask(&world, bad, "GET", "/a/AAAA", None, "").await.status(), 429);
    assert_eq!(ask(&world, other, "GET", "/a/AAAA", None, "").await.status(), 404);
    world.clock.advance(Span::from_millis(FAILURE_EVERY.as_millis() * 3));
    assert_eq!(ask(&world, bad, "GET", "/v1/incidents", Some("cot_guess"), "").await.status(), 401);
    let metrics = text(&ask(&world, other, "GET", "/metrics", good, "").await);
    for reason in ["unknown", "expired", "throttled", "link", "missing"] {
        let line = format!("callout_auth_rejections_total{{reason=\"{reason}\"}} ");
        let count = metrics.lines().find_map(|l| l.strip_prefix(&line)).unwrap_or("0");
        assert_ne!(count, "0", "{reason}: {metrics}");
    }
}

#[tokio::test]
async fn the_audit_tells_who_did_what_and_what_came_of_it() {
    let world = World::with_tokens(&[("cot_admin", "admin"), ("cot_act", "act"), ("cot_ingest", "ingest")]);
    let event = json!({"service": "data-api", "sli": "availability", "budget": {"remaining_percent": 1}}).to_string();
    let here = "127.0.0.1";
    ask(&world, here, "POST", "/v1/breaches", Some("cot_ingest"), &event).await;
    world.settle().await;
    let act = |path: &'static str, token, body: &'static str| ask(&world, here, "POST", path, Some(token), body);
    assert_eq!(act("/v1/incidents/1/acknowledge", "cot_act", "").await.status(), 200);
    assert_eq!(act("/v1/incidents/1/acknowledge", "cot_act", "").await.status(), 409);
    let silence = r#"{"matchers": "team=checkout", "for": "1h", "comment": "x"}"#;
    assert_eq!(act("/v1/silences", "cot_act", silence).await.status(), 201);
    assert_eq!(act("/-/reload", "cot_admin", "").await.status(), 422);
    assert_eq!(act("/-/reload", "cot_act", "").await.status(), 403);
    let audit = |query: String| {
        let path = format!("/v1/audit{query}");
        let world = &world;
        async move {
            let answer = ask(world, here, "GET", &path, Some("cot_admin"), "").await;
            assert_eq!(answer.status(), 200, "{}", text(&answer));
            serde_json::from_slice::<Value>(answer.body()).unwrap()
        }
    };
    let whole = audit(String::new()).await;
    let told = |row: &Value| {
        let part = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        (part("by"), part("what"), part("outcome"))
    };
    let rows: Vec<_> = whole["acts"].as_array().unwrap().iter().map(told).collect();
    let row = |by: &str, what: &str, outcome: &str| (by.to_owned(), what.to_owned(), outcome.to_owned());
    assert_eq!(
        rows,
        [
            row("token cot_act", "acknowledge", "done"),
            row("token cot_act", "add-silence", "done"),
            row("token cot_admin", "POST /-/reload", "refused"),
        ]
    );
    assert_eq!(whole["acts"][0]["incident"], 1);
    assert_eq!(whole["next_cursor"], Value::Null);
    // Looking into the audit is an act as well; page by page nothing is left out or told twice.
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    while seen.len() < 5 {
        let page = audit(query).await;
        seen.extend(page["acts"].as_array().unwrap().iter().map(|row| row["record"].as_u64().unwrap()));
        query = format!("?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    }
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    let bad = ask(&world, here, "GET", "/v1/audit?cursor=x", Some("cot_admin"), "").await;
    assert_eq!(bad.status(), 400);
}

#[tokio::test]
async fn tokens_are_listed_with_the_last_use_of_each_secret() {
    let world = World::with_tokens(&[("cot_admin", "admin"), ("cot_read", "read")]);
    let here = "127.0.0.1";
    assert_eq!(ask(&world, here, "GET", "/v1/incidents", Some("cot_read"), "").await.status(), 200);
    assert_eq!(ask(&world, here, "POST", "/-/reload", Some("cot_read"), "").await.status(), 403);
    ask(&world, here, "GET", "/v1/incidents", Some("cot_guess"), "").await;
    let answer = ask(&world, here, "GET", "/v1/tokens", Some("cot_admin"), "").await;
    let list: Value = serde_json::from_slice(answer.body()).unwrap();
    let read = &list["tokens"][1];
    assert_eq!((&read["name"], &read["scopes"]), (&json!("cot_read"), &json!(["read"])));
    let secret = &read["secrets"][0];
    assert_eq!((&secret["requests"], &secret["refused"]), (&json!(1), &json!(1)));
    assert_eq!(secret["last_used_at"], "2026-11-20T20:15:00Z");
    assert_eq!(secret["sha256"].as_str().unwrap().len(), 12);
    assert_eq!((&list["rejected"]["unknown"], &list["rejected"]["scope"]), (&json!(1), &json!(1)));
}
