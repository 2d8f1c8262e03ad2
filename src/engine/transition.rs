//! Facts in the past tense. State changes by these alone, and each is total: read back from the journal it cannot be refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::calendar::CalendarOf;
use super::contact::{Pending, Way};
use super::digest::Work;
use super::handoff::Watch;
use super::input::{Actor, Outcome, SilenceSpec};
use super::level_exclusion::Exclusion;
use super::levels::{Episode, LevelKey};
use super::notice::About;
use super::personal::ChainStep;
use super::policy::EscalationPolicy;
use super::quiet::Bond;
use super::response::ResponseChange;
use super::silver_bullet::SilverBullet;
use super::stand_in::{MadeOverride, Swap, SwapStatus};
use super::state::{Delivery, Purpose, Quarantined, Recipient, Room, ScopeKey, Status};
use super::timers::Timer;
use super::trace::Trace;
use crate::domain::{
    DeliveryId, DigestId, Event, EventId, Fingerprint, IncidentId, Name, OverrideId, Ratio, SampleBatch, Seq,
    SilenceId, Span, SwapId, Timestamp,
};
use crate::slo::burn::AlertState;

/// What one `apply` decided. Committed as a whole.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Decision {
    /// What changed, in order.
    pub transitions: Vec<Transition>,
    /// Why.
    pub trace: Trace,
}

