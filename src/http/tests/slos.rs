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
