//! What comes into the engine. Every input is in the journal before it is judged.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::absence::CalendarRead;
use super::calendar::CalendarOf;
use super::response::Settlement;
pub use super::stand_in::{NewOverride, Offer};
use crate::domain::{
    ChannelRef, DeliveryId, DigestId, Event, Fingerprint, IncidentId, Name, OverrideId, ReadingBatch, SampleBatch,
    SilenceId, SwapId, Timestamp,
};
pub use crate::rules::matcher::MatcherSpec;
pub use crate::rules::silence::SilenceSpec;

/// One input.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Input {
    /// An event, new to callout or changed.
    Event(Arc<Event>),
    /// Events already known by their fingerprint, sent again without a change but for their end.
    Refires(Vec<Refire>),
    /// What a person or a token wants.
    Command(Command),
    /// What became of messages.
    Reports(Vec<DeliveryReport>),
    /// A configuration came into force; its fingerprint.
    ConfigActivated { fingerprint: Name },
    /// callout itself noticed something a person must know (a configuration refused, a full disk).
    Alarm { key: Name, text: String },
    /// Deadlines are due. Only recorded when something was.
    Tick,
    /// Counts of service levels, by the minute.
    Samples(Arc<SampleBatch>),
    /// What somebody did to callout itself, for the record alone: nothing of it is judged.
    Administered(Act),
    /// What counters of others stood at.
    Readings(Arc<ReadingBatch>),
    /// What a calendar of absences or holidays says now.
    Calendar(Arc<CalendarRead>),
}

/// An administrative act: what changes or reveals callout itself, not an incident.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Act {
    /// Who.
    pub by: Actor,
    /// What: the route (`POST /-/reload`), or `SIGHUP`.
    pub what: Name,
    /// Whether it was done; otherwise it was refused.
    pub done: bool,
    /// What came of it, in words. Never a secret, nor a text of the configuration, which may hold one by mistake.
    pub outcome: String,
}

/// A known event sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refire {
    /// Which.
    pub fingerprint: Fingerprint,
    /// Its new end, if the sender says one.
    pub ends_at: Option<Timestamp>,
}

/// Who does something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Actor {
    /// A person, by id.
    Person(Name),
    /// Whoever holds the link that this person was sent.
    Link(Name),
    /// Whoever holds the link that was posted in a channel.
    ChannelLink,
    /// A token, by name.
    Token(Name),
    /// Somebody on the loopback interface, where no token is configured.
    Local,
    /// callout itself.
    Callout,
    /// Whoever sends the events.
    Sender,
}

impl Actor {
    /// For texts: the person's id, `token ci`, `somebody with the link`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Person(id) | Self::Link(id) => id.to_string(),
            Self::ChannelLink => "somebody in the channel".to_owned(),
            Self::Token(name) => format!("token {name}"),
            Self::Local => "somebody on this machine".to_owned(),
            Self::Callout => "callout".to_owned(),
            Self::Sender => "the sender".to_owned(),
        }
    }
}

/// What somebody wants done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Command {
    /// Who.
    pub by: Actor,
    /// What.
    pub verb: Verb,
}

/// What can be done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Verb {
    /// Stop the escalation; somebody is on it.
    Acknowledge { incident: IncidentId },
    /// Nobody is on it after all.
    Unacknowledge { incident: IncidentId },
    /// Quiet until then.
    Snooze { incident: IncidentId, until: Timestamp },
    /// Over.
    Resolve { incident: IncidentId },
    /// Not over after all.
    Reopen { incident: IncidentId },
    /// Another urgency, or none.
    SetPriority { incident: IncidentId, priority: Option<Name> },
    /// Another way to respond: `critical`, `error`, `warning`, or none.
    SetSeverity { incident: IncidentId, severity: Option<Name> },
    /// A remark for the timeline.
    Note { incident: IncidentId, text: String },
    /// To these people.
    ReassignPeople { incident: IncidentId, people: Vec<Name> },
    /// To another policy, from its first step.
    ReassignPolicy { incident: IncidentId, policy: Name },
    /// The next step at once.
    Escalate { incident: IncidentId },
    /// A silence, new or replacing the one with the same id.
    AddSilence(SilenceSpec),
    /// It ends now.
    ExpireSilence { silence: SilenceId },
    /// Somebody is on everything that a digest tells of.
    AcknowledgeDigest { digest: DigestId },
    /// A change to a schedule for a while.
    AddOverride(Box<NewOverride>),
    /// Such a change ends now, or never begins.
    RemoveOverride { id: OverrideId },
    /// Somebody else may take a shift.
    OfferSwap(Box<Offer>),
    /// This person takes an offered shift.
    AcceptSwap { swap: SwapId, person: Name },
    /// This person does not take it; or, where it is their own, keeps it.
    DeclineSwap { swap: SwapId, person: Name },
    /// It goes on in another incident.
    Merge { incident: IncidentId, into: IncidentId },
    /// How it stands, for whoever was told of it.
    StatusUpdate { incident: IncidentId, text: String },
    /// A person has a role in the response, or nobody has it.
    AssignRole { incident: IncidentId, role: Name, person: Option<Name> },
    /// A postmortem is written, or will not be.
    SettlePostmortem { incident: IncidentId, how: Settlement },
    /// By a link in a message, which is good for each kind of act once. The message is the row of the outbox that carried it.
    ByLink { message: DeliveryId, verb: Box<Verb> },
    /// Addresses of a calendar that were given out are not good any more.
    RevokeCalendar { of: CalendarOf },
    /// A silence that ends when the incident it belongs to is resolved, at the latest at its own end.
    AddSilenceOf { silence: Box<SilenceSpec>, incident: IncidentId },
    /// The next step at once, if the escalation still stands where whoever asks saw it; so the same wish twice is one.
    EscalateFrom { incident: IncidentId, round: u32, step: u32 },
    /// A release although the error budget policy freezes it.
    UseSilverBullet { service: Name, environment: Option<Name>, reason: String },
    /// A code goes out by a way of a person. The edge makes it, and keyed hashes of it and of the address.
    SendCode { person: Name, channel: ChannelRef, mark: u128, code: u128, nonce: u64 },
    /// A code came back, as its keyed hash.
    EnterCode { person: Name, channel: ChannelRef, code: u128 },
}

