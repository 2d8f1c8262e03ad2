//! What must be true: a second, simple account of everything that is in the journal, against which each record, message and answer is held.

mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use callout::channel::Sending;
use callout::domain::{
    DeliveryId, DigestId, EventId, EventStatus, IncidentId, Name, Seq, SilenceId, Source, Timestamp,
};
use callout::engine::policy::EscalationPolicy;
use callout::engine::state::{Delivery, Purpose, Status};
use callout::engine::transition::Suppressor;
use callout::engine::{Decision, Input, Outcome, Policy, State, Transition, Verb};
use callout::journal::RecordBody;
use callout::rules::{Because, RuleKind};
use callout::store::Entry;

use crate::net::{Net, Sent};

/// The first thing that was found to be wrong.
pub type Broken = String;
/// Whether all is well.
pub type Fine = Result<(), Broken>;

/// What became of a row of the outbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Open,
    Delivered,
    Failed,
    Dropped,
    /// Its incident was forgotten.
    Forgotten,
}

/// A row of the outbox.
#[derive(Debug)]
pub struct Row {
    pub delivery: Arc<Delivery>,
    pub end: End,
}

/// An incident.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Case {
    pub key: Name,
    pub team: Name,
    pub status: Status,
    pub chain: Option<Arc<EscalationPolicy>>,
    pub pass: u32,
    pub step: u32,
    pub due: Option<Timestamp>,
    pub exhausted: bool,
    pub duplicates: u32,
    /// Somebody was told: a page or an alert arrived, and callout knows it.
    pub told: bool,
    pub forgotten: bool,
    /// How far an escalation that just began may go back to its first step.
    pub begins: bool,
    /// Commands in the journal that acknowledge it and are not judged yet.
    pub acknowledgements: BTreeSet<Seq>,
    /// Milliseconds of the simulation since which it waits for its next step, and engine time then.
    pub waits_since: (u64, Timestamp),
}

/// Numbers of one life of the process, by the journal.
#[derive(Debug, Default)]
pub struct Counts {
    pub events: u64,
    pub judged: u64,
    pub delivered: u64,
    pub retried: u64,
    pub failed: u64,
}

/// The account.
#[derive(Debug)]
pub struct Truth {
    /// The policy in force.
    pub policy: Arc<Policy>,
    /// Configurations by fingerprint.
    known: BTreeMap<Name, Arc<Policy>>,
    /// Records accounted for.
    pub records: u64,
    pub now: Timestamp,
    pub inbox: BTreeMap<Seq, Arc<Input>>,
    /// Every event in the journal, by its id: a promise can be held against it.
    pub events: BTreeMap<EventId, Arc<Input>>,
    /// Events whose judgement is in the journal.
    pub judged: BTreeSet<EventId>,
    idempotency: BTreeMap<(Source, Name), (EventId, Timestamp)>,
    pub cases: BTreeMap<IncidentId, Case>,
    /// Those that are not forgotten.
    alive: BTreeSet<IncidentId>,
    pub rows: BTreeMap<DeliveryId, Row>,
    /// Those that wait.
    open: BTreeSet<DeliveryId>,
    /// What waits in digests, or went out with them.
    digests: BTreeMap<DigestId, BTreeMap<IncidentId, Purpose>>,
    /// Rows that are digests.
    digest_rows: BTreeMap<DeliveryId, DigestId>,
    silences: BTreeSet<SilenceId>,
    pub life: Counts,
    /// Milliseconds of the simulation.
    pub clock_ms: u64,
    pub pages: u64,
    pub steps: u64,
}

/// What is known while a decision is gone through.
struct Context<'a> {
    decision: &'a Decision,
    input: Option<Arc<Input>>,
    net: &'a Net,
}

