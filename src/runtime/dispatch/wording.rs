//! Texts by template, in place of callout's own where one is configured. One that fails changes nothing: the built-in text goes out, a counter
//! goes up, and people hear of it once in a while.

use crate::channel::{Content, Measured, text};
use crate::config::template::{self, TemplateError, Templates, Values};
use crate::runtime::Handle;

/// Characters of a first line by template. Beyond, it is cut.
const HEADLINE_MAX: usize = 240;
/// Characters of a paragraph by template. Beyond, it is cut.
const DETAILS_MAX: usize = 2_000;
/// How the first line of a drill begins, whatever a template says: nobody must take it for real.
const DRILL: &str = "DRILL";

/// Writes what is to be said by template.
pub fn reword(handle: &Handle, templates: &Templates, content: &mut Content) {
    if templates.is_empty() {
        return;
    }
    let (headline, details) = (templates.headline(&content.team), templates.details(&content.team));
    if headline.is_none() && details.is_none() {
        return;
    }
    let values = values(content);
    let told = |name: &str, made: Result<String, TemplateError>| {
        made.map_err(|error| failed(handle, &content.team, name, &error)).ok()
    };
    let headline = headline.and_then(|source| told("headline", template::render(source, &values)));
    let details = details.and_then(|source| told("details", template::render(source, &values)));
    if let Some(headline) = headline {
        content.headline = first_line(headline, content.drill);
    }
    if let Some(details) = details {
        content.summary = Some(paragraph(&details));
    }
}

fn first_line(headline: String, drill: bool) -> String {
    let marked = !drill || headline.starts_with(DRILL);
    let headline = if marked { headline } else { format!("{DRILL}: {headline}") };
    text::short(&headline, HEADLINE_MAX)
}

fn paragraph(details: &str) -> String {
    text::cut(&text::lines(details), DETAILS_MAX).into_owned()
}

fn values(content: &Content) -> Values<'_> {
    fn pairs(all: &[(String, String)]) -> std::collections::BTreeMap<&str, &str> {
        all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
    Values {
        incident: content.incident.0,
        headline: &content.headline,
        details: content.summary.as_deref().unwrap_or_default(),
        status: content.status.as_str(),
        priority: content.priority.as_deref().unwrap_or_default(),
        severity: content.severity.as_deref().unwrap_or_default(),
        team: &content.team,
        service: content.service.as_deref().unwrap_or_default(),
        measured: content.measured.as_deref().map(measured).unwrap_or_default(),
        labels: pairs(&content.labels),
        annotations: pairs(&content.annotations),
    }
}

/// By the names of [`template::MEASURED`].
fn measured(of: &Measured) -> std::collections::BTreeMap<&'static str, String> {
    let long = of.windows.first();
    let figures = [
        ("burn", long.and_then(|window| window.burn.clone())),
        ("burn_short", of.windows.get(1).and_then(|window| window.burn.clone())),
        ("factor", of.factor.clone()),
        ("rule", of.rule.clone()),
        ("window", long.map(|window| window.length.clone())),
        ("bad", long.map(|window| window.bad.to_string())),
        ("total", long.map(|window| window.total.to_string())),
        ("failed_percent", long.and_then(|window| window.failed_percent.clone())),
        ("objective_percent", of.objective_percent.clone()),
        ("budget_left_percent", of.budget_remaining_percent.clone()),
        ("budget_gone_in", of.budget_gone_in.clone()),
    ];
    figures.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Writing nothing is a way to keep the built-in text; anything else is a mistake that somebody should mend.
fn failed(handle: &Handle, team: &str, name: &str, error: &TemplateError) {
    if *error == TemplateError::Empty {
        return;
    }
    let counters = handle.counters();
    counters.templates_failed.add(1);
    if counters.template_alarm.is_due(handle.now()) {
        let text =
            format!("the template `{name}` of team `{team}` failed, and callout's own text went out instead: {error}");
        handle.alarm(format!("template/{team}/{name}"), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_by_template_are_cut() {
        let whole = "x".repeat(HEADLINE_MAX);
        assert_eq!(first_line(whole.clone(), false), whole);
        assert!(first_line(format!("{whole}x"), false).ends_with("x…"));
        assert!(first_line(whole, true).starts_with("DRILL: x"));
        let whole = "x".repeat(DETAILS_MAX);
        assert_eq!(paragraph(&whole), whole);
        assert_eq!(paragraph(&format!("{whole}x")).chars().count(), DETAILS_MAX);
    }
}
