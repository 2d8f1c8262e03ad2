//! Burn-rate alerts over a history: pairs of windows, and the states that an alert goes through.
//!
//! Source: *The Site Reliability Workbook*, chapter 5; Prometheus' `for` and `keep_firing_for`; decisions 4 to 8 and 24, section 4 of
//! the SLO semantics. Absent on purpose: notifications. A state says whether the alert fires, not who hears of it.

use serde::{Deserialize, Serialize};

use super::History;
use crate::domain::{Ratio, Span, Timestamp};

/// Whether both windows of a pair burn strictly faster than `factor` at `at`.
#[must_use]
pub fn is_fast(minutes: &History, at: Timestamp, factor: Ratio, long: Span, short: Span, objective: Ratio) -> bool {
    [long, short].into_iter().all(|window| minutes.sum(at, window).burns_above(factor, objective))
}

/// The factor at which `share` of the budget of a `period` goes within `long`: 2 % of 30 days in an hour is 14.4. `None` when `long`
/// is nothing.
#[must_use]
pub fn factor_of_share(share: Ratio, period: Span, long: Span) -> Option<Ratio> {
    let lengths = Ratio::new(period.as_millis().unsigned_abs(), long.as_millis().unsigned_abs())?;
    Some(share.times(lengths))
}

/// The fastest possible burn, with everything failing; `None` where the objective leaves no budget.
#[must_use]
pub fn fastest(objective: Ratio) -> Option<Ratio> {
    Ratio::ONE.over(objective.complement())
}

/// Whether a pair with this factor can ever fire. At the fastest possible burn itself it cannot, since it must be exceeded.
#[must_use]
pub fn can_fire(factor: Ratio, objective: Ratio) -> bool {
    fastest(objective).is_some_and(|fastest| factor < fastest)
}

/// State of an alert from one evaluation to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AlertState {
    /// The condition does not hold.
    #[default]
    Inactive,
    /// It holds since then, not long enough yet.
    Pending {
        /// First evaluation at which it held.
        since: Timestamp,
    },
    /// It held for long enough.
    Firing {
        /// First evaluation at which it fired.
        since: Timestamp,
        /// First evaluation at which the condition no longer held, while it is kept firing.
        clear_since: Option<Timestamp>,
    },
}

impl AlertState {
    /// The state after an evaluation at `now`.
    ///
    /// It fires once the condition held for `hold` (`for`; none: at once), and one evaluation without it while pending begins anew.
    /// It ends at the first evaluation without the condition that is `keep` (`keep_firing_for`) or more after the first such one.
    #[must_use]
    pub fn after(self, condition: bool, now: Timestamp, hold: Span, keep: Span) -> Self {
        let once_true = |since: Timestamp| {
            let is_long = now.since(since) >= hold;
            if is_long { Self::Firing { since: now, clear_since: None } } else { Self::Pending { since } }
        };
        match (self, condition) {
            (Self::Inactive, true) => once_true(now),
            (Self::Pending { since }, true) => once_true(since),
            (Self::Inactive | Self::Pending { .. }, false) => Self::Inactive,
            (Self::Firing { since, .. }, true) => Self::Firing { since, clear_since: None },
            (Self::Firing { since, clear_since }, false) => {
                let clear_since = clear_since.unwrap_or(now);
                let is_over = now.since(clear_since) >= keep;
                if is_over { Self::Inactive } else { Self::Firing { since, clear_since: Some(clear_since) } }
            }
        }
    }

    /// Whether it fires.
    #[must_use]
    pub const fn is_firing(self) -> bool {
        matches!(self, Self::Firing { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::minute_end;
    use crate::slo::{Counts, History};

    fn ratio(text: &str) -> Ratio {
        Ratio::parse(text).unwrap()
    }

    /// States at one evaluation a minute: `i`, `p` or `f`.
    fn states(conditions: &str, hold: i64, keep: i64) -> String {
        let mut state = AlertState::default();
        let mut out = String::new();
        for (minute, condition) in (0..).zip(conditions.chars()) {
            let now = Timestamp::from_seconds(minute * 60);
            state = state.after(condition == '1', now, Span::from_minutes(hold), Span::from_minutes(keep));
            out.push(match state {
                AlertState::Inactive => 'i',
                AlertState::Pending { .. } => 'p',
                AlertState::Firing { .. } => 'f',
            });
        }
        out
    }

    #[test]
    fn for_and_keep_firing_for_follow_prometheus() {
        let cases = [
            ("0110", 0, 0, "iffi"),
            ("01110", 2, 0, "ippfi"),
            ("0101110", 2, 0, "ipippfi"),
            ("010000", 0, 2, "ifffii"),
            ("0101000", 0, 2, "ifffffi"),
        ];
        for (conditions, hold, keep, expected) in cases {
            assert_eq!(states(conditions, hold, keep), expected, "{conditions} for {hold} keep {keep}");
        }
    }

    #[test]
    fn a_pair_needs_both_windows_and_more_than_the_factor() {
        let objective = Ratio::parse_percent("99.9").unwrap();
        let mut minutes = History::default();
        for minute in 1..=60 {
            let bad = if minute > 55 { 20 } else { 14 };
            minutes.put(minute, Counts::default(), Counts { bad, total: 1_000 });
        }
        let (hour, five) = (Span::from_hours(1), Span::from_minutes(5));
        let at = minute_end(60);
        // The hour has 870 of 60,000, 14.5 times the budget; the last five minutes have 20 times.
        assert!(is_fast(&minutes, at, ratio("14.4"), hour, five, objective));
        assert!(!is_fast(&minutes, at, ratio("14.5"), hour, five, objective), "a tie is not more");
        assert!(!is_fast(&minutes, at.plus(Span::from_minutes(5)), ratio("1"), hour, five, objective), "no data");
    }

    #[test]
    fn what_can_never_fire_is_known() {
        let objective = Ratio::parse_percent("90").unwrap();
        assert!(!can_fire(ratio("10"), objective));
        assert!(can_fire(ratio("9.9"), objective));
        assert!(!can_fire(ratio("1"), Ratio::ONE));
        let month = Span::from_hours(30 * 24);
        assert_eq!(
            factor_of_share(Ratio::parse_percent("2").unwrap(), month, Span::from_hours(1)),
            Some(ratio("14.4"))
        );
        assert_eq!(factor_of_share(Ratio::ONE, month, Span::ZERO), None);
    }
}
