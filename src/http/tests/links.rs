//! What can be done by the link in a message: each thing once, whoever holds it, and kindly worded when it was done already.

use super::*;
use crate::auth::link::chart_path;
use crate::engine::{Actor, Command, Verb};

async fn press(world: &World, path: &str, act: &str) -> Response<Bytes> {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    world.send(request.body(Body::from(format!("do={act}"))).unwrap()).await
}

#[tokio::test]
async fn a_link_does_each_thing_once_and_says_who_did_it_and_when() {
    let world = World::new();
    let id = world.incident("data-api").await;
    let (first, second) = (world.link_of(1, id, Verbs::ALL), world.link_of(2, id, Verbs::ALL));
    assert_eq!(press(&world, &first, "acknowledge").await.status(), 200);
    world.settle().await;
    let twice = text(&press(&world, &first, "acknowledge").await);
    assert_eq!(twice.matches("cknowledged by Ana Ruiz").count(), 1, "it is said once: {twice}");
    let taken_back = world.post(&format!("/v1/incidents/{id}/unacknowledge"), "").await;
    assert_eq!(taken_back.status(), 200, "{}", text(&taken_back));
    // Whoever finds the old mail does not acknowledge once more what was taken back.
    let again = press(&world, &first, "acknowledge").await;
    assert_eq!(again.status(), 409);
    let said = text(&again);
    assert!(said.contains("That was done already") && said.contains("Acknowledged by Ana Ruiz at 21:15 CET"), "{said}");
    assert!(said.contains("Not acknowledged."), "and where it stands now: {said}");
    assert_eq!(world.get_json(&format!("/v1/incidents/{id}")).await["status"], "triggered");
    let page = text(&world.get(&first).await);
    assert!(!page.contains("value=\"acknowledge\"") && page.contains("Acknowledged by Ana Ruiz at"), "{page}");
    assert!(page.contains("value=\"snooze-1h\"") && page.contains("value=\"resolve\""), "{page}");
    // A newer message carries a link of its own.
    assert_eq!(press(&world, &second, "acknowledge").await.status(), 200);
    world.settle().await;
    assert_eq!(world.get_json(&format!("/v1/incidents/{id}")).await["status_by"], "ana");
    // A request that raced another one past the page is refused by the engine itself.
    let verb = Verb::ByLink { message: DeliveryId(1), verb: Box::new(Verb::Acknowledge { incident: IncidentId(id) }) };
    let by = Actor::Person("bo".into());
    world.app.handle().command(Command { by, verb }).await.unwrap();
    world.settle().await;
    assert_eq!(world.get_json(&format!("/v1/incidents/{id}")).await["status_by"], "ana");
}

#[tokio::test]
async fn a_link_escalates_and_changes_the_priority() {
    let world = World::new();
    let id = world.incident("data-api").await;
    let path = world.link(id, Verbs::ALL);
    let page = text(&world.get(&path).await);
    assert!(
        page.contains("value=\"escalate\"") && page.contains("Raise to P2") && !page.contains("Lower to"),
        "{page}"
    );
    assert_eq!(press(&world, &path, "priority-P2").await.status(), 200);
    assert_eq!(press(&world, &path, "priority-P7").await.status(), 403, "no such priority");
    assert_eq!(press(&world, &path, "escalate").await.status(), 200);
    world.settle().await;
    let incident = world.get_json(&format!("/v1/incidents/{id}")).await;
    assert_eq!((&incident["priority"], &incident["escalation"]["step"]), (&json!("P2"), &json!(2)), "{incident}");
    let page = text(&world.get(&path).await);
    assert!(page.contains("Escalated by Ana Ruiz") && page.contains("Changed in priority by Ana Ruiz"), "{page}");
    assert!(!page.contains("value=\"escalate\"") && !page.contains("Raise to P1"), "{page}");
    assert_eq!(press(&world, &path, "priority-P1").await.status(), 409);
    let fresh = text(&world.get(&world.link_of(18, id, Verbs::ALL)).await);
    assert!(fresh.contains("Raise to P1"), "{fresh}");
    let few = text(&world.get(&world.link_of(19, id, Verbs::ACKNOWLEDGE)).await);
    assert!(!few.contains("value=\"escalate\"") && !few.contains("Raise to"), "{few}");
}

#[tokio::test]
async fn a_breach_of_samples_has_a_chart_on_its_page_and_behind_a_link() {
    let world = World::new();
    // Forty times the budget for the last half hour of three: both pages of the workbook fire; the newest is told.
    super::slos::sampled_as(&world, None, 180, |ago| if ago < 30 { 400 } else { 2 }).await;
    let incident = world.get_json("/v1/incidents").await["incidents"][0].clone();
    let id = incident["id"].as_u64().unwrap_or_else(|| panic!("no incident: {incident}"));
    for path in [format!("/incidents/{id}"), world.link(id, Verbs::ALL)] {
        let page = text(&world.get(&path).await);
        assert_eq!(page.matches("<svg class=\"chart\"").count(), 1, "{page}");
        for words in
            ["Chart of what failed, every", "highest 4%", "0.6% = 6x the budget", "above 6x (page_slow)", "gone in"]
        {
            assert!(page.contains(words), "{words:?} is missing in {page}");
        }
        assert!(!page.contains("<script") && !page.contains("style=\""), "{page}");
    }
    let now = world.app.handle().now();
    let link = ChartLink { incident: IncidentId(id), at: now, expires_at: now.plus(Span::from_hours(72)) };
    let path = chart_path(&world.app.link_key().sign_chart(link));
    let picture = world.get(&path).await;
    assert_eq!(picture.status(), 200, "{}", text(&picture));
    assert_eq!(picture.headers()[header::CONTENT_TYPE], "image/png");
    assert!(picture.body().starts_with(b"\x89PNG") && picture.body().len() < 40_000);
    let forged = path.replace(".png", "A.png");
    assert_eq!(world.get(&forged).await.status(), 404);
    assert_eq!(world.get(path.trim_end_matches(".png")).await.status(), 404);
    let gone = ChartLink { expires_at: now, ..link };
    assert_eq!(world.get(&chart_path(&world.app.link_key().sign_chart(gone))).await.status(), 410);
    world.clock.advance(Span::from_minutes(10));
    let later = text(&world.get(&format!("/incidents/{id}")).await);
    assert!(later.contains("<dt>Burning now</dt><dd>6.8x in 6h and 40x in 30m</dd>"), "{later}");
    // Of what a sender measured there are no samples, and so no chart.
    let other = world.incident("data-api").await;
    assert!(!text(&world.get(&format!("/incidents/{other}")).await).contains("<svg"));
    let none = ChartLink { incident: IncidentId(other), ..link };
    assert_eq!(world.get(&chart_path(&world.app.link_key().sign_chart(none))).await.status(), 404);
}
