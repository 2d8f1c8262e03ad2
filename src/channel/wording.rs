//! The words that all channels share, so that a page reads alike in Slack, Teams and mail. Nothing here is escaped.
//!
//! Order everywhere: headline; priority, status, since; facts; who is told and why; links; buttons.

use std::fmt::Write as _;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::text::{self, one_line, short};
use super::{Content, Message, Urgency};
use crate::domain::{Span, Timestamp};
use crate::engine::state::{Purpose, Status};

/// Longest priority or status name that is printed, in characters. Beyond: it is cut, with an ellipsis.
pub const WORD_MAX: usize = 40;
/// Longest name of a person, team or service that is printed, in characters. Beyond: it is cut, with an ellipsis.
pub const NAME_MAX: usize = 80;
/// Characters of a status update in a message. Beyond: it is cut, with an ellipsis.
pub const UPDATE_MAX: usize = 1_500;

/// Characters of an alarm of callout's own, in channels that show more than its first line. Beyond: it is cut, with an ellipsis; the texts of
/// our own are shorter.
pub const ALARM_MAX: usize = 2_500;

/// The first line: a sign, the priority, where it stands, and what broke. Enough to decide whether to get up.
pub fn first_line(message: &Message) -> String {
    match (&message.content, &message.digest) {
        (Some(content), _) => format!("{} {}", sign(content), first_line_plain(content)),
        (None, Some(digest)) => super::digest::first_line(digest),
        (None, None) if message.purpose == Purpose::Notice => {
            format!("📅 {}", one_line(message.why.lines().next().unwrap_or_default()))
        }
        (None, None) => format!("⚠️ callout: {}", one_line(&message.why)),
    }
}

/// What a notice says after its first line.
pub fn rest(message: &Message) -> Option<&str> {
    let rest = message.why.split_once('\n').map(|(_, rest)| rest);
    rest.filter(|rest| message.purpose == Purpose::Notice && !rest.trim().is_empty())
}

/// What a message that is about no incident closes with.
pub const fn closing(message: &Message) -> &'static str {
    match message.purpose {
        Purpose::Notice => "A notice about who is on call, not about an incident.",
        _ => "An alarm of callout itself, not of a service.",
    }
}

/// The first line without its sign.
pub fn first_line_plain(content: &Content) -> String {
    let priority = content.priority.as_deref().map(|p| short(p, WORD_MAX));
    let state = match &content.status {
        Status::Triggered => None,
        Status::Acknowledged { .. } => Some("acknowledged"),
        Status::Snoozed { .. } => Some("snoozed"),
        Status::Resolved { .. } => Some("resolved"),
    };
    let head = match (priority, state) {
        (Some(priority), Some(state)) => format!("{priority} {state}: "),
        (Some(priority), None) => format!("{priority}: "),
        (None, Some(state)) => format!("{}{}: ", state[..1].to_uppercase(), &state[1..]),
        (None, None) => String::new(),
    };
    format!("{head}{}", one_line(&content.headline))
}

/// A sign that can be told apart by shape as well as by colour; the words beside it say the same.
pub fn sign(content: &Content) -> &'static str {
    if content.drill {
        return "🧪";
    }
    match (&content.status, content.urgency) {
        (Status::Resolved { .. }, _) => "✅",
        (Status::Acknowledged { .. }, _) => "👀",
        (Status::Snoozed { .. }, _) => "💤",
        (Status::Triggered, Urgency::High) => "🚨",
        (Status::Triggered, _) => "🔶",
    }
}

/// Priority with its meaning, or that none is set.
pub fn priority(content: &Content) -> String {
    match (&content.priority, &content.priority_meaning) {
        (Some(priority), Some(meaning)) => format!("{} ({})", short(priority, WORD_MAX), short(meaning, 120)),
        (Some(priority), None) => short(priority, WORD_MAX),
        (None, _) => "no priority set".to_owned(),
    }
}

