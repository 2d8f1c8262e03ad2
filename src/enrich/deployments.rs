//! Recent deployments of the service, as the sender names them, with their distance from the breach: the first suspect of most breaches.

use super::words::length;
use super::{DEPLOYMENTS_MAX, NAME_MAX, View};
use crate::channel::Fact;
use crate::channel::text::short;
use crate::domain::{Deployment, Timestamp};

/// Newest first; those without a time last.
pub fn deployments(view: &View<'_>) -> Vec<Fact> {
    let Some(detail) = view.event.detail.as_deref() else { return Vec::new() };
    let mut newest: Vec<&Deployment> = detail.deployments.iter().collect();
    newest.sort_by_key(|deployment| std::cmp::Reverse(deployment.at));
    let fact = |deployment: &&Deployment| Fact {
        name: short(&deployment.version, NAME_MAX),
        value: deployment.at.map_or_else(|| "time not known".to_owned(), |at| when(view, at)),
    };
    newest.iter().take(DEPLOYMENTS_MAX).map(fact).collect()
}

/// `17 min before the breach, at 20:58 CET (19:58 UTC)`.
fn when(view: &View<'_>, at: Timestamp) -> String {
    let breach = view.incident.event.at;
    let distance = match at.cmp(&breach) {
        std::cmp::Ordering::Less => format!("{} before the breach", length(breach.since(at))),
        std::cmp::Ordering::Equal => "at the time of the breach".to_owned(),
        std::cmp::Ordering::Greater => format!("{} after the breach", length(at.since(breach))),
    };
    format!("{distance}, at {}", view.moment(at))
}
