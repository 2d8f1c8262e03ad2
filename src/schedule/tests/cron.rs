use jiff::civil::{date, datetime};
use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn cron(text: &str) -> CivilCron {
    CivilCron::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn instants(text: &str, zone_name: &str, from: &str, to: &str) -> Vec<String> {
    cron(text).occurrences(at(from), at(to), &zone(zone_name)).map(|t| t.to_string()).collect()
}

#[test]
fn a_match_in_the_gap_fires_once_after_it() {
    assert_eq!(
        instants("30 2 * * *", "Europe/Paris", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z"),
        ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]
    );
}

#[test]
fn a_match_in_the_repeated_hour_fires_once() {
    assert_eq!(
        instants("30 2 * * *", "Europe/Paris", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
}

#[test]
fn weekday_1_is_monday_and_0_and_7_are_sunday() {
    let next = |text: &str| cron(text).next_after(datetime(2026, 11, 20, 12, 0, 0, 0));
    assert_eq!(next("0 9 * * 1"), Some(datetime(2026, 11, 23, 9, 0, 0, 0)));
    for sunday in ["0 9 * * 0", "0 9 * * 7", "0 9 * * SUN", "0 9 * * sunday"] {
        assert_eq!(next(sunday), Some(datetime(2026, 11, 22, 9, 0, 0, 0)), "{sunday}");
    }
}

#[test]
fn weekday_fields_are_sets_of_weekdays() {
    // Bits from Monday.
    for (field, set) in [
        ("*", 0b111_1111),
        ("0-7", 0b111_1111),
        ("1-5", 0b001_1111),
        ("MON-FRI", 0b001_1111),
        ("FRI-MON", 0b111_0001),
        ("5-7", 0b111_0000),
        ("6-0", 0b110_0000),
        ("1-5/2", 0b001_0101),
        ("*/2", 0b110_1010),
        ("1,3,SAT", 0b010_0101),
        ("1-1", 0b000_0001),
    ] {
        assert_eq!(weekdays(field).unwrap(), set, "{field}");
    }
    for field in ["8", "-1", "1-", "MO", "1/2", "*/0", "*/8", "", ",", "01", "1-2-3", "L", "5#2", "monx"] {
        assert!(weekdays(field).is_err(), "{field}");
    }
}

#[test]
fn the_short_words_mean_what_crontab_says() {
    let from = datetime(2026, 11, 20, 12, 30, 0, 0);
    for (word, next) in [
        ("@hourly", datetime(2026, 11, 20, 13, 0, 0, 0)),
        ("@daily", datetime(2026, 11, 21, 0, 0, 0, 0)),
        ("@midnight", datetime(2026, 11, 21, 0, 0, 0, 0)),
        ("@weekly", datetime(2026, 11, 22, 0, 0, 0, 0)),
        ("@monthly", datetime(2026, 12, 1, 0, 0, 0, 0)),
        ("@YEARLY", datetime(2027, 1, 1, 0, 0, 0, 0)),
        ("@annually", datetime(2027, 1, 1, 0, 0, 0, 0)),
    ] {
        assert_eq!(cron(word).next_after(from), Some(next), "{word}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_reason() {
    for (text, reason) in [
        ("0 9 1 * 1", "both restricted"),
        ("0 9 1-15 * MON-FRI", "both restricted"),
        ("0 9 * *", "five fields"),
        ("0 0 9 * * 1 2026", "five fields"),
        ("", "five fields"),
        ("60 9 * * *", "`60` is not a minute field"),
        ("0 24 * * *", "`24` is not a hour field"),
        ("*/0 9 * * *", "`*/0` is not a minute field"),
        ("0 9 32 * *", "`32` is not a day-of-month field"),
        ("0 9 * 13 *", "`13` is not a month field"),
        ("0 9 * * 8", "`8` is not a weekday field"),
        ("0 9 * * é", "`é` is not a weekday field"),
        ("0 9 é * *", "`é` is not a day-of-month field"),
        ("99999999999999999999 9 * * *", "not a minute field"),
        ("0 9 30 2 *", "never happens"),
        ("0 9 31 2,4,6,9,11 *", "never happens"),
        ("@reboot", "not known"),
    ] {
        let error = CivilCron::parse(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
    // A day field that names every day restricts nothing.
    assert_eq!(cron("0 9 1-31 * 1"), cron("0 9 * * 1"));
}

#[test]
fn leading_seconds_are_read_and_five_fields_mean_second_0() {
    assert_eq!(cron("0 30 2 * * SUN"), cron("30 2 * * SUN"));
    assert_eq!(
        cron("*/20 * * * * *").next_after(datetime(2026, 1, 1, 0, 0, 20, 0)),
        Some(datetime(2026, 1, 1, 0, 0, 40, 0))
    );
}

#[test]
fn next_and_previous_agree_on_both_sides_of_a_match() {
    let leap = cron("0 12 29 2 *");
    assert_eq!(leap.next_after(datetime(2096, 2, 29, 12, 0, 0, 0)), Some(datetime(2104, 2, 29, 12, 0, 0, 0)));
    assert_eq!(
        leap.prev_at_or_before(datetime(2104, 2, 29, 11, 59, 59, 999)),
        Some(datetime(2096, 2, 29, 12, 0, 0, 0))
    );
    assert_eq!(leap.prev_at_or_before(datetime(2104, 2, 29, 12, 0, 0, 0)), Some(datetime(2104, 2, 29, 12, 0, 0, 0)));
}

#[test]
fn matches_inside_and_behind_a_gap_come_in_order_of_instants() {
    // 02:00 to 03:00 is skipped: 02:45 happens at 03:45, after the match of 03:15, and 02:15 at the same instant as 03:15.
    let text = "15,45 * * * *";
    assert_eq!(
        instants(text, "Europe/Paris", "2026-03-29T00:00:00Z", "2026-03-29T02:30:00Z"),
        [
            "2026-03-29T00:15:00Z",
            "2026-03-29T00:45:00Z",
            "2026-03-29T01:15:00Z",
            "2026-03-29T01:45:00Z",
            "2026-03-29T02:15:00Z",
        ]
    );
    let (only_inside, paris) = (cron("45 2 * * *"), zone("Europe/Paris"));
    assert_eq!(only_inside.last_at_or_before(at("2026-03-29T01:44:59Z"), &paris), Some(at("2026-03-28T01:45:00Z")));
    assert_eq!(only_inside.first_after(at("2026-03-29T01:15:00Z"), &paris), Some(at("2026-03-29T01:45:00Z")));
    let mixed = cron("0,50 2,3 * * *");
    assert_eq!(mixed.last_at_or_before(at("2026-03-29T01:49:00Z"), &paris), Some(at("2026-03-29T01:00:00Z")));
    assert_eq!(mixed.last_at_or_before(at("2026-03-29T02:00:00Z"), &paris), Some(at("2026-03-29T01:50:00Z")));
}

fn run(cases: u32, test: impl Fn(&(String, i64)) -> Result<(), TestCaseError>) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, b"callout/schedule/cron, seed no 1");
    let mut runner = TestRunner::new_with_rng(Config { cases, failure_persistence: None, ..Config::default() }, rng);
    // 1971 to 2095, in seconds.
    runner.run(&(expressions(), 31_536_000_i64..3_944_678_400), |input| test(&input)).unwrap();
}

fn field(low: u32, high: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just("*".to_owned()),
        2 => (low..=high).prop_map(|n| n.to_string()),
        1 => (low..=high, low..=high).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (1..=high).prop_map(|n| format!("*/{n}")),
        1 => (low..=high, low..=high).prop_map(|(a, b)| format!("{a},{b}")),
    ]
}

fn expressions() -> impl Strategy<Value = String> {
    let days = prop_oneof![
        field(1, 31).prop_map(|day| (day, "*".to_owned())),
        field(0, 7).prop_map(|weekday| ("*".to_owned(), weekday)),
    ];
    (field(0, 59), field(0, 23), days, field(1, 12))
        .prop_map(|(minute, hour, (day, weekday), month)| format!("{minute} {hour} {day} {month} {weekday}"))
        .prop_filter("happens at all", |text| CivilCron::parse(text).is_ok())
}

#[test]
fn croner_finds_the_same_matches() {
    run(400, |(text, seconds)| {
        let ours = cron(text);
        let theirs: croner::Cron = text.parse().unwrap();
        let mut wall = jiff::Timestamp::from_second(*seconds).unwrap().to_zoned(TimeZone::UTC);
        let previous = theirs.find_previous_occurrence(&wall, true).unwrap();
        prop_assert_eq!(ours.prev_at_or_before(wall.datetime()), Some(previous.datetime()), "{}", text);
        for _ in 0..5 {
            let next = theirs.find_next_occurrence(&wall, false).unwrap();
            prop_assert_eq!(ours.next_after(wall.datetime()), Some(next.datetime()), "{} after {}", text, wall);
            wall = next;
        }
        Ok(())
    });
}

#[test]
fn the_crate_that_reads_the_fields_finds_the_same_matches() {
    run(200, |(text, seconds)| {
        let ours = cron(text);
        let fields: Vec<&str> = text.split(' ').collect();
        let days: Vec<&str> =
            (0..7).filter(|day| weekdays(fields[4]).unwrap() & (1 << day) != 0).map(|day| WEEKDAYS[day]).collect();
        let theirs = cron::Schedule::from_str(&format!("0 {} {}", fields[..4].join(" "), days.join(","))).unwrap();
        let mut wall = jiff::Timestamp::from_second(*seconds).unwrap().to_zoned(TimeZone::UTC).datetime();
        let start = chrono::DateTime::from_timestamp(*seconds, 0).unwrap();
        for next in theirs.after(&start).take(5) {
            wall = ours.next_after(wall).unwrap();
            prop_assert_eq!(Wall::from_civil(wall).0, next.timestamp_millis(), "{}", text);
        }
        Ok(())
    });
}

#[test]
fn counting_agrees_with_walking() {
    run(300, |(text, seconds)| {
        let ours = cron(text);
        let start = Wall(seconds * 1000 + 500);
        let mut wall = start;
        for count in 0..50 {
            prop_assert_eq!(ours.count(start, wall), count, "{} from {:?} to {:?}", text, start, wall);
            wall = ours.following(wall).unwrap();
            prop_assert_eq!(ours.count(start, Wall(wall.0 - 1)), count, "{}", text);
            prop_assert_eq!(ours.latest(wall), Some(wall));
        }
        Ok(())
    });
}

#[test]
fn occurrences_are_the_readings_of_all_matches_around_every_change_of_the_clock() {
    // Apia skipped a date, Lord Howe shifts by half an hour, Casey moved by three hours, St John's changed at 00:01.
    for name in ["Europe/Paris", "Pacific/Apia", "Australia/Lord_Howe", "Antarctica/Casey", "America/St_Johns"] {
        let tz = zone(name);
        let changes: Vec<_> = tz.following(jiff::Timestamp::from_second(1_200_000_000).unwrap()).take(6).collect();
        for text in ["17,48 * * * *", "30 1,2 * * *", "* 0-2 * * *", "0 0 * * *", "15 */5 30 * *"] {
            let ours = cron(text);
            for change in &changes {
                let at = change.timestamp().as_second();
                let (from, to) = (at - 50 * 3600, at + 50 * 3600);
                let mut expected: Vec<i64> = (from / 60 - 1500..to / 60 + 1500)
                    .map(|minute| minute * 60)
                    .map(|second| jiff::Timestamp::from_second(second).unwrap().to_zoned(TimeZone::UTC).datetime())
                    .filter(|wall| ours.prev_at_or_before(*wall) == Some(*wall))
                    .map(|wall| tz.to_timestamp(wall).unwrap().as_second())
                    .filter(|second| (from..to).contains(second))
                    .collect();
                expected.sort_unstable();
                expected.dedup();
                let found: Vec<i64> = ours
                    .occurrences(Timestamp::from_seconds(from), Timestamp::from_seconds(to), &tz)
                    .map(|t| t.as_millis() / 1000)
                    .collect();
                assert_eq!(found, expected, "{text} in {name} around {}", change.timestamp());
                for pair in expected.windows(2) {
                    let last = ours.last_at_or_before(Timestamp::from_millis(pair[1] * 1000 - 1), &tz);
                    assert_eq!(last, Some(Timestamp::from_seconds(pair[0])), "{text} in {name}");
                }
            }
        }
    }
}

#[test]
fn the_ends_of_the_calendar_are_no_panic() {
    let daily = cron("@daily");
    assert_eq!(daily.next_after(date(9999, 12, 31).at(12, 0, 0, 0)), None);
    assert_eq!(daily.prev_at_or_before(jiff::civil::DateTime::MIN).map(|_| ()), Some(()));
    assert_eq!(daily.first_after(Timestamp::MAX, &zone("Europe/Paris")), None);
    let _ = daily.last_at_or_before(Timestamp::MIN, &zone("Europe/Paris"));
}
