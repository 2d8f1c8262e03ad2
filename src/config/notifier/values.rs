//! What templates of notifiers may use. Foreign text is marked as such, so that `text` can replace what means something to the service.

use std::collections::BTreeMap;

use minijinja::Value;

/// A text or a whole number of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scalar {
    /// A text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// Yes or no.
    Truth(bool),
}

impl Scalar {
    /// For a template.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Self::Text(text) => Value::from_safe_string(text.clone()),
            Self::Whole(number) => Value::from(*number),
            Self::Truth(truth) => Value::from(*truth),
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Whole(number) => number.fmt(f),
            Self::Truth(truth) => truth.fmt(f),
        }
    }
}

/// What a message says. What is absent is empty.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of a message")]
pub struct Values {
    /// callout's id of the message, the same over attempts: `acme-D17`.
    pub id: String,
    /// The organisation.
    pub organisation: String,
    /// Number of the incident.
    pub incident: Option<u64>,
    /// callout's id of the incident, or of the message where there is none: `acme-4711`.
    pub key: String,
    /// `page`, `alert`, `alarm`, `acknowledged` …
    pub purpose: &'static str,
    /// Attempt, from 1.
    pub attempt: u32,
    /// Whether it comes late.
    pub late: bool,
    /// Whether it is about many incidents.
    pub digest: bool,
    /// Whether nothing is broken.
    pub drill: bool,
    /// Whether it is over.
    pub over: bool,
    /// Person addressed.
    pub person: String,
    /// Their name.
    pub person_name: String,
    /// Address within the service.
    pub address: String,
    /// Why this recipient is told.
    pub why: String,
    /// What happened, for follow-ups.
    pub event: String,
    /// The first line.
    pub title: String,
    /// The first line without its sign.
    pub line: String,
    /// All else in lines.
    pub text: String,
    /// What broke.
    pub headline: String,
    /// A short form that stays the same.
    pub subject: String,
    /// A sentence or two.
    pub summary: String,
    /// Where it stands.
    pub status: String,
    /// Who brought it there.
    pub status_by: String,
    /// Priority.
    pub priority: String,
    /// Severity.
    pub severity: String,
    /// Team.
    pub team: String,
    /// Service.
    pub service: String,
    /// The service's own word for how urgent it is.
    pub urgency: Option<Scalar>,
    /// Named values.
    pub facts: Vec<(String, String)>,
    /// Less important ones.
    pub details: Vec<(String, String)>,
    /// Titles and URLs.
    pub links: Vec<(String, String)>,
    /// The incident's page, or the list of a digest.
    pub page: String,
    /// Link to acknowledge.
    pub acknowledge: String,
    /// Link to snooze.
    pub snooze: String,
    /// Link to resolve.
    pub resolve: String,
    /// Where the service may ask back.
    pub callback: String,
    /// When the incident began, in UTC.
    pub opened_at: String,
    /// When the message is sent, in UTC.
    pub now: String,
    /// Labels as sent.
    pub labels: BTreeMap<String, String>,
    /// Annotations as sent.
    pub annotations: BTreeMap<String, String>,
    /// Id of the earlier message.
    pub receipt: String,
    /// What earlier steps kept.
    pub kept: BTreeMap<String, String>,
    /// The channel's own values.
    pub values: BTreeMap<String, Scalar>,
    /// Its secrets.
    pub secrets: BTreeMap<String, String>,
    /// What came of a key press.
    pub said: String,
    /// The incident's page for those who may log on to callout.
    pub incident_url: String,
}

impl std::fmt::Debug for Values {
    /// Without the secrets, and without what might hold them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Values").field("id", &self.id).field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

fn safe(text: &str) -> Value {
    Value::from_safe_string(text.to_owned())
}

fn pairs(all: &[(String, String)], names: [&'static str; 2], second: fn(&str) -> Value) -> Value {
    let [first, last] = names;
    let pair =
        |(one, two): &(String, String)| Value::from_pairs([(first, Value::from(one.as_str())), (last, second(two))]);
    all.iter().map(pair).collect()
}

fn map(all: &BTreeMap<String, String>, value: fn(&str) -> Value) -> Value {
    Value::from_pairs(all.iter().map(|(name, text)| (name.as_str(), value(text))))
}

impl Values {
    /// For a template.
    #[must_use]
    pub fn as_value(&self) -> Value {
        let foreign = |text: &str| Value::from(text);
        Value::from_pairs([
            ("id", safe(&self.id)),
            ("organisation", safe(&self.organisation)),
            ("incident", self.incident.map_or_else(|| Value::from(""), Value::from)),
            ("key", safe(&self.key)),
            ("purpose", safe(self.purpose)),
            ("attempt", Value::from(self.attempt)),
            ("late", Value::from(self.late)),
            ("digest", Value::from(self.digest)),
            ("drill", Value::from(self.drill)),
            ("over", Value::from(self.over)),
            ("person", safe(&self.person)),
            ("person_name", foreign(&self.person_name)),
            ("address", safe(&self.address)),
            ("why", foreign(&self.why)),
            ("event", foreign(&self.event)),
            ("title", foreign(&self.title)),
            ("line", foreign(&self.line)),
            ("text", foreign(&self.text)),
            ("headline", foreign(&self.headline)),
            ("subject", foreign(&self.subject)),
            ("summary", foreign(&self.summary)),
            ("status", safe(&self.status)),
            ("status_by", foreign(&self.status_by)),
            ("priority", foreign(&self.priority)),
            ("severity", foreign(&self.severity)),
            ("team", foreign(&self.team)),
            ("service", foreign(&self.service)),
            ("urgency", self.urgency.as_ref().map_or_else(|| Value::from(""), Scalar::value)),
            ("facts", pairs(&self.facts, ["name", "value"], |text| Value::from(text))),
            ("details", pairs(&self.details, ["name", "value"], |text| Value::from(text))),
            ("links", pairs(&self.links, ["title", "url"], safe)),
            ("page", safe(&self.page)),
            ("acknowledge", safe(&self.acknowledge)),
            ("snooze", safe(&self.snooze)),
            ("resolve", safe(&self.resolve)),
            ("callback", safe(&self.callback)),
            ("opened_at", safe(&self.opened_at)),
            ("now", safe(&self.now)),
            ("labels", map(&self.labels, |text| Value::from(text))),
            ("annotations", map(&self.annotations, |text| Value::from(text))),
            ("receipt", safe(&self.receipt)),
            ("kept", map(&self.kept, safe)),
            ("values", Value::from_pairs(self.values.iter().map(|(name, value)| (name.as_str(), value.value())))),
            ("secrets", map(&self.secrets, safe)),
            ("said", foreign(&self.said)),
            ("incident_url", safe(&self.incident_url)),
        ])
    }
}
