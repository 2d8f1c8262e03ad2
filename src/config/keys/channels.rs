//! Keys of channels: the ways out.

use super::{
    ALLOW_PRIVATE, CA_FILE, DESTINATION, LINE, PATH, SPAN, TIMEOUT, URL, URL_ENV, URL_FILE, VARIABLE, named, text,
};
use crate::config::shape::{Format, Key, Many, Map, Names, Noun, Shape, Table};

/// Ways out, by kind and name.
pub static CHANNELS: Table = Table {
    about: "ways out, by kind and name",
    keys: &[
        Key::new("slack", map!(Shape::Table(&SLACK)), "Slack workspaces"),
        Key::new("teams", map!(Shape::Table(&TEAMS)), "Microsoft Teams flows"),
        Key::new("email", map!(Shape::Table(&EMAIL)), "mail servers"),
        Key::new("webhook", map!(Shape::Table(&WEBHOOK)), "signed generic webhooks"),
        Key::new("http", map!(Shape::Table(&super::HTTP)), "services that are told by requests as described"),
    ],
};

pub(super) const GIVE_UP: Key =
    Key::new("give_up", SPAN, "a page that keeps failing for so long failed for good; default 10m");
pub(super) const INTERVAL: Key =
    Key::new("interval", text(Format::SpanOrNone), "least time between two messages to one address");
pub(super) const FALLBACK: Key = Key::new("fallback", DESTINATION, "where messages go that failed for good");
pub(super) const FOLLOW_UP: Key =
    Key::new("follow_up", Shape::Truth, "whether it hears of acknowledgement and resolution; default true");
pub(super) const DIGESTED: Key = Key::new(
    "digest",
    Shape::Truth,
    "whether messages are gathered into one when too many go to one recipient; default true",
);
const PICTURES: Key = Key::new(
    "pictures",
    Shape::Truth,
    "whether messages show charts, which the other side fetches from `organisation.url`; default false",
);
const TOKEN_ENV: Key = Key::new("token_env", VARIABLE, "environment variable with the token");
const TOKEN_FILE: Key = Key::new("token_file", PATH, "file with the token");

/// A Slack workspace: a bot token, or the poor alternative of an incoming webhook.
pub static SLACK: Table = Table {
    about: "a Slack workspace: a bot token, or the poor alternative of an incoming webhook",
    keys: &[
        TOKEN_ENV,
        TOKEN_FILE,
        Key::new("webhook_url", URL, "incoming webhook; it is a secret, so prefer the next two"),
        Key::new("webhook_url_env", VARIABLE, "environment variable with the incoming webhook"),
        Key::new("webhook_url_file", PATH, "file with the incoming webhook"),
        Key::new("api_url", URL, "base of the Web API; default https://slack.com/api/"),
        Key::new("signing_secret_env", VARIABLE, "environment variable with the signing secret, for buttons"),
        Key::new("signing_secret_file", PATH, "file with the signing secret, for buttons"),
        PICTURES,
        Key::new("previous_signing_secret_env", VARIABLE, "environment variable with the one before, during a change"),
        Key::new("previous_signing_secret_file", PATH, "file with the one before, during a change"),
        Key::new(
            "act",
            text(Format::Line),
            "who may act: `team` (default), those whom it concerns; `everybody` who is configured",
        ),
        Key::new("rooms", Shape::Table(&ROOMS), "which incidents get a room of their own"),
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

/// Which incidents get a room of their own.
pub static ROOMS: Table = Table {
    about: "which incidents get a room of their own",
    keys: &[
        Key::required("priorities", list!(named(Noun::Priority), 1), "incidents of these priorities"),
        Key::new("teams", list!(named(Noun::Team), 1), "of these teams; default: of all"),
        Key::new("prefix", LINE, "what their names begin with; default `inc-`"),
        Key::new("private", Shape::Truth, "whether only members see them; default false"),
        Key::new(
            "archive_after",
            text(Format::SpanOrNone),
            "archived so long after the resolution, at most 1d; default 8h",
        ),
    ],
};

/// A Microsoft Teams flow (Workflows webhook).
pub static TEAMS: Table = Table {
    about: "a Microsoft Teams flow (Workflows webhook)",
    keys: &[
        Key::new("url", URL, "the flow's address; it is a secret, so prefer the next two"),
        URL_ENV,
        URL_FILE,
        PICTURES,
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

/// A mail server.
pub static EMAIL: Table = Table {
    about: "a mail server",
    keys: &[
        Key::required(
            "smtp",
            text(Format::Smtp),
            "smtps://host:465 (TLS), smtp://host:587 (STARTTLS) or smtp+plain://host:25",
        ),
        Key::required("from", text(Format::Mailbox), "the sender, for example callout@acme.example"),
        Key::new("user", LINE, "user for authentication"),
        Key::new("password_env", VARIABLE, "environment variable with the password"),
        Key::new("password_file", PATH, "file with the password"),
        Key::new("pictures", Shape::Truth, "whether mails carry charts; default true"),
        Key::new("dkim", Shape::Table(&DKIM), "a DKIM signature under every mail"),
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

/// A DKIM signature under every mail.
pub static DKIM: Table = Table {
    about: "a DKIM signature under every mail",
    keys: &[
        Key::required("selector", LINE, "name of the key: SELECTOR._domainkey.DOMAIN in DNS"),
        Key::new("domain", LINE, "the domain that signs; default that of `from`"),
        Key::new("key_env", VARIABLE, "environment variable with the private key"),
        Key::new("key_file", PATH, "file with the private key: RSA in PEM, or Ed25519 in base64"),
    ],
};

/// A generic webhook, signed as Standard Webhooks says.
pub static WEBHOOK: Table = Table {
    about: "a generic webhook, signed as Standard Webhooks says",
    keys: &[
        Key::new("url", URL, "where to post"),
        URL_ENV,
        URL_FILE,
        Key::new("secret_env", VARIABLE, "environment variable with the signing secret (whsec_…)"),
        Key::new("secret_file", PATH, "file with the signing secret (whsec_…)"),
        TOKEN_ENV,
        TOKEN_FILE,
        Key::new("batch", Shape::Whole { least: 1, most: 10_000 }, "messages that one request may carry; default 1"),
        Key::new("concurrency", Shape::Whole { least: 1, most: 256 }, "requests under way at once; default 4"),
        CA_FILE,
        ALLOW_PRIVATE,
        TIMEOUT,
        GIVE_UP,
        INTERVAL,
        FALLBACK,
        FOLLOW_UP,
    ],
};
