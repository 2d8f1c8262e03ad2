//! The engine: all of the judgement. Given its state, the policy, one input and the time, it says what follows.
//!
//! Absent on purpose: clocks, I/O, randomness, async, logging, hash maps. Judging never changes state but through `evolve`;
//! `evolve` performs one recorded transition and never judges. Recovery replays transitions only.

pub mod absence;
pub mod calendar;
mod command;
pub mod contact;
pub mod counters;
mod delivery;
pub mod digest;
mod escalation;
mod evolve;
pub mod handoff;
mod incident;
pub mod input;
mod judge;
pub mod level_absence;
pub mod level_budget;
pub mod level_event;
pub mod level_exclusion;
pub mod level_index;
mod level_judge;
pub mod level_slices;
pub mod levels;
pub mod limits;
pub mod load;
pub mod notice;
pub mod personal;
pub mod policy;
pub mod quiet;
pub mod response;
pub mod room;
pub mod silver_bullet;
pub mod stand_in;
pub mod state;
mod timers;
pub mod trace;
pub mod transition;

#[cfg(test)]
mod level_rule_tests;
#[cfg(test)]
mod level_tests;
#[cfg(test)]
mod limit_tests;
#[cfg(test)]
mod room_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use input::{Act, Actor, Command, DeliveryReport, Input, Outcome, Receipt, Refire, Verb};
pub use policy::Policy;
pub use state::State;
pub use timers::Timer;
pub use trace::{Trace, TraceLine};
pub use transition::{Decision, Transition};

use crate::domain::{EventId, Seq, Source, Timestamp};
use crate::rules::silence::SilenceTable;
use judge::Judge;
use timers::Timers;

/// State, policy and what is derived from them.
#[derive(Debug)]
pub struct Engine {
    state: State,
    policy: Arc<Policy>,
    timers: Timers,
    /// The deadline that is being judged. Set and cleared around it, so that a panic tells which it was.
    under_way: Option<Timer>,
    silences: SilenceTable,
    /// Idempotency keys in order of time.
    idempotency_by_age: BTreeSet<(Timestamp, u128)>,
    /// Which service levels are to be judged.
    round: level_judge::Round,
}

impl Engine {
    /// An engine that knows nothing yet.
    #[must_use]
    pub fn new(policy: Arc<Policy>) -> Self {
        Self::from_state(State::default(), policy)
    }

    /// An engine that goes on from a snapshot. What is derived is built anew.
    #[must_use]
    pub fn from_state(mut state: State, policy: Arc<Policy>) -> Self {
        state.levels.index_by(&policy);
        state.rota = Arc::new(stand_in::Rota::build(&policy, &state));
        let timers = Timers::rebuild(&state);
        let mut silences = SilenceTable::default();
        for silence in state.silences.values() {
            silences.insert(silence);
        }
        let idempotency_by_age = state.idempotency.iter().map(|(hash, (_, at))| (*at, *hash)).collect();
        Self {
            state,
            policy,
            timers,
            under_way: None,
            silences,
            idempotency_by_age,
            round: level_judge::Round::default(),
        }
    }

    /// What it knows.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The deadline that was being judged when a panic came.
    #[must_use]
    pub const fn deadline_under_way(&self) -> Option<&Timer> {
        self.under_way.as_ref()
    }

    /// What it goes by.
    #[must_use]
    pub const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Goes by another policy from now on. Open incidents keep the steps they began with.
    pub fn set_policy(&mut self, policy: Arc<Policy>) {
        self.state.levels.index_by(&policy);
        self.round = level_judge::Round::default();
        self.state.rota = Arc::new(stand_in::Rota::build(&policy, &self.state));
        self.policy = policy;
    }

    /// Takes in a durable input. It waits in the inbox, which is part of the state, until it is judged.
    pub fn accept(&mut self, seq: Seq, at: Timestamp, input: Arc<Input>) {
        if let Input::Event(event) = &*input
            && let Some(key) = &event.idempotency
        {
            let hash = idempotency_hash(event.source, key);
            self.state.idempotency.insert(hash, (EventId(seq.0), at));
            self.idempotency_by_age.insert((at, hash));
            self.timers.set(Some(at.plus(limits::IDEMPOTENCY_KEPT)), timers::Timer::Idempotency);
        }
        self.state.inbox.insert(seq, (at, input));
    }

    /// The event that first carried this idempotency key, if it is still known.
    #[must_use]
    pub fn known_idempotency(&self, source: Source, key: &str) -> Option<EventId> {
        self.state.idempotency.get(&idempotency_hash(source, key)).map(|(event, _)| *event)
    }

    /// Judges the input at `seq`, which must be in the inbox, at `now` (or at engine time, where that is later). Deadlines before
    /// `now` are judged first, each at its own time; those at `now` come after the input, so that an acknowledgement in the very
    /// moment a step is due wins.
    pub fn judge(&mut self, seq: Seq, now: Timestamp) -> Decision {
        let mut judge = Judge::new(self);
        judge.deadlines(now, false, usize::MAX);
        judge.clock(now);
        judge.input(seq);
        judge.finish()
    }

    /// Judges the earliest deadlines, if they are due at `now`: all of one moment, at that moment, at most
    /// [`limits::TIMERS_PER_TICK`] of them; when none are, service levels, at most [`limits::LEVELS_PER_TICK`]. `None` when nothing came of any that is due. To be called until
    /// [`Engine::next_wakeup`] is later than `now`; the decision's time is then [`State::now`].
    pub fn tick(&mut self, now: Timestamp) -> Option<Decision> {
        for _ in 0..limits::STALE_TIMERS_PER_TICK {
            let Some(at) = self.timers.next().filter(|at| *at <= now) else { break };
            let mut judge = Judge::new(self);
            judge.deadlines(at, true, limits::TIMERS_PER_TICK);
            let decision = judge.finish();
            if !decision.transitions.is_empty() {
                return Some(decision);
            }
        }
        let mut judge = Judge::new(self);
        judge.levels_due(now);
        let decision = judge.finish();
        (!decision.transitions.is_empty()).then_some(decision)
    }

    /// Earliest time at which `tick` may do something. Spurious ticks do nothing.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let levels = self.round.due(&self.state.levels);
        self.timers.next().into_iter().chain(levels).min()
    }
}

/// Key of the idempotency table: 128 bits over the dialect and the sender's text.
#[must_use]
pub fn idempotency_hash(source: Source, key: &str) -> u128 {
    let mut hasher = xxhash_rust::xxh3::Xxh3Default::new();
    hasher.update(&[source as u8]);
    hasher.update(key.as_bytes());
    hasher.digest128()
}
