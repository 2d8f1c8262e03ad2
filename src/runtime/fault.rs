//! A fault put in on purpose, so that tests of the real program can show what becomes of an input that cannot be judged.
//!
//! Builds without debug assertions have none of this, and the variable means nothing to them.

use std::sync::Arc;

use super::core::{Core, MakeCore};
use crate::domain::{EventId, Seq, Source, Timestamp};
use crate::engine::{Decision, Engine, Input, Policy, State, Timer, Transition};

/// Names the fault: `judge` panics over each event with the label [`LABEL`], in the midst of the change; `die` ends the process instead.
const VARIABLE: &str = "CALLOUT_FAULT";
const LABEL: &str = "callout_fault";

/// The core with the fault that is asked for.
pub fn wanted() -> Option<MakeCore> {
    match std::env::var(VARIABLE).ok()?.as_str() {
        "judge" => Some(|state, policy| Box::new(Faulty { engine: Engine::from_state(state, policy), dies: false })),
        "die" => Some(|state, policy| Box::new(Faulty { engine: Engine::from_state(state, policy), dies: true })),
        _ => None,
    }
}

/// The engine, but for the fault.
struct Faulty {
    engine: Engine,
    dies: bool,
}

impl Core for Faulty {
    fn judge(&mut self, seq: Seq, now: Timestamp) -> Decision {
        let input = self.engine.state().inbox.get(&seq).map(|(_, input)| Arc::clone(input));
        let decision = self.engine.judge(seq, now);
        let marked =
            matches!(input.as_deref(), Some(Input::Event(event)) if event.labels.iter().any(|(name, _)| name == LABEL));
        if marked && self.dies {
            std::process::abort();
        }
        assert!(!marked, "on purpose, as {VARIABLE} asks for");
        decision
    }

    fn accept(&mut self, seq: Seq, at: Timestamp, input: Arc<Input>) {
        self.engine.accept(seq, at, input);
    }

    fn tick(&mut self, now: Timestamp) -> Option<Decision> {
        self.engine.tick(now)
    }

    fn evolve(&mut self, transition: &Transition) {
        self.engine.evolve(transition);
    }

    fn next_wakeup(&self) -> Option<Timestamp> {
        self.engine.next_wakeup()
    }

    fn state(&self) -> &State {
        self.engine.state()
    }

    fn set_policy(&mut self, policy: Arc<Policy>) {
        self.engine.set_policy(policy);
    }

    fn known_idempotency(&self, source: Source, key: &str) -> Option<EventId> {
        self.engine.known_idempotency(source, key)
    }

    fn deadline_under_way(&self) -> Option<Timer> {
        self.engine.deadline_under_way().cloned()
    }
}
