//! `GET /openapi.json`: the interface as programs read it (OpenAPI 3.1).
//!
//! Each route is described once, by an [`Operation`] beside its handler; `OPERATIONS` lists the modules. Shapes of bodies are in `schemas`.
//! A route of the policy table that is neither described nor named in [`NOT_DESCRIBED`] fails a test, and so does a description that is not
//! committed as `docs/openapi.json`. What it says is held against the running service by `tests/it/schemathesis.rs`.

mod schemas;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::{
    alertmanager, audit, budgets, calendars, contacts, drill, events, gate, incidents, indicators, load, oncall, ops,
    quarantine, receive, record, samples, silences, slos, stand_ins, tokens,
};
use crate::auth::policy::{self, Need};
use crate::ingest::limits::{BODY_BYTES_MAX, COMPRESSED_BYTES_MAX};

/// Every description, module by module. A new module of handlers adds its line here.
const OPERATIONS: &[&[Operation]] = &[
    receive::DESCRIBED,
    samples::DESCRIBED,
    incidents::DESCRIBED,
    record::DESCRIBED,
    events::DESCRIBED,
    oncall::DESCRIBED,
    stand_ins::DESCRIBED,
    calendars::DESCRIBED,
    silences::DESCRIBED,
    slos::DESCRIBED,
    indicators::DESCRIBED,
    load::DESCRIBED,
    budgets::DESCRIBED,
    gate::DESCRIBED,
    contacts::DESCRIBED,
    drill::DESCRIBED,
    alertmanager::DESCRIBED,
    ops::DESCRIBED,
    quarantine::DESCRIBED,
    audit::DESCRIBED,
    tokens::DESCRIBED,
];

/// Routes that are for people's eyes, that Slack alone or services that were told may ask, speak protocol buffers, or answer that something is gone.
pub const NOT_DESCRIBED: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/incidents"),
    ("GET", "/incidents/{id}"),
    ("GET", "/style.css"),
    ("GET", "/a/{token}"),
    ("POST", "/a/{token}"),
    ("GET", "/d/{token}"),
    ("POST", "/d/{token}"),
    ("GET", "/calendars/{token}"),
    ("GET", "/quiet"),
    ("GET", "/v/{token}"),
    ("POST", "/v/{token}"),
    ("GET", "/s/{token}"),
    ("POST", "/s/{token}"),
    ("GET", "/c/{file}"),
    ("POST", "/hooks/slack/{channel}/interactions"),
    ("POST", "/hooks/slack/{channel}/commands"),
    ("POST", "/hooks/slack/{channel}/events"),
    ("POST", "/k/{channel}/{token}"),
    ("*", "/api/v1/{*rest}"),
    ("POST", "/api/v1/write"),
    ("POST", "/v1/metrics"),
];

/// What is said of a route. Who may use it comes from the policy table; what every route answers (401, 403, 429, 503) is added by itself,
/// and so is what every body may come to (400, 408, 413, 415).
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [Param],
    body: Option<&'static str>,
    answers: &'static [(u16, Content)],
    refuses: &'static [u16],
}

/// A parameter of the query.
#[derive(Debug, Clone, Copy)]
pub struct Param(pub &'static str, pub Kind, pub &'static str);

/// What a parameter of the query is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text.
    Text,
    /// A text that must be there.
    Required,
    /// A text that may be given several times.
    Many,
    /// An RFC 3339 time.
    Time,
    /// `true` or `false`.
    Flag,
    /// One of these.
    Word(&'static [&'static str]),
    /// A number of rows, from 1.
    Rows(usize),
}

