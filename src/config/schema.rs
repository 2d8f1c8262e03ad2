//! The JSON Schema (draft 2020-12) of the configuration's files, for editors. Made from the description that the reader uses.
//!
//! Every file of the folder is valid by itself, so nothing is required at the top. Dates and times are strings, as editors convert
//! them. References are described, not resolved: that takes all files together and is the work of `callout check`.

use serde_json::{Map, Value, json};

use super::keys;
use super::shape::{Format, Key, Names, Shape, Table};

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let mut root = table(&keys::ROOT);
    if let Value::Object(object) = &mut root {
        object.remove("required");
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!("callout"));
    }
    root
}

fn table(table: &Table) -> Value {
    let properties: Map<String, Value> = table.keys.iter().map(|key| (key.name.to_owned(), described(key))).collect();
    let required: Vec<&str> = table.keys.iter().filter(|k| k.required).map(|k| k.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": table.about,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn described(key: &Key) -> Value {
    let mut schema = shape(&key.shape);
    schema["description"] = json!(key.about);
    schema
}

fn shape(of: &Shape) -> Value {
    match of {
        Shape::Text(format) => text(*format),
        Shape::Whole { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Decimal => json!({ "anyOf": [
            { "type": "number", "exclusiveMinimum": 0 },
            { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?x?$" },
        ]}),
        Shape::Truth => json!({ "type": "boolean" }),
        Shape::Civil => {
            json!({ "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$" })
        }
        Shape::Moment => json!({
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$",
        }),
        Shape::Date => json!({ "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$" }),
        Shape::List(many) => {
            let mut schema = json!({ "type": "array", "items": shape(&many.of) });
            if many.least > 0 {
                schema["minItems"] = json!(many.least);
            }
            schema
        }
        Shape::Table(of) | Shape::Folder(of) => table(of),
        Shape::Map(map) => {
            let names = match map.names {
                Names::Strict => json!({ "pattern": r"^[\p{L}\p{N}._-]+$", "maxLength": super::check::NAME_BYTES_MAX }),
                Names::Free => json!({ "minLength": 1, "maxLength": super::check::NAME_BYTES_MAX }),
            };
            json!({ "type": "object", "propertyNames": names, "additionalProperties": shape(&map.of) })
        }
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(shape).collect::<Vec<_>>() }),
    }
}

/// A length of time: units descend and each occurs once.
const SPAN: &str = "^(0|(?=.)([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$";

fn text(format: Format) -> Value {
    let mut schema = json!({ "type": "string" });
    let (pattern, examples): (Option<&str>, &[&str]) = match format {
        Format::Any | Format::Line | Format::Whole | Format::Path => (None, &[]),
        Format::Phone => (Some(r"^\+[1-9][0-9]{6,14}$"), &["+4915112345678"]),
        Format::Pointer => (Some("^/"), &["/id", "/messages/0/id"]),
        Format::Ref(noun) => {
            schema["title"] = json!(format!("name of a {}", noun.as_str()));
            (None, &[])
        }
        Format::Span | Format::SpanOrNone => (Some(SPAN), &["60m", "1h30m", "28d"]),
        Format::Period => (None, &["28d", "week", "month", "quarter"]),
        Format::Status => (None, &["5xx", "429", "Unavailable"]),
        Format::Percent => (Some(r"^[0-9]+(\.[0-9]+)? *%$"), &["200%"]),
        Format::Objective => (Some(r"^[0-9]+(\.[0-9]+)? *%$"), &["99.7%"]),
        Format::Email => (Some("^[^ ]+@[^ ]+$"), &["ana@acme.example"]),
        Format::Mailbox => (Some("@"), &["callout@acme.example", "callout <callout@acme.example>"]),
        Format::Zone => (None, &["Europe/Berlin", "UTC"]),
        Format::Cron => (None, &["0 8 * * MON,THU"]),
        Format::Url => (Some("^https?://"), &["https://wiki.acme.example/runbook"]),
        Format::Smtp => (Some(r"^smtp(s|\+plain)?://"), &["smtps://mail.acme.example:465"]),
        Format::Destination => {
            (Some("^(slack|teams|email|webhook|http):"), &["slack:main/#room", "teams:eu", "email:ops@acme.example"])
        }
        Format::Target => (
            Some("^(schedule|person|team|group|manager|slack|teams|email|webhook|http):"),
            &["schedule:checkout/main", "person:ana", "team:checkout", "manager:checkout"],
        ),
        Format::ChainItem => (None, &["slack", "5m", "email"]),
        Format::Contact => {
            (Some("^((slack|teams|email)(:.+)?|http:.+)$"), &["slack", "email", "slack:main", "http:ntfy"])
        }
        Format::SlackMember => (Some("^[UW][A-Z0-9]+$"), &["U01ANA"]),
        Format::Variable => (Some("^[A-Za-z_][A-Za-z0-9_]*$"), &["SLACK_TOKEN"]),
        Format::Hours => (None, &["Mon-Fri 08:00-16:00", "22:00-06:00", "Fri 18:00-Mon 08:00"]),
        Format::Weekday => (
            Some("^([Mm]on|[Tt]ue|[Ww]ed|[Tt]hu|[Ff]ri|[Ss]at|[Ss]un)([a-z]*day)?$"),
            &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        ),
        Format::Rotate => (
            Some("^(none|hourly|daily|weekly|monthly|[0-9]+ (hour|day|week|month)s?)$"),
            &["daily", "weekly", "2 weeks", "monthly", "none"],
        ),
        Format::Holidays => (Some(r"^holidays\."), &["holidays.de"]),
        Format::Sha256 => (Some("^[0-9A-Fa-f]{64}$"), &[]),
        Format::Scope => {
            (Some("^(read|admin|(ingest|act)(:.+)?)$"), &["ingest", "ingest:checkout", "read", "act", "admin"])
        }
        Format::Selector => (None, &["http_requests_total{job=\"api\", code=~\"5..\"}"]),
        Format::Template => (None, &["data-api", "{method} {handler}"]),
        Format::Pattern => (Some(r"\{[^{}]+\}"), &["CPU on {host}"]),
        Format::After => (None, &["60m", "manual"]),
        Format::Word(words) => {
            schema["enum"] = json!(words);
            (None, &[])
        }
    };
    if let Some(pattern) = pattern {
        schema["pattern"] = json!(pattern);
    }
    if !examples.is_empty() {
        schema["examples"] = json!(examples);
    }
    schema
}
