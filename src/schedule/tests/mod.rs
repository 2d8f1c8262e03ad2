//! Tests of the module as a whole; tests of one file lie with it. Cases with known answers: `tests/it/oracles`.

use jiff::civil::DateTime;
use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::domain::{Name, Timestamp};

mod absent;
mod brute;
mod clock;
mod coverage;
mod property;
mod tape;
mod traps;

fn zone(name: &str) -> Zone {
    Zone { name: name.into(), tz: TimeZoneDatabase::bundled().get(name).unwrap() }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn civil(text: &str) -> DateTime {
    text.parse().unwrap()
}

fn names(text: &str) -> Vec<Name> {
    text.split_whitespace().map(Name::from).collect()
}

/// A layer of everybody in turn: `ana bo+cy -` are three turns, the second of two people, the third of nobody.
fn layer(turns: &str, rotation: Rotation, start: &str) -> Layer {
    let turn = |text: &str| text.split('+').filter(|name| *name != "-").map(Name::from).collect();
    Layer {
        name: "l".into(),
        turns: turns.split_whitespace().map(turn).collect(),
        rotation,
        start: civil(start),
        anchor: None,
        end: None,
        timezone: None,
        roles: None,
        restrictions: Vec::new(),
        exclude_dates: Vec::new(),
        only_dates: None,
    }
}

fn every(every: u32, unit: RotationUnit) -> Rotation {
    Rotation::Every { unit, every, on: Vec::new() }
}

fn spec(zone_name: &str, layers: Vec<Layer>) -> ScheduleSpec {
    ScheduleSpec {
        name: "s".into(),
        team: None,
        timezone: zone(zone_name),
        roles: Vec::new(),
        layers,
        overrides: Vec::new(),
        live: Live::default(),
    }
}

/// Runs a property over random tapes from a fixed seed; `PROPTEST_CASES` sets the number of cases.
fn run(test: impl Fn(&[u32]) -> Result<(), TestCaseError>) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, b"callout/schedule, the first seed");
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, rng)
        .run(&prop::collection::vec(any::<u32>(), 160), |tape| test(&tape))
        .unwrap_or_else(|e| panic!("seed `callout/schedule, the first seed`: {e}"));
}
