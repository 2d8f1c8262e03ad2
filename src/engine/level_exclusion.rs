//! Minutes that leave budgets and burn rates, above and below the line: those under a maintenance that says so, and why.
//!
//! An exclusion is recorded when its window begins, with its reason, and stays although the configuration may change: what was left out is
//! left out. Counts of such minutes go to a history of their own; those that came before the exclusion move there.
//!
//! Source: decision 27 of the SLO semantics. Absent on purpose: a way to take minutes back in.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::input::Actor;
use super::judge::Judge;
use super::levels::{Levels, Series};
use super::limits;
use super::transition::Transition;
use crate::domain::{Name, SeriesKey, Span, Timestamp, minute_end, minute_over};
use crate::rules::{Because, RuleKind};
use crate::slo::Counts;
use crate::slo::history::DAYS_MAX;

/// Minutes that are left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exclusion {
    /// What they are under, for example the name of a maintenance window.
    pub name: Name,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: Actor,
    /// From here on.
    pub from: Timestamp,
    /// Up to here.
    pub to: Timestamp,
    /// Services; empty: all.
    pub services: Vec<Name>,
    /// Environments; empty: all.
    pub environments: Vec<Name>,
}

impl Exclusion {
    /// Whether it is about a series.
    #[must_use]
    pub fn covers(&self, series: &SeriesKey) -> bool {
        let environment = series.environment.as_ref();
        (self.services.is_empty() || self.services.contains(&series.service))
            && (self.environments.is_empty() || environment.is_some_and(|name| self.environments.contains(name)))
    }

    /// Whether it holds a minute, which is stamped at its end.
    const fn holds(&self, minute: i64) -> bool {
        let end = minute_end(minute).as_millis();
        self.from.as_millis() < end && end <= self.to.as_millis()
    }
}

impl Levels {
    /// Whether a minute of a series is left out.
    pub(super) fn is_excluded(&self, series: &SeriesKey, minute: i64) -> bool {
        self.excluded.iter().any(|exclusion| exclusion.holds(minute) && exclusion.covers(series))
    }

    /// How many minutes of `(after, upto]` are left out of a series.
    #[must_use]
    pub fn excluded_minutes(&self, series: &SeriesKey, after: Timestamp, upto: Timestamp) -> u64 {
        let (mut minutes, mut counted) = (0, minute_over(after));
        // In order of their beginnings, so that what overlaps counts once.
        for exclusion in self.excluded.iter().filter(|exclusion| exclusion.covers(series)) {
            let from = minute_over(exclusion.from.max(after)).max(counted);
            let to = minute_over(exclusion.to.min(upto));
            if to > from {
                minutes += (to - from).unsigned_abs();
                counted = to;
            }
        }
        minutes
    }

    /// Leaves minutes out from now on, also those that are known.
    pub(super) fn exclude(&mut self, exclusion: &Exclusion, now: Timestamp) {
        let kept = now.minus(Span::from_hours(24 * DAYS_MAX));
        let known = Arc::make_mut(&mut self.excluded);
        known.retain(|old| old.to > kept);
        if known.len() >= limits::EXCLUSIONS_MAX {
            known.remove(0);
        }
        let at = known.partition_point(|old| old.from <= exclusion.from);
        known.insert(at, exclusion.clone());
        let (first, last) = (minute_over(exclusion.from) + 1, minute_over(exclusion.to.min(now)));
        let mut moved = Vec::new();
        for (number, series) in &mut self.series {
            if !exclusion.covers(&series.key) {
                continue;
            }
            for minute in first..=last {
                let sum = series.history.between(minute_end(minute - 1), minute_end(minute));
                if sum.total > 0 {
                    let counts = Counts { bad: sum.bad, total: sum.total };
                    let series = Arc::make_mut(series);
                    series.history.put(minute, counts, Counts::default());
                    series.left_out.put(minute, Counts::default(), counts);
                    moved.push((*number, minute));
                }
            }
        }
        self.recount(&moved);
    }
}

impl Series {
    /// Puts counts where they belong.
    pub(super) fn put(&mut self, is_excluded: bool, minute: i64, before: Counts, after: Counts) {
        let history = if is_excluded { &mut self.left_out } else { &mut self.history };
        history.put(minute, before, after);
    }
}

impl Judge<'_> {
    /// Records the maintenance windows that began and leave minutes out.
    pub(super) fn exclude_maintenance(&mut self, now: Timestamp) {
        let policy = self.policy();
        for window in &policy.maintenance {
            let Some(reason) = &window.excluded_because else { continue };
            let Some(from) = window.cron.last_at_or_before(now, &window.timezone.tz) else { continue };
            let to = from.plus(window.duration);
            let known = &self.engine.state.levels.excluded;
            let is_known = known.iter().any(|known| known.name == window.name && known.from == from);
            // After a downtime the last window may be over.
            if is_known || to.plus(limits::EXCLUDED_AFTER) <= now {
                continue;
            }
            self.clock(now);
            let exclusion = Exclusion {
                name: window.name.clone(),
                reason: reason.clone(),
                by: Actor::Callout,
                from,
                to,
                services: window.services.clone(),
                environments: window.environments.clone(),
            };
            self.record(Transition::MinutesExcluded(Box::new(exclusion)));
            let (name, reason) = (window.name.clone(), Name::from(reason.as_str()));
            self.say(None, RuleKind::Maintenance, Because::MinutesExcluded { name, from, to, reason });
        }
    }
}
