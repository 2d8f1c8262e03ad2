//! Handoffs: who comes on call is told before and at the beginning of the shift, and so is the team.
//!
//! For each schedule that wants it there is a *watch* in the state: who has which role, what was told already, and when to look again. It is
//! looked at when somebody else comes on call, some time before that, when the configuration or an override changes, and at no other time. What is
//! told depends on who serves now and who did when it was looked at last, so nobody is told twice of the same shift, whatever happened in
//! between, and whoever goes on serving is not told at all. In a person's quiet hours a notice waits for their end.

mod evolve;
mod judge;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::domain::{Destination, Name, Span, Timestamp};

/// What a schedule says about its handoffs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HandoffRule {
    /// So long before a shift begins, whoever comes is told.
    pub before: Option<Span>,
    /// Channels that are told, too.
    pub tell: Vec<Destination>,
    /// Whose incidents are told of.
    pub team: Option<Name>,
    /// What a person has to look after by hand, in words.
    pub check: Vec<String>,
}

/// Somebody in a role; without one in a schedule that has none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Post {
    /// The role.
    pub role: Option<Name>,
    /// Who.
    pub person: Name,
}

/// What is remembered of a schedule.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Watch {
    /// When to look again.
    pub wake: Option<Timestamp>,
    /// Who serves and knows it.
    pub serving: Vec<Post>,
    /// Who serves as far as the channels were told.
    pub announced: Vec<Post>,
    /// Shifts to come of which somebody was told, by their beginnings; no person: the channels.
    pub foretold: Vec<(Timestamp, Option<Post>)>,
}

/// One notice. What is open is looked up when it is sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// The schedule.
    pub schedule: Name,
    /// When the shift begins, or began.
    pub begins: Timestamp,
    /// When it ends, as far as can be said.
    pub ends: Option<Timestamp>,
    /// Whether it is yet to begin.
    pub before: bool,
    /// Who is told of themselves; `None`: a channel.
    pub person: Option<Name>,
    /// Who comes.
    pub posts: Vec<Post>,
}
