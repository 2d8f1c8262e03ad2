//! What a budget period has cost so far, against what the whole period grants.
//!
//! The grant is fixed when a period begins: (1 - objective) of the events that are expected in it. Without a declared number the pace so
//! far is taken as that of the whole period, so that one failure in the first ten requests of a month is not 100 budgets. When the
//! period is complete, both readings agree. Source: *Establishing SRE Foundations*, sections 10.2 and 11.2; section 2 of the SLO semantics.
//!
//! Absent on purpose: rounding, and percent.

use super::{Budget, WindowSum};
use crate::domain::{Ratio, Span, Timestamp};

/// The account of one budget period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// When the period began; for a rolling one, its length ago.
    pub start: Timestamp,
    /// When it ends; for a rolling one, now.
    pub end: Timestamp,
    /// Since when counts are known, not before `start`.
    pub known_since: Timestamp,
    /// Now.
    pub at: Timestamp,
    /// What was counted.
    pub sum: WindowSum,
    /// Objective.
    pub objective: Ratio,
    /// Length of the period.
    pub period: Span,
    /// Events expected in the whole period, where they are declared.
    pub expected: Option<u64>,
}

impl Account {
    /// The share of the period's grant that was spent; `None` without traffic or without a budget.
    #[must_use]
    pub fn spent(&self) -> Option<Ratio> {
        if let Some(expected) = self.expected {
            return Ratio::new(self.sum.bad, expected)?.over(self.objective.complement());
        }
        let known = self.at.since(self.known_since).as_millis().unsigned_abs();
        let share = Ratio::new(known, self.period.as_millis().unsigned_abs())?;
        let spent = self.sum.burn(self.objective)?;
        Some(if share < Ratio::ONE { spent.times(share) } else { spent })
    }

    /// The share of the period's grant that so many bad events are; `None` where the grant is not known.
    #[must_use]
    pub fn share(&self, bad: u64) -> Option<Ratio> {
        if bad == 0 {
            return Some(Ratio::ZERO);
        }
        Ratio::new(bad, 1)?.over(self.budget_events()?)
    }

    /// How many bad events the whole period grants.
    #[must_use]
    pub fn budget_events(&self) -> Option<Ratio> {
        let budget = self.objective.complement();
        if let Some(expected) = self.expected {
            return Some(Ratio::new(expected, 1)?.times(budget));
        }
        let known = self.at.since(self.known_since).min(self.period).as_millis().unsigned_abs();
        let pace = Ratio::new(self.period.as_millis().unsigned_abs(), known)?;
        Some(Ratio::new(self.sum.total, 1)?.times(pace).times(budget))
    }

    /// The same against the events so far; what a query over a metrics database shows. Swings wildly while a period is young.
    #[must_use]
    pub fn spent_so_far(&self) -> Option<Ratio> {
        self.sum.burn(self.objective)
    }

    /// The budget by the grant. Nothing was spent of it without traffic; `None` where the objective leaves none.
    #[must_use]
    pub fn budget(&self) -> Option<Budget> {
        if self.objective >= Ratio::ONE {
            return None;
        }
        Some(Budget::from_spent(self.spent().unwrap_or(Ratio::ZERO)))
    }

    /// How long until nothing is left when it goes on burning like this; `None` when nothing burns or nothing is left.
    #[must_use]
    pub fn lasts(&self, burn: Ratio) -> Option<Span> {
        let left = self.budget()?.spent().complement();
        if left == Ratio::ZERO {
            return None;
        }
        let millis = left.times(Ratio::new(self.period.as_millis().unsigned_abs(), 1)?).over(burn)?;
        Some(Span::from_millis(i64::try_from(millis.num() / millis.den()).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(bad: u64, total: u64, known_hours: i64) -> Account {
        let at = Timestamp::from_seconds(1_800_000_000);
        let period = Span::from_hours(30 * 24);
        Account {
            start: at.minus(period),
            end: at,
            known_since: at.minus(Span::from_hours(known_hours)),
            at,
            sum: WindowSum { bad, total, minutes: 60 },
            objective: Ratio::parse_percent("99.9").unwrap(),
            period,
            expected: None,
        }
    }

    #[test]
    fn a_young_period_is_measured_against_its_whole_grant() {
        // One failure in ten requests of the first hour: a hundred times the budget of that hour, 13.9 % of that of 30 days.
        let young = account(1, 10, 1);
        assert_eq!(young.spent_so_far().unwrap().percent(0), "10000%");
        assert_eq!(young.spent().unwrap().percent(1), "13.9%");
        assert_eq!(young.budget().unwrap().remaining_percent(1), "86.1%");
        let whole = account(5, 10_000, 720);
        assert_eq!(whole.spent(), whole.spent_so_far());
        assert_eq!(young.share(1), young.spent(), "all that was bad is what was spent");
        assert_eq!(Account { expected: Some(20_000), ..whole }.budget().unwrap().remaining_percent(1), "75%");
        assert_eq!(account(0, 0, 1).budget().unwrap().remaining_percent(1), "100%");
    }

    #[test]
    fn what_is_left_lasts_by_the_burn_rate() {
        // Half of 30 days' budget at 14.4 times the budget: 25 hours.
        assert_eq!(account(5, 10_000, 720).lasts(Ratio::parse("14.4").unwrap()), Some(Span::from_hours(25)));
        assert_eq!(account(5, 10_000, 720).lasts(Ratio::ZERO), None);
        assert_eq!(account(10, 10_000, 720).lasts(Ratio::ONE), None, "nothing is left");
    }
}
