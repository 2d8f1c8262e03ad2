//! Personal rules: by which ways a person is paged, one after the other, and when they want quiet.
//!
//! Whom to page is the escalation's business; how is the person's. A *chain* is a list of ways with waits between them; which one is
//! followed depends on the priority and on the time of day where the person lives. While nobody takes the incident on, its next way
//! follows; whatever ends that (an acknowledgement, a snooze, the end of the incident, another owner) ends the chain. In *quiet hours* a page
//! is held until they end, unless an exception holds, and the next step of the escalation is told at once in their place. When no step of a
//! round has anybody who may be told, the round itself waits for the first end of quiet hours.

mod evolve;
mod judge;
#[cfg(test)]
pub(in crate::engine) mod tests;

use serde::{Deserialize, Serialize};

use super::policy::Contact;
use crate::domain::{ChannelRef, Name, Span, Timestamp};
use crate::schedule::{LocalTime, WeekHours};

/// What a person says about how they are paged.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// The first that fits is followed; where none does, the ways of `contact`.
    pub rules: Vec<Rule>,
    /// When pages are held.
    pub quiet: Option<Quiet>,
    /// Time where the person lives, for sentences and nights.
    pub local: Option<LocalTime>,
    /// Ways that only rules name.
    pub more_ways: Vec<Contact>,
}

/// One rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Priorities that it is for; empty: all.
    pub priorities: Vec<Name>,
    /// Hours of the week in which it holds; absent: always.
    pub hours: Option<WeekHours>,
    /// The ways, in order; empty: those of `contact`.
    pub chain: Vec<ChainStep>,
    /// Pages are gathered for so long into one.
    pub bundle: Option<Span>,
}

/// A way, and how long nobody must have answered before it is taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChainStep {
    /// Wait since the way before; nothing for the first one.
    pub after: Span,
    /// The way.
    pub by: ChannelRef,
}

/// When pages are held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quiet {
    /// The hours.
    pub hours: WeekHours,
    /// Priorities that are told all the same.
    pub unless_priorities: Vec<Name>,
    /// Whether whoever is on call is told all the same.
    pub unless_on_call: Unless,
}

/// Whether being on call makes an exception.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unless {
    /// It does not.
    Never,
    /// In whatever role.
    OnCall,
    /// In one of these roles.
    Roles(Vec<Name>),
}

impl Unless {
    /// Whether somebody with this role is told all the same.
    #[must_use]
    pub fn covers(&self, role: Option<&Name>) -> bool {
        match self {
            Self::Never => false,
            Self::OnCall => true,
            Self::Roles(roles) => role.is_some_and(|role| roles.contains(role)),
        }
    }
}

/// How far a person was paged about an incident by their rules.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chain {
    /// Who.
    pub person: Name,
    /// Why they are told.
    pub why: String,
    /// The ways, as they were when it began; none for a page that quiet hours hold.
    pub steps: Vec<ChainStep>,
    /// The way that follows, from 0.
    pub next: u32,
    /// When it follows, or the held page is told; `None` when there is none left.
    pub due: Option<Timestamp>,
    /// Pages are gathered for so long into one.
    pub bundle: Option<Span>,
}

impl Chain {
    /// Whether quiet hours hold it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.steps.is_empty() && self.due.is_some()
    }
}

impl Rule {
    /// Whether it is for this priority at this time.
    #[must_use]
    pub fn fits(&self, priority: Option<&Name>, at: Timestamp) -> bool {
        let wanted = self.priorities.is_empty() || priority.is_some_and(|name| self.priorities.contains(name));
        wanted && self.hours.as_ref().is_none_or(|hours| hours.contains(at))
    }
}
