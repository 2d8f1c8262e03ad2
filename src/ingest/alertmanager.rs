//! `POST /api/v2/alerts`, as Alertmanager's clients speak it: Prometheus, amtool and whoever copies them.
//!
//! Partial acceptance: valid alerts are stored even when the answer is 400, because Prometheus never sends a refused batch again.
//! Identity is the label set. This is the hot path: texts are borrowed from the body, all label pairs of a batch share one vector, and
//! what is known already becomes a [`Refire`] without building an event.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::json::Text;
use super::limits::{
    ANNOTATION_VALUE_BYTES_MAX, ANNOTATIONS_MAX, EVENTS_MAX, FUTURE_SKEW, LABEL_NAME_BYTES_MAX, LABEL_SET_BYTES_MAX,
    LABEL_VALUE_BYTES_MAX, LABELS_MAX, REJECTIONS_LISTED_MAX, RESOLVE_TIMEOUT, URL_BYTES_MAX,
};
use super::{Answer, Context, Dialect, Kept, Parsed, Refusal, Rejection, problem};
use crate::domain::{Event, EventDetail, EventKind, EventStatus, Fingerprint, Labels, Name, Source, Timestamp};
use crate::engine::Refire;
use crate::engine::state::Alert;
use crate::runtime::Incoming;

/// This dialect.
pub const DIALECT: Dialect = Dialect {
    name: "alertmanager",
    title: "Alertmanager",
    source: Source::Alertmanager,
    path: "/api/v2/alerts",
    parse,
    answer,
    refuse,
};

/// Title under which `generatorURL` is kept among an event's links.
pub const GENERATOR: &str = "generator";

/// Label pairs of a whole batch, one after the other.
type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// One alert as sent; its labels and annotations are ranges of the batch's pairs, sorted by name.
#[derive(Default)]
struct Sent<'a> {
    labels: Range<usize>,
    annotations: Range<usize>,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    generator: Option<Cow<'a, str>>,
    /// The first mistake found.
    flaw: Option<Rejection>,
}

