//! Defects that are put in on purpose, to prove that the simulator would find them. They sit behind the seams that callout has anyway (the
//! disk, the journal, the judging core, the channels), so production code knows nothing of them and one build tries them all.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use callout::domain::{DeliveryId, EventId, Name, Seq, Source, Timestamp};
use callout::engine::state::{Delivery, Purpose, Recipient, Status};
use callout::engine::{Decision, Engine, Input, Policy, State, Transition};
use callout::rules::{Because, RuleKind};
use callout::runtime::Core;

macro_rules! defects {
    ($($(#[doc = $doc:literal])+ $name:ident,)*) => {
        /// One thing that is wrong.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Defect { $($(#[doc = $doc])+ $name,)* }

        /// All of them, each with what is wrong.
        pub const DEFECTS: &[(Defect, &str)] = &[$((Defect::$name, concat!($($doc),+)),)*];
    };
}

defects! {
    /// A commit counts before it is synced.
    ForgetSync,
    /// Names of new files are never made durable.
    ForgetDirectorySync,
    /// An error of the disk is taken for success.
    IgnoreDiskErrors,
    /// A request is answered before its commit is written.
    AnswerBeforeSync,
    /// A commit that failed is taken for one that did not.
    IgnoreFailedCommit,
    /// A snapshot lacks the outbox.
    SnapshotWithoutOutbox,
    /// A decision does not say which input it is about, so that it is judged again after a restart.
    LoseCursor,
    /// Messages leave before the decision that ordered them is on the disk.
    ReleaseBeforeCommit,
    /// A message is handed to the dispatcher again while it may be under way.
    ReleaseTwice,
    /// The wait of a step ends and nothing follows.
    SkipTimer,
    /// Nothing wakes the loop when a deadline is due.
    NeverWake,
    /// A step is left out.
    SkipStep,
    /// A new configuration changes the steps of an open incident.
    ChangeStepsOnReload,
    /// An acknowledgement is taken and forgotten.
    ForgetAcknowledgement,
    /// A person is paged once more after the acknowledgement.
    PageAfterAcknowledgement,
    /// Pages that wait are sent although the incident was acknowledged.
    KeepPagesAfterAcknowledgement,
    /// After a restart an acknowledged incident counts as triggered.
    ForgetAcknowledgementAtRestart,
    /// Whoever was on call before is paged.
    PagePreviousOnCall,
    /// An order for a message is lost.
    LoseOrder,
    /// What became of a message is lost.
    LoseReport,
    /// What failed is reported as delivered.
    ReportFailureAsDelivered,
    /// A decision comes without its reasons.
    ForgetTrace,
    /// Repeats are not counted.
    ForgetDuplicate,
    /// A repeat of an open incident opens another.
    OpenTwice,
    /// A sender's repeated request counts as new.
    ForgetIdempotency,
    /// A breach is kept quiet without a rule that says so.
    SuppressSilently,
}

thread_local! {
    /// A simulation runs on one thread, with at most one defect.
    static ACTIVE: Cell<Option<Defect>> = const { Cell::new(None) };
    /// Messages that leave too early.
    static EARLY: RefCell<Vec<Arc<Delivery>>> = const { RefCell::new(Vec::new()) };
}

/// Puts a defect in, for simulations on this thread.
pub fn put_in(defect: Option<Defect>) {
    ACTIVE.set(defect);
    EARLY.take();
}

/// What is wrong on this thread.
pub fn active() -> Option<Defect> {
    ACTIVE.get()
}

/// Messages that a defect lets out before their time.
pub fn early() -> Vec<Arc<Delivery>> {
    EARLY.take()
}

/// Makes the engine, with the defect of this thread.
pub fn core(state: State, policy: Arc<Policy>) -> Box<dyn Core> {
    let engine = Engine::from_state(state, policy);
    match active() {
        Some(defect) => Box::new(Defective { engine, defect }),
        None => Box::new(engine),
    }
}

/// The engine with something wrong in its decisions.
struct Defective {
    engine: Engine,
    defect: Defect,
}

impl Defective {
    /// Makes a decision, alters it, and goes on from the state that the altered one leads to.
    fn decide(&mut self, decide: impl FnOnce(&mut Engine) -> Option<Decision>) -> Option<Decision> {
        let (mut before, policy) = (self.engine.state().clone(), Arc::clone(self.engine.policy()));
        if self.defect == Defect::OpenTwice {
            before.by_key.clear();
            self.engine = Engine::from_state(before.clone(), Arc::clone(&policy));
        }
        let decision = decide(&mut self.engine)?;
        let altered = alter(self.defect, decision.clone(), &policy, self.engine.state());
        if altered != decision {
            self.engine = Engine::from_state(before, policy);
            altered.transitions.iter().for_each(|transition| self.engine.evolve(transition));
        }
        if self.defect == Defect::ReleaseBeforeCommit {
            let orders = altered.transitions.iter().filter_map(|transition| match transition {
                Transition::DeliveryOrdered(row) => Some(Arc::clone(row)),
                _ => None,
            });
            EARLY.with_borrow_mut(|early| early.extend(orders));
        }
        Some(altered)
    }
}

fn alter(defect: Defect, mut decision: Decision, policy: &Policy, state: &State) -> Decision {
    use Transition as T;
    let acknowledged = decision.transitions.iter().find_map(|transition| match transition {
        T::StatusChanged { incident, status: Status::Acknowledged { .. } } => Some(*incident),
        _ => None,
    });
    match defect {
        Defect::LoseCursor => decision.transitions.retain(|t| !matches!(t, T::Judged { .. })),
        Defect::LoseOrder => {
            decision.transitions.retain(|t| !matches!(t, T::DeliveryOrdered(row) if row.id.0 % 4 == 3));
        }
        Defect::LoseReport => {
            decision.transitions.retain(|t| !matches!(t, T::DeliveryReported { delivery, .. } if delivery.0 % 4 == 3));
        }
        Defect::ForgetDuplicate => decision.transitions.retain(|t| !matches!(t, T::DuplicateCounted { .. })),
        Defect::ForgetTrace => decision.trace.lines.clear(),
        Defect::SkipTimer => {
            for transition in &mut decision.transitions {
                if let T::EscalationMoved { step: 1.., due, .. } = transition {
                    *due = None;
                }
            }
        }
        Defect::SkipStep => {
            for transition in &mut decision.transitions {
                if let T::EscalationMoved { step, due: Some(_), .. } = transition
                    && *step == 1
                {
                    *step = 2;
                }
            }
        }
        Defect::ForgetAcknowledgement if acknowledged.is_some() => {
            decision.transitions.retain(|t| matches!(t, T::Judged { .. } | T::ClockAdvanced { .. }));
        }
        Defect::KeepPagesAfterAcknowledgement if acknowledged.is_some() => {
            decision.transitions.retain(|t| !matches!(t, T::DeliveryDropped { .. }));
        }
        Defect::PageAfterAcknowledgement => {
            let incident = acknowledged.and_then(|id| state.incidents.get(&id));
            let person = incident.and_then(|incident| incident.paged.first());
            let contact = person.and_then(|person| policy.people.get(person)?.contacts.first());
            if let (Some(incident), Some(person), Some(contact)) = (incident, person, contact) {
                let id = DeliveryId(state.last_delivery + 1);
                let to = Recipient::Person { person: person.clone(), channel: contact.channel.clone() };
                let what = Name::const_new("page");
                let because = Because::Ordered { delivery: id.0, what, to: Name::from(to.to_string()) };
                decision.trace.say(Some(incident.id), RuleKind::Delivery, because);
                decision.transitions.push(T::DeliveryOrdered(Arc::new(Delivery {
                    id,
                    incident: Some(incident.id),
                    to,
                    purpose: Purpose::Page,
                    rank: incident.rank,
                    ordered_at: state.now,
                    expires_at: None,
                    attempts: 0,
                    text: "once more".to_owned(),
                    follows: None,
                    fallbacks: 0,
                })));
            }
        }
        Defect::PagePreviousOnCall => page_previous(&mut decision, policy),
        Defect::SuppressSilently => {
            let opened = decision.transitions.iter().find_map(|t| match t {
                T::IncidentOpened(opening) if opening.incident.0 % 3 == 0 => Some(opening.fingerprint),
                _ => None,
            });
            if let Some(fingerprint) = opened {
                decision
                    .transitions
                    .retain(|t| matches!(t, T::Judged { .. } | T::ClockAdvanced { .. } | T::AlertFiring { .. }));
                let by = Some(callout::engine::transition::Suppressor::Snooze);
                let last = decision.transitions.len() - 1;
                decision.transitions.insert(last, T::AlertSuppressed { fingerprint, by });
                decision.trace.lines.retain(|line| line.rule == RuleKind::Owner);
            }
        }
        _ => {}
    }
    decision
}

/// In place of those on call those who were before, where a step asks a schedule.
fn page_previous(decision: &mut Decision, policy: &Policy) {
    let on_call = decision.trace.lines.iter().find_map(|line| match &line.because {
        Because::OnCall { schedule, role, users, since: Some(since), .. } => {
            let before = Timestamp::from_millis(since.as_millis() - 1);
            let answer = policy.schedules.get(schedule)?.answer(role.as_deref(), before);
            Some((users.first()?.clone(), answer.users.first()?.clone()))
        }
        _ => None,
    });
    let Some((current, previous)) = on_call.filter(|(current, previous)| current != previous) else { return };
    let Some(contact) = policy.people.get(&previous).and_then(|person| person.contacts.first()) else { return };
    for transition in &mut decision.transitions {
        match transition {
            Transition::PeoplePaged { people, .. } => {
                people.iter_mut().filter(|person| **person == current).for_each(|person| person.clone_from(&previous));
            }
            Transition::DeliveryOrdered(row) => {
                if let Recipient::Person { person, channel } = &mut Arc::make_mut(row).to
                    && *person == current
                {
                    person.clone_from(&previous);
                    channel.clone_from(&contact.channel);
                }
            }
            _ => {}
        }
    }
}

/// Takes over the steps of the policy in force, as no reload may.
fn change_steps(state: &mut State, policy: &Policy) {
    for incident in state.incidents.values_mut() {
        let incident = Arc::make_mut(incident);
        if let Some(escalation) = &mut incident.escalation
            && let Some(new) = policy.escalations.get(&escalation.policy.name)
        {
            escalation.policy = Arc::clone(new);
        }
    }
}

impl Core for Defective {
    fn accept(&mut self, seq: Seq, at: Timestamp, input: Arc<Input>) {
        self.engine.accept(seq, at, input);
    }

    fn judge(&mut self, seq: Seq, now: Timestamp) -> Decision {
        let judged = self.decide(|engine| Some(engine.judge(seq, now)));
        judged.unwrap_or_default()
    }

    fn tick(&mut self, now: Timestamp) -> Option<Decision> {
        if self.defect == Defect::NeverWake {
            return None;
        }
        self.decide(|engine| engine.tick(now))
    }

    fn evolve(&mut self, transition: &Transition) {
        let acknowledged = matches!(transition, Transition::StatusChanged { status: Status::Acknowledged { .. }, .. });
        if !(acknowledged && self.defect == Defect::ForgetAcknowledgementAtRestart) {
            self.engine.evolve(transition);
        }
    }

    fn next_wakeup(&self) -> Option<Timestamp> {
        self.engine.next_wakeup().filter(|_| self.defect != Defect::NeverWake)
    }

    fn state(&self) -> &State {
        self.engine.state()
    }

    fn set_policy(&mut self, policy: Arc<Policy>) {
        if self.defect == Defect::ChangeStepsOnReload {
            let mut state = self.engine.state().clone();
            change_steps(&mut state, &policy);
            self.engine = Engine::from_state(state, policy);
        } else {
            self.engine.set_policy(policy);
        }
    }

    fn known_idempotency(&self, source: Source, key: &str) -> Option<EventId> {
        if self.defect == Defect::ForgetIdempotency { None } else { self.engine.known_idempotency(source, key) }
    }
}
