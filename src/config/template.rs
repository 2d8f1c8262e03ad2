//! Templates for the texts of messages, written by whoever writes the configuration. Checked when it is read, by a trial on a made-up
//! incident; bounded when used. What a template cannot say is said in callout's own words: a message is never lost for its looks.
//!
//! Absent on purpose: escaping (each channel's own), files, includes, anything that lasts longer than a small number of steps, and whatever
//! makes much of little (`syntax`), since fuel does not bound memory. Templates come from the configuration alone and never from a sender.

mod syntax;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use crate::domain::Name;

/// Bytes of a template. Beyond: the configuration is refused.
pub const TEMPLATE_BYTES_MAX: usize = 4_096;
/// Bytes that a template may write. Beyond: the built-in text is used.
pub const OUTPUT_BYTES_MAX: usize = 16_384;
/// Steps that a template may take. Beyond: the built-in text is used.
pub const FUEL_MAX: u64 = 20_000;

/// Templates of the organisation and of its teams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Templates {
    /// Those of every team that has none of its own.
    pub organisation: Texts,
    /// Those of teams.
    pub teams: BTreeMap<Name, Texts>,
}

/// The texts that can be written by template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// The first line.
    pub headline: Option<Arc<str>>,
    /// The paragraph below it.
    pub details: Option<Arc<str>>,
}

impl Templates {
    /// The template of the first line for a team.
    #[must_use]
    pub fn headline(&self, team: &str) -> Option<&Arc<str>> {
        let own = self.teams.get(team).and_then(|texts| texts.headline.as_ref());
        own.or(self.organisation.headline.as_ref())
    }

    /// The template of the paragraph below it for a team.
    #[must_use]
    pub fn details(&self, team: &str) -> Option<&Arc<str>> {
        let own = self.teams.get(team).and_then(|texts| texts.details.as_ref());
        own.or(self.organisation.details.as_ref())
    }

    /// Whether there are none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a template may use of what was measured.
pub const MEASURED: [&str; 11] = [
    "burn",
    "burn_short",
    "factor",
    "rule",
    "window",
    "bad",
    "total",
    "failed_percent",
    "objective_percent",
    "budget_left_percent",
    "budget_gone_in",
];

/// What a template may use.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    /// Number of the incident.
    pub incident: u64,
    /// callout's own first line.
    pub headline: &'a str,
    /// callout's own paragraph; empty where there is none.
    pub details: &'a str,
    /// `triggered`, `acknowledged`, `snoozed`, `resolved`.
    pub status: &'a str,
    /// Priority; empty while unset.
    pub priority: &'a str,
    /// Severity; empty while unset.
    pub severity: &'a str,
    /// Team.
    pub team: &'a str,
    /// Service; empty where none is named.
    pub service: &'a str,
    /// What was measured; all of [`MEASURED`] are there, empty where they are not known.
    pub measured: BTreeMap<&'static str, String>,
    /// Labels as sent.
    pub labels: BTreeMap<&'a str, &'a str>,
    /// Annotations as sent.
    pub annotations: BTreeMap<&'a str, &'a str>,
}

impl Values<'_> {
    fn as_value(&self) -> Value {
        fn map(pairs: &BTreeMap<&str, &str>) -> Value {
            Value::from_pairs(pairs.iter().map(|(name, value)| (Value::from(*name), Value::from(*value))))
        }
        let measured = |name| Value::from(self.measured.get(name).map(String::as_str).unwrap_or_default());
        Value::from_pairs([
            ("incident", Value::from(self.incident)),
            ("headline", Value::from(self.headline)),
            ("details", Value::from(self.details)),
            ("status", Value::from(self.status)),
            ("priority", Value::from(self.priority)),
            ("severity", Value::from(self.severity)),
            ("team", Value::from(self.team)),
            ("service", Value::from(self.service)),
            ("measured", Value::from_pairs(MEASURED.map(|name| (Value::from(name), measured(name))))),
            ("labels", map(&self.labels)),
            ("annotations", map(&self.annotations)),
        ])
    }
}

