//! Texts of messages by template: whose template counts, what happens when one fails in use, and that nothing is interpreted twice.

use serde_json::{Value, json};

use crate::support::world::{self, STEPS};
use crate::support::{Service, Sinks};

/// The organisation with templates of its own and of the team `checkout`, not started yet.
fn prepare(sinks: &Sinks, organisation: &str, checkout: &str) -> Service {
    let service = world::prepare_with(sinks, &format!("{}\n{organisation}", world::organisation(sinks)), STEPS);
    service.write_config("teams/checkout.toml", &format!("{}\n{checkout}", world::checkout(STEPS)));
    service
}

/// A resource alert in America: its team hears of it by the webhook, ann by Slack.
fn alert(labels: &Value) -> Value {
    let mut all = json!({"alertname": "DiskFull"});
    for (name, value) in labels.as_object().expect("labels are an object") {
        all[name] = value.clone();
    }
    json!({"kind": "resource", "service": "data-api", "environment": "prod-us", "labels": all})
}

/// A field of the incident in what the webhook received.
fn told<'a>(message: &'a Value, field: &str) -> &'a str {
    message.pointer(&format!("/data/incident/{field}")).and_then(Value::as_str).unwrap_or_default()
}

fn failed(service: &Service) -> u64 {
    let metrics = service.get("/metrics").text();
    let line = metrics.lines().find_map(|l| l.strip_prefix("callout_templates_failed_total "));
    line.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no such metric in {metrics}"))
}

#[test]
fn a_team_has_its_own_words_and_the_organisations_for_the_rest() {
    let sinks = Sinks::start();
    let service = prepare(
        &sinks,
        "[templates]\nheadline = 'acme says {{ headline }}'\ndetails = 'rack {{ labels.rack | default(\"unknown\") }}'\n",
        "[teams.checkout.templates]\nheadline = '[{{ team | upper }}] {{ labels.host | default(\"?\") }}: {{ headline }}'\n",
    )
    .start();
    service.post("/v1/breaches", &alert(&json!({"host": "h1", "rack": "r7"}))).expect_status(202);
    let message = sinks.wait_for("webhook.ops", 1).remove(0);
    let headline = told(message.body(), "headline");
    assert!(headline.starts_with("[CHECKOUT] h1: ") && headline.contains("DiskFull"), "{}", message.body());
    assert_eq!(told(message.body(), "summary"), "rack r7", "{}", message.body());
    let page = sinks.wait_for_text("slack.chat.postMessage", "[CHECKOUT] h1: ");
    assert!(page.text().contains("rack r7"), "{}", page.body());
    // What nobody owns goes to the fallback team, which has no words of its own.
    service.post("/v1/breaches", &json!({"kind": "resource", "labels": {"alertname": "Orphan"}})).expect_status(202);
    sinks.wait_for_text("slack.chat.postMessage", "acme says ");
    assert_eq!(failed(&service), 0);
    sinks.expect_no_complaints();
}

