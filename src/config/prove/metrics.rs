//! Rules for metrics that feed nothing: what they count is judged by no SLO, so that nobody would ever hear of it.

use super::Subject;
use crate::config::diagnostic::{Diagnostic, Findings, listed, quotable};
use crate::config::metrics::Template;
use crate::config::tree::Node;
use crate::domain::Span;
use crate::engine::policy::{Service, Slo};

pub(super) fn prove(subject: &Subject<'_>, findings: &mut Findings) {
    for entry in subject.root.get("metrics").map(Node::entries).unwrap_or_default() {
        let text = |key: &str| entry.node.get(key).and_then(Node::text);
        let (Some(sli), Some(service)) = (text("sli"), text("service")) else { continue };
        let threshold = text("threshold").and_then(|text| Span::parse(text).ok());
        let literal = Template::parse(service).ok().and_then(|template| template.literal().cloned());
        let services: Vec<&Service> = match &literal {
            Some(name) => subject.policy.services.get(name).into_iter().collect(),
            None => subject.policy.services.values().collect(),
        };
        let slos: Vec<&Slo> = services.iter().flat_map(|service| slos(service)).collect();
        let fits = |slo: &&&Slo| slo.sli == sli && (threshold.is_none() || slo.threshold == threshold);
        if slos.iter().any(|slo| fits(&slo)) {
            continue;
        }
        let place = entry.node.get("sli").map_or(entry.key_place, |node| node.place);
        let whose = literal.map_or_else(|| "any service".to_owned(), |name| format!("`{}`", quotable(&name)));
        let message = format!("no SLO of {whose} judges what `{}` counts", quotable(&entry.key));
        let mut finding = Diagnostic::warning("feeds-nothing", place, message)
            .note("samples are kept, and nobody ever hears of them");
        if let (Some(wanted), Some(other)) = (threshold, slos.iter().find(|slo| slo.sli == sli)) {
            let theirs = other.threshold.map_or_else(|| "no threshold".to_owned(), |span| span.to_string());
            finding = finding.note(format!(
                "`{}` has the same SLI and {theirs}, while the rule counts events within {wanted}",
                quotable(&other.name)
            ));
            findings.push(finding.hint("make the two thresholds the same, or write an SLO with that of the rule"));
            continue;
        }
        let known: std::collections::BTreeSet<&str> = slos.iter().map(|slo| slo.sli.as_str()).collect();
        findings.push(if known.is_empty() {
            finding.hint(format!("write `default_slo.{} = {{ objective = … }}` for the service", quotable(sli)))
        } else {
            let known: Vec<&str> = known.into_iter().collect();
            finding.hint(format!("its SLOs are about {}; write one for `{}`", listed(&known, 5), quotable(sli)))
        });
    }
}

fn slos(service: &Service) -> impl Iterator<Item = &Slo> {
    service.slos.iter().chain(service.default_slos.values()).map(AsRef::as_ref)
}