/// One change of state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Transition {
    /// The input at this position was judged; it leaves the inbox.
    Judged { input: Seq },
    /// Engine time went on to here.
    ClockAdvanced { now: Timestamp },

    /// A source became active, or changed. The event is the one in the inbox under `event`.
    AlertFiring { fingerprint: Fingerprint, event: EventId },
    /// Sources of open incidents were sent again: counted there, and their ends moved.
    RefiresCounted(Vec<RefireCount>),
    /// A source without an open incident was sent again.
    AlertRefreshed { fingerprint: Fingerprint, ends_at: Option<Timestamp> },
    /// A source is over.
    AlertEnded { fingerprint: Fingerprint, at: Timestamp },
    /// An ended source was forgotten.
    AlertForgotten { fingerprint: Fingerprint },
    /// A rule kept a source quiet, or no longer does.
    AlertSuppressed { fingerprint: Fingerprint, by: Option<Suppressor> },

    /// Counts arrived between two evaluations; the newest wait until `until`.
    EvaluationHeld { scope: ScopeKey, fingerprint: Fingerprint, until: Timestamp },
    /// The alert rule of a scope was evaluated.
    Evaluated { scope: ScopeKey, at: Timestamp },
    /// The alert of a scope fired and is quiet until `until` (exclusive).
    AlertSnoozed { scope: ScopeKey, incident: IncidentId, since: Timestamp, until: Timestamp, priority: Option<Name> },
    /// A scope was forgotten, since nothing of it matters any more.
    ScopeForgotten { scope: ScopeKey },

    /// An incident began.
    IncidentOpened(Box<IncidentOpening>),
    /// A resolved incident goes on.
    IncidentReopened { incident: IncidentId, fingerprint: Option<Fingerprint>, at: Timestamp },
    /// The same cause again. `counted`: its time is kept for rules that count occurrences.
    DuplicateCounted { incident: IncidentId, fingerprint: Fingerprint, while_snoozed: bool, counted: bool },
    /// A source of the incident ended.
    SourceEnded { incident: IncidentId, fingerprint: Fingerprint },
    /// Its status changed.
    StatusChanged { incident: IncidentId, status: Status },
    /// Its priority changed.
    PriorityChanged { incident: IncidentId, priority: Option<Name>, rank: u8, by: Actor },
    /// Its severity changed.
    SeverityChanged { incident: IncidentId, severity: Option<Name>, by: Actor },
    /// A remark.
    NoteAdded { incident: IncidentId, by: Actor, text: String },
    /// A resolved incident left the state; journal and index keep it.
    IncidentForgotten { incident: IncidentId },

    /// Another policy came into force for the incident.
    PolicyAssigned { incident: IncidentId, policy: Option<Arc<EscalationPolicy>> },
    /// Where the escalation stands: the step that was performed last, and when the next is due (`None`: stopped).
    EscalationMoved { incident: IncidentId, pass: u32, step: u32, due: Option<Timestamp>, exhausted: bool },
    /// These people were paged.
    PeoplePaged { incident: IncidentId, people: Vec<Name> },

    /// A row entered the outbox.
    DeliveryOrdered(Arc<Delivery>),
    /// An attempt ended.
    DeliveryReported { delivery: DeliveryId, attempt: u32, outcome: Outcome },
    /// A row left the outbox unsent, since it was not worth sending any more.
    DeliveryDropped { delivery: DeliveryId },

    /// A silence was made or changed.
    SilenceSet(SilenceSpec),
    /// A silence ended early.
    SilenceExpired { silence: SilenceId, at: Timestamp },
    /// A long-ended silence was forgotten.
    SilenceForgotten { silence: SilenceId },

    /// callout's own alarm was raised; the same key stays quiet until `until`.
    AlarmRaised { key: Name, until: Timestamp },
    /// A configuration came into force.
    ConfigActivated { fingerprint: Name },
    /// Idempotency keys up to here were forgotten.
    IdempotencyForgotten { before: Timestamp },

    /// The samples of the input at this position, which is in the inbox, were added to their series.
    SamplesTaken { input: Seq },
    /// A rule that is judged from samples changed its state.
    RuleStateChanged { level: LevelKey, rule: Name, state: AlertState },
    /// callout itself made an event of such a rule, new or with newer counts: its source fires.
    BreachFound { fingerprint: Fingerprint, event: Arc<Event> },
    /// The objective of an SLO came into force.
    ObjectiveSet { service: Name, slo: Name, objective: Ratio, at: Timestamp },
    /// The pages of a level are over: what the outage cost. `merged`: it takes the place of the last one, which it goes on with.
    EpisodeEnded { level: LevelKey, episode: Episode, merged: bool },
    /// A digest for a recipient began.
    DigestOpened { digest: DigestId, to: Recipient, due: Timestamp },
    /// What would have been a message waits in a digest, which is due at `due` or earlier. `storm`: too much of this rank came.
    Folded { digest: DigestId, incident: IncidentId, purpose: Purpose, due: Timestamp, storm: Option<u8> },
    /// An incident left a digest that nobody has heard yet.
    Unfolded { digest: DigestId, incident: IncidentId },
    /// A digest takes in no more. `over`: little enough came, so that messages go out one by one again.
    DigestClosed { digest: DigestId, over: bool },
    /// A digest entered the outbox, the first time or by another way.
    DigestOrdered { digest: DigestId, delivery: Arc<Delivery> },
    /// What is being done to all incidents of a digest; `None`: it is done.
    DigestWork { digest: DigestId, work: Option<Work> },
    /// The readings of the input at this position, which is in the inbox, were added to their counters' minutes.
    ReadingsTaken { input: Seq },
    /// The minutes of the first `feeds` feeds that were due by now are over, and these are their samples.
    MinutesCounted { feeds: u32, batch: Arc<SampleBatch> },
    /// Counters that were read before this instant last were forgotten.
    CountersForgotten { before: Timestamp },

    /// Judging an input failed by a defect of callout's own; it is kept to be looked at.
    InputQuarantined { input: Seq, quarantined: Box<Quarantined> },
    /// Judging a deadline failed by a defect of callout's own; it is tried again at `until`.
    DeadlineSetAside { deadline: Timer, until: Timestamp },

    /// A person changed a schedule for a while.
    OverrideMade(Box<MadeOverride>),
    /// Such a change ends at this time; one that had not begun never does.
    OverrideEnded { id: OverrideId, at: Timestamp },
    /// One that is long over was forgotten.
    OverrideForgotten { id: OverrideId },
    /// A person offered a shift.
    SwapOffered(Box<Swap>),
    /// One of several who were asked said no.
    SwapDeclined { swap: SwapId, by: Name },
    /// What became of an offered shift, with the overrides that follow from it, all at once.
    SwapSettled { swap: SwapId, status: SwapStatus, overrides: Vec<MadeOverride> },
    /// A swap request that is long over was forgotten.
    SwapForgotten { swap: SwapId },
    /// A message about no incident entered the outbox.
    NoticeOrdered { about: Option<About>, delivery: Arc<Delivery> },
    /// A person is paged by these ways, of which the first was taken.
    ChainBegun { incident: IncidentId, person: Name, why: String, steps: Vec<ChainStep>, bundle: Option<Span> },
    /// The way of the chain that follows, from 0, and when (`None`: nothing follows).
    ChainMoved { incident: IncidentId, person: Name, next: u32, due: Option<Timestamp> },
    /// Quiet hours hold a page until then.
    PageHeld { incident: IncidentId, person: Name, why: String, until: Timestamp },
    /// The chains of an incident end, since it is with others now.
    ChainsStopped { incident: IncidentId },
    /// Everybody whom a round of the escalation tells wants quiet: it begins again at `until`.
    EscalationHeld { incident: IncidentId, pass: u32, until: Timestamp },
    /// How people work on an incident changed: roles, updates, merging, its postmortem.
    Responded { incident: IncidentId, change: ResponseChange },
    /// The link of a message was used for this kind of act, for which it is not good any more.
    LinkUsed { incident: IncidentId, message: DeliveryId, act: Name, by: Actor },

    /// What is known of the handoffs of a schedule, and when it is looked at again.
    HandoffWatched { schedule: Name, watch: Box<Watch> },
    /// The handoffs of a schedule are told no more.
    HandoffForgotten { schedule: Name },
    /// Only addresses of this generation of a calendar are good.
    CalendarRevoked { of: CalendarOf, generation: u64 },
    /// What a silence belongs to, who made it, and what was said of its end.
    SilenceBound { silence: SilenceId, bond: Bond },
    /// The incident's room in chat was made or changed.
    RoomChanged { incident: IncidentId, room: Option<Box<Room>> },
    /// The calendar of the input at this position, which is in the inbox, takes the place of what was read before.
    CalendarTaken { input: Seq },
    /// Schedules were looked over for people who are on call while away; of these they and their teams are told.
    AbsencesLooked { told: BTreeSet<(Name, Name, Timestamp)> },
    /// Minutes leave budgets and burn rates.
    MinutesExcluded(Box<Exclusion>),
    /// An exception was made from the freezes of a service's error budget policy.
    SilverBulletUsed { service: Name, bullet: Box<SilverBullet> },

    /// A code goes out by a way of a person.
    CodeSent { way: Box<Way>, pending: Pending },
    /// A wrong code was entered.
    CodeWrong { way: Box<Way> },
    /// The code came back: a way is verified, for the address with this hash.
    ContactVerified { way: Box<Way>, mark: u128 },
}

