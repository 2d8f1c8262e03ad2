//! Calendars of absences and holidays: looked at now and then, read, and handed to the shard when they say something new.
//!
//! What the engine goes by is in the journal, so it does not depend on whether an address answers: a calendar that cannot be read leaves
//! what it said last in force, with a warning in the log and a number in the metrics.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use tokio::time::Instant;

use super::Handle;
use crate::channel::calendar::{CalendarSource, Fetched};
use crate::config::{CalendarFrom, CalendarSettings, HttpTarget, secret};
use crate::domain::{Span, Timestamp};
use crate::engine::Input;
use crate::engine::absence::{CalendarRead, CalendarUse, READ_AHEAD};
use crate::ical::read::{CALENDAR_BYTES_MAX, Read, read};

/// Whether something is to be looked at is asked this often; a reload shows within that time.
const TICK: Duration = Duration::from_secs(1);

/// One that could not be read is looked at again after so long, when that is sooner than the next look.
const RETRY: Duration = Duration::from_mins(1);

/// What is known of a calendar between two looks.
#[derive(Default)]
struct Known {
    from: Option<CalendarFrom>,
    next: Option<Instant>,
    tag: Option<String>,
    bytes: Option<Vec<u8>>,
    failing: bool,
}

/// Looks at all calendars of the configuration for ever. `folder`: what files are relative to.
pub async fn run(handle: Handle, folder: PathBuf) {
    let mut known: BTreeMap<CalendarUse, Known> = BTreeMap::new();
    loop {
        tokio::time::sleep(TICK).await;
        if !handle.is_running() {
            continue;
        }
        let settings = handle.settings();
        known.retain(|of, _| settings.calendars.iter().any(|calendar| calendar.of == *of));
        for calendar in &settings.calendars {
            let known = known.entry(calendar.of.clone()).or_default();
            if known.from.as_ref() != Some(&calendar.from) {
                *known = Known { from: Some(calendar.from.clone()), ..Known::default() };
            }
            if known.next.is_some_and(|next| next > Instant::now()) {
                continue;
            }
            known.next = Some(Instant::now() + settings.calendars_every.to_std());
            let outcome = look(&handle, calendar, &folder, known).await;
            let counters = &handle.counters().calendars;
            match outcome {
                Ok(new) => {
                    if new {
                        counters.new.add(1);
                    } else {
                        counters.same.add(1);
                    }
                    if std::mem::take(&mut known.failing) {
                        tracing::info!(calendar = %calendar.of, "the calendar can be read again");
                    }
                }
                Err(error) => {
                    counters.failed.add(1);
                    known.next = Some(Instant::now() + settings.calendars_every.to_std().min(RETRY));
                    if !std::mem::replace(&mut known.failing, true) {
                        tracing::warn!(calendar = %calendar.of, error, "the calendar cannot be read; what it said last stays in force");
                    }
                }
            }
        }
    }
}

/// One look. Says whether it brought something new.
async fn look(handle: &Handle, calendar: &CalendarSettings, folder: &Path, known: &mut Known) -> Result<bool, String> {
    match &calendar.from {
        CalendarFrom::Url(url) => {
            let source = source(url, calendar, folder)?;
            let tag = known.tag.clone().filter(|_| known.bytes.is_some());
            match source.fetch(tag.as_deref(), CALENDAR_BYTES_MAX).await? {
                Fetched::Unchanged => {}
                Fetched::New(bytes, tag) => (known.bytes, known.tag) = (Some(bytes), tag),
            }
        }
        CalendarFrom::File(path) => {
            let path = folder.join(path);
            let bytes = tokio::task::spawn_blocking(move || read_file(&path)).await.map_err(|e| e.to_string())?;
            known.bytes = Some(bytes.map_err(|error| format!("the file cannot be read: {error}"))?);
        }
    }
    // Read anew although the bytes may be the same: the window moves on, and recurring events with it.
    let bytes = known.bytes.clone().unwrap_or_default();
    let (of, zone, now) = (calendar.of.clone(), calendar.zone.clone(), handle.now());
    let made =
        tokio::task::spawn_blocking(move || understood(of, &bytes, &zone, now)).await.map_err(|e| e.to_string())?;
    let (made, notes) = made?;
    for note in notes {
        tracing::warn!(calendar = %calendar.of, "{note}");
    }
    let same = |read: &Arc<CalendarRead>| (&read.days, &read.away) == (&made.days, &made.away);
    if handle.read(|state| state.absences.read.get(&made.of).is_some_and(same)) {
        return Ok(false);
    }
    handle.take_calendar(Input::Calendar(Arc::new(made))).await.map_err(|refused| refused.to_string())?;
    Ok(true)
}

/// The address, with its secrets, which may be new.
fn source(url: &HttpTarget, calendar: &CalendarSettings, folder: &Path) -> Result<CalendarSource, String> {
    let secrets = |reference: &_| secret::resolve(reference, folder);
    CalendarSource::new(url, &calendar.common, &secrets).map_err(|error| format!("{:#}", anyhow::Error::from(error)))
}

/// A file, up to one byte more than may be.
fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(CALENDAR_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a calendar says from the beginning of the last month on, and what of it was not understood.
fn understood(
    of: CalendarUse,
    bytes: &[u8],
    zone: &TimeZone,
    now: Timestamp,
) -> Result<(CalendarRead, Vec<String>), String> {
    let date = |at: Timestamp| at.to_jiff().to_zoned(TimeZone::UTC).date().first_of_month();
    let from = date(now.minus(Span::from_hours(31 * 24)));
    let to = date(now.plus(READ_AHEAD));
    let zones = TimeZoneDatabase::bundled();
    let Read { entries, notes } =
        read(bytes, zone, |name| zones.get(name).ok(), from, to).map_err(|e| e.to_string())?;
    let mut made = CalendarRead { of, hash: xxhash_rust::xxh3::xxh3_128(bytes), days: Vec::new(), away: Vec::new() };
    match &made.of {
        CalendarUse::Holidays(_) => {
            let whole = entries.iter().filter_map(|entry| entry.days);
            made.days = whole.flat_map(|(first, behind)| days(first, behind)).collect();
            made.days.sort_unstable();
            made.days.dedup();
        }
        CalendarUse::Absences(_) => {
            for entry in entries {
                match made.away.last_mut() {
                    Some((_, end)) if entry.start <= *end => *end = (*end).max(entry.end),
                    _ => made.away.push((entry.start, entry.end)),
                }
            }
        }
    }
    Ok((made, notes))
}

/// The days of `[first, behind)`.
fn days(first: Date, behind: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(first), |day| day.tomorrow().ok()).take_while(move |day| *day < behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALENDAR: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261227\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nUID:2\r\nDTSTART:20261226T100000Z\r\nDURATION:P2D\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    #[test]
    fn holidays_are_whole_days_and_absences_are_joined() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let now = Timestamp::parse("2026-11-20T20:15:00Z").unwrap();
        let of = |of| understood(of, CALENDAR.as_bytes(), &berlin, now).unwrap().0;
        let holidays = of(CalendarUse::Holidays("de".into()));
        let days: Vec<String> = holidays.days.iter().map(ToString::to_string).collect();
        assert_eq!((days.join(" "), holidays.away), ("2026-12-24 2026-12-25 2026-12-26".to_owned(), vec![]));
        let absences = of(CalendarUse::Absences("ana".into()));
        let at = |text: &str| Timestamp::parse(text).unwrap();
        assert_eq!(absences.away, [(at("2026-12-23T23:00:00Z"), at("2026-12-28T10:00:00Z"))]);
        assert!(absences.days.is_empty());
    }
}
