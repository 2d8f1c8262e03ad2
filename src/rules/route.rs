//! Routes: which channels of a team hear of an alert, per region, environment, service and priority. The first that matches wins.
//!
//! Absent on purpose: people (escalation finds them), and a fallback when nothing matches: the engine says so in the trace, and the
//! page goes out all the same.

use super::Because;
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

impl Route {
    /// The four conditions, in the order of the fields.
    const fn conditions(&self) -> [&Vec<Name>; 4] {
        [&self.regions, &self.environments, &self.services, &self.priorities]
    }

    fn matches(&self, values: [Option<&str>; 4]) -> bool {
        let allows = |(names, value): (&Vec<Name>, Option<&str>)| {
            names.is_empty() || value.is_some_and(|value| names.iter().any(|name| name == value))
        };
        self.conditions().into_iter().zip(values).all(allows)
    }

    /// Whether everything that `other` matches is matched by this one too.
    fn covers(&self, other: &Self) -> bool {
        self.conditions().into_iter().zip(other.conditions()).all(|(mine, theirs)| {
            mine.is_empty() || (!theirs.is_empty() && theirs.iter().all(|name| mine.contains(name)))
        })
    }
}

/// The channels that hear of an alert, each once, in the order of the routes, and why. An absent value fits only routes that do
/// not ask for it. The team of [`Because::NoRoute`] is left empty; the caller knows it.
#[must_use]
pub fn select<'a>(
    routes: &'a [Route],
    region: Option<&str>,
    environment: Option<&str>,
    service: Option<&str>,
    priority: Option<&str>,
) -> (Vec<&'a Destination>, Because) {
    let values = [region, environment, service, priority];
    let mut destinations: Vec<&Destination> = Vec::new();
    let mut numbers = Vec::new();
    for (number, route) in (1..).zip(routes) {
        if !route.matches(values) {
            continue;
        }
        numbers.push(number);
        for destination in &route.tell {
            if !destinations.contains(&destination) {
                destinations.push(destination);
            }
        }
        if !route.go_on {
            break;
        }
    }
    if numbers.is_empty() {
        return (destinations, Because::NoRoute { team: Name::default() });
    }
    let count = u32::try_from(destinations.len()).unwrap_or(u32::MAX);
    (destinations, Because::Routed { routes: numbers, destinations: count })
}

/// Pairs `(i, j)` of positions from 0: route `i` can never match, since the earlier route `j` takes everything that it would.
/// Only the first such `j` is named; several routes that together take everything are not found.
#[must_use]
pub fn shadowed(routes: &[Route]) -> Vec<(usize, usize)> {
    let by = |(i, route): (usize, &Route)| {
        let j = routes[..i].iter().position(|earlier| !earlier.go_on && earlier.covers(route))?;
        Some((i, j))
    };
    routes.iter().enumerate().filter_map(by).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(regions: &[&str], priorities: &[&str], tell: &[&str], go_on: bool) -> Route {
        let names = |list: &[&str]| list.iter().map(|n| Name::from(*n)).collect::<Vec<_>>();
        Route {
            regions: names(regions),
            environments: Vec::new(),
            services: Vec::new(),
            priorities: names(priorities),
            tell: tell.iter().map(|t| t.parse().unwrap()).collect(),
            go_on,
        }
    }

    fn told(routes: &[Route], region: Option<&str>, priority: Option<&str>) -> Vec<String> {
        select(routes, region, None, None, priority).0.into_iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_first_route_that_matches_wins() {
        let routes = [route(&["eu"], &[], &["teams:eu"], false), route(&[], &[], &["teams:all"], false)];
        assert_eq!(told(&routes, Some("eu"), None), ["teams:eu"]);
        assert_eq!(told(&routes, Some("us"), None), ["teams:all"]);
        assert_eq!(told(&routes, None, None), ["teams:all"]);
    }

    #[test]
    fn a_route_that_goes_on_adds_to_later_ones_and_nobody_is_told_twice() {
        let routes = [
            route(&[], &["P1"], &["teams:war", "teams:all"], true),
            route(&["eu"], &[], &["teams:eu"], true),
            route(&[], &[], &["teams:all"], false),
            route(&[], &[], &["teams:never"], false),
        ];
        let (destinations, because) = select(&routes, Some("eu"), None, None, Some("P1"));
        assert_eq!(destinations.len(), 3);
        assert_eq!(because.to_string(), "routes 1, 2 and 3 of the team: 3 channels");
        assert_eq!(told(&routes, Some("eu"), None), ["teams:eu", "teams:all"]);
    }

    #[test]
    fn without_a_match_nobody_is_told_and_it_is_said() {
        let routes = [route(&["eu"], &[], &["teams:eu"], false)];
        let (destinations, because) = select(&routes, Some("us"), None, None, None);
        assert!(destinations.is_empty());
        assert_eq!(because, Because::NoRoute { team: Name::default() });
    }

    #[test]
    fn routes_behind_a_wider_one_are_shadowed() {
        let routes = [
            route(&["eu", "us"], &[], &["teams:a"], false),
            route(&["eu"], &["P1"], &["teams:b"], false),
            route(&["jp"], &[], &["teams:c"], true),
            route(&["jp"], &[], &["teams:d"], false),
            route(&[], &[], &["teams:e"], false),
            route(&[], &["P1"], &["teams:f"], false),
        ];
        assert_eq!(shadowed(&routes), [(1, 0), (5, 4)]);
    }
}
