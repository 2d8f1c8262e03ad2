//! One layer: whether it counts at an instant, in which turn it is, and whom that puts on which role.

use std::sync::Arc;

use super::calendar::Dates;
use super::clock::{Clock, Steady, Wall};
use super::hours::Hours;
use super::people::{People, people};
use super::rotation::Turns;
use super::spec::{Layer, ScheduleSpec};

/// A layer, prepared for questions.
#[derive(Clone, Debug)]
pub(crate) struct LayerPlan {
    clock: Arc<Clock>,
    /// Silent before, in milliseconds since 1970.
    start: i64,
    /// Silent from here on; `i64::MAX` without an end.
    end: i64,
    turns: Turns,
    entries: Vec<People>,
    /// All turns put the same people on call, so that handoffs change nothing.
    alike: bool,
    /// For each role of the schedule its place among the roles that this layer fills.
    places: Vec<Option<usize>>,
    hours: Hours,
    off: Dates,
    only: Option<Dates>,
}

/// What a layer says at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerNow {
    /// The number of the turn; `None`: the layer is silent.
    pub turn: Option<i64>,
    /// While it says the same, if that was asked.
    pub steady: Steady,
}

impl LayerPlan {
    pub fn new(layer: &Layer, schedule: &ScheduleSpec, clock: Arc<Clock>) -> Self {
        let tz = &layer.timezone.as_ref().unwrap_or(&schedule.timezone).tz;
        let entries: Vec<People> = layer.turns.iter().map(|turn| people(turn)).collect();
        let places = if schedule.roles.is_empty() {
            vec![Some(0)]
        } else {
            let filled = layer.roles.as_ref().unwrap_or(&schedule.roles);
            schedule.roles.iter().map(|role| filled.iter().position(|name| name == role)).collect()
        };
        Self {
            start: clock.instant(Wall::from_civil(layer.start)),
            end: layer.end.map_or(i64::MAX, |end| clock.instant(Wall::from_civil(end))),
            turns: Turns::new(&layer.rotation, layer.anchor.unwrap_or(layer.start)),
            alike: entries.windows(2).all(|pair| pair[0] == pair[1]),
            entries,
            places,
            hours: Hours::new(&layer.restrictions),
            off: Dates::new(&layer.exclude_dates, tz),
            only: layer.only_dates.as_ref().map(|dates| Dates::new(dates, tz)),
            clock,
        }
    }

    /// Whether this layer has anything to say about a role (by its number in the schedule).
    pub fn fills(&self, role: usize) -> bool {
        self.place(role).is_some()
    }

    /// Who has a role in a turn; `None` where the layer hides nothing.
    pub fn who(&self, turn: i64, role: usize) -> Option<&People> {
        let count = self.entries.len();
        let place = self.place(role)?;
        let turn = usize::try_from(turn.rem_euclid(i64::try_from(count).ok()?)).ok()?;
        Some(&self.entries[(turn + place) % count]).filter(|people| !people.is_empty())
    }

    /// The layer's place for a role, where it has enough entries: nobody is his own backup.
    fn place(&self, role: usize) -> Option<usize> {
        self.places.get(role).copied().flatten().filter(|place| *place < self.entries.len())
    }

    /// What the layer says at `at`, and, with `EDGES`, while it does so; finding that out is the larger part of the work.
    pub fn look<const EDGES: bool>(&self, at: i64) -> LayerNow {
        let silent = |steady| LayerNow { turn: None, steady };
        if at >= self.end {
            return silent(Steady { since: self.end, until: i64::MAX });
        }
        if at < self.start {
            return silent(Steady { since: i64::MIN, until: self.start });
        }
        let mut steady = Steady { since: self.start, until: self.end };
        let (off, part) = self.off.look(at);
        steady = steady.and(part);
        if off {
            return silent(steady);
        }
        if let Some(only) = &self.only {
            let (on, part) = only.look(at);
            steady = steady.and(part);
            if !on {
                return silent(steady);
            }
        }
        let (inside, part) = self.hours.look::<EDGES>(&self.clock, at);
        steady = steady.and(part);
        if !inside {
            return silent(steady);
        }
        if self.alike {
            return LayerNow { turn: Some(0), steady };
        }
        let turn = self.turns.at(&self.clock, at);
        let part = if EDGES { self.turns.span(&self.clock, turn) } else { Steady::ALWAYS };
        LayerNow { turn: Some(turn.number), steady: steady.and(part) }
    }
}
