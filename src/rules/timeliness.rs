//! Timeliness: an alert fires only when enough of the budget went within the window.
//!
//! Source: *Establishing SRE Foundations*, section 9.2.11, table 9.10. Absent on purpose: snooze (see `snooze.rs`), which acts on the
//! alert and not on the breach, and `every`, which the engine keeps since it needs memory.

use super::Because;
use crate::domain::{Ratio, Span, WindowCounts};
use crate::slo::exceeds;

/// Fires when the share of the window's budget that was spent exceeds `depletion` (a ratio: 2 = 200 %).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeliness {
    /// Share of the window's budget that must be exceeded; strictly.
    pub depletion: Ratio,
    /// Length of the window, `(now - window, now]`.
    pub window: Span,
    /// Evaluated at most this often for one SLO and scope.
    pub every: Span,
}

impl Timeliness {
    /// Whether the breach is an alert, and why. Strictly more than `depletion × (1 - objective)` of the requests must have failed.
    ///
    /// No traffic is never above anything. Where the breach has no counts, or counts over another window, there is nothing to
    /// compare and the sender's word is taken: a breach is rather heard once too often than lost.
    #[must_use]
    pub fn judge(&self, counts: Option<&WindowCounts>, objective: Ratio) -> (bool, Because) {
        let Some(counts) = counts else { return (true, Because::NoCounts) };
        if counts.length != self.window {
            return (true, Because::OtherWindow { sent: counts.length, rule: self.window });
        }
        let Some(spent) = counts.bad_ratio() else {
            return (false, Because::NoTraffic { window: self.window });
        };
        let budget = objective.complement();
        let (depletion, window) = (self.depletion, self.window);
        let allowed = depletion.times(budget);
        if exceeds(counts.bad(), counts.total, depletion, budget) {
            (true, Because::SpentAbove { spent, allowed, depletion, budget, window })
        } else {
            (false, Because::SpentWithin { spent, allowed, depletion, budget, window })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Timeliness {
        Timeliness {
            depletion: Ratio::parse_percent("200%").unwrap(),
            window: Span::from_minutes(60),
            every: Span::from_minutes(5),
        }
    }

    fn judge(bad: u64, total: u64) -> (bool, Because) {
        let counts = WindowCounts { length: Span::from_minutes(60), good: total - bad, total };
        rule().judge(Some(&counts), Ratio::parse_percent("99.7%").unwrap())
    }

    #[test]
    fn table_9_10_fires_above_and_not_at_twice_the_budget() {
        let cases = [
            (6, 1_000, false),
            (7, 1_000, true),
            (0, 1_000, false),
            (1_000, 1_000, true),
            (1_529, 100_000, true),
            (600, 100_000, false),
            (601, 100_000, true),
            (18_000_000, 3_000_000_000, false),
            (18_000_001, 3_000_000_000, true),
            (1, 5, true),
            (u64::MAX, u64::MAX, true),
        ];
        for (bad, total, fires) in cases {
            assert_eq!(judge(bad, total).0, fires, "{bad} of {total}");
        }
    }

    #[test]
    fn the_reason_is_the_sentence_of_the_worked_example() {
        assert_eq!(
            judge(1_529, 100_000).1.to_string(),
            "fired: 1.5% of requests failed in 1h, more than 0.6% (200% of the 0.3% budget)"
        );
        assert_eq!(
            judge(6, 1_000).1.to_string(),
            "quiet: 0.6% of requests failed in 1h, not more than 0.6% (200% of the 0.3% budget)"
        );
    }

    #[test]
    fn no_traffic_is_not_above_anything() {
        assert_eq!(judge(0, 0), (false, Because::NoTraffic { window: Span::from_minutes(60) }));
    }

    #[test]
    fn without_fitting_counts_the_sender_is_believed() {
        let objective = Ratio::parse_percent("99.7%").unwrap();
        assert_eq!(rule().judge(None, objective), (true, Because::NoCounts));
        let other = WindowCounts { length: Span::from_minutes(5), good: 100, total: 100 };
        let (fires, because) = rule().judge(Some(&other), objective);
        assert!(fires);
        assert!(matches!(because, Because::OtherWindow { .. }));
    }
}
