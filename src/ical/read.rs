//! Reading: the events of a calendar within a window, recurring ones one by one.
//!
//! Foreign bytes: whatever they are, the answer is entries or a reason, within bounded time and memory. A calendar that is only partly understood
//! gives what is understood, with a note of the rest; absences that are missed would be worse than one that is told twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::recur::{self, Rule};
use crate::domain::Timestamp;

/// Bytes of a calendar. Beyond: it is refused.
pub const CALENDAR_BYTES_MAX: usize = 1024 * 1024;
/// Events of a calendar. Beyond: it is refused.
pub const CALENDAR_ENTRIES_MAX: usize = 5_000;
/// Entries within the window, each time of a recurring event counted. Beyond: it is refused.
pub const OCCURRENCES_MAX: usize = 5_000;
/// Notes about what was not understood. Beyond: left out.
const NOTES_MAX: usize = 20;

/// Something in a calendar, once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Inclusive.
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    /// The days, where it is about whole days: first, and the one behind the last.
    pub days: Option<(Date, Date)>,
    /// What it is called.
    pub summary: String,
}

/// What a calendar says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// Entries that touch the window, in order.
    pub entries: Vec<Entry>,
    /// What was not understood.
    pub notes: Vec<String>,
}

/// Why it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Too large.
    #[error("it has {0} bytes; at most {CALENDAR_BYTES_MAX} are read")]
    Bytes(usize),
    /// No text.
    #[error("it is not UTF-8")]
    Encoding,
    /// Something else, a web page for example.
    #[error("it does not begin with BEGIN:VCALENDAR")]
    NoCalendar,
    /// It breaks off.
    #[error("it breaks off: {0} is not closed")]
    Unclosed(String),
    /// Too many events.
    #[error("it has more than {CALENDAR_ENTRIES_MAX} events, or more than {OCCURRENCES_MAX} times within the window")]
    Entries,
}

/// A moment as it is written.
#[derive(Debug, Clone)]
enum Moment {
    Day(Date),
    At(DateTime, TimeZone),
}

impl Moment {
    fn civil(&self) -> DateTime {
        match self {
            Self::Day(date) => date.to_datetime(Time::midnight()),
            Self::At(at, _) => *at,
        }
    }

    /// The instant; whole days begin at midnight in `zone`.
    fn instant(&self, zone: &TimeZone) -> Option<Timestamp> {
        let (at, zone) = match self {
            Self::Day(date) => (date.to_datetime(Time::midnight()), zone),
            Self::At(at, zone) => (*at, zone),
        };
        zone.to_timestamp(at).ok().map(Timestamp::from_jiff)
    }
}

/// An event as it is written.
#[derive(Debug, Default)]
struct Written {
    uid: String,
    summary: String,
    start: Option<Moment>,
    end: Option<Moment>,
    duration: Option<jiff::Span>,
    rule: Option<String>,
    also: Vec<Moment>,
    except: Vec<Moment>,
    instead_of: Option<Moment>,
    cancelled: bool,
}

/// A line: name, parameters, value.
struct Line<'a> {
    name: &'a str,
    parameters: &'a str,
    value: &'a str,
}

