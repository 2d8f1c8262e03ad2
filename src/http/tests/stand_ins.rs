//! Overrides and swap requests over HTTP, and the page behind the link.

use super::*;

fn form(path: &str, body: &'static str) -> Request<Body> {
    let kind = "application/x-www-form-urlencoded";
    Request::post(path).header(header::CONTENT_TYPE, kind).body(Body::from(body)).unwrap()
}

#[tokio::test]
async fn an_override_shows_wherever_somebody_asks_who_is_on_call() {
    let world = World::new();
    let path = "/v1/schedules/checkout/overrides";
    // Civil times are those of the schedule's zone, Europe/Berlin.
    let body = r#"{"from": "2026-11-21T09:00", "to": "2026-11-22T09:00", "for": "ana", "who": "bo", "why": "a wedding", "as": "ana"}"#;
    let made = world.post(path, body).await;
    assert_eq!(made.status(), 201, "{}", text(&made));
    let made: Value = serde_json::from_slice(made.body()).unwrap();
    let part = |name: &str| made[name].as_str().unwrap_or_default();
    assert_eq!((part("id"), part("state"), part("by"), part("what")), ("O1", "pending", "ana", "bo for ana"));
    assert_eq!((part("from"), part("to")), ("2026-11-21T08:00:00Z", "2026-11-22T08:00:00Z"));
    assert_eq!(made["notes"], json!([]));
    let now = world.get_json("/v1/oncall?schedule=checkout&at=2026-11-21T12:00:00Z").await;
    let row = &now["on_call"][0];
    assert_eq!((&row["users"][0]["id"], &row["overridden"]), (&json!("bo"), &json!(true)));
    assert_eq!((row["since"].as_str(), row["until"].as_str()), (Some(part("from")), Some(part("to"))));
    let shifts =
        world.get_json("/v1/schedules/checkout/shifts?from=2026-11-20T21:00:00Z&to=2026-11-23T00:00:00Z").await;
    let who: Vec<&str> = shifts["shifts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["roles"][0]["users"][0]["id"].as_str().unwrap())
        .collect();
    assert_eq!(who, ["ana", "bo", "ana"]);
    // A second one for the same person says what it takes the place of.
    let second = world.post(path, body.replace("\"bo\"", "[\"bo\"]")).await;
    let second: Value = serde_json::from_slice(second.body()).unwrap();
    assert_eq!(second["notes"][0], "it takes the place of O1 (bo for ana) for as long as both last");
    assert_eq!(world.get_json(path).await["overrides"].as_array().unwrap().len(), 2);
    assert_eq!(world.delete(&format!("{path}/O2")).await.status(), 204);
    assert_eq!(world.delete(&format!("{path}/O2")).await.status(), 404);
    assert_eq!(world.get_json(path).await["overrides"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_reason() {
    let world = World::new();
    let cases = [
        ("checkout", r#"{"from": "2026-11-21T09:00", "to": "2026-11-22T09:00"}"#, 422, "say `for` and `who`"),
        ("checkout", r#"{"from": "soon", "to": "2026-11-22T09:00", "who": "bo"}"#, 422, "`from`: write"),
        ("checkout", r#"{"from": "2026-11-01T09:00", "to": "2026-11-02T09:00", "who": "bo"}"#, 409, "over since"),
        ("checkout", r#"{"from": "2026-11-21T09:00", "to": "2026-11-22T09:00", "who": "kim"}"#, 422, "no person `kim`"),
        (
            "checkout",
            r#"{"from": "2026-11-21T09:00", "to": "2026-11-22T09:00", "who": "bo", "role": "main"}"#,
            422,
            "no roles",
        ),
        (
            "checkout",
            r#"{"from": "2026-11-21T09:00", "to": "2026-11-22T09:00", "who": "bo", "as": "kim"}"#,
            422,
            "no person",
        ),
        ("search", r#"{"from": "2026-11-21T09:00", "to": "2026-11-22T09:00", "who": "bo"}"#, 404, "schedule `search`"),
    ];
    for (schedule, body, status, why) in cases {
        let answer = world.post(&format!("/v1/schedules/{schedule}/overrides"), body).await;
        assert_eq!(answer.status(), status, "{body}: {}", text(&answer));
        assert!(text(&answer).contains(why), "{body}: {}", text(&answer));
    }
}

#[tokio::test]
async fn a_shift_is_offered_and_taken_by_the_link_and_only_once() {
    let world = World::new();
    let offer = r#"{"schedule": "checkout", "from": "2026-11-21T09:00", "to": "2026-11-22T09:00", "person": "ana", "ask": "bo",
        "in_return": {"from": "2026-11-24T09:00", "to": "2026-11-25T09:00"}, "why": "a <b>wedding</b>"}"#;
    let made = world.post("/v1/swaps", offer).await;
    assert_eq!(made.status(), 201, "{}", text(&made));
    let again = world.post("/v1/swaps", offer).await;
    assert!(again.status() == 409 && text(&again).contains("offered already as S1"), "{}", text(&again));
    let link = world.swap_link(1);
    let page = text(&world.get(&link).await);
    assert!(page.contains("Ana Ruiz offers a shift") && page.contains("Take it"), "{page}");
    assert!(page.contains("a &#60;b&#62;wedding") && page.contains("You answer as Bo Lindqvist."), "{page}");
    assert_eq!(world.get_json("/v1/swaps").await["swaps"][0]["state"], "offered", "a GET changes nothing");
    let wrong = world.send(form(&link, "do=explode")).await;
    assert_eq!(wrong.status(), 403);
    let taken = world.send(form(&link, "do=accept")).await;
    assert!(taken.status() == 200 && text(&taken).contains("The shift is yours"), "{}", text(&taken));
    let twice = world.send(form(&link, "do=accept")).await;
    assert!(twice.status() == 409 && text(&twice).contains("Bo took it already"), "{}", text(&twice));
    assert_eq!(world.get_json("/v1/swaps").await["swaps"], json!([]));
    let swap = world.get_json("/v1/swaps/S1").await;
    assert_eq!((&swap["state"], &swap["settled_by"]), (&json!("accepted"), &json!("bo")));
    assert_eq!(swap["overrides"], json!(["O1", "O2"]));
    for (at, who) in [("2026-11-21T12:00:00Z", "bo"), ("2026-11-24T12:00:00Z", "ana"), ("2026-11-25T12:00:00Z", "bo")] {
        let row = world.get_json(&format!("/v1/oncall?schedule=checkout&at={at}")).await;
        assert_eq!(row["on_call"][0]["users"][0]["id"], who, "{at}");
    }
    // By the API it is refused as kindly.
    let late = world.post("/v1/swaps/S1/accept", r#"{"person": "bo"}"#).await;
    assert!(late.status() == 409 && text(&late).contains("bo took it already"), "{}", text(&late));
    assert_eq!(world.post("/v1/swaps/S9/accept", r#"{"person": "bo"}"#).await.status(), 404);
    world.clock.advance(Span::from_hours(24 * 40));
    assert_eq!(world.get(&link).await.status(), 410);
}

#[tokio::test]
async fn of_two_who_take_it_at_once_one_is_told_that_the_other_was_faster() {
    let world = World::new();
    let offer = r#"{"schedule": "checkout", "from": "2026-11-21T09:00", "to": "2026-11-22T09:00", "person": "ana"}"#;
    assert_eq!(world.post("/v1/swaps", offer).await.status(), 201);
    let link = world.swap_link(1);
    let (one, other) =
        tokio::join!(world.post("/v1/swaps/S1/accept", r#"{"person": "bo"}"#), world.send(form(&link, "do=accept")));
    let statuses = [one.status().as_u16(), other.status().as_u16()];
    assert!(statuses.contains(&200), "{statuses:?}");
    let swap = world.get_json("/v1/swaps/S1").await;
    assert_eq!(swap["overrides"], json!(["O1"]));
}