/// Where it stands, with who and until when: `acknowledged by Ana Ruiz at 21:18 CET (20:18 UTC)`.
pub fn status(content: &Content, now: Timestamp) -> String {
    let zone = zone(&content.timezone);
    let by = content.status_by.as_deref().map(|by| format!(" by {}", short(by, NAME_MAX))).unwrap_or_default();
    match &content.status {
        Status::Triggered => "not acknowledged".to_owned(),
        Status::Acknowledged { at, .. } => format!("acknowledged{by} at {}", moment(*at, &zone, now)),
        Status::Snoozed { until, .. } => format!("snoozed{by} until {}", moment(*until, &zone, now)),
        Status::Resolved { at, .. } if content.merged_into.is_some() => {
            let into = content.merged_into.unwrap_or_default();
            format!("merged into incident {into}{by} at {}", moment(*at, &zone, now))
        }
        Status::Resolved { at, .. } => {
            format!("resolved{by} at {} after {}", moment(*at, &zone, now), rough(at.since(content.opened_at)))
        }
    }
}

/// When it began: `21:15 CET (20:15 UTC), 3m ago`.
pub fn since(content: &Content, now: Timestamp) -> String {
    let began = moment(content.opened_at, &zone(&content.timezone), now);
    if content.status.is_open() { format!("{began}, {} ago", rough(now.since(content.opened_at))) } else { began }
}

/// Whose it is: `team checkout`, or that nobody owns it.
pub fn owner(content: &Content) -> String {
    let team = short(&content.team, NAME_MAX);
    if content.unowned { format!("nobody owns this; team {team} as the fallback") } else { format!("team {team}") }
}

/// Why this recipient is told, and that it comes late if it does.
pub fn why(message: &Message) -> String {
    let mut out = match (&message.person, message.purpose) {
        (Some(person), Purpose::Page) => format!("{} is paged: ", short(&person.name, NAME_MAX)),
        (Some(person), Purpose::CalledIn) => format!("{} is called in as ", short(&person.name, NAME_MAX)),
        _ => String::new(),
    };
    out.push_str(&short(&message.why, 300));
    if message.late {
        out.push_str(if out.is_empty() { "sent late" } else { " (sent late)" });
    }
    out
}

/// Who is told, together: `Told: Ana Ruiz, #checkout`. At most ten by name.
pub fn told(content: &Content) -> Option<String> {
    const NAMED: usize = 10;
    if content.told.is_empty() {
        return None;
    }
    let names: Vec<String> = content.told.iter().take(NAMED).map(|n| short(n, NAME_MAX)).collect();
    let more = match content.told.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("Told: {}{more}", names.join(", ")))
}

/// A way to act, as each channel draws it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Button<'a> {
    /// Word for programs.
    pub id: &'static str,
    /// Label.
    pub label: &'static str,
    /// Label where there is little room.
    pub short: &'static str,
    /// Where to.
    pub url: &'a str,
    /// The one that stands out.
    pub primary: bool,
}

/// What can be done as things stand: nothing but to look, when it is over.
pub fn buttons(content: &Content) -> Vec<Button<'_>> {
    let Some(links) = &content.actions else { return Vec::new() };
    let acknowledge =
        Button { id: "acknowledge", label: "Acknowledge", short: "Ack", url: &links.acknowledge, primary: true };
    let snooze = Button { id: "snooze", label: "Snooze", short: "Snooze", url: &links.snooze, primary: false };
    let resolve = Button { id: "resolve", label: "Resolve", short: "Resolve", url: &links.resolve, primary: false };
    let open = Button { id: "open", label: "Open incident", short: "Open", url: &links.page, primary: false };
    match content.status {
        Status::Triggered | Status::Snoozed { .. } => vec![acknowledge, snooze, resolve, open],
        Status::Acknowledged { .. } => vec![snooze, resolve, open],
        Status::Resolved { .. } => vec![open],
    }
}

