//! Keys of error budget policies.

use super::{ANY, LINE, SPAN, text};
use crate::config::shape::{Format, Key, Shape, Table};

/// What follows when an error budget goes. Source: *Establishing SRE Foundations*, table 10.2.
pub static BUDGET_POLICY: Table = Table {
    about: "what follows when an error budget goes",
    keys: &[
        Key::new("about", ANY, "what it is for"),
        Key::new("exhausted", Shape::Table(&POLICY_EXHAUSTED), "nothing is left"),
        Key::new("used", Shape::Table(&POLICY_SHARE), "a share of the period's budget is used"),
        Key::new("by_incident", Shape::Table(&POLICY_SHARE), "one outage used a share"),
        Key::new("used_24h", Shape::Table(&POLICY_SHARE), "a share is used within 24 hours"),
        Key::new("used_7d", Shape::Table(&POLICY_SHARE), "a share is used within 7 days"),
        Key::new("by_dependency", Shape::Table(&POLICY_SHARE), "outages through one dependency used a share"),
        Key::new(
            "silver_bullets",
            Shape::Table(&SILVER_BULLETS),
            "exceptions: releases although a condition freezes them; default: none",
        ),
    ],
};

const CONSEQUENCE: Key = Key::new("consequence", LINE, "what follows, in words");
const FREEZE: Key = Key::new("freeze", Shape::Truth, "the service must not be released while it holds");

/// A condition without a share.
pub static POLICY_EXHAUSTED: Table = Table { about: "nothing is left", keys: &[CONSEQUENCE, FREEZE] };

/// A condition with a share.
pub static POLICY_SHARE: Table = Table {
    about: "a share is used",
    keys: &[
        Key::required("share", text(Format::Percent), "share of the period's budget, for example 30%"),
        CONSEQUENCE,
        FREEZE,
    ],
};

/// How many exceptions a service may make.
pub static SILVER_BULLETS: Table = Table {
    about: "how many exceptions a service may make",
    keys: &[
        Key::required("most", Shape::Whole { least: 1, most: 100 }, "so many in a period"),
        Key::new("per", text(Format::Period), "the period; default quarter, of the calendar"),
        Key::new("lasts", SPAN, "how long one opens the gate; default 24h"),
    ],
};