/// Reads `bytes`. `zone` is for whole days and times without a zone; `zones` finds others by their names. Of a recurring event only what
/// touches `[from, to)` is looked for.
///
/// # Errors
/// Why nothing of it can be used.
pub fn read(
    bytes: &[u8],
    zone: &TimeZone,
    zones: impl Fn(&str) -> Option<TimeZone>,
    from: Date,
    to: Date,
) -> Result<Read, ReadError> {
    if bytes.len() > CALENDAR_BYTES_MAX {
        return Err(ReadError::Bytes(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ReadError::Encoding)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { zone, zones: &zones, notes: BTreeSet::new() };
    let written = reader.events(text)?;
    let mut entries = Vec::new();
    // An instance that was moved or cancelled is not also where its rule puts it.
    let mut moved: BTreeMap<&str, Vec<DateTime>> = BTreeMap::new();
    for event in &written {
        if let Some(instead) = &event.instead_of {
            moved.entry(&event.uid).or_default().push(instead.civil());
        }
    }
    let none = Vec::new();
    for event in written.iter().filter(|event| !event.cancelled) {
        let skip = if event.instead_of.is_some() { &none } else { moved.get(event.uid.as_str()).unwrap_or(&none) };
        reader.expand(event, skip, (from, to), &mut entries)?;
    }
    entries.sort_unstable();
    entries.dedup();
    Ok(Read { entries, notes: reader.notes.into_iter().take(NOTES_MAX).collect() })
}

struct Reader<'a, F> {
    zone: &'a TimeZone,
    zones: &'a F,
    notes: BTreeSet<String>,
}

impl<F: Fn(&str) -> Option<TimeZone>> Reader<'_, F> {
    fn note(&mut self, note: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.insert(note);
        }
    }

    fn events(&mut self, text: &str) -> Result<Vec<Written>, ReadError> {
        let lines = unfold(text);
        let mut lines = lines.iter().filter(|line| !line.is_empty());
        let first = lines.next().is_some_and(|line| line.trim_end().eq_ignore_ascii_case("BEGIN:VCALENDAR"));
        if !first {
            return Err(ReadError::NoCalendar);
        }
        let mut open = vec!["VCALENDAR".to_owned()];
        let mut events = Vec::new();
        let mut event = Written::default();
        for line in lines {
            let Some(line) = parted(line) else { continue };
            let is = |name: &str| line.name.eq_ignore_ascii_case(name);
            let value = line.value.trim_end();
            if is("BEGIN") {
                open.push(value.to_ascii_uppercase().chars().take(64).collect());
                if open.len() == 2 && open[1] == "VEVENT" {
                    event = Written::default();
                }
                // Nothing that exists is nested deeper.
                if open.len() > 8 {
                    return Err(ReadError::Unclosed(open[1].clone()));
                }
            } else if is("END") {
                let closed = open.pop().unwrap_or_default();
                if !closed.eq_ignore_ascii_case(value) {
                    return Err(ReadError::Unclosed(closed));
                }
                if closed == "VEVENT" && open.len() == 1 {
                    events.push(std::mem::take(&mut event));
                    if events.len() > CALENDAR_ENTRIES_MAX {
                        return Err(ReadError::Entries);
                    }
                }
                if open.is_empty() {
                    break;
                }
            } else if open.len() == 2 && open[1] == "VEVENT" {
                self.property(&mut event, &line);
            }
        }
        match open.pop() {
            Some(unclosed) => Err(ReadError::Unclosed(unclosed)),
            None => Ok(events),
        }
    }

    fn property(&mut self, event: &mut Written, line: &Line<'_>) {
        let value = line.value.trim_end();
        match line.name.to_ascii_uppercase().as_str() {
            "UID" => value.clone_into(&mut event.uid),
            "SUMMARY" => event.summary = unescaped(value),
            "STATUS" => event.cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            "DTSTART" => event.start = self.moment(line.parameters, value),
            "DTEND" => event.end = self.moment(line.parameters, value),
            "DURATION" => event.duration = value.parse::<jiff::Span>().ok(),
            "RRULE" => event.rule = Some(value.to_owned()),
            "RECURRENCE-ID" => event.instead_of = self.moment(line.parameters, value),
            name @ ("RDATE" | "EXDATE") => {
                let moments = value.split(',').filter_map(|one| self.moment(line.parameters, one.split('/').next()?));
                let moments: Vec<Moment> = moments.take(OCCURRENCES_MAX).collect();
                if name == "RDATE" {
                    event.also.extend(moments);
                } else {
                    event.except.extend(moments);
                }
            }
            _ => {}
        }
    }

    /// `20261224`, `20261224T090000`, `20261224T090000Z`, the second in the zone that the parameters name.
    fn moment(&mut self, parameters: &str, value: &str) -> Option<Moment> {
        let date = date_of(value.get(..8)?)?;
        let Some(rest) = value.get(8..).filter(|rest| !rest.is_empty()) else { return Some(Moment::Day(date)) };
        let clock = rest.strip_prefix('T')?;
        let number = |range: std::ops::Range<usize>| {
            let digits = clock.get(range)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i8>().ok())?
        };
        // A leap second is the one before it.
        let time = Time::new(number(0..2)?, number(2..4)?, number(4..6)?.min(59), 0).ok()?;
        let at = date.to_datetime(time);
        if clock.get(6..) == Some("Z") {
            return Some(Moment::At(at, TimeZone::UTC));
        }
        let named = parameter(parameters, "TZID");
        let zone = match named.map(|name| (name, (self.zones)(name.trim_start_matches('/')))) {
            Some((_, Some(zone))) => zone,
            Some((name, None)) => {
                let name: String = name.chars().take(64).collect();
                self.note(format!("the zone `{name}` is not known; its times are read as of the calendar's own"));
                self.zone.clone()
            }
            None => self.zone.clone(),
        };
        Some(Moment::At(at, zone))
    }

    /// All times of an event that touch the window.
    fn expand(
        &mut self,
        event: &Written,
        skip: &[DateTime],
        (from, to): (Date, Date),
        entries: &mut Vec<Entry>,
    ) -> Result<(), ReadError> {
        let Some(start) = &event.start else {
            self.note("an event without a beginning was left out".to_owned());
            return Ok(());
        };
        let except: BTreeSet<DateTime> = event.except.iter().map(Moment::civil).chain(skip.iter().copied()).collect();
        // A long event may have begun before the window.
        let length = length_of(event, start);
        let back = match &length {
            Length::Days(days) => i64::from(*days),
            Length::Exact(millis) => millis / 86_400_000 + 1,
        };
        let first = from.checked_sub(jiff::Span::new().days(back.min(3_660) + 1)).unwrap_or(from);
        let mut begins: BTreeSet<DateTime> = event.also.iter().map(Moment::civil).collect();
        begins.insert(start.civil());
        if let Some(text) = &event.rule {
            match Rule::parse(text) {
                Ok(rule) => begins.extend(recur::dates(&rule, start.civil(), first, to, OCCURRENCES_MAX)),
                Err(why) => {
                    self.note(format!("a rule of recurrence was not understood ({why}); its first time counts"));
                }
            }
        }
        for begin in begins.into_iter().filter(|begin| !except.contains(begin)) {
            if begin.date() < first || begin.date() >= to {
                continue;
            }
            if let Some(entry) = self.entry(event, start, begin, &length).filter(|entry| {
                let at =
                    |date: Date| self.zone.to_timestamp(date.to_datetime(Time::midnight())).map(Timestamp::from_jiff);
                at(from).is_ok_and(|from| entry.end > from) && entry.end > entry.start
            }) {
                entries.push(entry);
            }
            if entries.len() > OCCURRENCES_MAX {
                return Err(ReadError::Entries);
            }
        }
        Ok(())
    }

    fn entry(&self, event: &Written, start: &Moment, begin: DateTime, length: &Length) -> Option<Entry> {
        let this = match start {
            Moment::Day(_) => Moment::Day(begin.date()),
            Moment::At(_, zone) => Moment::At(begin, zone.clone()),
        };
        let from = this.instant(self.zone)?;
        let (end, days) = match (length, &this) {
            (Length::Days(days), Moment::Day(first)) => {
                let behind = first.checked_add(jiff::Span::new().days(*days)).ok()?;
                (Moment::Day(behind).instant(self.zone)?, Some((*first, behind)))
            }
            (Length::Days(days), Moment::At(..)) => {
                (from.plus(crate::domain::Span::from_hours(24 * i64::from(*days))), None)
            }
            (Length::Exact(millis), _) => (from.plus(crate::domain::Span::from_millis(*millis)), None),
        };
        Some(Entry { start: from, end, days, summary: event.summary.chars().take(200).collect() })
    }
}

