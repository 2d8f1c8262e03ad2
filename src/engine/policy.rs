//! The compiled configuration as a plain value. `config` makes it, the engine reads it; no secrets, no addresses of servers in it.

mod levels;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::DigestRule;
use super::handoff::HandoffRule;
use super::personal::Rules;
use crate::domain::{ChannelKind, ChannelRef, Destination, Name, Span};
use crate::rules::dedup::DedupRule;
use crate::rules::maintenance::Maintenance;
use crate::rules::priority::RaiseRule;
use crate::rules::route::Route;
use crate::schedule::Schedule;
pub use levels::{Absence, BudgetPolicy, ConditionKind, PERIOD_DEFAULT, PolicyCondition, SilverBullets, Slo};

/// Everything that the engine may know about the organisation.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Hash over all files, the program's version and the zone database's version; hexadecimal.
    pub fingerprint: Name,
    /// Organisation-wide settings.
    pub organisation: Organisation,
    /// Priorities by name; the order of names is the order of urgency (`P1` before `P2`).
    pub priorities: BTreeMap<Name, Priority>,
    /// Environments by name.
    pub environments: BTreeMap<Name, Environment>,
    /// People by id.
    pub people: BTreeMap<Name, Person>,
    /// Teams by name.
    pub teams: BTreeMap<Name, Arc<Team>>,
    /// Groups of people across teams, for escalation steps.
    pub groups: BTreeMap<Name, Vec<Name>>,
    /// Services by name.
    pub services: BTreeMap<Name, Service>,
    /// Schedules by name.
    pub schedules: BTreeMap<Name, Schedule>,
    /// Escalation policies by name.
    pub escalations: BTreeMap<Name, Arc<EscalationPolicy>>,
    /// Maintenance windows.
    pub maintenance: Vec<Maintenance>,
    /// What the engine knows of channels.
    pub channels: BTreeMap<ChannelRef, ChannelPolicy>,
    /// Roles that a severity calls in, in order.
    pub severities: BTreeMap<Name, Vec<Name>>,
    /// Where the person for a role comes from, unless the team says otherwise.
    pub roles: BTreeMap<Name, Target>,
    /// Schedules whose handoffs are told.
    pub handoffs: BTreeMap<Name, HandoffRule>,
    /// Keyed hashes of people's addresses. The edge adds them, which has the key.
    pub marks: BTreeMap<(Name, ChannelRef), u128>,
}

/// Organisation-wide settings.
#[derive(Debug, Clone, Default)]
pub struct Organisation {
    /// Name, as senders give it.
    pub name: Name,
    /// IANA zone in which times are shown.
    pub timezone: Name,
    /// Base of links in messages, without a slash at the end.
    pub url: Option<String>,
    /// Team that is told what nobody owns, and of callout's own alarms.
    pub fallback: Option<Name>,
    /// Re-fires this soon after the resolution go on with the same incident. Default 30 min.
    pub reopen: Span,
    /// When messages to one recipient are folded; absent: never.
    pub digest: Option<DigestRule>,
    /// Whether ways that are not verified are passed over.
    pub require_verified: bool,
}

/// An organisation-wide priority with its criteria (at most five).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the criteria are yes-or-no questions by definition")]
pub struct Priority {
    /// What it means, in words.
    pub meaning: Option<String>,
    /// 0 is the most urgent.
    pub rank: u8,
    /// Hotfix wanted.
    pub hotfix: bool,
    /// Postmortem wanted.
    pub postmortem: bool,
    /// Management is told.
    pub tell_management: bool,
    /// Stakeholders are told.
    pub tell_stakeholders: bool,
    /// Interval of status updates.
    pub update_every: Option<Span>,
    /// A postmortem is to be written within so long. Default 5 days.
    pub postmortem_within: Option<Span>,
}

/// A deployment target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its region.
    pub region: Option<Name>,
}

/// A person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Name for people.
    pub name: String,
    /// Ways to reach them, the preferred first. Addresses are looked up in the shell, at sending.
    pub contacts: Vec<Contact>,
    /// IANA zone, for times shown to them.
    pub timezone: Option<Name>,
    /// How they want to be paged.
    pub rules: Rules,
    /// Whether a calendar says when they are away.
    pub absences: bool,
}

impl Person {
    /// All ways to reach them, those of `contact` first.
    pub fn ways(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.iter().chain(&self.rules.more_ways)
    }
}

/// A way to reach a person: the channel, and their address in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The channel.
    pub channel: ChannelRef,
    /// Slack user id, mail address, or Teams UPN (mentioned in that channel).
    pub address: Name,
}

/// A team.
#[derive(Debug, Clone, Default)]
pub struct Team {
    /// Members, person ids.
    pub members: Vec<Name>,
    /// Engineering manager.
    pub manager: Option<Name>,
    /// Name of its escalation policy.
    pub escalation: Option<Name>,
    /// How its deduplication keys are made; the first whose `kind` fits. Never empty (a default is compiled in).
    pub dedup: TeamDedup,
    /// Routes in order.
    pub routes: Vec<Route>,
    /// Re-open window instead of the organisation's.
    pub reopen: Option<Span>,
    /// Raises by repetition, for events whose SLO has none of its own.
    pub raise: Vec<RaiseRule>,
    /// Where the person for a role in the response comes from, instead of the organisation's.
    pub roles: BTreeMap<Name, Target>,
}

