//! Inputs over which the judge of the real program panics: they are set aside and told to the fallback team word for word, and everything
//! else goes on, also after kill -9. The fault is one that builds with debug assertions can be asked for (`CALLOUT_FAULT`).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Service;
use crate::support::hook::Hook;
use crate::support::service::incidents;

/// As no program would write it, so that it is recognised word for word.
const POISON: &str =
    r#"{ "service":"api",  "kind" : "resource", "labels":{"alertname":"bad","callout_fault":"\u0031"} }"#;

fn service(hook: &Hook, fault: &str) -> Service {
    let toml = format!(
        "[organisation]\nname = \"acme\"\ntimezone = \"UTC\"\nfallback = \"ops\"\n\n\
        [channels.webhook.ops]\nurl = \"http://{}/hook\"\nallow_private = true\n\n\
        [teams.ops]\n[[teams.ops.routes]]\ntell = [\"webhook:ops\"]\n\n[services.api]\nteam = \"ops\"\n",
        hook.address
    );
    Service::prepare(&[("callout.toml", &toml)]).env("CALLOUT_FAULT", fault)
}

fn event(name: &str) -> Value {
    json!({"kind": "resource", "service": "api", "labels": {"alertname": name}})
}

/// Bodies of alarms that arrived and quote this text.
fn alarms(hook: &Hook, quoted: &str) -> Vec<Value> {
    let all = hook.taken().into_iter().map(|taken| taken.body);
    all.filter(|body| body["type"] == "callout.alarm" && strings(body).iter().any(|text| text.contains(quoted)))
        .collect()
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

#[track_caller]
fn wait_for_alarm(hook: &Hook, quoted: &str) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while alarms(hook, quoted).is_empty() {
        assert!(Instant::now() < deadline, "nobody was told of {quoted}: {:#?}", hook.taken());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn quarantine(service: &Service, count: usize) -> Vec<Value> {
    let list = service.wait_json("/v1/quarantine", "set aside", |list| {
        list["inputs"].as_array().is_some_and(|inputs| inputs.len() == count)
    });
    list["inputs"].as_array().cloned().unwrap_or_default()
}

#[test]
fn what_the_judge_panics_over_is_set_aside_and_told_word_for_word() {
    let hook = Hook::start();
    let mut service = service(&hook, "judge").start();

    // In the midst of good ones, of which each is judged as ever.
    let body = format!("[{},\n{POISON} , {}]", event("before"), event("after"));
    let headers = [("content-type", "application/json")];
    let answer = service.request("POST", "/v1/breaches", &headers, body.as_bytes());
    answer.expect_status(202);
    wait_for_alarm(&hook, POISON);
    let told = service.wait_incidents(2);
    assert!(["before", "after"].iter().all(|name| told.iter().any(|incident| incident.to_string().contains(name))));
    let listed = quarantine(&service, 1);
    assert_eq!(listed[0]["text"], POISON);
    assert!(listed[0]["panic"].as_str().unwrap().contains("on purpose"), "{listed:?}");
    assert!(service.client(&["quarantine"]).contains(POISON));
    assert!(service.get("/metrics").text().contains("callout_quarantined_inputs 1\n"));
    service.get("/-/ready").expect_status(200);

    // The same source again within the hour: set aside, and not told again. Alertmanager's dialect keeps its words too.
    service.request("POST", "/v1/breaches", &headers, POISON.as_bytes()).expect_status(202);
    let alert =
        r#"{"labels" : {"alertname":"worse","service":"api","callout_fault":"1"}, "generatorURL":"http://x/\u0067" }"#;
    let body = format!("[{{\"labels\":{{\"alertname\":\"fine\",\"service\":\"api\"}}}}, {alert}]");
    service.request("POST", "/api/v2/alerts", &headers, body.as_bytes()).expect_status(200);
    wait_for_alarm(&hook, alert);
    assert_eq!(quarantine(&service, 3)[0]["text"], alert);
    assert_eq!(alarms(&hook, POISON).len(), 1, "once for each source");

    // None of it comes back, and everything is still listed.
    service.restart();
    quarantine(&service, 3);
    assert!(
        service.get("/metrics").text().contains("callout_judge_panics_total 0\n"),
        "{}",
        service.get("/metrics").text()
    );
    service.post("/v1/breaches", &event("much-later")).expect_status(202);
    service.wait_json("/v1/incidents?limit=500", "judged", |list| list.to_string().contains("much-later"));
}

#[test]
fn what_was_answered_and_not_judged_before_a_crash_is_told_afterwards() {
    let hook = Hook::start();
    let mut service = service(&hook, "die");
    service.spawn();
    service.wait_ready();
    // Answered, and the process dies over it; whether the answer gets through is chance, and it is on the disk in any case.
    let body = format!("[{},{POISON}]", event("before"));
    let url = service.url("/v1/breaches");
    let _ = crate::support::http::try_request("POST", &url, &[("content-type", "application/json")], body.as_bytes());
    assert!(!service.wait_end(Duration::from_secs(20)).success());
    service.set_env("CALLOUT_FAULT", "judge");
    service.restart();
    wait_for_alarm(&hook, "callout_fault");
    let listed = quarantine(&service, 1);
    let understood = listed[0]["text"].as_str().unwrap();
    assert!(understood.contains(r#"["alertname","bad"]"#), "as it was understood: {understood}");
    let list = service.wait_json("/v1/incidents?limit=500", "judged", |list| !incidents(list).is_empty());
    assert!(list.to_string().contains("before"), "{list}");
    service.kill_9();
    service.spawn();
    service.wait_ready();
    quarantine(&service, 1);
    assert!(service.get("/metrics").text().contains("callout_judge_panics_total 0\n"));
}
