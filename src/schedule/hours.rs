//! Restrictions: the windows of the week inside which a layer counts.
//!
//! A window belongs to the local date on which it begins, both of its edges are civil times, and windows unite. One whose edges come
//! out in the wrong order (both around a gap) is empty that day; a date that the zone skipped has none.

use jiff::civil::Time;

use super::clock::{Clock, DAY, Steady, Wall, weekday_bits, weekday_of};
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

    /// Whether a moment is inside of a window, and, with `EDGES`, while that stays so. A layer without windows is inside for ever.
    pub fn look<const EDGES: bool>(&self, clock: &Clock, at: i64) -> (bool, Steady) {
        if self.0.is_empty() {
            return (true, Steady::ALWAYS);
        }
        let moment = Moment { clock, at, wall: clock.wall(at).0, swing: clock.swing(at) };
        let holding = self.0.iter().filter_map(|window| window.holding(&moment));
        match holding.reduce(|a, b| Steady { since: a.since.min(b.since), until: a.until.max(b.until) }) {
            Some(open) => (true, open),
            None if EDGES => (false, self.closed(&moment)),
            None => (false, Steady::ALWAYS),
        }
    }

    /// Around a moment outside of all windows: from the last closing to the next opening.
    fn closed(&self, moment: &Moment<'_>) -> Steady {
        let since = self.0.iter().filter_map(|window| window.last_closing(moment)).max();
        let until = self.0.iter().filter_map(|window| window.next_opening(moment)).min();
        Steady { since: since.unwrap_or(i64::MIN), until: until.unwrap_or(i64::MAX) }
    }
}

/// A moment on a clock.
struct Moment<'a> {
    clock: &'a Clock,
    at: i64,
    wall: i64,
    /// How far readings around the moment may be off what the wall says.
    swing: i64,
}

/// A weekday comes within a week, and a day or two more by which the clock may be away.
const DAYS_SEARCHED: i64 = 12;

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

    /// The longest stretch of this window that holds the moment.
    fn holding(self, moment: &Moment<'_>) -> Option<Steady> {
        let Moment { clock, at, wall, swing } = *moment;
        // The dates whose window can hold it, whatever the clock did in between.
        let first = (wall - swing - self.to).div_euclid(DAY);
        let last = (wall + swing - self.from).div_euclid(DAY);
        (first..=last)
            .filter(|day| self.begins_on(*day) && !clock.skipped_day(*day))
            .map(|day| Steady {
                since: clock.instant(Wall(day * DAY + self.from)),
                until: clock.instant(Wall(day * DAY + self.to)),
            })
            .filter(|open| open.since <= at && at < open.until)
            .reduce(|a, b| Steady { since: a.since.min(b.since), until: a.until.max(b.until) })
    }

    /// The first instant after the moment at which it may open.
    fn next_opening(self, moment: &Moment<'_>) -> Option<i64> {
        let first = (moment.wall - moment.swing - self.from).div_euclid(DAY);
        (first..first + DAYS_SEARCHED)
            .filter(|day| self.begins_on(*day))
            .map(|day| moment.clock.instant(Wall(day * DAY + self.from)))
            .find(|opening| *opening > moment.at)
    }

    /// The last instant up to the moment at which it may have closed.
    fn last_closing(self, moment: &Moment<'_>) -> Option<i64> {
        let last = (moment.wall + moment.swing - self.to).div_euclid(DAY);
        (last - DAYS_SEARCHED + 1..=last)
            .rev()
            .filter(|day| self.begins_on(*day))
            .map(|day| moment.clock.instant(Wall(day * DAY + self.to)))
            .find(|closing| *closing <= moment.at)
    }

    fn begins_on(self, day: i64) -> bool {
        self.weekdays & 1 << weekday_of(day) != 0
    }
}

fn millis(time: Time) -> i64 {
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    seconds * 1000 + i64::from(time.millisecond())
}