/// What happened, for follow-ups: `Acknowledged by Ana Ruiz`. `None` for first messages.
pub fn event(message: &Message) -> Option<String> {
    let content = message.content.as_deref()?;
    let by = content.status_by.as_deref().map(|by| format!(" by {}", short(by, NAME_MAX))).unwrap_or_default();
    let zone = zone(&content.timezone);
    let what = match (message.purpose, &content.status) {
        (
            Purpose::Page
            | Purpose::Alert
            | Purpose::Alarm
            | Purpose::Digest
            | Purpose::Notice
            | Purpose::CalledIn
            | Purpose::Room,
            _,
        ) => return None,
        (Purpose::Update, _) => format!("Status update: {}", text::cut(&message.why, UPDATE_MAX)),
        (Purpose::Reminder, _) => format!("Reminder: {}", short(&message.why, 300)),
        (Purpose::Acknowledged, _) => format!("Acknowledged{by}"),
        (Purpose::Snoozed, Status::Snoozed { until, .. }) => {
            format!("Snoozed{by} until {}", moment(*until, &zone, message.now))
        }
        (Purpose::Snoozed, _) => format!("Snoozed{by}"),
        (Purpose::Resolved, _) if content.merged_into.is_some() => {
            format!("Merged into incident {}{by}", content.merged_into.unwrap_or_default())
        }
        (Purpose::Resolved, Status::Resolved { at, .. }) => {
            format!("Resolved{by} after {}", rough(at.since(content.opened_at)))
        }
        (Purpose::Resolved, _) => format!("Resolved{by}"),
        (Purpose::Unacknowledged, _) => "Nobody is on it any more".to_owned(),
        (Purpose::Reopened, _) => "It is back: open again".to_owned(),
        (Purpose::Changed, _) => {
            let severity =
                content.severity.as_deref().map(|s| format!(", severity {}", short(s, WORD_MAX))).unwrap_or_default();
            let (status, owner) = (self::status(content, message.now), owner(content));
            format!("Changed: now {}{severity}, {status}, {owner}", priority(content))
        }
    };
    let mut out = if content.drill { format!("DRILL: {what}") } else { what };
    if message.late {
        let _ = write!(out, " (sent late)");
    }
    Some(out)
}

/// Time to recovery and the like, in two units at most: `51m`, `1h30m`, `3d4h`, `under 1m`.
pub fn rough(span: Span) -> String {
    let minutes = span.as_millis() / 60_000;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => "under 1m".to_owned(),
        (0, 0, m) => format!("{m}m"),
        (0, h, 0) => format!("{h}h"),
        (0, h, m) => format!("{h}h{m}m"),
        (d, 0, _) => format!("{d}d"),
        (d, h, _) => format!("{d}d{h}h"),
    }
}

/// The zone of that name in the bundled database; UTC when there is none.
pub fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap_or(TimeZone::UTC)
}

/// An instant in local time and in UTC, with the day where it is not that of `now`: `21:15 CET (20:15 UTC)`.
pub fn moment(at: Timestamp, zone: &TimeZone, now: Timestamp) -> String {
    let local = at.to_jiff().to_zoned(zone.clone());
    let today = now.to_jiff().to_zoned(zone.clone()).date() == local.date();
    let day = if today { String::new() } else { local.strftime("%a %-d %b ").to_string() };
    if local.offset().is_zero() {
        return format!("{day}{} UTC", local.strftime("%H:%M"));
    }
    let utc = at.to_jiff().to_zoned(TimeZone::UTC);
    let utc_day = if utc.date() == local.date() { String::new() } else { utc.strftime("%a ").to_string() };
    format!("{day}{} ({utc_day}{} UTC)", local.strftime("%H:%M %Z"), utc.strftime("%H:%M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_local_and_utc() {
        let t = |text| Timestamp::parse(text).unwrap();
        let now = t("2026-11-20T20:18:00Z");
        for (at, name, want) in [
            ("2026-11-20T20:15:00Z", "Europe/Berlin", "21:15 CET (20:15 UTC)"),
            ("2026-11-20T20:15:00Z", "UTC", "20:15 UTC"),
            ("2026-11-20T20:15:00Z", "Nowhere/Land", "20:15 UTC"),
            ("2026-11-20T23:30:00Z", "Europe/Berlin", "Sat 21 Nov 00:30 CET (Fri 23:30 UTC)"),
            ("2026-11-19T20:15:00Z", "Asia/Tokyo", "Fri 20 Nov 05:15 JST (Thu 20:15 UTC)"),
        ] {
            assert_eq!(moment(t(at), &zone(name), now), want);
        }
    }

    #[test]
    fn lengths_are_rough() {
        for (seconds, want) in [(5, "under 1m"), (3060, "51m"), (7200, "2h"), (5400, "1h30m"), (266_400, "3d2h")] {
            assert_eq!(rough(Span::from_seconds(seconds)), want);
        }
    }
}
