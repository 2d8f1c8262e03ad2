//! Schedules: intervals, point queries and changes must all agree with the case.

use std::collections::{BTreeMap, BTreeSet};

use callout::domain::{Name, Timestamp};
use callout::schedule::{
    Layer, OnCall, Override, OverrideKind, Restriction, Rotation, RotationUnit, Schedule, ScheduleSpec, Weekday, Zone,
};
use jiff::civil::{Date, DateTime, Time};
use serde::Deserialize;

#[derive(Deserialize)]
struct CaseFile {
    schedule: NeutralSchedule,
    window: Window,
    expect: Vec<Interval>,
}

#[derive(Deserialize)]
struct Window {
    start: String,
    end: String,
}

#[derive(Deserialize)]
struct Interval {
    start: String,
    end: String,
    users: Option<Vec<Name>>,
    roles: Option<BTreeMap<Name, Vec<Name>>>,
}

#[derive(Deserialize)]
struct NeutralSchedule {
    timezone: String,
    roles: Option<Vec<Name>>,
    layers: Vec<NeutralLayer>,
    #[serde(default)]
    overrides: Vec<NeutralOverride>,
}

#[derive(Deserialize)]
struct NeutralLayer {
    #[serde(default)]
    name: Name,
    users: Vec<Entry>,
    rotation: NeutralRotation,
    start: String,
    anchor: Option<String>,
    end: Option<String>,
    timezone: Option<String>,
    roles: Option<Vec<Name>>,
    #[serde(default)]
    restrictions: Vec<NeutralRestriction>,
    #[serde(default)]
    exclude_dates: Vec<Date>,
    only_dates: Option<Vec<Date>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    One(Name),
    Many(Vec<Name>),
}

#[derive(Deserialize)]
struct NeutralRotation {
    kind: String,
    every: Option<u32>,
    on: Option<Vec<String>>,
    expr: Option<String>,
}

#[derive(Deserialize)]
struct NeutralRestriction {
    days: Option<Vec<String>>,
    from_day: Option<String>,
    to_day: Option<String>,
    from: String,
    to: String,
}

#[derive(Deserialize)]
struct NeutralOverride {
    start: String,
    end: String,
    kind: String,
    role: Option<Name>,
    user: Option<Name>,
    with: Option<Name>,
    #[serde(default)]
    users: Vec<Name>,
}

fn zone(name: &str) -> Result<Zone, String> {
    let tz = jiff::tz::TimeZoneDatabase::bundled().get(name).map_err(|e| e.to_string())?;
    Ok(Zone { name: name.into(), tz })
}

fn at(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|e| e.to_string())
}

fn civil(text: &str) -> Result<DateTime, String> {
    text.parse().map_err(|e| format!("{text}: {e}"))
}

fn weekday(text: &str) -> Result<Weekday, String> {
    Ok(match text.get(..3).unwrap_or_default().to_ascii_lowercase().as_str() {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return Err(format!("no weekday: {text}")),
    })
}

fn weekdays(texts: Option<&Vec<String>>) -> Result<Vec<Weekday>, String> {
    texts.into_iter().flatten().map(|text| weekday(text)).collect()
}

fn time(text: &str) -> Result<Time, String> {
    text.parse().map_err(|e| format!("{text}: {e}"))
}

fn end_time(text: &str) -> Result<Option<Time>, String> {
    if text.starts_with("24:00") { Ok(None) } else { time(text).map(Some) }
}

fn rotation(neutral: &NeutralRotation) -> Result<Rotation, String> {
    let unit = match neutral.kind.as_str() {
        "none" => return Ok(Rotation::None),
        "cron" => return neutral.expr.clone().map(Rotation::Cron).ok_or_else(|| "cron without expr".to_owned()),
        "hourly" => RotationUnit::Hour,
        "daily" => RotationUnit::Day,
        "weekly" => RotationUnit::Week,
        "monthly" => RotationUnit::Month,
        other => return Err(format!("no rotation: {other}")),
    };
    Ok(Rotation::Every { unit, every: neutral.every.unwrap_or(1), on: weekdays(neutral.on.as_ref())? })
}

fn restriction(neutral: &NeutralRestriction) -> Result<Restriction, String> {
    let (from, to) = (time(&neutral.from)?, end_time(&neutral.to)?);
    Ok(match (&neutral.from_day, &neutral.to_day) {
        (Some(first), Some(last)) => {
            Restriction::Weekly { from_day: weekday(first)?, from, to_day: weekday(last)?, to }
        }
        (None, None) => Restriction::Daily { days: weekdays(neutral.days.as_ref())?, from, to },
        _ => return Err("half a week span".to_owned()),
    })
}

fn layer(neutral: NeutralLayer) -> Result<Layer, String> {
    let turn = |entry| match entry {
        Entry::One(name) => vec![name],
        Entry::Many(names) => names,
    };
    Ok(Layer {
        name: neutral.name,
        turns: neutral.users.into_iter().map(turn).collect(),
        rotation: rotation(&neutral.rotation)?,
        start: civil(&neutral.start)?,
        anchor: neutral.anchor.as_deref().map(civil).transpose()?,
        end: neutral.end.as_deref().map(civil).transpose()?,
        timezone: neutral.timezone.as_deref().map(zone).transpose()?,
        roles: neutral.roles,
        restrictions: neutral.restrictions.iter().map(restriction).collect::<Result<_, _>>()?,
        exclude_dates: neutral.exclude_dates,
        only_dates: neutral.only_dates,
    })
}

