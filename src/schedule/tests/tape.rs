//! Random schedules around changes of the clock, read from a tape of numbers, so that a failing one shrinks.

use jiff::ToSpan;
use jiff::civil::Time;

use super::*;

/// Zones whose clocks do remarkable things: half hours, midnights, three hours, a day.
pub const ZONES: [&str; 20] = [
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Asuncion",
    "America/St_Johns",
    "Antarctica/Casey",
    "Africa/Casablanca",
    "Asia/Tehran",
    "America/Havana",
    "Atlantic/Azores",
    "Pacific/Kwajalein",
    "Asia/Pyongyang",
    "America/Scoresbysund",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Asia/Gaza",
    "America/Santiago",
    "Asia/Kolkata",
    "UTC",
];

/// Changes that random years seldom meet: dates that were skipped, three hours at once, a fold over midnight.
const RARE: [(&str, &str); 4] = [
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
    ("Antarctica/Casey", "2020-10-03T16:01:00Z"),
    ("America/St_Johns", "2007-11-04T02:31:00Z"),
];

pub struct Tape<'a> {
    numbers: &'a [u32],
    /// The civil time around which things happen.
    focus: DateTime,
    /// The same as an instant.
    pub focus_at: Timestamp,
    zone: &'static str,
}

impl<'a> Tape<'a> {
    pub fn new(numbers: &'a [u32]) -> Self {
        let mut tape = Self { numbers, focus: DateTime::MIN, focus_at: Timestamp::from_millis(0), zone: ZONES[0] };
        if tape.below(6) == 5 {
            let (name, change) = tape.pick(&RARE);
            (tape.zone, tape.focus_at) = (name, at(change));
            tape.focus = zone(name).tz.to_datetime(tape.focus_at.to_jiff());
            return tape;
        }
        tape.zone = tape.pick(&ZONES);
        let tz = zone(tape.zone).tz;
        let begin = jiff::Timestamp::from_second(i64::from(tape.below(60)) * 31_557_600).unwrap();
        let skip = usize::try_from(tape.below(3)).unwrap();
        let change = tz.following(begin).nth(skip).map_or(begin, |change| change.timestamp());
        tape.focus_at = Timestamp::from_jiff(change);
        tape.focus = tz.to_datetime(change);
        tape
    }

    /// A number below `n`; 0 when the tape is at its end.
    pub fn below(&mut self, n: u32) -> u32 {
        let Some((first, rest)) = self.numbers.split_first() else { return 0 };
        self.numbers = rest;
        first % n
    }

