//! Cron over the civil clock.
//!
//! The expression is matched against the wall clock, held as if it were UTC, and each match is then read as an instant: a match in the skipped
//! hour is not lost, a match in the repeated hour happens once. Text is what crontab writes (five fields, weekdays 0 to 7 from Sunday),
//! or six fields with leading seconds. The `cron` crate reads the fields; weekdays are turned into names for it, because it counts them from 1 = Sunday.
//!
//! Absent on purpose: the crate's own iterators. On a zone's clock they skip a match in the gap and double one in the fold, they end with
//! the year 2100, and they can't count, which a rotation needs for the number of its turn.

use std::ops::Range;
use std::str::FromStr;

use cron::TimeUnitSpec;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

use super::clock::{Clock, DAY, Labels, Wall, first_of_month, last_happening, next_happening, weekday_of};
use crate::domain::Timestamp;

/// Why a text is not a cron expression.
#[derive(Debug, thiserror::Error)]
pub enum CronError {
    /// A word with `@` that is not one of the known ones.
    #[error("`{0}` is not known; use @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually")]
    Alias(String),
    /// The number of fields is wrong.
    #[error(
        "a cron expression has five fields (minute hour day-of-month month weekday), or six with seconds in front; this one has {0}"
    )]
    FieldCount(usize),
    /// A field can't be read.
    #[error("`{text}` is not a {field} field of cron")]
    Field {
        /// Which one.
        field: &'static str,
        /// What it says.
        text: String,
        /// What the reader of fields has to say, if it was asked.
        #[source]
        source: Option<cron::error::Error>,
    },
    /// Both day fields say something.
    #[error(
        "day of month `{day}` and weekday `{weekday}` are both restricted: some crons then need both to match and others only one; leave one of them `*`"
    )]
    BothDays {
        /// The day-of-month field.
        day: String,
        /// The weekday field.
        weekday: String,
    },
    /// No date matches, such as the 30th of February.
    #[error("`{0}` never happens: none of its months has such a day")]
    Never(String),
}

/// A cron expression over wall time. Ordinals of each field are bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CivilCron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Monday is the lowest bit.
    weekdays: u8,
}

const FIELDS: [&str; 6] = ["second", "minute", "hour", "day-of-month", "month", "weekday"];
const WEEKDAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
const LONG_WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const ALL_WEEKDAYS: u8 = 0b111_1111;
const ALL_DAYS: u64 = 0xffff_fffe;
/// As only one day field is restricted, 29 February around 2100 is the longest wait: eight years.
const SEARCH_MONTHS: i32 = 12 * 9;

