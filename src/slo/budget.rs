//! Error budgets: what is left of one, and the word for it.
//!
//! Source: *Establishing SRE Foundations*, section 9.2; decision 2 of the SLO semantics. Absent on purpose: percent (it exists in
//! text only), and burn rates, which can disagree with what is left: 85 % may be left while it burns at 20.

use crate::domain::{Ratio, Span};

/// How a budget fares, by what remains of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BudgetStatus {
    /// More than 70 % remains.
    Healthy,
    /// 30 to 70 % remains, both included.
    Depleting,
    /// Less than 30 % remains.
    Endangered,
    /// Nothing remains, or less.
    Exhausted,
}

impl BudgetStatus {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Depleting => "depleting",
            Self::Endangered => "endangered",
            Self::Exhausted => "exhausted",
        }
    }
}

impl std::fmt::Display for BudgetStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A budget by the share of it that was spent, which may be more than the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Budget {
    spent: Ratio,
}

impl Budget {
    /// From counts over the budget period. `None` without traffic (the budget is unchanged then) or where the objective leaves none.
    #[must_use]
    pub fn of(bad: u64, total: u64, objective: Ratio) -> Option<Self> {
        let spent = Ratio::new(bad, total)?.over(objective.complement())?;
        Some(Self { spent })
    }

    /// From the share that was spent.
    #[must_use]
    pub const fn from_spent(spent: Ratio) -> Self {
        Self { spent }
    }

    /// From what remains in percent, as senders write it: `41.5`, `-12`. More than 100 counts as 100; `None` when it is no number.
    #[must_use]
    pub fn from_remaining_percent(text: &str) -> Option<Self> {
        let spent = match text.strip_prefix('-') {
            Some(overspent) => plus_one(Ratio::parse_percent(overspent).ok()?)?,
            None => Ratio::parse_percent(text).ok()?.complement(),
        };
        Some(Self { spent })
    }

    /// From the SLI, the share of good events over the period. `None` where the objective leaves no budget.
    #[must_use]
    pub fn of_sli(sli: Ratio, objective: Ratio) -> Option<Self> {
        Some(Self { spent: sli.complement().over(objective.complement())? })
    }

    /// How many minutes of full outage a period's budget grants.
    #[must_use]
    pub fn outage_minutes(objective: Ratio, period: Span) -> Ratio {
        let minutes = Ratio::new(period.as_millis().unsigned_abs(), 60_000).unwrap_or(Ratio::ZERO);
        objective.complement().times(minutes)
    }

    /// Share of the budget that was spent; 1 is all of it.
    #[must_use]
    pub const fn spent(self) -> Ratio {
        self.spent
    }

    /// What remains in percent, below zero when overspent, with at most `decimals` digits after the point, rounded half away from zero.
    #[must_use]
    pub fn remaining_percent(self, decimals: u32) -> String {
        if self.spent <= Ratio::ONE {
            return self.spent.complement().percent(decimals);
        }
        let (num, den) = (self.spent.num(), self.spent.den());
        let over = Ratio::new(num - den, den).unwrap_or(Ratio::ZERO).percent(decimals);
        if over == "0%" { over } else { format!("-{over}") }
    }

    /// The word for it.
    #[must_use]
    pub fn status(self) -> BudgetStatus {
        // Shares spent, so that the borders 70 and 30 % remaining belong to `Depleting`.
        let tenths = |n: u64| Ratio::new(n, 10).unwrap_or(Ratio::ONE);
        if self.spent < tenths(3) {
            BudgetStatus::Healthy
        } else if self.spent <= tenths(7) {
            BudgetStatus::Depleting
        } else if self.spent < Ratio::ONE {
            BudgetStatus::Endangered
        } else {
            BudgetStatus::Exhausted
        }
    }
}

fn plus_one(ratio: Ratio) -> Option<Ratio> {
    Ratio::new(ratio.num().checked_add(ratio.den())?, ratio.den())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_follow_what_remains() {
        let cases = [
            ("100", BudgetStatus::Healthy),
            ("70.1", BudgetStatus::Healthy),
            ("70", BudgetStatus::Depleting),
            ("30", BudgetStatus::Depleting),
            ("29.9", BudgetStatus::Endangered),
            ("0.1", BudgetStatus::Endangered),
            ("0", BudgetStatus::Exhausted),
            ("-12", BudgetStatus::Exhausted),
        ];
        for (text, status) in cases {
            assert_eq!(Budget::from_remaining_percent(text).map(Budget::status), Some(status), "{text}");
        }
        assert_eq!(Budget::from_remaining_percent("plenty"), None);
    }

    #[test]
    fn what_remains_can_be_less_than_nothing() {
        let objective = Ratio::parse_percent("99.9").unwrap();
        let cases =
            [(0, 10_000, "100%"), (5, 10_000, "50%"), (10, 10_000, "0%"), (15, 10_000, "-50%"), (1, 10, "-9900%")];
        for (bad, total, text) in cases {
            assert_eq!(Budget::of(bad, total, objective).unwrap().remaining_percent(1), text, "{bad} of {total}");
        }
        assert_eq!(Budget::of(0, 0, objective), None);
        assert_eq!(Budget::of(1, 10, Ratio::ONE), None);
    }
}
