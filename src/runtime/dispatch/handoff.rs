//! The content of a notice of a handoff, gathered from the state a part at a time, so that the shard never waits long for it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::domain::{IncidentId, Timestamp};
use crate::engine::Policy;
use crate::engine::handoff::Notice as Handoff;
use crate::engine::state::Incident;
use crate::enrich::{self, Found, HANDOFF_NAMED_MAX};
use crate::projection::load::recent;
use crate::runtime::Handle;

/// Incidents looked at under one hold of the read lock.
const LOOKED_AT_PER_LOCK: usize = 4_096;

/// The text of a notice of a handoff, with what is open now.
pub fn handoff(handle: &Handle, policy: &Policy, notice: &Handoff, zone: &str, now: Timestamp) -> String {
    let team = policy.handoffs.get(&notice.schedule).and_then(|rule| rule.team.clone());
    let mut found = team.as_deref().map(|team| open_of(handle, team)).unwrap_or_default();
    if let Some(person) = &notice.person {
        let load = handle.read(|state| state.load.clone());
        found.load = Some(recent(policy, &load, person, now));
    }
    enrich::handoff(notice, policy, &found, zone, now)
}

/// The most urgent open incidents of a team.
fn open_of(handle: &Handle, team: &str) -> Found {
    let mut found = Found::default();
    let mut first: BTreeMap<(u8, IncidentId), Arc<Incident>> = BTreeMap::new();
    let mut from = Bound::Unbounded;
    loop {
        let (part, last) = handle.read(|state| {
            let part = state.incidents.range((from, Bound::Unbounded)).take(LOOKED_AT_PER_LOCK);
            let last = part.clone().last().map(|(id, _)| *id);
            let mine = part.filter(|(_, incident)| incident.team == team && incident.status.is_open());
            (mine.map(|(_, incident)| Arc::clone(incident)).collect::<Vec<_>>(), last)
        });
        for incident in part {
            found.count += 1;
            first.insert((incident.rank, incident.id), incident);
            if first.len() > HANDOFF_NAMED_MAX {
                first.pop_last();
            }
        }
        match last {
            Some(last) => from = Bound::Excluded(last),
            None => break,
        }
    }
    found.open = first.into_values().collect();
    found
}
