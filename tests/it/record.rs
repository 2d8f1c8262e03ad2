//! The record of an incident: roles, updates, merging, the timeline and the postmortem, through the real program.

use serde_json::{Value, json};

use crate::support::world::{self, STEPS};
use crate::support::{Service, Sinks};

/// The organisation, with what severities and priorities ask for.
fn organised(sinks: &Sinks) -> Service {
    let mut organisation = world::organisation(sinks).replace(
        "meaning = \"one application cannot be used\"",
        "meaning = \"one application cannot be used\"\npostmortem = true\nupdate_every = \"4h\"",
    );
    organisation.push_str(
        "\n[severities]\ncritical = [\"coordinator\", \"communicator\"]\n\n\
         [roles]\ncoordinator = \"person:bob\"\ncommunicator = \"person:cat\"\n",
    );
    world::prepare_with(sinks, &organisation, STEPS).start()
}

fn act(service: &Service, id: u64, verb: &str, body: &Value) -> Value {
    service.post(&format!("/v1/incidents/{id}/{verb}"), body).expect_status(200).json()
}

fn refused(service: &Service, path: &str, body: &Value, status: u16) -> String {
    service.post(path, body).expect_status(status).json()["detail"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn an_incident_is_organised_merged_and_written_down() {
    let sinks = Sinks::start();
    let mut service = organised(&sinks);
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    service.wait_incident("1", "the page arrived", |i| i["told"].as_array().is_some_and(|told| told.len() >= 4));

    // A severity calls in its roles: each is told once, by their own way, why they are needed.
    let incident = act(&service, 1, "severity", &json!({"severity": "critical"}));
    let roles: Vec<_> = incident["roles"].as_array().unwrap().iter().map(|r| (&r["role"], &r["person"])).collect();
    assert_eq!(
        format!("{roles:?}"),
        r#"[(String("coordinator"), String("bob")), (String("communicator"), String("cat"))]"#
    );
    let called = sinks.wait_for_text("slack.chat.postMessage", "Bob Lindqvist is called in as coordinator");
    assert!(called.text().contains("severity critical"), "{}", called.text());
    sinks.wait_for_text("slack.chat.postMessage", "Cat Okafor is called in as communicator");
    let why = refused(&service, "/v1/incidents/1/role", &json!({"role": "cook", "person": "ann"}), 422);
    assert!(why.contains("communicator, coordinator, expert"), "{why}");
    let why = refused(&service, "/v1/incidents/1/role", &json!({"role": "expert", "person": "eve"}), 422);
    assert!(why.contains("`eve`"), "{why}");
    refused(&service, "/v1/incidents/1/role", &json!({"role": "expert"}), 422);
    act(&service, 1, "role", &json!({"role": "expert", "person": "ann"}));

    // A status update reaches whoever was told, in the thread, in a person's words.
    refused(&service, "/v1/incidents/1/update", &json!({"text": "  "}), 422);
    let said = "the <database> is being restored & checked";
    let incident = act(&service, 1, "update", &json!({"text": said}));
    assert_eq!(incident["updates"][0]["text"], said);
    assert!(incident["update_due_at"].is_string());
    sinks
        .wait_for_text("slack.chat.postMessage", "Status update: the &lt;database&gt; is being restored &amp; checked");
    sinks.wait_for_text("smtp.data", "is being restored");

    // Another alert of the same outage goes on in the first.
    let other = json!({"kind": "resource", "service": "data-api", "environment": "prod-us", "labels": {"alertname": "DiskFull", "host": "h1"}});
    service.post("/v1/breaches", &other).expect_status(202);
    service.wait_incident("2", "told", |i| i["told"].as_array().is_some_and(|told| !told.is_empty()));
    for (path, body, status, words) in [
        ("/v1/incidents/2/merge", json!({"into": 2}), 422, "into itself"),
        ("/v1/incidents/2/merge", json!({"into": 99}), 404, "99"),
        ("/v1/incidents/2/merge", json!({"onto": 1}), 422, "onto"),
    ] {
        let why = refused(&service, path, &body, status);
        assert!(why.contains(words), "{why}");
    }
    let merged = act(&service, 2, "merge", &json!({"into": 1}));
    assert_eq!((&merged["status"], &merged["merged_into"]), (&json!("resolved"), &json!(1)));
    let why = refused(&service, "/v1/incidents/2/acknowledge", &json!({}), 409);
    assert!(why.contains("merged into incident 1"), "{why}");
    let why = refused(&service, "/v1/incidents/2/reopen", &json!({}), 409);
    assert!(why.contains("merged into incident 1"), "{why}");
    let why = refused(&service, "/v1/incidents/1/merge", &json!({"into": 2}), 409);
    assert!(why.contains("itself merged"), "{why}");
    sinks.wait_until("webhook.ops", "the merge is told", |all| {
        all.iter().any(|m| m.text().contains("incident.resolved") && m.text().contains("\"incident\":2"))
            || all.iter().any(|m| m.text().contains("incident.resolved"))
    });
    service.post("/v1/breaches", &other).expect_status(202);
    let first = service.wait_incident("1", "counted there", |i| i["duplicates"].as_u64() >= Some(2));
    assert_eq!(first["merged"], json!([2]));

    // All of it survives a crash, and is in the record.
    act(&service, 1, "priority", &json!({"priority": "P1"}));
    act(&service, 1, "priority", &json!({"priority": "P2"}));
    act(&service, 1, "acknowledge", &json!({}));
    service.kill_9();
    service.restart();
    act(&service, 1, "resolve", &json!({}));
    let incident = service.get("/v1/incidents/1").expect_status(200).json();
    let changes: Vec<_> = incident["changes"].as_array().unwrap().iter().map(|c| c["to"].as_str().unwrap()).collect();
    assert_eq!(changes, ["critical", "P1", "P2"]);
    the_record_is_complete(&service);
    the_postmortem_is_tracked(&service);
    sinks.expect_no_complaints();
}

fn the_record_is_complete(service: &Service) {
    let told = service.get("/v1/incidents/1/timeline").expect_status(200).json();
    let entries = told["entries"].as_array().unwrap();
    let has = |what: &dyn Fn(&Value) -> bool| entries.iter().any(what);
    assert!(has(&|e| e["kind"] == "message"
        && e["to"] == "ann"
        && e["through"] == "slack:main"
        && e["outcome"] == "delivered"));
    assert!(has(&|e| e["kind"] == "message" && e["to"] == "email:checkout@example.com"), "{told}");
    assert!(has(
        &|e| e["kind"] == "action" && e["text"].as_str().unwrap().starts_with("told how it stands: the <database>")
    ));
    assert!(has(&|e| e["kind"] == "action" && e["text"] == "acknowledged"), "{told}");
    assert!(has(&|e| e["kind"] == "action" && e["text"] == "merged incident 2 into it"), "{told}");
    assert!(has(&|e| e["kind"] == "event"), "{told}");
    let times: Vec<_> = entries.iter().map(|e| e["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    service.get("/v1/incidents/99/timeline").expect_status(404);
    service.get("/v1/incidents/x/timeline").expect_status(404);
    let shown = service.client(&["incident", "timeline", "1"]);
    assert!(shown.contains("acknowledged") && shown.contains("delivered"), "{shown}");
}

fn the_postmortem_is_tracked(service: &Service) {
    let text = service.get("/v1/incidents/1/postmortem").expect_status(200).text();
    for words in [
        "# Postmortem of incident 1: availability of GET /api/data/{tenant} in prod-eu",
        "| Coordinator | Bob Lindqvist |",
        "| Priority | P2 (one application cannot be used) |",
        "| Time to recovery | under 1m |",
        "## Status updates",
        "told how it stands: the &lt;database> is being restored &amp; checked",
        "merged incident 2 into it",
        "## Actions",
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    assert!(service.client(&["postmortem", "1"]).starts_with("# Postmortem of incident 1: "));
    let open = service.get("/v1/postmortems?team=checkout").expect_status(200).json();
    assert_eq!((&open["postmortems"][0]["incident"], &open["postmortems"][0]["overdue"]), (&json!(1), &json!(false)));
    assert!(service.client(&["postmortem"]).contains("open"), "it is on the list");
    let path = "/v1/incidents/1/postmortem";
    for body in [
        json!({}),
        json!({"url": "javascript:alert(1)"}),
        json!({"waived": " "}),
        json!({"url": "https://x", "waived": "y"}),
    ] {
        refused(service, path, &body, 422);
    }
    service.client(&["postmortem", "1", "--written", "https://wiki.acme.example/postmortems/1"]);
    let why = refused(service, path, &json!({"waived": "no time"}), 409);
    assert!(why.contains("was settled by"), "{why}");
    assert_eq!(service.get("/v1/postmortems").expect_status(200).json(), json!({"postmortems": []}));
    assert!(service.client(&["postmortem", "--all"]).contains("settled"), "it is on the whole list");
    service.get("/v1/postmortems?status=late").expect_status(400);
    service.get("/v1/incidents/2/postmortem").expect_status(200);
    service.post("/v1/incidents/2/postmortem", &json!({"waived": "merged"})).expect_status(404);
    let page = service.get("/incidents/1").expect_status(200).text();
    assert!(
        page.contains("Status updates") && page.contains("Bob Lindqvist") && page.contains("/postmortems/1"),
        "{page}"
    );
}
