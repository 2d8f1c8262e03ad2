//! `[severities]` and `[roles]`: who is called in to a response.

use std::collections::BTreeMap;

use super::Compiler;
use crate::config::diagnostic::Diagnostic;
use crate::config::format;
use crate::config::keys;
use crate::config::tree::{Entry, Node};
use crate::config::view::View;
use crate::domain::Name;
use crate::engine::limits::ROLES_MAX;
use crate::engine::policy::Target;

impl Compiler<'_> {
    /// Roles by severity. A role that comes from nowhere is a mistake, since nobody would ever be called in for it.
    pub(super) fn severities(&mut self) -> BTreeMap<Name, Vec<Name>> {
        let Some(entry) = self.root.entries().iter().find(|e| e.key == "severities") else { return BTreeMap::new() };
        let view = View::entry(entry, &keys::SEVERITIES);
        let known = self.role_names();
        let mut severities = BTreeMap::new();
        for severity in ["critical", "error", "warning"] {
            let roles = view.texts(severity);
            if roles.len() > ROLES_MAX {
                let text = format!("a severity calls in at most {ROLES_MAX} roles");
                self.error("too-many", view.place_of(severity), text);
            }
            for role in &roles {
                if !known.iter().any(|name| name == role.text) {
                    let text = format!("nobody is called in as `{}`: no role of that name is configured", role.text);
                    let hint = format!("for example `[roles]` with `{} = \"schedule:…\"`", role.text);
                    self.findings.push(Diagnostic::error("unknown-role", role.place, text).hint(hint));
                }
            }
            if !roles.is_empty() {
                severities.insert(Name::from(severity), roles.iter().map(|role| Name::from(role.text)).collect());
            }
        }
        severities
    }

    /// Where the person for a role comes from.
    pub(super) fn role_targets(&self) -> BTreeMap<Name, Target> {
        targets(self.root.get("roles"), self)
    }

    /// The names of all roles, of the organisation and of teams.
    fn role_names(&self) -> Vec<String> {
        let teams = self.root.get("teams").map(Node::entries).unwrap_or_default();
        let of_teams = teams.iter().filter_map(|team| team.node.get("roles"));
        let all = self.root.get("roles").into_iter().chain(of_teams);
        all.flat_map(|roles| roles.entries().iter().map(|e| e.key.clone())).collect()
    }
}

/// A map of roles to targets.
pub(super) fn targets(node: Option<&Node>, compiler: &Compiler<'_>) -> BTreeMap<Name, Target> {
    let entries: &[Entry] = node.map(Node::entries).unwrap_or_default();
    let target = |e: &Entry| format::target(e.node.text()?, compiler.defined).ok();
    entries.iter().filter_map(|e| Some((Name::from(e.key.as_str()), target(e)?))).collect()
}
