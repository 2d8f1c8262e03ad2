//! Handoffs, performed: the part of `evolve` that is about them.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::timers::Timer;
use crate::engine::transition::Transition;

impl Engine {
    /// The part of `evolve` that changes watches and notices.
    pub(in crate::engine) fn evolve_handoff(&mut self, transition: &Transition) {
        use Transition as T;
        match transition {
            T::HandoffWatched { schedule, watch } => {
                self.timers.set(watch.wake, Timer::Handoff(schedule.clone()));
                self.state.handoffs.insert(schedule.clone(), Arc::new((**watch).clone()));
            }
            T::HandoffForgotten { schedule } => drop(self.state.handoffs.remove(schedule)),
            _ => {}
        }
    }
}