impl CivilCron {
    /// Reads five fields, six fields with leading seconds, or one of the `@` words.
    ///
    /// # Errors
    /// When a field can't be read, both day fields are restricted, or no date can match.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let text = text.trim();
        let expanded = match text.to_ascii_lowercase().as_str() {
            "@hourly" => "0 0 * * * *",
            "@daily" | "@midnight" => "0 0 0 * * *",
            "@weekly" => "0 0 0 * * 0",
            "@monthly" => "0 0 0 1 * *",
            "@yearly" | "@annually" => "0 0 0 1 1 *",
            word if word.starts_with('@') => return Err(CronError::Alias(shorten(text))),
            _ => text,
        };
        let mut fields: Vec<&str> = expanded.split_ascii_whitespace().collect();
        match fields.len() {
            5 => fields.insert(0, "0"),
            6 => {}
            count => return Err(CronError::FieldCount(count)),
        }
        let mut sets = [0_u64; 5];
        for (number, set) in sets.iter_mut().enumerate() {
            *set = ordinals(number, fields[number])?;
        }
        let [seconds, minutes, hours, days, months] = sets;
        let weekdays = weekdays(fields[5])?;
        if days != ALL_DAYS && weekdays != ALL_WEEKDAYS {
            return Err(CronError::BothDays { day: shorten(fields[3]), weekday: shorten(fields[5]) });
        }
        let cron = Self { seconds, minutes, hours, days, months, weekdays };
        // 2000 is a leap year: if no month of it matches, none ever does.
        if (1..=12).all(|month| cron.days_of(2000, month) == 0) {
            return Err(CronError::Never(shorten(text)));
        }
        Ok(cron)
    }

    /// The first match after `civil`, in whole seconds; `None` only at the end of time.
    pub fn next_after(&self, civil: DateTime) -> Option<DateTime> {
        self.following(Wall::from_civil(civil)).map(Wall::to_civil)
    }

    /// The last match at or before `civil`; `None` only at the beginning of time.
    pub fn prev_at_or_before(&self, civil: DateTime) -> Option<DateTime> {
        self.latest(Wall::from_civil(civil)).map(Wall::to_civil)
    }

    /// The instants in `[from, to)` at which it happens in a zone, in order, each once.
    pub fn occurrences<'a>(
        &'a self,
        from: Timestamp,
        to: Timestamp,
        tz: &TimeZone,
    ) -> impl Iterator<Item = Timestamp> + use<'a> {
        let clock = Clock::bare(tz);
        let first = next_happening(&clock, self, from.as_millis() - 1);
        std::iter::successors(first, move |at| next_happening(&clock, self, *at))
            .map(Timestamp::from_millis)
            .take_while(move |at| *at < to)
    }

    /// The last instant at or before `at` at which it happened in a zone.
    pub fn last_at_or_before(&self, at: Timestamp, tz: &TimeZone) -> Option<Timestamp> {
        last_happening(&Clock::bare(tz), self, at.as_millis()).map(Timestamp::from_millis)
    }

    /// The first instant after `at` at which it happens in a zone.
    pub fn first_after(&self, at: Timestamp, tz: &TimeZone) -> Option<Timestamp> {
        next_happening(&Clock::bare(tz), self, at.as_millis()).map(Timestamp::from_millis)
    }

    /// How many matches there are in `(after, upto]`. The time it takes grows with the years between, not with the matches.
    pub(crate) fn count(&self, after: Wall, upto: Wall) -> i64 {
        let years = year_of(after)..year_of(upto);
        years.map(|year| self.count_in_year(year)).sum::<i64>() + self.count_from_new_year(upto)
            - self.count_from_new_year(after)
    }

    /// Matches of a whole year.
    pub(crate) fn count_in_year(&self, year: i32) -> i64 {
        self.count_in_months(year, 1..13)
    }

    /// Matches from the beginning of the year to `wall`, inclusive.
    pub(crate) fn count_from_new_year(&self, wall: Wall) -> i64 {
        let civil = wall.to_civil();
        let (year, month, day) = (i32::from(civil.year()), i32::from(civil.month()), civil.day());
        let of_month = self.days_of(year, month);
        let mut count = self.count_in_months(year, 1..month);
        count += i64::from((of_month & below(day)).count_ones()) * self.count_per_day();
        if has(of_month, day) {
            count += self.count_in_day(civil);
        }
        count
    }

    fn count_in_months(&self, year: i32, months: Range<i32>) -> i64 {
        let days: u32 = months.map(|month| self.days_of(year, month).count_ones()).sum();
        i64::from(days) * self.count_per_day()
    }

    fn count_per_day(&self) -> i64 {
        i64::from(self.hours.count_ones() * self.minutes.count_ones() * self.seconds.count_ones())
    }

    /// Matches of a matching day from midnight to the time of day, inclusive.
    fn count_in_day(&self, civil: DateTime) -> i64 {
        let per_minute = self.seconds.count_ones();
        let mut count = (self.hours & below(civil.hour())).count_ones() * self.minutes.count_ones() * per_minute;
        if has(self.hours, civil.hour()) {
            count += (self.minutes & below(civil.minute())).count_ones() * per_minute;
            if has(self.minutes, civil.minute()) {
                count += (self.seconds & upto(civil.second())).count_ones();
            }
        }
        i64::from(count)
    }

    /// The matching days of a month, as bits from 1.
    fn days_of(&self, year: i32, month: i32) -> u64 {
        if self.months & (1 << month) == 0 {
            return 0;
        }
        let begins = first_of_month(year, month);
        let length = first_of_month(year + month / 12, month % 12 + 1) - begins;
        let in_month = (1 << (length + 1)) - 1;
        if self.weekdays == ALL_WEEKDAYS {
            return self.days & in_month;
        }
        // The set of weekdays, turned so that the lowest bit is the first of the month, five times over.
        let (week, first) = (u64::from(self.weekdays), weekday_of(begins));
        let turned = ((week >> first) | (week << (7 - first))) & u64::from(ALL_WEEKDAYS);
        let weeks = turned * 0x1020_4081;
        self.days & (weeks << 1) & in_month
    }

    /// The first matching time of day (second of the day) at or after `second`.
    fn time_from(&self, second: u32) -> Option<u32> {
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        if has_u32(self.hours, h) {
            if has_u32(self.minutes, m)
                && let Some(s) = lowest(self.seconds & !below_u32(s))
            {
                return Some(h * 3600 + m * 60 + s);
            }
            if let Some(m) = lowest(self.minutes & !upto_u32(m)) {
                return Some(h * 3600 + m * 60 + lowest(self.seconds)?);
            }
        }
        let h = lowest(self.hours & !upto_u32(h))?;
        Some(h * 3600 + lowest(self.minutes)? * 60 + lowest(self.seconds)?)
    }

    /// The last matching time of day (second of the day) at or before `second`.
    fn time_upto(&self, second: u32) -> Option<u32> {
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        if has_u32(self.hours, h) {
            if has_u32(self.minutes, m)
                && let Some(s) = highest(self.seconds & upto_u32(s))
            {
                return Some(h * 3600 + m * 60 + s);
            }
            if let Some(m) = highest(self.minutes & below_u32(m)) {
                return Some(h * 3600 + m * 60 + highest(self.seconds)?);
            }
        }
        let h = highest(self.hours & below_u32(h))?;
        Some(h * 3600 + highest(self.minutes)? * 60 + highest(self.seconds)?)
    }
}

