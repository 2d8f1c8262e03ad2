//! `/callout …`.

use serde_json::json;

use super::{Chat, members, start};
use crate::support::{Sinks, world};

#[test]
fn commands_do_what_they_say_and_say_what_they_did() {
    let sinks = Sinks::start_with(&members());
    let service = start(&sinks, "");
    let chat = Chat { sinks: &sinks, service: &service };
    let says = |user: &str, text: &str, words: &[&str]| {
        let answer = chat.types(user, text);
        assert!(words.iter().all(|word| answer.contains(word)), "{text}: {answer}\nlacks one of {words:?}");
    };
    says("U0EVE", "ack 1", &["callout does not know you yet", "`slack = \"U0EVE\"`"]);
    says("U0ANN", "help", &["`ack`", "(`/callout snooze 17 2h`)"]);
    says("U0ANN", "akc 1", &["`akc` is not understood", "Did you mean `ack`?"]);
    says("U0ANN", "status", &["Nothing is open that concerns you."]);
    says("U0ANN", "who", &["*On call now*", "checkout main: *", "checkout backup: *"]);
    says("U0ANN", "who Checkout", &["checkout main: *"]);
    says("U0ANN", "who chekout", &["There is no team or schedule `chekout`", "Did you mean `checkout`?"]);

    // By hand; Slack sends it twice and there is one.
    says("U0CAT", "open data-apo all is slow", &["There is no service `data-apo`", "Did you mean `data-api`?"]);
    let open = json!({"target": chat.target("commands"), "user": "U0CAT", "text": "open data-api all is slow priority=p1", "anew": 2});
    let twice = sinks.slack_sends("slash", &open);
    let bodies: Vec<&str> = twice["replies"].as_array().unwrap().iter().map(|r| r["body"].as_str().unwrap()).collect();
    assert!(bodies[0].contains("You opened #1 (data-api: all is slow). Team checkout hears of it."), "{bodies:?}");
    assert!(bodies[1].contains("This came twice and was done once."), "{bodies:?}");
    says("U0CAT", "open data-api all is slow priority=P1", &["It is part of #1 (", "which is open already"]);
    assert_eq!(service.wait_incidents(1)[0]["priority"], "P1");

    says("U0CAT", "ack 1", &["belongs to team checkout", "Ann Ruiz was paged last."]);
    says("U0BOB", "status", &["*1 open*", "P1 #1 (data-api: all is slow) is open, and nobody is on it."]);
    says("U0BOB", "ack #1", &["You are on #1 (data-api: all is slow). The escalation stops"]);
    says("U0BOB", "ack 1", &["You did that already."]);
    says("U0ANN", "ack 1", &["Somebody was faster.", "was acknowledged by Bob Lindqvist at "]);
    says("U0ANN", "ack 7", &["There is no incident #7"]);
    says(
        "U0ANN",
        "status 1",
        &["Priority P1, team checkout", "Paged: Ann Ruiz.", "Step 1 of 2; it goes no further by itself."],
    );
    says("U0ANN", "snooze 1 2h", &["stays quiet until "]);
    says("U0ANN", "snooze 1 99d", &["A snooze lasts at most"]);
    says("U0ANN", "priority 1 p3", &["has priority P3 now."]);
    says("U0ANN", "priority 1 P33", &["There is no priority `P33`", "Did you mean `P3`?"]);
    says("U0ANN", "note 1 rolled back", &["Your note is with #1"]);
    says("U0ANN", "reassign 1 <@U0EVE|eve>", &["does not know one of them", "Nothing was done."]);
    says("U0ANN", "reassign 1 <@U0BOB|bob> @ann", &["went to Bob Lindqvist, Ann Ruiz, who are paged now."]);
    says("U0ANN", "escalate 1", &["was escalated: step 2 of 2 is told now."]);
    says("U0ANN", "resolve 1", &["is resolved."]);
    says("U0ANN", "resolve 1", &["You did that already."]);
    says("U0BOB", "resolve 1", &["Somebody was faster."]);

    says("U0CAT", "override checkout me 2h", &["Nothing was done."]);
    says("U0ANN", "override chekout me 2h", &["There is no schedule `chekout`", "Did you mean `checkout`?"]);
    says("U0ANN", "override checkout me 2h role=chief", &["chief", "Nothing was done."]);
    says("U0ANN", "override checkout me tomorrow never", &["write 2026-12-24T09:00"]);
    says("U0ANN", "override checkout <@U0DAN|dan> 2h role=main", &["Dan Ohm stands in in checkout from ", " until "]);
    says("U0ANN", "who", &["checkout main: *Dan Ohm*", "(stands in)"]);

    says("U0ANN", "silence cluster=\"eu\" for 2h", &["belongs to a team of yours"]);
    says("U0CAT", "silence service=\"data-api\" for 2h", &["would silence alerts of team checkout"]);
    says("U0ANN", "silence service=\"data-api for 2h", &["`matchers`"]);
    says("U0ANN", "silence service=“data-api” for 2h patching", &["stays quiet until ", "silence expire "]);
    let silences = service.get("/v1/silences").json();
    assert_eq!(silences["silences"][0]["matchers"], json!(["service=\"data-api\""]));
    assert_eq!(
        (&silences["silences"][0]["author"], &silences["silences"][0]["comment"]),
        (&json!("ann"), &json!("patching"))
    );
    sinks.expect_no_complaints();
}

#[test]
fn everybody_may_act_where_that_is_configured() {
    let sinks = Sinks::start_with(&members());
    let service = start(&sinks, "act = \"everybody\"\n");
    let chat = Chat { sinks: &sinks, service: &service };
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    service.wait_incidents(1);
    assert!(chat.types("U0EVE", "ack 1").contains("callout does not know you yet"));
    assert!(chat.types("U0CAT", "ack 1").contains("You are on #1 ("));
}
