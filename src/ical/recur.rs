//! Rules of recurrence (RFC 5545, section 3.3.10), as calendars of absences and holidays use them: by day, week, month and year, with intervals,
//! ends, weekdays, days of the month, months and positions. Within a window, and never for longer than a bound.

use jiff::civil::{Date, DateTime, Weekday};

use super::read::date_of;

/// Steps that one rule is followed for, whatever it says. Beyond: it ends there.
const STEPS_MAX: i64 = 20_000;
/// Numbers in a list of a rule. Beyond: it is not understood.
const LIST_MAX: usize = 64;

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// A rule, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    frequency: Frequency,
    interval: i64,
    count: Option<usize>,
    until: Option<DateTime>,
    by_day: Vec<(i8, Weekday)>,
    by_month_day: Vec<i8>,
    by_month: Vec<i8>,
    by_position: Vec<i32>,
    week_start: Weekday,
}

impl Rule {
    /// Reads `FREQ=WEEKLY;BYDAY=MO,TU`.
    ///
    /// # Errors
    /// What was not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rule = Self {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            by_day: Vec::new(),
            by_month_day: Vec::new(),
            by_month: Vec::new(),
            by_position: Vec::new(),
            week_start: Weekday::Monday,
        };
        let mut frequency = None;
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let shown = || part.chars().take(40).collect::<String>();
            let (name, value) = part.split_once('=').ok_or_else(shown)?;
            match name.to_ascii_uppercase().as_str() {
                "FREQ" => {
                    frequency = Some(match value.to_ascii_uppercase().as_str() {
                        "DAILY" => Frequency::Daily,
                        "WEEKLY" => Frequency::Weekly,
                        "MONTHLY" => Frequency::Monthly,
                        "YEARLY" => Frequency::Yearly,
                        _ => return Err(shown()),
                    });
                }
                "INTERVAL" => {
                    rule.interval = value.parse().ok().filter(|n| (1..=10_000).contains(n)).ok_or_else(shown)?;
                }
                "COUNT" => rule.count = Some(value.parse().map_err(|_| shown())?),
                "UNTIL" => {
                    let date = value.get(..8).and_then(date_of).ok_or_else(shown)?;
                    let hour = value.get(9..11).and_then(|h| h.parse().ok()).unwrap_or(23_i8);
                    // A time in UTC may be half a day off the civil one; the day is what matters here.
                    rule.until = Some(date.at(hour.clamp(0, 23), 59, 59, 0));
                }
                "BYDAY" => rule.by_day = listed(value, weekday_of).ok_or_else(shown)?,
                "BYMONTHDAY" => rule.by_month_day = listed(value, |n| number(n, 31)).ok_or_else(shown)?,
                "BYMONTH" => rule.by_month = listed(value, |n| number(n, 12).filter(|n| *n > 0)).ok_or_else(shown)?,
                "BYSETPOS" => rule.by_position = listed(value, |n| n.parse().ok()).ok_or_else(shown)?,
                "WKST" => rule.week_start = weekday_of(value).ok_or_else(shown)?.1,
                _ => return Err(shown()),
            }
        }
        rule.frequency = frequency.ok_or("it has no FREQ")?;
        let numbered = rule.by_day.iter().any(|(n, _)| *n != 0);
        let in_months = rule.frequency == Frequency::Monthly || !rule.by_month.is_empty();
        if numbered && !(in_months && matches!(rule.frequency, Frequency::Monthly | Frequency::Yearly)) {
            return Err("numbered weekdays outside of months".to_owned());
        }
        Ok(rule)
    }
}

fn listed<T>(text: &str, f: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let parts: Vec<&str> = text.split(',').collect();
    if parts.len() > LIST_MAX {
        return None;
    }
    parts.into_iter().map(|part| f(part.trim())).collect()
}

fn number(text: &str, most: i8) -> Option<i8> {
    text.parse().ok().filter(|n: &i8| *n != 0 && n.unsigned_abs() <= most.unsigned_abs())
}

