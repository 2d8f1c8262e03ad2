//! Keys of packs of burn-rate rules.

use super::{ANY, LINE, SPAN, text};
use crate::config::shape::{Format, Key, Many, Shape, Table};

/// A pack of burn-rate rules.
pub static BURN: Table = Table {
    about: "a pack of burn-rate rules",
    keys: &[
        Key::new("about", ANY, "what it is for"),
        Key::required(
            "pairs",
            list!(Shape::Table(&BURN_PAIR), 1),
            "pairs of windows that must both burn faster than the factor",
        ),
    ],
};

/// A pair of windows.
pub static BURN_PAIR: Table = Table {
    about: "a pair of windows",
    keys: &[
        Key::required("name", LINE, "its name, for example page_fast"),
        Key::new("factor", Shape::Decimal, "burn rate that both windows must exceed, for example 14.4"),
        Key::new("share", text(Format::Percent), "instead of a factor: share of the period's budget, for example 2%"),
        Key::new(
            "within",
            SPAN,
            "time in which the share goes at the pace of the long window; default: the long window",
        ),
        Key::required("long", SPAN, "long window"),
        Key::new("short", SPAN, "short window; default: none"),
        Key::new("ticket", Shape::Truth, "tells the team's channels and pages nobody"),
        Key::new("at_least", Shape::Truth, "the factor itself is enough"),
        Key::new("for", SPAN, "the condition must hold for so long; default: not at all"),
        Key::new("keep", SPAN, "goes on until the condition did not hold for so long; default: not at all"),
        Key::new(
            "min_bad",
            Shape::Whole { least: 0, most: 1_000_000_000 },
            "bad events that the long window must have; default 1",
        ),
        Key::new(
            "min_total",
            Shape::Whole { least: 0, most: 1_000_000_000 },
            "events that the long window must have; default 1",
        ),
    ],
};