impl Values<'static> {
    /// A made-up incident, for the trial.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            incident: 4_711,
            headline: "availability of GET /api/data in prod-eu: 1.5% failed in 1h, 5.1x the budget",
            details: "the app is unusable",
            status: "triggered",
            priority: "P2",
            severity: "",
            team: "checkout",
            service: "data-api",
            measured: BTreeMap::from(
                [
                    ("burn", "5.1"),
                    ("burn_short", "33.3"),
                    ("factor", "2"),
                    ("rule", "depletion"),
                    ("window", "1h"),
                    ("bad", "1529"),
                    ("total", "100000"),
                    ("failed_percent", "1.53"),
                    ("objective_percent", "99.7"),
                    ("budget_left_percent", "41.5"),
                    ("budget_gone_in", "2d6h"),
                ]
                .map(|(name, value)| (name, value.to_owned())),
            ),
            labels: BTreeMap::from([("alertname", "HighErrorRate"), ("host", "web-1")]),
            annotations: BTreeMap::from([("summary", "the app is unusable")]),
        }
    }
}

/// Why a template gives no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is too long.
    #[error("it is longer than {TEMPLATE_BYTES_MAX} bytes")]
    TooLong,
    /// It cannot be read, or what it asks for is not there.
    #[error("line {line}: {what}")]
    Wrong {
        /// Line within the template, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// It takes too many steps.
    #[error("it takes more than {FUEL_MAX} steps")]
    Fuel,
    /// It writes too much.
    #[error("it writes more than {OUTPUT_BYTES_MAX} bytes")]
    Output,
    /// It writes nothing.
    #[error("it writes nothing")]
    Empty,
}

/// What a template says of an incident.
///
/// # Errors
/// When it says nothing, or cannot within its bounds.
pub fn render(source: &str, values: &Values<'_>) -> Result<String, TemplateError> {
    let text = write(&environment(), source, values.as_value())?.trim().to_owned();
    if text.is_empty() { Err(TemplateError::Empty) } else { Ok(text) }
}

/// Where templates run: few filters, few steps, and nothing that is not there.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    for (name, filter) in FILTERS {
        filter(&mut environment, name);
    }
    environment.add_test("defined", minijinja::tests::is_defined);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL_MAX));
    environment
}

/// Refuses what templates may not be made of.
pub(super) fn allowed(source: &str) -> Result<(), TemplateError> {
    if source.len() > TEMPLATE_BYTES_MAX {
        return Err(TemplateError::TooLong);
    }
    syntax::check(source).map_err(|(line, what)| TemplateError::Wrong { line, what })
}

/// What a template writes, within its bounds.
pub(super) fn write(environment: &Environment<'_>, source: &str, values: Value) -> Result<String, TemplateError> {
    allowed(source)?;
    let template = environment.template_from_named_str("template", source).map_err(|error| wrong(&error))?;
    let mut out = Bounded { text: Vec::new(), full: false };
    let rendered = template.render_captured_to(values, &mut out).map(drop);
    if out.full {
        return Err(TemplateError::Output);
    }
    rendered.map_err(|error| wrong(&error))?;
    Ok(String::from_utf8_lossy(&out.text).into_owned())
}

/// Puts a filter into an environment.
type Register = fn(&mut Environment<'static>, &'static str);

/// The filters that there are: few, none that makes much of little, and of texts alone: a list as text would double its quotes each time.
const FILTERS: [(&str, Register); 9] = [
    ("upper", |environment, name| environment.add_filter(name, |text: &str| text.to_uppercase())),
    ("lower", |environment, name| environment.add_filter(name, |text: &str| text.to_lowercase())),
    ("title", |environment, name| environment.add_filter(name, |text: &str| minijinja::filters::title(text.into()))),
    ("trim", |environment, name| environment.add_filter(name, |text: &str| text.trim().to_owned())),
    ("cut", |environment, name| environment.add_filter(name, cut)),
    ("int", |environment, name| environment.add_filter(name, |text: &str| text.trim().parse::<i64>().unwrap_or(0))),
    ("replace", |environment, name| environment.add_filter(name, replace)),
    ("default", |environment, name| environment.add_filter(name, minijinja::filters::default)),
    ("items", |environment, name| environment.add_filter(name, minijinja::filters::items)),
];

