//! `[schedules]`, `[holidays]` and `[[overrides]]`.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::Compiler;
use crate::config::diagnostic::{Diagnostic, quotable};
use crate::config::format;
use crate::config::keys;
use crate::config::source::Place;
use crate::config::tree::{Entry, Node, Value};
use crate::config::view::{View, date, placed};
use crate::domain::Name;
use crate::schedule::{
    Layer, Live, Override, OverrideKind, Rotation, RotationUnit, Schedule, ScheduleSpec, WhenAbsent, Zone,
};

/// Keys of the simple form; with `layers` they belong into a layer.
const SIMPLE: [&str; 10] = ["users", "rotate", "on", "handoff_cron", "start", "anchor", "end", "hours", "off", "only"];

impl<'a> Compiler<'a> {
    pub(super) fn schedules(&mut self) -> BTreeMap<Name, Schedule> {
        let entries: Vec<&'a Entry> = self.things("schedules").collect();
        let mut schedules = BTreeMap::new();
        for entry in entries {
            let before = self.findings.errors();
            let spec = self.schedule(entry);
            if self.findings.errors() == before {
                schedules.insert(Name::from(entry.key.as_str()), Schedule::new(spec));
            }
        }
        schedules
    }

    fn schedule(&mut self, entry: &'a Entry) -> ScheduleSpec {
        let view = View::entry(entry, &keys::SCHEDULE);
        let timezone = self.zone_of(&view).unwrap_or_else(|| self.zone.clone());
        let roles = self.roles(&view);
        let mut layers = Vec::new();
        match (view.get("users"), view.get("layers")) {
            (None, None) => self.findings.push(
                Diagnostic::error(
                    "no-users",
                    view.place,
                    format!("schedule `{}` has nobody in it", quotable(&entry.key)),
                )
                .hint("add `users = [\"…\"]`, or layers as `[[schedules.NAME.layers]]`"),
            ),
            (_, None) => layers.extend(self.layer(&view, &roles, false)),
            (_, Some(list)) => {
                if let Some(key) = SIMPLE.into_iter().find(|k| view.get(k).is_some()) {
                    self.findings.push(
                        Diagnostic::error(
                            "two-forms",
                            view.place_of(key),
                            format!("schedule `{}` has layers and `{key}` of its own", quotable(&entry.key)),
                        )
                        .also(list.place, "the layers")
                        .hint("with layers, put this into a layer"),
                    );
                }
                for item in view.items("layers") {
                    let view = View::item(item, &keys::LAYER);
                    layers.extend(self.layer(&view, &roles, true));
                }
            }
        }
        let live = self.live(&view);
        let overrides = self.overrides(&entry.key, &timezone, &roles, &layers);
        ScheduleSpec {
            name: entry.key.as_str().into(),
            team: view.name("team"),
            timezone,
            roles,
            layers,
            overrides,
            live,
        }
    }

    /// Which layers are off on days of which calendars, and what becomes of the turn of somebody who is absent. A layer that could not be
    /// read counts all the same: then nothing comes into force anyway.
    fn live(&self, view: &View<'a>) -> Live {
        let layers = view.items("layers");
        let views = if layers.is_empty() {
            vec![None]
        } else {
            layers.iter().map(|item| Some(View::item(item, &keys::LAYER))).collect::<Vec<_>>()
        };
        let mut off = Vec::new();
        for (number, layer) in views.iter().enumerate() {
            for item in layer.as_ref().unwrap_or(view).items("off") {
                let Value::Text(text) = &item.value else { continue };
                let calendar = text.strip_prefix("holidays.").unwrap_or(text);
                let found = self.root.get("holidays").and_then(|h| h.entries().iter().find(|e| e.key == calendar));
                if found.is_some_and(|entry| entry.node.get("dates").is_none() || is_read(entry)) {
                    off.push((number, Name::from(calendar)));
                }
            }
        }
        let absent = match view.text("when_absent") {
            Some("next") => WhenAbsent::Next,
            _ => WhenAbsent::Warn,
        };
        Live { off, absent }
    }

    fn roles(&mut self, view: &View<'a>) -> Vec<Name> {
        let mut roles: Vec<Name> = Vec::new();
        for role in view.texts("roles") {
            if role.text.contains('/') {
                self.error("bad-name", role.place, "a role must not contain `/`");
            }
            if roles.iter().any(|r| r == role.text) {
                self.error("defined-twice", role.place, format!("the role `{}` is listed twice", quotable(role.text)));
            } else {
                roles.push(role.text.into());
            }
        }
        roles
    }

