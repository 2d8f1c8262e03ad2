//! Schedules as they are in force: those of the configuration, with what people made while callout runs, and with what calendars say.
//!
//! Derived from policy and state, in no snapshot, and built anew for a schedule whenever something about it changes. Whoever asks who is
//! on call asks here.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::Name;
use crate::engine::{Policy, State};
use crate::schedule::{Away, Override, Schedule, WhenAbsent, merged};

/// The schedules that differ from the configuration.
#[derive(Clone, Debug, Default)]
pub struct Rota {
    changed: BTreeMap<Name, Arc<Schedule>>,
    away: Arc<Away>,
}

impl Rota {
    /// All schedules with all that was made and read.
    #[must_use]
    pub fn build(policy: &Policy, state: &State) -> Self {
        let mut rota = Self { changed: BTreeMap::new(), away: Arc::new(state.absences.away(policy)) };
        for name in policy.schedules.keys() {
            rota.rebuild(policy, state, name);
        }
        rota
    }

    /// Something about a schedule changed.
    pub fn rebuild(&mut self, policy: &Policy, state: &State, name: &Name) {
        let Some(schedule) = policy.schedules.get(name) else {
            self.changed.remove(name);
            return;
        };
        let spec = schedule.spec();
        let mut now: Option<Schedule> = None;
        if spec.live.off.iter().any(|(_, calendar)| !state.absences.days(calendar).is_empty()) {
            now = Some(schedule.with_days_off(|calendar| state.absences.days(calendar)));
        }
        if spec.live.absent == WhenAbsent::Next && !self.away.is_empty() {
            now = Some(now.as_ref().unwrap_or(schedule).with_absences((*self.away).clone()));
        }
        let changes: Vec<Override> = state.stand_ins.of(name).map(|made| made.asked.change.clone()).collect();
        if !changes.is_empty() {
            let all = merged(&spec.overrides, &changes, &spec.roles);
            now = Some(now.as_ref().unwrap_or(schedule).with_overrides(all));
        }
        match now {
            Some(schedule) => drop(self.changed.insert(name.clone(), Arc::new(schedule))),
            None => drop(self.changed.remove(name)),
        }
    }

    /// A schedule as it is in force; `None` for one that is not configured.
    #[must_use]
    pub fn schedule<'a>(&'a self, policy: &'a Policy, name: &str) -> Option<&'a Schedule> {
        self.changed.get(name).map(|schedule| &**schedule).or_else(|| policy.schedules.get(name))
    }

    /// When people are away, as their calendars say.
    #[must_use]
    pub fn away(&self) -> &Away {
        &self.away
    }
}
