//! From a step and what a message says to a request: templates written, texts cut, JSON held to be JSON. Its errors repeat no value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::text::{self, Place};
use super::{Body, Cut, Notifier, Step, Values};
use crate::config::template::{self, TemplateError};

/// Bytes of a whole body. Beyond: the message fails for good, since no service takes more.
pub const BODY_BYTES_MAX: usize = 262_144;

/// A request to make.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `POST`.
    pub method: String,
    /// Path and query, behind the notifier's URL.
    pub path: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
}

impl std::fmt::Debug for Request {
    /// Any part may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Why a request could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its {what}: {why}")]
pub struct Unmade {
    /// Which part: `path`, `body`, `header Title`.
    pub what: String,
    /// Why.
    pub why: String,
}

fn unmade(what: &str) -> impl Fn(TemplateError) -> Unmade {
    move |error| Unmade { what: what.to_owned(), why: error.to_string() }
}

/// The request of a step; `None` where the step is not wanted.
///
/// # Errors
/// Which part could not be made, and why.
pub fn make(notifier: &Notifier, step: &Step, values: &Values) -> Result<Option<Request>, Unmade> {
    let context = values.as_value();
    if let Some(when) = &step.when
        && !text::holds(when, context.clone()).map_err(unmade("`when`"))?
    {
        return Ok(None);
    }
    let write = |source: &str, place, what: &str| {
        text::render(source, place, &notifier.replace, context.clone()).map_err(unmade(what))
    };
    let path = write(&step.path, Place::Path, "path")?.trim().to_owned();
    let mut headers = Vec::new();
    if let Some((user, password)) = &notifier.login {
        let pair = format!("{}:{}", write(user, Place::Line, "login")?, write(password, Place::Line, "login")?);
        headers.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(pair))));
    }
    for (name, source) in notifier.headers.iter().chain(&step.headers) {
        let value = write(source, Place::Line, &format!("header `{name}`"))?.trim().to_owned();
        if !value.is_empty() {
            headers.push((name.to_lowercase(), value));
        }
    }
    let body = body(step, &write)?;
    if body.as_ref().is_some_and(|(_, body)| body.len() > BODY_BYTES_MAX) {
        return Err(Unmade { what: "body".to_owned(), why: format!("it is longer than {BODY_BYTES_MAX} bytes") });
    }
    let kind = body.as_ref().map(|(kind, _)| step.content_type.as_deref().unwrap_or(kind).to_owned());
    headers.extend(kind.map(|kind| ("content-type".to_owned(), kind)));
    Ok(Some(Request { method: step.method.clone(), path, headers, body: body.map(|(_, body)| body) }))
}

