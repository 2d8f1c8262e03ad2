//! What was understood, as TOML.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Catalogue, Level, Pack, Rule, free, strict};

/// A file of configuration. `team` owns the services that name none.
pub fn toml(catalogue: &Catalogue, team: &str) -> String {
    let mut out = String::new();
    let mut rules = BTreeSet::new();
    for service in &catalogue.services {
        let name = key(&service.name);
        let owner = service.team.as_deref().unwrap_or(team);
        line(&mut out, format_args!("[services.{name}]\nteam = {}\n", text(owner)));
        for level in &service.levels {
            slo(&mut out, &name, level);
        }
        for level in &service.levels {
            if let Some(rule) = &level.rule {
                let wanted = strict(&format!("{}-{}", service.name, level.name));
                let name = free(&wanted, |name| rules.contains(name));
                metric(&mut out, &name, &service.name, level, rule);
                rules.insert(name);
            }
        }
    }
    for pack in &catalogue.packs {
        burn(&mut out, pack);
    }
    out
}

fn slo(out: &mut String, service: &str, level: &Level) {
    line(out, format_args!("[[services.{service}.slo]]\nname = {}", text(&level.name)));
    if let Some(endpoint) = &level.endpoint {
        line(out, format_args!("endpoint = {}", text(endpoint)));
    }
    line(out, format_args!("sli = {}\nobjective = {}", text(&level.sli), text(&level.objective)));
    if let Some(threshold) = &level.threshold {
        line(out, format_args!("threshold = {}", text(threshold)));
    }
    line(out, format_args!("period = {}", text(&level.period)));
    for more in &level.more {
        line(out, format_args!("{more}"));
    }
    if let Some(burn) = &level.burn {
        line(out, format_args!("burn = {}", text(burn)));
    }
    out.push('\n');
}

fn metric(out: &mut String, name: &str, service: &str, level: &Level, rule: &Rule) {
    line(out, format_args!("[metrics.{}]", key(name)));
    match rule {
        Rule::Good { total, good } => line(out, format_args!("total = {}\ngood = {}", text(total), text(good))),
        Rule::Bad { total, bad } => line(out, format_args!("total = {}\nbad = {}", text(total), text(bad))),
        Rule::Histogram { histogram, threshold } => {
            line(out, format_args!("histogram = {}\nthreshold = {}", text(histogram), text(threshold)));
        }
    }
    line(out, format_args!("service = {}\nsli = {}", template(service), text(&level.sli)));
    if let Some(endpoint) = &level.endpoint {
        line(out, format_args!("endpoint = {}", template(endpoint)));
    }
    out.push('\n');
}

fn burn(out: &mut String, pack: &Pack) {
    line(out, format_args!("[burn.{}]\nabout = {}\npairs = [", key(&pack.name), text(&pack.about)));
    for pair in &pack.pairs {
        let mut fields =
            format!("name = {}, factor = {}, long = {}", text(&pair.name), text(&pair.factor), text(&pair.long));
        for (key, value) in [("short", &pair.short), ("for", &pair.hold), ("keep", &pair.keep)] {
            if let Some(value) = value {
                let _ = write!(fields, ", {key} = {}", text(value));
            }
        }
        for (key, is_set) in [("ticket", pair.ticket), ("at_least", pair.at_least)] {
            if is_set {
                let _ = write!(fields, ", {key} = true");
            }
        }
        line(out, format_args!("  {{ {fields} }},"));
    }
    out.push_str("]\n\n");
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = out.write_fmt(text);
    out.push('\n');
}

/// A text of one line in quotes: single ones where there is much to escape.
pub(super) fn text(value: &str) -> String {
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if value.contains(['"', '\\']) && !value.contains('\'') { format!("'{value}'") } else { quoted(&value) }
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A name that stands for itself where labels could be.
fn template(value: &str) -> String {
    text(&value.replace('{', "{{").replace('}', "}}"))
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let line: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if bare { line } else { quoted(&line) }
}
