//! Documents as people write them, and a configuration there and back.

use super::{Imported, Kept, export, openslo, sloth};
use crate::config::{self, Loaded};
use crate::domain::Timestamp;

const BASE: &str = "[organisation]\nname = \"acme\"\nfallback = \"ops\"\n[teams.ops]\n[teams.shop]\n";

/// Checks an import as a file below `teams/`.
fn checked(toml: &str) -> Loaded {
    let report = config::load_texts(
        [("callout.toml", BASE), ("teams/imported.toml", toml)],
        Timestamp::from_seconds(1_800_000_000),
    );
    report.loaded.clone().unwrap_or_else(|| panic!("{}\n{toml}", report.render(false)))
}

fn lines(imported: &Imported, kept: Kept) -> Vec<&str> {
    imported.report.lines.iter().filter(|l| l.kept == kept).map(|l| l.what.as_str()).collect()
}

const OPENSLO: &str = r#"
apiVersion: openslo/v1
kind: Service
metadata: {name: checkout, labels: {team: shop}}
spec: {description: the till}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-up, displayName: Checkout is up}
spec:
  service: checkout
  indicatorRef: checkout-ratio
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.9995}]
  alertPolicies: [{alertPolicyRef: fast}]
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: checkout-ratio}
spec:
  ratioMetric:
    counter: true
    bad: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(http_requests_total{job="checkout",code=~"5.."}[5m]))'}}}
    total: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(http_requests_total{job="checkout"}[5m]))'}}}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: fast}
spec:
  alertWhenBreaching: true
  conditions: [{conditionRef: burns}]
  notificationTargets: [{targetRef: mail}]
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: burns}
spec:
  severity: page
  condition: {kind: burnrate, op: gt, threshold: 14.4, lookbackWindow: 1h, alertAfter: 5m}
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: mail}
spec: {target: email}
"#;

