//! How people work on an incident: who has which role, what they say of its state, what was changed, what was merged into it, and the
//! postmortem that follows.
//!
//! Source of the terms: *Establishing SRE Foundations*, incident response process (roles by severity, criteria of priorities).

mod evolve;
mod judge;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::input::Actor;
use super::state::Note;
use crate::domain::{IncidentId, Name, Timestamp};

/// What there is to say of the response to an incident. Most incidents have none of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Response {
    /// Who has which role, in the order in which they were filled.
    pub roles: Vec<RoleHolder>,
    /// What was said of its state, oldest first, at most [`super::limits::UPDATES_MAX`].
    pub updates: Vec<Note>,
    /// Priorities and severities that it had, oldest first, at most [`super::limits::CHANGES_MAX`].
    pub changes: Vec<Change>,
    /// The incident that goes on in its place.
    pub merged_into: Option<IncidentId>,
    /// Incidents that go on here, with their deduplication keys.
    pub merged: Vec<(IncidentId, Name)>,
}

/// A role and who has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RoleHolder {
    /// `coordinator`, `communicator`, `expert`.
    pub role: Name,
    /// Who.
    pub person: Name,
    /// Since when.
    pub since: Timestamp,
}

/// A change of priority or severity.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// Of what.
    pub of: Dimension,
    /// What it was; `None`: unset.
    pub from: Option<Name>,
    /// What it is since.
    pub to: Option<Name>,
}

/// What a change is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Dimension {
    /// How urgent.
    Priority,
    /// How the response is organised.
    Severity,
}

impl Dimension {
    /// `priority`, `severity`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Severity => "severity",
        }
    }
}

/// A postmortem that the priority of an incident asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Postmortem {
    /// Of which incident.
    pub incident: IncidentId,
    /// Who writes it.
    pub team: Name,
    /// The priority that asks for it.
    pub priority: Name,
    /// Deduplication key of the incident, which says what it was about.
    pub key: Name,
    /// When the incident was resolved.
    pub resolved_at: Timestamp,
    /// When it is asked for: the end of the time that the priority gives, and later once more each week.
    pub due: Timestamp,
    /// How often it was asked for.
    pub asked: u32,
    /// What became of it.
    pub settled: Option<Settled>,
}

/// What became of a postmortem.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settled {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// How.
    pub how: Settlement,
}

/// How a postmortem is settled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Settlement {
    /// It was written, and stands there.
    Written {
        /// Its address.
        url: String,
    },
    /// There will be none.
    Waived {
        /// Why.
        reason: String,
    },
}

/// A change of state that belongs here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ResponseChange {
    /// A person has a role, or nobody has it.
    RoleFilled {
        /// The role.
        role: Name,
        /// Who.
        person: Option<Name>,
    },
    /// Something was said of the incident's state.
    UpdateAdded {
        /// Who.
        by: Actor,
        /// What.
        text: String,
    },
    /// When the next word is due; `None`: nobody waits for one.
    UpdateDue(Option<Timestamp>),
    /// It goes on in another incident. Its sources and its key go along.
    MergedInto {
        /// Which.
        into: IncidentId,
        /// Who merged them.
        by: Actor,
        /// When.
        at: Timestamp,
    },
    /// A postmortem is to be written.
    PostmortemWanted(Box<Postmortem>),
    /// It was asked for, and is once more then.
    PostmortemAsked {
        /// When it is asked for again.
        again: Timestamp,
    },
    /// It is written, or waived.
    PostmortemSettled(Settled),
    /// Nobody waits for it any more: the incident goes on, or it was long ago.
    PostmortemForgotten,
}
