//! Links: runbook, dashboard, logs and work items first, each once.
//!
//! A runbook is the team's word: that of the SLO, then that of the service, then the sender's. Of other links the sender's comes
//! first, since it may be about the very minutes of the breach.

use super::{LINKS_MAX, NAME_MAX, URL_MAX, View};
use crate::channel::Link;
use crate::channel::text::{one_line, short};
use crate::domain::{ChannelKind, ChannelRef};
use crate::engine::state::Incident;

/// The titles that people look for first, in this order.
const FIRST: [&str; 3] = ["runbook", "dashboard", "logs"];

/// A `http` or `https` URL of a length that can be passed on.
pub fn web_url(text: &str) -> Option<&str> {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let is_clean = text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    (is_web && is_clean && text.len() <= URL_MAX).then_some(text)
}

/// What other services made of an incident and keep at a place of its own: the channel, the id there, and where it is.
pub fn work_items(incident: &Incident) -> impl Iterator<Item = (&ChannelRef, &str, &str)> {
    incident.sent.iter().filter_map(|sent| {
        let receipt = sent.receipt.as_deref().filter(|receipt| receipt.channel.kind == ChannelKind::Http)?;
        Some((&receipt.channel, receipt.message.as_str(), web_url(&receipt.place)?))
    })
}

/// All links, those of [`FIRST`] in front.
pub fn links(view: &View<'_>) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    let mut add = |title: &str, url: &str| {
        let (title, Some(url)) = (titled(title), web_url(url)) else { return };
        if links.len() < LINKS_MAX && !links.iter().any(|l| l.title == title || l.url == url) {
            links.push(Link { title, url: url.to_owned() });
        }
    };
    let of_slo = |title: &str| view.slo.and_then(|slo| slo.links.get(title)).map(String::as_str);
    let of_service = |title: &str| view.service.and_then(|service| service.links.get(title)).map(String::as_str);
    for title in FIRST {
        let sent = view.event.link(title);
        let url = match title {
            "runbook" => of_slo(title).or_else(|| of_service(title)).or(sent),
            _ => sent.or_else(|| of_slo(title)).or_else(|| of_service(title)),
        };
        if let Some(url) = url {
            add(title, url);
        }
    }
    for (_, id, url) in work_items(view.incident) {
        add(&format!("work item {id}"), url);
    }
    let detail = view.event.detail.as_deref();
    for (title, url) in detail.iter().flat_map(|d| d.links.iter().chain(d.context.iter())) {
        add(title, url);
    }
    for (name, url) in &view.event.annotations {
        if let Some(title) = name.strip_suffix("_url") {
            add(title, url);
        }
    }
    let of_slo = view.slo.iter().flat_map(|slo| &slo.links);
    let of_service = view.service.iter().flat_map(|service| &service.links);
    for (title, url) in of_slo.chain(of_service) {
        add(title, url);
    }
    if let Some(newest) = detail.and_then(|d| d.deployments.first())
        && let Some(url) = &newest.url
    {
        add(&format!("deployment {}", newest.version), url);
    }
    links
}

/// `error_logs` reads `Error logs`; what Alertmanager calls the generator is the query that fired.
fn titled(name: &str) -> String {
    if name == "generator" {
        return "Query".to_owned();
    }
    let name = short(&one_line(name).replace('_', " "), NAME_MAX);
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
