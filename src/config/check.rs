//! Checks a tree against its description: unknown keys, types, formats, references, each with its place.

use std::collections::BTreeSet;

use super::diagnostic::{Diagnostic, Findings, listed, nearest, quotable};
use super::format::Problem;
use super::names::Defined;
use super::shape::{Format, Names, Shape, Table};
use super::source::Place;
use super::tree::{Entry, Node, Value};

/// Longest name of anything. Beyond: a mistake of the configuration.
pub const NAME_BYTES_MAX: usize = 128;

/// The checker; afterwards it knows which things are without mistakes.
#[derive(Debug)]
pub struct Checker<'a> {
    defined: &'a Defined,
    findings: &'a mut Findings,
    /// Files with syntax errors: their content is known in part only, nothing more is said about it.
    broken: &'a BTreeSet<u32>,
    /// Things with mistakes, by the place of their key or, in a list, of themselves.
    faulty: BTreeSet<Place>,
}

impl<'a> Checker<'a> {
    /// Checks `root`; what comes back are the things with mistakes.
    pub fn run(
        root: &Node,
        shape: &'static Table,
        defined: &'a Defined,
        findings: &'a mut Findings,
        broken: &'a BTreeSet<u32>,
    ) -> BTreeSet<Place> {
        let mut checker = Self { defined, findings, broken, faulty: BTreeSet::new() };
        checker.table(root, None, shape, "");
        checker.faulty
    }

    fn problem(&mut self, place: Place, problem: Problem) -> bool {
        let Problem { code, message, notes, hints } = problem;
        let mut diagnostic = Diagnostic::error(code, place, message).hints(hints);
        diagnostic.notes = notes;
        self.findings.push(diagnostic);
        false
    }

    /// Whether `node` is as `shape` says. `path` is the dotted name of it.
    fn value(&mut self, node: &Node, header: Option<Place>, shape: &Shape, path: &str) -> bool {
        if self.broken.contains(&node.place.source) {
            return false;
        }
        match (shape, &node.value) {
            (Shape::Text(format), Value::Text(text)) => {
                format.check(text, self.defined).map_or_else(|problem| self.problem(node.place, problem), |()| true)
            }
            (Shape::Whole { least, most }, Value::Whole(number)) => {
                if (*least..=*most).contains(number) {
                    return true;
                }
                let message = format!("{number} is out of range");
                self.problem(node.place, Problem::new("out-of-range", message).hint(format!("write {least} to {most}")))
            }
            (Shape::Decimal, Value::Text(text) | Value::Number(text)) => {
                super::format::decimal(text).map_or_else(|p| self.problem(node.place, p), |_| true)
            }
            (Shape::Decimal, Value::Whole(number)) => {
                super::format::decimal(&number.to_string()).map_or_else(|p| self.problem(node.place, p), |_| true)
            }
            (Shape::Truth, Value::Truth(_)) => true,
            (Shape::Civil | Shape::Moment | Shape::Date, Value::Time(time)) => {
                let fits = match shape {
                    Shape::Civil => time.date.is_some() && time.offset.is_none(),
                    Shape::Moment => time.date.is_some(),
                    _ => time.date.is_some() && time.time.is_none(),
                };
                let exists = super::view::civil(time).is_some();
                match (fits, exists) {
                    (true, true) => true,
                    (true, false) => self.problem(node.place, Problem::new("bad-value", "there is no such time")),
                    _ => self.wrong_type(node, std::slice::from_ref(shape), path),
                }
            }
            (Shape::List(many), Value::List(items)) => {
                let mut good = true;
                for (index, item) in items.iter().enumerate() {
                    let fine = self.value(item, None, &many.of, &format!("{path}[{index}]"));
                    if !fine {
                        self.faulty.insert(item.place);
                    }
                    good &= fine;
                }
                if items.len() < many.least {
                    let message = match many.least {
                        1 => format!("`{path}` is empty"),
                        least => format!("`{path}` needs at least {least} entries"),
                    };
                    good = self.problem(node.place, Problem::new("too-few", message));
                }
                good
            }
            (Shape::Table(table) | Shape::Folder(table), Value::Table(_)) => self.table(node, header, table, path),
            (Shape::Map(map), Value::Table(entries)) => {
                let mut good = true;
                for entry in entries {
                    let path = join(path, &entry.key);
                    let fine =
                        self.name(entry, map.names) & self.value(&entry.node, Some(entry.key_place), &map.of, &path);
                    if !fine {
                        self.faulty.insert(entry.key_place);
                    }
                    good &= fine;
                }
                good
            }
            (Shape::Either(shapes), value) => match shapes.iter().find(|s| s.accepts(value)) {
                Some(shape) => self.value(node, header, shape, path),
                None => self.wrong_type(node, shapes, path),
            },
            _ => self.wrong_type(node, std::slice::from_ref(shape), path),
        }
    }

    fn table(&mut self, node: &Node, header: Option<Place>, table: &'static Table, path: &str) -> bool {
        let mut good = true;
        for entry in node.entries() {
            if self.broken.contains(&entry.key_place.source) {
                good = false;
                continue;
            }
            good &= match table.key(&entry.key) {
                Some(key) => self.value(&entry.node, Some(entry.key_place), &key.shape, &join(path, key.name)),
                None => self.unknown_key(entry, table, path),
            };
        }
        let place = header.unwrap_or(Place { end: node.place.end.min(node.place.start + 200), ..node.place });
        for key in table.keys.iter().filter(|k| k.required && node.get(k.name).is_none()) {
            let missing = if path.is_empty() && node.get(key.name).is_none() {
                if !self.broken.is_empty() {
                    continue;
                }
                Diagnostic::error("missing-key", None, format!("`[{}]` is missing", key.name))
                    .hint(format!("add it to `callout.toml`: {}", key.about))
            } else {
                Diagnostic::error("missing-key", place, format!("`{}` lacks `{}`", quotable(path), key.name))
                    .hint(format!("add `{} = …`: {}", key.name, key.about))
            };
            self.findings.push(missing);
            good = false;
        }
        good
    }

