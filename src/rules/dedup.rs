//! Deduplication keys: at most one open incident per key.

use crate::domain::Name;

/// How a key is made from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DedupRule {
    /// The values of these fields, in order, absent ones as empty.
    Fields(Vec<Name>),
    /// A text with `{field}` in it.
    Pattern(String),
}
