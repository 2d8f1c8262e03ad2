//! Templates that write a part of a request: what a value holds can never end the string, field, segment or line that it stands in.
//!
//! JSON is written in two passes. The first puts a mark where a value stands; the second knows from the template's own text whether a mark is
//! inside a string, and writes the value as JSON there: as the inside of that string, or else as a whole value with its own quotes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use crate::config::template::{self, TemplateError};

/// Where a template's text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Path and query of a URL.
    Path,
    /// One line, of a header or a setting.
    Line,
    /// Lines.
    Text,
    /// JSON.
    Json,
    /// XML.
    Xml,
}

/// Begins and ends the mark of a value in the first pass of JSON.
const MARKS: [char; 2] = ['\u{1}', '\u{2}'];

/// Writes a template. `replace` stands for characters of foreign text that mean something to the service.
///
/// # Errors
/// When it cannot within its bounds, or asks for what is not there.
pub fn render(
    source: &str,
    place: Place,
    replace: &BTreeMap<char, String>,
    values: Value,
) -> Result<String, TemplateError> {
    let mut environment = template::environment();
    let held: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (holding, replacing) = (Arc::clone(&held), replace.clone());
    environment.set_formatter(move |out, _, value| {
        if place == Place::Json {
            let mut held = holding.lock().unwrap_or_else(PoisonError::into_inner);
            write!(out, "{}{}{}", MARKS[0], held.len(), MARKS[1]).map_err(unwritten)?;
            held.push(value.clone());
            return Ok(());
        }
        let text = shown(value);
        let text = if value.is_safe() { text } else { replaced(&text, place, &replacing) };
        out.write_str(&escaped(&text, place)).map_err(unwritten)
    });
    if place == Place::Json && source.contains(MARKS) {
        return Err(TemplateError::Wrong {
            line: 1,
            what: "a control character is not part of these templates".into(),
        });
    }
    let text = template::write(&environment, source, values)?;
    if place != Place::Json {
        return Ok(text);
    }
    let held = std::mem::take(&mut *held.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(filled_in(&text, &held, replace))
}

/// Whether an expression holds.
///
/// # Errors
/// As for [`render`].
pub fn holds(source: &str, values: Value) -> Result<bool, TemplateError> {
    template::allowed(&format!("{{{{ {source} }}}}"))?;
    let environment = template::environment();
    let expression = environment.compile_expression(source).map_err(|error| template::wrong(&error))?;
    Ok(expression.eval(values).map_err(|error| template::wrong(&error))?.is_true())
}

/// The names that a template or an expression asks for: `labels.host`.
#[must_use]
pub fn names(source: &str, expression: bool) -> Vec<String> {
    let environment = template::environment();
    let found = if expression {
        environment.compile_expression(source).map(|e| e.undeclared_variables(true)).unwrap_or_default()
    } else {
        environment.template_from_str(source).map(|t| t.undeclared_variables(true)).unwrap_or_default()
    };
    let mut found: Vec<String> = found.into_iter().collect();
    found.sort_unstable();
    found
}

fn unwritten(error: std::fmt::Error) -> Error {
    Error::new(ErrorKind::WriteFailure, error.to_string())
}

fn shown(value: &Value) -> String {
    if value.is_undefined() || value.is_none() { String::new() } else { value.to_string() }
}

/// Foreign text as the service may have it. Only bodies are read as markup.
fn replaced(text: &str, place: Place, replace: &BTreeMap<char, String>) -> String {
    if replace.is_empty() || !matches!(place, Place::Text | Place::Json) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match replace.get(&c) {
            Some(other) => out.push_str(other),
            None => out.push(c),
        }
    }
    out
}

/// Fit for its place.
fn escaped(text: &str, place: Place) -> String {
    let mut out = String::with_capacity(text.len());
    match place {
        Place::Path => {
            for byte in text.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'@' => {
                        out.push(char::from(byte));
                    }
                    // Writing into a string does not fail.
                    _ => drop(write!(out, "%{byte:02X}")),
                }
            }
        }
        Place::Line => out.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c })),
        Place::Text => out.extend(text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control())),
        Place::Json => out.push_str(&inside(text)),
        Place::Xml => {
            for c in text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_no_xml(*c)) {
                match c {
                    '&' => out.push_str("&amp;"),
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    '"' => out.push_str("&quot;"),
                    '\'' => out.push_str("&apos;"),
                    c => out.push(c),
                }
            }
        }
    }
    out
}

