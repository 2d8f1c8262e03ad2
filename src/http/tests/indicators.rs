//! Indicators of the process, over HTTP.

use super::*;
use crate::engine::stand_in::Rota;

#[tokio::test]
async fn rotations_by_team_say_what_is_covered_and_nothing_of_anybodys_performance() {
    let world = World::new();
    let path = "/v1/indicators/rotations?from=2026-10-26T08:00:00Z&to=2026-11-16T08:00:00Z";
    let answer = world.get_json(path).await;
    let rows = answer["rotations"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "a team without a rotation has a row, too: {answer}");
    let row = &rows[0];
    // The rotation begins on 2 November at 9:00 in Berlin, a week into the three that are asked for.
    assert_eq!((&row["team"], &row["schedule"], &row["periods"]), (&json!("checkout"), &json!("checkout"), &json!(2)));
    assert_eq!(row["covered_percent"], "66.67", "{row}");
    assert_eq!(row["holes"], 1);
    assert_eq!(row["first_holes"], json!([{"from": "2026-10-26T08:00:00Z", "to": "2026-11-02T08:00:00Z"}]));
    assert_eq!(row["services"], json!(["data-api", "shop"]));
    assert_eq!(row["people"], json!([{"id": "ana", "name": "Ana Ruiz"}, {"id": "bo", "name": "Bo Lindqvist"}]));
    assert_eq!((&rows[1]["team"], &rows[1]["schedule"]), (&json!("search"), &Value::Null));
    assert_eq!(rows[1]["services"], json!(["finder", "levels"]));
    let csv = text(&world.get(&format!("{path}&team=checkout&format=csv")).await);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert!(lines[0].contains("covered_percent") && lines[1].contains("66.67"), "{csv}");
    assert_eq!(world.get_json("/v1/indicators/rotations").await["rotations"][0]["holes"], 1, "28 days unless said");
    let policy = world.app.handle().policy();
    let (from, to) = ("2026-10-26T08:00:00Z", "2026-11-16T08:00:00Z");
    let at_most = |most| {
        let (from, to) = (Timestamp::parse(from).unwrap(), Timestamp::parse(to).unwrap());
        crate::projection::rotations::rotations(&policy, &Rota::default(), Some("checkout"), from, to, most)
    };
    assert!(at_most(3).is_some() && at_most(2).is_none(), "two periods and a hole");
    for (query, status) in
        [("team=nobody", 404), ("from=2020-01-01T00:00:00Z", 400), ("format=xml", 400), ("by=ana", 400)]
    {
        assert_eq!(world.get(&format!("/v1/indicators/rotations?{query}")).await.status(), status, "{query}");
    }
}
