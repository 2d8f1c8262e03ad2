//! Calendars that people subscribe to: whose they are, and which generation of their private addresses is good.

use serde::{Deserialize, Serialize};

use super::Engine;
use super::input::Actor;
use super::judge::Judge;
use super::transition::Transition;
use crate::domain::Name;
use crate::rules::{Because, RuleKind};

/// What a calendar shows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum CalendarOf {
    /// The shifts of a person, in all schedules.
    Person(Name),
    /// The shifts of a schedule.
    Schedule(Name),
    /// The shifts of all schedules that a team asks.
    Team(Name),
}

impl CalendarOf {
    /// `person`, `schedule`, `team`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Schedule(_) => "schedule",
            Self::Team(_) => "team",
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        match self {
            Self::Person(name) | Self::Schedule(name) | Self::Team(name) => name,
        }
    }
}

impl std::fmt::Display for CalendarOf {
    /// `person ana`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}

impl Judge<'_> {
    /// Addresses that were given out are not good any more.
    pub(super) fn revoke_calendar(&mut self, by: &Actor, of: &CalendarOf) {
        let generation = self.engine.state.calendars.get(of).copied().unwrap_or_default() + 1;
        let (who, what) = (Name::from(by.label()), compact_str::format_compact!("revoked the calendar of {of}"));
        self.say(None, RuleKind::Person, Because::Did { who, what });
        self.record(Transition::CalendarRevoked { of: of.clone(), generation });
    }
}

impl Engine {
    pub(super) fn calendar_revoked(&mut self, of: &CalendarOf, generation: u64) {
        self.state.calendars.insert(of.clone(), generation);
    }
}
