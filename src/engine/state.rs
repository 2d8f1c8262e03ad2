//! What the engine knows. In memory; comes from a snapshot and the journal's tail. Only `evolve` changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::absence::Absences;
use super::calendar::CalendarOf;
use super::contact::{Standing, Way};
use super::counters::Counters;
use super::digest::{Digest, Flow};
use super::handoff::Watch;
use super::input::{Actor, Input, Receipt, SilenceSpec};
use super::levels::Levels;
use super::load::Load;
use super::notice::About;
use super::personal::Chain;
use super::policy::EscalationPolicy;
use super::quiet::Bond;
use super::response::{Postmortem, Response};
use super::silver_bullet::SilverBullet;
use super::stand_in::{Rota, StandIns};
use super::timers::Timer;
use super::transition::Suppressor;
use crate::domain::{
    ChannelRef, DeliveryId, Destination, DigestId, Event, EventId, Fingerprint, IncidentId, Name, Seq, SilenceId,
    Timestamp,
};

/// Everything, as plain values; the big ones behind `Arc`, so that a copy for a snapshot is cheap.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Engine time; never runs backwards.
    pub now: Timestamp,
    /// Number of the next incident minus one.
    pub last_incident: u64,
    /// Number of the next delivery minus one.
    pub last_delivery: u64,
    /// Fingerprint of the configuration in force.
    pub config: Name,
    /// Inputs not yet judged, by position, with the time at which they were received.
    pub inbox: BTreeMap<Seq, (Timestamp, Arc<Input>)>,
    /// Sources by identity: what is firing now, or ended lately.
    pub alerts: BTreeMap<Fingerprint, Alert>,
    /// Incidents: open ones, and resolved ones for a while.
    pub incidents: BTreeMap<IncidentId, Arc<Incident>>,
    /// Newest incident by deduplication key, open or resolved.
    pub by_key: BTreeMap<Name, IncidentId>,
    /// What alert rules remember, by SLO and scope.
    pub scopes: BTreeMap<ScopeKey, AlertScope>,
    /// Silences by id.
    pub silences: BTreeMap<SilenceId, Arc<SilenceSpec>>,
    /// Messages ordered and not yet delivered, given up or dropped.
    pub outbox: BTreeMap<DeliveryId, Arc<Delivery>>,
    /// Sender's idempotency keys by hash.
    pub idempotency: BTreeMap<u128, (EventId, Timestamp)>,
    /// callout's own alarms that stay quiet until then.
    pub alarms: BTreeMap<Name, Timestamp>,
    /// Service levels: the histories of all series.
    pub levels: Levels,
    /// Exceptions from the freezes of error budget policies, by service, oldest first.
    pub bullets: BTreeMap<Name, Vec<SilverBullet>>,
    /// Number of the next digest minus one.
    pub last_digest: u64,
    /// What went to each recipient lately.
    pub flows: BTreeMap<Recipient, Flow>,
    /// Digests whose incidents are still known.
    pub digests: BTreeMap<DigestId, Arc<Digest>>,
    /// Rows of the outbox that are digests.
    pub digest_rows: BTreeMap<DeliveryId, DigestId>,
    /// Counters of others, and the minutes that they are in.
    pub counters: Counters,
    /// Inputs that could not be judged.
    pub quarantine: BTreeMap<Seq, Arc<Quarantined>>,
    /// Deadlines that could not be judged, and when they are tried again.
    pub set_aside: BTreeMap<Timer, Timestamp>,
    /// Schedules whose handoffs are told.
    pub handoffs: BTreeMap<Name, Arc<Watch>>,
    /// Who was paged when.
    pub load: Load,
    /// Which ways of people are verified.
    pub contacts: BTreeMap<Way, Arc<Standing>>,
    /// Overrides and swap requests that people made.
    pub stand_ins: StandIns,
    /// Schedules as they are in force; derived.
    #[serde(skip)]
    pub rota: Arc<Rota>,
    /// What notices in the outbox are about, for their links.
    pub notices: BTreeMap<DeliveryId, About>,
    /// Postmortems that are asked for, and those settled lately.
    pub postmortems: BTreeMap<IncidentId, Arc<Postmortem>>,
    /// The generation of addresses that are good, of calendars that were revoked.
    pub calendars: BTreeMap<CalendarOf, u64>,
    /// What silences belong to, and how far their reminders are.
    pub bonds: BTreeMap<SilenceId, Bond>,
    /// Open incidents that have a room of their own, or for which one is ordered.
    pub rooms: BTreeSet<IncidentId>,
    /// What calendars of absences and holidays say.
    pub absences: Absences,
}

/// An input that could not be judged by a defect of callout's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quarantined {
    /// When.
    pub at: Timestamp,
    /// What the panic said.
    pub panic: Name,
    /// The input as JSON, cut at [`super::limits::QUARANTINED_CHARS_MAX`]. The journal has all of it.
    pub text: String,
}

