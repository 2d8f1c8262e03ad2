//! The sentences of how the response to an incident is organised. See `wording.rs` for the others.

use std::fmt;

use super::Because;
use super::wording::utc;

/// Roles, updates, postmortems.
pub(super) struct Organised<'a>(pub &'a Because);

impl fmt::Display for Organised<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Because::RoleFilled { role, person } => write!(f, "{person} is the {role}"),
            Because::RoleUnfilled { role, severity } => {
                write!(f, "severity {severity} calls in a {role}, and nobody was found for it")
            }
            Because::UpdateAsked { of, every } => {
                write!(f, "nothing was said of it for {every}; {of} is reminded of the status update")
            }
            Because::PostmortemWanted { priority, due } => {
                write!(f, "priority {priority} asks for a postmortem by {}", utc(*due))
            }
            Because::PostmortemAsked { team } => write!(f, "the postmortem is overdue; team {team} is reminded"),
            _ => Ok(()),
        }
    }
}
