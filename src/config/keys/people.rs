//! Keys of people and teams.

use super::{LINE, RAISE, ROUTE, TEMPLATES, ZONE, named, text};
use crate::config::shape::{Format, Key, Many, Noun, Shape, Table};

/// A person.
pub static PERSON: Table = Table {
    about: "a person",
    keys: &[
        Key::new("name", LINE, "name in messages; default: the id"),
        Key::new("email", text(Format::Email), "mail address"),
        Key::new("slack", text(Format::SlackMember), "Slack member id, for example U01ANA"),
        Key::new("teams", text(Format::Email), "user principal name in Microsoft Teams"),
        Key::new("timezone", ZONE, "zone in which times are shown to this person"),
        Key::new(
            "contact",
            list!(text(Format::Contact), 1),
            "ways to reach them, the preferred first; default slack, teams, email",
        ),
    ],
};

const DEDUP: Shape = either!(list!(LINE), text(Format::Pattern));

/// A team.
pub static TEAM: Table = Table {
    about: "a team",
    keys: &[
        Key::new("members", list!(named(Noun::Person)), "its people"),
        Key::new("manager", named(Noun::Person), "the engineering manager"),
        Key::new("escalation", named(Noun::Escalation), "escalation policy of its incidents"),
        Key::new(
            "dedup",
            DEDUP,
            "fields, or a pattern such as `CPU on {host}`, that make the deduplication key of breaches",
        ),
        Key::new("dedup_resource", DEDUP, "the same for resource alerts; default: all labels"),
        Key::new("reopen", text(Format::SpanOrNone), "re-open window instead of the organisation's"),
        Key::new("raise", list!(Shape::Table(&RAISE)), "priority raised by repetition"),
        Key::new("templates", Shape::Table(&TEMPLATES), "texts of its messages, before the organisation's"),
        Key::new("routes", list!(Shape::Table(&ROUTE)), "channels that hear of alerts; the first that matches wins"),
    ],
};