/// A batch while it is read.
#[derive(Default)]
struct Batch<'a> {
    pairs: Pairs<'a>,
    alerts: Vec<Sent<'a>>,
    /// The start and the end read last; most alerts of a batch share them.
    last_times: [Option<(Cow<'a, str>, Timestamp)>; 2],
}

/// Bytes to events.
fn parse(body: &str, context: &Context<'_>) -> Result<Parsed, Refusal> {
    let batch = read(body)?;
    let mut parsed = Parsed { taken: Vec::with_capacity(batch.alerts.len()), ..Parsed::default() };
    let mut scratch = Vec::with_capacity(512);
    let mut valid = Vec::with_capacity(batch.alerts.len());
    for (index, sent) in batch.alerts.iter().enumerate() {
        match check(sent, &batch.pairs, context) {
            Ok(()) => {
                let labels = batch.pairs[sent.labels.clone()].iter().map(|(n, v)| (n.as_ref(), v.as_ref()));
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                valid.push((index, sent, Fingerprint::of_sorted(labels, &mut scratch)));
            }
            Err(rejection) => parsed.rejected.push(rejection.at(index)),
        }
    }
    context.known.look(&mut |alerts, pending| {
        let mut ended = Vec::new();
        for (index, sent, fingerprint) in &valid {
            let taken = match judge(sent, *fingerprint, &batch.pairs, alerts, pending || !ended.is_empty(), context.now)
            {
                Some(Incoming::Refire(_)) if ended.contains(fingerprint) => {
                    Incoming::New(Arc::new(event(sent, &batch.pairs, context.now)))
                }
                Some(taken) => {
                    if matches!(&taken, Incoming::New(e) if e.status == EventStatus::Resolved) {
                        ended.push(*fingerprint);
                    }
                    taken
                }
                None => {
                    parsed.ignored += 1;
                    continue;
                }
            };
            parsed.items.push(*index);
            parsed.taken.push(taken);
        }
    });
    Ok(parsed)
}

/// What one valid alert means, given what is known; `None`: nothing. `pending`: something that is not yet known may wait to be judged.
fn judge(
    sent: &Sent<'_>,
    fingerprint: Fingerprint,
    pairs: &[(Cow<'_, str>, Cow<'_, str>)],
    alerts: &BTreeMap<Fingerprint, Alert>,
    pending: bool,
    now: Timestamp,
) -> Option<Incoming> {
    let known = alerts.get(&fingerprint);
    let resolved = sent.ends_at.is_some_and(|end| end <= now);
    match known {
        Some(alert) if !resolved && alert.firing && unchanged(sent, pairs, &alert.event, now) => {
            let ends_at = sent.ends_at.unwrap_or_else(|| now.plus(RESOLVE_TIMEOUT));
            Some(Incoming::Refire(Refire { fingerprint, ends_at: Some(ends_at) }))
        }
        Some(alert) if resolved && !alert.firing && !pending => None,
        None if resolved && !pending => None,
        _ => Some(Incoming::New(Arc::new(event(sent, pairs, now)))),
    }
}

/// Whether nothing but the end differs from what is stored.
fn unchanged(sent: &Sent<'_>, pairs: &[(Cow<'_, str>, Cow<'_, str>)], event: &Event, now: Timestamp) -> bool {
    let same = |range: &Range<usize>, labels: &Labels| {
        range.len() == labels.len()
            && pairs[range.clone()].iter().zip(labels.iter()).all(|((n, v), (m, w))| n == m && v == w)
    };
    let stored_generator = event.detail.as_deref().and_then(|d| d.links.get(GENERATOR));
    sent.starts_at.is_none_or(|at| at == event.at || at > now.plus(FUTURE_SKEW))
        && same(&sent.labels, &event.labels)
        && same(&sent.annotations, &event.annotations)
        && sent.generator.as_deref() == stored_generator
}

/// The event of a valid alert.
fn event(sent: &Sent<'_>, pairs: &[(Cow<'_, str>, Cow<'_, str>)], now: Timestamp) -> Event {
    let labels = owned(&pairs[sent.labels.clone()]);
    let Fields { team, service, endpoint, sli, slo, environment, env, region } = Fields::of(&labels);
    let starts_at = sent.starts_at.or(sent.ends_at).unwrap_or(now);
    let ends_at = sent.ends_at.unwrap_or_else(|| now.plus(RESOLVE_TIMEOUT));
    let detail = sent.generator.as_ref().map(|url| {
        Box::new(EventDetail { links: Labels::of_sorted([(GENERATOR, url.as_ref())]), ..EventDetail::default() })
    });
    Event {
        kind: if sli.is_some() || slo.is_some() { EventKind::Breach } else { EventKind::Resource },
        status: if ends_at <= now { EventStatus::Resolved } else { EventStatus::Firing },
        source: Source::Alertmanager,
        at: if starts_at > now.plus(FUTURE_SKEW) && ends_at > now { now } else { starts_at },
        ends_at: Some(ends_at),
        idempotency: None,
        team,
        service,
        endpoint,
        sli,
        slo,
        objective: None,
        environment: environment.or(env),
        region,
        window: None,
        annotations: owned(&pairs[sent.annotations.clone()]),
        labels,
        detail,
    }
}

/// Labels that are fields of an event too.
#[derive(Default)]
struct Fields {
    team: Option<Name>,
    service: Option<Name>,
    endpoint: Option<Name>,
    sli: Option<Name>,
    slo: Option<Name>,
    environment: Option<Name>,
    env: Option<Name>,
    region: Option<Name>,
}

impl Fields {
    fn of(labels: &Labels) -> Self {
        let mut fields = Self::default();
        for (name, value) in labels {
            let field = match name {
                "team" => &mut fields.team,
                "service" => &mut fields.service,
                "endpoint" => &mut fields.endpoint,
                "sli" => &mut fields.sli,
                "slo" => &mut fields.slo,
                "environment" => &mut fields.environment,
                "env" => &mut fields.env,
                "region" => &mut fields.region,
                _ => continue,
            };
            *field = Some(value.into());
        }
        fields
    }
}

/// Sorted and checked pairs as a set of their own.
fn owned(pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> Labels {
    Labels::of_sorted(pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))
}

/// Why an alert cannot be taken.
fn check(sent: &Sent<'_>, pairs: &[(Cow<'_, str>, Cow<'_, str>)], context: &Context<'_>) -> Result<(), Rejection> {
    if let Some(flaw) = &sent.flaw {
        return Err(flaw.clone());
    }
    if sent.labels.is_empty() {
        return Err(Rejection::new(&problem::MISSING_FIELD, "at least one label with a value is required"));
    }
    if let (Some(starts_at), Some(ends_at)) = (sent.starts_at, sent.ends_at)
        && starts_at > ends_at
    {
        return Err(Rejection::new(&problem::BAD_VALUE, "start time must be before end time"));
    }
    if context.may.is_some() {
        let label = |name: &str| pairs[sent.labels.clone()].iter().find(|(n, _)| n == name).map(|(_, v)| v.as_ref());
        context.check_team(label("team"), label("service"))?;
    }
    Ok(())
}

/// Reads a whole body. When one alert has a wrong type the others are read one by one, so that they are not lost with it.
fn read(body: &str) -> Result<Batch<'_>, Refusal> {
    let mut batch = Batch::default();
    let mut deserializer = serde_json::Deserializer::from_str(body);
    let read = Alerts(&mut batch).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match read {
        Ok(()) => Ok(batch),
        Err(e) if !e.is_data() => Err(Refusal::json(&e)),
        Err(_) => read_one_by_one(body),
    }
}

