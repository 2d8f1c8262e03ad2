//! What can be proven of a configuration before it is used.

use super::diagnostic::Findings;
use super::names::Defined;
use super::tree::Node;
use crate::domain::Timestamp;
use crate::engine::Policy;

/// What is looked at.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Everything without mistakes, compiled.
    pub policy: &'a Policy,
    /// The tree, for places.
    pub root: &'a Node,
    /// All names.
    pub defined: &'a Defined,
    /// From here on schedules are looked at.
    pub now: Timestamp,
}

/// Looks for what would go wrong later.
pub fn prove(subject: &Subject<'_>, findings: &mut Findings) {
    let _ = (subject, findings);
}