/// `MO`, `1MO`, `-1FR`; 0 without a number.
fn weekday_of(text: &str) -> Option<(i8, Weekday)> {
    let at = text.len().checked_sub(2)?;
    let (digits, day) = (text.get(..at)?, text.get(at..)?);
    let day = match day.to_ascii_uppercase().as_str() {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    };
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    Some((if digits.is_empty() { 0 } else { number(digits, 53)? }, day))
}

/// The beginnings of an event that recurs, from `from` on and before `to`, at most `most`.
pub fn dates(rule: &Rule, start: DateTime, from: Date, to: Date, most: usize) -> Vec<DateTime> {
    let mut found = Vec::new();
    let mut counted = 0;
    for step in 0..STEPS_MAX {
        let Some(mut days) = period(rule, start.date(), step.saturating_mul(rule.interval), to) else { break };
        days.sort_unstable();
        days.dedup();
        for day in positions(&days, &rule.by_position) {
            let at = day.to_datetime(start.time());
            if at < start {
                continue;
            }
            counted += 1;
            let over = rule.until.is_some_and(|until| at > until) || rule.count.is_some_and(|count| counted > count);
            if over || day >= to || found.len() >= most {
                return found;
            }
            if day >= from {
                found.push(at);
            }
        }
    }
    found
}

/// The days of one period; `None` when it lies behind `to` or beyond the calendar.
fn period(rule: &Rule, start: Date, offset: i64, to: Date) -> Option<Vec<Date>> {
    let month_fits = |date: Date| rule.by_month.is_empty() || rule.by_month.contains(&date.month());
    let day_fits = |date: Date| rule.by_day.is_empty() || rule.by_day.iter().any(|(_, day)| *day == date.weekday());
    let in_month = |date: Date| {
        let behind = date.day() - date.days_in_month() - 1;
        rule.by_month_day.is_empty() || rule.by_month_day.iter().any(|n| *n == date.day() || *n == behind)
    };
    let before = |date: Date| (date < to).then_some(date);
    match rule.frequency {
        Frequency::Daily => {
            let date = before(start.checked_add(jiff::Span::new().try_days(offset).ok()?).ok()?)?;
            let fits = month_fits(date) && day_fits(date) && in_month(date);
            Some(if fits { vec![date] } else { Vec::new() })
        }
        Frequency::Weekly => {
            let back = i64::from(start.weekday().since(rule.week_start));
            let monday = start.checked_sub(jiff::Span::new().days(back)).ok()?;
            let week = before(monday.checked_add(jiff::Span::new().try_weeks(offset).ok()?).ok()?)?;
            let all = (0..7_i64).filter_map(|n| week.checked_add(jiff::Span::new().days(n)).ok());
            let wanted =
                |date: &Date| if rule.by_day.is_empty() { date.weekday() == start.weekday() } else { day_fits(*date) };
            Some(all.filter(wanted).filter(|date| month_fits(*date)).collect())
        }
        Frequency::Monthly => {
            let first = before(start.first_of_month().checked_add(jiff::Span::new().try_months(offset).ok()?).ok()?)?;
            Some(if month_fits(first) { month(rule, start, first) } else { Vec::new() })
        }
        Frequency::Yearly => {
            let year = i16::try_from(i64::from(start.year()) + offset).ok()?;
            before(Date::new(year, 1, 1).ok()?)?;
            let months = if rule.by_month.is_empty() { vec![start.month()] } else { rule.by_month.clone() };
            let firsts = months.into_iter().filter_map(|month| Date::new(year, month, 1).ok());
            Some(firsts.flat_map(|first| month(rule, start, first)).collect())
        }
    }
}

/// The days that a rule means in the month that begins with `first`.
fn month(rule: &Rule, start: Date, first: Date) -> Vec<Date> {
    let days = (1..=first.days_in_month()).filter_map(|day| first.with().day(day).build().ok());
    let fits = |date: &Date| {
        let behind = date.day() - date.days_in_month() - 1;
        let by_day = rule.by_day.iter().any(|(n, weekday)| {
            let nth = (date.day() - 1) / 7 + 1;
            let last = (date.days_in_month() - date.day()) / 7 + 1;
            *weekday == date.weekday() && (*n == 0 || *n == nth || *n == -last)
        });
        let by_number = rule.by_month_day.iter().any(|n| *n == date.day() || *n == behind);
        match (rule.by_day.is_empty(), rule.by_month_day.is_empty()) {
            (true, true) => date.day() == start.day(),
            (false, true) => by_day,
            (true, false) => by_number,
            (false, false) => by_day && by_number,
        }
    };
    days.filter(fits).collect()
}

