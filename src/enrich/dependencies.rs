//! Services that this one calls, and how they fare: those that the sender reports on, then those that only the catalogue knows.

use super::facts::{percent_text, status_word};
use super::{DEPENDENCIES_MAX, NAME_MAX, View};
use crate::channel::Fact;
use crate::channel::text::short;
use crate::domain::{Dependency, Name};

/// `users`: `99.2% available, 12% of its budget left, endangered`.
pub fn dependencies(view: &View<'_>) -> Vec<Fact> {
    let reported: &[Dependency] = view.event.detail.as_deref().map_or(&[], |d| &d.dependencies);
    let known: &[Name] = view.service.map_or(&[], |service| &service.depends_on);
    let silent = known.iter().filter(|name| reported.iter().all(|dependency| dependency.service != **name));
    let reported =
        reported.iter().map(|dependency| Fact { name: short(&dependency.service, NAME_MAX), value: state(dependency) });
    let silent = silent.map(|name| Fact { name: short(name, NAME_MAX), value: "state not reported".to_owned() });
    reported.chain(silent).take(DEPENDENCIES_MAX).collect()
}

fn state(dependency: &Dependency) -> String {
    let available = dependency.availability.as_deref().map(|text| format!("{} available", percent_text(text)));
    let budget = dependency
        .budget_remaining_percent
        .as_deref()
        .map(|text| format!("{} of its budget left{}", percent_text(text), status_word(text)));
    let parts: Vec<String> = available.into_iter().chain(budget).collect();
    if parts.is_empty() { "state not reported".to_owned() } else { parts.join(", ") }
}