/// Deduplication of a team: one rule for breaches, one for resource alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamDedup {
    /// For breaches. Default: service, endpoint, sli, slo, environment, region.
    pub breach: DedupRule,
    /// For resource alerts. Default: the whole label set (empty field list means the fingerprint).
    pub resource: DedupRule,
}

impl Default for TeamDedup {
    fn default() -> Self {
        let fields = ["service", "endpoint", "sli", "slo", "environment", "region"];
        Self {
            breach: DedupRule::Fields(fields.iter().map(|field| Name::const_new(field)).collect()),
            resource: DedupRule::Fields(Vec::new()),
        }
    }
}

/// A service.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// Owning team.
    pub team: Name,
    /// Environments it runs in; empty: not stated.
    pub environments: Vec<Name>,
    /// Services it calls.
    pub depends_on: Vec<Name>,
    /// Links by title: `runbook`, `dashboard`, `logs`.
    pub links: BTreeMap<Name, String>,
    /// Explicit SLOs, in order of the file.
    pub slos: Vec<Arc<Slo>>,
    /// Default SLO by SLI.
    pub default_slos: BTreeMap<Name, Arc<Slo>>,
}

/// A chain of steps. Kept by open incidents, so it is stored with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationPolicy {
    /// Its name.
    pub name: Name,
    /// Steps, at least one.
    pub steps: Vec<EscalationStep>,
    /// Further rounds after the first; `None` is for ever.
    pub repeat: Option<u32>,
    /// An acknowledgement is good for so long.
    pub ack_timeout: Option<Span>,
}

/// One step: who is told, and how long to wait for an acknowledgement afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationStep {
    /// Who is told.
    pub notify: Vec<Target>,
    /// Wait after this step.
    pub wait: Span,
}

/// Whom a step tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Target {
    /// The person on call: in `role`, or in the first role, or everybody of a schedule without roles.
    Schedule { schedule: Name, role: Option<Name> },
    /// A named person.
    Person(Name),
    /// All members of a team.
    Team(Name),
    /// All members of a group.
    Group(Name),
    /// The engineering manager of a team.
    Manager(Name),
    /// A channel.
    Channel(Destination),
}

impl std::fmt::Display for Target {
    /// As TOML writes it: `schedule:checkout/main`, `person:ana`, `team:checkout`, `manager:checkout`, `slack:main/#ops`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Schedule { schedule, role: Some(role) } => write!(f, "schedule:{schedule}/{role}"),
            Self::Schedule { schedule, role: None } => write!(f, "schedule:{schedule}"),
            Self::Person(name) => write!(f, "person:{name}"),
            Self::Team(name) => write!(f, "team:{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Manager(name) => write!(f, "manager:{name}"),
            Self::Channel(destination) => destination.fmt(f),
        }
    }
}

/// What the engine knows of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelPolicy {
    /// Where its messages go when it fails for good.
    pub fallback: Option<Destination>,
    /// Whether follow-ups (acknowledged, resolved) are sent there.
    pub follow_up: bool,
    /// Whether messages through it are folded when there are too many.
    pub digest: bool,
    /// Whether an earlier message that left a receipt is changed in its place, rather than answered.
    pub in_place: bool,
    /// The least urgent rank that it is told of by a route; `None`: every.
    pub from: Option<u8>,
    /// Which incidents get a room of their own in it.
    pub rooms: Option<RoomRule>,
}

/// Which incidents get a room of their own, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRule {
    /// Of these priorities.
    pub priorities: Vec<Name>,
    /// Of these teams; empty: of all.
    pub teams: Vec<Name>,
    /// Archived so long after the resolution; absent: never.
    pub archive_after: Option<Span>,
}

impl Policy {
    /// Urgency of a priority for sorting: 0 first, 254 unknown, 255 unset.
    #[must_use]
    pub fn rank(&self, priority: Option<&str>) -> u8 {
        priority.map_or(255, |p| self.priorities.get(p).map_or(254, |p| p.rank))
    }

    /// The contact of `person` on a channel of `kind`, for addresses at sending.
    #[must_use]
    pub fn contact(&self, person: &str, channel: &ChannelRef) -> Option<&Contact> {
        self.people.get(person)?.ways().find(|c| c.channel == *channel)
    }

    /// Whether a channel changes an earlier message in its place.
    #[must_use]
    pub fn changes_in_place(&self, channel: &ChannelRef) -> bool {
        self.channels.get(channel).is_some_and(|channel| channel.in_place)
    }

    /// Finds a person by address in a kind of channel (a Slack id, a mail address).
    #[must_use]
    pub fn person_at(&self, kind: ChannelKind, address: &str) -> Option<&Name> {
        self.people
            .iter()
            .find(|(_, p)| p.ways().any(|c| c.channel.kind == kind && c.address == address))
            .map(|(id, _)| id)
    }
}