#[test]
fn openslo_becomes_a_configuration_that_passes_the_check() {
    let imported = openslo::import([OPENSLO], "ops").unwrap();
    let loaded = checked(&imported.toml);
    let service = &loaded.policy.services["checkout"];
    assert_eq!(service.team, "shop");
    let slo = &service.slos[0];
    assert_eq!((slo.name.as_str(), slo.sli.as_str()), ("Checkout is up", "availability"));
    assert_eq!(
        format!("{:?} {}", slo.objective, slo.period),
        format!("{:?} 28d", crate::domain::Ratio::parse_percent("99.95").unwrap())
    );
    let pair = &slo.burn[0];
    assert_eq!(
        (pair.name.as_str(), pair.long.to_string(), pair.short.to_string(), pair.hold.to_string()),
        ("burns", "1h".into(), "1h".into(), "5m".into())
    );
    let rule = &loaded.settings.metrics.all()[0];
    assert_eq!(
        rule.measure.selectors().map(ToString::to_string).collect::<Vec<_>>(),
        [r#"http_requests_total{job="checkout"}"#, r#"http_requests_total{job="checkout",code=~"5.."}"#]
    );
    assert_eq!(lines(&imported, Kept::Equal), ["Service `checkout`", "AlertCondition `burns`", "SLO `checkout-up`"]);
    assert_eq!(lines(&imported, Kept::Changed), [""; 0]);
    assert_eq!(lines(&imported, Kept::LeftOut), ["AlertNotificationTarget `mail`"]);
}

#[test]
fn what_openslo_says_and_callout_does_not_is_told() {
    let slo = |changes: &[(&str, &str)]| {
        let mut text = OPENSLO.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let imported = openslo::import([text.as_str()], "ops").unwrap();
        checked(&imported.toml);
        imported.report.to_string()
    };
    for (changes, words) in [
        (
            &[(
                "duration: 4w, isRolling: true",
                "duration: 1M, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}",
            )][..],
            "99.95% over month",
        ),
        (
            &[(
                "duration: 4w, isRolling: true",
                "duration: 1M, calendar: {startTime: 2026-01-15 00:00:00, timeZone: UTC}",
            )],
            "changed   time window of SLO `checkout-up`: a calendar period of `1M` became a rolling one of 30d",
        ),
        (
            &[("duration: 4w, isRolling: true", "duration: 1Y, isRolling: true")],
            "changed   time window of SLO `checkout-up`: `1Y` is longer than 92d",
        ),
        (&[("Occurrences", "Timeslices")], "left out  objective 1 of SLO `checkout-up`: it lacks `timeSliceTarget`"),
        (
            &[("Occurrences", "RatioTimeslices")],
            "left out  SLO `checkout-up`: its budget is counted by `RatioTimeslices`",
        ),
        (&[("ratioMetric", "thresholdMetric")], "left out  SLO `checkout-up`: its indicator compares a measurement"),
        (
            &[("indicatorRef: checkout-ratio", "indicatorRef: nothing")],
            "left out  SLO `checkout-up`: its indicator is not in any",
        ),
        (&[("target: 0.9995", "target: 1")], "left out  objective 1 of SLO `checkout-up`"),
        (&[("target: 0.9995", "targetPercent: 99.5")], "99.5% over 28d"),
        (
            &[("sum(rate(http_requests_total{job=\"checkout\"}[5m]))", "vector(1) or x")],
            "left out  indicator of SLO `checkout-up`: the query",
        ),
        (&[("type: Prometheus", "type: Datadog")], "asks `datadog`"),
        (&[("op: gt", "op: lte")], "left out  AlertCondition `burns`: its operator is `lte`"),
        (
            &[("lookbackWindow: 1h", "lookbackWindow: soon")],
            "left out  AlertCondition `burns`: its threshold or its window",
        ),
        (&[("openslo/v1\nkind: Service", "openslo/v1alpha\nkind: Service")], "only `openslo/v1` is read"),
        (&[("conditionRef: burns", "conditionRef: none")], "left out  condition of AlertPolicy `fast`"),
    ] {
        let report = slo(changes);
        assert!(report.contains(words), "{words}\n{report}");
    }
}

#[test]
fn two_indicators_of_one_service_are_two_slis() {
    let two = format!(
        "{OPENSLO}\n---\n{}",
        r"
apiVersion: openslo/v1
kind: SLO
metadata: {name: carts}
spec:
  service: checkout
  indicator: {metadata: {name: carts ok}, spec: {ratioMetric: {counter: true, good: {metricSource: {spec: {query: carts_ok}}}, total: {metricSource: {spec: {query: carts}}}}}}
  budgetingMethod: Occurrences
  objectives: [{displayName: first, target: 0.9}, {displayName: second, target: 0.99}]
"
    );
    let imported = openslo::import([two.as_str()], "ops").unwrap();
    let loaded = checked(&imported.toml);
    let slos = &loaded.policy.services["checkout"].slos;
    let all: Vec<(&str, &str)> = slos.iter().map(|s| (s.name.as_str(), s.sli.as_str())).collect();
    assert_eq!(all, [("Checkout is up", "availability"), ("carts: first", "carts-ok"), ("carts: second", "carts-ok")]);
    assert_eq!(loaded.settings.metrics.all().len(), 2);
}

const SLOTH: &str = r#"
version: "prometheus/v1"
service: "myservice"
labels: {owner: shop, tier: "2"}
slos:
  - name: "requests-availability"
    objective: 99.9
    description: "common"
    sli:
      events:
        error_query: sum(rate(http_request_duration_seconds_count{job="myservice",code=~"(5..|429)"}[{{.window}}]))
        total_query: sum(rate(http_request_duration_seconds_count{job="myservice"}[{{.window}}]))
    alerting:
      name: MyServiceHighErrorRate
      labels: {category: availability}
      page_alert: {labels: {severity: pageteam}}
      ticket_alert: {disable: true}
  - name: requests-latency
    objective: 99
    sli:
      events:
        error_query: |
          (
            sum(rate(http_request_duration_seconds_count{job="myservice"}[{{.window}}]))
            -
            sum(rate(http_request_duration_seconds_bucket{job="myservice",le="0.3"}[{{.window}}]))
          )
        total_query: sum(rate(http_request_duration_seconds_count{job="myservice"}[{{.window}}]))
    alerting: {name: Slow}
  - name: ratio
    objective: 95
    sli: {raw: {error_ratio_query: x}}
  - name: broken
    objective: 100
    sli: {}
"#;

#[test]
fn sloth_becomes_a_configuration_that_passes_the_check() {
    let imported = sloth::import([SLOTH], "ops").unwrap();
    let loaded = checked(&imported.toml);
    let service = &loaded.policy.services["myservice"];
    assert_eq!(service.team, "shop");
    let all: Vec<(&str, &str, usize, String)> =
        service.slos.iter().map(|s| (s.name.as_str(), s.sli.as_str(), s.burn.len(), s.period.to_string())).collect();
    assert_eq!(
        all,
        [
            ("requests-availability", "availability", 2, "30d".into()),
            ("requests-latency", "latency", 4, "30d".into()),
            ("ratio", "ratio", 4, "30d".into()),
        ]
    );
    let rules = loaded.settings.metrics.all();
    assert_eq!(rules.len(), 2);
    assert!(matches!(rules[1].measure, config::metrics::Measure::Histogram { .. }), "{:?}", rules[1]);
    let report = imported.report.to_string();
    for words in [
        "left out  labels and annotations of alerting of SLO `requests-availability`",
        "changed   alerts of SLO `requests-latency` of `myservice`: the built-in pack `workbook`",
        "left out  indicator of SLO `ratio` of `myservice`: the indicator is a ratio that was computed before",
        "left out  SLO `broken` of `myservice`: its objective",
    ] {
        assert!(report.contains(words), "{words}\n{report}");
    }
    // The same as Kubernetes has it.
    let indented = SLOTH.lines().skip(2).collect::<Vec<_>>().join("\n  ");
    let kubernetes = format!(
        "apiVersion: sloth.slok.dev/v1\nkind: PrometheusServiceLevel\nmetadata: {{name: x}}\nspec:\n  {indented}\n"
    )
    .replace("error_query", "errorQuery")
    .replace("total_query", "totalQuery")
    .replace("ticket_alert", "ticketAlert")
    .replace("page_alert", "pageAlert");
    assert_eq!(sloth::import([kubernetes.as_str()], "ops").unwrap().toml, imported.toml);
}

const OURS: &str = r#"
[services.data-api]
team = "shop"
default_slo.latency = { objective = "80%", threshold = "1000ms" }
[[services.data-api.slo]]
name = "Availability of get data API"
endpoint = "GET /api/data/{tenant}"
sli = "availability"
objective = "99.7%"
period = "28d"
burn = "workbook"
[[services.data-api.slo]]
name = "Latency"
sli = "latency"
objective = "99.95%"
threshold = "300ms"
period = "30d"
burn = "own"
[burn.own]
pairs = [{ name = "quick", factor = "13.44", long = "1h", short = "7m" }]
[metrics.up]
total = 'http_total{handler="/api"}'
bad = 'http_total{handler="/api",code=~"5.."}'
service = "data-api"
endpoint = "GET /api/data/{{tenant}}"
sli = "availability"
[metrics.fast]
histogram = 'http_seconds{job="data"}'
threshold = "300ms"
service = "data-api"
sli = "latency"
"#;

#[test]
fn what_is_exported_comes_back_the_same() {
    let before = checked(OURS);
    let (documents, report) = export::openslo(&before.policy, &before.settings.metrics);
    let yaml = export::yaml(&documents).unwrap();
    let imported = openslo::import([yaml.as_str()], "nobody").unwrap();
    let after = checked(&imported.toml);
    let (old, new) = (&before.policy.services["data-api"], &after.policy.services["data-api"]);
    assert_eq!(old.team, new.team, "{yaml}");
    assert_eq!(old.slos, new.slos, "{yaml}\n{}", imported.toml);
    let measures =
        |loaded: &Loaded| loaded.settings.metrics.all().iter().map(|r| r.measure.clone()).collect::<Vec<_>>();
    let (mut old, mut new) = (measures(&before), measures(&after));
    old.sort_by_key(|m| format!("{m:?}"));
    new.sort_by_key(|m| format!("{m:?}"));
    assert_eq!(old, new, "{yaml}");
    assert_eq!(imported.report.count(Kept::LeftOut), 0, "{}", imported.report);
    assert_eq!(imported.report.count(Kept::Changed), 0, "{}", imported.report);
    assert!(report.count(Kept::LeftOut) == 0, "{report}");
    // And once more, letter by letter.
    let (again, _) = export::openslo(&after.policy, &after.settings.metrics);
    assert_eq!(export::yaml(&again).unwrap(), yaml);
}

/// What the specification demands of each kind.
#[test]
fn exported_documents_have_what_the_specification_demands() {
    let loaded = checked(OURS);
    let (documents, _) = export::openslo(&loaded.policy, &loaded.settings.metrics);
    assert!(documents.len() >= 8, "{}", documents.len());
    let dns = |name: &str| {
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        name.len() <= 63 && name.starts_with(edge) && name.ends_with(edge) && name.chars().all(|c| edge(c) || c == '-')
    };
    let mut names = std::collections::BTreeSet::new();
    for document in &documents {
        let kind = document["kind"].as_str().unwrap();
        let name = document["metadata"]["name"].as_str().unwrap();
        assert_eq!(document["apiVersion"], "openslo/v1");
        assert!(dns(name), "{kind} {name}");
        assert!(names.insert((kind, name)), "{kind} {name} is there twice");
        let spec = &document["spec"];
        match kind {
            "Service" => {}
            "SLO" => {
                assert_eq!(spec["budgetingMethod"], "Occurrences");
                assert!(
                    spec["service"].is_string() && spec["indicator"]["metadata"]["name"].is_string(),
                    "{document:#}"
                );
                assert!(
                    spec["objectives"][0]["target"].as_f64().is_some_and(|t| (0.0..1.0).contains(&t)),
                    "{document:#}"
                );
                assert_eq!(spec["timeWindow"].as_array().map(Vec::len), Some(1));
                let ratio = &spec["indicator"]["spec"]["ratioMetric"];
                assert!(
                    ratio["total"].is_object() && ratio["good"].is_object() != ratio["bad"].is_object(),
                    "{document:#}"
                );
            }
            "AlertPolicy" => assert_eq!(spec["conditions"].as_array().map(Vec::len), Some(1), "exactly one is allowed"),
            "AlertCondition" => {
                let condition = &spec["condition"];
                assert!(spec["severity"].is_string() && condition["threshold"].is_number(), "{document:#}");
                assert_eq!((condition["kind"].as_str(), condition["op"].as_str()), (Some("burnrate"), Some("gt")));
            }
            other => panic!("{other}"),
        }
    }
    for document in &documents {
        for policy in document["spec"]["alertPolicies"].as_array().into_iter().flatten() {
            assert!(names.contains(&("AlertPolicy", policy["alertPolicyRef"].as_str().unwrap())));
        }
        for condition in document["spec"]["conditions"].as_array().into_iter().flatten() {
            assert!(names.contains(&("AlertCondition", condition["conditionRef"].as_str().unwrap())));
        }
    }
}

#[test]
fn yaml_is_bounded() {
    let refused = |text: &str| openslo::import([text], "ops").unwrap_err().to_string();
    refused(&"x".repeat(super::YAML_BYTES_MAX + 1));
    refused("a: [1");
    refused("a: 1\na: 2");
    refused(&("[".repeat(1_000) + &"]".repeat(1_000)));
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
    refused(bomb);
    refused(&"--- x\n".repeat(super::DOCUMENTS_MAX + 1));
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let nodes = |count: usize| format!("[{}]", vec!["1"; count - 1].join(","));
    refused(&nested(super::yaml::DEPTH_MAX + 1));
    refused(&nodes(super::yaml::NODES_MAX + 1));
    for edge in [nested(super::yaml::DEPTH_MAX), nodes(super::yaml::NODES_MAX)] {
        assert!(openslo::import([edge.as_str()], "ops").is_ok(), "{:?}", edge.get(..80));
    }
    for edge in ["x".repeat(super::YAML_BYTES_MAX), "--- x\n".repeat(super::DOCUMENTS_MAX)] {
        assert!(openslo::import([edge.as_str()], "ops").is_ok());
    }
    for text in
        ["", "---\n---\n", "just a text", "- 1\n- 2\n", "kind: SLO", "apiVersion: openslo/v1\nkind: SLO\nspec: []"]
    {
        let imported = openslo::import([text], "ops").unwrap();
        assert_eq!(imported.toml, "", "{text}");
        sloth::import([text], "ops").unwrap();
    }
}