const fn is_no_xml(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// A text as the inside of a string of JSON.
fn inside(text: &str) -> String {
    let whole = serde_json::Value::from(text).to_string();
    whole.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// The second pass: marks become values.
fn filled_in(text: &str, held: &[Value], replace: &BTreeMap<char, String>) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let (mut in_string, mut escape) = (false, false);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == MARKS[0] {
            let number: String = rest.by_ref().take_while(|c| *c != MARKS[1]).collect();
            let value = number.parse::<usize>().ok().and_then(|number| held.get(number));
            let Some(value) = value else { continue };
            if in_string {
                let text = shown(value);
                let text = if value.is_safe() { text } else { replaced(&text, Place::Json, replace) };
                out.push_str(&inside(&text));
            } else {
                out.push_str(&json(value, replace).to_string());
            }
            continue;
        }
        match c {
            _ if escape => escape = false,
            '\\' if in_string => escape = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        out.push(c);
    }
    out
}

/// A whole value, its foreign texts replaced.
fn json(value: &Value, replace: &BTreeMap<char, String>) -> serde_json::Value {
    use serde_json::Value as Json;
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Json::Null,
        ValueKind::Bool => Json::from(value.is_true()),
        ValueKind::Number => i64::try_from(value.clone()).map_or_else(|_| Json::from(shown(value)), Json::from),
        ValueKind::Seq | ValueKind::Iterable => {
            Json::Array(value.try_iter().map(|all| all.map(|one| json(&one, replace)).collect()).unwrap_or_default())
        }
        ValueKind::Map => {
            let keys = value.try_iter().into_iter().flatten();
            let pair = |key: Value| {
                let held = value.get_item(&key).ok()?;
                Some((replaced(&shown(&key), Place::Json, replace), json(&held, replace)))
            };
            Json::Object(keys.filter_map(pair).collect())
        }
        _ if value.is_safe() => Json::from(shown(value)),
        _ => Json::from(replaced(&shown(value), Place::Json, replace)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Value {
        let foreign = Value::from(text);
        Value::from_pairs([
            ("a", foreign.clone()),
            ("safe", Value::from_safe_string(text.to_owned())),
            ("n", Value::from(5)),
            ("map", Value::from_pairs([("k", foreign)])),
        ])
    }

    fn none() -> BTreeMap<char, String> {
        BTreeMap::new()
    }

    #[test]
    fn values_stay_where_they_stand() {
        let at = BTreeMap::from([('@', "@\u{200b}".to_owned())]);
        for (source, place, replace, text, want) in [
            (
                "/x/{{ a }}?q={{ a }}",
                Place::Path,
                &none(),
                "a/b?c&d=é",
                "/x/a%2Fb%3Fc%26d%3D%C3%A9?q=a%2Fb%3Fc%26d%3D%C3%A9",
            ),
            ("/bot{{ a }}/x", Place::Path, &at, "12:AB", "/bot12:AB/x"),
            ("{{ a }}", Place::Line, &none(), "one\r\nX-Evil: 1", "one  X-Evil: 1"),
            ("{{ a }}", Place::Text, &at, "hi @all\u{0}\n", "hi @\u{200b}all\n"),
            (
                "<Say>{{ a }}</Say>",
                Place::Xml,
                &none(),
                "</Say><Hangup/>&\"",
                "<Say>&lt;/Say&gt;&lt;Hangup/&gt;&amp;&quot;</Say>",
            ),
            (
                r#"{"t": "{{ a }}!", "n": {{ n }}, "w": {{ a }}}"#,
                Place::Json,
                &none(),
                "a\"b",
                r#"{"t": "a\"b!", "n": 5, "w": "a\"b"}"#,
            ),
            (
                r#"{"t": "\"{{ n }}", "m": {{ map }}}"#,
                Place::Json,
                &at,
                "@x",
                "{\"t\": \"\\\"5\", \"m\": {\"k\":\"@\u{200b}x\"}}",
            ),
            (
                r#"["{{ a }}", {{ a }}, "{{ safe }}"]"#,
                Place::Json,
                &at,
                "@x",
                "[\"@\u{200b}x\", \"@\u{200b}x\", \"@x\"]",
            ),
            (r#"{"t": {{ a | cut(3) }}}"#, Place::Json, &none(), "äöüß", r#"{"t": "äö…"}"#),
        ] {
            assert_eq!(render(source, place, replace, values(text)).as_deref(), Ok(want), "{source}");
        }
        assert!(render("{{ missing }}", Place::Json, &none(), values("")).is_err());
        assert_eq!(holds("a and n == 5", values("x")), Ok(true));
        assert_eq!(holds("not a", values("x")), Ok(false));
        assert!(holds("a ~ a", values("x")).is_err());
        assert_eq!(
            names("{{ labels.host }}{% if b %}{{ secrets.t }}{% endif %}", false),
            ["b", "labels.host", "secrets.t"]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_leaves_its_place(text in any::<String>()) {
            let made = render(r#"{"s": "x{{ a }}y", "w": {{ a }}}"#, Place::Json, &none(), values(&text)).unwrap();
            let read: serde_json::Value = serde_json::from_str(&made).unwrap();
            prop_assert_eq!(&read, &serde_json::json!({"s": format!("x{text}y"), "w": text}));
            let path = render("/p/{{ a }}/q", Place::Path, &none(), values(&text)).unwrap();
            prop_assert!(path.chars().all(|c| c.is_ascii_graphic()) && path.matches('/').count() == 3);
            prop_assert!(!path.contains(['?', '#', '&']));
            let line = render("{{ a }}", Place::Line, &none(), values(&text)).unwrap();
            prop_assert!(!line.chars().any(char::is_control));
            let xml = render("<a>{{ a }}</a>", Place::Xml, &none(), values(&text)).unwrap();
            prop_assert!(xml.matches('<').count() == 2 && xml.matches('>').count() == 2);
        }
    }
}
