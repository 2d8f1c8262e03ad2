//! What people read, for the worked breach and for plain alerts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::content;
use crate::channel::{Content, Fact};
use crate::domain::{
    BudgetLeft, ChannelKind, ChannelRef, DeliveryId, Dependency, Deployment, Event, EventDetail, EventId, EventKind,
    EventStatus, IncidentId, Labels, LabelsBuilder, Ratio, Source, Span, Timestamp, WindowCounts,
};
use crate::engine::Actor;
use crate::engine::policy::{
    EscalationPolicy, EscalationStep, Organisation, Person, Policy, Priority, Service, Slo, Target,
};
use crate::engine::state::{Delivery, Escalation, Incident, Purpose, Recipient, Sent, State, Status};
use crate::rules::burn_rate::BurnPair;
use crate::rules::dedup::tests::event;

/// Labels or annotations.
type Pairs = &'static [(&'static str, &'static str)];

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(super) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect::<LabelsBuilder>().build().unwrap()
}

pub(super) fn policy() -> Policy {
    let slo = Slo {
        endpoint: Some("GET /api/data/{tenant}".into()),
        priority: Some("P2".into()),
        reason: Some("the app is unusable without it".into()),
        links: BTreeMap::from([("runbook".into(), "https://wiki/slo".into())]),
        ..Slo::new("Availability of get data API".into(), "availability".into(), Ratio::parse_percent("99.7%").unwrap())
    };
    let service = Service {
        team: "checkout".into(),
        depends_on: vec!["users".into(), "billing".into()],
        links: BTreeMap::from([
            ("runbook".into(), "https://wiki/service".into()),
            ("logs".into(), "https://logs/service".into()),
        ]),
        slos: vec![Arc::new(slo)],
        ..Service::default()
    };
    let priority = Priority {
        meaning: Some("a workaround exists".into()),
        rank: 1,
        postmortem: true,
        tell_stakeholders: true,
        update_every: Some(Span::from_hours(4)),
        ..Priority::default()
    };
    let ana = Person { name: "Ana Ruiz".into(), contacts: Vec::new(), timezone: None, ..Person::default() };
    Policy {
        fingerprint: "f".into(),
        organisation: Organisation {
            name: "acme".into(),
            timezone: "Europe/Berlin".into(),
            reopen: Span::from_minutes(30),
            ..Organisation::default()
        },
        priorities: BTreeMap::from([("P2".into(), priority)]),
        people: BTreeMap::from([("ana".into(), ana)]),
        services: BTreeMap::from([("data-api".into(), service)]),
        ..Policy::default()
    }
}

/// The breach of the interface document.
pub(super) fn breach() -> Event {
    let mut breach = event(&[
        ("team", "checkout"),
        ("service", "data-api"),
        ("endpoint", "GET /api/data/{tenant}"),
        ("sli", "availability"),
        ("environment", "prod-eu"),
        ("region", "eu"),
        ("cluster", "eu-3"),
    ]);
    breach.at = at("2026-11-20T20:15:00Z");
    breach.objective = Some(Ratio::parse_percent("99.7").unwrap());
    breach.window = Some(WindowCounts { length: Span::from_minutes(60), good: 98_471, total: 100_000 });
    breach.detail = Some(Box::new(EventDetail {
        more_windows: vec![WindowCounts { length: Span::from_minutes(5), good: 9_000, total: 10_000 }],
        budget: Some(BudgetLeft { remaining_percent: "41.5".into(), period: Some(Span::from_hours(28 * 24)) }),
        context: labels(&[("memory_percent", "95"), ("recycled", "3m before"), ("error_logs", "https://logs/errors")]),
        dependencies: vec![Dependency {
            service: "users".into(),
            availability: Some("99.2".into()),
            budget_remaining_percent: Some("12".into()),
        }],
        deployments: vec![
            Deployment { version: "2026.11.20-3".into(), at: Some(at("2026-11-20T19:58:00Z")), url: None },
            Deployment { version: "2026.11.20-4".into(), at: Some(at("2026-11-20T20:17:00Z")), url: None },
        ],
        links: labels(&[("dashboard", "https://dash/1"), ("runbook", "https://sender/runbook")]),
    }));
    breach
}