fn read_one_by_one(body: &str) -> Result<Batch<'_>, Refusal> {
    let items: Vec<&RawValue> = serde_json::from_str(body).map_err(|e| {
        if e.is_data() {
            Refusal::new(&problem::WRONG_SHAPE, "an array of alerts is expected")
        } else {
            Refusal::json(&e)
        }
    })?;
    if items.len() > EVENTS_MAX {
        let detail = format!("{} alerts in one request; at most {EVENTS_MAX} are accepted", items.len());
        return Err(Refusal::new(&problem::TOO_MANY_EVENTS, detail));
    }
    let mut batch = Batch::default();
    for item in items {
        let before = batch.pairs.len();
        let mut deserializer = serde_json::Deserializer::from_str(item.get());
        if let Err(e) = (OneAlert(&mut batch)).deserialize(&mut deserializer) {
            batch.pairs.truncate(before);
            let flaw = Some(Rejection::new(&problem::WRONG_TYPE, e.to_string()));
            batch.alerts.push(Sent { flaw, ..Sent::default() });
        }
    }
    Ok(batch)
}

/// Reads the array.
struct Alerts<'b, 'a>(&'b mut Batch<'a>);

impl<'a> DeserializeSeed<'a> for Alerts<'_, 'a> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for Alerts<'_, 'a> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of alerts")
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(OneAlert(self.0))?.is_some() {
            if self.0.alerts.len() > EVENTS_MAX {
                return Err(A::Error::custom("too many alerts"));
            }
        }
        Ok(())
    }
}

/// Reads one alert onto the end of the batch. Unknown fields are ignored: newer clients send more.
struct OneAlert<'b, 'a>(&'b mut Batch<'a>);

impl<'a> DeserializeSeed<'a> for OneAlert<'_, 'a> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for OneAlert<'_, 'a> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an alert")
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let mut sent = Sent::default();
        while let Some(Text(name)) = map.next_key()? {
            match name.as_ref() {
                "labels" => {
                    let kind = PairsKind::Labels;
                    sent.labels =
                        map.next_value_seed(PairsSeed { pairs: &mut self.0.pairs, kind, flaw: &mut sent.flaw })?;
                }
                "annotations" => {
                    let kind = PairsKind::Annotations;
                    sent.annotations =
                        map.next_value_seed(PairsSeed { pairs: &mut self.0.pairs, kind, flaw: &mut sent.flaw })?;
                }
                "startsAt" => {
                    sent.starts_at = time(map.next_value()?, "startsAt", &mut self.0.last_times[0], &mut sent.flaw);
                }
                "endsAt" => sent.ends_at = time(map.next_value()?, "endsAt", &mut self.0.last_times[1], &mut sent.flaw),
                "generatorURL" => {
                    let url: Option<Text<'a>> = map.next_value()?;
                    sent.generator =
                        url.map(|Text(url)| url).filter(|url| !url.is_empty() && url.len() <= URL_BYTES_MAX);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.0.alerts.push(sent);
        Ok(())
    }
}

/// A time; absent and the zero time of Go mean the same.
fn time<'a>(
    text: Option<Text<'a>>,
    field: &str,
    last: &mut Option<(Cow<'a, str>, Timestamp)>,
    flaw: &mut Option<Rejection>,
) -> Option<Timestamp> {
    let Text(text) = text?;
    if text.is_empty() || text.starts_with("0001-01-01T00:00:00") {
        return None;
    }
    if let Some((known, at)) = &*last
        && *known == text
    {
        return Some(*at);
    }
    match Timestamp::parse(&text) {
        Ok(at) => {
            *last = Some((text, at));
            Some(at)
        }
        Err(e) => {
            flaw.get_or_insert_with(|| Rejection::new(&problem::BAD_VALUE, format!("`{field}`: {e}")));
            None
        }
    }
}

/// Which map of an alert is read; they have different limits.
#[derive(Clone, Copy)]
enum PairsKind {
    Labels,
    Annotations,
}

impl PairsKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::Annotations => "annotations",
        }
    }

    const fn limits(self) -> (usize, usize) {
        match self {
            Self::Labels => (LABELS_MAX, LABEL_VALUE_BYTES_MAX),
            Self::Annotations => (ANNOTATIONS_MAX, ANNOTATION_VALUE_BYTES_MAX),
        }
    }
}

