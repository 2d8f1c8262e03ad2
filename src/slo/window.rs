//! Counts of a minute, and sums over a window of minutes.

use serde::{Deserialize, Serialize};

use super::exceeds;
use crate::domain::Ratio;

/// Events of one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Bad events; never more than `total`.
    pub bad: u64,
    /// Valid events.
    pub total: u64,
}

/// Sums over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WindowSum {
    /// Bad events.
    pub bad: u64,
    /// Valid events; zero is *no traffic* where there are buckets and *no data* where there are none.
    pub total: u64,
    /// Minutes that have a bucket.
    pub minutes: u64,
}

impl WindowSum {
    /// (bad / total) / (1 - objective); `None` without traffic or without a budget.
    #[must_use]
    pub fn burn(&self, objective: Ratio) -> Option<Ratio> {
        Ratio::new(self.bad, self.total)?.over(objective.complement())
    }

    /// Whether it burns strictly faster than `factor`. Without traffic it never does.
    #[must_use]
    pub fn burns_above(&self, factor: Ratio, objective: Ratio) -> bool {
        exceeds(self.bad, self.total, factor, objective.complement())
    }
}
