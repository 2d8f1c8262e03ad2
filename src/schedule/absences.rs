//! Turns of people who are absent: the next of their layer who is there steps in, where the schedule says so. Never a hole: where nobody is
//! there, whoever has the turn keeps it.

use std::collections::BTreeMap;

use super::clock::Steady;
use super::people::{Duty, people};
use super::spec::Layer;
use crate::domain::{Name, Timestamp};

/// When people are away, as disjoint half-open intervals in order.
pub type Away = BTreeMap<Name, Vec<(Timestamp, Timestamp)>>;

/// Whether somebody is away at an instant.
#[must_use]
pub fn is_away(away: &Away, person: &Name, at: Timestamp) -> bool {
    away.get(person).is_some_and(|times| {
        let next = times.partition_point(|(_, end)| *end <= at);
        times.get(next).is_some_and(|(start, _)| *start <= at)
    })
}

/// Absences, prepared for questions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Absences {
    away: Away,
    /// Every beginning and end, in order.
    edges: Vec<i64>,
}

impl Absences {
    pub fn new(away: Away) -> Self {
        let times = away.values().flatten();
        let mut edges: Vec<i64> = times.flat_map(|(start, end)| [start.as_millis(), end.as_millis()]).collect();
        edges.sort_unstable();
        edges.dedup();
        Self { away, edges }
    }

    /// Changes what the layers say at `at`; answers while the same people are away.
    pub fn apply(&self, at: i64, duties: &mut [Duty], layers: &[Layer]) -> Steady {
        if self.edges.is_empty() {
            return Steady::ALWAYS;
        }
        let now = Timestamp::from_millis(at);
        for number in 0..duties.len() {
            let Some(layer) = duties[number].layer.and_then(|n| layers.get(n)) else { continue };
            let gone: Vec<Name> =
                duties[number].people.iter().filter(|person| is_away(&self.away, person, now)).cloned().collect();
            for person in gone {
                if let Some(stand_in) = self.next(&person, layer, duties, now) {
                    let duty = &mut duties[number];
                    let names: Vec<Name> = duty
                        .people
                        .iter()
                        .map(|name| if *name == person { stand_in.clone() } else { name.clone() })
                        .collect();
                    duty.people = people(&names);
                    duty.overridden = true;
                }
            }
        }
        let next = self.edges.partition_point(|edge| *edge <= at);
        Steady {
            since: next.checked_sub(1).map_or(i64::MIN, |n| self.edges[n]),
            until: self.edges.get(next).copied().unwrap_or(i64::MAX),
        }
    }

    /// Whoever is listed next behind `person` in the layer, is there, and has nothing else to do.
    fn next(&self, person: &Name, layer: &Layer, duties: &[Duty], now: Timestamp) -> Option<Name> {
        let listed: Vec<&Name> = layer.turns.iter().flatten().collect();
        let place = listed.iter().position(|name| *name == person)?;
        let order = listed[place + 1..].iter().chain(&listed[..place]);
        let busy = |name: &Name| duties.iter().any(|duty| duty.people.contains(name));
        order.into_iter().find(|name| !is_away(&self.away, name, now) && !busy(name)).map(|name| (*name).clone())
    }
}
