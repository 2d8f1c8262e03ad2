//! `[services]` and whose SLOs they have.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Compiler;
use super::levels::links;
use crate::config::diagnostic::{Diagnostic, quotable};
use crate::config::keys;
use crate::config::shape::Table;
use crate::config::source::Place;
use crate::config::tree::{Entry, Node};
use crate::config::view::View;
use crate::domain::Name;
use crate::engine::policy::{BudgetPolicy, Service};
use crate::rules::burn_rate::BurnPair;

impl Compiler<'_> {
    pub(super) fn services(&mut self) -> BTreeMap<Name, Service> {
        let packs = self.packs();
        let policies = self.budget_policies();
        let entries: Vec<&Entry> = self.things("services").collect();
        entries
            .into_iter()
            .filter_map(|entry| Some((Name::from(entry.key.as_str()), self.service(entry, &packs, &policies)?)))
            .collect()
    }

    fn service(
        &mut self,
        entry: &Entry,
        packs: &BTreeMap<Name, Vec<BurnPair>>,
        policies: &BTreeMap<Name, Arc<BudgetPolicy>>,
    ) -> Option<Service> {
        let view = View::entry(entry, &keys::SERVICE);
        let policy = view.text("budget_policy").and_then(|name| policies.get(name));
        let mut links = links(&view);
        for title in ["runbook", "dashboard", "logs"] {
            if let Some(url) = view.string(title)
                && links.insert(title.into(), url).is_some()
            {
                self.findings.push(
                    Diagnostic::error(
                        "defined-twice",
                        view.place_of(title),
                        format!("the link `{title}` is defined twice"),
                    )
                    .hint("it is in `links` too; keep one of the two"),
                );
            }
        }
        let mut slos = Vec::new();
        let mut names: BTreeMap<Name, Place> = BTreeMap::new();
        let mut subjects: BTreeMap<(Option<Name>, Name), Place> = BTreeMap::new();
        for item in view.items("slo") {
            let view = View::item(item, &keys::SLO);
            let (Some(name), Some(sli)) = (view.name("name"), view.name("sli")) else { continue };
            let place = view.place_of("name");
            if let Some(first) = names.insert(name.clone(), place) {
                self.findings.push(
                    Diagnostic::error(
                        "defined-twice",
                        place,
                        format!("two SLOs of this service are called `{}`", quotable(&name)),
                    )
                    .also(first, "the other one"),
                );
            }
            let endpoint = view.name("endpoint");
            if let Some(first) = subjects.insert((endpoint.clone(), sli.clone()), place) {
                self.findings.push(
                    Diagnostic::warning("same-subject", place, "two SLOs have the same endpoint and SLI")
                        .also(first, "the other one")
                        .note("a breach that does not name its SLO goes to the first"),
                );
            }
            slos.extend(self.slo(&view, (name, endpoint, sli), packs, policy).map(Arc::new));
        }
        let defaults = view.get("default_slo").map(Node::entries).unwrap_or_default();
        let mut default_slos = BTreeMap::new();
        for default in defaults {
            let sli = Name::from(default.key.as_str());
            let name = Name::from(format!("default {sli} of {}", entry.key));
            let shape: &'static Table = &keys::DEFAULT_SLO;
            let slo = self.slo(&View::entry(default, shape), (name, None, sli.clone()), packs, policy);
            default_slos.extend(slo.map(|slo| (sli, Arc::new(slo))));
        }
        Some(Service {
            team: view.name("team")?,
            environments: view.names("environments"),
            depends_on: view.names("depends_on"),
            links,
            slos,
            default_slos,
        })
    }
}
