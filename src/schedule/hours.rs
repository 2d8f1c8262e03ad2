//! Restrictions: the windows of the week inside which a layer counts.
//!
//! A window belongs to the local date on which it begins, both of its edges are civil times, and windows unite. One whose edges come
//! out in the wrong order (both around a gap) is empty that day; a date that the zone skipped has none.

use jiff::civil::Time;

use super::clock::{Clock, DAY, Wall, weekday_bits, weekday_of};
use super::spec::Restriction;

const ALL_WEEK: u8 = 0b111_1111;

/// The windows of one layer.
#[derive(Clone, Debug)]
pub(crate) struct Hours(Vec<Window>);

/// One window of the week, in milliseconds from the midnight at which its local date begins.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// Weekdays on which it begins, Monday lowest.
    weekdays: u8,
    from: i64,
    /// After `from`; more than a day for windows that go over midnight.
    to: i64,
}

impl Hours {
    pub fn new(restrictions: &[Restriction]) -> Self {
        Self(restrictions.iter().map(Window::new).collect())
    }

    /// Inside of a window: the end of the longest one, `i64::MAX` for a layer without windows. Outside: `None`.
    pub fn inside_until(&self, clock: &Clock, at: i64) -> Option<i64> {
        if self.0.is_empty() {
            return Some(i64::MAX);
        }
        let (wall, swing) = (clock.wall(at).0, clock.swing(at));
        let mut until = None;
        for window in &self.0 {
            // The dates whose window can hold this moment, whatever the clock did in between.
            let first = (wall - swing - window.to).div_euclid(DAY);
            let last = (wall + swing - window.from).div_euclid(DAY);
            for day in first..=last {
                if let Some((from, to)) = window.on(clock, day)
                    && from <= at
                    && at < to
                {
                    until = until.max(Some(to));
                }
            }
        }
        until
    }

    /// An instant after `at`, before which no window opens.
    pub fn closed_until(&self, clock: &Clock, at: i64) -> i64 {
        let (wall, swing) = (clock.wall(at).0, clock.swing(at));
        let opening = |window: &Window| {
            let first = (wall - swing - window.from).div_euclid(DAY);
            // A week, and the days by which the clock may be away.
            (first..first + 12).find_map(|day| window.opening(clock, day).filter(|from| *from > at))
        };
        self.0.iter().filter_map(opening).min().unwrap_or(i64::MAX)
    }
}

impl Window {
    fn new(restriction: &Restriction) -> Self {
        match restriction {
            Restriction::Daily { days, from, to } => {
                let weekdays = if days.is_empty() { ALL_WEEK } else { weekday_bits(days) };
                let (from, to) = (millis(*from), to.map_or(DAY, millis));
                Self { weekdays, from, to: if to <= from { to + DAY } else { to } }
            }
            Restriction::Weekly { from_day, from, to_day, to } => {
                let days = i64::from(from_day.until(*to_day));
                let (from, to) = (millis(*from), days * DAY + to.map_or(DAY, millis));
                Self { weekdays: weekday_bits(&[*from_day]), from, to: if to <= from { to + 7 * DAY } else { to } }
            }
        }
    }

    /// When it opens on a date; `None` on other weekdays.
    fn opening(self, clock: &Clock, day: i64) -> Option<i64> {
        (self.weekdays & 1 << weekday_of(day) != 0).then(|| clock.instant(Wall(day * DAY + self.from)))
    }

    /// The window of a date; from the end on it is closed.
    fn on(self, clock: &Clock, day: i64) -> Option<(i64, i64)> {
        let from = self.opening(clock, day)?;
        (!clock.skipped_day(day)).then(|| (from, clock.instant(Wall(day * DAY + self.to))))
    }
}

fn millis(time: Time) -> i64 {
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    seconds * 1000 + i64::from(time.millisecond())
}
