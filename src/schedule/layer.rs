//! One layer: whether it counts at an instant, in which turn it is, and whom that puts on which role.

use std::sync::Arc;

use super::calendar::Dates;
use super::clock::{Clock, Wall};
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
    steady: bool,
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
    /// It says the same at least until this instant, which is later than the one asked about.
    pub until: i64,
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
            steady: entries.windows(2).all(|pair| pair[0] == pair[1]),
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

    /// What the layer says at `at`.
    pub fn look(&self, at: i64) -> LayerNow {
        let silent = |until| LayerNow { turn: None, until };
        if at < self.start {
            return silent(self.start);
        }
        if at >= self.end || self.entries.is_empty() {
            return silent(i64::MAX);
        }
        let mut until = self.end;
        let (off, off_until) = self.off.look(at);
        if off {
            return silent(until.min(off_until));
        }
        until = until.min(off_until);
        if let Some(only) = &self.only {
            let (on, on_until) = only.look(at);
            if !on {
                return silent(until.min(on_until));
            }
            until = until.min(on_until);
        }
        let Some(hours_until) = self.hours.inside_until(&self.clock, at) else {
            return silent(until.min(self.hours.closed_until(&self.clock, at)));
        };
        until = until.min(hours_until);
        if self.steady {
            return LayerNow { turn: Some(0), until };
        }
        let turn = self.turns.at(&self.clock, at);
        LayerNow { turn: Some(turn.number), until: until.min(self.turns.end_of(&self.clock, turn)) }
    }
}