type Made = Option<(&'static str, String)>;

fn body(step: &Step, write: &dyn Fn(&str, Place, &str) -> Result<String, Unmade>) -> Result<Made, Unmade> {
    let limit = |name: &str| step.cut.iter().find(|(at, _)| at == name).map(|(_, cut)| *cut);
    Ok(match &step.body {
        Body::None => None,
        Body::Text(source) => {
            let text = write(source, Place::Text, "body")?;
            let text = limit("").map_or_else(|| text.clone(), |cut| shorten(&text, cut));
            Some(("text/plain; charset=utf-8", text))
        }
        Body::Form(fields) => {
            let mut pairs = Vec::with_capacity(fields.len());
            for (name, source) in fields {
                let value = write(source, Place::Text, &format!("field `{name}`"))?.trim().to_owned();
                let value = limit(name).map_or_else(|| value.clone(), |cut| shorten(&value, cut));
                if !value.is_empty() {
                    pairs.push((name.as_str(), value));
                }
            }
            Some(("application/x-www-form-urlencoded", form(&pairs)))
        }
        Body::Json(source) => {
            let text = write(source, Place::Json, "body")?;
            let mut json: Json = serde_json::from_str(&text)
                .map_err(|error| Unmade { what: "body".to_owned(), why: format!("it is no JSON: {error}") })?;
            for (pointer, cut) in &step.cut {
                if let Some(Json::String(text)) = json.pointer_mut(pointer) {
                    *text = shorten(text, *cut);
                }
            }
            Some(("application/json", json.to_string()))
        }
    })
}

/// Pairs as a form has them.
#[must_use]
pub fn form(pairs: &[(&str, String)]) -> String {
    // The one encoder that is here is that of queries, which are forms.
    let made = reqwest::Url::parse_with_params("https://form.invalid/", pairs);
    made.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

/// At most so long, cut between characters.
#[must_use]
pub fn shorten(text: &str, cut: Cut) -> String {
    match cut {
        Cut::Characters(most) => template::cut(text, most),
        Cut::Bytes(most) if text.len() <= most => text.to_owned(),
        Cut::Bytes(most) => {
            let room = most.saturating_sub('…'.len_utf8());
            let end = (0..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            if most < '…'.len_utf8() { String::new() } else { format!("{}…", text[..end].trim_end()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::notifier::Scalar;

    #[test]
    fn a_request_is_made_of_templates_and_cut_to_its_limits() {
        let notifier = Notifier {
            login: Some(("{{ values.user }}".into(), "{{ secrets.password }}".into())),
            headers: vec![("X-Empty".into(), "{{ event }}".into()), ("Title".into(), "{{ title }}".into())],
            ..Notifier::default()
        };
        let values = Values {
            title: "two\nlines".into(),
            text: "ä".repeat(10),
            values: [("user".to_owned(), Scalar::Text("u".into()))].into(),
            secrets: [("password".to_owned(), "p".to_owned())].into(),
            ..Values::default()
        };
        let step = Step {
            method: "POST".into(),
            path: "/{{ title }}".into(),
            body: Body::Json(r#"{"text": {{ text }}, "in": {"title": "{{ title }}"}}"#.into()),
            cut: vec![
                ("/text".into(), Cut::Bytes(9)),
                ("/in/title".into(), Cut::Characters(4)),
                ("/no".into(), Cut::Bytes(1)),
            ],
            ..Step::default()
        };
        let request = make(&notifier, &step, &values).unwrap().unwrap();
        assert_eq!(request.path, "/two%0Alines");
        assert_eq!(request.body.as_deref(), Some(r#"{"in":{"title":"two…"},"text":"äää…"}"#));
        let headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(headers, ["authorization: Basic dTpw", "title: two lines", "content-type: application/json"]);
        assert!(!format!("{request:?}{values:?}").contains("dTpw"));

        let fields = vec![
            ("Body".into(), "{{ text }}".into()),
            ("None".into(), "{{ event }}".into()),
            ("T".into(), "{{ title }}&x=1".into()),
        ];
        let step = Step { body: Body::Form(fields), cut: vec![("Body".into(), Cut::Characters(3))], ..step };
        let request = make(&notifier, &step, &values).unwrap().unwrap();
        assert_eq!(request.body.as_deref(), Some("Body=%C3%A4%C3%A4%E2%80%A6&T=two%0Alines%26x%3D1"));

        let step = Step { when: Some("event".into()), ..step };
        assert_eq!(make(&notifier, &step, &values), Ok(None));
        let step = Step { when: None, body: Body::Json("{{ text }}, {{ title }}".into()), ..step };
        assert!(make(&notifier, &step, &values).unwrap_err().why.starts_with("it is no JSON"));
    }

    #[test]
    fn bodies_end_at_their_limit() {
        let fields = ["a", "b", "c", "d", "e", "ff"].map(|name| (name.to_owned(), "{{ text }}".to_owned()));
        let step = Step { body: Body::Form(fields.into()), ..Step::default() };
        let made = |length| {
            let values = Values { text: "<".repeat(length), ..Values::default() };
            make(&Notifier::default(), &step, &values)
        };
        // A sign takes three bytes; beside the texts there are seven letters, six `=` and five `&`.
        let most = (BODY_BYTES_MAX - 18) / 18;
        assert!(made(most).is_ok());
        assert!(made(most + 1).is_err());
    }

    #[test]
    fn texts_are_shortened_between_characters() {
        for (text, cut, want) in [
            ("äöü", Cut::Bytes(6), "äöü"),
            ("äöüß", Cut::Bytes(7), "äö…"),
            ("abc", Cut::Bytes(2), ""),
            ("abcd", Cut::Bytes(3), "…"),
            ("äöüß", Cut::Characters(4), "äöüß"),
            ("äöüßx", Cut::Characters(4), "äöü…"),
            ("abc", Cut::Characters(0), ""),
            ("abc", Cut::Characters(1), "…"),
        ] {
            assert_eq!(shorten(text, cut), want, "{text} {cut:?}");
        }
    }
}
