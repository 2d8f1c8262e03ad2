//! Multi-window, multi-burn-rate: a long and a short window must both burn faster than a factor.
//!
//! Source: *The Site Reliability Workbook*, chapter 5; decisions 2, 4, 5, 9 and 13 of the SLO semantics. Two callers: [`judge`] takes
//! windows that a sender computed, [`BurnPair::holds`] those of a history. Absent on purpose: `for` and `keep_firing_for` (see
//! `slo::burn`), which need memory, and windows that the sender did not send.

use serde::{Deserialize, Serialize};

use super::Because;
use crate::domain::{Name, Ratio, Span, WindowCounts};
use crate::slo::{WindowSum, exceeds, reaches};

/// What an alert demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Tier {
    /// Somebody now: people are paged.
    #[default]
    Page,
    /// Somebody within days: the team's channels hear of it.
    Ticket,
}

impl Tier {
    /// `page`, `ticket`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// One pair of windows. A rule with a single window has it as both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BurnPair {
    /// Its name in the pack, for example `page_fast`.
    pub name: Name,
    /// Burn rate that both windows must exceed; strictly, unless `at_least`.
    pub factor: Ratio,
    /// The share of the period's budget that the factor spends in the long window, where the pack says that instead of a factor.
    pub share: Option<Share>,
    /// Long window.
    pub long: Span,
    /// Short window.
    pub short: Span,
    /// The factor itself is enough (`will exhaust 10 %` is reached at 10 %).
    pub at_least: bool,
    /// What it demands.
    pub tier: Tier,
    /// The condition must hold for so long (`for`).
    pub hold: Span,
    /// It keeps firing until the condition did not hold for so long (`keep_firing_for`).
    pub keep: Span,
    /// Bad events that the long window must have at least.
    pub min_bad: u64,
    /// Events that the long window must have at least.
    pub min_total: u64,
}

/// A share of a period's budget that goes within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Share of the whole period's budget.
    pub of_budget: Ratio,
    /// Within so long at the pace of the long window.
    pub within: Span,
}

impl BurnPair {
    /// A pair that pages as soon as both windows exceed the factor.
    #[must_use]
    pub const fn new(name: Name, factor: Ratio, long: Span, short: Span) -> Self {
        Self {
            name,
            factor,
            share: None,
            long,
            short,
            at_least: false,
            tier: Tier::Page,
            hold: Span::ZERO,
            keep: Span::ZERO,
            min_bad: 0,
            min_total: 0,
        }
    }

    /// Whether sums over the two windows are above the factor, and over the floors. A window without traffic never is.
    #[must_use]
    pub fn holds(&self, long: WindowSum, short: WindowSum, objective: Ratio) -> bool {
        let budget = objective.complement();
        let above = |sum: WindowSum| {
            if self.at_least {
                reaches(sum.bad, sum.total, self.factor, budget)
            } else {
                exceeds(sum.bad, sum.total, self.factor, budget)
            }
        };
        above(short) && above(long) && long.bad >= self.min_bad && long.total >= self.min_total
    }

    /// Whether it asks for a number of events.
    #[must_use]
    pub const fn has_floor(&self) -> bool {
        self.min_bad > 0 || self.min_total > 0
    }

    /// The pair for SLOs of this period: a share of the budget becomes a factor.
    #[must_use]
    pub fn for_period(&self, period: Span) -> Self {
        let factor =
            self.share.and_then(|share| crate::slo::burn::factor_of_share(share.of_budget, period, share.within));
        Self { factor: factor.unwrap_or(self.factor), ..self.clone() }
    }
}

/// Whether any pair burns too fast, and why; the first pair in the pack's order that does is named.
///
/// A window burns at (bad / total) / (1 - objective); both windows of a pair must be strictly above its factor. A window without
/// traffic is not above anything. `None` when there is nothing to compare: no pair has counts for both of its windows, or the
/// objective leaves no budget.
#[must_use]
pub fn judge(pairs: &[BurnPair], windows: &[WindowCounts], objective: Ratio) -> Option<(bool, Because)> {
    let budget = objective.complement();
    let counts = |length: Span| windows.iter().find(|w| w.length == length);
    let mut compared: u32 = 0;
    for pair in pairs {
        let (Some(long), Some(short)) = (counts(pair.long), counts(pair.short)) else { continue };
        let burn = |w: &WindowCounts| w.bad_ratio().unwrap_or(Ratio::ZERO).over(budget);
        let (Some(long_burn), Some(short_burn)) = (burn(long), burn(short)) else { continue };
        compared += 1;
        let fast = |w: &WindowCounts| exceeds(w.bad(), w.total, pair.factor, budget);
        if fast(long) && fast(short) {
            let BurnPair { name, factor, long, short, .. } = pair.clone();
            return Some((true, Because::BurnsFast { pair: name, factor, long, short, long_burn, short_burn }));
        }
    }
    (compared > 0).then_some((false, Because::BurnsSlow { pairs: compared }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, factor: &str, long: &str, short: &str) -> BurnPair {
        let span = |text| Span::parse(text).unwrap();
        BurnPair::new(name.into(), Ratio::parse(factor).unwrap(), span(long), span(short))
    }

    fn window(length: &str, bad: u64, total: u64) -> WindowCounts {
        WindowCounts { length: Span::parse(length).unwrap(), good: total - bad, total }
    }

    fn workbook() -> [BurnPair; 2] {
        [pair("page_fast", "14.4", "1h", "5m"), pair("page_slow", "6", "6h", "30m")]
    }

    fn objective() -> Ratio {
        Ratio::parse_percent("99.95%").unwrap()
    }

    #[test]
    fn both_windows_must_exceed_the_factor_and_a_tie_does_not() {
        // 14.4 times the budget of 0.05 % is 0.72 %.
        let cases = [(73, 73, true), (72, 73, false), (73, 72, false), (72, 72, false), (0, 0, false)];
        for (long, short, fires) in cases {
            let windows = [window("1h", long, 10_000), window("5m", short, 10_000)];
            let (fired, _) = judge(&workbook(), &windows, objective()).unwrap();
            assert_eq!(fired, fires, "{long} and {short} of 10,000");
        }
    }

    #[test]
    fn any_pair_is_enough_and_is_named() {
        let windows =
            [window("1h", 0, 10_000), window("5m", 0, 10_000), window("6h", 31, 10_000), window("30m", 40, 10_000)];
        let (fired, because) = judge(&workbook(), &windows, objective()).unwrap();
        assert!(fired);
        assert_eq!(
            because.to_string(),
            "fired: page_slow burns 6.2 times the budget in 6h and 8 times in 30m, both more than 6 times"
        );
    }

    #[test]
    fn nothing_is_said_where_no_pair_has_both_windows() {
        assert_eq!(judge(&workbook(), &[window("1h", 9, 10)], objective()), None);
        assert_eq!(judge(&[], &[window("1h", 9, 10)], objective()), None);
        let all = [window("1h", 9, 10), window("5m", 9, 10)];
        assert_eq!(judge(&workbook(), &all, Ratio::ONE), None);
    }

    #[test]
    fn a_window_without_traffic_is_quiet() {
        let windows = [window("1h", 9, 10), window("5m", 0, 0)];
        assert_eq!(judge(&workbook(), &windows, objective()), Some((false, Because::BurnsSlow { pairs: 1 })));
    }
}