/// A source: one identity, firing or ended lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The event that made it.
    pub event_id: EventId,
    /// Its content.
    pub event: Arc<Event>,
    /// When callout first saw it.
    pub since: Timestamp,
    /// Last word from the sender.
    pub updated_at: Timestamp,
    /// When it counts as over.
    pub ends_at: Option<Timestamp>,
    /// Whether it fires.
    pub firing: bool,
    /// What keeps it quiet.
    pub suppressed: Option<Box<Suppressor>>,
    /// Its incident.
    pub incident: Option<IncidentId>,
}

/// Where an incident stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Status {
    /// Nobody is on it.
    Triggered,
    /// Somebody is, until the acknowledgement runs out.
    Acknowledged { by: Actor, at: Timestamp, until: Option<Timestamp> },
    /// Quiet until then.
    Snoozed { by: Actor, at: Timestamp, until: Timestamp },
    /// Over.
    Resolved { by: Actor, at: Timestamp },
}

impl Status {
    /// `triggered`, `acknowledged`, `snoozed`, `resolved`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Snoozed { .. } => "snoozed",
            Self::Resolved { .. } => "resolved",
        }
    }

    /// Whether it is not over.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !matches!(self, Self::Resolved { .. })
    }
}

/// An open unit of work; one per deduplication key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// Deduplication key.
    pub key: Name,
    /// Team that works on it.
    pub team: Name,
    /// Whether nobody owns the event and `team` is the fallback.
    pub unowned: bool,
    /// Region.
    pub region: Option<Name>,
    /// SLO in the catalogue.
    pub slo: Option<Name>,
    /// What opened it.
    pub event_id: EventId,
    /// Its content.
    pub event: Arc<Event>,
    /// The newest event with other content, if any.
    pub latest: Option<Arc<Event>>,
    /// Where it stands.
    pub status: Status,
    /// Urgency.
    pub priority: Option<Name>,
    /// Rank of the priority when it was set; 255 unset.
    pub rank: u8,
    /// Dimension of the response.
    pub severity: Option<Name>,
    /// When it began.
    pub opened_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// Last time the cause was seen.
    pub last_seen: Timestamp,
    /// How often the cause was seen after the first time (deduplicated).
    pub duplicates: u32,
    /// How many of these while its alert was snoozed.
    pub duplicates_snoozed: u32,
    /// Times of occurrence for rules that count, newest last, bounded.
    pub occurrences: Vec<Timestamp>,
    /// How often it was opened again.
    pub reopened: u32,
    /// The alert of this kind stays quiet until then.
    pub alert_snoozed_until: Option<Timestamp>,
    /// Sources that still fire.
    pub firing: Vec<Fingerprint>,
    /// Where the escalation stands.
    pub escalation: Option<Escalation>,
    /// Who was paged, each once, in order.
    pub paged: Vec<Name>,
    /// Messages that went out, for follow-ups.
    pub sent: Vec<Sent>,
    /// Rows of the outbox that are about it.
    pub pending: Vec<DeliveryId>,
    /// Remarks.
    pub notes: Vec<Note>,
    /// Digests that it is in, oldest first.
    pub digests: Vec<DigestId>,
    /// How far people were paged by their own rules.
    pub chains: Vec<Chain>,
    /// When the next status update is due.
    pub update_due: Option<Timestamp>,
    /// How people work on it, where there is something to say of it.
    pub response: Option<Box<Response>>,
    /// Links of messages that were used, oldest first.
    pub links_used: Vec<LinkUse>,
    /// Its room in chat, once it has one.
    pub room: Option<Box<Room>>,
}

/// A link that was used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkUse {
    /// The message that carried it.
    pub message: DeliveryId,
    /// The kind of act, as in the audit: `acknowledge`.
    pub act: Name,
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A room of an incident's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Room {
    /// Where it is: the place is the room's id, the message its name.
    pub receipt: Receipt,
    /// What it shows, as [`super::room`] writes it.
    pub shown: Name,
    /// What becomes of it when the incident is over.
    pub archive: Archive,
}

/// What becomes of a room when its incident is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Archive {
    /// It stays.
    Never,
    /// It is archived so long after the resolution.
    After(crate::domain::Span),
    /// It is to be archived now.
    Due,
    /// It was archived.
    Done,
}

impl Incident {
    /// How the link of a message was used for a kind of act, if it was.
    #[must_use]
    pub fn link_use(&self, message: DeliveryId, act: &str) -> Option<&LinkUse> {
        self.links_used.iter().find(|used| used.message == message && used.act == act)
    }

    /// What deduplication keys of drills begin with.
    pub const DRILL_KEYS: &'static str = "drill/";

    /// Whether nothing is broken and somebody tries the way.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.event.source == crate::domain::Source::Drill
    }

    /// When it was resolved, if it was.
    #[must_use]
    pub const fn resolved_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::Resolved { at, .. } => Some(at),
            _ => None,
        }
    }
}