pub(super) fn incident(event: Event) -> Incident {
    let steps = vec![
        EscalationStep { notify: vec![Target::Person("ana".into())], wait: Span::from_minutes(60) },
        EscalationStep { notify: vec![Target::Team("checkout".into())], wait: Span::from_minutes(60) },
    ];
    let policy = Arc::new(EscalationPolicy { name: "checkout".into(), steps, repeat: None, ack_timeout: None });
    let opened_at = at("2026-11-20T20:15:03Z");
    Incident {
        room: None,
        id: IncidentId(4711),
        key: "checkout/data-api".into(),
        team: "checkout".into(),
        unowned: false,
        region: Some("eu".into()),
        slo: Some("Availability of get data API".into()),
        event_id: EventId(1),
        event: Arc::new(event),
        latest: None,
        status: Status::Triggered,
        priority: Some("P2".into()),
        rank: 1,
        severity: None,
        opened_at,
        updated_at: opened_at,
        last_seen: at("2026-11-20T20:40:00Z"),
        duplicates: 0,
        duplicates_snoozed: 0,
        occurrences: Vec::new(),
        reopened: 0,
        alert_snoozed_until: Some(at("2026-11-20T22:15:03Z")),
        firing: Vec::new(),
        escalation: Some(Escalation {
            policy,
            pass: 0,
            step: 0,
            reached: true,
            held: false,
            due: Some(at("2026-11-20T21:15:03Z")),
            exhausted: false,
        }),
        paged: vec!["ana".into()],
        sent: vec![Sent { to: Recipient::Channel("teams:eu".parse().unwrap()), receipt: None }],
        pending: vec![DeliveryId(2), DeliveryId(3)],
        notes: Vec::new(),
        digests: Vec::new(),
        chains: Vec::new(),
        update_due: None,
        response: None,
        links_used: Vec::new(),
    }
}

fn state() -> State {
    let row = |id, to| Delivery {
        id: DeliveryId(id),
        incident: Some(IncidentId(4711)),
        to,
        purpose: Purpose::Page,
        rank: 1,
        ordered_at: at("2026-11-20T20:15:03Z"),
        expires_at: None,
        attempts: 0,
        text: String::new(),
        follows: None,
        fallbacks: 0,
    };
    let slack = ChannelRef { kind: ChannelKind::Slack, name: "main".into() };
    let rows = [
        row(2, Recipient::Person { person: "ana".into(), channel: slack }),
        row(3, Recipient::Channel("slack:main/#checkout".parse().unwrap())),
    ];
    State {
        now: at("2026-11-20T20:18:00Z"),
        outbox: rows.into_iter().map(|row| (row.id, Arc::new(row))).collect(),
        ..State::default()
    }
}

pub(super) fn of(incident: &Incident) -> Content {
    content(incident, &policy(), None, &state())
}

pub(super) fn alert(pairs: &[(&str, &str)], annotations: &[(&str, &str)]) -> Incident {
    let mut alert = event(pairs);
    alert.kind = EventKind::Resource;
    alert.source = Source::Alertmanager;
    alert.annotations = labels(annotations);
    Incident { slo: None, escalation: None, ..incident(alert) }
}

fn shown(facts: &[Fact]) -> Vec<String> {
    facts.iter().map(|fact| format!("{}: {}", fact.name, fact.value)).collect()
}

#[test]
fn the_first_line_of_the_worked_breach_is_enough_to_decide() {
    let content = of(&incident(breach()));
    assert_eq!(
        content.headline,
        "availability of GET /api/data/{tenant} in prod-eu: 1.53% failed in 1h, 5.1x the budget"
    );
    assert_eq!(content.subject, "availability of GET /api/data/{tenant} in prod-eu");
    assert_eq!(content.priority_meaning.as_deref(), Some("a workaround exists"));
}

#[test]
fn facts_say_how_bad_it_is_and_what_happens_next() {
    assert_eq!(
        shown(&of(&incident(breach())).facts),
        [
            "Service: data-api",
            "Objective: 99.7% over 28d: Availability of get data API",
            "Broken by: 510% of the budget: 1,529 of 100,000 failed in 1h, 0.3% allowed",
            "Burn rate: 5.1x the budget in 1h",
            "Budget left: 41.5% of 28d, depleting; gone in 2 d 6 h at this pace",
            "Where: prod-eu, region eu",
            "Deduplicated: no repeats so far",
            "Alert snooze: alerts of this kind stay quiet until 23:15 CET (22:15 UTC)",
            "Escalation: policy checkout, step 1 of 2; the next at 22:15 CET (21:15 UTC) unless acknowledged",
            "Wanted: postmortem, tell stakeholders, status update every 4h",
            "Why it matters: the app is unusable without it",
        ]
    );
}

