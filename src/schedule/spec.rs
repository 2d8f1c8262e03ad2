//! The definition of a schedule, as `config` hands it over: names, civil times, resolved zones.

pub use jiff::civil::Weekday;
use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};

use crate::domain::{Name, Timestamp};

/// A resolved time zone. Zone rules are data: they were read when the configuration was compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// IANA name.
    pub name: Name,
    /// Its rules.
    pub tz: jiff::tz::TimeZone,
}

/// A schedule as defined.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleSpec {
    /// Its name.
    pub name: Name,
    /// The team it belongs to, where that is said.
    pub team: Option<Name>,
    /// Zone of its civil times.
    pub timezone: Zone,
    /// Roles in order, for example `main`, `backup-1`; empty: a schedule without roles.
    pub roles: Vec<Name>,
    /// Bottom layer first; a later layer wins where it has somebody.
    pub layers: Vec<Layer>,
    /// Applied after the layers, in order.
    pub overrides: Vec<Override>,
    /// What depends on calendars that are read while callout runs.
    pub live: Live,
}

/// What depends on calendars that are read while callout runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Layers, by number, that are off on the days of a calendar.
    pub off: Vec<(usize, Name)>,
    /// What becomes of the turn of somebody who is absent.
    pub absent: WhenAbsent,
}

/// What becomes of the turn of somebody who is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenAbsent {
    /// They stay on call, and their team is told ahead of time.
    #[default]
    Warn,
    /// The next of their layer who is there steps in; where nobody is, as above.
    Next,
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its name, for explanations; may be empty.
    pub name: Name,
    /// Turns in order; each a set of people on call together, maybe nobody.
    pub turns: Vec<Vec<Name>>,
    /// How turns follow each other.
    pub rotation: Rotation,
    /// The layer is silent before.
    pub start: DateTime,
    /// Beginning of turn 0, not after `start`; absent: `start`.
    pub anchor: Option<DateTime>,
    /// The layer is silent from here on.
    pub end: Option<DateTime>,
    /// Zone instead of the schedule's.
    pub timezone: Option<Zone>,
    /// Roles that this layer fills; absent: all.
    pub roles: Option<Vec<Name>>,
    /// The layer counts only inside these windows; empty: always.
    pub restrictions: Vec<Restriction>,
    /// Local dates on which the layer is off.
    pub exclude_dates: Vec<Date>,
    /// The only local dates on which the layer is on; absent: all.
    pub only_dates: Option<Vec<Date>>,
}

/// How turns follow each other, always by the civil clock.
#[derive(Clone, Debug, PartialEq)]
pub enum Rotation {
    /// One turn for ever.
    None,
    /// A turn every `every` units (at least 1).
    Every {
        /// The unit.
        unit: RotationUnit,
        /// How many of it, at least 1.
        every: u32,
        /// Weekdays on which a daily rotation hands over; empty: all.
        on: Vec<Weekday>,
    },
    /// Handoffs by cron over the civil clock: six fields with seconds, as the oracle cases write them, or five.
    Cron(String),
}

/// Units of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationUnit {
    /// Civil hours.
    Hour,
    /// Civil days.
    Day,
    /// Civil weeks.
    Week,
    /// Calendar months from the anchor, shortened to the last day where needed.
    Month,
}

/// A window of the week inside which a layer counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Restriction {
    /// On each of `days` (empty: all) from `from` to `to`; `to` at or before `from` means the next day; `None` as `to` is 24:00.
    Daily {
        /// Weekdays of the local date on which the window begins.
        days: Vec<Weekday>,
        /// Inclusive.
        from: Time,
        /// Exclusive.
        to: Option<Time>,
    },
    /// From one weekday and time to another, once a week.
    Weekly {
        /// First day.
        from_day: Weekday,
        /// Inclusive.
        from: Time,
        /// Last day.
        to_day: Weekday,
        /// Exclusive; `None` is 24:00.
        to: Option<Time>,
    },
}

/// A change to what the layers say, while `start <= t < end`. Stored, as [`OverrideKind`] is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Inclusive.
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    /// What changes.
    pub kind: OverrideKind,
    /// Only this role, in a schedule with roles.
    pub role: Option<Name>,
}

/// What an override does. Stored with those that people make while callout runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OverrideKind {
    /// These people, whatever was there.
    Set(Vec<Name>),
    /// `with` in place of `user`, while `user` is on call.
    Replace {
        /// Who steps out.
        user: Name,
        /// Who steps in.
        with: Name,
    },
    /// These people too.
    Add(Vec<Name>),
    /// Not this person; may leave a hole.
    Remove(Name),
    /// The two exchange places.
    Swap(Name, Name),
}
