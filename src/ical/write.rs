//! Writing: CRLF, lines of at most 75 octets that break between characters, escaped texts, times in UTC.

use std::fmt::Write as _;

use crate::domain::Timestamp;

/// Octets of a line without its end; what is longer goes on in the next line (RFC 5545, section 3.1).
const LINE_OCTETS: usize = 75;

/// A calendar to subscribe to.
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    /// Shown as its title.
    pub name: String,
    /// Its events.
    pub events: Vec<Event>,
}

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Stays the same while it is the same event, whatever changes about it.
    pub uid: String,
    /// When this was made out.
    pub stamp: Timestamp,
    /// Inclusive.
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    /// A line.
    pub summary: String,
    /// More; empty: nothing.
    pub description: String,
    /// When somebody last changed it by hand.
    pub modified: Option<Timestamp>,
    /// How often somebody did.
    pub sequence: usize,
}

/// The whole calendar as text.
///
/// It describes the zone UTC although no time refers to it: a calendar must have a component, and one without events would have none.
#[must_use]
pub fn write(calendar: &Calendar) -> String {
    let mut out = String::with_capacity(512 + calendar.events.len() * 384);
    for fixed in
        ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//callout//on-call//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"]
    {
        line(&mut out, fixed);
    }
    let name = text(&calendar.name);
    line(&mut out, &format!("NAME:{name}"));
    line(&mut out, &format!("X-WR-CALNAME:{name}"));
    line(&mut out, "REFRESH-INTERVAL;VALUE=DURATION:PT1H");
    line(&mut out, "X-PUBLISHED-TTL:PT1H");
    for fixed in [
        "BEGIN:VTIMEZONE",
        "TZID:Etc/UTC",
        "BEGIN:STANDARD",
        "DTSTART:19700101T000000",
        "TZOFFSETFROM:+0000",
        "TZOFFSETTO:+0000",
        "TZNAME:UTC",
        "END:STANDARD",
        "END:VTIMEZONE",
    ] {
        line(&mut out, fixed);
    }
    for event in &calendar.events {
        write_event(&mut out, event);
    }
    line(&mut out, "END:VCALENDAR");
    out
}

fn write_event(out: &mut String, event: &Event) {
    line(out, "BEGIN:VEVENT");
    line(out, &format!("UID:{}", text(&event.uid)));
    line(out, &format!("DTSTAMP:{}", utc(event.stamp)));
    line(out, &format!("DTSTART:{}", utc(event.start)));
    line(out, &format!("DTEND:{}", utc(event.end)));
    line(out, &format!("SUMMARY:{}", text(&event.summary)));
    if !event.description.is_empty() {
        line(out, &format!("DESCRIPTION:{}", text(&event.description)));
    }
    if let Some(at) = event.modified {
        line(out, &format!("LAST-MODIFIED:{}", utc(at)));
    }
    line(out, &format!("SEQUENCE:{}", event.sequence));
    line(out, "CATEGORIES:ON-CALL");
    line(out, "STATUS:CONFIRMED");
    // Whoever is on call may well have a meeting.
    line(out, "TRANSP:TRANSPARENT");
    line(out, "END:VEVENT");
}

/// `20261120T201500Z`. Whole seconds: there are no others in iCalendar.
fn utc(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text value (section 3.3.11); control characters are left out.
fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for c in value.chars() {
        match c {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Writes a line, broken where it is too long: the next part begins with a space, which counts.
fn line(out: &mut String, content: &str) {
    let mut left = LINE_OCTETS;
    for c in content.chars() {
        if c.len_utf8() > left {
            out.push_str("\r\n ");
            left = LINE_OCTETS - 1;
        }
        left -= c.len_utf8();
        // Writing to a string cannot fail.
        let _ = out.write_char(c);
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(summary: &str) -> Event {
        let at = |text| Timestamp::parse(text).unwrap();
        Event {
            uid: "1@acme.callout".into(),
            stamp: at("2026-11-20T00:00:00Z"),
            start: at("2026-11-20T08:00:00Z"),
            end: at("2026-11-27T08:00:00Z"),
            summary: summary.into(),
            description: String::new(),
            modified: None,
            sequence: 0,
        }
    }

    /// Undone as RFC 5545 says.
    fn unfolded(text: &str) -> Vec<String> {
        text.replace("\r\n ", "").split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn an_empty_calendar_has_a_component() {
        let text = write(&Calendar { name: "checkout".into(), events: vec![] });
        assert!(text.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:"), "{text}");
        assert!(text.contains("BEGIN:VTIMEZONE\r\n") && text.ends_with("END:VCALENDAR\r\n"), "{text}");
    }

    #[test]
    fn texts_are_escaped_and_times_are_in_utc() {
        let mut event = event("Ana, Bo; c:\\d\nnext\u{7}");
        event.modified = Some(event.start);
        event.sequence = 2;
        let lines = unfolded(&write(&Calendar { name: "a,b".into(), events: vec![event] }));
        for expected in [
            "SUMMARY:Ana\\, Bo\\; c:\\\\d\\nnext",
            "NAME:a\\,b",
            "DTSTART:20261120T080000Z",
            "DTEND:20261127T080000Z",
            "LAST-MODIFIED:20261120T080000Z",
            "SEQUENCE:2",
        ] {
            assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:?}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_and_none_breaks_a_character(summary in "[ -~äß日🙂]{0,300}") {
            let text = write(&Calendar { name: String::new(), events: vec![event(&summary)] });
            prop_assert!(text.split("\r\n").all(|line| line.len() <= LINE_OCTETS));
            prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
            let expected = format!("SUMMARY:{}", super::text(&summary));
            prop_assert!(unfolded(&text).contains(&expected));
        }
    }
}
