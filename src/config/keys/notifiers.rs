//! Keys of HTTP notifiers: channels that the configuration describes, and descriptions to be used by them.

use super::channels::{DIGESTED, FALLBACK, FOLLOW_UP, GIVE_UP, INTERVAL};
use super::{ALLOW_PRIVATE, ANY, CA_FILE, LINE, TIMEOUT, URL, URL_ENV, URL_FILE, named, text};
use crate::config::notifier::Addresses;
use crate::config::notifier::callback::Act;
use crate::config::shape::{Format, Key, Many, Map, Names, Noun, Shape, Table};

const SCALAR: Shape = either!(LINE, Shape::Whole { least: i64::MIN, most: i64::MAX });
const CODES: Shape = list!(either!(Shape::Whole { least: 1, most: 999_999 }, LINE));
const POINTER: Shape = text(Format::Pointer);
const STEPS: Shape = either!(Shape::Table(&REQUEST), list!(Shape::Table(&REQUEST)));
const LONGEST: Shape = map!(free Shape::Whole { least: 1, most: 1_000_000 });

const ADDRESS: Key = Key::new("address", text(Format::Word(Addresses::WORDS)), "how it is addressed; default none");
const ADDRESS_LIKE: Key = Key::new("address_like", LINE, "regular expression that a whole address fits");
const LOGIN: Key = Key::new("login", Shape::Table(&LOGIN_TABLE), "user and password of `Authorization: Basic`");
const HEADERS: Key = Key::new("headers", map!(ANY), "headers of every request, as templates; an empty one is left out");
const URGENCY: Key = Key::new(
    "urgency",
    map!(SCALAR),
    "its own words for urgency: by priority, or for `high` (the most urgent priority), `normal` and `over`",
);
const REPLACE: Key = Key::new(
    "replace",
    map!(free text(Format::Whole)),
    "what stands for characters that mean something to it, in foreign text",
);
const ANSWER_KEY: Key = Key::new("answer", Shape::Table(&ANSWER), "how answers are judged");
const LINK: Key =
    Key::new("link", LINE, "template of the path, behind its address, at which people find what was made");
const IN_PLACE: Key =
    Key::new("in_place", Shape::Truth, "whether a follow-up changes the first message; default false");
const CALLBACK_KEY: Key = Key::new("callback", Shape::Table(&CALLBACK), "what it may ask callout for");
const CONCURRENCY: Key =
    Key::new("concurrency", Shape::Whole { least: 1, most: 64 }, "requests under way at once; default 4");
const SEND: Key = Key::new("send", STEPS, "requests of a first message");
const DIGEST_OF: Key =
    Key::new("digest_of", STEPS, "requests of one message about many incidents; default: those of `send`");
const UPDATE: Key =
    Key::new("update", STEPS, "requests of a change that has none of its own; default: those of `send`");
const ACKNOWLEDGED: Key = Key::new("acknowledged", STEPS, "requests when somebody is on it");
const UNACKNOWLEDGED: Key = Key::new("unacknowledged", STEPS, "requests when nobody is on it any more");
const SNOOZED: Key = Key::new("snoozed", STEPS, "requests when it is quiet for a while");
const RESOLVED: Key = Key::new("resolved", STEPS, "requests when it is over");
const REOPENED: Key = Key::new("reopened", STEPS, "requests when it goes on");
const CHANGED: Key = Key::new("changed", STEPS, "requests when priority, severity or owner changed");

/// A channel over HTTP that the configuration describes.
pub static HTTP: Table = Table {
    about: "a channel over HTTP that the configuration describes",
    keys: &[
        Key::new("use", named(Noun::Notifier), "description that it begins with, for example ntfy"),
        Key::new("url", URL, "where it is: everything in front of `path`"),
        URL_ENV,
        URL_FILE,
        Key::new("values", map!(SCALAR), "its values, for `{{ values.NAME }}`"),
        Key::new("secrets", map!(LINE), "its secrets, for `{{ secrets.NAME }}`: `NAME_env` or `NAME_file`"),
        Key::new("from", named(Noun::Priority), "the least urgent priority that a route tells it of; default: every"),
        ADDRESS,
        ADDRESS_LIKE,
        LOGIN,
        HEADERS,
        URGENCY,
        REPLACE,
        ANSWER_KEY,
        LINK,
        IN_PLACE,
        CALLBACK_KEY,
        CONCURRENCY,
        SEND,
        DIGEST_OF,
        UPDATE,
        ACKNOWLEDGED,
        UNACKNOWLEDGED,
        SNOOZED,
        RESOLVED,
        REOPENED,
        CHANGED,
        CA_FILE,
        ALLOW_PRIVATE,
        TIMEOUT,
        GIVE_UP,
        INTERVAL,
        FALLBACK,
        FOLLOW_UP,
        DIGESTED,
    ],
};

