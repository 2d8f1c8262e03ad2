//! Made-up messages of every kind, on which templates are tried: full ones, bare ones, and texts that would break out if they could.

use std::collections::BTreeMap;

use super::{Scalar, Values};
use crate::engine::state::Purpose;

/// A made-up message.
#[derive(Debug)]
pub struct Sample {
    /// What it is, for sentences.
    pub what: &'static str,
    /// What for.
    pub purpose: Purpose,
    /// What it says, but for the values and secrets of the channel.
    pub values: Values,
}

/// One of every kind.
#[must_use]
pub fn samples() -> Vec<Sample> {
    let mut all = vec![
        Sample { what: "a page", purpose: Purpose::Page, values: page() },
        Sample { what: "an alert without service, priority or links", purpose: Purpose::Alert, values: bare() },
        Sample { what: "an alert with nasty texts", purpose: Purpose::Alert, values: nasty() },
        Sample { what: "an alarm of callout's own", purpose: Purpose::Alarm, values: alarm() },
        Sample { what: "a digest", purpose: Purpose::Digest, values: digest() },
    ];
    for (purpose, what, event, status) in [
        (Purpose::Acknowledged, "an acknowledgement", "Acknowledged by Ana Ruiz", "acknowledged"),
        (Purpose::Unacknowledged, "an acknowledgement taken back", "Nobody is on it any more", "triggered"),
        (Purpose::Snoozed, "a snooze", "Snoozed by Ana Ruiz until 22:15 CET (21:15 UTC)", "snoozed"),
        (Purpose::Resolved, "a resolution", "Resolved by Ana Ruiz after 51m", "resolved"),
        (Purpose::Reopened, "a return", "It is back: open again", "triggered"),
        (Purpose::Changed, "a change", "Changed: now P1, team checkout", "triggered"),
    ] {
        for receipt in ["", "4711"] {
            let values = Values {
                purpose: purpose.as_str(),
                event: event.to_owned(),
                status: status.to_owned(),
                over: purpose == Purpose::Resolved,
                receipt: receipt.to_owned(),
                person: String::new(),
                person_name: String::new(),
                ..page()
            };
            all.push(Sample { what, purpose, values });
        }
    }
    all
}

fn page() -> Values {
    let headline = "availability of GET /api/data/{tenant} in prod-eu: 1.5% failed in 1h, 5.1 times the budget";
    Values {
        id: "acme-D17".into(),
        organisation: "acme".into(),
        incident: Some(4711),
        key: "acme-4711".into(),
        purpose: "page",
        attempt: 1,
        person: "ana".into(),
        person_name: "Ana Ruiz".into(),
        address: "+4915112345678".into(),
        why: "step 1 of 4 of checkout: main on call".into(),
        title: format!("🔶 P2: {headline}"),
        line: format!("P2: {headline}"),
        text: "P2, not acknowledged, since 21:15 CET (20:15 UTC), 3m ago, team checkout\nBudget left: 41.5% of 28d"
            .into(),
        headline: headline.into(),
        subject: "availability of GET /api/data/{tenant} in prod-eu".into(),
        summary: "The app is unusable without it.".into(),
        status: "triggered".into(),
        priority: "P2".into(),
        severity: "error".into(),
        team: "checkout".into(),
        service: "data-api".into(),
        urgency: Some(Scalar::Whole(4)),
        facts: vec![("Budget left".into(), "41.5% of 28d".into()), ("Where".into(), "prod-eu, region eu".into())],
        details: vec![("cluster".into(), "eu-3".into())],
        links: vec![("Runbook".into(), "https://wiki.acme.example/runbooks/data-api".into())],
        page: "https://callout.acme.example/a/t0ken".into(),
        acknowledge: "https://callout.acme.example/a/t0ken?do=acknowledge".into(),
        snooze: "https://callout.acme.example/a/t0ken?do=snooze".into(),
        resolve: "https://callout.acme.example/a/t0ken?do=resolve".into(),
        callback: "https://callout.acme.example/k/phone/t0ken".into(),
        opened_at: "2026-11-20T20:15:01Z".into(),
        now: "2026-11-20T20:18:00Z".into(),
        labels: BTreeMap::from([("host".into(), "web-1".into())]),
        annotations: BTreeMap::from([("summary".into(), "too many errors".into())]),
        incident_url: "https://callout.acme.example/incidents/4711".into(),
        ..Values::default()
    }
}

fn bare() -> Values {
    let empty = String::new;
    Values {
        purpose: "alert",
        person: empty(),
        person_name: empty(),
        priority: empty(),
        severity: empty(),
        service: empty(),
        summary: empty(),
        page: empty(),
        acknowledge: empty(),
        snooze: empty(),
        resolve: empty(),
        callback: empty(),
        incident_url: empty(),
        facts: Vec::new(),
        details: Vec::new(),
        links: Vec::new(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        ..page()
    }
}

fn nasty() -> Values {
    let nasty = "\"}],{{ 7 }}\\ </Say>&a=1;' <!channel> @all\nX-Evil: 1 \u{202e}";
    let text = || nasty.to_owned();
    Values {
        purpose: "alert",
        title: text(),
        line: text(),
        text: text(),
        headline: text(),
        subject: text(),
        summary: text(),
        why: text(),
        priority: text(),
        severity: text(),
        team: text(),
        service: text(),
        person_name: text(),
        facts: vec![(text(), text())],
        details: vec![(text(), text())],
        links: vec![(text(), "https://wiki.acme.example/x".into())],
        labels: BTreeMap::from([(text(), text())]),
        annotations: BTreeMap::from([(text(), text())]),
        ..page()
    }
}

fn alarm() -> Values {
    Values {
        id: "acme-D18".into(),
        organisation: "acme".into(),
        key: "acme-D18".into(),
        purpose: "alarm",
        attempt: 1,
        why: "the disk is full".into(),
        title: "⚠️ callout: the disk is full".into(),
        line: "the disk is full".into(),
        address: "+4915112345678".into(),
        now: "2026-11-20T20:18:00Z".into(),
        ..Values::default()
    }
}

fn digest() -> Values {
    Values {
        digest: true,
        purpose: "digest",
        id: "acme-D19".into(),
        key: "acme-D19".into(),
        incident: None,
        title: "🔶 1,234 incidents: 1,200 not acknowledged, 34 resolved".into(),
        line: "1,234 incidents: 1,200 not acknowledged, 34 resolved".into(),
        ..page()
    }
}
