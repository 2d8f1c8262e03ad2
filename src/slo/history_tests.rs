//! The history against plain addition.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::minute_end;

const START: i64 = 29_000_000;

#[derive(Default)]
struct Plainly {
    minutes: BTreeMap<i64, Counts>,
}

impl Plainly {
    fn sum(&self, after: i64, upto: i64) -> WindowSum {
        let mut sum = WindowSum::default();
        for (_, counts) in self.minutes.range(after + 1..=upto.max(after)) {
            sum.add(WindowSum { bad: counts.bad, total: counts.total, minutes: 1 });
        }
        sum
    }
}

fn put(history: &mut History, plain: &mut Plainly, minute: i64, counts: Counts) {
    let before = plain.minutes.insert(minute, counts).unwrap_or_default();
    history.put(minute, before, counts);
}

fn counts(seed: u64) -> Counts {
    let total = seed % 1_000;
    Counts { bad: if seed.is_multiple_of(5) { total / 3 } else { 0 }, total }
}

fn same(history: &History, plain: &Plainly, after: i64, upto: i64) -> (WindowSum, WindowSum) {
    (history.between(minute_end(after), minute_end(upto)), plain.sum(after, upto))
}

#[test]
fn a_window_holds_exactly_its_minutes() {
    let mut history = History::default();
    for minute in START + 1..=START + 10 {
        history.put(minute, Counts::default(), Counts { bad: 1, total: 10 });
    }
    let five = Span::from_minutes(5);
    let sum = |at: i64| history.sum(minute_end(at), five);
    assert_eq!(sum(START + 10), WindowSum { bad: 5, total: 50, minutes: 5 });
    assert_eq!(sum(START + 12), WindowSum { bad: 3, total: 30, minutes: 3 });
    assert_eq!(sum(START + 3), WindowSum { bad: 3, total: 30, minutes: 3 }, "nothing is filled in before the start");
    assert_eq!(sum(START), WindowSum::default());
    // Between two stamps the window reaches back to the middle of a minute, whose stamp is inside.
    assert_eq!(history.sum(minute_end(START + 10).plus(Span::from_seconds(30)), five).minutes, 5);
    assert_eq!(history.newest(), Some(START + 10));
    assert_eq!(history.last_bad(), Some(START + 10));
}

#[test]
fn thirty_days_are_exact_at_both_edges() {
    let (mut history, mut plain) = (History::default(), Plainly::default());
    for minute in START..START + 32 * DAY {
        if minute % 11 != 3 {
            put(&mut history, &mut plain, minute, counts(minute.unsigned_abs().wrapping_mul(0x9E37_79B9)));
        }
    }
    let last = START + 32 * DAY - 1;
    for (back, window) in [(0, 30 * DAY), (1, 30 * DAY), (77, 28 * DAY), (1_234, 3 * DAY), (59, 360), (1, 5), (0, 1)] {
        let (found, expected) = same(&history, &plain, last - back - window, last - back);
        assert_eq!(found, expected, "{back} {window}");
    }
}

#[test]
fn what_is_rolled_up_keeps_its_hours() {
    let (mut history, mut plain) = (History::default(), Plainly::default());
    for minute in START..START + 100 * DAY {
        if minute % 7 == 0 {
            put(&mut history, &mut plain, minute, counts(minute.unsigned_abs()));
        }
    }
    let before = history.bytes_of_days();
    history.roll_up();
    assert!(history.bytes_of_days() < before / 2, "{} of {before}", history.bytes_of_days());
    let last = START + 100 * DAY - 1;
    let (found, expected) = same(&history, &plain, last - 3 * DAY, last);
    assert_eq!(found, expected, "three days are known by the minute");
    let hour = (last - 30 * DAY) / HOUR * HOUR;
    let (found, expected) = same(&history, &plain, hour, last);
    assert_eq!(found, expected, "thirty days are known by the hour");
    let day = (last - 90 * DAY) / DAY * DAY;
    let (found, expected) = same(&history, &plain, day, last);
    assert_eq!(found, expected, "ninety days are known by the day");
    assert_eq!(history.first(), plain.minutes.keys().next().copied());
    let known = history.between(minute_end(0), minute_end(last)).minutes * 7 / DAY.unsigned_abs();
    assert!((DAYS_MAX - 1..=DAYS_MAX + 1).contains(&i64::try_from(known).unwrap()), "{known} days");
}

#[test]
fn a_backlog_goes_to_its_own_days() {
    let (mut history, mut plain) = (History::default(), Plainly::default());
    put(&mut history, &mut plain, START + 5 * DAY, Counts { bad: 1, total: 2 });
    put(&mut history, &mut plain, START + 2 * DAY, Counts { bad: 3, total: 4 });
    put(&mut history, &mut plain, START + 2 * DAY, Counts { bad: 2, total: 4 });
    put(&mut history, &mut plain, START + 9 * DAY, Counts { bad: 5, total: 6 });
    put(&mut history, &mut plain, START + 9 * DAY - 3, Counts { bad: 7, total: 8 });
    put(&mut history, &mut plain, START + 4 * DAY, Counts { bad: 7, total: 8 });
    for (after, upto) in [(0, 10 * DAY), (2 * DAY, 9 * DAY), (2 * DAY - 1, 2 * DAY), (4 * DAY - 1, 5 * DAY)] {
        let (found, expected) = same(&history, &plain, START + after, START + upto);
        assert_eq!(found, expected, "{after} {upto}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Late, shuffled and repeated counts: every window is what plain addition makes of it, and the state is that of sorted counts.
    #[test]
    fn order_does_not_matter(
        sent in proptest::collection::vec((0..6_000_i64, 0..1_000_u64), 1..200),
        windows in proptest::collection::vec((0..6_500_i64, 1..5_000_i64), 8),
    ) {
        let (mut history, mut plain) = (History::default(), Plainly::default());
        for (minute, seed) in &sent {
            put(&mut history, &mut plain, START + minute, counts(*seed));
        }
        let mut sorted = History::default();
        for (minute, counts) in &plain.minutes {
            sorted.put(*minute, Counts::default(), *counts);
        }
        for (at, window) in windows {
            let (found, expected) = same(&history, &plain, START + at - window, START + at);
            prop_assert_eq!(found, expected);
            prop_assert_eq!(same(&sorted, &plain, START + at - window, START + at).0, expected);
        }
    }
}