/// How long an event lasts: whole days by the calendar, or exactly.
enum Length {
    Days(i32),
    Exact(i64),
}

/// The longest event. Beyond: it counts as so long.
const LENGTH_DAYS_MAX: i32 = 3_660;

fn length_of(event: &Written, start: &Moment) -> Length {
    let whole = matches!(start, Moment::Day(_));
    match (&event.end, &event.duration) {
        (Some(end), _) if whole => {
            let days = start.civil().date().until((jiff::Unit::Day, end.civil().date())).map_or(1, |s| s.get_days());
            Length::Days(days.clamp(1, LENGTH_DAYS_MAX))
        }
        (Some(end), _) => {
            let utc = TimeZone::UTC;
            let millis = match (start.instant(&utc), end.instant(&utc)) {
                (Some(from), Some(to)) => to.since(from).as_millis(),
                _ => 0,
            };
            Length::Exact(millis.clamp(0, i64::from(LENGTH_DAYS_MAX) * 86_400_000))
        }
        (None, Some(duration)) => {
            // Whole minutes are all that a calendar needs here.
            let days = 7 * i64::from(duration.get_weeks()) + i64::from(duration.get_days());
            let minutes = 1_440 * days.clamp(0, i64::from(LENGTH_DAYS_MAX))
                + 60 * i64::from(duration.get_hours()).clamp(0, 24 * i64::from(LENGTH_DAYS_MAX))
                + duration.get_minutes().clamp(0, 1_440 * i64::from(LENGTH_DAYS_MAX));
            if whole {
                Length::Days(i32::try_from(minutes / 1_440).unwrap_or(1).max(1))
            } else {
                Length::Exact(minutes * 60_000)
            }
        }
        (None, None) if whole => Length::Days(1),
        (None, None) => Length::Exact(0),
    }
}