    /// Reads a layer, or a schedule of the simple form as its only one (`own` is false), whose zone and roles are the schedule's.
    fn layer(&mut self, view: &View<'a>, roles: &[Name], own: bool) -> Option<Layer> {
        let name = if own { view.name("name") } else { None };
        let turns: Vec<Vec<Name>> = view.items("users").iter().map(people).collect();
        if turns.is_empty() {
            self.findings.push(
                Diagnostic::error("no-users", view.place, "this layer lacks `users`").hint("add `users = [\"…\"]`"),
            );
            return None;
        }
        let Some(start) = view.civil("start") else {
            self.findings.push(
                Diagnostic::error("missing-key", view.place, "`start` is missing")
                    .note("turns are counted from it, so that the answer never depends on when callout was started")
                    .hint("add for example `start = 2026-11-02T09:00:00`"),
            );
            return None;
        };
        let anchor = view.civil("anchor");
        if anchor.is_some_and(|anchor| anchor > start) {
            self.findings.push(
                Diagnostic::error("bad-anchor", view.place_of("anchor"), "`anchor` is after `start`")
                    .also(view.place_of("start"), "the start")
                    .note("it is the beginning of the first turn, so that a turn may already run at the start"),
            );
        }
        let end = view.civil("end");
        if end.is_some_and(|end| end <= start) {
            self.findings.push(
                Diagnostic::error("ends-first", view.place_of("end"), "`end` is not after `start`")
                    .also(view.place_of("start"), "the start"),
            );
        }
        let (timezone, own_roles) =
            if own { (self.zone_of(view), self.layer_roles(view, roles)) } else { (None, None) };
        Some(Layer {
            name: name.unwrap_or_default(),
            rotation: self.rotation(view, turns.len()),
            turns,
            start,
            anchor,
            end,
            timezone,
            roles: own_roles,
            restrictions: view.texts("hours").iter().filter_map(|p| format::hours(p.text).ok()).collect(),
            exclude_dates: self.dates(view, "off"),
            only_dates: view.get("only").map(|_| self.dates(view, "only")),
        })
    }