impl Verb {
    /// `acknowledge`, `add-silence`: the word in the audit.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ByLink { verb, .. } => verb.as_str(),
            Self::Acknowledge { .. } => "acknowledge",
            Self::Unacknowledge { .. } => "unacknowledge",
            Self::Snooze { .. } => "snooze",
            Self::Resolve { .. } => "resolve",
            Self::Reopen { .. } => "reopen",
            Self::SetPriority { .. } => "priority",
            Self::SetSeverity { .. } => "severity",
            Self::Note { .. } => "note",
            Self::ReassignPeople { .. } | Self::ReassignPolicy { .. } => "reassign",
            Self::Escalate { .. } | Self::EscalateFrom { .. } => "escalate",
            Self::AddSilence(_) | Self::AddSilenceOf { .. } => "add-silence",
            Self::ExpireSilence { .. } => "expire-silence",
            Self::AcknowledgeDigest { .. } => "acknowledge-digest",
            Self::SendCode { .. } => "send-code",
            Self::EnterCode { .. } => "enter-code",
            Self::AddOverride(_) => "add-override",
            Self::RemoveOverride { .. } => "remove-override",
            Self::OfferSwap(_) => "offer-swap",
            Self::AcceptSwap { .. } => "accept-swap",
            Self::DeclineSwap { .. } => "decline-swap",
            Self::Merge { .. } => "merge",
            Self::StatusUpdate { .. } => "update",
            Self::AssignRole { .. } => "role",
            Self::SettlePostmortem { .. } => "postmortem",
            Self::RevokeCalendar { .. } => "revoke-calendar",
            Self::UseSilverBullet { .. } => "silver-bullet",
        }
    }

    /// The incident it is about.
    #[must_use]
    pub fn incident(&self) -> Option<IncidentId> {
        match self {
            Self::ByLink { verb, .. } => verb.incident(),
            Self::Acknowledge { incident }
            | Self::Unacknowledge { incident }
            | Self::Snooze { incident, .. }
            | Self::Resolve { incident }
            | Self::Reopen { incident }
            | Self::SetPriority { incident, .. }
            | Self::SetSeverity { incident, .. }
            | Self::Note { incident, .. }
            | Self::ReassignPeople { incident, .. }
            | Self::ReassignPolicy { incident, .. }
            | Self::Escalate { incident }
            | Self::Merge { incident, .. }
            | Self::StatusUpdate { incident, .. }
            | Self::AssignRole { incident, .. }
            | Self::SettlePostmortem { incident, .. }
            | Self::EscalateFrom { incident, .. }
            | Self::AddSilenceOf { incident, .. } => Some(*incident),
            Self::AddSilence(_)
            | Self::ExpireSilence { .. }
            | Self::AcknowledgeDigest { .. }
            | Self::AddOverride(_)
            | Self::RemoveOverride { .. }
            | Self::OfferSwap(_)
            | Self::AcceptSwap { .. }
            | Self::DeclineSwap { .. }
            | Self::RevokeCalendar { .. }
            | Self::UseSilverBullet { .. }
            | Self::SendCode { .. }
            | Self::EnterCode { .. } => None,
        }
    }
}

/// What became of one attempt to deliver.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeliveryReport {
    /// Which row of the outbox.
    pub delivery: DeliveryId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// When it ended, by the shell's clock.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an attempt ended. *Unknown* (no reply after sending) is reported as `Retry`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// The other side took it; `None` where it leaves no trace to follow up on.
    Delivered { receipt: Option<Receipt> },
    /// Again at `at`. `error` names the failure without secrets or addresses.
    Retry { error: Name, at: Timestamp },
    /// Never. `error` as above.
    Failed { error: Name },
}

/// What a channel needs to follow up on a message: Slack's channel id and `ts`, a mail's Message-ID.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// Channel it went through.
    pub channel: ChannelRef,
    /// Place within it (Slack channel id); empty for mail.
    pub place: Name,
    /// The message (Slack `ts`, Message-ID without brackets).
    pub message: Name,
}