/// What an answer carries.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// JSON of this shape.
    Json(&'static str),
    /// JSON of this shape, or text where the reader asks for that.
    JsonOrText(&'static str),
    /// JSON of this shape, or rows as CSV where the query asks for that.
    JsonOrCsv(&'static str),
    /// A problem document with more in it.
    Problem(&'static str),
    /// Plain text.
    Text,
    /// Markdown.
    Markdown,
    /// Nothing.
    Nothing,
}

impl Operation {
    /// A route and what it is for, in a phrase.
    pub const fn new(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self { method, path, summary, query: &[], body: None, answers: &[], refuses: &[] }
    }

    /// What its query may hold.
    #[must_use]
    pub const fn query(self, query: &'static [Param]) -> Self {
        Self { query, ..self }
    }

    /// The shape of its body, by name.
    #[must_use]
    pub const fn body(self, shape: &'static str) -> Self {
        Self { body: Some(shape), ..self }
    }

    /// What it answers when all is well.
    #[must_use]
    pub const fn answers(self, answers: &'static [(u16, Content)]) -> Self {
        Self { answers, ..self }
    }

    /// With which statuses it refuses, beside those that every route has.
    #[must_use]
    pub const fn refuses(self, refuses: &'static [u16]) -> Self {
        Self { refuses, ..self }
    }

    fn is_alertmanagers(&self) -> bool {
        self.path.starts_with("/api/v2/")
    }

    fn need(&self) -> Need {
        policy::find(self.method, self.path).map_or(Need::Admin, |route| route.need)
    }

    fn describe(&self) -> Value {
        let words = self.path.split(['/', '{', '}', '.', '-', '_']).filter(|word| !word.is_empty());
        let id: Vec<String> = [self.method.to_lowercase()].into_iter().chain(words.map(str::to_owned)).collect();
        let mut described =
            json!({ "operationId": id.join("-"), "summary": self.summary, "responses": self.responses() });
        let scope = match self.need() {
            Need::Nothing | Need::Link | Need::Signature => None,
            Need::Ingest => Some("ingest"),
            Need::Read => Some("read"),
            Need::Act => Some("act"),
            Need::Admin => Some("admin"),
        };
        described["security"] = match scope {
            Some(scope) => {
                described["description"] = json!(format!("Needs the scope `{scope}`."));
                json!([{ "token": [] }])
            }
            None => json!([]),
        };
        let parameters: Vec<Value> = self.path_parameters().chain(self.query.iter().map(Param::describe)).collect();
        if !parameters.is_empty() {
            described["parameters"] = parameters.into();
        }
        if let Some(shape) = self.body {
            described["requestBody"] =
                json!({ "required": true, "content": { "application/json": { "schema": reference(shape) } } });
        }
        described
    }

    fn path_parameters(&self) -> impl Iterator<Item = Value> {
        let names = self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let is_number = self.path.starts_with("/v1/incidents/");
        names.map(move |name| {
            let schema = if is_number {
                json!({ "type": "integer", "minimum": 1 })
            } else {
                json!({ "type": "string", "minLength": 1 })
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
    }

    fn responses(&self) -> Value {
        let mut all = Map::new();
        for (status, content) in self.answers {
            let mut response = json!({ "description": "As asked." });
            match content {
                Content::Json(shape) => response["content"] = media("application/json", &reference(shape)),
                Content::Problem(shape) => response["content"] = media("application/problem+json", &reference(shape)),
                Content::Text => response["content"] = media("text/plain", &json!({ "type": "string" })),
                Content::Markdown => response["content"] = media("text/markdown", &json!({ "type": "string" })),
                Content::JsonOrText(shape) => {
                    response["content"] = media("application/json", &reference(shape));
                    response["content"]["text/plain"] = json!({ "schema": { "type": "string" } });
                }
                Content::JsonOrCsv(shape) => {
                    response["content"] = media("application/json", &reference(shape));
                    response["content"]["text/csv"] = json!({ "schema": { "type": "string" } });
                }
                Content::Nothing => {}
            }
            all.insert(status.to_string(), response);
        }
        let guarded: &[u16] = if matches!(self.need(), Need::Nothing | Need::Link) { &[] } else { &[401, 403, 429] };
        let read: &[u16] = if self.body.is_some() { &[400, 408, 413, 415] } else { &[] };
        for status in self.refuses.iter().chain(guarded).chain(read).chain(&[503]) {
            let name = format!("{}{status}", if self.is_alertmanagers() { "Alertmanager" } else { "Problem" });
            all.entry(status.to_string())
                .or_insert_with(|| json!({ "$ref": format!("#/components/responses/{name}") }));
        }
        all.into()
    }
}

impl Param {
    fn describe(&self) -> Value {
        let Self(name, kind, about) = self;
        let schema = match kind {
            Kind::Text => json!({ "type": "string" }),
            Kind::Required => json!({ "type": "string", "minLength": 1 }),
            Kind::Many => json!({ "type": "array", "items": { "type": "string" } }),
            // Empty counts as absent, as for every parameter.
            Kind::Time => json!({ "anyOf": [schemas::time(), { "const": "" }] }),
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::Word(words) => json!({ "type": "string", "enum": words }),
            Kind::Rows(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
        };
        let required = matches!(kind, Kind::Required);
        json!({ "name": name, "in": "query", "required": required, "description": about, "schema": schema })
    }
}

fn reference(shape: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{shape}") })
}

fn media(kind: &str, schema: &Value) -> Value {
    json!({ kind: { "schema": schema } })
}

/// Statuses of refusals, and what each means.
const REFUSALS: [(u16, &str); 12] = [
    (400, "The request cannot be read; the detail says why."),
    (401, "A valid token is required."),
    (403, "The token lacks the scope, or belongs to another team."),
    (404, "There is no such thing."),
    (408, "The body did not arrive in time."),
    (409, "The thing is not in a state for this."),
    (410, "It is no more."),
    (413, "The body is too large, or has too many items."),
    (415, "The body is not JSON, or in an encoding that is not known."),
    (422, "It was understood and cannot be done; the detail says why."),
    (429, "Too many wrong tokens came from this address. A right one is let through at any time."),
    (503, "Nothing was stored; try again."),
];

fn refusals() -> Value {
    let mut all = Map::new();
    for (status, description) in REFUSALS {
        for (family, content) in [
            ("Problem", media("application/problem+json", &reference("Problem"))),
            ("Alertmanager", media("application/json", &json!({ "type": "string" }))),
        ] {
            let mut response = json!({ "description": description, "content": content });
            let text = json!({ "schema": { "type": "string" } });
            match status {
                401 => response["headers"]["WWW-Authenticate"] = text,
                429 => {
                    let seconds = json!({ "schema": { "type": "string", "pattern": "^[0-9]+$" } });
                    response["headers"]["Retry-After"] = seconds;
                }
                _ => {}
            }
            all.insert(format!("{family}{status}"), response);
        }
    }
    all.into()
}

/// The whole document.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS.iter().copied().flatten() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_lowercase()] = operation.describe();
    }
    let description = format!(
        "Alert dispatcher and on-call router. Bodies are JSON, times RFC 3339, errors problem documents (RFC 9457); on `/api/v2/` all has \
         Alertmanager's shape. A body has at most {BODY_BYTES_MAX} bytes, compressed {COMPRESSED_BYTES_MAX}. Fields are added over time, never renamed."
    );
    let about = "`cot_` and 256 random bits, made by `callout token new`. Without a configured token this machine alone is served, and needs none.";
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "callout", "version": env!("CARGO_PKG_VERSION"), "description": description,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "responses": refusals(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "description": about } },
        },
    })
}

/// `GET /openapi.json`
pub async fn serve() -> Response {
    static DOCUMENT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| document().to_string());
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_or_named() {
        let mut told: Vec<(&str, &str)> = OPERATIONS.iter().copied().flatten().map(|o| (o.method, o.path)).collect();
        told.extend(NOT_DESCRIBED);
        let mut served: Vec<(&str, &str)> = policy::ROUTES.iter().map(|r| (r.method, r.path)).collect();
        told.sort_unstable();
        served.sort_unstable();
        assert_eq!(
            told, served,
            "describe the route by an `Operation` in `DESCRIBED` beside its handler (see src/http/silences.rs), in the order of the policy table"
        );
    }

    #[test]
    fn every_shape_that_is_named_exists_and_is_used() {
        fn names<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
            match value {
                Value::Object(map) => {
                    into.extend(map.get("$ref").and_then(Value::as_str));
                    map.values().for_each(|v| names(v, into));
                }
                Value::Array(list) => list.iter().for_each(|v| names(v, into)),
                _ => {}
            }
        }
        let document = document();
        let mut named = Vec::new();
        names(&document, &mut named);
        for name in &named {
            let pointer = name.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{name} is not described in openapi/schemas.rs");
        }
        for shape in document["components"]["schemas"].as_object().unwrap().keys() {
            let reference = format!("#/components/schemas/{shape}");
            assert!(named.contains(&reference.as_str()), "nothing is a {shape}");
        }
    }
}
