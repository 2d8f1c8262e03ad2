//! TOML as an owned tree with a place for every key and value; several files merged into one.

use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use super::diagnostic::{Diagnostic, Findings, quotable};
use super::shape::{Shape, Table};
use super::source::{Place, Sources};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where the value stands. For a table under a header: the header.
    pub place: Place,
    /// The value.
    pub value: Value,
}

/// A TOML value. Numbers keep their text: nothing is read as floating point.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer that fits 64 bits.
    Whole(i64),
    /// Any other number, as written without `_`.
    Number(String),
    /// `true` or `false`.
    Truth(bool),
    /// A date, a time or both.
    Time(Datetime),
    /// An array.
    List(Vec<Node>),
    /// A table, in the order of names.
    Table(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_place: Place,
    /// The value.
    pub node: Node,
}

impl Value {
    /// What it is, with article, for sentences.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Whole(_) => "an integer",
            Self::Number(_) => "a number",
            Self::Truth(_) => "a boolean",
            Self::Time(t) => match (t.date.is_some(), t.time.is_some(), t.offset.is_some()) {
                (true, true, true) => "a date-time with an offset",
                (true, true, false) => "a local date-time",
                (true, ..) => "a date",
                _ => "a time of day",
            },
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// The entries, if it is a table.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The value of `key`, if it is a table and has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|e| e.key == key).map(|e| &e.node)
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Most syntax errors shown for one file. Beyond: not shown, since what follows the first ones is mostly their consequence.
const SYNTAX_ERRORS_MAX: usize = 5;

/// Parses one file. With syntax errors, what could be read of it comes back all the same, and `false`.
pub fn parse(sources: &Sources, source: u32, findings: &mut Findings) -> (Node, bool) {
    let text = sources.files().get(source as usize).map_or("", |f| f.text.as_str());
    let place = |span: std::ops::Range<usize>| {
        // Spans come from the parser and lie on character borders; a place outside the text is brought back into it.
        let border = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (start, end) = (border(span.start), border(span.end));
        Place { source, start: to_u32(start), end: to_u32(end.max(start)) }
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut seen = Vec::new();
    for error in errors.iter().take(100) {
        let at = place(error.span().unwrap_or(0..0));
        let line = text.get(..at.start as usize).unwrap_or("").matches('\n').count();
        if seen.len() >= SYNTAX_ERRORS_MAX {
            break;
        }
        if seen.contains(&line) {
            continue;
        }
        seen.push(line);
        findings.push(Diagnostic::error("syntax", at, format!("this is not TOML: {}", quotable(error.message()))));
    }
    let span = table.span();
    let node = Node { place: place(span), value: convert_table(table.get_ref(), &place) };
    (node, errors.is_empty())
}

fn to_u32(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn convert_table(table: &DeTable<'_>, place: &impl Fn(std::ops::Range<usize>) -> Place) -> Value {
    let entries = table.iter().map(|(key, value)| Entry {
        key: key.get_ref().to_string(),
        key_place: place(key.span()),
        node: Node { place: place(value.span()), value: convert(value.get_ref(), place) },
    });
    Value::Table(entries.collect())
}

fn convert(value: &DeValue<'_>, place: &impl Fn(std::ops::Range<usize>) -> Place) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Number(number.as_str().to_owned()), Value::Whole),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Value::Truth(*truth),
        DeValue::Datetime(time) => Value::Time(*time),
        DeValue::Array(list) => Value::List(
            list.iter().map(|v| Node { place: place(v.span()), value: convert(v.get_ref(), place) }).collect(),
        ),
        DeValue::Table(table) => convert_table(table, place),
    }
}

/// Adds the tables of `from` to `into`: maps of names are united, lists joined; a thing defined twice is a mistake.
pub fn merge(into: &mut Node, from: Node, shape: &Table, findings: &mut Findings) {
    merge_entries(into, from, &|key| shape.key(key).map(|k| k.shape), findings, "");
}

fn merge_entries(
    into: &mut Node,
    from: Node,
    shape_of: &dyn Fn(&str) -> Option<Shape>,
    findings: &mut Findings,
    path: &str,
) {
    let (Value::Table(old), Value::Table(new)) = (&mut into.value, from.value) else { return };
    for entry in new {
        let Some(known) = old.iter_mut().find(|e| e.key == entry.key) else {
            old.push(entry);
            continue;
        };
        match (shape_of(&entry.key), &mut known.node.value, &entry.node.value) {
            (Some(Shape::Map(_)), Value::Table(_), Value::Table(_)) => {
                let path = format!("{path}{}.", entry.key);
                merge_entries(&mut known.node, entry.node, &|_| None, findings, &path);
            }
            (Some(Shape::Folder(table)), Value::Table(_), Value::Table(_)) => {
                let path = format!("{path}{}.", entry.key);
                merge_entries(&mut known.node, entry.node, &|k| table.key(k).map(|k| k.shape), findings, &path);
            }
            (Some(Shape::List(_)), Value::List(list), Value::List(_)) => {
                if let Value::List(more) = entry.node.value {
                    list.extend(more);
                }
            }
            _ => {
                findings.push(
                    Diagnostic::error(
                        "defined-twice",
                        entry.key_place,
                        format!("`{path}{}` is defined twice", quotable(&entry.key)),
                    )
                    .label("again here")
                    .also(known.key_place, "first here")
                    .hint("keep one of the two, or give one another name"),
                );
                // Kept, so that mistakes inside the second are found too.
                old.push(entry);
            }
        }
    }
}
