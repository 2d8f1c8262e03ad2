//! Routes: which channels of a team hear of an alert, per region, environment, service and priority. The first that matches wins.

use crate::domain::{Destination, Name};

/// One route of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Regions it is for; empty: all.
    pub regions: Vec<Name>,
    /// Environments it is for; empty: all.
    pub environments: Vec<Name>,
    /// Services it is for; empty: all.
    pub services: Vec<Name>,
    /// Priorities it is for; empty: all, also unset.
    pub priorities: Vec<Name>,
    /// Channels that are told.
    pub tell: Vec<Destination>,
    /// Whether later routes are looked at too.
    pub go_on: bool,
}