/// Logical lines: what begins with a space or a tab goes on with the line before.
fn unfold(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some(last)) => last.push_str(more),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// A line in its parts. The value begins at the first colon outside quotes.
fn parted(line: &str) -> Option<Line<'_>> {
    let mut quoted = false;
    let colon = line.bytes().position(|b| {
        quoted ^= b == b'"';
        b == b':' && !quoted
    })?;
    let (head, value) = (&line[..colon], &line[colon + 1..]);
    let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
    Some(Line { name: name.trim(), parameters, value })
}

/// A parameter by its name, without quotes.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|one| {
        let (key, value) = one.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// `20261224`.
pub(super) fn date_of(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| text.get(range);
    Date::new(part(0..4)?.parse().ok()?, part(4..6)?.parse().ok()?, part(6..8)?.parse().ok()?).ok()
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match c {
            '\\' => match letters.next() {
                Some('n' | 'N') => out.push(' '),
                Some(other) => out.push(other),
                None => {}
            },
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn calendar(events: &str) -> String {
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", events.replace('\n', "\r\n"))
    }

    fn read_2026(text: &str) -> Result<Read, ReadError> {
        let zones = |name: &str| TimeZone::get(name).ok();
        read(text.as_bytes(), &berlin(), zones, date("2026-01-01"), date("2027-01-01"))
    }

    fn shown(event: &str) -> Vec<String> {
        let read = read_2026(&calendar(&format!("BEGIN:VEVENT\nUID:1\n{event}\nEND:VEVENT\n"))).unwrap();
        let line = |entry: &Entry| match entry.days {
            Some((first, behind)) => format!("{first}..{behind}"),
            None => format!("{}..{}", entry.start, entry.end),
        };
        read.entries.iter().map(line).collect()
    }

    #[test]
    fn what_calendars_write_is_understood() {
        let cases: [(&str, &[&str]); 14] = [
            ("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227", &["2026-12-25..2026-12-27"]),
            ("DTSTART;VALUE=DATE:20261225", &["2026-12-25..2026-12-26"]),
            ("DTSTART:20261120T201500Z\nDTEND:20261120T211500Z", &["2026-11-20T20:15:00Z..2026-11-20T21:15:00Z"]),
            ("DTSTART:20261120T201500\nDURATION:PT1H30M", &["2026-11-20T19:15:00Z..2026-11-20T20:45:00Z"]),
            (
                "DTSTART;TZID=America/New_York:20261120T090000\nDTEND;TZID=America/New_York:20261120T170000",
                &["2026-11-20T14:00:00Z..2026-11-20T22:00:00Z"],
            ),
            (
                "DTSTART;TZID=\"Nowhere: at all\":20261120T090000\nDURATION:PT1H",
                &["2026-11-20T08:00:00Z..2026-11-20T09:00:00Z"],
            ),
            ("DTSTART;VALUE=DATE:20240501\nRRULE:FREQ=YEARLY", &["2026-05-01..2026-05-02"]),
            ("DTSTART;VALUE=DATE:20260801\nSTATUS:CANCELLED", &[]),
            ("DTSTART;VALUE=DATE:20251224\nDTEND;VALUE=DATE:20260107", &["2025-12-24..2026-01-07"]),
            ("DTSTART;VALUE=DATE:20250101", &[]),
            (
                "DTSTART;VALUE=DATE:20261102\nRRULE:FREQ=WEEKLY;COUNT=3\nEXDATE;VALUE=DATE:20261109",
                &["2026-11-02..2026-11-03", "2026-11-16..2026-11-17"],
            ),
            (
                "DTSTART;VALUE=DATE:20261102\nRDATE;VALUE=DATE:20261104,20261106",
                &["2026-11-02..2026-11-03", "2026-11-04..2026-11-05", "2026-11-06..2026-11-07"],
            ),
            ("DTSTART;VALUE=DATE:20261102\nRRULE:FREQ=SECONDLY", &["2026-11-02..2026-11-03"]),
            ("SUMMARY:no beginning", &[]),
        ];
        for (event, expected) in cases {
            assert_eq!(shown(event), expected, "{event}");
        }
    }

    #[test]
    fn folded_lines_escapes_and_moved_instances_are_read() {
        let text = calendar(
            "BEGIN:VEVENT\nUID:a\nDTSTART;VALUE=DATE:20261102\nRRULE:FREQ=WEEKLY;COUNT=2\nSUMMARY:Holi\n day\\, far \\n away\nBEGIN:VALARM\nDTSTART:19990101\nEND:VALARM\nEND:VEVENT\n\
             BEGIN:VEVENT\nUID:a\nRECURRENCE-ID;VALUE=DATE:20261109\nDTSTART;VALUE=DATE:20261111\nEND:VEVENT\n",
        );
        let read = read_2026(&text).unwrap();
        assert_eq!(read.entries[0].summary, "Holiday, far   away");
        let days: Vec<Date> = read.entries.iter().map(|entry| entry.days.unwrap().0).collect();
        assert_eq!(days, [date("2026-11-02"), date("2026-11-11")]);
    }

    #[test]
    fn what_is_no_calendar_says_why() {
        let many = calendar(&"BEGIN:VEVENT\nDTSTART:20261102\nEND:VEVENT\n".repeat(CALENDAR_ENTRIES_MAX + 1));
        let often =
            "BEGIN:VEVENT\nUID:x\nDTSTART:20260101\nRRULE:FREQ=DAILY\nEND:VEVENT\n".repeat(1 + OCCURRENCES_MAX / 365);
        let often: String = often
            .lines()
            .enumerate()
            .map(|(n, l)| if l == "UID:x" { format!("UID:{n}\n") } else { format!("{l}\n") })
            .collect();
        let distinct: String = often.replace("DTSTART:20260101", "DTSTART:20260101T000000Z\nDURATION:PT1H");
        let distinct: String =
            distinct.lines().enumerate().map(|(n, l)| l.replace("PT1H", &format!("PT{}M", n + 1)) + "\n").collect();
        let cases: [(String, &str); 6] = [
            ("<html>".to_owned(), "it does not begin with BEGIN:VCALENDAR"),
            ("BEGIN:VCALENDAR\nBEGIN:VEVENT\n".to_owned(), "it breaks off: VEVENT is not closed"),
            ("BEGIN:VCALENDAR\nEND:VEVENT\n".to_owned(), "it breaks off: VCALENDAR is not closed"),
            (" ".repeat(CALENDAR_BYTES_MAX + 1), "it has 1048577 bytes"),
            (many, "it has more than 5000 events"),
            (calendar(&distinct), "it has more than 5000 events"),
        ];
        for (text, why) in cases {
            let error = read_2026(&text).unwrap_err().to_string();
            assert!(error.starts_with(why), "{why}: {error}");
        }
        let not_text = read(&[0xff], &berlin(), |_| None, date("2026-01-01"), date("2027-01-01"));
        assert_eq!(not_text, Err(ReadError::Encoding));
        let notes = read_2026(&calendar(
            "BEGIN:VEVENT\nDTSTART;TZID=Mars:20261102T090000\nDURATION:PT1H\nRRULE:FREQ=HOURLY\nEND:VEVENT\n",
        ));
        assert_eq!(notes.unwrap().notes.len(), 2);
    }

    #[test]
    fn so_many_notes_are_kept() {
        let events = |count: usize| {
            let event =
                |n: usize| format!("BEGIN:VEVENT\nDTSTART;TZID=Mars/{n}:20261102T090000\nDURATION:PT1H\nEND:VEVENT\n");
            (0..count).map(event).collect::<String>()
        };
        for count in [NOTES_MAX, NOTES_MAX + 1] {
            assert_eq!(read_2026(&calendar(&events(count))).unwrap().notes.len(), NOTES_MAX);
        }
    }

    #[test]
    fn an_event_counts_as_no_longer_than_ten_years() {
        let length = |end: &str| {
            let event = Written { end: date_of(end).map(Moment::Day), ..Written::default() };
            match length_of(&event, &Moment::Day(date("2026-01-01"))) {
                Length::Days(days) => days,
                Length::Exact(_) => 0,
            }
        };
        let most = LENGTH_DAYS_MAX;
        assert_eq!((length("20360108"), length("20360109"), length("20360110")), (most - 1, most, most));
    }

    proptest! {
        #[test]
        fn whatever_comes_there_is_an_answer(text in "(BEGIN:VEVENT\r?\n|END:VEVENT\n|DTSTART(;VALUE=DATE)?:20[0-9]{6}(T[0-9]{6}Z?)?\n|RRULE:FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;INTERVAL=[0-9]{1,4})?(;BYDAY=-?[0-9]?(MO|SU))?(;BYMONTHDAY=-?[0-9]{1,2})?(;COUNT=[0-9]{1,5})?\n|DURATION:P[0-9]{1,9}D\n| |[a-zé:;,]{1,5}){0,30}") {
            let _ = read_2026(&calendar(&text));
        }
    }
}
