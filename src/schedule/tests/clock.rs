//! The table of a clock and jiff must say the same.

use jiff::tz::TimeZone;

use super::super::clock::{Clock, Wall};
use super::tape::ZONES;
use super::*;

const HOUR: i64 = 3_600_000;

fn compare(name: &str, tz: &TimeZone, at: i64) {
    let (table, bare) = (Clock::new(tz), Clock::bare(tz));
    compare_at(name, &table, &bare, at);
}

fn compare_at(name: &str, table: &Clock, bare: &Clock, at: i64) {
    let place = || format!("{name} at {}", Timestamp::from_millis(at));
    assert_eq!(table.wall(at), bare.wall(at), "{}", place());
    assert_eq!(table.reach(at), bare.reach(at), "{}", place());
    let wall = table.wall(at);
    assert_eq!(table.read(wall), bare.read(wall), "{}", place());
    assert_eq!(table.gap_end(wall), bare.gap_end(wall), "{}", place());
    assert_eq!(table.skipped_day(wall.day()), bare.skipped_day(wall.day()), "{}", place());
    // Walls as well, which instants never reach while they are skipped.
    let skipped = Wall(table.wall(at - 1).0 + 1);
    assert_eq!(table.read(skipped), bare.read(skipped), "{}", place());
    assert_eq!(table.gap_end(skipped), bare.gap_end(skipped), "{}", place());
}

fn compare_around_changes(name: &str, tz: &TimeZone, every: usize) {
    let (table, bare) = (Clock::new(tz), Clock::bare(tz));
    let begin = jiff::Timestamp::from_second(-1).unwrap();
    let end = jiff::Timestamp::from_second(4_133_980_800).unwrap();
    let changes = tz.following(begin).map(|change| change.timestamp()).take_while(|t| *t < end);
    for change in changes.step_by(every) {
        let change = change.as_millisecond();
        for hours in [-25, -3, -1, 0, 1, 3, 24, 25] {
            for rest in [-1, 0, 1, HOUR / 2] {
                compare_at(name, &table, &bare, change + hours * HOUR + rest);
            }
        }
    }
}

#[test]
fn the_table_agrees_with_jiff_around_changes_of_remarkable_zones() {
    for name in ZONES {
        compare_around_changes(name, &zone(name).tz, 3);
    }
}

#[test]
fn the_table_agrees_with_jiff_in_every_zone() {
    for name in TimeZoneDatabase::bundled().available() {
        compare_around_changes(name.as_str(), &zone(name.as_str()).tz, 61);
    }
}

#[test]
fn the_edges_of_the_table_are_no_edges() {
    for name in ZONES {
        let tz = zone(name).tz;
        for year in [-5000, 1900, 1969, 1970, 1971, 2099, 2100, 2101, 2102, 3000, 9998] {
            let civil = jiff::civil::date(year, 1, 1).at(0, 0, 0, 0);
            let at = Timestamp::from_jiff(tz.to_timestamp(civil).unwrap()).as_millis();
            for days in [-31, -1, 0, 1, 31] {
                compare(name, &tz, at + days * 24 * HOUR);
            }
        }
    }
}
