//! Schedules as they are in force: those of the configuration, with what people made while callout runs on top.
//!
//! Derived from policy and state, in no snapshot, and built anew for a schedule whenever something about it changes. Whoever asks who is
//! on call asks here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::StandIns;
use crate::domain::Name;
use crate::engine::Policy;
use crate::schedule::{Override, Schedule, merged};

/// The schedules that differ from the configuration.
#[derive(Clone, Debug, Default)]
pub struct Rota {
    changed: BTreeMap<Name, Arc<Schedule>>,
}

impl Rota {
    /// All schedules with all that was made.
    #[must_use]
    pub fn build(policy: &Policy, made: &StandIns) -> Self {
        let mut rota = Self::default();
        let names: std::collections::BTreeSet<&Name> = made.overrides.values().map(|o| &o.asked.schedule).collect();
        for name in names {
            rota.rebuild(policy, made, name);
        }
        rota
    }

    /// Something about a schedule changed.
    pub fn rebuild(&mut self, policy: &Policy, made: &StandIns, name: &Name) {
        let changes: Vec<Override> = made.of(name).map(|made| made.asked.change.clone()).collect();
        match policy.schedules.get(name).filter(|_| !changes.is_empty()) {
            Some(schedule) => {
                let spec = schedule.spec();
                let all = merged(&spec.overrides, &changes, &spec.roles);
                self.changed.insert(name.clone(), Arc::new(schedule.with_overrides(all)));
            }
            None => drop(self.changed.remove(name)),
        }
    }

    /// A schedule as it is in force; `None` for one that is not configured.
    #[must_use]
    pub fn schedule<'a>(&'a self, policy: &'a Policy, name: &str) -> Option<&'a Schedule> {
        self.changed.get(name).map(|schedule| &**schedule).or_else(|| policy.schedules.get(name))
    }
}
