//! The limits of questions and commands, at the edge and one past it.

use super::*;
use crate::domain::EventKind;
use crate::engine::state::{Incident, Purpose, Recipient, State, Status};
use crate::engine::{Actor, Engine, Policy, Transition};

/// A status and a piece of the answer.
fn said(answer: &Response<Bytes>) -> (u16, String) {
    (answer.status().as_u16(), text(answer))
}

#[tokio::test]
async fn pages_have_a_size() {
    let world = World::new();
    for (path, most) in [("/v1/incidents", 500), ("/v1/audit", 1_000), ("/v1/slos", 500), ("/v1/silences", 20_000)] {
        let (_, at) = said(&world.get(&format!("{path}?limit={most}")).await);
        assert!(!at.contains("`limit`"), "{path}: {at}");
        let (status, past) = said(&world.get(&format!("{path}?limit={}", most + 1)).await);
        assert!(status == 400 && past.contains(&format!("from 1 to {most}")), "{path}: {past}");
    }
    let shifts = |to: &str| format!("/v1/schedules/checkout/shifts?from=2026-12-01T00:00:00Z&to={to}");
    assert_eq!(world.get(&shifts("2027-12-02T00:00:00Z")).await.status(), 200);
    assert_eq!(world.get(&shifts("2027-12-02T00:00:01Z")).await.status(), 400);
}

#[tokio::test]
async fn commands_have_limits() {
    let world = World::new();
    let incident = world.incident("data-api").await;
    let on = |verb: &str| format!("/v1/incidents/{incident}/{verb}");
    let long = |bytes: usize| "x".repeat(bytes);
    let silence = |time: &str, bytes: usize| {
        json!({"matchers": "team=checkout", "for": time, "comment": long(bytes)}).to_string()
    };
    let people = |count: usize| json!({"people": vec!["ana"; count]}).to_string();
    let drill = |time: &str| json!({"route": "checkout", "for": time}).to_string();
    for (path, edge, past) in [
        ("/v1/silences".to_owned(), silence("8784h", 4_096), silence("8785h", 1)),
        ("/v1/silences".to_owned(), silence("1h", 4_096), silence("1h", 4_097)),
        (on("note"), json!({"text": long(4_096)}).to_string(), json!({"text": long(4_097)}).to_string()),
        (on("snooze"), json!({"for": "720h"}).to_string(), json!({"for": "721h"}).to_string()),
        (on("reassign"), people(50), people(51)),
        ("/v1/drill".to_owned(), drill("1h"), drill("61m")),
    ] {
        let (status, answer) = said(&world.post(&path, edge).await);
        assert!(status < 300, "{path}: {status} {answer}");
        let (status, answer) = said(&world.post(&path, past).await);
        assert_eq!(status, 422, "{path}: {answer}");
    }
}

#[tokio::test]
async fn so_many_drills_may_be_open() {
    let world = World::new();
    let body = json!({"route": "checkout", "for": "1h"}).to_string();
    for n in 0..20 {
        assert_eq!(world.post("/v1/drill", body.clone()).await.status(), 202, "{n}");
        world.settle().await;
    }
    let (status, answer) = said(&world.post("/v1/drill", body).await);
    assert_eq!(status, 409, "{answer}");
}

const INCIDENTS: usize = crate::http::incidents::SCAN_ROWS_MAX;

/// A state with one incident that is triggered, the oldest, and others that are resolved, so many in all.
fn crowded(count: usize, policy: &Arc<Policy>) -> Engine {
    let now = Timestamp::parse("2026-11-20T20:15:00Z").unwrap();
    let mut engine = Engine::from_state(State::default(), Arc::clone(policy));
    let mut event = crate::rules::dedup::tests::event(&[("service", "data-api"), ("alertname", "CPU")]);
    event.kind = EventKind::Resource;
    engine.accept(Seq(1), now, Arc::new(Input::Event(Arc::new(event))));
    engine.judge(Seq(1), now);
    let first = Arc::clone(&engine.state().incidents[&IncidentId(1)]);
    let status = Status::Resolved { by: Actor::Callout, at: now };
    let over = Arc::new(Incident { status, escalation: None, pending: Vec::new(), ..(*first).clone() });
    let mut state = State { now, last_incident: count as u64, ..State::default() };
    state.incidents.insert(IncidentId(1), first);
    state.incidents.extend((2..=count as u64).map(|n| (IncidentId(n), Arc::clone(&over))));
    Engine::from_state(state, Arc::clone(policy))
}

