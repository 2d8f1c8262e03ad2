//! Diagnostics as text in the manner of rustc, and as JSON.

use std::fmt::Write as _;
use std::sync::LazyLock;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use regex::{Captures, Regex};
use serde_json::{Value, json};

use super::diagnostic::{Diagnostic, Severity};
use super::source::{Place, Sources};

/// Longest excerpt of one place, in lines. Beyond: the excerpt ends.
const EXCERPT_LINES_MAX: usize = 5;
/// Longest line in an excerpt, in bytes. Beyond: the place is told without an excerpt.
const LINE_BYTES_MAX: usize = 400;

/// One diagnostic as text, without a line end behind it.
pub fn text(diagnostic: &Diagnostic, sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let places: Vec<(Place, &str, bool)> = diagnostic
        .place
        .iter()
        .map(|p| (*p, diagnostic.label.as_str(), true))
        .chain(diagnostic.labels.iter().map(|(p, text)| (*p, text.as_str(), false)))
        .collect();
    let message = masked(&diagnostic.message);
    let hint = |text: &str| Group::with_title(Level::HELP.with_name("hint").secondary_title(masked(text)));
    if places.is_empty() {
        // Without an excerpt the renderer would draw its margin beside nothing.
        let mut out = renderer.render(&[Group::with_title(level.primary_title(message))]);
        for note in &diagnostic.notes {
            let _ = write!(out, "\n  = {}", masked(note));
        }
        for text in &diagnostic.hints {
            let _ = write!(out, "\n{}", renderer.render(&[hint(text)]));
        }
        return out;
    }
    let mut group = Group::with_title(level.primary_title(message));
    // Places of one file whose excerpts touch share one, the others get one each: excerpts are short however large the file is.
    let mut excerpts: Vec<Excerpt> = Vec::new();
    for (place, label, primary) in places {
        let Some(excerpt) = Excerpt::around(place, sources) else { continue };
        let mark = Mark { place, label: label.to_owned(), primary };
        match excerpts.iter_mut().find(|e| e.joins(&excerpt)) {
            Some(other) => other.unite(&excerpt, mark),
            None => excerpts.push(Excerpt { marks: vec![mark], ..excerpt }),
        }
    }
    for excerpt in &excerpts {
        group = excerpt.add_to(group, sources);
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.no_name().message(masked(note)));
    }
    let groups: Vec<Group<'_>> = std::iter::once(group).chain(diagnostic.hints.iter().map(|t| hint(t))).collect();
    renderer.render(&groups)
}

/// A marked place.
#[derive(Debug, Clone)]
struct Mark {
    place: Place,
    label: String,
    primary: bool,
}

/// Whole lines around places of one file.
#[derive(Debug)]
struct Excerpt {
    source: u32,
    start: usize,
    end: usize,
    line: usize,
    marks: Vec<Mark>,
}

impl Excerpt {
    fn around(place: Place, sources: &Sources) -> Option<Self> {
        let text = sources.file(place)?.text.as_str();
        let start = text.get(..place.start as usize)?.rfind('\n').map_or(0, |at| at + 1);
        let line = text[..start].matches('\n').count() + 1;
        let mut end = start;
        for (index, piece) in text[start..].split_inclusive('\n').enumerate() {
            if index >= EXCERPT_LINES_MAX || (index > 0 && end >= place.end as usize) {
                break;
            }
            end += piece.len();
        }
        Some(Self { source: place.source, start, end, line, marks: Vec::new() })
    }

    fn joins(&self, other: &Self) -> bool {
        let near = self.line.abs_diff(other.line) <= 12;
        self.source == other.source && near
    }

    fn unite(&mut self, other: &Self, mark: Mark) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.line = self.line.min(other.line);
        self.marks.push(mark);
    }

    fn add_to<'a>(&self, group: Group<'a>, sources: &'a Sources) -> Group<'a> {
        let Some(file) = sources.files().get(self.source as usize) else { return group };
        let path = if file.built_in { format!("{} (built in)", file.path) } else { file.path.clone() };
        let text = file.text.get(self.start..self.end).unwrap_or("");
        if text.trim().is_empty() || text.lines().any(|l| l.len() > LINE_BYTES_MAX) {
            return group.element(Origin::path(path).line(self.line));
        }
        let shown = masked(text.trim_end_matches(['\n', '\r']));
        let border = |at: usize| {
            let at = at.saturating_sub(self.start).min(shown.len());
            (0..=at).rev().find(|at| shown.is_char_boundary(*at)).unwrap_or(0)
        };
        let marks: Vec<_> = self
            .marks
            .iter()
            .map(|mark| {
                let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                let span = border(mark.place.start as usize)..border(mark.place.end as usize);
                let label = (!mark.label.is_empty()).then(|| masked(&mark.label));
                kind.span(span).label(label)
            })
            .collect();
        group.element(Snippet::source(shown).path(path).line_start(self.line).annotations(marks))
    }
}