/// At most so many characters, the last an ellipsis where something is gone.
pub(super) fn cut(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let kept = text[..end].char_indices().last().map_or("", |(last, _)| text[..last].trim_end());
    if most == 0 { String::new() } else { format!("{kept}…") }
}

/// Never longer than what may be written at all.
fn replace(text: &str, from: &str, to: &str) -> Result<String, Error> {
    let most = text.matches(from).count().saturating_mul(to.len()).saturating_add(text.len());
    if most > OUTPUT_BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidOperation, "the text becomes too long by `replace`"));
    }
    Ok(text.replace(from, to))
}

/// Whether a template can be used: a trial on a made-up incident.
///
/// # Errors
/// Why not.
pub fn check(source: &str) -> Result<(), TemplateError> {
    match render(source, &Values::sample()) {
        // A condition that does not hold for the sample may write nothing.
        Ok(_) | Err(TemplateError::Empty) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(super) fn wrong(error: &minijinja::Error) -> TemplateError {
    if error.kind() == ErrorKind::OutOfFuel {
        return TemplateError::Fuel;
    }
    let what = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    TemplateError::Wrong { line: error.line().unwrap_or(1), what }
}

/// Takes what a template writes, up to a bound.
struct Bounded {
    text: Vec<u8>,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > OUTPUT_BYTES_MAX {
            self.full = true;
            return Err(io::Error::other("too much"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_say_what_they_can_and_fail_within_their_bounds() {
        let long = "x".repeat(TEMPLATE_BYTES_MAX + 1);
        let at_the_edge = "x".repeat(TEMPLATE_BYTES_MAX);
        let wrong = |line, what: &str| Err(TemplateError::Wrong { line, what: what.to_owned() });
        for (source, want) in [
            (
                "{{ priority }} {{ service }}: {{ headline }}",
                Ok("P2 data-api: availability of GET /api/data in prod-eu: 1.5% failed in 1h, 5.1x the budget"
                    .to_owned()),
            ),
            ("{{ labels.host | default('?') }} {{ labels.rack | default('?') }}", Ok("web-1 ?".to_owned())),
            ("{% if severity %}{{ severity }}{% else %}none{% endif %}", Ok("none".to_owned())),
            (
                "{% for name, value in labels | items %}{{ name }}={{ value }} {% endfor %}",
                Ok("alertname=HighErrorRate host=web-1".to_owned()),
            ),
            ("<{{ team }}> & {{ team | upper }}", Ok("<checkout> & CHECKOUT".to_owned())),
            ("{{ servise }}", wrong(1, "undefined value")),
            ("first\n{{ labels.rack }}", wrong(2, "undefined value")),
            ("  ", Err(TemplateError::Empty)),
            (&at_the_edge, Ok(at_the_edge.clone())),
            (&long, Err(TemplateError::TooLong)),
            (
                "{% for a in headline %}{% for b in headline %}{% for c in headline %}{{ a }}{% endfor %}{% endfor %}{% endfor %}",
                Err(TemplateError::Fuel),
            ),
            (
                "{{ headline | replace('', 'aaaaaaaaaaaaaaaa') | replace('', 'aaaaaaaaaaaaaaaa') }}",
                wrong(1, "invalid operation: the text becomes too long by `replace`"),
            ),
            ("fine\n{% set a = headline ~ headline %}", wrong(2, "the tag `set` is not part of these templates")),
            (
                "{% for a in headline %}{% for b in headline %}{{ headline }}{% endfor %}{% endfor %}",
                Err(TemplateError::Output),
            ),
        ] {
            assert_eq!(render(source, &Values::sample()), want, "{source}");
        }
        assert!(matches!(render("{{ headline", &Values::sample()), Err(TemplateError::Wrong { line: 1, .. })));
    }
}
