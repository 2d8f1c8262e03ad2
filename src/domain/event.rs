//! Events: what senders post, normalised by `ingest`.

use serde::{Deserialize, Serialize};

use super::{Fingerprint, Labels, LabelsBuilder, Name, Ratio, Span, Timestamp};

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EventKind {
    /// An SLO is broken.
    Breach,
    /// A resource is in trouble (CPU, disk, a Prometheus alert without an SLO).
    Resource,
}

/// Whether it goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EventStatus {
    /// It holds.
    Firing,
    /// It is over.
    Resolved,
}

/// Which dialect an event came by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Source {
    /// `POST /v1/breaches`.
    Native,
    /// `POST /api/v2/alerts`.
    Alertmanager,
    /// `POST /v1/drill`: nothing is broken; somebody tries the way to a team.
    Drill,
    /// callout's own judgement of samples.
    Samples,
    /// A person, by hand.
    Manual,
}

/// Counts over a window, `(at - length, at]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WindowCounts {
    /// Length of the window, more than zero.
    pub length: Span,
    /// Good events; never more than `total`.
    pub good: u64,
    /// Valid events.
    pub total: u64,
}

impl WindowCounts {
    /// Share of bad events; `None` without traffic.
    #[must_use]
    pub fn bad_ratio(&self) -> Option<Ratio> {
        Ratio::new(self.bad(), self.total)
    }

    /// Bad events.
    #[must_use]
    pub const fn bad(&self) -> u64 {
        self.total.saturating_sub(self.good)
    }
}

/// What is left of the error budget, as the sender computed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BudgetLeft {
    /// Percent with sign, exact text of a decimal number, below zero when overspent: `41.5`, `-12`.
    pub remaining_percent: Name,
    /// The budget period.
    pub period: Option<Span>,
}

/// A service that this one calls, and how it fares.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dependency {
    /// Its name.
    pub service: Name,
    /// Availability in percent, as sent.
    pub availability: Option<Name>,
    /// Budget left in percent, as sent.
    pub budget_remaining_percent: Option<Name>,
}

/// A recent deployment of the service.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Deployment {
    /// Version as people call it.
    pub version: Name,
    /// When it was rolled out.
    pub at: Option<Timestamp>,
    /// A page about it.
    pub url: Option<Name>,
}

/// Parts of an event that many events lack; boxed so that a plain alert stays small in memory.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct EventDetail {
    /// Counts over further windows, for rules that compare two; at most 8.
    pub more_windows: Vec<WindowCounts>,
    /// Error budget.
    pub budget: Option<BudgetLeft>,
    /// Environment details: memory, CPU, neighbours, recycling, scaling; any scalar of the sender's `context`, as text.
    pub context: Labels,
    /// State of dependencies.
    pub dependencies: Vec<Dependency>,
    /// Latest deployments, newest first as sent.
    pub deployments: Vec<Deployment>,
    /// Links by title: `dashboard`, `runbook`, `logs`.
    pub links: Labels,
}

/// An accepted event. Its id is the position of its journal record and is not stored in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// What it is about.
    pub kind: EventKind,
    /// Whether it goes on.
    pub status: EventStatus,
    /// Which dialect it came by.
    pub source: Source,
    /// Event time: when it broke, by the sender's clock.
    pub at: Timestamp,
    /// When it counts as over without a further word from the sender. Absent: only when said.
    pub ends_at: Option<Timestamp>,
    /// Sender's idempotency key, at most 255 bytes.
    pub idempotency: Option<Name>,
    /// Owning team, where the sender names it.
    pub team: Option<Name>,
    /// Service.
    pub service: Option<Name>,
    /// Endpoint, for example `GET /api/data/{tenant}`.
    pub endpoint: Option<Name>,
    /// SLI, for example `availability`.
    pub sli: Option<Name>,
    /// Name of the SLO, where the sender names it.
    pub slo: Option<Name>,
    /// Objective as a share of good events.
    pub objective: Option<Ratio>,
    /// Environment, for example `prod-eu`.
    pub environment: Option<Name>,
    /// Region; found from the environment where absent.
    pub region: Option<Name>,
    /// Counts over the sender's main window.
    pub window: Option<WindowCounts>,
    /// Labels, as sent (Alertmanager: the whole label set).
    pub labels: Labels,
    /// Annotations: `summary`, `description` and the like.
    pub annotations: Labels,
    /// The rest.
    pub detail: Option<Box<EventDetail>>,
}

impl Event {
    /// Identity of what is broken: Alertmanager's is its label set; ours are the named fields and the labels.
    /// Times, counts, context and the idempotency key are not part of it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        if self.source == Source::Alertmanager {
            return self.labels.fingerprint();
        }
        let mut fields = LabelsBuilder::with_capacity(self.labels.len() + 8);
        for (name, value) in [
            ("\u{0}team", &self.team),
            ("\u{0}service", &self.service),
            ("\u{0}endpoint", &self.endpoint),
            ("\u{0}sli", &self.sli),
            ("\u{0}slo", &self.slo),
            ("\u{0}environment", &self.environment),
            ("\u{0}region", &self.region),
        ] {
            if let Some(value) = value {
                fields.push(name, value.clone());
            }
        }
        for (name, value) in &self.labels {
            fields.push(name, value);
        }
        fields.build().unwrap_or_default().fingerprint()
    }

    /// A field by the name that dedup keys, matchers and routes use: the named fields first, then labels.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let named = match name {
            "team" => &self.team,
            "service" => &self.service,
            "endpoint" => &self.endpoint,
            "sli" => &self.sli,
            "slo" => &self.slo,
            "environment" => &self.environment,
            "region" => &self.region,
            _ => &None,
        };
        named.as_deref().or_else(|| self.labels.get(name))
    }

    /// A link by title, from the event's links or an annotation `<title>_url`.
    #[must_use]
    pub fn link(&self, title: &str) -> Option<&str> {
        self.detail.as_deref().and_then(|d| d.links.get(title)).or_else(|| {
            self.annotations
                .iter()
                .find(|(n, _)| n.strip_suffix("_url").is_some_and(|stem| stem == title))
                .map(|(_, v)| v)
        })
    }
}
