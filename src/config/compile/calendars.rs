//! `[calendars]`, and the calendars of `[holidays]` and `[people]` that are read while callout runs.

use super::Compiler;
use crate::config::diagnostic::Diagnostic;
use crate::config::keys;
use crate::config::settings::{CalendarFrom, CalendarSettings};
use crate::config::tree::Entry;
use crate::config::view::View;
use crate::domain::{Name, Span};
use crate::engine::absence::CalendarUse;

/// Time between two looks unless said otherwise.
const EVERY_DEFAULT: Span = Span::from_hours(1);
/// The longest time between two looks. Beyond: a mistake of the configuration.
const LOOKED_EVERY_MAX: Span = Span::from_hours(24);
/// The shortest time between two looks; below, it would be a burden on whoever keeps the calendar.
const LEAST: Span = Span::from_seconds(1);

impl<'a> Compiler<'a> {
    /// All calendars, and the time between two looks.
    pub(super) fn calendars(&mut self) -> (Vec<CalendarSettings>, Span) {
        let entry = self.root.entries().iter().find(|entry| entry.key == "calendars");
        let view = entry.map(|entry| View::entry(entry, &keys::CALENDARS));
        let every = view.as_ref().and_then(|view| view.span("every")).unwrap_or(EVERY_DEFAULT);
        if let Some(view) = view.as_ref().filter(|_| every < LEAST || every > LOOKED_EVERY_MAX) {
            let message = format!("{every} is not between {LEAST} and {LOOKED_EVERY_MAX}");
            self.error("out-of-range", view.place_of("every"), message);
        }
        // Without the table nothing of it is set.
        let empty = View::item(self.root, &keys::CALENDARS);
        let common = self.connection(view.as_ref().unwrap_or(&empty));
        let mut all = Vec::new();
        let holidays: Vec<&'a Entry> = self.things("holidays").collect();
        for entry in holidays {
            let view = View::entry(entry, &keys::HOLIDAYS);
            let from = self.calendar_from(&view, "ical_url", "ical_file");
            if from.is_none() && view.get("dates").is_none() {
                let message = "this calendar of days off has neither `dates` nor an iCalendar";
                let problem = Diagnostic::error("no-dates", view.place, message);
                self.findings.push(
                    problem.hint("add `dates = [2026-12-25]`, `ical_url = \"https://…\"` or `ical_file = \"…\"`"),
                );
            }
            let of = CalendarUse::Holidays(Name::from(entry.key.as_str()));
            let zone = self.zone.tz.clone();
            all.extend(from.map(|from| CalendarSettings { of, from, zone, common: common.clone() }));
        }
        let people: Vec<&'a Entry> = self.things("people").collect();
        for entry in people {
            let view = View::entry(entry, &keys::PERSON);
            let from = self.calendar_from(&view, "absences_url", "absences_file");
            let zone = self.zone_of(&view).unwrap_or_else(|| self.zone.clone()).tz;
            let of = CalendarUse::Absences(Name::from(entry.key.as_str()));
            all.extend(from.map(|from| CalendarSettings { of, from, zone, common: common.clone() }));
        }
        (all, every)
    }

    fn calendar_from(&mut self, view: &View<'a>, url: &str, file: &str) -> Option<CalendarFrom> {
        let target = self.target(view, url).map(CalendarFrom::Url);
        let path = view.string(file).map(|path| CalendarFrom::File(path.into()));
        if target.is_some() && path.is_some() {
            let problem =
                Diagnostic::error("two-of-one", view.place_of(file), format!("both `{url}` and `{file}` are set"));
            self.findings.push(problem.hint("keep one of the two"));
        }
        target.or(path)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load_texts;
    use crate::domain::Timestamp;

    #[test]
    fn there_are_bounds_to_how_often_calendars_are_looked_at() {
        for (every, good) in [("1s", true), ("24h", true), ("25h", false), ("500ms", false)] {
            let text = format!("[organisation]\nname = \"acme\"\n[calendars]\nevery = \"{every}\"\n");
            let report = load_texts([("callout.toml", text.as_str())], Timestamp::from_seconds(1_795_000_000));
            assert_eq!(!report.render(false).contains("is not between"), good, "{every}: {}", report.render(false));
        }
    }
}
