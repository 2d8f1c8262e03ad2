//! Sets of people, and the answer to "who is on call?".

use std::sync::Arc;

use crate::domain::{Name, Timestamp};

/// A set of people, sorted, each once.
pub(crate) type People = Arc<[Name]>;

/// The set of these names.
pub(crate) fn people(names: &[Name]) -> People {
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.into()
}

/// Who has one role (or the whole schedule, if it has no roles), and where that comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Duty {
    pub people: People,
    /// The number of the layer that had somebody, from 0 at the bottom.
    pub layer: Option<usize>,
    /// An override made this set of people.
    pub overridden: bool,
}

/// Who is on call at an instant: a set of people for each role, or one set in a schedule without roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCall {
    /// The schedule's roles in order; empty without roles.
    pub(crate) roles: Arc<[Name]>,
    /// One for each role; exactly one without roles.
    pub(crate) duties: Vec<Duty>,
}

impl OnCall {
    /// Everybody on call in whatever role, sorted, each once.
    pub fn users(&self) -> Vec<Name> {
        let mut users: Vec<Name> = self.duties.iter().flat_map(|duty| duty.people.iter().cloned()).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// Who has the role, sorted; `None` when the schedule does not have it.
    pub fn role(&self, role: &str) -> Option<&[Name]> {
        let number = self.roles.iter().position(|name| name == role)?;
        self.duties.get(number).map(|duty| &*duty.people)
    }

    /// Each role in order with its people (maybe none); in a schedule without roles one item, `None`, with all of them.
    pub fn by_role(&self) -> impl Iterator<Item = (Option<&Name>, &[Name])> {
        self.duties.iter().enumerate().map(|(number, duty)| (self.roles.get(number), &*duty.people))
    }

    /// Whether nobody is on call in any role.
    pub fn is_empty(&self) -> bool {
        self.duties.iter().all(|duty| duty.people.is_empty())
    }

    /// Whether an override acts: in some role it changed who is on call.
    pub fn is_overridden(&self) -> bool {
        self.duties.iter().any(|duty| duty.overridden)
    }

    /// Whether the same people have the same roles; where that comes from does not matter.
    pub fn same_people(&self, other: &Self) -> bool {
        self.duties.len() == other.duties.len()
            && self.duties.iter().zip(&other.duties).all(|(a, b)| a.people == b.people)
    }
}

/// A resolved interval `[start, end)` with the same people throughout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Inclusive.
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    /// Who; the layers and overrides behind it are those at `start`.
    pub on_call: OnCall,
}

/// Who has a role at an instant, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The role asked for; `None` in a schedule without roles.
    pub role: Option<Name>,
    /// Who has it, sorted; maybe nobody.
    pub users: Vec<Name>,
    /// The layer that had somebody, before overrides; `None` when none had.
    pub layer: Option<Name>,
    /// The beginning of this set of people in this role; `None` when it lies more than 400 days back.
    pub since: Option<Timestamp>,
    /// Its end; `None` when it is more than 400 days ahead.
    pub until: Option<Timestamp>,
    /// An override made this set of people.
    pub overridden: bool,
}
