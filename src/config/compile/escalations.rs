//! `[escalations]`: chains of steps.

use std::collections::BTreeMap;

use super::Compiler;
use crate::config::diagnostic::Diagnostic;
use crate::config::format;
use crate::config::keys;
use crate::config::tree::{Entry, Value};
use crate::config::view::View;
use crate::domain::Name;
use crate::engine::policy::{EscalationPolicy, EscalationStep, Target};

impl Compiler<'_> {
    pub(super) fn escalations(&mut self) -> BTreeMap<Name, EscalationPolicy> {
        let entries: Vec<&Entry> = self.things("escalations").collect();
        entries.into_iter().map(|entry| (Name::from(entry.key.as_str()), self.escalation(entry))).collect()
    }

    fn escalation(&mut self, entry: &Entry) -> EscalationPolicy {
        let view = View::entry(entry, &keys::ESCALATION);
        let repeat = match view.get("repeat").map(|n| &n.value) {
            Some(Value::Text(_)) => None,
            _ => Some(view.number("repeat").unwrap_or(0)),
        };
        let mut steps = Vec::new();
        for item in view.items("steps") {
            let step = View::item(item, &keys::STEP);
            let mut notify: Vec<Target> = Vec::new();
            for placed in step.texts("notify") {
                let Ok(target) = format::target(placed.text, self.defined) else { continue };
                if notify.contains(&target) {
                    self.findings.push(Diagnostic::warning(
                        "repeated",
                        placed.place,
                        "this step names the target twice",
                    ));
                } else {
                    notify.push(target);
                }
            }
            if let Some(wait) = step.span("wait") {
                steps.push(EscalationStep { notify, wait });
            }
        }
        EscalationPolicy { name: entry.key.as_str().into(), steps, repeat, ack_timeout: view.span("ack_timeout") }
    }
}
