//! The limits of questions and commands, at the edge and one past it.

use super::*;

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