/// A description of a service, for `use`.
pub static NOTIFIER: Table = Table {
    about: "a description of a service, for `use` in `[channels.http.NAME]`",
    keys: &[
        Key::new("about", ANY, "what it is, in words"),
        Key::new("url", URL, "where it is, where that is the same for everybody"),
        Key::new("values", map!(Shape::Table(&VALUE)), "values that a channel gives"),
        Key::new("secrets", map!(Shape::Table(&SECRET)), "secrets that a channel gives"),
        ADDRESS,
        ADDRESS_LIKE,
        LOGIN,
        HEADERS,
        URGENCY,
        REPLACE,
        ANSWER_KEY,
        LINK,
        IN_PLACE,
        CALLBACK_KEY,
        CONCURRENCY,
        SEND,
        DIGEST_OF,
        UPDATE,
        ACKNOWLEDGED,
        UNACKNOWLEDGED,
        SNOOZED,
        RESOLVED,
        REOPENED,
        CHANGED,
        INTERVAL,
        FOLLOW_UP,
        DIGESTED,
    ],
};

/// A value that a channel gives.
pub static VALUE: Table = Table {
    about: "a value that a channel gives",
    keys: &[
        Key::new("about", ANY, "what it is, in words"),
        Key::new(
            "default",
            either!(text(Format::Whole), Shape::Whole { least: i64::MIN, most: i64::MAX }),
            "where none is given; without it one must be",
        ),
    ],
};

/// A secret that a channel gives.
pub static SECRET: Table = Table {
    about: "a secret that a channel gives",
    keys: &[
        Key::new("about", ANY, "what it is, in words"),
        Key::new("optional", Shape::Truth, "whether it may be left out; default false"),
    ],
};

/// User and password of `Authorization: Basic`.
pub static LOGIN_TABLE: Table = Table {
    about: "user and password of `Authorization: Basic`",
    keys: &[
        Key::required("user", text(Format::Whole), "template of the user; may be empty"),
        Key::required("password", LINE, "template of the password"),
    ],
};

/// A request.
pub static REQUEST: Table = Table {
    about: "a request",
    keys: &[
        Key::new("method", text(Format::Word(&["POST", "PUT", "PATCH", "GET", "DELETE"])), "default POST"),
        Key::new("path", ANY, "template of path and query behind the channel's `url`"),
        Key::new("headers", map!(ANY), "headers, as templates; an empty one is left out"),
        Key::new("json", ANY, "template of a body of JSON"),
        Key::new("form", map!(free ANY), "fields of a form, as templates; an empty one is left out"),
        Key::new("text", ANY, "template of a body of text"),
        Key::new("content_type", LINE, "instead of the usual one of that body"),
        Key::new("when", LINE, "expression that must hold, for example `receipt`; otherwise the request is not made"),
        Key::new("receipt", POINTER, "where in the answer the id is that later messages need"),
        Key::new("keep", map!(POINTER), "where in the answer is what later requests need, as `{{ kept.NAME }}`"),
        Key::new("cut", LONGEST, "longest texts in characters, by pointer into the JSON or name of a field"),
        Key::new("cut_bytes", LONGEST, "the same in bytes"),
        Key::new("may_fail", Shape::Truth, "whether it does not matter when it is refused; default false"),
        ANSWER_KEY,
    ],
};

/// How answers are judged.
pub static ANSWER: Table = Table {
    about: "how answers are judged",
    keys: &[
        Key::new("ok", list!(Shape::Whole { least: 100, most: 599 }, 1), "statuses of success; default: every 2xx"),
        Key::new(
            "must",
            map!(free either!(LINE, Shape::Whole { least: i64::MIN, most: i64::MAX }, Shape::Truth)),
            "what must be at a pointer, for services that say no with 200",
        ),
        Key::new("has", list!(POINTER), "pointers at which something must be"),
        Key::new("error", POINTER, "where the name or number of an error is"),
        Key::new("retry_after", POINTER, "where the seconds are that it wants to be left alone"),
        Key::new("permanent", CODES, "statuses and names of errors that are final"),
        Key::new("transient", CODES, "statuses and names of errors that are worth another try"),
    ],
};

/// What a service may ask callout for.
pub static CALLBACK: Table = Table {
    about: "what a service may ask callout for at the URL that is `{{ callback }}`",
    keys: &[
        Key::required("content_type", LINE, "of the document"),
        Key::required("body", ANY, "template of the document, in XML; `said` is what came of a key"),
        Key::required(
            "header",
            LINE,
            "header with the signature: base64 of HMAC-SHA1 over the URL and the sorted fields",
        ),
        Key::required("secret", LINE, "name of the secret that signs"),
        Key::required("field", LINE, "field with the key that was pressed"),
        Key::required("keys", map!(text(Format::Word(Act::WORDS))), "what keys do"),
    ],
};
