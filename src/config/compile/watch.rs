//! `[heartbeat]` and `[health]`: who watches callout, and when it counts as stuck.

use super::Compiler;
use crate::config::keys;
use crate::config::settings::{BeatMethod, HealthLimits, HeartbeatSettings};
use crate::config::view::View;
use crate::domain::Span;

/// Time between two beats unless said otherwise.
const EVERY_DEFAULT: Span = Span::from_minutes(1);
/// The longest time between two beats; a monitor that hears so rarely is no use. Beyond: a mistake of the configuration.
const EVERY_MAX: Span = Span::from_hours(1);
/// Longest time that may be configured for how long anything waits before callout counts as stuck. Beyond: a mistake of the configuration.
const STUCK_MAX: Span = Span::from_hours(1);
/// The shortest length of time here; below, every hiccup would count.
const LEAST: Span = Span::from_seconds(1);

impl<'a> Compiler<'a> {
    pub(super) fn heartbeat(&mut self) -> Option<HeartbeatSettings> {
        let view = self.table("heartbeat", &keys::HEARTBEAT)?;
        let url = self.target(&view, "url");
        self.needs_url(&view, url.is_some());
        self.bounded(&view, "every", EVERY_MAX);
        let method = match view.text("method") {
            Some("GET") => BeatMethod::Get,
            Some("HEAD") => BeatMethod::Head,
            _ => BeatMethod::Post,
        };
        let (every, common) = (view.span("every").unwrap_or(EVERY_DEFAULT), self.connection(&view));
        Some(HeartbeatSettings { url: url?, every, method, common })
    }

    pub(super) fn health(&mut self) -> HealthLimits {
        let default = HealthLimits::default();
        let Some(view) = self.table("health", &keys::HEALTH) else { return default };
        self.bounded(&view, "unjudged", STUCK_MAX);
        self.bounded(&view, "undelivered", STUCK_MAX);
        HealthLimits {
            unjudged: view.span("unjudged").unwrap_or(default.unjudged),
            undelivered: view.span("undelivered").unwrap_or(default.undelivered),
        }
    }

    fn table(&self, name: &str, shape: &'static crate::config::shape::Table) -> Option<View<'a>> {
        self.root.entries().iter().find(|entry| entry.key == name).map(|entry| View::entry(entry, shape))
    }

    fn bounded(&mut self, view: &View<'a>, key: &str, most: Span) {
        if let Some(span) = view.span(key).filter(|span| *span < LEAST || *span > most) {
            self.error("out-of-range", view.place_of(key), format!("{span} is not between {LEAST} and {most}"));
        }
    }
}
