//! How heavy it is to be on call: pages by week and at night, where each person lives.
//!
//! It is about the rota, never about a person. For others it is only added up for a team; a person's own figures go to that person alone, with the
//! notice that they are on call.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use super::oncall::schedules_of;
use crate::domain::{Name, Ratio, Span, Timestamp};
use crate::engine::Policy;
use crate::engine::load::{Load, begin_of};
use crate::engine::stand_in::Rota;

/// The first hour of the night.
const NIGHT_FROM: i8 = 22;
/// The first hour of the morning.
const NIGHT_TO: i8 = 7;
/// What a person is told of themselves.
const RECENT: Span = Span::from_hours(4 * 7 * 24);

/// A week of a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadRow {
    /// The team.
    pub team: Name,
    /// ISO week: `2026-W48`.
    pub week: String,
    /// Its Monday.
    pub monday: String,
    /// People who were on call in the team's schedules.
    pub people: u64,
    /// Pages to them and to others about the team's incidents.
    pub pages: u64,
    /// Of these, at night: 22:00 to 07:00 where the person lives.
    pub at_night: u64,
    /// Nights of people in which there was at least one.
    pub disturbed_nights: u64,
    /// Pages for each of the people.
    pub pages_per_person: String,
    /// Pages at night for each of the people.
    pub at_night_per_person: String,
}

/// What the pages of a week come to.
#[derive(Default)]
struct Sum {
    pages: u64,
    at_night: u64,
    nights: BTreeSet<(Name, Date)>,
    people: BTreeSet<Name>,
}

/// The last weeks of a team, this one included, the oldest first. `None` for an unknown team.
#[must_use]
pub fn load_of(
    policy: &Policy,
    rota: &Rota,
    load: &Load,
    team: &str,
    now: Timestamp,
    weeks: u32,
) -> Option<Vec<LoadRow>> {
    policy.teams.get(team)?;
    let zone = zone(&policy.organisation.timezone);
    let this = monday(now.to_jiff().to_zoned(zone.clone()).date());
    let first = this.checked_sub((i64::from(weeks.max(1)) - 1).weeks()).unwrap_or(this);
    let mut sums: BTreeMap<Date, Sum> = BTreeMap::new();
    let mut week = first;
    while week <= this {
        let sum = sums.entry(week).or_default();
        sum.people = serving(policy, rota, team, &zone, week);
        week = week.checked_add(1.week()).ok()?;
    }
    for (person, pages) in load.of_team(team) {
        let zone = zone_of(policy, person);
        for (slot, count) in pages {
            let civil = civil(begin_of(*slot), &zone);
            let Some(sum) = sums.get_mut(&monday(civil.date())) else { continue };
            sum.pages += u64::from(*count);
            if let Some(night) = night_of(civil) {
                sum.at_night += u64::from(*count);
                sum.nights.insert((person.clone(), night));
            }
        }
    }
    Some(sums.into_iter().map(|(monday, sum)| row(team, monday, &sum)).collect())
}

/// Pages of a person in the last four weeks, and how many of them at night.
#[must_use]
pub fn recent(policy: &Policy, load: &Load, person: &Name, now: Timestamp) -> (u64, u64) {
    let zone = zone_of(policy, person);
    let since = now.minus(RECENT);
    let mut sum = (0, 0);
    for (slot, count) in load.of_person(person).flat_map(|(_, pages)| pages) {
        let at = begin_of(*slot);
        if at >= since {
            sum.0 += u64::from(*count);
            sum.1 += if night_of(civil(at, &zone)).is_some() { u64::from(*count) } else { 0 };
        }
    }
    sum
}

fn row(team: &str, monday: Date, sum: &Sum) -> LoadRow {
    let people = sum.people.len() as u64;
    let each = |n: u64| Ratio::new(n, people).map_or_else(|| "-".to_owned(), |ratio| ratio.decimal(1));
    let week = monday.iso_week_date();
    LoadRow {
        team: team.into(),
        week: format!("{}-W{:02}", week.year(), week.week()),
        monday: monday.to_string(),
        people,
        pages: sum.pages,
        at_night: sum.at_night,
        disturbed_nights: sum.nights.len() as u64,
        pages_per_person: each(sum.pages),
        at_night_per_person: each(sum.at_night),
    }
}

/// Who was on call in the schedules of a team during a week.
fn serving(policy: &Policy, rota: &Rota, team: &str, zone: &TimeZone, monday: Date) -> BTreeSet<Name> {
    let midnight = |date: Date| date.to_zoned(zone.clone()).ok().map(|at| Timestamp::from_jiff(at.timestamp()));
    let next = monday.checked_add(1.week()).ok();
    let (Some(from), Some(to)) = (midnight(monday), next.and_then(midnight)) else { return BTreeSet::new() };
    let schedules = schedules_of(policy, team).unwrap_or_default();
    let schedules = schedules.into_iter().filter_map(|name| rota.schedule(policy, name));
    schedules.flat_map(|schedule| schedule.shifts(from, to)).flat_map(|shift| shift.on_call.users()).collect()
}