/// Reads a map of texts onto the end of the batch's pairs, sorts it, and notes what is wrong with it.
struct PairsSeed<'b, 'a> {
    pairs: &'b mut Pairs<'a>,
    kind: PairsKind,
    flaw: &'b mut Option<Rejection>,
}

impl<'a> DeserializeSeed<'a> for PairsSeed<'_, 'a> {
    type Value = Range<usize>;
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for PairsSeed<'_, 'a> {
    type Value = Range<usize>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, an object of texts", self.kind.name())
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(0..0)
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (entries_max, value_bytes_max) = self.kind.limits();
        let start = self.pairs.len();
        let (mut bytes, mut sorted, mut flaw) = (0, true, None);
        while let Some((Text(name), Text(value))) = map.next_entry()? {
            if value.is_empty() || flaw.is_some() {
                continue;
            }
            bytes += name.len() + value.len();
            if name.is_empty() {
                flaw = Some((&problem::BAD_VALUE, "a name in `labels` is empty".to_owned()));
            } else if name.len() > LABEL_NAME_BYTES_MAX {
                flaw = Some((&problem::TOO_LONG, format!("a name is longer than {LABEL_NAME_BYTES_MAX} bytes")));
            } else if value.len() > value_bytes_max {
                flaw = Some((&problem::TOO_LONG, format!("`{name}` is longer than {value_bytes_max} bytes")));
            } else if bytes > LABEL_SET_BYTES_MAX {
                flaw = Some((&problem::TOO_LONG, format!("all together is longer than {LABEL_SET_BYTES_MAX} bytes")));
            } else if self.pairs.len() - start == entries_max {
                flaw = Some((&problem::TOO_MANY, format!("more than {entries_max} entries")));
            } else {
                sorted &= self.pairs.len() == start || self.pairs.last().is_some_and(|(last, _)| *last < name);
                self.pairs.push((name, value));
            }
        }
        let range = start..self.pairs.len();
        if !sorted {
            let pairs = &mut self.pairs[range.clone()];
            pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            if let Some(pair) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                flaw = Some((&problem::DUPLICATE_NAME, format!("`{}` occurs twice", pair[0].0)));
            }
        }
        if let Some((problem, detail)) = flaw {
            let kind = self.kind.name();
            self.flaw.get_or_insert_with(|| Rejection::new(problem, format!("{kind}: {detail}")));
        }
        Ok(range)
    }
}

/// 200 and nothing more, or 400 with the reasons of what was not stored as a bare JSON text.
fn answer(parsed: &Parsed, _: &[Kept]) -> Answer {
    if parsed.rejected.is_empty() {
        return Answer { status: 200, content_type: None, body: Vec::new() };
    }
    let mut text = String::new();
    for (n, rejection) in parsed.rejected.iter().take(REJECTIONS_LISTED_MAX).enumerate() {
        let separator = if n == 0 { "" } else { "; " };
        let _ = write!(text, "{separator}alert {}: {}", rejection.index, rejection.detail);
    }
    if let Some(more) = parsed.rejected.len().checked_sub(REJECTIONS_LISTED_MAX).filter(|n| *n > 0) {
        let _ = write!(text, "; and {more} more");
    }
    plain(400, &text)
}

fn refuse(refusal: &Refusal) -> Answer {
    plain(refusal.problem.status, &refusal.detail)
}

/// An error as Alertmanager answers it: a bare JSON text.
#[must_use]
pub fn plain(status: u16, text: &str) -> Answer {
    Answer { status, content_type: Some("application/json"), body: serde_json::to_vec(text).unwrap_or_default() }
}