impl Labels for CivilCron {
    fn latest(&self, wall: Wall) -> Option<Wall> {
        let civil = wall.to_civil();
        let second_of_day = u32::try_from(wall.0.rem_euclid(DAY) / 1000).ok()?;
        let mut before = civil.day();
        if has(self.days_of(civil.year().into(), civil.month().into()), before)
            && let Some(second) = self.time_upto(second_of_day)
        {
            return Some(Wall(wall.day() * DAY + i64::from(second) * 1000));
        }
        let last = self.time_upto(DAY_SECONDS - 1)?;
        let month = months_since_zero(civil);
        for month in (month - SEARCH_MONTHS..=month).rev() {
            let (year, number) = (month.div_euclid(12), month.rem_euclid(12) + 1);
            if let Some(day) = highest(self.days_of(year, number) & below(before)) {
                return wall_of(year, number, day, last);
            }
            before = 32;
        }
        None
    }

    fn following(&self, wall: Wall) -> Option<Wall> {
        // Matches are whole seconds: the first one after any moment of a second is at or after the next second.
        let wall = Wall((wall.0.div_euclid(1000) + 1) * 1000);
        let civil = wall.to_civil();
        let second_of_day = u32::try_from(wall.0.rem_euclid(DAY) / 1000).ok()?;
        let mut after = civil.day();
        if has(self.days_of(civil.year().into(), civil.month().into()), after)
            && let Some(second) = self.time_from(second_of_day)
        {
            return Some(Wall(wall.day() * DAY + i64::from(second) * 1000));
        }
        let first = self.time_from(0)?;
        let month = months_since_zero(civil);
        for month in month..=month + SEARCH_MONTHS {
            let (year, number) = (month.div_euclid(12), month.rem_euclid(12) + 1);
            if let Some(day) = lowest(self.days_of(year, number) & !upto(after)) {
                return wall_of(year, number, day, first);
            }
            after = 0;
        }
        None
    }
}

const DAY_SECONDS: u32 = 86_400;

/// The year of a wall time.
pub(crate) fn year_of(wall: Wall) -> i32 {
    wall.to_civil().year().into()
}

fn months_since_zero(civil: DateTime) -> i32 {
    i32::from(civil.year()) * 12 + i32::from(civil.month()) - 1
}

