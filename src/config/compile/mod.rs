//! A checked tree into the engine's policy and the shell's settings. What only shows when several values are seen together is
//! checked here; things with mistakes are passed over, so that one mistake is reported once.

mod calendars;
mod channels;
mod escalations;
mod handoffs;
mod levels;
mod metrics;
mod notifiers;
mod people;
mod periods;
mod personal;
mod roles;
mod schedules;
mod services;
mod slack;
mod teams;
mod templates;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::diagnostic::{Diagnostic, Findings};
use super::keys;
use super::names::Defined;
use super::settings::{SecretRef, Settings};
use super::source::Place;
use super::tree::{Entry, Node};
use super::view::View;
use crate::domain::{Name, Span};
use crate::engine::Policy;
use crate::engine::digest::DigestRule;
use crate::engine::policy::{Environment, Organisation, Priority};
use crate::rules::maintenance::Maintenance;
use crate::schedule::{CivilCron, LocalTime, Zone};
use crate::slo::{Calendar, Unit};

/// Longest maintenance window. Beyond: a mistake of the configuration.
const MAINTENANCE_MAX: Span = Span::from_hours(7 * 24);
/// Re-open window where none is set.
const REOPEN_DEFAULT: Span = Span::from_minutes(30);

/// Shortest time of `[digest]`. Beyond: a mistake of the configuration.
const DIGEST_SPAN_MIN: Span = Span::from_seconds(1);
/// Longest time of `[digest]`: whoever is on call does not want to hear later. Beyond: a mistake of the configuration.
const DIGEST_SPAN_MAX: Span = Span::from_hours(1);

/// What compiling needs to know.
#[derive(Debug)]
pub struct Compiler<'a> {
    /// The merged tree.
    pub root: &'a Node,
    /// All names.
    pub defined: &'a Defined,
    /// Where mistakes go.
    pub findings: &'a mut Findings,
    /// Things with mistakes.
    pub faulty: &'a BTreeSet<Place>,
    /// Files with syntax errors.
    broken: &'a BTreeSet<u32>,
    /// Zone where none is written: the organisation's.
    zone: Zone,
    /// Zones in which people live, each read once.
    local_times: BTreeMap<Name, LocalTime>,
    /// Calendars of error budget periods, each made once; `None`: it has no boundaries.
    calendars: BTreeMap<(Unit, Name), Option<Arc<Calendar>>>,
}

impl<'a> Compiler<'a> {
    /// A compiler for the checked `root`.
    pub fn new(
        root: &'a Node,
        defined: &'a Defined,
        findings: &'a mut Findings,
        faulty: &'a BTreeSet<Place>,
        broken: &'a BTreeSet<u32>,
    ) -> Self {
        let zone = Zone { name: "UTC".into(), tz: TimeZone::UTC };
        let (local_times, calendars) = (BTreeMap::new(), BTreeMap::new());
        let mut compiler = Self { root, defined, findings, faulty, broken, zone, local_times, calendars };
        if let Some(zone) = compiler.organisation_view().and_then(|v| compiler.zone_of(&v)) {
            compiler.zone = zone;
        }
        compiler
    }

    /// Everything that is without mistakes. It is a usable policy only if there were none at all.
    pub fn run(&mut self, fingerprint: &str) -> (Policy, Settings) {
        let organisation = self.organisation();
        let priorities = self.priorities();
        let (channels, channel_settings) = self.channels();
        let policy = Policy {
            fingerprint: fingerprint.into(),
            organisation,
            priorities,
            environments: self.environments(),
            people: self.people(),
            teams: self.teams(),
            groups: self.groups(),
            services: self.services(),
            schedules: self.schedules(),
            escalations: self.escalations().into_iter().map(|(name, policy)| (name, Arc::new(policy))).collect(),
            maintenance: self.maintenance(),
            channels,
            severities: self.severities(),
            roles: self.role_targets(),
            handoffs: self.handoffs(),
            marks: BTreeMap::new(),
        };
        let link_key = self.organisation_view().and_then(|view| self.secret(&view, "link_key"));
        let (heartbeat, health) = (self.heartbeat(), self.health());
        let metrics = Arc::new(self.metrics());
        let templates = Arc::new(self.templates());
        let slack_groups = self.slack_groups(&channel_settings);
        let (calendars, calendars_every) = self.calendars();
        (
            policy,
            Settings {
                channels: channel_settings,
                tokens: self.tokens(),
                link_key,
                heartbeat,
                health,
                metrics,
                templates,
                directory: Arc::new(self.directory()),
                slack_groups,
                calendars,
                calendars_every,
            },
        )
    }