#[tokio::test]
async fn a_page_of_incidents_ends_short_after_so_many_rows() {
    for (make, pages) in [
        ((|_, policy| Box::new(crowded(INCIDENTS, &policy))) as MakeCore, 1),
        (|_, policy| Box::new(crowded(INCIDENTS + 2_048, &policy)), 2),
    ] {
        let world = World::of(super::CONFIG, &[], make);
        let mut path = "/v1/incidents?status=triggered".to_owned();
        let mut read = 0;
        let last = loop {
            let page = world.get_json(&path).await;
            read += 1;
            match page["next_cursor"].as_str() {
                Some(cursor) => {
                    assert_eq!(page["incidents"], json!([]), "short");
                    path = format!("/v1/incidents?status=triggered&cursor={cursor}");
                }
                None => break page,
            }
        };
        assert_eq!((read, &last["incidents"][0]["id"]), (pages, &json!(1)));
    }
}

#[tokio::test]
async fn a_page_of_a_digest_lists_so_many() {
    let make: MakeCore = |_, policy| {
        let mut engine = crowded(101, &policy);
        for (digest, count) in [(1, 100), (2, 101)] {
            let (digest, due) = (DigestId(digest), engine.state().now.plus(Span::from_hours(1)));
            let to = Recipient::Channel("webhook:sink".parse().unwrap());
            engine.evolve(&Transition::DigestOpened { digest, to, due });
            for n in 1..=count {
                let incident = IncidentId(n);
                engine.evolve(&Transition::Folded { digest, incident, purpose: Purpose::Alert, due, storm: None });
            }
        }
        Box::new(engine)
    };
    let world = World::of(super::CONFIG, &[], make);
    for (digest, goes_on) in [(1, false), (2, true)] {
        let page = world.get(&world.digest_link(digest)).await;
        assert_eq!(page.status(), 200);
        assert_eq!(super::text(&page).contains("?from="), goes_on, "digest {digest}");
    }
}

#[tokio::test]
async fn a_list_of_shifts_ends_after_so_many_and_says_where() {
    const ROWS: usize = crate::http::oncall::SHIFTS_ROWS_MAX;
    let hourly = "[schedules.hourly]\nteam = \"checkout\"\nusers = [\"ana\", \"bo\"]\nhandoff_cron = \"0 * * * *\"\n\
        start = 2026-11-02T00:00:00\ntimezone = \"UTC\"\n";
    let world = World::of(&format!("{}{hourly}", super::CONFIG), &[], crate::runtime::engine);
    let from = Timestamp::parse("2026-12-01T00:00:00Z").unwrap();
    let after = |hours: usize| from.plus(Span::from_hours(i64::try_from(hours).unwrap())).to_string();
    for (hours, rows) in [(ROWS - 1, ROWS - 1), (ROWS, ROWS), (ROWS + 1, ROWS)] {
        let answer = world.get_json(&format!("/v1/schedules/hourly/shifts?from={from}&to={}", after(hours))).await;
        assert_eq!(answer["shifts"].as_array().map(Vec::len), Some(rows));
        assert_eq!(answer["to"], json!(after(rows)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_done_in_time_is_given_up() {
    // Nobody judges, so nobody answers.
    let (_prepared, app, _, _) = World::prepared(super::CONFIG, &[], crate::runtime::engine);
    let mut request = Request::post("/v1/breaches").header(header::CONTENT_TYPE, "application/json");
    request = request.header(header::HOST, "127.0.0.1:9093").extension(Peer("127.0.0.1:4000".parse().unwrap()));
    let body = json!({"service": "data-api", "kind": "resource"}).to_string();
    let begun = tokio::time::Instant::now();
    let response = router(app).oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    assert_eq!((response.status().as_u16(), begun.elapsed()), (503, crate::http::guard::REQUEST_TIMEOUT));
}