fn wall_of(year: i32, month: i32, day: u32, second: u32) -> Option<Wall> {
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let midnight = Offset::UTC.to_timestamp(date.into()).ok()?.as_millisecond();
    Some(Wall(midnight + i64::from(second) * 1000))
}

/// Bits lower than `bit`.
fn below(bit: i8) -> u64 {
    (1 << bit) - 1
}

/// Bits up to `bit`, inclusive.
fn upto(bit: i8) -> u64 {
    (2 << bit) - 1
}

fn has(set: u64, bit: i8) -> bool {
    set & (1 << bit) != 0
}

fn below_u32(bit: u32) -> u64 {
    (1 << bit) - 1
}

fn upto_u32(bit: u32) -> u64 {
    (2 << bit) - 1
}

fn has_u32(set: u64, bit: u32) -> bool {
    set & (1 << bit) != 0
}

fn lowest(set: u64) -> Option<u32> {
    (set != 0).then(|| set.trailing_zeros())
}

fn highest(set: u64) -> Option<u32> {
    set.checked_ilog2()
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

fn field_error(number: usize, text: &str, source: Option<cron::error::Error>) -> CronError {
    CronError::Field { field: FIELDS[number], text: shorten(text), source }
}

/// Reads the field with this number (all but the weekday) by giving it to the crate alone, so that an error belongs to it.
fn ordinals(number: usize, text: &str) -> Result<u64, CronError> {
    let wrong_step = |item: &str| item.split_once('/').is_some_and(|(_, step)| step.parse().unwrap_or(0_u32) == 0);
    if text.split(',').any(wrong_step) {
        return Err(field_error(number, text, None));
    }
    let mut fields = ["*"; 6];
    fields[number] = text;
    let schedule = cron::Schedule::from_str(&fields.join(" ")).map_err(|e| field_error(number, text, Some(e)))?;
    Ok(match number {
        0 => bits(schedule.seconds()),
        1 => bits(schedule.minutes()),
        2 => bits(schedule.hours()),
        3 => bits(schedule.days_of_month()),
        _ => bits(schedule.months()),
    })
}

fn bits(spec: &impl TimeUnitSpec) -> u64 {
    spec.iter().fold(0, |bits, ordinal| bits | 1 << ordinal)
}

/// Reads the weekday field: numbers 0 to 7 (0 and 7 are Sunday) or names, ranges (which may go over the end of the week), steps on ranges and on `*`.
fn weekdays(text: &str) -> Result<u8, CronError> {
    let mut set = 0;
    for item in text.split(',') {
        set |= weekday_item(item).ok_or_else(|| field_error(5, text, None))?;
    }
    // The crate has the last word on the names, so that both agree on what a weekday is.
    let names: Vec<&str> = (0..7).filter(|day| set & (1 << day) != 0).map(|day| WEEKDAYS[day]).collect();
    cron::Schedule::from_str(&format!("0 0 0 * * {}", names.join(","))).map_err(|e| field_error(5, text, Some(e)))?;
    Ok(set)
}

fn weekday_item(item: &str) -> Option<u8> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, step.parse().ok().filter(|step| (1..=7).contains(step))?),
        None => (item, 1),
    };
    let (first, last) = match range.split_once('-') {
        // Steps over the whole week count from Sunday, as crontab does.
        None if range == "*" || range == "?" => (6, 5),
        None if step != 1 => return None,
        None => (weekday(range)?, weekday(range)?),
        Some((first, last)) => (weekday(first)?, weekday(last)?),
    };
    let length = (last + 7 - first) % 7;
    // `0-7` is a whole week and not a Sunday.
    let length = if range == "0-7" { 6 } else { length };
    Some((0..=length).step_by(step).fold(0, |set, day| set | 1 << ((first + day) % 7)))
}

/// Number of a weekday, Monday 0.
fn weekday(text: &str) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    if let Ok(number) = lower.parse::<u32>() {
        return (number <= 7 && lower.len() == 1).then_some((number + 6) % 7);
    }
    let day = LONG_WEEKDAYS.iter().position(|full| lower.len() >= 3 && full.starts_with(&lower))?;
    u32::try_from(day).ok()
}

#[cfg(test)]
#[path = "tests/cron.rs"]
mod tests;
