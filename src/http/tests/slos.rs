//! Service levels over HTTP: figures, budgets, periods, the gate, CSV.

use super::*;
use crate::domain::{Feed, Name, Sample, SeriesKey, minute_over};
use crate::runtime::Taken;

/// Hands over one sample of 10,000 requests for each of the last `minutes` minutes.
async fn sampled(world: &World, region: Option<&str>, minutes: i64, bad: u64) {
    sampled_as(world, region, minutes, |_| bad).await;
}

/// The same; `bad` says how many failed so many minutes ago.
pub(super) async fn sampled_as(world: &World, region: Option<&str>, minutes: i64, bad: impl Fn(i64) -> u64) {
    let series = SeriesKey {
        service: "levels".into(),
        sli: "availability".into(),
        endpoint: None,
        environment: None,
        region: region.map(Name::from),
        threshold: None,
    };
    let feed = Arc::new(Feed { series, source: Name::default() });
    let newest = minute_over(world.app.handle().now());
    let sample = |minute| Sample {
        feed: Arc::clone(&feed),
        minute,
        part: None,
        good: 10_000 - bad(newest - minute),
        total: 10_000,
        correction: false,
    };
    let samples: Vec<Sample> = (newest - minutes + 1..=newest).map(sample).collect();
    for answer in world.app.handle().accept_samples(samples).await.unwrap() {
        assert!(matches!(answer, Ok(Taken::Stored | Taken::Late)), "{answer:?}");
    }
    world.settle().await;
}

#[tokio::test]
async fn a_level_says_how_it_burns_and_what_is_left() {
    let world = World::new();
    // 60 minutes at 20 of 10,000: twice the budget, of which 60 minutes are 1/720 of 30 days: 0.28 % of the grant.
    sampled(&world, None, 60, 20).await;
    let list = world.get_json("/v1/slos?service=levels").await;
    let row = &list["slos"][0];
    assert_eq!(list["total"], 1, "{list}");
    for (name, value) in [
        ("slo", "Search answers"),
        ("team", "search"),
        ("objective", "99.9%"),
        ("period", "30d"),
        ("scope", "one"),
        ("sli_percent", "99.8"),
        ("remaining_percent", "99.72"),
        ("remaining_so_far_percent", "-100"),
        ("status", "healthy"),
        ("gone_in", "14d23h0m"),
    ] {
        let got = row[name].as_str().unwrap_or_default();
        assert!(got == value || (name == "gone_in" && got.starts_with("14d2")), "{name}: {row}");
    }
    assert_eq!(row["burn"]["1h"], "2");
    let id = row["id"].as_str().unwrap();
    let budget = world.get_json(&format!("/v1/slos/{id}/budget")).await;
    let points = budget["over_time"].as_array().unwrap();
    assert_eq!(points.len(), 57);
    assert_eq!(points[0]["remaining_percent"], "100");
    assert_eq!(points[56]["remaining_percent"], "99.72");
    assert_eq!(budget["exhausted_at"], Value::Null);
    let periods = world.get_json(&format!("/v1/slos/{id}/periods")).await;
    assert_eq!(periods["periods"].as_array().unwrap().len(), 1);
    assert_eq!(periods["periods"][0]["fulfilled"], false);
    assert_eq!(world.get("/v1/slos/0123456789abcdef/budget").await.status(), 404);
    assert_eq!(world.get("/v1/slos?sort=name").await.status(), 400);
    assert_eq!(world.get("/v1/slos?team=checkout").await.status(), 200);
    assert_eq!(world.get_json("/v1/slos?team=checkout").await["total"], 0);
}

