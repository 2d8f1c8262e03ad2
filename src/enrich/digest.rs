//! What a digest says: its incidents counted as they stand, and the most urgent of them by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::NAME_MAX;
use crate::channel::digest::{NAMED_MAX, Named, Tally};
use crate::channel::text::short;
use crate::domain::IncidentId;
use crate::engine::Policy;
use crate::engine::state::{Incident, Purpose, Status};

/// Counts incidents one by one, so that the state need not be held for all of them.
#[derive(Debug, Default)]
pub struct Gathering {
    tally: Tally,
    priorities: BTreeMap<(u8, String), u64>,
    services: BTreeMap<String, u64>,
    teams: BTreeMap<String, u64>,
    /// The most urgent ones, in order: those that wait for somebody, by rank, by age.
    first: BTreeMap<(bool, u8, IncidentId), Arc<Incident>>,
}

impl Gathering {
    /// Counts an incident.
    pub fn add(&mut self, incident: &Arc<Incident>, purpose: Purpose) {
        let t = &mut self.tally;
        t.incidents += 1;
        t.new += u64::from(matches!(purpose, Purpose::Page | Purpose::Alert | Purpose::Reopened));
        *match incident.status {
            Status::Triggered => &mut t.triggered,
            Status::Acknowledged { .. } => &mut t.acknowledged,
            Status::Snoozed { .. } => &mut t.snoozed,
            Status::Resolved { .. } => &mut t.resolved,
        } += 1;
        let name = |name: Option<&str>| name.map(|name| short(name, NAME_MAX)).unwrap_or_default();
        if incident.status.is_open() {
            *self.priorities.entry((incident.rank, name(incident.priority.as_deref()))).or_default() += 1;
        }
        count(&mut self.services, name(incident.event.service.as_deref()));
        count(&mut self.teams, name(Some(&incident.team)));
        let key = (incident.status != Status::Triggered, incident.rank, incident.id);
        if self.first.len() < NAMED_MAX || self.first.last_key_value().is_some_and(|(last, _)| key < *last) {
            self.first.insert(key, Arc::clone(incident));
            if self.first.len() > NAMED_MAX {
                self.first.pop_last();
            }
        }
    }

    /// Rank of the most urgent incident that waits for somebody.
    #[must_use]
    pub fn rank(&self) -> Option<u8> {
        let ((waits_not, rank, _), _) = self.first.first_key_value()?;
        (!waits_not).then_some(*rank)
    }

    /// The counts and the most urgent incidents; `page` gives the address of an incident's page.
    #[must_use]
    pub fn finish(self, policy: &Policy, page: impl Fn(IncidentId) -> Option<String>) -> (Tally, Vec<Named>) {
        let named = self.first.into_values().map(|incident| Named {
            incident: incident.id,
            priority: incident.priority.as_ref().map(|p| short(p, NAME_MAX)),
            status: incident.status.as_str(),
            headline: super::headline(&incident, policy),
            url: page(incident.id),
        });
        let named = named.collect();
        let tally = Tally {
            priorities: self.priorities.into_iter().map(|((_, name), n)| (name, n)).collect(),
            services: by_frequency(self.services),
            teams: by_frequency(self.teams),
            ..self.tally
        };
        (tally, named)
    }
}

/// Names told apart in a count. Beyond: further ones are counted together, without a name.
pub(super) const COUNTED_NAMES_MAX: usize = 1_000;

fn count(counts: &mut BTreeMap<String, u64>, name: String) {
    if counts.len() < COUNTED_NAMES_MAX || counts.contains_key(&name) {
        *counts.entry(name).or_default() += 1;
    } else {
        *counts.entry(String::new()).or_default() += 1;
    }
}

fn by_frequency(counts: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}
