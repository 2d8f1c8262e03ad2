//! Silences that belong to an incident, previews, and the page of quiet times.

use super::*;

fn json_of(response: &Response<Bytes>, status: u16) -> Value {
    assert_eq!(response.status(), status, "{}", text(response));
    serde_json::from_slice(response.body()).unwrap()
}

#[tokio::test]
async fn a_silence_can_be_tried_beforehand_and_ends_with_its_incident() {
    let world = World::new();
    let page = text(&world.get("/quiet").await);
    assert!(
        page.contains("No silence is in force or planned.") && page.contains("No maintenance is planned."),
        "{page}"
    );
    let disk =
        |host: &str| json!({"kind": "resource", "service": "data-api", "labels": {"alertname": "Disk", "host": host}});
    for host in ["a", "b"] {
        json_of(&world.post("/v1/breaches", disk(host).to_string()).await, 202);
        world.settle().await;
    }
    let preview = json_of(&world.post("/v1/silences/preview", r#"{"matchers": "host=\"a\""}"#).await, 200);
    assert_eq!((&preview["events"], &preview["incidents"], &preview["pages"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(preview["by_incident"][0]["incident"], 1);
    assert_eq!((&preview["sample"][0]["incident"], &preview["sample"][0]["about"]), (&json!(1), &json!("data-api")));
    let both = json_of(&world.post("/v1/silences/preview", r#"{"matchers": "host=~\"a|b\""}"#).await, 200);
    assert_eq!((&both["events"], &both["sources"], &both["pages"]), (&json!(2), &json!(2), &json!(2)));
    let of_it = json_of(&world.post("/v1/silences/preview", r#"{"incident": 2}"#).await, 200);
    assert_eq!(of_it["by_incident"][0]["incident"], 2);
    for (body, status) in [("{}", 422), (r#"{"matchers": "host=~\".*\""}"#, 422), (r#"{"incident": 9}"#, 404)] {
        assert_eq!(world.post("/v1/silences/preview", body).await.status(), status, "{body}");
    }
    let body = r#"{"incident": 1, "for": "7d", "comment": "disks are swapped", "author": "ana"}"#;
    let made = json_of(&world.post("/v1/silences", body).await, 201);
    let matchers = json!([r#"service="data-api""#, r#"alertname="Disk""#, r#"host="a""#]);
    assert_eq!((&made["incident"], &made["matchers"]), (&json!(1), &matchers));
    let path = format!("/v1/silences/{}", made["id"].as_str().unwrap());
    assert_eq!(world.get_json(&path).await["incident"], 1);
    let page = text(&world.get("/quiet").await);
    assert!(
        page.contains("disks are swapped") && page.contains("by Ana Ruiz") && page.contains("/incidents/1"),
        "{page}"
    );
    assert_eq!(world.post("/v1/incidents/1/resolve", "").await.status(), 200);
    assert_eq!(world.get_json(&path).await["state"], "expired");
    let late = world.post("/v1/silences", body).await;
    assert!(late.status() == 409 && text(&late).contains("incident 1 is resolved"), "{}", text(&late));
    assert_eq!(world.post("/v1/silences", r#"{"for": "1h", "comment": "x"}"#).await.status(), 422);
}

#[tokio::test]
async fn the_page_of_quiet_times_shows_so_many_silences_and_counts_the_rest() {
    let world = World::new();
    let silence = |n: usize| format!(r#"{{"matchers": "host=\"h{n}\"", "for": "2h", "comment": "number {n}."}}"#);
    for n in 0..200 {
        json_of(&world.post("/v1/silences", silence(n)).await, 201);
    }
    assert!(!text(&world.get("/quiet").await).contains("1 more"));
    json_of(&world.post("/v1/silences", silence(200)).await, 201);
    let page = text(&world.get("/quiet").await);
    assert!(page.contains("and 1 more"), "{page}");
    assert_eq!(page.matches("number ").count(), 200);
}
