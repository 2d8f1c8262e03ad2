//! Timeliness: an alert fires only when enough of the budget went within the window.

use crate::domain::{Ratio, Span};

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