    fn layer_roles(&mut self, view: &View<'a>, roles: &[Name]) -> Option<Vec<Name>> {
        view.get("roles")?;
        for role in view.texts("roles") {
            if !roles.iter().any(|r| r == role.text) {
                let known: Vec<&str> = roles.iter().map(Name::as_str).collect();
                let problem = Diagnostic::error(
                    "unknown-role",
                    role.place,
                    format!("the schedule has no role `{}`", quotable(role.text)),
                );
                self.findings.push(match crate::config::diagnostic::nearest(role.text, known) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint("the schedule's own `roles` must list it"),
                });
            }
        }
        Some(view.names("roles"))
    }

    fn rotation(&mut self, view: &View<'a>, turns: usize) -> Rotation {
        let on: Vec<_> = view.texts("on").iter().filter_map(|p| format::weekday(p.text).ok()).collect();
        let rotate = view.text("rotate").and_then(|t| format::rotate(t).ok());
        let daily = matches!(rotate, Some(Some((RotationUnit::Day, _))));
        if !on.is_empty() && !daily {
            self.findings.push(
                Diagnostic::error("on-without-daily", view.place_of("on"), "`on` goes with `rotate = \"daily\"` only")
                    .note("it lists the weekdays on which a daily rotation hands over")
                    .hint("to limit the hours in which a layer counts, use `hours`"),
            );
        }
        match (rotate, view.text("handoff_cron")) {
            (Some(_), Some(_)) => {
                self.findings.push(
                    Diagnostic::error(
                        "two-of-one",
                        view.place_of("handoff_cron"),
                        "both `rotate` and `handoff_cron` are set",
                    )
                    .also(view.place_of("rotate"), "the other one")
                    .hint("keep one of the two"),
                );
                Rotation::None
            }
            (None, Some(cron)) => Rotation::Cron(cron.to_owned()),
            (Some(Some((unit, every))), None) => Rotation::Every { unit, every, on },
            (Some(None), None) => Rotation::None,
            (None, None) => {
                if turns > 1 {
                    self.findings.push(
                        Diagnostic::error(
                            "no-rotation",
                            view.place_of("users"),
                            "it is not said when the people take turns",
                        )
                        .hint("add for example `rotate = \"weekly\"` or `handoff_cron = \"0 8 * * MON,THU\"`"),
                    );
                }
                Rotation::None
            }
        }
    }

    /// Dates written out and those of calendars, sorted.
    fn dates(&self, view: &View<'a>, key: &str) -> Vec<Date> {
        let mut dates = Vec::new();
        for item in view.items(key) {
            match &item.value {
                Value::Time(time) => dates.extend(date(time)),
                Value::Text(text) => {
                    let calendar = text.strip_prefix("holidays.").unwrap_or(text);
                    let found = self.root.get("holidays").and_then(|h| h.entries().iter().find(|e| e.key == calendar));
                    if let Some(entry) = found {
                        let items = View::entry(entry, &keys::HOLIDAYS).items("dates");
                        dates.extend(items.iter().filter_map(|n| match &n.value {
                            Value::Time(time) => date(time),
                            _ => None,
                        }));
                    }
                }
                _ => {}
            }
        }
        dates.sort_unstable();
        dates.dedup();
        dates
    }

    fn overrides(&mut self, schedule: &str, zone: &Zone, roles: &[Name], layers: &[Layer]) -> Vec<Override> {
        let items: Vec<&'a Node> = self.items("overrides").collect();
        let mut overrides = Vec::new();
        for item in items {
            let view = View::item(item, &keys::OVERRIDE);
            if view.text("schedule") != Some(schedule) {
                continue;
            }
            let (Some(start), Some(end)) = (view.moment("from", &zone.tz), view.moment("to", &zone.tz)) else {
                continue;
            };
            if end <= start {
                self.findings.push(
                    Diagnostic::error("ends-first", view.place_of("to"), "`to` is not after `from`")
                        .also(view.place_of("from"), "the begin"),
                );
            }
            let role = view.name("role");
            if let Some(role) = &role
                && !roles.contains(role)
                && let Err(problem) = format::role_of(schedule, role, self.defined)
            {
                self.findings
                    .push(Diagnostic::error(problem.code, view.place_of("role"), problem.message).hints(problem.hints));
            }
            if let Some(kind) = self.override_kind(&view, layers) {
                overrides.push(Override { start, end, kind, role });
            }
        }
        overrides
    }

    fn override_kind(&mut self, view: &View<'a>, layers: &[Layer]) -> Option<OverrideKind> {
        let given: Vec<&str> =
            ["for", "who", "add", "remove", "swap"].into_iter().filter(|k| view.get(k).is_some()).collect();
        let kind = match given[..] {
            ["for", "who"] => {
                let mut who = view.names("who");
                if who.len() != 1 {
                    self.findings.push(
                        Diagnostic::error("bad-override", view.place_of("who"), "one person steps in for one")
                            .hint("leave out `for` to set several people, whoever was there"),
                    );
                    return None;
                }
                OverrideKind::Replace { user: view.name("for")?, with: who.remove(0) }
            }
            ["who"] => OverrideKind::Set(view.names("who")),
            ["add"] => OverrideKind::Add(view.names("add")),
            ["remove"] => OverrideKind::Remove(view.name("remove")?),
            ["swap"] => match <[Name; 2]>::try_from(view.names("swap")) {
                Ok([a, b]) if a != b => OverrideKind::Swap(a, b),
                _ => {
                    self.error("bad-override", view.place_of("swap"), "`swap` needs two different people");
                    return None;
                }
            },
            _ => {
                let message = match given[..] {
                    [] => "this override does not say what changes".to_owned(),
                    _ => format!("{} don't go together", crate::config::diagnostic::listed(&given, 5)),
                };
                self.findings.push(
                    Diagnostic::error("bad-override", given.last().map_or(view.place, |k| view.place_of(k)), message)
                        .hint("write `for` and `who`, `who` alone, `add`, `remove`, or `swap`"),
                );
                return None;
            }
        };
        let out: Vec<(&Name, Place)> = match &kind {
            OverrideKind::Replace { user, .. } => vec![(user, view.place_of("for"))],
            OverrideKind::Remove(user) => vec![(user, view.place_of("remove"))],
            _ => Vec::new(),
        };
        for (user, place) in out {
            if !layers.iter().any(|l| l.turns.iter().flatten().any(|u| u == user)) {
                self.findings.push(
                    Diagnostic::warning("no-effect", place, format!("`{user}` is not in this schedule"))
                        .note("the override acts only while this person is on call"),
                );
            }
        }
        Some(kind)
    }
}

/// Whether a calendar of days off is read from somewhere.
fn is_read(entry: &Entry) -> bool {
    ["ical_url", "ical_url_env", "ical_url_file", "ical_file"].iter().any(|key| entry.node.get(key).is_some())
}

/// The people of a turn.
fn people(turn: &Node) -> Vec<Name> {
    match &turn.value {
        Value::List(list) => placed(list).into_iter().map(|p| p.text.into()).collect(),
        _ => turn.text().map(Name::from).into_iter().collect(),
    }
}
