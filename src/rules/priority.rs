//! Priority: from the SLO, raised by repetition, or unset.

use crate::domain::{Name, Span};

/// "More than `more_than` times within `within`: `priority`."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaiseRule {
    /// Occurrences that must be exceeded.
    pub more_than: u32,
    /// Window of the count.
    pub within: Span,
    /// Priority that the incident then has, if it is higher than what it had.
    pub priority: Name,
}
