//! What the present pace means for the rest of the period, and how urgent that is.
//!
//! Source: *Establishing SRE Foundations*, tables 9.5 and 9.6, section 11.2.4; section 3 of the SLO semantics for yellow and red.
//! Absent on purpose: names of priorities. A row of a table is a number from 1, the most urgent; the organisation maps it.

use super::Budget;
use super::exact::Fraction;
use crate::domain::{Ratio, Span};

/// Table 9.5: at most this share left, in hundredths, by row.
const LEFT_ROWS: [(u8, u64); 4] = [(1, 20), (2, 40), (3, 60), (4, 80)];
/// Table 9.6: more than this share of the period's budget, in hundredths, within so many minutes, by row.
const VELOCITY_ROWS: [(u8, u64, i64); 4] = [(1, 75, 5), (2, 50, 10), (3, 25, 15), (4, 25, 20)];

/// A budget and its trend.
#[derive(Debug, Clone, Copy)]
pub struct Trend {
    /// The budget of the period so far.
    pub budget: Budget,
    /// Time since the period began.
    pub elapsed: Span,
    /// Length of the period.
    pub period: Span,
    /// Share of the period's budget that went within `window`.
    pub spent_lately: Ratio,
    /// Window of the trend, such as 24 hours.
    pub window: Span,
}

fn millis(span: Span) -> Ratio {
    Ratio::new(span.as_millis().unsigned_abs(), 1).unwrap_or(Ratio::ZERO)
}

impl Trend {
    /// Hours from the period's beginning to the exhaustion of the budget at this pace; `None` when nothing is being spent, or nothing
    /// is left.
    #[must_use]
    pub fn exhausted_after_hours(&self) -> Option<Ratio> {
        let left = self.budget.spent().complement();
        if left == Ratio::ZERO {
            return None;
        }
        let lasts = left.times(millis(self.window)).over(self.spent_lately)?;
        millis(self.elapsed).plus(lasts).over(millis(Span::from_hours(1)))
    }

    /// Table 9.5: the first row whose share is at or above what is left, if the budget is exhausted strictly before the period's end.
    /// A budget that is exhausted already is row 1, whatever the trend.
    #[must_use]
    pub fn row_by_left(&self) -> Option<u8> {
        if self.elapsed >= self.period {
            return None;
        }
        let left = self.budget.spent().complement();
        if left == Ratio::ZERO {
            return Some(1);
        }
        let end = millis(self.period).over(millis(Span::from_hours(1)))?;
        let is_premature = self.exhausted_after_hours().is_some_and(|hours| hours < end);
        let row = LEFT_ROWS.into_iter().find(|(_, hundredths)| Ratio::new(*hundredths, 100).is_some_and(|s| left <= s));
        row.filter(|_| is_premature).map(|(row, _)| row)
    }
}

/// Table 9.6: the first row of which strictly more than its share of the period's budget went within its minutes.
///
/// `bad_in` counts the bad events of the last so many minutes; `budget_events` is how many bad events the whole period grants.
#[must_use]
pub fn row_by_velocity(bad_in: impl Fn(Span) -> u64, budget_events: Ratio) -> Option<u8> {
    VELOCITY_ROWS.into_iter().find_map(|(row, hundredths, minutes)| {
        let bad = Fraction::new(u128::from(bad_in(Span::from_minutes(minutes))), 1)?;
        (bad > Fraction::product(Ratio::new(hundredths, 100)?, budget_events)).then_some(row)
    })
}

/// Yellow: the pace of the past hour, kept for 24 hours, spends 10 % of the period's budget or more.
#[must_use]
pub fn is_yellow(burn_1h: Ratio, period: Span) -> bool {
    let tenth = Ratio::new(1, 10).unwrap_or(Ratio::ONE);
    share_spent(burn_1h, Span::from_hours(24), period).is_some_and(|share| share >= tenth)
}

/// Red: the pace of the past two hours spends the whole of the period's budget within 3 days or less.
#[must_use]
pub fn is_red(burn_2h: Ratio, period: Span) -> bool {
    share_spent(burn_2h, Span::from_hours(72), period).is_some_and(|share| share >= Ratio::ONE)
}

/// Share of a period's budget that a burn rate, kept for `length`, spends; `None` for a period of nothing.
#[must_use]
pub fn share_spent(burn: Ratio, length: Span, period: Span) -> Option<Ratio> {
    burn.times(millis(length)).over(millis(period))
}

/// Depletion speed: share of the budget by hour. `None` over no time at all (undefined, not infinite).
#[must_use]
pub fn speed_by_hour(spent: Ratio, over: Span) -> Option<Ratio> {
    spent.times(millis(Span::from_hours(1))).over(millis(over))
}

/// The unweighted mean and the highest of some speeds; `None` for none. Exact: round once, when it is written.
#[must_use]
pub fn mean_and_highest(speeds: &[Ratio]) -> Option<(Ratio, Ratio)> {
    let highest = *speeds.iter().max()?;
    let sum = speeds.iter().fold(Ratio::ZERO, |sum, speed| sum.plus(*speed));
    let count = Ratio::new(u64::try_from(speeds.len()).ok()?, 1)?;
    Some((sum.over(count)?, highest))
}