    fn chance(&mut self, in_ten: u32) -> bool {
        self.below(10) < in_ten
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(u32::try_from(from.len()).unwrap())).unwrap()]
    }

    /// Minutes from the focus, within `hours` on both sides; mostly round, sometimes odd.
    fn minutes_near(&mut self, hours: u32) -> i64 {
        // Most of them so close that they are likely to be skipped or to occur twice.
        let hours = if self.chance(7) { 2 } else { hours };
        let step = self.pick(&[15, 30, 20, 1]);
        let steps = hours * 60 / step;
        (i64::from(self.below(2 * steps + 1)) - i64::from(steps)) * i64::from(step)
    }

    fn civil_near(&mut self, hours: u32) -> DateTime {
        let minutes = self.minutes_near(hours);
        let rounded = self.focus.with().second(0).subsec_nanosecond(0).build().unwrap();
        let rounded = if self.chance(8) { rounded.with().minute(0).build().unwrap() } else { rounded };
        rounded.checked_add(minutes.minutes()).unwrap()
    }

    fn instant_near(&mut self, hours: u32) -> Timestamp {
        let minutes = self.minutes_near(hours);
        Timestamp::from_millis(self.focus_at.as_millis() / 60_000 * 60_000 + minutes * 60_000)
    }

    /// A time of day that is likely to be around the change of the clock.
    fn time(&mut self) -> Time {
        if self.chance(6) {
            return self.civil_near(3).time();
        }
        Time::constant(self.below(24).try_into().unwrap(), 0, 0, 0)
    }

    fn weekdays(&mut self) -> Vec<Weekday> {
        let set = self.below(127) + 1;
        (0..7).filter(|day| set & (1 << day) != 0).map(|day| Weekday::from_monday_zero_offset(day).unwrap()).collect()
    }

    fn users(&mut self, at_most: u32) -> Vec<Name> {
        let count = self.below(at_most + 1);
        (0..count).map(|_| self.user()).collect()
    }

    fn user(&mut self) -> Name {
        Name::from(self.pick(&["ana", "bo", "cy", "di", "eva"]))
    }

    fn rotation(&mut self) -> (Rotation, i64) {
        let unit = |tape: &mut Self, unit, hours: i64, most: u32| {
            let number = tape.below(most) + 1;
            (every(number, unit), hours * i64::from(number))
        };
        match self.below(10) {
            0 => (Rotation::None, 24),
            1 | 2 | 8 => unit(self, RotationUnit::Hour, 1, 13),
            3 => unit(self, RotationUnit::Day, 24, 3),
            4 => unit(self, RotationUnit::Week, 168, 3),
            5 => unit(self, RotationUnit::Month, 730, 3),
            6 => {
                let on = self.weekdays();
                (Rotation::Every { unit: RotationUnit::Day, every: 1, on }, 24)
            }
            _ => {
                let minute = self.pick(&["0", "30", "*/15", "15,45", "1"]);
                let hour = self.pick(&["2", "0", "*", "0-3", "23", "1,3"]);
                let days = self.pick(&["* * *", "* * SUN", "* * 6,0", "1,30,31 * *", "* * MON-FRI"]);
                let seconds = if self.chance(5) { "0 " } else { "" };
                (Rotation::Cron(format!("{seconds}{minute} {hour} {days}")), 24)
            }
        }
    }

    fn restriction(&mut self) -> Restriction {
        let from = self.time();
        let to = if self.chance(1) { None } else { Some(self.time()) };
        if self.chance(7) {
            let days = if self.chance(5) { Vec::new() } else { self.weekdays() };
            return Restriction::Daily { days, from, to };
        }
        let day = |tape: &mut Self| Weekday::from_monday_zero_offset(tape.below(7).try_into().unwrap()).unwrap();
        Restriction::Weekly { from_day: day(self), from, to_day: day(self), to }
    }

    fn dates(&mut self) -> Vec<jiff::civil::Date> {
        let count = self.below(3) + 1;
        (0..count).map(|_| self.civil_near(48).date()).collect()
    }

    fn layer(&mut self, roles: &[Name]) -> Layer {
        let (rotation, hours) = self.rotation();
        // Near the focus, so many turns back that something happens there.
        let turns_back = i64::from(self.below(8)) * hours;
        let anchor = self.civil_near(30).checked_sub(turns_back.hours()).unwrap();
        let turns =
            (0..=self.below(4)).map(|_| if self.chance(7) { vec![self.user()] } else { self.users(2) }).collect();
        let later = i64::from(self.below(40)) * 60 + self.pick(&[0, 15, 30]);
        let anchored = self.chance(3);
        Layer {
            name: Name::default(),
            turns,
            rotation,
            start: if anchored { anchor.checked_add(later.minutes()).unwrap() } else { anchor },
            anchor: anchored.then_some(anchor),
            end: self.chance(2).then(|| self.civil_near(30)),
            timezone: self.chance(2).then(|| zone(self.pick(&ZONES))),
            roles: (self.chance(3) && !roles.is_empty()).then(|| {
                let skip = usize::try_from(self.below(u32::try_from(roles.len()).unwrap())).unwrap();
                roles[skip..].to_vec()
            }),
            restrictions: if self.chance(4) {
                (0..=self.below(2)).map(|_| self.restriction()).collect()
            } else {
                Vec::new()
            },
            exclude_dates: if self.chance(1) { self.dates() } else { Vec::new() },
            only_dates: self.chance(1).then(|| self.dates()),
        }
    }

    fn change(&mut self, roles: &[Name]) -> Override {
        let (a, b) = (self.instant_near(30), self.instant_near(30));
        let kind = match self.below(5) {
            0 => OverrideKind::Set(self.users(2)),
            1 => OverrideKind::Replace { user: self.user(), with: self.user() },
            2 => OverrideKind::Add(self.users(2)),
            3 => OverrideKind::Remove(self.user()),
            _ => OverrideKind::Swap(self.user(), self.user()),
        };
        let role = (self.chance(5) && !roles.is_empty()).then(|| roles[0].clone());
        Override { start: a.min(b), end: a.max(b), kind, role }
    }

    pub fn spec(&mut self) -> ScheduleSpec {
        let roles = if self.chance(4) { names("main backup-1 backup-2") } else { Vec::new() };
        let roles = roles[..roles.len().min(usize::try_from(self.below(3)).unwrap() + 1)].to_vec();
        ScheduleSpec {
            live: Live::default(),
            team: None,
            name: "random".into(),
            timezone: zone(self.zone),
            layers: (0..=self.below(3)).map(|_| self.layer(&roles)).collect(),
            overrides: (0..self.below(5)).map(|_| self.change(&roles)).collect(),
            roles,
        }
    }
}