/// One source sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefireCount {
    /// Which.
    pub fingerprint: Fingerprint,
    /// Its new end, if the sender says one.
    pub ends_at: Option<Timestamp>,
    /// The open incident that counts it.
    pub incident: IncidentId,
}

/// What keeps a source quiet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Suppressor {
    /// Its own rule did not fire.
    Timeliness,
    /// It fired lately.
    Snooze,
    /// A silence.
    Silence(SilenceId),
    /// A maintenance window, and when it ends.
    Maintenance { name: Name, until: Timestamp },
    /// A page of the same SLO fires.
    Page,
}

/// What is known of an incident when it begins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IncidentOpening {
    /// Its number.
    pub incident: IncidentId,
    /// What it is about.
    pub event: EventId,
    /// Identity of the source.
    pub fingerprint: Fingerprint,
    /// Deduplication key.
    pub key: Name,
    /// Team that works on it.
    pub team: Name,
    /// Whether nobody owns the event and `team` is the fallback.
    pub unowned: bool,
    /// Region, from the event or its environment.
    pub region: Option<Name>,
    /// SLO in the catalogue.
    pub slo: Option<Name>,
    /// Priority it starts with.
    pub priority: Option<Name>,
    /// Rank of it at this time, for ordering.
    pub rank: u8,
    /// Policy it begins with; the steps are kept.
    pub policy: Option<Arc<EscalationPolicy>>,
    /// Whether its occurrences are kept, for rules that count.
    pub counted: bool,
    /// When.
    pub at: Timestamp,
}