/// The first, the last and so on of the days of a period; all without numbers.
fn positions(days: &[Date], wanted: &[i32]) -> Vec<Date> {
    if wanted.is_empty() {
        return days.to_vec();
    }
    let count = i32::try_from(days.len()).unwrap_or(i32::MAX);
    let mut found: Vec<Date> = wanted
        .iter()
        .filter_map(|n| usize::try_from(if *n < 0 { count.checked_add(*n)? } else { n.checked_sub(1)? }).ok())
        .filter_map(|n| days.get(n).copied())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(rule: &str, start: &str) -> String {
        let rule = Rule::parse(rule).unwrap_or_else(|why| panic!("{rule}: {why}"));
        let date = |text: &str| text.parse::<Date>().unwrap();
        let start = date(start).at(9, 0, 0, 0);
        let all = dates(&rule, start, date("2026-01-01"), date("2028-01-01"), 6);
        all.iter().map(|at| at.date().to_string()[2..].to_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn rules_give_the_days_that_the_standard_gives() {
        let cases = [
            ("FREQ=DAILY;COUNT=3", "2026-03-30", "26-03-30 26-03-31 26-04-01"),
            ("FREQ=DAILY;INTERVAL=10;UNTIL=20260120", "2026-01-01", "26-01-01 26-01-11"),
            ("FREQ=WEEKLY;BYDAY=TU,TH;COUNT=4", "2026-01-01", "26-01-01 26-01-06 26-01-08 26-01-13"),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU;COUNT=4", "2026-01-04", "26-01-04 26-01-05 26-01-18 26-01-19"),
            ("FREQ=MONTHLY;BYDAY=1FR;COUNT=3", "2026-01-02", "26-01-02 26-02-06 26-03-06"),
            ("FREQ=MONTHLY;BYDAY=-1MO;COUNT=2", "2026-01-26", "26-01-26 26-02-23"),
            ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", "2026-01-31", "26-01-31 26-02-28 26-03-31"),
            ("FREQ=MONTHLY;COUNT=3", "2026-01-31", "26-01-31 26-03-31 26-05-31"),
            ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2", "2026-01-30", "26-01-30 26-02-27"),
            ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "2020-11-26", "26-11-26 27-11-25"),
            ("FREQ=YEARLY", "2020-02-29", ""),
            ("FREQ=YEARLY;BYMONTH=5,12;BYMONTHDAY=1", "2025-05-01", "26-05-01 26-12-01 27-05-01 27-12-01"),
        ];
        for (rule, start, expected) in cases {
            assert_eq!(shown(rule, start), expected, "{rule}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for rule in ["", "FREQ=HOURLY", "FREQ=DAILY;BYWEEKNO=1", "FREQ=YEARLY;BYDAY=20MO", "FREQ=DAILY;INTERVAL=0", "X"]
        {
            assert!(Rule::parse(rule).is_err(), "{rule}");
        }
        let long = format!("FREQ=MONTHLY;BYMONTHDAY={}", vec!["1"; LIST_MAX + 1].join(","));
        assert!(Rule::parse(&long).is_err());
    }

    #[test]
    fn a_rule_without_an_end_ends_with_the_window_and_with_the_bound() {
        let rule = Rule::parse("FREQ=DAILY").unwrap();
        let day = |text: &str| text.parse::<Date>().unwrap();
        let start = day("1900-01-01").at(0, 0, 0, 0);
        assert_eq!(dates(&rule, start, day("1950-01-01"), day("1950-01-11"), 100).len(), 10);
        assert_eq!(dates(&rule, start, day("2026-01-01"), day("2027-01-01"), 100).len(), 0, "beyond the bound");
    }
}