#[tokio::test]
async fn the_gate_closes_when_nothing_is_left() {
    let world = World::new();
    sampled(&world, Some("eu"), 60, 20).await;
    let open = world.get_json("/v1/gate/levels").await;
    assert_eq!(open["may_release"], true, "{open}");
    assert_eq!(open["levels"], 1);
    assert_eq!(world.get("/v1/gate/unknown").await.status(), 404);
    // Everything fails for an hour in the other region: 1,000 times the budget, 139 % of 30 days.
    sampled(&world, Some("jp"), 60, 10_000).await;
    let closed = world.get_json("/v1/gate/levels").await;
    assert_eq!(closed["may_release"], false);
    let reasons = closed["reasons"].to_string();
    assert!(
        reasons.contains("`Search answers` in jp: the error budget is exhausted, -38.89% is left of 30d"),
        "{reasons}"
    );
    assert!(!reasons.contains("in eu"), "{reasons}");
    let worst = world.get_json("/v1/slos?sort=budget&scope=one").await;
    let regions: Vec<_> = worst["slos"].as_array().unwrap().iter().map(|row| row["region"].clone()).collect();
    assert_eq!(regions, ["jp", "eu"]);
    let id = worst["slos"][0]["id"].as_str().unwrap();
    let budget = world.get_json(&format!("/v1/slos/{id}/budget")).await;
    // 43,200 of 60,000 minutes' worth of failures are the grant: gone in the 44th minute of the hour.
    assert_eq!(budget["exhausted_at"], "2026-11-20T19:59:00Z", "{budget}");
    let csv = world.get("/v1/slos?format=csv&scope=all").await;
    assert_eq!(csv.headers()[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    let lines: Vec<String> = text(&csv).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("remaining_percent") && lines[1].contains("Search answers"), "{lines:?}");
}

#[tokio::test]
async fn indicators_answer_over_all_levels_that_are_asked_for() {
    let world = World::new();
    sampled(&world, Some("eu"), 60, 5).await;
    // Everything fails for an hour in one region; pages are kept until it was fine for long enough.
    sampled(&world, Some("jp"), 60, 10_000).await;
    for minutes in [6, 40, 40] {
        world.clock.advance(Span::from_minutes(minutes));
        sampled(&world, Some("eu"), minutes, 5).await;
        sampled(&world, Some("jp"), minutes, 0).await;
    }
    let adherence = world.get_json("/v1/indicators/adherence?team=search&sli=availability&period=current").await;
    let rows = adherence["periods"].as_array().unwrap();
    let kept: Vec<_> = rows.iter().map(|row| (row["region"].clone(), row["fulfilled"].clone())).collect();
    assert_eq!(kept, [(json!("eu"), json!(true)), (json!("jp"), json!(false))], "{adherence}");
    let gone = world.get_json("/v1/indicators/exhaustion?service=levels").await;
    assert_eq!(gone["periods"].as_array().unwrap().len(), 1, "{gone}");
    assert_eq!(gone["periods"][0]["region"], "jp");
    assert_eq!(gone["periods"][0]["exhausted_at"], "2026-11-20T19:59:00Z", "{gone}");
    let depletion = world.get_json("/v1/indicators/depletion?region=jp").await;
    assert_eq!(depletion["points"].as_array().unwrap().len(), 57);
    let speeds = world.get_json("/v1/indicators/speeds?region=jp").await;
    let outages = speeds["outages"].as_array().unwrap();
    assert_eq!(outages.len(), 1, "{speeds}");
    assert_eq!(outages[0]["service"], "levels");
    assert_eq!(speeds["average_percent_per_hour"], outages[0]["percent_per_hour"]);
    let none = world.get_json("/v1/indicators/speeds?region=eu").await;
    assert_eq!((&none["average_percent_per_hour"], &none["highest_percent_per_hour"]), (&Value::Null, &Value::Null));
    for (path, rows) in [
        ("adherence?period=previous", 0),
        ("adherence?at=2026-11-20T19:30:00Z", 2),
        ("adherence?scope=all", 1),
        ("depletion?environment=prod-us", 0),
        ("endpoints", 0),
    ] {
        let csv =
            world.get(&format!("/v1/indicators/{path}{}format=csv", if path.contains('?') { "&" } else { "?" })).await;
        assert_eq!(csv.status(), 200, "{path}");
        assert_eq!(text(&csv).lines().count(), if rows == 0 { 0 } else { rows + 1 }, "{path}: {}", text(&csv));
    }
    for path in [
        "adherence?period=soon",
        "adherence?at=soon",
        "adherence?scope=some",
        "speeds?person=ana",
        "depletion?format=xml",
    ] {
        assert_eq!(world.get(&format!("/v1/indicators/{path}")).await.status(), 400, "{path}");
    }
    // As of the moment before the outage was over.
    let then = world.get_json("/v1/slos?region=jp&at=2026-11-20T20:15:00Z").await;
    assert_eq!(then["slos"][0]["total"], 600_000, "{then}");
}

#[tokio::test]
async fn the_worst_endpoints_come_first() {
    let world = World::new();
    for (endpoint, good) in [("GET /a", 99), ("GET /b", 50), ("GET /c", 75)] {
        let body = json!({
            "service": "shop", "sli": "availability", "endpoint": endpoint, "minute": "2026-11-20T20:14:00Z", "good": good,
            "total": 100,
        });
        assert_eq!(world.post("/v1/samples", body.to_string()).await.status(), 202);
    }
    world.settle().await;
    let worst = world.get_json("/v1/indicators/endpoints?service=shop").await;
    let order: Vec<_> = worst["endpoints"].as_array().unwrap().iter().map(|row| row["endpoint"].clone()).collect();
    assert_eq!(order, ["GET /b", "GET /c", "GET /a"]);
    assert_eq!(world.get_json("/v1/indicators/endpoints?sli=latency").await["endpoints"], json!([]));
}

#[tokio::test]
async fn a_silver_bullet_opens_the_gate_once_with_who_and_why() {
    let world = World::new();
    let path = "/v1/gate/shop/silver-bullets";
    let outage = json!({
        "service": "shop", "sli": "availability", "minute": "2026-11-20T20:15:00Z", "good": 0, "total": 100,
    });
    assert_eq!(world.post("/v1/samples", outage.to_string()).await.status(), 202);
    world.settle().await;
    // One minute of total outage is 10 times the budget so far, and a 4,032nd of that of four weeks.
    assert_eq!(world.get_json("/v1/gate/shop").await["may_release"], true);
    for (body, status) in [
        (json!({}), 422),
        (json!({"reason": " "}), 422),
        (json!({"reason": "x", "environment": "nowhere"}), 422),
        (json!({"reason": "x", "because": "y"}), 422),
        (json!({"reason": "the law changes at midnight"}), 201),
        (json!({"reason": "and again"}), 409),
    ] {
        let answer = world.post(path, body.to_string()).await;
        assert_eq!(answer.status(), status, "{body}: {}", text(&answer));
    }
    assert_eq!(world.post("/v1/gate/finder/silver-bullets", r#"{"reason":"x"}"#).await.status(), 409);
    assert_eq!(world.post("/v1/gate/nobody/silver-bullets", r#"{"reason":"x"}"#).await.status(), 404);
    let gate = world.get_json("/v1/gate/shop").await;
    assert_eq!((&gate["silver_bullets"]["used"], &gate["silver_bullets"]["most"]), (&json!(1), &json!(1)), "{gate}");
    assert_eq!(gate["silver_bullets"]["until"], "2026-12-31T23:00:00Z", "the quarter of the organisation's zone");
    let list = world.get_json(path).await;
    assert_eq!(list["silver_bullets"][0]["reason"], "the law changes at midnight");
    assert_eq!(list["silver_bullets"][0]["by"], "somebody on this machine");
    let audit = world.get_json("/v1/audit").await;
    let row = &audit["acts"].as_array().unwrap()[0];
    assert_eq!((&row["what"], &row["outcome"]), (&json!("silver-bullet"), &json!("done")), "{audit}");
    assert!(row["detail"].as_str().unwrap().contains("1 of 1 for shop"), "{audit}");
}
