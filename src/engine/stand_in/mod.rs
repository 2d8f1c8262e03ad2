//! Stand-ins: overrides that people make while callout runs, and shifts that one person offers and another takes.
//!
//! Both are commands, kept in the state, and put on top of the overrides of the configuration wherever somebody asks who is on call
//! ([`Rota`]). What fits and what does not is said in one place ([`check`]), which the edge asks before it hands a command over, so that a
//! refusal reaches whoever asked, and the engine asks again, since somebody may have been faster.

mod check;
mod evolve;
mod judge;
mod rota;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::input::Actor;
use crate::domain::{Name, OverrideId, SwapId, Timestamp};
use crate::schedule::{Override, OverrideKind};

pub use check::{Refusal, check, may_change, notes, team_of};
pub use rota::Rota;

/// An override as somebody asks for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewOverride {
    /// Made at the edge, by which whoever asked finds it again.
    pub request: u64,
    /// The schedule.
    pub schedule: Name,
    /// When, what, which role.
    pub change: Override,
    /// Why, in words; may be empty.
    pub why: String,
}

/// An override that somebody made while callout runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MadeOverride {
    /// Its number; a later one wins.
    pub id: OverrideId,
    /// What was asked for. Its beginning is not before [`MadeOverride::made_at`].
    pub asked: NewOverride,
    /// Who made it.
    pub by: Actor,
    /// When.
    pub made_at: Timestamp,
    /// The swap request that it came of.
    pub swap: Option<SwapId>,
}

/// A shift, or a part of one, as it is offered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offer {
    /// Made at the edge, by which whoever asked finds it again.
    pub request: u64,
    /// The schedule.
    pub schedule: Name,
    /// Only this role.
    pub role: Option<Name>,
    /// Inclusive.
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    /// Whose shift it is.
    pub person: Name,
    /// Who is asked; `None`: anybody of the team.
    pub to: Option<Name>,
    /// What whoever takes it gives in return.
    pub in_return: Option<(Timestamp, Timestamp)>,
    /// Why, in words; may be empty.
    pub why: String,
    /// Nobody can take it from here on.
    pub expires_at: Timestamp,
}

/// A swap request: a shift that somebody offered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Swap {
    /// Its number.
    pub id: SwapId,
    /// What is offered.
    pub offer: Offer,
    /// Who made the request.
    pub by: Actor,
    /// When.
    pub made_at: Timestamp,
    /// Who said no, of several who were asked.
    pub declined: Vec<Name>,
    /// What became of it.
    pub status: SwapStatus,
}

/// What became of a swap request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SwapStatus {
    /// Nobody has taken it yet.
    Offered,
    /// Somebody took it, and these overrides say so.
    Accepted { by: Name, at: Timestamp, overrides: Vec<OverrideId> },
    /// Whoever was asked said no.
    Declined { by: Name, at: Timestamp },
    /// Whoever offered it took it back.
    Withdrawn { by: Name, at: Timestamp },
    /// Nobody took it in time.
    Expired { at: Timestamp },
}

impl SwapStatus {
    /// `offered`, `accepted`, `declined`, `withdrawn`, `expired`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Accepted { .. } => "accepted",
            Self::Declined { .. } => "declined",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Expired { .. } => "expired",
        }
    }
}

/// All of them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct StandIns {
    /// Number of the next override minus one.
    pub last_override: u64,
    /// Number of the next swap request minus one.
    pub last_swap: u64,
    /// Overrides that are not long over.
    pub overrides: BTreeMap<OverrideId, Arc<MadeOverride>>,
    /// Swap requests that are not long over.
    pub swaps: BTreeMap<SwapId, Arc<Swap>>,
}

impl StandIns {
    /// The overrides of a schedule, in the order in which they were made.
    pub fn of<'a>(&'a self, schedule: &'a str) -> impl Iterator<Item = &'a Arc<MadeOverride>> {
        self.overrides.values().filter(move |made| made.asked.schedule == schedule)
    }

    /// The override that came of a request.
    #[must_use]
    pub fn override_of(&self, request: u64) -> Option<&Arc<MadeOverride>> {
        self.overrides.values().rev().find(|made| made.asked.request == request)
    }

    /// The swap request that came of a request.
    #[must_use]
    pub fn swap_of(&self, request: u64) -> Option<&Arc<Swap>> {
        self.swaps.values().rev().find(|swap| swap.offer.request == request)
    }
}

impl Swap {
    /// Whether it can still be taken.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status == SwapStatus::Offered
    }

    /// The next moment at which something about it is due by itself.
    pub(super) fn deadline(&self) -> Timestamp {
        match &self.status {
            SwapStatus::Offered => self.offer.expires_at,
            SwapStatus::Accepted { at, .. }
            | SwapStatus::Declined { at, .. }
            | SwapStatus::Withdrawn { at, .. }
            | SwapStatus::Expired { at } => at.plus(super::limits::SWAP_KEPT),
        }
    }
}

/// What an override does, in words: `bo for ana`, `eva`, `bo too`, `without ana`, `ana and bo exchange places`.
#[must_use]
pub fn said(kind: &OverrideKind) -> String {
    match kind {
        OverrideKind::Set(users) => users.join(", "),
        OverrideKind::Replace { user, with } => format!("{with} for {user}"),
        OverrideKind::Add(users) => format!("{} too", users.join(", ")),
        OverrideKind::Remove(user) => format!("without {user}"),
        OverrideKind::Swap(a, b) => format!("{a} and {b} exchange places"),
    }
}