fn change(neutral: NeutralOverride) -> Result<Override, String> {
    let missing = || format!("{} without its people", neutral.kind);
    let kind = match neutral.kind.as_str() {
        "set" => OverrideKind::Set(neutral.users),
        "add" => OverrideKind::Add(neutral.users),
        "replace" => {
            OverrideKind::Replace { user: neutral.user.ok_or_else(missing)?, with: neutral.with.ok_or_else(missing)? }
        }
        "remove" => OverrideKind::Remove(neutral.user.ok_or_else(missing)?),
        "swap" => match <[Name; 2]>::try_from(neutral.users) {
            Ok([a, b]) => OverrideKind::Swap(a, b),
            Err(_) => return Err("a swap of other than two".to_owned()),
        },
        other => return Err(format!("no override: {other}")),
    };
    Ok(Override { start: at(&neutral.start)?, end: at(&neutral.end)?, kind, role: neutral.role })
}

fn schedule(neutral: NeutralSchedule) -> Result<Schedule, String> {
    Ok(Schedule::new(ScheduleSpec {
        live: callout::schedule::Live::default(),
        team: None,
        name: "case".into(),
        timezone: zone(&neutral.timezone)?,
        roles: neutral.roles.unwrap_or_default(),
        layers: neutral.layers.into_iter().map(layer).collect::<Result<_, _>>()?,
        overrides: neutral.overrides.into_iter().map(change).collect::<Result<_, _>>()?,
    }))
}

/// People as the cases write them: a list for each role, under no name in a schedule without roles.
type Who = BTreeMap<Option<Name>, Vec<Name>>;

fn who(on_call: &OnCall) -> Who {
    on_call.by_role().map(|(role, users)| (role.cloned(), users.to_vec())).collect()
}

/// The expected people, with every role named and every list sorted.
fn expected(interval: &Interval, roles: &[Name]) -> Result<Who, String> {
    let sorted = |users: &Vec<Name>| {
        let mut users = users.clone();
        users.sort();
        users
    };
    match (&interval.users, &interval.roles) {
        (Some(users), None) => Ok([(None, sorted(users))].into()),
        (None, Some(by_role)) => Ok(roles
            .iter()
            .map(|role| (Some(role.clone()), by_role.get(role).map(sorted).unwrap_or_default()))
            .collect()),
        _ => Err("an interval needs either users or roles".to_owned()),
    }
}

fn judge(case: &serde_json::Value) -> Result<(), String> {
    let case = CaseFile::deserialize(case).map_err(|e| e.to_string())?;
    let (from, to) = (at(&case.window.start)?, at(&case.window.end)?);
    let schedule = schedule(case.schedule)?;
    let roles = schedule.spec().roles.clone();
    let intervals: Vec<(Timestamp, Timestamp, Who)> = case
        .expect
        .iter()
        .map(|interval| Ok((at(&interval.start)?, at(&interval.end)?, expected(interval, &roles)?)))
        .collect::<Result<_, String>>()?;

    let found: Vec<(Timestamp, Timestamp, Who)> =
        schedule.shifts(from, to).iter().map(|shift| (shift.start, shift.end, who(&shift.on_call))).collect();
    if found != intervals {
        let place = found.iter().zip(&intervals).take_while(|(a, b)| a == b).count();
        return Err(format!(
            "interval {place} of {}: found {:?}, expected {:?}",
            intervals.len(),
            found.get(place),
            intervals.get(place)
        ));
    }

    let nobody: Who = schedule.on_call(from).by_role().map(|(role, _)| (role.cloned(), Vec::new())).collect();
    let answer = |t: Timestamp| {
        let inside = intervals.iter().find(|(start, end, _)| *start <= t && t < *end);
        inside.map_or(&nobody, |(_, _, who)| who)
    };
    for t in points(&intervals, from, to) {
        let found = who(&schedule.on_call(t));
        if found != *answer(t) {
            return Err(format!("at {t}: found {found:?}, expected {:?}", answer(t)));
        }
    }

    let changes: Vec<Timestamp> = std::iter::successors(schedule.next_change(from), |t| schedule.next_change(*t))
        .take_while(|t| *t < to)
        .collect();
    let edges: BTreeSet<Timestamp> =
        intervals.iter().flat_map(|(start, end, _)| [*start, *end]).filter(|t| from < *t && *t < to).collect();
    if !changes.iter().eq(&edges) {
        return Err(format!("changes at {changes:?}, expected {edges:?}"));
    }
    Ok(())
}

/// Each start, one minute before it, the last minute of each interval, and the beginning and middle of every gap.
fn points(intervals: &[(Timestamp, Timestamp, Who)], from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let minute = callout::domain::Span::from_minutes(1);
    let mut points = vec![from, to.minus(minute)];
    let mut free_from = from;
    for (start, end, _) in intervals {
        points.extend([*start, start.minus(minute), end.minus(minute)]);
        points.extend(gap(free_from, *start));
        free_from = *end;
    }
    points.extend(gap(free_from, to));
    points.retain(|t| from <= *t && *t < to);
    points
}

fn gap(start: Timestamp, end: Timestamp) -> Vec<Timestamp> {
    if start >= end {
        return Vec::new();
    }
    vec![start, Timestamp::from_millis(i64::midpoint(start.as_millis(), end.as_millis()))]
}

#[test]
fn every_case_is_answered_alike_by_intervals_points_and_changes() {
    super::judge("schedules", judge);
}
