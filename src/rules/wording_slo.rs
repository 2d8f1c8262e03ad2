//! The sentences of what callout judged from samples. See `wording.rs` for the others.

use std::fmt;

use super::wording::{DECIMALS_MAX, significant};
use super::{Because, RuleEnd};
use crate::domain::{Ratio, WindowCounts};

/// A window as it burned: `15.2 times the budget in 1h (912 of 60000 failed)`.
fn burned(f: &mut fmt::Formatter<'_>, window: &WindowCounts, burn: Ratio, factor: Ratio) -> fmt::Result {
    let times = significant(burn, factor);
    write!(f, "{times} times the budget in {} ({} of {} failed)", window.length, window.bad(), window.total)
}

/// What service levels say.
pub(super) struct Budgeted<'a>(pub &'a Because);

impl fmt::Display for Budgeted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Because::WindowsBurn { rule, factor, at_least, long, long_burn, short, short_burn, known_minutes } => {
                write!(f, "fired: {rule} burns ")?;
                burned(f, long, *long_burn, *factor)?;
                let limit = factor.decimal(DECIMALS_MAX);
                let above =
                    if *at_least { format!("{limit} times or more") } else { format!("more than {limit} times") };
                if short.length == long.length {
                    write!(f, ", {above}")?;
                } else {
                    f.write_str(" and ")?;
                    burned(f, short, *short_burn, *factor)?;
                    write!(f, ", both {above}")?;
                }
                let minutes = long.length.as_millis().unsigned_abs() / 60_000;
                if *known_minutes < minutes {
                    write!(f, "; {known_minutes} of {minutes} minutes are known")?;
                }
                Ok(())
            }
            Because::RuleOver { rule, reason } => write!(f, "{rule} is over: {}", reason.as_str()),
            Because::MutedByPage { rule } => write!(f, "quiet: the page {rule} of the same SLO fires"),
            Because::SloChanged { slo, before: None, objective } => {
                write!(f, "`{slo}` is in force with an objective of {}", objective.percent(DECIMALS_MAX))
            }
            Because::SloChanged { slo, before: Some(before), objective } => {
                let (before, now) = (before.percent(DECIMALS_MAX), objective.percent(DECIMALS_MAX));
                write!(f, "the objective of `{slo}` is {now} now, {before} before; all that is known is judged by it")
            }
            Because::SloToChange { slo, objective, at, .. } => {
                write!(
                    f,
                    "the objective of `{slo}` is {} from {at} on, when the next period begins",
                    objective.percent(DECIMALS_MAX)
                )
            }
            Because::SamplesMissing { rule, newest, after } => {
                write!(f, "fired: {rule}: the last sample is of {newest}, {after} ago or more")
            }
            Because::TrafficMissing { rule, after, known_minutes } => {
                write!(f, "fired: {rule}: no events in {after}, of which {known_minutes} minutes are known")
            }
            Because::MinutesExcluded { name, from, to, reason } => {
                write!(f, "the minutes from {from} to {to} leave error budgets and burn rates, for `{name}`: {reason}")
            }
            Because::BudgetUsed { rule, policy, used, limit, window, consequence } => {
                let (used, limit) = (used.percent(1), limit.percent(DECIMALS_MAX));
                write!(
                    f,
                    "fired: {rule} of the policy {policy}: {used} of the budget is used (in {window}), {limit} or more"
                )?;
                if consequence.is_empty() { Ok(()) } else { write!(f, "; what follows: {consequence}") }
            }
            Because::PriorityFromBudget { priority, remaining } => {
                write!(
                    f,
                    "{priority}, from the budget: {remaining}% is left, and by the trend or the pace it is urgent"
                )
            }
            _ => Ok(()),
        }
    }
}

impl RuleEnd {
    /// The words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recovered => "it burns slowly enough again",
            Self::NoTraffic => "there is no traffic any more",
            Self::NoData => "there are no samples any more",
            Self::Gone => "the rule left the configuration",
            Self::DataCame => "there are samples again",
            Self::TrafficCame => "there is traffic again",
            Self::GaveUp => "there were no samples for a week, so the source is taken as gone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    #[test]
    fn both_burn_rates_are_told_with_factor_and_counts() {
        let window =
            |minutes, bad, total| WindowCounts { length: Span::from_minutes(minutes), good: total - bad, total };
        let ratio = |text| Ratio::parse(text).unwrap();
        let because = Because::WindowsBurn {
            rule: "page_fast".into(),
            factor: ratio("14.4"),
            at_least: false,
            long: window(60, 912, 60_000),
            long_burn: ratio("15.2"),
            short: window(5, 100, 5_000),
            short_burn: ratio("20"),
            known_minutes: 58,
        };
        assert_eq!(
            because.to_string(),
            "fired: page_fast burns 15.2 times the budget in 1h (912 of 60000 failed) and 20 times the budget in 5m \
             (100 of 5000 failed), both more than 14.4 times; 58 of 60 minutes are known"
        );
        let over = Because::RuleOver { rule: "page_fast".into(), reason: RuleEnd::NoData };
        assert_eq!(over.to_string(), "page_fast is over: there are no samples any more");
    }
}