    fn unknown_key(&mut self, entry: &Entry, table: &'static Table, path: &str) -> bool {
        let key = entry.key.as_str();
        let inside = if path.is_empty() { String::new() } else { format!(" in `{}`", quotable(path)) };
        let diagnostic =
            Diagnostic::error("unknown-key", entry.key_place, format!("unknown key `{}`{inside}", quotable(key)));
        let has = |name: &str| table.key(name).is_some();
        let secret = [format!("{key}_env"), format!("{key}_file")];
        self.findings.push(if secret.iter().all(|k| has(k)) {
            diagnostic
                .note("secrets are not written into the configuration")
                .hint(format!("use `{}` or `{}`", secret[0], secret[1]))
        } else if let Some(near) = nearest(key, table.keys.iter().map(|k| k.name)) {
            diagnostic.hint(format!("did you mean `{near}`?"))
        } else {
            let keys: Vec<&str> = table.keys.iter().map(|k| k.name).collect();
            diagnostic.hint(format!("the keys here are {}", listed(&keys, 20)))
        });
        false
    }

    fn name(&mut self, entry: &Entry, names: Names) -> bool {
        let (key, place) = (entry.key.as_str(), entry.key_place);
        let problem = if key.is_empty() || key.trim() != key {
            Problem::new("bad-name", "a name must not be empty or begin or end with a space")
        } else if key.len() > NAME_BYTES_MAX {
            Problem::new("bad-name", format!("this name is longer than {NAME_BYTES_MAX} bytes"))
        } else if key.chars().any(char::is_control) {
            Problem::new("bad-name", "a name must be one line, without control characters")
        } else if names == Names::Strict && !key.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-')) {
            Problem::new("bad-name", format!("`{}` can't be a name", quotable(key)))
                .hint("use letters, digits, `-`, `_` and `.`")
        } else {
            return true;
        };
        self.problem(place, problem)
    }

    fn wrong_type(&mut self, node: &Node, shapes: &[Shape], path: &str) -> bool {
        let expected: Vec<String> = shapes.iter().map(Shape::expected).collect();
        let message = format!("`{}` must be {}, not {}", quotable(path), expected.join(" or "), node.value.kind());
        let problem = Problem::new("wrong-type", message);
        let problem = match (&node.value, &shapes[0]) {
            (Value::Text(text), Shape::Civil | Shape::Moment | Shape::Date)
                if text.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                problem.hint("write dates and times without quotes")
            }
            (Value::Text(text), Shape::Truth) if matches!(text.as_str(), "true" | "false" | "yes" | "no") => {
                problem.hint("write `true` or `false`, without quotes")
            }
            (Value::Text(text), Shape::Whole { .. }) if text.parse::<i64>().is_ok() => {
                problem.hint("write the number without quotes")
            }
            (Value::Text(text), Shape::List(_)) => problem.hint(format!("write `[\"{}\"]`", quotable(text))),
            (Value::Time(_), Shape::Civil) => {
                problem.hint("write it without an offset: it is read in the zone of the schedule")
            }
            (Value::Whole(number), Shape::Text(Format::Span | Format::SpanOrNone)) => {
                problem.hint(format!("say the unit, in quotes: `\"{number}m\"` or `\"{number}s\"`"))
            }
            (Value::Whole(_) | Value::Number(_), Shape::Text(Format::Percent | Format::Objective)) => problem.note(
                "percentages are written in quotes, so that they are exact and `0.997` can't be taken for `99.7%`",
            ),
            _ => problem,
        };
        self.problem(node.place, problem)
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Shape {
    /// Whether a value of this type is looked at by this shape.
    fn accepts(&self, value: &Value) -> bool {
        matches!(
            (self, value),
            (Self::Text(_), Value::Text(_))
                | (Self::Whole { .. }, Value::Whole(_))
                | (Self::Truth, Value::Truth(_))
                | (Self::Civil | Self::Moment | Self::Date, Value::Time(_))
                | (Self::List(_), Value::List(_))
                | (Self::Table(_) | Self::Map(_) | Self::Folder(_), Value::Table(_))
        )
    }

    /// What a value must be, with article, for sentences.
    fn expected(&self) -> String {
        match self {
            Self::Text(format) => format.expected(),
            Self::Whole { .. } => "an integer".to_owned(),
            Self::Decimal => "a number above zero such as `14.4`".to_owned(),
            Self::Truth => "`true` or `false`".to_owned(),
            Self::Civil => "a local date-time such as `2026-11-02T09:00:00`".to_owned(),
            Self::Moment => "a date-time such as `2026-12-24T09:00:00`".to_owned(),
            Self::Date => "a date such as `2026-12-25`".to_owned(),
            Self::List(many) => match many.of {
                Self::Table(_) => "a list of tables".to_owned(),
                _ => "a list".to_owned(),
            },
            Self::Table(_) | Self::Map(_) | Self::Folder(_) => "a table".to_owned(),
            Self::Either(shapes) => shapes.iter().map(Self::expected).collect::<Vec<_>>().join(" or "),
        }
    }
}