/// Fine for the made-up incident of the check, and wrong in three ways for those that come.
const EXPLODES: &str = "[teams.checkout.templates]\nheadline = '''
{%- if labels.host == 'loop' -%}
  {%- for a in headline -%}{%- for b in headline -%}{%- for c in headline -%}{%- endfor -%}{%- endfor -%}{%- endfor -%}
{%- elif labels.host == 'flood' -%}
  {%- for a in headline -%}{%- for b in headline -%}{{ headline }}{%- endfor -%}{%- endfor -%}
{%- elif labels.host == 'nothing' -%}
  {{ labels.rack.row }}
{%- else -%}
  by template: {{ headline }}
{%- endif -%}
'''\n";

#[test]
fn what_a_template_cannot_say_is_said_in_callouts_own_words() {
    let sinks = Sinks::start();
    let service = prepare(&sinks, "", EXPLODES).start();
    for host in ["loop", "flood", "nothing", "h1"] {
        service.post("/v1/breaches", &alert(&json!({"host": host}))).expect_status(202);
    }
    let messages = sinks.wait_for("webhook.ops", 4);
    for host in ["loop", "flood", "nothing", "h1"] {
        let message = messages.iter().find(|m| m.body().pointer("/data/incident/labels/host") == Some(&json!(host)));
        let body = message.unwrap_or_else(|| panic!("{host} is missing in {messages:?}")).body();
        let headline = told(body, "headline");
        assert!(headline.contains("DiskFull"), "{body}");
        assert_eq!(headline.starts_with("by template: "), host == "h1", "{body}");
    }
    let pages = sinks.wait_until("slack.chat.postMessage", "four pages", |all| {
        all.iter().filter(|m| m.body()["channel"] == "U0ANN").count() == 4
    });
    let by_template = pages.iter().filter(|m| m.body()["channel"] == "U0ANN" && m.text().contains("by template: "));
    assert_eq!(by_template.count(), 1, "{pages:?}");
    assert!(failed(&service) >= 6, "two messages for each of three: {}", failed(&service));

    // People hear of it, and once for now.
    let alarm = sinks.wait_for_text("slack.chat.postMessage", "callout's own text went out instead");
    assert!(alarm.text().contains("headline") && alarm.text().contains("checkout"), "{}", alarm.body());
    assert_ne!(alarm.body()["channel"], "U0ANN", "the fallback team mends it: {}", alarm.body());
    let raised = service.log().matches("callout's own text went out instead").count();
    assert_eq!(raised, 1, "{}", service.log());
    sinks.expect_no_complaints();
}

/// Everything that a sender may write comes through it.
const REPEATS: &str = "[teams.checkout.templates]\nheadline = '{{ labels.note | default(\"no note\") }} of {{ team }}'\n\
    details = 'said: {{ labels.note | default(\"nothing\") }}'\n";

#[test]
fn what_a_sender_wrote_is_not_interpreted() {
    let sinks = Sinks::start();
    let service = prepare(&sinks, "", REPEATS).start();
    let hostile = "<!channel> {{ 7*7 }} {% raw %} <https://evil.example|runbook> <img src=x>\r\nBcc: x@evil.example";
    let mut american = alert(&json!({"note": hostile}));
    service.post("/v1/breaches", &american).expect_status(202);
    let message = sinks.wait_for("webhook.ops", 1).remove(0);
    let (headline, summary) = (told(message.body(), "headline"), told(message.body(), "summary"));
    assert_eq!(headline, format!("{} of checkout", hostile.replace("\r\n", " ")), "{}", message.body());
    assert_eq!(summary, format!("said: {}", hostile.replace("\r\n", "\n")), "{}", message.body());

    american["environment"] = json!("prod-eu");
    service.post("/v1/breaches", &american).expect_status(202);
    let card = sinks.wait_for("teams", 1).remove(0);
    assert!(card.text().contains("7*7") || card.text().contains("7\\*7"), "{}", card.body());
    let mail = sinks.wait_for("smtp.data", 1).remove(0);
    let html = mail.mail()["html"].as_str().unwrap_or_default();
    assert!(html.contains("{{ 7*7 }}") && !html.contains("<img src=x") && !html.contains("<!channel>"), "{html}");
    assert!(!mail.mail()["headers"].to_string().to_ascii_lowercase().contains("\"bcc\""), "{}", mail.mail());
    for page in sinks.wait_for("slack.chat.postMessage", 3) {
        let raw = page.body().to_string();
        assert!(raw.contains("7*7") && !raw.contains("<!channel>") && !raw.contains("<https://evil.example|"), "{raw}");
    }
    assert_eq!(failed(&service), 0);
    sinks.expect_no_complaints();
}

#[test]
fn a_drill_stays_marked_whatever_the_template_says() {
    let sinks = Sinks::start();
    let service = prepare(&sinks, "", REPEATS).start();
    for route in ["checkout", "checkout/eu"] {
        service.post("/v1/drill", &json!({"route": route})).expect_status(202);
    }
    let hook = sinks.wait_for("webhook.ops", 1).remove(0);
    assert_eq!(told(hook.body(), "headline"), "DRILL: no note of checkout", "{}", hook.body());
    for (endpoint, count) in [("slack.chat.postMessage", 3), ("teams", 1), ("smtp.data", 1)] {
        for message in sinks.wait_for(endpoint, count) {
            assert!(message.text().contains("DRILL: no note of checkout"), "{endpoint}: {}", message.0);
        }
    }
    assert_eq!(failed(&service), 0);
    sinks.expect_no_complaints();
}