#[test]
fn both_burn_rates_are_told_with_the_factor_of_the_rule_that_fired() {
    let mut policy = policy();
    let slo = Arc::make_mut(&mut policy.services.get_mut("data-api").unwrap().slos[0]);
    let pair = |name: &str, factor: &str, long: &str, short: &str| {
        let span = |text| Span::parse(text).unwrap();
        BurnPair::new(name.into(), Ratio::parse(factor).unwrap(), span(long), span(short))
    };
    slo.burn = vec![pair("page_fast", "14.4", "1h", "5m"), pair("page_slow", "4", "1h", "5m")];
    let of = |event: Event| content(&incident(event), &policy, None, &state());
    let told = of(breach());
    let facts = shown(&told.facts);
    for fact in [
        "Broken by: 510% of the budget: 1,529 of 100,000 failed in 1h, 0.3% allowed; 1,000 of 10,000 in 5m",
        "Burn rate: 5.1x the budget in 1h and 33.3x in 5m, both above 4x (page_slow)",
    ] {
        assert!(facts.contains(&fact.to_owned()), "{fact}: {facts:#?}");
    }
    assert!(!shown(&told.details).iter().any(|detail| detail.starts_with("last 5m")), "{:?}", told.details);
    let measured = told.measured.unwrap();
    assert_eq!((measured.rule.as_deref(), measured.factor.as_deref()), (Some("page_slow"), Some("4")));
    assert_eq!(measured.windows[0].burn.as_deref(), Some("5.0967"));
    assert_eq!((measured.windows[1].bad, measured.windows[1].total), (1_000, 10_000));
    assert_eq!(measured.budget_gone_in.as_deref(), Some("2d6h43m"));
    // What is not known is left out: no counts, then no objective either.
    let mut bare = breach();
    bare.window = None;
    bare.detail.as_mut().unwrap().more_windows.clear();
    let facts = shown(&of(bare.clone()).facts);
    assert!(facts.contains(&"Budget left: 41.5% of 28d, depleting".to_owned()), "{facts:#?}");
    assert!(!facts.iter().any(|fact| fact.starts_with("Burn rate") || fact.starts_with("Broken by")), "{facts:#?}");
    bare.detail = None;
    assert_eq!(of(bare).measured, None);
    // Slower than the budget allows: it lasts.
    let mut slow = breach();
    slow.window = Some(WindowCounts { length: Span::from_minutes(60), good: 99_900, total: 100_000 });
    let facts = shown(&of(slow).facts);
    assert!(facts.contains(&"Budget left: 41.5% of 28d, depleting".to_owned()), "{facts:#?}");
}

#[test]
fn details_deployments_and_dependencies_are_told() {
    let content = of(&incident(breach()));
    assert_eq!(
        shown(&content.details),
        ["memory: 95%", "recycled: 3m before", "last 5m: 10% failed, 33.3x the budget", "cluster: eu-3"]
    );
    assert_eq!(
        shown(&content.deployments),
        [
            "2026.11.20-4: 2 min after the breach, at 21:17 CET (20:17 UTC)",
            "2026.11.20-3: 17 min before the breach, at 20:58 CET (19:58 UTC)",
        ]
    );
    assert_eq!(
        shown(&content.dependencies),
        ["users: 99.2% available, 12% of its budget left, endangered", "billing: state not reported"]
    );
}

#[test]
fn the_runbook_is_the_teams_and_the_dashboard_the_senders() {
    let links: Vec<_> = of(&incident(breach())).links.into_iter().map(|l| format!("{} {}", l.title, l.url)).collect();
    assert_eq!(
        links,
        [
            "Runbook https://wiki/slo",
            "Dashboard https://dash/1",
            "Logs https://logs/service",
            "Error logs https://logs/errors",
        ]
    );
}

#[test]
fn people_and_channels_that_are_told_are_named_once() {
    assert_eq!(of(&incident(breach())).told, ["Ana Ruiz", "Teams eu", "#checkout in Slack"]);
}

#[test]
fn the_subject_stays_while_the_numbers_change() {
    let first = incident(breach());
    let mut newest = breach();
    newest.window = Some(WindowCounts { length: Span::from_minutes(60), good: 50_000, total: 100_000 });
    let by = Actor::Person("ana".into());
    let later = Incident {
        latest: Some(Arc::new(newest.clone())),
        duplicates: 12,
        duplicates_snoozed: 2,
        reopened: 1,
        status: Status::Acknowledged { by: by.clone(), at: at("2026-11-20T20:16:00Z"), until: None },
        ..first.clone()
    };
    assert_eq!(of(&later).subject, of(&first).subject);
    assert!(of(&later).headline.ends_with("50% failed in 1h, 167x the budget"), "{}", of(&later).headline);
    assert_eq!(of(&later).status_by.as_deref(), Some("Ana Ruiz"));
    let facts = shown(&of(&later).facts);
    assert!(
        facts.contains(
            &"Deduplicated: 12 times, twice while snoozed; last seen 21:40 CET (20:40 UTC); reopened once".to_owned()
        ),
        "{facts:?}"
    );
    // The word that it is over says nothing about how bad it was.
    newest.status = EventStatus::Resolved;
    newest.window = None;
    let over = Incident {
        latest: Some(Arc::new(newest)),
        status: Status::Resolved { by, at: at("2026-11-20T20:51:00Z") },
        ..first.clone()
    };
    assert_eq!(of(&over).headline, of(&first).headline);
    assert_eq!(of(&over).resolved_at, Some(at("2026-11-20T20:51:00Z")));
}

