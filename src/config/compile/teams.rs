//! `[teams]`: ownership, deduplication, routes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Compiler;
use crate::config::diagnostic::Diagnostic;
use crate::config::format;
use crate::config::keys;
use crate::config::tree::{Entry, Node, Value};
use crate::config::view::View;
use crate::domain::{Destination, Name};
use crate::engine::policy::{Team, TeamDedup};
use crate::rules::dedup::DedupRule;
use crate::rules::priority::RaiseRule;
use crate::rules::route::Route;

impl Compiler<'_> {
    pub(super) fn teams(&mut self) -> BTreeMap<Name, Arc<Team>> {
        let entries: Vec<&Entry> = self.things("teams").collect();
        entries.into_iter().map(|entry| (Name::from(entry.key.as_str()), Arc::new(self.team(entry)))).collect()
    }

    fn team(&mut self, entry: &Entry) -> Team {
        let view = View::entry(entry, &keys::TEAM);
        let default = TeamDedup::default();
        let breach = dedup(view.get("dedup")).unwrap_or(default.breach);
        let resource = dedup(view.get("dedup_resource")).unwrap_or(default.resource);
        let routes = view.items("routes").iter().map(|item| self.route(item)).collect();
        Team {
            members: view.names("members"),
            manager: view.name("manager"),
            escalation: view.name("escalation"),
            dedup: TeamDedup { breach, resource },
            routes,
            reopen: view.span("reopen"),
            raise: raises(&view),
            roles: super::roles::targets(view.get("roles"), self),
        }
    }

    fn route(&mut self, item: &Node) -> Route {
        let view = View::item(item, &keys::ROUTE);
        let mut either = |one: &str, many: &str| {
            if let (Some(first), Some(second)) = (view.get(one), view.get(many)) {
                self.findings.push(
                    Diagnostic::error("two-of-one", second.place, format!("both `{one}` and `{many}` are set"))
                        .also(first.place, "the other one")
                        .hint("keep one of the two"),
                );
            }
            let mut names = view.names(one);
            names.extend(view.names(many));
            names
        };
        let (regions, environments) = (either("region", "regions"), either("environment", "environments"));
        let (services, priorities) = (either("service", "services"), either("priority", "priorities"));
        let mut tell: Vec<Destination> = Vec::new();
        for placed in view.texts("tell") {
            let Ok(destination) = format::destination(placed.text, self.defined) else { continue };
            if tell.contains(&destination) {
                self.findings.push(Diagnostic::warning("repeated", placed.place, "this route names the channel twice"));
            } else {
                tell.push(destination);
            }
        }
        Route { regions, environments, services, priorities, tell, go_on: view.truth("continue", false) }
    }
}

fn dedup(node: Option<&Node>) -> Option<DedupRule> {
    match &node?.value {
        Value::Text(pattern) => Some(DedupRule::Pattern(pattern.clone())),
        Value::List(items) => Some(DedupRule::Fields(items.iter().filter_map(|n| n.text().map(Name::from)).collect())),
        _ => None,
    }
}

/// `raise` of a team or an SLO.
pub(super) fn raises(view: &View<'_>) -> Vec<RaiseRule> {
    let raise = |item| {
        let view = View::item(item, &keys::RAISE);
        Some(RaiseRule {
            more_than: view.number("more_than")?,
            within: view.span("within")?,
            priority: view.name("priority")?,
        })
    };
    view.items("raise").iter().filter_map(raise).collect()
}
