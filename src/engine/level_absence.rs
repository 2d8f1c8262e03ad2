//! Rules about what is not there: no samples, and samples of no events. Told apart, since the one is a matter of whoever counts and the
//! other of whoever asks.
//!
//! Source: decisions 9 and 10 of the SLO semantics. Off unless an SLO asks for them. Sums over all environments are left alone: their
//! parts say it.

use super::level_index::Level;
use super::level_judge::Change;
use super::levels::{LevelAlerts, Levels, Scope};
use super::policy::{Absence, Slo};
use crate::domain::{Name, Span, Timestamp, WindowCounts, minute_end};
use crate::rules::{Because, RuleEnd};

/// Name of the rule about samples.
pub const NO_DATA: &str = "no_data";
/// Name of the rule about events.
pub const NO_TRAFFIC: &str = "no_traffic";
/// A source that is silent for so long is taken as gone for good. Beyond: nobody is told of it any more.
pub const ABSENCE_TOLD: Span = Span::from_hours(24 * 7);

impl Slo {
    /// The rule of that name about what is missing.
    #[must_use]
    pub fn absence(&self, rule: &str) -> Option<&Absence> {
        match rule {
            NO_DATA => self.no_data.as_ref(),
            NO_TRAFFIC => self.no_traffic.as_ref(),
            _ => None,
        }
    }

    /// Whether it is to be looked at while nothing happens.
    #[must_use]
    pub const fn watches_absence(&self) -> bool {
        self.no_data.is_some() || self.no_traffic.is_some()
    }
}

/// Whether a rule is about what is missing.
#[must_use]
pub fn is_absence(rule: &str) -> bool {
    rule == NO_DATA || rule == NO_TRAFFIC
}

/// What changed of these rules of a level.
pub(super) fn changes(level: &Level, levels: &Levels, alerts: &LevelAlerts, at: Timestamp) -> Vec<Change> {
    if level.key.scope == Scope::All {
        return Vec::new();
    }
    let Some(newest) = level.newest(levels).map(minute_end) else { return Vec::new() };
    let silent = at.since(newest);
    let mut changes = Vec::new();
    if let Some(rule) = &level.slo.no_data {
        let holds = silent >= rule.after && silent < ABSENCE_TOLD;
        let because = Because::SamplesMissing { rule: Name::const_new(NO_DATA), newest, after: rule.after };
        let end = if silent >= ABSENCE_TOLD { RuleEnd::GaveUp } else { RuleEnd::DataCame };
        changes.extend(change(NO_DATA, rule, holds, because, end, alerts, at));
    }
    if let Some(rule) = &level.slo.no_traffic {
        let window = level.events(levels, at.minus(rule.after), at);
        let is_old = level.first(levels).is_some_and(|first| minute_end(first - 1) <= at.minus(rule.after));
        let holds = is_old && window.minutes > 0 && window.total == 0;
        let because = Because::TrafficMissing {
            rule: Name::const_new(NO_TRAFFIC),
            after: rule.after,
            known_minutes: window.minutes,
        };
        let end = if window.minutes == 0 { RuleEnd::NoData } else { RuleEnd::TrafficCame };
        changes.extend(change(NO_TRAFFIC, rule, holds, because, end, alerts, at));
    }
    changes
}

fn change(
    name: &'static str,
    rule: &Absence,
    holds: bool,
    because: Because,
    end: RuleEnd,
    alerts: &LevelAlerts,
    at: Timestamp,
) -> Option<Change> {
    let before = alerts.get(name).copied().unwrap_or_default();
    let after = before.after(holds, at, Span::ZERO, Span::ZERO);
    let counts = WindowCounts { length: rule.after, good: 0, total: 0 };
    (after != before).then(|| Change {
        rule: Name::const_new(name),
        tier: rule.tier,
        before,
        after,
        long: counts,
        short: counts,
        because,
        end,
        again: false,
    })
}
