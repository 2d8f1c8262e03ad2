//! Keys of groups and notification rings.

use super::{LINE, named, text};
use crate::config::shape::{Format, Key, Many, Noun, Shape, Table};

/// A group of people across teams, or of stakeholders.
pub static GROUP: Table = Table {
    about: "a group of people across teams, or of stakeholders",
    keys: &[
        Key::new("members", list!(named(Noun::Person)), "people, for escalation steps"),
        Key::new("email", list!(text(Format::Email)), "addresses of stakeholders"),
        Key::new("products", list!(LINE), "products that it is about"),
        Key::new("environments", list!(named(Noun::Environment)), "environments that it is about"),
        Key::new("open", Shape::Truth, "anybody inside may subscribe"),
        Key::new("approval", Shape::Truth, "a person must release what is sent to it"),
    ],
};

/// Notification rings.
pub static RINGS: Table = Table {
    about: "notification rings",
    keys: &[
        Key::new("when", Shape::Table(&RING_WHEN), "what makes the first ring due"),
        Key::required("ring", list!(Shape::Table(&RING), 1), "rings in order"),
    ],
};

/// What makes the first ring due.
pub static RING_WHEN: Table = Table {
    about: "what makes the first ring due",
    keys: &[
        Key::new("priority", list!(named(Noun::Priority), 1), "priorities"),
        Key::new("severity", list!(text(Format::Word(&["critical", "error", "warning"])), 1), "severities"),
        Key::new("open_for", text(Format::SpanOrNone), "open for at least so long"),
    ],
};

/// A ring.
pub static RING: Table = Table {
    about: "a ring",
    keys: &[
        Key::required("groups", list!(named(Noun::Group), 1), "groups that are told"),
        Key::required("after", text(Format::After), "time since the announcement, or \"manual\""),
    ],
};
