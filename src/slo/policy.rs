//! The error budget policy: conditions that are to be alerted on by themselves.
//!
//! Source: *Establishing SRE Foundations*, table 10.2, rows A, B, E and F. Absent on purpose: shares used by one incident or through
//! a dependency (rows C, D and G), which need attribution.

use crate::domain::Ratio;

/// Shares of the period's budget that were used, each clipped to the period; may be more than the whole.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// Since the period began.
    pub in_period: Ratio,
    /// In the last 24 hours.
    pub in_24h: Ratio,
    /// In the last 7 days.
    pub in_7d: Ratio,
}

/// Shares that a policy does not want reached.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of the period, for example 70 %.
    pub in_period: Ratio,
    /// Within 24 hours, for example 30 %.
    pub in_24h: Ratio,
    /// Within 7 days, for example 50 %.
    pub in_7d: Ratio,
}

/// A condition of the policy. "Depleted by" is taken as reached: at or above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// A: the budget is exhausted, strictly before the period's end.
    ExhaustedEarly,
    /// B: a share of the period's budget is used.
    Used,
    /// E: a share within 24 hours.
    UsedFast,
    /// F: a share within 7 days.
    UsedSlowly,
}

/// The conditions that hold, in the order of the table; `is_over` once the period has ended.
#[must_use]
pub fn conditions(used: Used, limits: Limits, is_over: bool) -> Vec<Condition> {
    let all = [
        (Condition::ExhaustedEarly, used.in_period >= Ratio::ONE && !is_over),
        (Condition::Used, used.in_period >= limits.in_period),
        (Condition::UsedFast, used.in_24h >= limits.in_24h),
        (Condition::UsedSlowly, used.in_7d >= limits.in_7d),
    ];
    all.into_iter().filter(|(_, holds)| *holds).map(|(condition, _)| condition).collect()
}
