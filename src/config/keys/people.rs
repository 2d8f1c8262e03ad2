//! Keys of people and teams.

use super::{BAD_STATUS, LINE, PATH, RAISE, ROUTE, SPAN, TEMPLATES, URL, VARIABLE, ZONE, named, text};
use crate::config::shape::{Format, Key, Many, Map, Names, Noun, Shape, Table};

/// A person.
pub static PERSON: Table = Table {
    about: "a person",
    keys: &[
        Key::new("name", LINE, "name in messages; default: the id"),
        Key::new("email", text(Format::Email), "mail address"),
        Key::new("slack", text(Format::SlackMember), "Slack member id, for example U01ANA"),
        Key::new("teams", text(Format::Email), "user principal name in Microsoft Teams"),
        Key::new("phone", text(Format::Phone), "number for text messages and calls, for example +4915112345678"),
        Key::new("addresses", map!(LINE), "addresses in channels over HTTP, by the name of the channel"),
        Key::new("timezone", ZONE, "zone in which times are shown to this person"),
        Key::new(
            "contact",
            list!(text(Format::Contact), 1),
            "ways to reach them, the preferred first; default slack, teams, email, then those over HTTP",
        ),
        Key::new("absences_url", URL, "iCalendar of their absences; it is often a secret, so prefer the next two"),
        Key::new("absences_url_env", VARIABLE, "environment variable with that address"),
        Key::new("absences_url_file", PATH, "file with that address"),
        Key::new("absences_file", PATH, "file with an iCalendar of their absences"),
        Key::new("quiet", Shape::Table(&QUIET), "hours in which pages are held"),
        Key::new("rules", list!(Shape::Table(&PERSON_RULE), 1), "how they are paged; the first that fits is followed"),
    ],
};

const WEEK_HOURS: Shape = either!(text(Format::Hours), list!(text(Format::Hours), 1));
const PRIORITIES: Shape = either!(named(Noun::Priority), list!(named(Noun::Priority), 1));

/// Hours in which pages to a person are held.
pub static QUIET: Table = Table {
    about: "hours in which pages to a person are held",
    keys: &[
        Key::required("hours", WEEK_HOURS, "hours of the week in the person's zone, for example `22:00-07:00`"),
        Key::new("unless_priority", PRIORITIES, "priorities that are told all the same"),
        Key::new(
            "unless_on_call",
            either!(Shape::Truth, LINE, list!(LINE, 1)),
            "whether somebody on call is told all the same; or the roles in which",
        ),
    ],
};

/// How a person is paged.
pub static PERSON_RULE: Table = Table {
    about: "how a person is paged",
    keys: &[
        Key::new("priority", PRIORITIES, "priority or priorities; default: all"),
        Key::new("hours", WEEK_HOURS, "hours of the week in the person's zone; default: always"),
        Key::new(
            "chain",
            list!(text(Format::ChainItem), 1),
            "ways with waits between them, for example [\"slack\", \"5m\", \"email\"]; default: as `contact`",
        ),
        Key::new("bundle", SPAN, "pages are gathered for so long into one, for example 15m"),
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
        Key::new(
            "roles",
            map!(text(Format::Target)),
            "where the person for a role comes from, instead of the organisation's",
        ),
        BAD_STATUS,
        Key::new("routes", list!(Shape::Table(&ROUTE)), "channels that hear of alerts; the first that matches wins"),
    ],
};
