//! Keys of schedules, holidays, overrides and escalation policies.

use super::{ALLOW_PRIVATE, CA_FILE, DESTINATION, LINE, PATH, SPAN, TIMEOUT, URL, VARIABLE, ZONE, named, text};
use crate::config::shape::{Format, Key, Many, Noun, Shape, Table};

const ROTATION_KEYS: [Key; 10] = [
    Key::new(
        "users",
        list!(either!(named(Noun::Person), list!(named(Noun::Person))), 1),
        "turns in order: a person, people together, or [] for nobody",
    ),
    Key::new("rotate", text(Format::Rotate), "hourly, daily, weekly, monthly, none, or for example `2 weeks`"),
    Key::new("on", list!(text(Format::Weekday), 1), "weekdays on which a daily rotation hands over"),
    Key::new("handoff_cron", text(Format::Cron), "handoffs by cron, instead of rotate"),
    Key::new("start", Shape::Civil, "civil time at which it begins"),
    Key::new("anchor", Shape::Civil, "civil time of the first turn, not after start; default: start"),
    Key::new("end", Shape::Civil, "civil time from which it is over"),
    Key::new(
        "hours",
        list!(text(Format::Hours), 1),
        "hours of the week in which it counts, for example `Mon-Fri 08:00-16:00`",
    ),
    Key::new("off", list!(either!(text(Format::Holidays), Shape::Date), 1), "days off: holidays.NAME or dates"),
    Key::new(
        "only",
        list!(either!(text(Format::Holidays), Shape::Date), 1),
        "the only days on: holidays.NAME or dates",
    ),
];

/// A schedule: simple with users, or made of layers.
pub static SCHEDULE: Table = Table {
    about: "a schedule: simple with users, or made of layers",
    keys: &[
        Key::new("team", named(Noun::Team), "the team it belongs to"),
        Key::new("timezone", ZONE, "zone of its civil times; default: the organisation's"),
        Key::new("roles", list!(LINE, 1), "roles in order; people move up one role per turn"),
        ROTATION_KEYS[0],
        ROTATION_KEYS[1],
        ROTATION_KEYS[2],
        ROTATION_KEYS[3],
        ROTATION_KEYS[4],
        ROTATION_KEYS[5],
        ROTATION_KEYS[6],
        ROTATION_KEYS[7],
        ROTATION_KEYS[8],
        ROTATION_KEYS[9],
        Key::new("handoff", Shape::Table(&HANDOFF), "whoever comes on call is told, and the team"),
        Key::new(
            "holes_allowed",
            Shape::Truth,
            "whether times with nobody on call are meant, so that nothing is said of them",
        ),
        Key::new("slack_group", LINE, "Slack user group that holds who is on call: channel and id, `main/S0123`"),
        Key::new("slack_group_roles", list!(LINE, 1), "whose holders are in it; default: the first role"),
        Key::new(
            "when_absent",
            text(Format::Word(&["warn", "next"])),
            "what becomes of the turn of somebody who is absent: they are warned of, or the next who is there steps in; default warn",
        ),
        Key::new("layers", list!(Shape::Table(&LAYER), 1), "bottom first; a later layer wins where it has somebody"),
    ],
};

/// How handoffs of a schedule are told.
pub static HANDOFF: Table = Table {
    about: "how handoffs of a schedule are told",
    keys: &[
        Key::new("before", SPAN, "so long before the shift too; default: only at its beginning"),
        Key::new("tell", list!(DESTINATION), "channels that are told, too"),
        Key::new("check", list!(LINE), "what a person has to look after by hand, in words"),
    ],
};

/// A layer of a schedule.
pub static LAYER: Table = Table {
    about: "a layer of a schedule",
    keys: &[
        Key::new("name", LINE, "its name, for explanations"),
        Key::new("timezone", ZONE, "zone instead of the schedule's"),
        Key::new("roles", list!(LINE, 1), "roles that this layer fills; default: all"),
        ROTATION_KEYS[0],
        ROTATION_KEYS[1],
        ROTATION_KEYS[2],
        ROTATION_KEYS[3],
        ROTATION_KEYS[4],
        ROTATION_KEYS[5],
        ROTATION_KEYS[6],
        ROTATION_KEYS[7],
        ROTATION_KEYS[8],
        ROTATION_KEYS[9],
    ],
};

/// A calendar of days off.
pub static HOLIDAYS: Table = Table {
    about: "a calendar of days off: days, an iCalendar, or both",
    keys: &[
        Key::new("dates", list!(Shape::Date), "the days"),
        Key::new(
            "ical_url",
            URL,
            "an iCalendar whose whole days they are; where the address is a secret, prefer the next two",
        ),
        Key::new("ical_url_env", VARIABLE, "environment variable with that address"),
        Key::new("ical_url_file", PATH, "file with that address"),
        Key::new("ical_file", PATH, "file with an iCalendar, looked at again as often as the others"),
    ],
};

/// How calendars are read.
pub static CALENDARS: Table = Table {
    about: "how calendars of absences and holidays are read",
    keys: &[Key::new("every", SPAN, "time between two looks; default 1h"), TIMEOUT, CA_FILE, ALLOW_PRIVATE],
};

/// A change to a schedule for a while: for + who, who, add, remove or swap.
pub static OVERRIDE: Table = Table {
    about: "a change to a schedule for a while: for + who, who, add, remove or swap",
    keys: &[
        Key::required("schedule", named(Noun::Schedule), "the schedule"),
        Key::required("from", Shape::Moment, "begin, in the schedule's zone or with an offset"),
        Key::required("to", Shape::Moment, "end, exclusive"),
        Key::new("for", named(Noun::Person), "who steps out; who steps in for them while they are on call"),
        Key::new(
            "who",
            either!(named(Noun::Person), list!(named(Noun::Person), 1)),
            "who steps in; without `for`: whoever was there",
        ),
        Key::new("add", either!(named(Noun::Person), list!(named(Noun::Person), 1)), "people who are on call too"),
        Key::new("remove", named(Noun::Person), "who is not on call; may leave a hole"),
        Key::new("swap", list!(named(Noun::Person), 2), "two people who exchange places"),
        Key::new("role", LINE, "only this role"),
    ],
};

/// An escalation policy.
pub static ESCALATION: Table = Table {
    about: "an escalation policy",
    keys: &[
        Key::new(
            "repeat",
            either!(Shape::Whole { least: 0, most: 1000 }, text(Format::Word(&["forever"]))),
            "further rounds after the first, or \"forever\"; default 0",
        ),
        Key::new("ack_timeout", SPAN, "an acknowledgement is good for so long"),
        Key::required("steps", list!(Shape::Table(&STEP), 1), "steps in order"),
    ],
};

/// A step: who is told, and how long to wait for an acknowledgement.
pub static STEP: Table = Table {
    about: "a step: who is told, and how long to wait for an acknowledgement",
    keys: &[
        Key::required(
            "notify",
            list!(text(Format::Target), 1),
            "schedule:NAME/ROLE, person:ID, team:NAME, group:NAME, manager:TEAM or a channel",
        ),
        Key::required("wait", SPAN, "wait after this step"),
    ],
};
