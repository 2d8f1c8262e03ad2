//! What is wrong with a configuration: one value per mistake, with its place, cause and way out.

use super::source::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration can't be used, or is surely wrong.
    Error,
    /// It can be used, but probably not as meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word in text and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One mistake, warning or note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable word for programs, for example `unknown-key`.
    pub code: &'static str,
    /// What is wrong: lower case, no full stop, literals in backticks.
    pub message: String,
    /// Where; absent when it is about the folder.
    pub place: Option<Place>,
    /// A few words at the place; may be empty.
    pub label: String,
    /// Further places, with a few words each.
    pub labels: Vec<(Place, String)>,
    /// Causes and details.
    pub notes: Vec<String>,
    /// Ways out.
    pub hints: Vec<String>,
}

impl Diagnostic {
    fn new(severity: Severity, code: &'static str, place: Option<Place>, message: String) -> Self {
        let (label, labels, notes, hints) = Default::default();
        Self { severity, code, message, place, label, labels, notes, hints }
    }

    pub(super) fn error(code: &'static str, place: impl Into<Option<Place>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, place.into(), message.into())
    }

    pub(super) fn warning(code: &'static str, place: impl Into<Option<Place>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, place.into(), message.into())
    }

    pub(super) fn remark(code: &'static str, place: impl Into<Option<Place>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, place.into(), message.into())
    }

    pub(super) fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    pub(super) fn also(mut self, place: Place, text: impl Into<String>) -> Self {
        self.labels.push((place, text.into()));
        self
    }

    pub(super) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    pub(super) fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }

    pub(super) fn hints(mut self, texts: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(texts);
        self
    }
}

/// Most findings that are kept. Beyond: the rest is counted, and an error takes the place of a warning.
pub const FINDINGS_MAX: usize = 500;

/// What was found so far.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Diagnostic>,
    errors: usize,
    dropped: usize,
}

impl Findings {
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        if self.list.len() < FINDINGS_MAX {
            self.list.push(diagnostic);
            return;
        }
        self.dropped += 1;
        // An error is never dropped for a warning.
        if diagnostic.severity == Severity::Error
            && let Some(other) = self.list.iter_mut().rev().find(|d| d.severity != Severity::Error)
        {
            *other = diagnostic;
        }
    }

    /// How many errors there are, kept or not.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// The findings in the order of the files, and how many more there were.
    pub(super) fn into_sorted(mut self) -> (Vec<Diagnostic>, usize) {
        self.list.sort_by_key(|d| (d.place.is_some(), d.place, d.severity));
        self.list.dedup();
        (self.list, self.dropped)
    }
}

/// `text` fit to stand between backticks in a message: one line, no control characters, at most 80 characters.
#[must_use]
pub(super) fn quotable(text: &str) -> String {
    let mut out: String = text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

/// `a`, `b` and `c`, each in backticks; at most `most`, then "and N more".
#[must_use]
pub(super) fn listed<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let mut text = String::new();
    let shown = names.len().min(most);
    for (index, name) in names.iter().take(shown).enumerate() {
        let last = index + 1 == names.len();
        text.push_str(match index {
            0 => "",
            _ if last => " and ",
            _ => ", ",
        });
        text.push('`');
        text.push_str(&quotable(name.as_ref()));
        text.push('`');
    }
    if names.len() > shown {
        use std::fmt::Write as _;
        let _ = write!(text, " and {} more", names.len() - shown);
    }
    text
}

/// The nearest of `known` to `wanted`, if any is near enough to be meant.
#[must_use]
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted_folded = wanted.chars().take(64).collect::<String>().to_lowercase().replace('-', "_");
    let limit = (wanted_folded.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter_map(|name| {
            let folded = name.to_lowercase().replace('-', "_");
            let distance = strsim::damerau_levenshtein(&wanted_folded, &folded);
            // One holding the other (`environment`, `environments`) is near, however long the rest.
            let holds = wanted_folded.len() >= 4
                && (folded.starts_with(&wanted_folded) || (folded.len() >= 4 && wanted_folded.starts_with(&folded)));
            (distance <= limit || holds).then_some((distance, name))
        })
        .min_by_key(|(distance, name)| (*distance, *name))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_never_dropped_for_a_warning() {
        let mut findings = Findings::default();
        for _ in 0..FINDINGS_MAX + 2 {
            findings.push(Diagnostic::warning("w", None, "w"));
        }
        findings.push(Diagnostic::error("e", None, "e"));
        let (list, dropped) = findings.into_sorted();
        assert!(list.iter().any(|d| d.severity == Severity::Error));
        assert_eq!(dropped, 3);
    }

    #[test]
    fn the_nearest_name_is_near() {
        let keys = ["environment", "environments", "region", "priority"];
        for (wanted, near) in [
            ("enviroment", Some("environment")),
            ("regoin", Some("region")),
            ("Region", Some("region")),
            ("prio", Some("priority")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(wanted, keys), near, "{wanted}");
        }
    }

    #[test]
    fn lists_are_bounded_and_texts_are_one_line() {
        assert_eq!(listed(&["a"], 3), "`a`");
        assert_eq!(listed(&["a", "b", "c"], 3), "`a`, `b` and `c`");
        assert_eq!(listed(&["a", "b", "c", "d"], 2), "`a`, `b` and 2 more");
        assert_eq!(quotable("a\u{1b}[31m\nb"), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(quotable(&"x".repeat(100)).chars().count(), 81);
    }
}
