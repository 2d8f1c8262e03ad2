//! Who was paged when, by the quarter of an hour: what the load of being on call is made of.
//!
//! Kept by person and team, without zones, so that it is a function of the journal alone; nights and weeks are those of the person and are
//! worked out when somebody asks. It is about how the rota fares, never about how a person does: it is shown added up for a team, and to each
//! person their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::limits;
use crate::domain::{Name, Span, Timestamp};

/// A quarter of an hour, since every zone differs from UTC by a number of these.
pub const SLOT: Span = Span::from_minutes(15);

/// Quarters of an hour since 1970 and how often somebody was paged in each, oldest first.
pub type Pages = Vec<(u32, u32)>;

/// All pages of the last weeks, by team and person.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Load(BTreeMap<(Name, Name), Arc<Pages>>);

impl Load {
    /// A person was paged about an incident of a team.
    pub(crate) fn count(&mut self, team: &Name, person: &Name, now: Timestamp) {
        let pages = Arc::make_mut(self.0.entry((team.clone(), person.clone())).or_default());
        let slot = slot_of(now);
        match pages.last_mut() {
            Some((last, count)) if *last == slot => *count = count.saturating_add(1),
            _ => {
                let oldest = slot_of(now.minus(limits::LOAD_KEPT));
                let gone = pages.partition_point(|(slot, _)| *slot < oldest);
                pages.drain(..gone);
                pages.push((slot, 1));
            }
        }
    }

    /// The pages of each person about a team's incidents.
    pub fn of_team<'a>(&'a self, team: &'a str) -> impl Iterator<Item = (&'a Name, &'a Pages)> {
        let mine = self.0.iter().filter(move |((of, _), _)| of == team);
        mine.map(|((_, person), pages)| (person, &**pages))
    }

    /// The pages of one person, by team.
    pub fn of_person<'a>(&'a self, person: &'a str) -> impl Iterator<Item = (&'a Name, &'a Pages)> {
        let mine = self.0.iter().filter(move |((_, who), _)| who == person);
        mine.map(|((team, _), pages)| (team, &**pages))
    }
}

fn slot_of(at: Timestamp) -> u32 {
    u32::try_from(at.as_millis().div_euclid(SLOT.as_millis()).max(0)).unwrap_or(u32::MAX)
}

/// The beginning of a quarter of an hour.
#[must_use]
pub fn begin_of(slot: u32) -> Timestamp {
    Timestamp::from_millis(i64::from(slot) * SLOT.as_millis())
}