impl Context<'_> {
    fn says(&self, what: impl Fn(&Because) -> bool) -> bool {
        self.decision.trace.lines.iter().any(|line| what(&line.because))
    }

    /// What somebody wants done to this incident. Deadlines of others may have been judged right before, in the same decision.
    fn verb(&self, id: IncidentId) -> Option<&Verb> {
        match self.input.as_deref() {
            Some(Input::Command(command)) if command.verb.incident().is_none_or(|about| about == id) => {
                Some(&command.verb)
            }
            _ => None,
        }
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Fine {
    if holds { Ok(()) } else { Err(what()) }
}

impl Truth {
    pub fn new(policies: impl IntoIterator<Item = Arc<Policy>>, first: &Arc<Policy>) -> Self {
        Self {
            policy: Arc::clone(first),
            known: policies.into_iter().map(|policy| (policy.fingerprint.clone(), policy)).collect(),
            records: 0,
            now: Timestamp::MIN,
            inbox: BTreeMap::new(),
            events: BTreeMap::new(),
            judged: BTreeSet::new(),
            idempotency: BTreeMap::new(),
            cases: BTreeMap::new(),
            alive: BTreeSet::new(),
            rows: BTreeMap::new(),
            open: BTreeSet::new(),
            digests: BTreeMap::new(),
            digest_rows: BTreeMap::new(),
            silences: BTreeSet::new(),
            life: Counts::default(),
            clock_ms: 0,
            pages: 0,
            steps: 0,
        }
    }

    /// A process starts, with this configuration.
    pub fn new_life(&mut self, policy: &Arc<Policy>) {
        self.policy = Arc::clone(policy);
        self.life = Counts::default();
        self.pause();
    }

    /// Deadlines could not be kept until now.
    pub fn pause(&mut self) {
        let now = (self.clock_ms, self.now);
        for id in &self.alive {
            self.cases.entry(*id).and_modify(|case| case.waits_since = now);
        }
    }

    /// Accounts for the next confirmed record.
    pub fn follow(&mut self, entry: &Entry, net: &Net) -> Fine {
        self.records += 1;
        let seq = Seq(self.records);
        match &entry.body {
            RecordBody::Input(input) => self.input(seq, entry.at, input),
            RecordBody::Decision(decision) => self.decision(seq, decision, net),
        }
    }

    fn input(&mut self, seq: Seq, at: Timestamp, input: &Arc<Input>) -> Fine {
        match &**input {
            Input::Event(event) => {
                self.life.events += 1;
                self.events.insert(EventId(seq.0), Arc::clone(input));
                if let Some(key) = &event.idempotency {
                    let known = self.idempotency.insert((event.source, key.clone()), (EventId(seq.0), at));
                    let within = |(_, first): (EventId, Timestamp)| at.since(first).as_millis() < 23 * 3_600_000;
                    ensure(!known.is_some_and(within), || {
                        format!("the request `{key}` was stored twice, the second time as E{seq}")
                    })?;
                }
            }
            Input::Refires(refires) => {
                self.life.events += refires.len() as u64;
                self.events.insert(EventId(seq.0), Arc::clone(input));
            }
            Input::Reports(reports) => {
                for report in reports {
                    match report.outcome {
                        Outcome::Delivered { .. } => self.life.delivered += 1,
                        Outcome::Retry { .. } => self.life.retried += 1,
                        Outcome::Failed { .. } => self.life.failed += 1,
                    }
                }
            }
            Input::Command(command) => {
                if let Verb::Acknowledge { incident } = command.verb
                    && let Some(case) = self.cases.get_mut(&incident)
                {
                    case.acknowledgements.insert(seq);
                }
            }
            _ => {}
        }
        self.inbox.insert(seq, Arc::clone(input));
        Ok(())
    }

    fn decision(&mut self, seq: Seq, decision: &Decision, net: &Net) -> Fine {
        let judged = decision.transitions.iter().find_map(|transition| match transition {
            Transition::Judged { input } => Some(*input),
            _ => None,
        });
        let input = match judged {
            Some(input) => {
                self.life.judged += 1;
                let known = self.inbox.remove(&input);
                Some(known.ok_or_else(|| format!("record {seq} judges input {input}, which is not waiting"))?)
            }
            None => None,
        };
        if let Some(Input::ConfigActivated { fingerprint }) = input.as_deref() {
            let policy = self.known.get(fingerprint).ok_or_else(|| format!("unknown configuration {fingerprint}"))?;
            self.policy = Arc::clone(policy);
        }
        let context = Context { decision, input, net };
        for transition in &decision.transitions {
            self.transition(transition, &context).map_err(|what| {
                format!("record {seq}: {what}\nin {transition:?}\nof {decision:?}\nabout {:?}", context.input)
            })?;
        }
        self.afterwards(judged, &context).map_err(|what| format!("record {seq}: {what}"))
    }

    /// What must hold of a decision as a whole.
    fn afterwards(&mut self, judged: Option<Seq>, context: &Context<'_>) -> Fine {
        let decision = context.decision;
        if let Some(Input::Command(command)) = context.input.as_deref() {
            ensure(!decision.trace.lines.is_empty(), || "a command was judged without a word about it".to_owned())?;
            if let (Verb::Acknowledge { incident }, Some(seq)) = (&command.verb, judged)
                && let Some(case) = self.cases.get_mut(incident)
            {
                case.acknowledgements.remove(&seq);
                ensure(case.status != Status::Triggered, || {
                    format!("incident {incident} is triggered right after an acknowledgement was judged")
                })?;
            }
        }
        if let (Some(Input::Event(event)), Some(seq)) = (context.input.as_deref(), judged) {
            self.judged.insert(EventId(seq.0));
            event_has_a_fate(event.status, context)?;
        }
        if let (Some(Input::Refires(_)), Some(seq)) = (context.input.as_deref(), judged) {
            self.judged.insert(EventId(seq.0));
        }
        Ok(())
    }

    fn transition(&mut self, transition: &Transition, context: &Context<'_>) -> Fine {
        use Transition as T;
        has_reason(transition, context)?;
        match transition {
            T::ClockAdvanced { now } => {
                ensure(*now >= self.now, || format!("engine time runs back from {} to {now}", self.now))?;
                self.now = *now;
            }
            T::AlertSuppressed { by: Some(by), .. } => self.suppressed(by, context)?,
            T::RefiresCounted(refires) => {
                for refire in refires {
                    self.case(refire.incident)?.duplicates += 1;
                }
            }
            T::IncidentOpened(opening) => {
                let id = opening.incident;
                ensure(id.0 == self.cases.len() as u64 + 1, || format!("incident {id} is not the next number"))?;
                let mut alive = self.alive.iter().filter_map(|other| self.cases.get(other).map(|case| (other, case)));
                let open = alive.find(|(_, case)| case.key == opening.key && case.status.is_open());
                ensure(open.is_none(), || format!("incident {id} was opened while {open:?} has the same key"))?;
                let team = self.policy.teams.get(&opening.team);
                let chain = team.and_then(|t| t.escalation.as_ref()).and_then(|name| self.policy.escalations.get(name));
                ensure(chain == opening.policy.as_ref(), || {
                    format!("incident {id} began with another policy than its team's")
                })?;
                let case = Case::new(
                    opening.key.clone(),
                    opening.team.clone(),
                    opening.policy.clone(),
                    (self.clock_ms, self.now),
                );
                self.cases.insert(id, case);
                self.alive.insert(id);
            }
            T::IncidentReopened { incident, .. } => {
                let case = self.case(*incident)?;
                ensure(!case.status.is_open(), || format!("incident {incident} was opened again while it was open"))?;
                case.status = Status::Triggered;
                case.begins = true;
            }
            T::DuplicateCounted { incident, .. } => self.case(*incident)?.duplicates += 1,
            T::StatusChanged { incident, status } => {
                let case = self.case(*incident)?;
                case.begins |= *status == Status::Triggered && case.status != Status::Triggered;
                case.status = status.clone();
            }
            T::PolicyAssigned { incident, policy } => {
                let case = self.case(*incident)?;
                (case.chain, case.begins) = (policy.clone(), true);
            }
            T::IncidentForgotten { incident } => {
                let case = self.case(*incident)?;
                ensure(!case.status.is_open(), || format!("incident {incident} was forgotten while it was open"))?;
                case.forgotten = true;
                self.alive.remove(incident);
                for id in std::mem::take(&mut self.open) {
                    match self.rows.get_mut(&id) {
                        Some(row) if row.delivery.incident == Some(*incident) => row.end = End::Forgotten,
                        _ => drop(self.open.insert(id)),
                    }
                }
            }
            T::EscalationMoved { .. } => self.moved(transition, context)?,
            T::PeoplePaged { incident, people } => self.paged(*incident, people, context)?,
            T::DeliveryOrdered(delivery) | T::NoticeOrdered { delivery, .. } => self.ordered(delivery)?,
            T::Folded { digest, incident, purpose, .. } => {
                self.digests.entry(*digest).or_default().insert(*incident, *purpose);
            }
            T::Unfolded { digest, incident } => {
                let entries = self.digests.entry(*digest).or_default();
                entries.remove(incident);
                if entries.is_empty() {
                    self.digest_emptied(*digest);
                }
            }
            T::DigestOrdered { digest, delivery } => {
                self.digest_rows.insert(delivery.id, *digest);
                self.ordered(delivery)?;
            }
            T::DeliveryReported { delivery, outcome, .. } => self.reported(*delivery, outcome, context)?,
            T::DeliveryDropped { delivery } => self.dropped(*delivery)?,
            T::SilenceSet(silence) => drop(self.silences.insert(silence.id)),
            T::SilenceForgotten { silence } => drop(self.silences.remove(silence)),
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn case(&mut self, id: IncidentId) -> Result<&mut Case, Broken> {
        self.cases.get_mut(&id).filter(|case| !case.forgotten).ok_or_else(|| format!("there is no incident {id}"))
    }

    /// What keeps a source quiet is there, and says so itself.
    fn suppressed(&self, by: &Suppressor, context: &Context<'_>) -> Fine {
        let now = self.now;
        let fine = match by {
            Suppressor::Page => !context.decision.trace.lines.is_empty(),
            Suppressor::Timeliness => context.says(|b| {
                matches!(
                    b,
                    Because::SpentWithin { .. }
                        | Because::BurnsSlow { .. }
                        | Because::NoTraffic { .. }
                        | Because::HeldUntil { .. }
                )
            }),
            Suppressor::Snooze => context.says(|b| matches!(b, Because::Snoozed { until, .. } if *until > now)),
            Suppressor::Silence(id) => {
                self.silences.contains(id)
                    && context.says(
                        |b| matches!(b, Because::Silenced { silence, until, .. } if silence == id && *until > now),
                    )
            }
            Suppressor::Maintenance { until, .. } => {
                *until > now && context.says(|b| matches!(b, Because::InMaintenance { .. }))
            }
        };
        ensure(fine, || format!("a source is kept quiet by {by:?}, and no rule says so"))
    }

    fn ordered(&mut self, delivery: &Arc<Delivery>) -> Fine {
        let id = delivery.id;
        ensure(id.0 == self.rows.len() as u64 + 1, || format!("{id} is not the next number of a message"))?;
        if let Some(incident) = delivery.incident {
            let case = self.case(incident)?;
            ensure(delivery.purpose != Purpose::Page || case.status == Status::Triggered, || {
                format!("a page of incident {incident} was ordered while it was {}", case.status.as_str())
            })?;
        }
        self.pages += u64::from(delivery.purpose == Purpose::Page);
        self.open.insert(id);
        self.rows.insert(id, Row { delivery: Arc::clone(delivery), end: End::Open });
        Ok(())
    }

    fn reported(&mut self, id: DeliveryId, outcome: &Outcome, context: &Context<'_>) -> Fine {
        let row = self.rows.get_mut(&id).filter(|row| row.end == End::Open);
        let row = row.ok_or_else(|| format!("{id} was reported and is not in the outbox"))?;
        match outcome {
            Outcome::Retry { .. } => {}
            Outcome::Failed { .. } => {
                row.end = End::Failed;
                self.open.remove(&id);
            }
            Outcome::Delivered { .. } => {
                row.end = End::Delivered;
                self.open.remove(&id);
                ensure(context.net.arrivals(id) > 0, || format!("{id} was recorded as delivered and never arrived"))?;
                let one = row.delivery.incident.map(|incident| (incident, row.delivery.purpose));
                let digest = self.digest_rows.get(&id).and_then(|digest| self.digests.get(digest));
                let many = digest.into_iter().flatten().map(|(incident, purpose)| (*incident, *purpose));
                let told: Vec<_> = one.into_iter().chain(many).filter(|(_, purpose)| tells(*purpose)).collect();
                for (incident, _) in told {
                    self.cases.entry(incident).and_modify(|case| case.told = true);
                }
            }
        }
        Ok(())
    }

    /// Everything was taken out of a digest: if it waits to be sent, nobody need be told any more.
    fn digest_emptied(&mut self, digest: DigestId) {
        for (id, _) in self.digest_rows.iter().filter(|(_, of)| **of == digest) {
            if self.open.remove(id)
                && let Some(row) = self.rows.get_mut(id)
            {
                row.end = End::Dropped;
            }
        }
    }

    fn dropped(&mut self, id: DeliveryId) -> Fine {
        let row = self.rows.get_mut(&id).filter(|row| row.end == End::Open);
        let row = row.ok_or_else(|| format!("{id} was dropped and is not in the outbox"))?;
        row.end = End::Dropped;
        self.open.remove(&id);
        ensure(row.delivery.is_page(), || format!("{id} was dropped and is no page"))
    }

    /// A message is about to leave.
    pub fn leaves(&self, sent: &Sent, net: &Net) -> Fine {
        let Sent { delivery: id, incident, purpose, .. } = sent;
        let row = self.rows.get(id).ok_or_else(|| format!("{id} left before its order was on the disk"))?;
        ensure(row.end == End::Open, || format!("{id} was sent after it had left the outbox ({:?})", row.end))?;
        ensure(!net.is_confirmed(*id), || format!("{id} was sent again although callout knew that it had arrived"))?;
        let key = format!("{}-{id}", self.policy.organisation.name);
        ensure(sent.key == key, || format!("{id} was sent under the key {}", sent.key))?;
        if let (Purpose::Page, Some(incident)) = (purpose, incident) {
            let case = self.cases.get(incident).ok_or_else(|| format!("{id} is about an unknown incident"))?;
            let taken = case.status != Status::Triggered || !case.acknowledgements.is_empty();
            ensure(!taken, || {
                format!(
                    "{:?} was paged by {id} about incident {incident} after it was {}",
                    sent.person,
                    case.status.as_str()
                )
            })?;
        }
        Ok(())
    }

    /// What callout knows is what the journal says. Only asked while no decision waits for the disk.
    pub fn compare(&self, state: &State) -> Fine {
        ensure(state.outbox.keys().eq(&self.open), || {
            let only = |these: &BTreeSet<DeliveryId>, those: &BTreeSet<DeliveryId>| {
                these
                    .difference(those)
                    .filter_map(|id| self.rows.get(id))
                    .map(|row| format!("{row:?}"))
                    .collect::<Vec<_>>()
            };
            let there: BTreeSet<DeliveryId> = state.outbox.keys().copied().collect();
            format!(
                "the outbox is not what the journal says; only in memory: {:?}; only in the journal: {:?}",
                only(&there, &self.open),
                only(&self.open, &there)
            )
        })?;
        ensure(state.inbox.is_empty() && self.inbox.is_empty(), || {
            format!(
                "inputs wait although nothing is under way: {:?}",
                state.inbox.keys().chain(self.inbox.keys()).next()
            )
        })?;
        ensure(state.last_incident == self.cases.len() as u64, || {
            "the number of incidents is not what was opened".to_owned()
        })?;
        ensure(state.last_delivery == self.rows.len() as u64, || {
            "the number of messages is not what was ordered".to_owned()
        })?;
        ensure(state.incidents.keys().eq(&self.alive), || {
            "the incidents in memory are not those of the journal".to_owned()
        })?;
        for (id, incident) in &state.incidents {
            let Some(case) = self.cases.get(id) else { continue };
            let same = incident.status == case.status && incident.duplicates == case.duplicates;
            ensure(same, || format!("incident {id} stands as {incident:?}, by the journal as {case:?}"))?;
            self.goes_on(*id, case)?;
        }
        Ok(())
    }

    /// Whether a breach that nobody took on is still being told.
    fn goes_on(&self, id: IncidentId, case: &Case) -> Fine {
        let Some(chain) = case.chain.as_ref().filter(|_| case.status == Status::Triggered) else { return Ok(()) };
        let Some(due) = case.due else {
            return ensure(case.exhausted, || {
                format!("incident {id} is triggered, and no step follows although the chain did not run out")
            });
        };
        let wait = chain.steps.iter().map(|step| step.wait.as_millis()).max().unwrap_or(0);
        let (since, from) = case.waits_since;
        // A silence may have put it off further than any step waits.
        let wait = wait.max(due.since(from).as_millis()).unsigned_abs();
        // A clock that was set back goes on at half speed.
        let patience = 2 * wait + 3 * 60_000;
        ensure(self.clock_ms < since + patience, || {
            format!("incident {id}: the step that was due at {due} did not follow within {} min", patience / 60_000)
        })
    }

    /// At the end, when everything could be sent: whoever opened an incident was told, or it was over before, or every way failed.
    pub fn everybody_was_told(&self) -> Fine {
        for event in self.events.keys() {
            ensure(self.judged.contains(event), || format!("{event:?} was accepted and never judged"))?;
        }
        for (id, case) in &self.cases {
            let one = |row: &Row| row.delivery.incident == Some(*id) && tells(row.delivery.purpose);
            let in_digest = |row: &Row| {
                let digest = self.digest_rows.get(&row.delivery.id).and_then(|digest| self.digests.get(digest));
                digest.is_some_and(|incidents| incidents.contains_key(id))
            };
            let mut rows = self.rows.values().filter(|row| one(row) || in_digest(row));
            let excused = rows.clone().count() > 0 && rows.all(|row| matches!(row.end, End::Failed | End::Dropped));
            ensure(case.told || excused, || {
                format!("incident {id} of team {} was told to nobody: {case:?}", case.team)
            })?;
        }
        let open = self.open.first().and_then(|id| self.rows.get(id));
        ensure(open.is_none(), || format!("a message still waits: {open:?}"))
    }
}

impl Case {
    fn new(key: Name, team: Name, chain: Option<Arc<EscalationPolicy>>, now: (u64, Timestamp)) -> Self {
        Self {
            key,
            team,
            status: Status::Triggered,
            chain,
            pass: 0,
            step: 0,
            due: None,
            exhausted: false,
            duplicates: 0,
            told: false,
            forgotten: false,
            begins: true,
            acknowledgements: BTreeSet::new(),
            waits_since: now,
        }
    }
}

/// An event leads to an incident, or a rule says why not.
fn event_has_a_fate(status: EventStatus, context: &Context<'_>) -> Fine {
    use Transition as T;
    let mut transitions = context.decision.transitions.iter();
    if status == EventStatus::Resolved {
        let over = transitions
            .any(|t| matches!(t, T::AlertEnded { .. } | T::StatusChanged { status: Status::Resolved { .. }, .. }));
        return ensure(over || context.says(|b| matches!(b, Because::EndedNothingOpen)), || {
            "the end of something had no consequence and no reason for that".to_owned()
        });
    }
    let fate = transitions.any(|t| {
        matches!(
            t,
            T::IncidentOpened(_)
                | T::IncidentReopened { .. }
                | T::DuplicateCounted { .. }
                | T::AlertSuppressed { by: Some(_), .. }
                | T::EvaluationHeld { .. }
        )
    });
    ensure(fate, || "an event led neither to an incident nor to a reason why not".to_owned())
}

/// Every change that somebody may ask about comes with its reason.
fn has_reason(transition: &Transition, context: &Context<'_>) -> Fine {
    use Transition as T;
    let lines = &context.decision.trace.lines;
    let about = |incident: &IncidentId, rules: &[RuleKind]| {
        lines.iter().any(|line| line.incident == Some(*incident) && rules.contains(&line.rule))
    };
    let fine = match transition {
        T::IncidentOpened(opening) => {
            let said = |rule| lines.iter().any(|line| line.rule == rule);
            about(&opening.incident, &[RuleKind::Dedup]) && said(RuleKind::Owner) && said(RuleKind::Priority)
        }
        T::IncidentReopened { incident, .. } | T::DuplicateCounted { incident, .. } => {
            about(incident, &[RuleKind::Dedup, RuleKind::Person])
        }
        T::StatusChanged { incident, .. } => about(incident, &[RuleKind::Dedup, RuleKind::Person, RuleKind::Priority])
            // The sender said so with fewer labels than at the beginning.
            || matches!(context.input.as_deref(), Some(Input::Event(event)) if event.status == EventStatus::Resolved),
        T::PriorityChanged { incident, .. } => about(incident, &[RuleKind::Priority, RuleKind::Person]),
        T::PeoplePaged { incident, .. } => about(incident, &[RuleKind::Escalation, RuleKind::Person, RuleKind::Personal]),
        T::AlertSuppressed { by: Some(_), .. } | T::EvaluationHeld { .. } => {
            let quiet = [RuleKind::Timeliness, RuleKind::BurnRate, RuleKind::Snooze, RuleKind::Silence, RuleKind::Maintenance];
            lines.iter().any(|line| quiet.contains(&line.rule))
        }
        T::DeliveryOrdered(row) if row.incident.is_some() => {
            context.says(|b| matches!(b, Because::Ordered { delivery, .. } if *delivery == row.id.0))
        }
        T::DeliveryOrdered(_) | T::AlarmRaised { .. } => context.says(|b| matches!(b, Because::Alarm { .. })),
        T::DeliveryDropped { delivery: id } => {
            context.says(|b| matches!(b, Because::Dropped { delivery, .. } if *delivery == id.0))
        }
        T::DeliveryReported { delivery: id, .. } => context.says(|b| {
            matches!(b, Because::Delivered { delivery, .. } | Because::Retry { delivery, .. } | Because::GaveUp { delivery, .. }
                if *delivery == id.0)
        }),
        T::RefiresCounted(_) => context.says(|b| matches!(b, Because::RefiresCounted { .. })),
        T::SilenceSet(_) | T::SilenceExpired { .. } | T::SeverityChanged { .. } | T::NoteAdded { .. } => {
            lines.iter().any(|line| line.rule == RuleKind::Person)
        }
        _ => true,
    };
    ensure(fine, || format!("no reason is given for {transition:?}"))
}

/// Whether such a message tells somebody of an incident for the first time, or again after it was over.
const fn tells(purpose: Purpose) -> bool {
    matches!(purpose, Purpose::Page | Purpose::Alert | Purpose::Reopened)
}

/// What a failed attempt looks like to callout.
pub fn retry(error: &str, after: Option<std::time::Duration>, whole: bool) -> Sending {
    Sending::Retry { error: error.to_owned(), after, whole_destination: whole }
}
