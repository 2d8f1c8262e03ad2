//! `handoff` of a schedule: who is told when somebody else comes on call.

use std::collections::BTreeMap;

use super::Compiler;
use crate::config::format;
use crate::config::keys;
use crate::config::tree::Entry;
use crate::config::view::View;
use crate::domain::Name;
use crate::engine::handoff::HandoffRule;
use crate::engine::limits::HANDOFF_BEFORE_MAX;

impl Compiler<'_> {
    pub(super) fn handoffs(&mut self) -> BTreeMap<Name, HandoffRule> {
        let entries: Vec<&Entry> = self.things("schedules").collect();
        let mut rules = BTreeMap::new();
        for entry in entries {
            let of_schedule = View::entry(entry, &keys::SCHEDULE);
            let Some(node) = of_schedule.get("handoff") else { continue };
            let view = View::item(node, &keys::HANDOFF);
            let before = view.span("before");
            if before.is_some_and(|span| span > HANDOFF_BEFORE_MAX) {
                let text = format!("a handoff is told at most {HANDOFF_BEFORE_MAX} before");
                self.error("out-of-range", view.place_of("before"), text);
            }
            let tell = view.texts("tell");
            let tell = tell.iter().filter_map(|placed| format::destination(placed.text, self.defined).ok()).collect();
            let is_team = |name: &str| self.things("teams").any(|team| team.key == name);
            let own = || is_team(&entry.key).then(|| Name::from(entry.key.as_str()));
            let team = of_schedule.name("team").or_else(own);
            let check = view.texts("check").iter().map(|placed| placed.text.to_owned()).collect();
            rules.insert(Name::from(entry.key.as_str()), HandoffRule { before, tell, team, check });
        }
        rules
    }
}
