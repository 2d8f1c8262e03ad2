//! Every kind of SLI, from a few lines of TOML to a page.

use serde_json::{Value, json};

use crate::samples::{minutes_ago, now_ms, series, write};
use crate::support::Sinks;
use crate::support::world::{self, STEPS};

/// SLI, and what a sample of it says beside good and total. All but one of a hundred events are bad, or half of them by their status.
const SLIS: [(&str, &str); 8] = [
    ("availability", r#"{"statuses": {"200": 50, "404": 20, "429": 20, "503": 10}}"#),
    ("latency", r#"{"threshold": "300ms", "good": 60, "total": 100}"#),
    ("quality", r#"{"good": 1, "total": 100}"#),
    ("throughput", r#"{"good": 1, "total": 100}"#),
    ("correctness", r#"{"good": 1, "total": 100}"#),
    ("freshness", r#"{"good": 1, "total": 100}"#),
    ("durability", r#"{"good": 1, "total": 100}"#),
    ("cart-kept", r#"{"good": 1, "total": 100}"#),
];

const RULES: &str = r#"[services.shelf]
team = "checkout"
environments = ["prod-eu", "prod-us"]
bad_status = ["5xx", 429]
[burn.one]
pairs = [{ name = "page", factor = 20, long = "1h", short = "5m" }]
[metrics.shelf]
total = 'shelf_requests_total'
status = "code"
service = "shelf"
environment = "prod-eu"
sli = "availability"
[metrics.shelf-latency]
histogram = 'shelf_seconds'
threshold = "300ms"
service = "shelf"
environment = "prod-eu"
sli = "latency"
"#;

fn config() -> String {
    let slo = |sli: &str| {
        let threshold = if sli == "latency" { "threshold = \"300ms\"\n" } else { "" };
        format!(
            "[[services.shelf.slo]]\nname = \"{sli} of the shelf\"\nsli = \"{sli}\"\nobjective = \"99%\"\nburn = \"one\"\n{threshold}"
        )
    };
    SLIS.iter().fold(RULES.to_owned(), |text, (sli, _)| text + &slo(sli))
}

#[test]
fn every_kind_of_sli_pages_with_nothing_but_toml_and_counts() {
    let sinks = Sinks::start();
    let prepared = world::prepare(&sinks, STEPS);
    prepared.write_config("teams/shelf.toml", &config());
    let service = prepared.start();
    let samples: Vec<Value> = SLIS
        .iter()
        .flat_map(|(sli, more)| {
            (1..4).map(move |minutes| {
                let mut sample: Value = serde_json::from_str(more).unwrap();
                sample["service"] = json!("shelf");
                sample["sli"] = json!(sli);
                sample["environment"] = json!("prod-us");
                sample["minute"] = json!(minutes_ago(minutes));
                sample
            })
        })
        .collect();
    let reply = service.post("/v1/samples", &json!(samples));
    assert_eq!((reply.status, &reply.json()["stored"]), (202, &json!(24)), "{}", reply.text());
    let paged = |sli: &str, place: &str| {
        let words = format!("{sli} of shelf in {place}:");
        sinks.wait_until("slack.chat.postMessage", &words, |all| {
            all.iter().any(|m| m.body()["channel"] == "U0ANN" && m.text().contains(&words))
        });
    };
    // By a Prometheus: half of the requests were too many at once, and two of five were slow.
    let minute = now_ms() / 60_000 * 60_000 - 2 * 60_000;
    let counters = [
        ("shelf_requests_total", vec![("code", "200")], [1_000.0, 1_050.0]),
        ("shelf_requests_total", vec![("code", "429")], [7.0, 57.0]),
        ("shelf_seconds_count", vec![("job", "shelf")], [0.0, 100.0]),
        ("shelf_seconds_bucket", vec![("job", "shelf"), ("le", "0.3")], [0.0, 60.0]),
    ];
    for (scrape, second) in [(0, 1_000), (1, 31_000)] {
        let all = counters.iter().map(|(name, labels, values)| {
            let labels = [&[("__name__", *name)], labels.as_slice()].concat();
            series(&labels, &[(values[scrape], minute + second)])
        });
        write(&service, &all.collect::<Vec<_>>()).expect_status(204);
    }
    for (sli, _) in SLIS {
        paged(sli, "prod-us");
    }
    // The minute of a counter waits for the rest of its scrape. What all places come to may be news of the same incident, so the words of the
    // page can be about that; whom it reached cannot.
    let begun = std::time::Instant::now();
    let reached = |sli: &str| {
        let list = service.get("/v1/incidents?limit=500").json();
        list["incidents"].as_array().unwrap().iter().any(|incident| {
            let told = incident["told"].as_array().unwrap().iter().any(|to| to == "ann by slack:main");
            incident["sli"] == sli && incident["key"].as_str().unwrap().contains("/prod-eu/") && told
        })
    };
    while !(reached("availability") && reached("latency")) {
        assert!(begun.elapsed().as_secs() < 60, "no page of the counters: {}", service.get("/v1/incidents").text());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    // What was counted is what is told.
    let levels = service.get("/v1/slos?environment=prod-us&service=shelf").json();
    let of = |sli: &str| {
        let rows = levels["slos"].as_array().unwrap().iter();
        let row = rows.clone().find(|row| row["sli"] == sli).unwrap().clone();
        (row["bad"].as_u64().unwrap(), row["total"].as_u64().unwrap())
    };
    assert_eq!((of("availability"), of("latency"), of("durability")), ((90, 300), (120, 300), (297, 300)));
    let worst = service.get("/v1/indicators/adherence?service=shelf&environment=prod-us&format=csv").text();
    assert_eq!(worst.lines().count(), 9, "{worst}");
    sinks.expect_no_complaints();
}
