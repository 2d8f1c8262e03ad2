//! Stand-ins, performed: the part of `evolve` that is about them.

use std::sync::Arc;

use super::{MadeOverride, Rota, SwapStatus};
use crate::domain::{Name, OverrideId, SwapId, Timestamp};
use crate::engine::timers::Timer;
use crate::engine::transition::Transition;
use crate::engine::{Engine, limits};

impl Engine {
    /// The part of `evolve` that changes stand-ins.
    pub(in crate::engine) fn evolve_stand_ins(&mut self, transition: &Transition) {
        use Transition as T;
        match transition {
            T::OverrideMade(made) => self.override_made(made),
            T::OverrideEnded { id, at } => self.override_ended(*id, *at),
            T::OverrideForgotten { id } => {
                if let Some(made) = self.state.stand_ins.overrides.remove(id) {
                    self.schedule_changed(&made.asked.schedule);
                }
            }
            T::SwapOffered(swap) => {
                let made = &mut self.state.stand_ins;
                made.last_swap = made.last_swap.max(swap.id.0);
                made.swaps.insert(swap.id, Arc::new((**swap).clone()));
                self.arm_swap(swap.id);
            }
            T::SwapDeclined { swap, by } => {
                if let Some(known) = self.state.stand_ins.swaps.get_mut(swap) {
                    Arc::make_mut(known).declined.push(by.clone());
                }
            }
            T::SwapSettled { swap, status, overrides } => {
                for made in overrides {
                    self.override_made(made);
                }
                self.swap_settled(*swap, status);
            }
            T::SwapForgotten { swap } => {
                self.state.stand_ins.swaps.remove(swap);
            }
            _ => {}
        }
    }

    fn override_made(&mut self, made: &MadeOverride) {
        let stand_ins = &mut self.state.stand_ins;
        stand_ins.last_override = stand_ins.last_override.max(made.id.0);
        stand_ins.overrides.insert(made.id, Arc::new(made.clone()));
        let until = made.asked.change.end.plus(limits::OVERRIDE_KEPT);
        self.timers.set(Some(until), Timer::Override(made.id));
        self.schedule_changed(&made.asked.schedule);
    }

    /// One that had not begun leaves no trace in the schedule; one that had keeps its part of the past.
    fn override_ended(&mut self, id: OverrideId, at: Timestamp) {
        let Some(known) = self.state.stand_ins.overrides.get_mut(&id) else { return };
        let schedule = known.asked.schedule.clone();
        if at <= known.asked.change.start {
            self.state.stand_ins.overrides.remove(&id);
        } else {
            let change = &mut Arc::make_mut(known).asked.change;
            change.end = change.end.min(at);
            self.timers.set(Some(change.end.plus(limits::OVERRIDE_KEPT)), Timer::Override(id));
        }
        self.schedule_changed(&schedule);
    }

    fn swap_settled(&mut self, id: SwapId, status: &SwapStatus) {
        if let Some(known) = self.state.stand_ins.swaps.get_mut(&id) {
            Arc::make_mut(known).status = status.clone();
            self.arm_swap(id);
        }
    }

    fn arm_swap(&mut self, id: SwapId) {
        let due = self.state.stand_ins.swaps.get(&id).map(|swap| swap.deadline());
        self.timers.set(due, Timer::Swap(id));
    }

    fn schedule_changed(&mut self, name: &Name) {
        let mut rota = Rota::clone(&self.state.rota);
        rota.rebuild(&self.policy, &self.state, name);
        self.state.rota = Arc::new(rota);
    }
}