#[test]
fn an_alert_without_slo_speaks_in_the_senders_words() {
    let cases: [(Pairs, Pairs, &str, &str); 5] = [
        (
            &[("alertname", "HighErrorRate"), ("service", "data-api"), ("environment", "prod-eu")],
            &[("summary", "5xx above 2%")],
            "data-api: 5xx above 2%",
            "HighErrorRate on data-api in prod-eu",
        ),
        (
            &[("alertname", "HighErrorRate"), ("service", "data-api")],
            &[("summary", "data-api answers 5xx")],
            "data-api answers 5xx",
            "HighErrorRate on data-api",
        ),
        (
            &[("alertname", "DiskFull"), ("instance", "db-1:9100")],
            &[],
            "DiskFull on db-1:9100",
            "DiskFull on db-1:9100",
        ),
        (&[("service", "data-api")], &[], "trouble with data-api", "trouble with data-api"),
        (&[], &[], "trouble: checkout/data-api", "trouble: checkout/data-api"),
    ];
    for (pairs, annotations, headline, subject) in cases {
        let content = of(&alert(pairs, annotations));
        assert_eq!(content.headline, headline);
        assert_eq!(content.subject, subject);
    }
}

#[test]
fn an_slo_alert_without_counts_says_what_is_known() {
    let slo = [("alertname", "SLOBurnRateHigh"), ("service", "data-api"), ("slo", "availability")];
    let told = of(&alert(&slo, &[("summary", "Error budget burns at 14.4x"), ("description", "1h and 5m")]));
    assert_eq!(told.headline, "availability of data-api: Error budget burns at 14.4x");
    assert_eq!(told.summary.as_deref(), Some("1h and 5m"));
    assert_eq!(of(&alert(&slo, &[])).headline, "availability of data-api is broken");
    let mut bare = breach();
    bare.window = None;
    let bare = of(&incident(bare));
    assert_eq!(bare.headline, "availability of GET /api/data/{tenant} in prod-eu is below 99.7%");
}

#[test]
fn a_latency_slo_says_its_threshold() {
    let mut policy = policy();
    let mut slow = breach();
    slow.sli = Some("latency".into());
    slow.objective = Some(Ratio::parse_percent("80").unwrap());
    slow.window = Some(WindowCounts { length: Span::from_minutes(60), good: 70, total: 100 });
    let incident = Incident { slo: None, ..incident(slow) };
    let headline = content(&incident, &policy, None, &state()).headline;
    assert_eq!(headline, "latency of GET /api/data/{tenant} in prod-eu: 30% too slow in 1h, 1.5x the budget");
    let service = policy.services.get_mut("data-api").unwrap();
    let slo = Arc::make_mut(&mut service.slos[0]);
    slo.threshold = Some(Span::from_seconds(1));
    let incident = Incident { slo: Some("Availability of get data API".into()), ..incident };
    let headline = content(&incident, &policy, None, &state()).headline;
    assert_eq!(headline, "latency of GET /api/data/{tenant} in prod-eu: 30% over 1s in 1h, 1.5x the budget");
}

#[test]
fn foreign_texts_cannot_break_out_of_their_line_or_fill_the_screen() {
    let long = "x".repeat(5_000);
    let incident = alert(
        &[("alertname", "a\r\nBcc: eve@evil.example"), ("service", "s\u{202e}evil"), ("note", &long)],
        &[("summary", "one\ntwo\u{1b}[31m"), ("description", &long), ("x_url", "javascript:alert(1)")],
    );
    let content = of(&incident);
    let single = [&content.headline, &content.subject, &content.key, &content.team];
    let facts = content.facts.iter().chain(&content.details).flat_map(|fact| [&fact.name, &fact.value]);
    for text in single.into_iter().chain(facts) {
        assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
        assert!(text.chars().count() <= 300, "{} characters", text.chars().count());
    }
    assert!(content.links.is_empty());
    assert!(content.summary.is_some_and(|s| s.chars().count() <= 1_000));
    assert!(content.labels.iter().chain(&content.annotations).all(|(_, v)| v.len() <= 4_100 && !v.contains('\u{1b}')));
}

#[test]
fn what_nobody_owns_and_nothing_is_known_of_is_still_told() {
    let bare = Incident { unowned: true, priority: None, rank: 255, slo: None, escalation: None, ..incident(breach()) };
    let content = content(&bare, &policy(), None, &State::default());
    assert!(content.unowned && content.priority.is_none());
    assert_eq!(content.told, ["Ana Ruiz", "Teams eu"]);
}