    /// The things of a map that are without mistakes.
    fn things(&self, table: &str) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let good = self.good();
        let entries = self.root.get(table).map(Node::entries).unwrap_or_default();
        entries.iter().filter(move |e| good(e.key_place))
    }

    /// The items of a list of tables that are without mistakes.
    fn items(&self, table: &str) -> impl Iterator<Item = &'a Node> + use<'a> {
        let good = self.good();
        let items = match self.root.get(table).map(|n| &n.value) {
            Some(super::tree::Value::List(items)) => items.as_slice(),
            _ => &[],
        };
        items.iter().filter(move |n| good(n.place))
    }

    /// Whether the thing at a place is without mistakes.
    fn good(&self) -> impl Fn(Place) -> bool + use<'a> {
        let (faulty, broken) = (self.faulty, self.broken);
        move |place| !faulty.contains(&place) && !broken.contains(&place.source)
    }

    fn error(&mut self, code: &'static str, place: Place, message: impl Into<String>) {
        self.findings.push(Diagnostic::error(code, place, message));
    }

    fn organisation_view(&self) -> Option<View<'a>> {
        let entry = self.root.entries().iter().find(|e| e.key == "organisation")?;
        Some(View::entry(entry, &keys::ORGANISATION))
    }

    /// The zone that a table names.
    fn zone_of(&self, view: &View<'a>) -> Option<Zone> {
        self.named_zone(view.text("timezone")?)
    }

    /// A zone by its name.
    fn named_zone(&self, name: &str) -> Option<Zone> {
        let tz = self.defined.zone(name)?;
        let name = tz.iana_name().unwrap_or(name).into();
        Some(Zone { name, tz })
    }

    /// A secret written as `<stem>_env` or `<stem>_file`; both are a mistake.
    fn secret(&mut self, view: &View<'a>, stem: &str) -> Option<SecretRef> {
        let (env, file) = (format!("{stem}_env"), format!("{stem}_file"));
        match (view.string(&env), view.string(&file)) {
            (Some(_), Some(_)) => {
                self.findings.push(
                    Diagnostic::error("two-of-one", view.place_of(&file), format!("both `{env}` and `{file}` are set"))
                        .also(view.place_of(&env), "the other one")
                        .hint("keep one of the two"),
                );
                None
            }
            (Some(variable), None) => Some(SecretRef::Env(variable)),
            (None, Some(path)) => Some(SecretRef::File(path.into())),
            (None, None) => None,
        }
    }

    /// When messages are gathered into one. Every value has a good default, so that nobody has to think of it before the storm.
    fn digest(&mut self) -> DigestRule {
        let default = DigestRule::default();
        let Some(entry) = self.root.entries().iter().find(|e| e.key == "digest") else { return default };
        let view = View::entry(entry, &keys::DIGEST);
        let (within, every) = (view.span("within"), view.span("every"));
        for (key, span) in [("within", within), ("every", every)] {
            if span.is_some_and(|span| span < DIGEST_SPAN_MIN || span > DIGEST_SPAN_MAX) {
                let text = format!("`{key}` is between {DIGEST_SPAN_MIN} and {DIGEST_SPAN_MAX}");
                self.error("out-of-range", view.place_of(key), text);
            }
        }
        DigestRule {
            singles: view.number("singles").unwrap_or(default.singles),
            within: within.unwrap_or(default.within),
            every: every.unwrap_or(default.every),
        }
    }

    fn organisation(&mut self) -> Organisation {
        let digest = self.digest();
        let view = self.organisation_view();
        let view = view.as_ref();
        Organisation {
            name: view.and_then(|v| v.name("name")).unwrap_or_default(),
            timezone: self.zone.name.clone(),
            url: view.and_then(|v| v.text("url")).map(|u| u.trim_end_matches('/').to_owned()),
            fallback: view.and_then(|v| v.name("fallback")),
            reopen: view.and_then(|v| v.span("reopen")).unwrap_or(REOPEN_DEFAULT),
            digest: Some(digest),
            require_verified: view.is_some_and(|v| v.truth("require_verified", false)),
        }
    }

    fn priorities(&mut self) -> BTreeMap<Name, Priority> {
        let mut priorities = BTreeMap::new();
        let mut entries: Vec<&Entry> = self.things("priorities").collect();
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        for (rank, entry) in entries.into_iter().enumerate() {
            let view = View::entry(entry, &keys::PRIORITY);
            // Ranks above 253 mean unknown and unset.
            let Some(rank) = u8::try_from(rank).ok().filter(|r| *r <= 253) else {
                self.error("too-many", entry.key_place, "there are more than 254 priorities");
                break;
            };
            let priority = Priority {
                meaning: view.string("meaning"),
                rank,
                hotfix: view.truth("hotfix", false),
                postmortem: view.truth("postmortem", false),
                tell_management: view.truth("tell_management", false),
                tell_stakeholders: view.truth("tell_stakeholders", false),
                update_every: view.span("update_every"),
                postmortem_within: view.span("postmortem_within"),
            };
            priorities.insert(Name::from(entry.key.as_str()), priority);
        }
        priorities
    }

    fn environments(&self) -> BTreeMap<Name, Environment> {
        self.things("environments")
            .map(|e| {
                let region = View::entry(e, &keys::ENVIRONMENT).name("region");
                (Name::from(e.key.as_str()), Environment { region })
            })
            .collect()
    }

    fn maintenance(&mut self) -> Vec<Maintenance> {
        let mut windows = Vec::new();
        for item in self.items("maintenance") {
            let view = View::item(item, &keys::MAINTENANCE);
            let (Some(name), Some(cron), Some(duration)) =
                (view.name("name"), view.text("cron").and_then(|t| CivilCron::parse(t).ok()), view.span("duration"))
            else {
                continue;
            };
            if duration > MAINTENANCE_MAX {
                self.findings.push(
                    Diagnostic::error(
                        "too-long",
                        view.place_of("duration"),
                        format!("a maintenance window of {duration} is longer than {MAINTENANCE_MAX}"),
                    )
                    .hint("for a longer quiet time make a silence: it has an author, a reason and an end"),
                );
                continue;
            }
            windows.push(Maintenance {
                name,
                cron,
                timezone: self.zone_of(&view).unwrap_or_else(|| self.zone.clone()),
                duration,
                services: view.names("services"),
                environments: view.names("environments"),
                excluded_because: view.string("excluded_because"),
            });
        }
        windows
    }
}