/// Where an escalation stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Escalation {
    /// The steps it began with.
    pub policy: Arc<EscalationPolicy>,
    /// Round, from 0.
    pub pass: u32,
    /// Step performed last, from 0.
    pub step: u32,
    /// When the next is due; `None` while stopped.
    pub due: Option<Timestamp>,
    /// Whether the whole chain ran out.
    pub exhausted: bool,
    /// Whether a page of this step arrived somewhere.
    pub reached: bool,
    /// Whether everybody of the round wants quiet, and the round waits until `due`.
    pub held: bool,
}

/// A message that was delivered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sent {
    /// Whom it told.
    pub to: Recipient,
    /// What the channel needs for a follow-up.
    /// Boxed, since machines give none and there are many.
    pub receipt: Option<Box<Receipt>>,
}

/// A remark on the timeline.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What.
    pub text: String,
}

/// Whom a message tells. Addresses of people are not part of it; they are looked up at sending.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Recipient {
    /// A channel of a team.
    Channel(Destination),
    /// A person, through one of their contacts.
    Person {
        /// Who.
        person: Name,
        /// Through which channel.
        channel: ChannelRef,
    },
}

impl Recipient {
    /// The channel it goes through.
    #[must_use]
    pub const fn channel(&self) -> &ChannelRef {
        match self {
            Self::Channel(destination) => &destination.channel,
            Self::Person { channel, .. } => channel,
        }
    }
}

impl std::fmt::Display for Recipient {
    /// `ana by slack:main`, `slack:main/#ops`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Channel(destination) => destination.fmt(f),
            Self::Person { person, channel } => write!(f, "{person} by {channel}"),
        }
    }
}

/// What a message is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Purpose {
    /// Demands acknowledgement of a person.
    Page,
    /// Tells a team channel of an incident.
    Alert,
    /// callout's own alarm.
    Alarm,
    /// The incident was acknowledged.
    Acknowledged,
    /// Nobody is on it any more (acknowledgement ended, snooze over, unacknowledged).
    Unacknowledged,
    /// The incident is quiet for a while.
    Snoozed,
    /// It is over.
    Resolved,
    /// It goes on.
    Reopened,
    /// Priority, severity or owner changed.
    Changed,
    /// One message about many incidents.
    Digest,
    /// Tells a person of something that is about no incident.
    Notice,
    /// A person has a role in the response.
    CalledIn,
    /// How the incident stands, in a person's words.
    Update,
    /// Something is due that nobody did: a status update.
    Reminder,
    /// No message: the incident's own room is made, or brought in step with it.
    Room,
}

impl Purpose {
    /// The word in JSON, metrics and explanations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Alert => "alert",
            Self::Alarm => "alarm",
            Self::Acknowledged => "acknowledged",
            Self::Unacknowledged => "unacknowledged",
            Self::Snoozed => "snoozed",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
            Self::Changed => "changed",
            Self::Digest => "digest",
            Self::Notice => "notice",
            Self::CalledIn => "called-in",
            Self::Update => "update",
            Self::Reminder => "reminder",
            Self::Room => "room",
        }
    }
}

/// A row of the outbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// Its number; the receiver's idempotency key.
    pub id: DeliveryId,
    /// Incident; absent for callout's own alarms.
    pub incident: Option<IncidentId>,
    /// Whom it tells.
    pub to: Recipient,
    /// What for.
    pub purpose: Purpose,
    /// Rank of the incident's priority: 0 first, 255 unset.
    pub rank: u8,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// Not worth sending from here on; absent: always.
    pub expires_at: Option<Timestamp>,
    /// Attempts so far.
    pub attempts: u32,
    /// Text of an alarm, or why the person is told (`step 1 of 4, main on call`).
    pub text: String,
    /// The earlier message that it follows up on.
    pub follows: Option<Receipt>,
    /// How many other ways failed before this one.
    pub fallbacks: u8,
}

impl Delivery {
    /// Whether it demands acknowledgement of a person: a page, or a digest with pages in it.
    #[must_use]
    pub fn is_page(&self) -> bool {
        self.purpose == Purpose::Page || (self.purpose == Purpose::Digest && self.expires_at.is_none())
    }
}

/// What alert rules remember is kept per SLO and scope: `service/slo/environment/region`, or the dedup key where there is no SLO.
pub type ScopeKey = Name;

/// What an alert rule remembers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AlertScope {
    /// Last evaluation.
    pub evaluated_at: Option<Timestamp>,
    /// A source whose newest counts wait for the next evaluation, and when that is.
    pub held: Option<(Fingerprint, Timestamp)>,
    /// Quiet `[since, until)`, with the priority it fired with.
    pub snoozed: Option<(Timestamp, Timestamp, Option<Name>)>,
}
