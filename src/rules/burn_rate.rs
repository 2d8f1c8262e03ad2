//! Multi-window, multi-burn-rate: a long and a short window must both burn faster than a factor.

use crate::domain::{Name, Ratio, Span};

/// One pair of windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BurnPair {
    /// Its name in the pack, for example `page_fast`.
    pub name: Name,
    /// Burn rate that both windows must exceed; strictly.
    pub factor: Ratio,
    /// Long window.
    pub long: Span,
    /// Short window.
    pub short: Span,
}
