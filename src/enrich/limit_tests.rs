//! How much of what a sender says is passed on: each limit at its edge and one past it.

use std::sync::Arc;

use super::tests::{alert, at, breach, incident, labels, of, policy};
use super::*;
use crate::channel::digest::NAMED_MAX;
use crate::domain::{Dependency, Deployment, IncidentId};
use crate::engine::state::{Purpose, Recipient, Sent};

fn xs(n: usize) -> String {
    "x".repeat(n)
}

/// The longest run of `x`.
fn run(text: &str) -> usize {
    text.split(|c| c != 'x').map(str::len).max().unwrap_or_default()
}

fn pairs(n: usize, name: impl Fn(usize) -> String, value: impl Fn(usize) -> String) -> Labels {
    let all: Vec<(String, String)> = (0..n).map(|n| (name(n), value(n))).collect();
    labels(&all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>())
}

/// Of the breach with other words of its sender.
fn said(change: impl FnOnce(&mut Event)) -> Content {
    let mut event = breach();
    change(&mut event);
    of(&incident(event))
}

fn dependency(n: usize) -> Dependency {
    Dependency { service: format!("d{n}").into(), availability: None, budget_remaining_percent: None }
}

fn deployment(n: usize) -> Deployment {
    let at = at("2026-11-20T19:58:00Z").minus(crate::domain::Span::from_minutes(i64::try_from(n).unwrap()));
    Deployment { version: format!("v{n}").into(), at: Some(at), url: None }
}

#[test]
fn so_much_of_what_a_sender_says_is_passed_on() {
    type Edge = (&'static str, usize, fn(usize) -> usize);
    let edges: &[Edge] = &[
        ("NAME_MAX", NAME_MAX, |n| run(&said(|event| event.service = Some(xs(n).into())).service.unwrap())),
        ("VALUE_MAX", VALUE_MAX, |n| {
            let facts = said(|event| event.labels = labels(&[("rack", &xs(n))])).details;
            facts.iter().map(|fact| run(&fact.value)).max().unwrap()
        }),
        ("HEADLINE_MAX", HEADLINE_MAX, |n| run(&of(&alert(&[("a", "b")], &[("summary", &xs(n))])).headline)),
        ("SUBJECT_MAX", SUBJECT_MAX, |n| run(&of(&alert(&[("alertname", &xs(n))], &[])).subject)),
        // The headline says the beginning of it already, so it is in other words.
        ("SUMMARY_MAX", SUMMARY_MAX, |n| {
            run(&of(&alert(&[("alertname", "a")], &[("summary", "short"), ("description", &xs(n))])).summary.unwrap())
        }),
        ("DETAILS_MAX", DETAILS_MAX, |n| {
            let rest = |event: &mut Event| event.detail.as_mut().unwrap().context = Labels::default();
            let of = |event: &mut Event| event.labels = pairs(n - 1, |n| format!("l{n}"), |n| format!("{n}"));
            said(|event| (rest(event), of(event)).0).details.len()
        }),
        ("DEPLOYMENTS_MAX", DEPLOYMENTS_MAX, |n| {
            said(|event| event.detail.as_mut().unwrap().deployments = (0..n).map(deployment).collect())
                .deployments
                .len()
        }),
        ("DEPENDENCIES_MAX", DEPENDENCIES_MAX, |n| {
            // The catalogue names two that the sender does not speak of.
            said(|event| event.detail.as_mut().unwrap().dependencies = (2..n).map(dependency).collect())
                .dependencies
                .len()
        }),
        ("LINKS_MAX", LINKS_MAX, |n| {
            let mut other = alert(&[("alertname", "a")], &[]);
            let detail = crate::domain::EventDetail {
                links: pairs(n, |n| format!("l{n}"), |n| format!("https://a.example/{n}")),
                ..Default::default()
            };
            Arc::make_mut(&mut other.event).detail = Some(Box::new(detail));
            of(&other).links.len()
        }),
        ("URL_MAX", URL_MAX, |n| {
            let url = format!("https://a.example/{}", xs(n - 18));
            let found = of(&alert(&[("alertname", "a")], &[("wiki_url", &url)])).links;
            found.iter().map(|link| link.url.len()).max().unwrap_or_default()
        }),
        ("TOLD_MAX", TOLD_MAX, |n| {
            let told =
                |n: usize| Sent { to: Recipient::Channel(format!("teams:t{n}").parse().unwrap()), receipt: None };
            let sent = (0..n).map(told).collect();
            let incident = Incident { sent, paged: Vec::new(), pending: Vec::new(), ..incident(breach()) };
            of(&incident).told.len()
        }),
        ("LABELS_MAX", LABELS_MAX, |n| {
            said(|event| event.annotations = pairs(n, |n| format!("l{n}"), |_| "v".to_owned())).annotations.len()
        }),
        ("LABEL_VALUE_MAX", LABEL_VALUE_MAX, |n| {
            let passed = said(|event| event.annotations = labels(&[("a", &xs(n))])).annotations;
            run(&passed[0].1)
        }),
    ];
    for (name, max, shown) in edges {
        assert_eq!((shown(max - 1), shown(*max)), (max - 1, *max), "{name} at its edge");
        assert!(shown(max + 1) <= *max, "{name} past it: {}", shown(max + 1));
    }
}

#[test]
fn a_digest_names_the_first_and_counts_names_up_to_its_limit() {
    let gathered = |count: usize| {
        let mut all = Gathering::default();
        for n in 0..count {
            let mut event = breach();
            event.service = Some(format!("s{n}").into());
            let number = IncidentId(n as u64 + 1);
            all.add(&Arc::new(Incident { id: number, ..incident(event) }), Purpose::Alert);
        }
        all.finish(&policy(), |_| None)
    };
    for (count, named) in [(NAMED_MAX - 1, NAMED_MAX - 1), (NAMED_MAX, NAMED_MAX), (NAMED_MAX + 1, NAMED_MAX)] {
        assert_eq!(gathered(count).1.len(), named);
    }
    let limit = digest::COUNTED_NAMES_MAX;
    let (tally, _) = gathered(limit);
    assert_eq!((tally.services.len(), tally.services.iter().any(|(name, _)| name.is_empty())), (limit, false));
    let (tally, _) = gathered(limit + 2);
    assert_eq!(
        (tally.services.len(), &tally.services[0]),
        (limit + 1, &(String::new(), 2)),
        "together, without a name"
    );
    assert_eq!(tally.services.iter().map(|(_, n)| n).sum::<u64>(), tally.incidents);
}
