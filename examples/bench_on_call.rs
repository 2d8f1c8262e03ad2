//! How long the questions to a schedule take: `cargo run --release --example bench_on_call`.
//!
//! Three layers in zones with changes of the clock, three roles, hours, holidays, cron handoffs, ten overrides.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement: it reads the clock and prints"
)]

use std::hint::black_box;
use std::time::Instant;

use callout::domain::{Name, Span, Timestamp};
use callout::schedule::{
    Layer, Override, OverrideKind, Restriction, Rotation, RotationUnit, Schedule, ScheduleSpec, Weekday, Zone,
};
use jiff::civil::{date, time};

const QUESTIONS: u32 = 100_000;

fn names(text: &str) -> Vec<Name> {
    text.split_whitespace().map(Name::from).collect()
}

fn zone(name: &str) -> Zone {
    Zone { name: name.into(), tz: jiff::tz::TimeZoneDatabase::bundled().get(name).unwrap() }
}

fn layer(users: &str, rotation: Rotation, zone_name: &str) -> Layer {
    let weekdays = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    Layer {
        name: zone_name.into(),
        turns: names(users).into_iter().map(|name| vec![name]).collect(),
        rotation,
        start: date(2024, 11, 4).at(8, 0, 0, 0),
        anchor: None,
        end: None,
        timezone: Some(zone(zone_name)),
        roles: None,
        restrictions: vec![Restriction::Daily {
            days: weekdays.to_vec(),
            from: time(8, 0, 0, 0),
            to: Some(time(20, 0, 0, 0)),
        }],
        exclude_dates: vec![date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 1)],
        only_dates: None,
    }
}

fn schedule(roles: &str) -> Schedule {
    let every = |unit| Rotation::Every { unit, every: 1, on: Vec::new() };
    let base = Layer {
        restrictions: Vec::new(),
        exclude_dates: Vec::new(),
        ..layer("a b c d", every(RotationUnit::Week), "Europe/Berlin")
    };
    let begin = Timestamp::parse("2026-11-01T00:00:00Z").unwrap();
    let change = |n: i64| Override {
        start: begin.plus(Span::from_hours(n * 60)),
        end: begin.plus(Span::from_hours(n * 60 + 90)),
        kind: OverrideKind::Replace { user: "a".into(), with: "z".into() },
        role: None,
    };
    Schedule::new(ScheduleSpec {
        live: callout::schedule::Live::default(),
        team: None,
        name: "bench".into(),
        timezone: zone("Europe/Berlin"),
        roles: names(roles),
        layers: vec![
            base,
            layer("e f g", every(RotationUnit::Day), "Europe/Berlin"),
            layer("h i j", Rotation::Cron("0 8 * * MON,THU".into()), "America/Los_Angeles"),
        ],
        overrides: (0..10).map(change).collect(),
    })
}

/// Nanoseconds for each of `count` questions at instants spread over a year, in the fastest of ten rounds: other work on the machine only adds.
fn measure<T>(count: u32, ask: impl Fn(Timestamp) -> T) -> u128 {
    let begin = Timestamp::parse("2026-06-01T00:00:00Z").unwrap().as_millis();
    let round = |round: i64| {
        let clock = Instant::now();
        for n in 0..i64::from(count) {
            let spread = (round * i64::from(count) + n) * 7_919_000 % 31_536_000_000;
            black_box(ask(Timestamp::from_millis(begin + spread)));
        }
        clock.elapsed().as_nanos() / u128::from(count)
    };
    (0..10).map(round).min().unwrap()
}

fn main() {
    for roles in ["", "main backup-1 backup-2"] {
        let schedule = schedule(roles);
        let on_call = measure(QUESTIONS, |t| schedule.on_call(t));
        let answer = measure(QUESTIONS / 20, |t| schedule.answer(None, t));
        let change = measure(QUESTIONS / 20, |t| schedule.next_change(t));
        let year = measure(3, |t| schedule.shifts(t, t.plus(Span::from_hours(366 * 24))));
        let new = measure(20, |_| Schedule::new(schedule.spec().clone()));
        println!("three layers, {} roles, 10 overrides:", schedule.spec().roles.len());
        println!("  on_call(t)      {on_call:>9} ns");
        println!("  answer(t)       {answer:>9} ns");
        println!("  next_change(t)  {change:>9} ns");
        println!("  shifts(a year)  {year:>9} ns");
        println!("  new             {new:>9} ns");
    }
}