/// One diagnostic as JSON.
pub fn json(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let place = |place: Place| {
        sources.position(place).map(|p| {
            json!({
                "file": p.file, "line": p.line, "column": p.column, "end_line": p.end_line, "end_column": p.end_column,
                "text": masked_part(place, p.text, sources),
            })
        })
    };
    let labels: Vec<Value> =
        diagnostic.labels.iter().map(|(at, text)| json!({ "place": place(*at), "message": masked(text) })).collect();
    let all = |texts: &[String]| texts.iter().map(|t| masked(t)).collect::<Vec<_>>();
    json!({
        "severity": diagnostic.severity.as_str(),
        "code": diagnostic.code,
        "message": masked(&diagnostic.message),
        "place": diagnostic.place.and_then(place),
        "labels": labels,
        "notes": all(&diagnostic.notes),
        "hints": all(&diagnostic.hints),
    })
}

/// The text of a place with secrets masked; the line decides, since the key stands before the value.
fn masked_part(place: Place, text: &str, sources: &Sources) -> String {
    let Some(file) = sources.file(place) else { return String::new() };
    let start = place.start as usize;
    let line_start = file.text.get(..start).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
    let line_end = file.text[start..].find('\n').map_or(file.text.len(), |at| start + at);
    let line = masked(&file.text[line_start..line_end.max(line_start)]);
    // Masking keeps the number of bytes, so the part is where it was.
    line.get(start - line_start..(start - line_start + text.len()).min(line.len())).unwrap_or("").to_owned()
}

/// `text` with what looks like a secret overwritten by as many bytes of `*`: values of keys such as `token`, and texts with a
/// known beginning. Diagnostics quote lines of the configuration, and somebody may have written a secret into it.
fn masked(text: &str) -> String {
    static KEYED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(concat!(
            r#"(?i)(?P<key>\b[\w-]*(?:token|secret|password|passwd|webhook_url|api_key)"?\s*=\s*)"#,
            r#"(?P<value>"[^"\n]*"?|'[^'\n]*'?|[^\s,}{\[\]"']+)"#
        ))
        .ok()
    });
    static KNOWN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(concat!(
            r"(?P<key>)(?P<value>xox[a-z]-[\w-]+|whsec_[\w+/=-]+|cot_[\w-]{8,}|",
            r#"\w+://hooks\.slack\.com/[^\s"']+|\w+://[\w.-]*(?:logic\.azure|powerplatform|webhook\.office)[^\s"']*|"#,
            r#"[?&](?:sig|signature|token|key|secret)=[^\s"'&]+)"#
        ))
        .ok()
    });
    static LOGIN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?P<key>://)(?P<value>[^/\s"'@]+:[^/\s"'@]+)@"#).ok());
    let mut text = text.to_owned();
    for pattern in [&KEYED, &KNOWN, &LOGIN] {
        if let Some(pattern) = pattern.as_ref() {
            let masked = pattern.replace_all(&text, |found: &Captures<'_>| {
                let all = found.get(0).map_or("", |m| m.as_str());
                let (key, value) = (&found["key"], &found["value"]);
                let rest = all.get(key.len() + value.len()..).unwrap_or("");
                format!("{key}{}{rest}", "*".repeat(value.len()))
            });
            text = masked.into_owned();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_has_so_many_lines() {
        for lines in [EXCERPT_LINES_MAX, EXCERPT_LINES_MAX + 1] {
            let items = "'x',\n".repeat(lines - 2);
            let text = format!("[teams.ops]\nescalation = [\n{items}]\n");
            let report = crate::config::load_texts(
                [("callout.toml", text.as_str())],
                crate::domain::Timestamp::from_seconds(1_800_000_000),
            );
            let places = report.diagnostics.iter().filter_map(|d| d.place);
            let excerpts = places.filter_map(|place| Excerpt::around(place, &report.sources));
            let longest = excerpts.map(|e| text[e.start..e.end].lines().count()).max();
            assert_eq!(longest, Some(EXCERPT_LINES_MAX), "{}", report.render(false));
        }
    }
}
