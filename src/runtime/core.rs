//! The pure core as the shard drives it. A trait, so that tests can put something simpler, or something broken, in the engine's place.

use std::sync::Arc;

use crate::domain::{EventId, Seq, Source, Timestamp};
use crate::engine::{Decision, Engine, Input, Policy, State, Timer, Transition};

/// Judges and remembers. See [`Engine`], which is the one real implementation.
pub trait Core: Send + Sync {
    /// Takes in a durable input.
    fn accept(&mut self, seq: Seq, at: Timestamp, input: Arc<Input>);
    /// Judges the input at `seq`, which was accepted.
    fn judge(&mut self, seq: Seq, now: Timestamp) -> Decision;
    /// Judges deadlines that are due.
    fn tick(&mut self, now: Timestamp) -> Option<Decision>;
    /// Performs one recorded transition.
    fn evolve(&mut self, transition: &Transition);
    /// When `tick` may do something.
    fn next_wakeup(&self) -> Option<Timestamp>;
    /// What it knows.
    fn state(&self) -> &State;
    /// Goes by another policy from now on.
    fn set_policy(&mut self, policy: Arc<Policy>);
    /// The event that first carried this idempotency key.
    fn known_idempotency(&self, source: Source, key: &str) -> Option<EventId>;
    /// The deadline that was being judged when a panic came; `None` when it was something else.
    fn deadline_under_way(&self) -> Option<Timer> {
        None
    }
}

/// Makes a core that goes on from a state.
pub type MakeCore = fn(State, Arc<Policy>) -> Box<dyn Core>;

/// Makes the engine.
#[must_use]
pub fn engine(state: State, policy: Arc<Policy>) -> Box<dyn Core> {
    Box::new(Engine::from_state(state, policy))
}

/// What judges in the program: the engine; where it was built with debug assertions, with the fault that a test asks for.
#[must_use]
pub fn in_service() -> MakeCore {
    #[cfg(debug_assertions)]
    if let Some(faulty) = super::fault::wanted() {
        return faulty;
    }
    engine
}

impl Core for Engine {
    fn accept(&mut self, seq: Seq, at: Timestamp, input: Arc<Input>) {
        Self::accept(self, seq, at, input);
    }

    fn judge(&mut self, seq: Seq, now: Timestamp) -> Decision {
        Self::judge(self, seq, now)
    }

    fn tick(&mut self, now: Timestamp) -> Option<Decision> {
        Self::tick(self, now)
    }

    fn evolve(&mut self, transition: &Transition) {
        Self::evolve(self, transition);
    }

    fn next_wakeup(&self) -> Option<Timestamp> {
        Self::next_wakeup(self)
    }

    fn state(&self) -> &State {
        Self::state(self)
    }

    fn deadline_under_way(&self) -> Option<Timer> {
        Self::deadline_under_way(self).cloned()
    }

    fn set_policy(&mut self, policy: Arc<Policy>) {
        Self::set_policy(self, policy);
    }

    fn known_idempotency(&self, source: Source, key: &str) -> Option<EventId> {
        Self::known_idempotency(self, source, key)
    }
}