fn monday(date: Date) -> Date {
    let days = date.weekday().since(Weekday::Monday);
    date.checked_sub(i64::from(days).days()).unwrap_or(date)
}

/// The evening of the night that a moment belongs to.
fn night_of(civil: DateTime) -> Option<Date> {
    match civil.hour() {
        hour if hour >= NIGHT_FROM => Some(civil.date()),
        hour if hour < NIGHT_TO => civil.date().yesterday().ok(),
        _ => None,
    }
}

/// Where a person lives; without a word about it, where the organisation is.
fn zone_of(policy: &Policy, person: &Name) -> TimeZone {
    let name = policy.people.get(person).and_then(|person| person.timezone.as_ref());
    zone(name.unwrap_or(&policy.organisation.timezone))
}

fn civil(at: Timestamp, zone: &TimeZone) -> DateTime {
    at.to_jiff().to_zoned(zone.clone()).datetime()
}

fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn nights_belong_to_their_evening_and_weeks_begin_on_monday() {
        for (civil, night) in [
            ("2026-11-26T21:59:00", None),
            ("2026-11-26T22:00:00", Some("2026-11-26")),
            ("2026-11-27T06:59:00", Some("2026-11-26")),
            ("2026-11-27T07:00:00", None),
        ] {
            let night = night.map(|date: &str| date.parse::<Date>().unwrap());
            assert_eq!(night_of(civil.parse().unwrap()), night, "{civil}");
        }
        for (date, want) in [("2026-11-23", "2026-11-23"), ("2026-11-29", "2026-11-23"), ("2026-11-30", "2026-11-30")] {
            assert_eq!(monday(date.parse().unwrap()), want.parse::<Date>().unwrap());
        }
    }

    /// A rota of two, of whom one lives in Tokyo; the night is theirs.
    #[test]
    fn pages_are_summed_up_by_week_and_night() {
        let files = [(
            "callout.toml",
            r#"
[organisation]
name = "acme"
timezone = "Europe/Berlin"
[channels.slack.main]
token_env = "T"
[people]
ana = { slack = "U01", timezone = "Asia/Tokyo" }
bo = { slack = "U02" }
[teams.ops]
members = ["ana", "bo"]
escalation = "ops"
routes = [{ tell = ["slack:main/#ops"] }]
[schedules.ops]
users = ["ana", "bo"]
rotate = "daily"
start = 2026-11-02T09:00:00
[escalations.ops]
steps = [{ notify = ["schedule:ops"], wait = "10m" }]
"#,
        )];
        let report = crate::config::load_texts(files, at("2026-11-20T00:00:00Z"));
        let policy = report.loaded.clone().unwrap_or_else(|| panic!("{}", report.render(false))).policy;
        let mut load = Load::default();
        let (ops, ana, bo) = (Name::from("ops"), Name::from("ana"), Name::from("bo"));
        // Noon in Tokyo, and the middle of the night in Berlin.
        load.count(&ops, &ana, at("2026-11-24T03:00:00Z"));
        load.count(&ops, &bo, at("2026-11-24T03:00:00Z"));
        load.count(&ops, &bo, at("2026-11-24T03:05:00Z"));
        load.count(&ops, &bo, at("2026-11-24T12:00:00Z"));
        // Sunday evening in Berlin is Monday in Tokyo.
        load.count(&ops, &ana, at("2026-11-22T21:30:00Z"));
        load.count(&Name::from("other"), &bo, at("2026-11-24T12:00:00Z"));
        let rows = load_of(&policy, &Rota::default(), &load, "ops", at("2026-11-26T12:00:00Z"), 2).unwrap();
        let figures: Vec<_> = rows
            .iter()
            .map(|r| (r.week.as_str(), r.people, r.pages, r.at_night, r.disturbed_nights, r.pages_per_person.as_str()))
            .collect();
        assert_eq!(figures, [("2026-W47", 2, 0, 0, 0, "0"), ("2026-W48", 2, 5, 3, 2, "2.5")]);
        assert_eq!(recent(&policy, &load, &bo, at("2026-11-26T12:00:00Z")), (4, 2));
        assert!(load_of(&policy, &Rota::default(), &load, "nobody", at("2026-11-26T12:00:00Z"), 2).is_none());
    }

    #[test]
    fn what_is_long_ago_is_no_load() {
        let mut load = Load::default();
        let (ops, ana) = (Name::from("ops"), Name::from("ana"));
        let begin = at("2026-01-01T00:00:00Z");
        load.count(&ops, &ana, begin);
        load.count(&ops, &ana, begin.plus(crate::engine::limits::LOAD_KEPT));
        assert_eq!(load.of_person("ana").map(|(_, pages)| pages.len()).sum::<usize>(), 2);
        load.count(&ops, &ana, begin.plus(crate::engine::limits::LOAD_KEPT).plus(Span::from_minutes(15)));
        assert_eq!(load.of_person("ana").map(|(_, pages)| pages.len()).sum::<usize>(), 2);
    }
}
