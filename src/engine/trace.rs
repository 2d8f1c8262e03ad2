//! The trace: what every rule that looked at an input saw and answered. Made by the call that decides, committed with it.

use serde::{Deserialize, Serialize};

use crate::domain::IncidentId;
use crate::rules::{Because, RuleKind};

/// Lines in the order in which rules spoke.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Trace {
    /// The lines.
    pub lines: Vec<TraceLine>,
}

/// One rule's word.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TraceLine {
    /// The incident that it is about, once there is one.
    pub incident: Option<IncidentId>,
    /// Which rule.
    pub rule: RuleKind,
    /// What it saw and answered.
    pub because: Because,
}

impl Trace {
    /// Adds a line.
    pub fn say(&mut self, incident: Option<IncidentId>, rule: RuleKind, because: Because) {
        self.lines.push(TraceLine { incident, rule, because });
    }

    /// Whether it tells what a person did, or wanted.
    #[must_use]
    pub fn tells_of_an_act(&self) -> bool {
        self.lines.iter().any(|line| line.rule == RuleKind::Person)
    }
}
