//! Routes that are never reached, because earlier ones without `continue` take everything that they match.

use std::collections::BTreeMap;

use super::{Subject, items};
use crate::config::diagnostic::{Diagnostic, Findings};
use crate::domain::Name;
use crate::engine::policy::Environment;
use crate::rules::route::Route;

/// Most combinations of one route that are looked at. Beyond: the route is taken as reached.
const CELLS_MAX: usize = 4096;

/// A combination of values that a route names; `None` where it takes any.
type Cell<'a> = [Option<&'a Name>; 4];

pub(super) fn prove(subject: &Subject<'_>, findings: &mut Findings) {
    for (name, team) in &subject.policy.teams {
        let nodes = items(subject.value("teams", name, "routes"));
        for (index, route) in team.routes.iter().enumerate() {
            let earlier = &team.routes[..index];
            let Some(by) = shadow(route, earlier, &subject.policy.environments) else { continue };
            let Some(node) = nodes.get(index) else { continue };
            let mut finding = Diagnostic::warning(
                "shadowed-route",
                node.place,
                format!("route {} of team `{name}` is never reached", index + 1),
            );
            for first in by.iter().filter_map(|i| Some((i + 1, nodes.get(*i)?))).take(3) {
                finding = finding.also(first.1.place, format!("route {} takes it first", first.0));
            }
            findings.push(finding.hint("put the narrower route first, or add `continue = true` to the earlier one"));
        }
    }
}

/// The earlier routes that together take everything of `route`, by number from 0; `None` when something is left.
fn shadow(route: &Route, earlier: &[Route], environments: &BTreeMap<Name, Environment>) -> Option<Vec<usize>> {
    let mut by = Vec::new();
    for cell in cells(route)? {
        let first = earlier.iter().position(|r| !r.go_on && takes(r, cell, environments))?;
        if !by.contains(&first) {
            by.push(first);
        }
    }
    Some(by)
}

fn takes(
    route: &Route,
    [region, environment, service, priority]: Cell<'_>,
    known: &BTreeMap<Name, Environment>,
) -> bool {
    let fits = |names: &[Name], value: Option<&Name>| names.is_empty() || value.is_some_and(|v| names.contains(v));
    // An environment implies its region.
    let region = region.or_else(|| known.get(environment?)?.region.as_ref());
    fits(&route.regions, region)
        && fits(&route.environments, environment)
        && fits(&route.services, service)
        && fits(&route.priorities, priority)
}

/// All combinations of a route; `None` when there are too many.
fn cells(route: &Route) -> Option<Vec<Cell<'_>>> {
    let mut cells: Vec<Cell<'_>> = vec![[None; 4]];
    for (axis, names) in
        [&route.regions, &route.environments, &route.services, &route.priorities].into_iter().enumerate()
    {
        if names.is_empty() {
            continue;
        }
        if cells.len().saturating_mul(names.len()) > CELLS_MAX {
            return None;
        }
        cells = cells
            .iter()
            .flat_map(|cell| {
                names.iter().map(move |name| {
                    let mut cell = *cell;
                    cell[axis] = Some(name);
                    cell
                })
            })
            .collect();
    }
    Some(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_combinations_of_a_route_are_looked_at() {
        let names = |count: usize| (0..count).map(|n| Name::from(format!("n{n}"))).collect::<Vec<_>>();
        let route = |regions: usize, services: usize| Route {
            regions: names(regions),
            environments: Vec::new(),
            services: names(services),
            priorities: Vec::new(),
            tell: Vec::new(),
            go_on: false,
        };
        assert_eq!(cells(&route(64, CELLS_MAX / 64)).map(|cells| cells.len()), Some(CELLS_MAX));
        assert_eq!(cells(&route(64, CELLS_MAX / 64 + 1)), None);
    }
}
