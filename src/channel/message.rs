//! What a channel is given to say: everything looked up, nothing rendered. Texts are foreign; each channel escapes for itself.

use super::digest::Digest;
use crate::chart::Chart;
use crate::domain::{DeliveryId, IncidentId, Name, Timestamp};
use crate::engine::input::Receipt;
use crate::engine::state::{Purpose, Status};

/// One message to one recipient.
#[derive(Debug, Clone)]
pub struct Message {
    /// Outbox row.
    pub delivery: DeliveryId,
    /// Stable over attempts and restarts, unique per installation: `acme-D17`.
    pub idempotency_key: String,
    /// What for.
    pub purpose: Purpose,
    /// Attempt, from 1.
    pub attempt: u32,
    /// Sent later than it was meant to be (after downtime or retries); the text says so.
    pub late: bool,
    /// The person addressed, for pages.
    pub person: Option<PersonName>,
    /// Why this recipient is told: `step 1 of 4 of checkout: main on call`; the whole text for alarms.
    pub why: String,
    /// The incident; absent for digests and callout's own alarms.
    pub content: Option<Box<Content>>,
    /// The incidents, where it is about many.
    pub digest: Option<Box<Digest>>,
    /// What can be done or looked at, where it is about no incident. The first is the most likely.
    pub links: Vec<Link>,
    /// Earlier message that this one updates or answers.
    pub follows: Option<Receipt>,
    /// What the incident's own room is to be like, where this is about the room.
    pub room: Option<super::slack::RoomOrder>,
    /// When it is sent, for relative times in texts.
    pub now: Timestamp,
}

/// A person as a channel addresses them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonName {
    /// Id.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Address in this channel (Slack id, mail address, Teams UPN).
    pub address: String,
}

/// How loud a message is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// The most urgent priority.
    High,
    /// Any other, or none.
    Normal,
    /// It is over.
    Over,
}

/// The incident as it stands, for people.
#[derive(Debug, Clone)]
pub struct Content {
    /// Its number.
    pub incident: IncidentId,
    /// Deduplication key.
    pub key: String,
    /// Where it stands.
    pub status: Status,
    /// `ana` acknowledged, in words for people: `Ana Ruiz`.
    pub status_by: Option<String>,
    /// Priority name, `None` is shown as unset.
    pub priority: Option<String>,
    /// What the priority means.
    pub priority_meaning: Option<String>,
    /// How loud.
    pub urgency: Urgency,
    /// Severity.
    pub severity: Option<String>,
    /// The first line: what broke and by how much, enough to decide. For example
    /// `availability of GET /api/data/{tenant} in prod-eu: 1.5% failed in 1h, 5.1 times the budget`.
    pub headline: String,
    /// Short form for subjects, stable over the life of the incident.
    pub subject: String,
    /// A sentence or two more, from the sender's summary or description.
    pub summary: Option<String>,
    /// Team that works on it.
    pub team: String,
    /// Whether nobody owns it.
    pub unowned: bool,
    /// Whether nothing is broken and somebody tries the way. Headline and subject say so already.
    pub drill: bool,
    /// Service.
    pub service: Option<String>,
    /// Facts in order of use: objective, error ratio, budget left, environment, region, since, deduplicated, snooze, policy ….
    pub facts: Vec<Fact>,
    /// What was measured, for programs and templates; the facts say the same in words.
    pub measured: Option<Box<Measured>>,
    /// A chart of it, for channels that show one.
    pub picture: Option<Box<Picture>>,
    /// The sender's context, labels and annotations not said above; less important.
    pub details: Vec<Fact>,
    /// Recent deployments, newest first.
    pub deployments: Vec<Fact>,
    /// State of dependencies.
    pub dependencies: Vec<Fact>,
    /// Who else is told.
    pub told: Vec<String>,
    /// Runbook, dashboard, logs.
    pub links: Vec<Link>,
    /// Signed links to act; absent when no base URL is configured.
    pub actions: Option<ActionLinks>,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// The incident that goes on in its place.
    pub merged_into: Option<u64>,
    /// IANA zone in which to show times.
    pub timezone: String,
    /// Labels, as sent.
    pub labels: Vec<(String, String)>,
    /// Annotations, as sent.
    pub annotations: Vec<(String, String)>,
    /// What can be chosen, where a channel can act.
    pub choices: Choices,
}

/// What can be done with the incident from where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choices {
    /// The next priority up.
    pub raise: Option<Name>,
    /// The next priority down.
    pub lower: Option<Name>,
    /// Where its escalation stands: round and step, from 0.
    pub escalation: Option<(u32, u32)>,
    /// Its own room, once it has one.
    pub room: Option<Receipt>,
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Short name: `Budget left`.
    pub name: String,
    /// Value for people: `41.5 % of 28d`.
    pub value: String,
}

/// What was measured. Numbers are exact texts without signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The rule that fired: `page_fast`.
    pub rule: Option<String>,
    /// The burn rate that both of its windows must exceed: `14.4`.
    pub factor: Option<String>,
    /// Objective in percent.
    pub objective_percent: Option<String>,
    /// Windows, those of the rule first: the long one, the short one.
    pub windows: Vec<Measure>,
    /// What is left of the error budget in percent, below zero when overspent.
    pub budget_remaining_percent: Option<String>,
    /// Of which period.
    pub budget_period: Option<String>,
    /// How long that lasts at the pace of the first window; absent where it lasts for the whole period.
    pub budget_gone_in: Option<String>,
}

/// Counts of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Its length: `1h`.
    pub length: String,
    /// Bad events.
    pub bad: u64,
    /// Valid events.
    pub total: u64,
    /// Share of bad events in percent; absent without traffic.
    pub failed_percent: Option<String>,
    /// Burn rate.
    pub burn: Option<String>,
}

/// A chart, and where others can fetch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The chart.
    pub chart: Chart,
    /// Its address, signed and expiring, where one can be given to others.
    pub url: Option<String>,
}

/// A link with a title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// `Runbook`.
    pub title: String,
    /// Where to.
    pub url: String,
}

/// Signed, expiring links. GET shows a page; POST acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionLinks {
    /// Acknowledge.
    pub acknowledge: String,
    /// Snooze (the page offers lengths).
    pub snooze: String,
    /// Resolve.
    pub resolve: String,
    /// The incident's page.
    pub page: String,
}
