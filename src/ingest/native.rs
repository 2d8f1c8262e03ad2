//! `POST /v1/breaches`: callout's own shape, one event or an array of them.
//!
//! Strict: a name that is not known rejects its item, since a misspelt `objective` would otherwise be a silent change of meaning.
//! Items stand alone: valid ones are kept when others are not. When none is valid the answer is a problem document with the same list.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{Fields, Json, wrong_type};
use super::limits::{
    ANNOTATION_VALUE_BYTES_MAX, ANNOTATIONS_MAX, EVENTS_MAX, FIELD_BYTES_MAX, FUTURE_SKEW, ID_BYTES_MAX,
    ITEM_BYTES_MAX, ITEMS_READ_MAX, LABEL_NAME_BYTES_MAX, LABEL_SET_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX,
    LIST_MAX, MORE_WINDOWS_MAX, PAST_MAX, REJECTIONS_LISTED_MAX, URL_BYTES_MAX, WINDOW_MAX,
};
use super::{Answer, Context, Dialect, Kept, Parsed, Refusal, Rejection, problem};
use crate::domain::{
    BudgetLeft, Dependency, Deployment, Event, EventDetail, EventKind, EventStatus, Labels, LabelsBuilder, Name, Ratio,
    Source, Span, Timestamp, WindowCounts,
};
use crate::runtime::Incoming;

/// This dialect.
pub const DIALECT: Dialect =
    Dialect { name: "native", title: "callout", source: Source::Native, path: "/v1/breaches", parse, answer, refuse };

/// Names that an event may have.
pub const FIELDS: [&str; 25] = [
    "id",
    "kind",
    "status",
    "organisation",
    "team",
    "service",
    "endpoint",
    "sli",
    "slo",
    "objective",
    "environment",
    "region",
    "at",
    "ends_at",
    "window",
    "windows",
    "budget",
    "summary",
    "description",
    "context",
    "dependencies",
    "deployments",
    "labels",
    "annotations",
    "links",
];

/// Bytes to events.
fn parse(body: &str, context: &Context<'_>) -> Result<Parsed, Refusal> {
    let items = items(body, EVENTS_MAX, "events")?;
    let mut parsed = Parsed { taken: Vec::with_capacity(items.len()), ..Parsed::default() };
    let mut ids: BTreeSet<Name> = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        match read(item.get(), context, &ids) {
            Ok(event) => {
                ids.extend(event.idempotency.clone());
                parsed.keys.push(event.fingerprint().to_string().into());
                parsed.items.push(u32::try_from(index).unwrap_or(u32::MAX));
                parsed.taken.push(Incoming::New(Arc::new(event)));
            }
            Err(rejection) => parsed.rejected.push(rejection.at(index)),
        }
    }
    Ok(parsed)
}

/// The items of a body, unread: the object itself, or the elements of the array.
pub(super) fn items<'b>(body: &'b str, most: usize, what: &str) -> Result<Vec<&'b RawValue>, Refusal> {
    struct Items<'a>(Vec<&'a RawValue>);
    impl<'de> Deserialize<'de> for Items<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Read;
            impl<'de> Visitor<'de> for Read {
                type Value = Items<'de>;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an array of events")
                }
                fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                    let mut items = Vec::new();
                    while let Some(item) = seq.next_element()? {
                        if items.len() == ITEMS_READ_MAX {
                            return Err(A::Error::custom("too many items"));
                        }
                        items.push(item);
                    }
                    Ok(Items(items))
                }
            }
            deserializer.deserialize_seq(Read)
        }
    }
    let whole = body.trim_start_matches([' ', '\t', '\r', '\n']);
    match whole.as_bytes().first() {
        Some(b'[') => match serde_json::from_str::<Items<'_>>(body) {
            Ok(Items(items)) if items.is_empty() => {
                Err(Refusal::new(&problem::WRONG_SHAPE, format!("the array holds no {what}")))
            }
            Ok(Items(items)) if items.len() <= most => Ok(items),
            Err(e) if !e.is_data() => Err(Refusal::json(&e)),
            _ => Err(Refusal::new(&problem::TOO_MANY_EVENTS, format!("more than {most} {what} in one request"))),
        },
        Some(b'{') => serde_json::from_str::<&RawValue>(body).map(|item| vec![item]).map_err(|e| Refusal::json(&e)),
        Some(_) => match serde_json::from_str::<serde::de::IgnoredAny>(body) {
            Ok(_) => Err(Refusal::new(&problem::WRONG_SHAPE, "send one object, or an array of objects")),
            Err(e) => Err(Refusal::json(&e)),
        },
        None => Err(Refusal::new(&problem::MALFORMED_JSON, "the body is empty")),
    }
}

/// One event.
fn read(text: &str, context: &Context<'_>, ids: &BTreeSet<Name>) -> Result<Event, Rejection> {
    if text.len() > ITEM_BYTES_MAX {
        return Err(too_long("the event", ITEM_BYTES_MAX));
    }
    let json: Json<'_> =
        serde_json::from_str(text).map_err(|e| Rejection::new(&problem::MALFORMED_JSON, e.to_string()))?;
    let mut fields = Fields::of("", json)?;
    let event = event(&mut fields, context)?;
    fields.finish(&FIELDS)?;
    if let Some(id) = event.idempotency.as_ref().filter(|id| ids.contains(*id)) {
        return Err(Rejection::new(&problem::DUPLICATE_ID, format!("id `{id}` occurs earlier in this request")));
    }
    context.check_team(event.team.as_deref(), event.service.as_deref())?;
    Ok(event)
}

fn event(fields: &mut Fields<'_>, context: &Context<'_>) -> Result<Event, Rejection> {
    if let Some(organisation) = name(fields, "organisation", FIELD_BYTES_MAX)?
        && organisation != context.organisation
    {
        let detail =
            format!("`organisation` is `{organisation}`, but this installation serves `{}`", context.organisation);
        return Err(Rejection::new(&problem::OTHER_ORGANISATION, detail));
    }
    let kind = word(fields, "kind", &[("breach", EventKind::Breach), ("resource", EventKind::Resource)])?
        .unwrap_or(EventKind::Breach);
    let status = word(fields, "status", &[("firing", EventStatus::Firing), ("resolved", EventStatus::Resolved)])?;
    let (at, ends_at, status) = times(fields, status, context.now)?;
    let mut event = Event {
        kind,
        status,
        source: Source::Native,
        at,
        ends_at,
        idempotency: name(fields, "id", ID_BYTES_MAX)?,
        team: name(fields, "team", FIELD_BYTES_MAX)?,
        service: name(fields, "service", FIELD_BYTES_MAX)?,
        endpoint: name(fields, "endpoint", FIELD_BYTES_MAX)?,
        sli: name(fields, "sli", FIELD_BYTES_MAX)?,
        slo: name(fields, "slo", FIELD_BYTES_MAX)?,
        objective: objective(fields)?,
        environment: name(fields, "environment", FIELD_BYTES_MAX)?,
        region: name(fields, "region", FIELD_BYTES_MAX)?,
        window: fields.take("window").map(|value| window("window", value)).transpose()?,
        labels: labels(fields, "labels", LABELS_MAX, LABEL_VALUE_BYTES_MAX, &[])?,
        annotations: annotations(fields)?,
        detail: None,
    };
    let detail = detail(fields, event.window)?;
    require(&event, &detail)?;
    if detail != EventDetail::default() {
        event.detail = Some(Box::new(detail));
    }
    Ok(event)
}

/// Event time, end and status, which depend on each other.
fn times(
    fields: &mut Fields<'_>,
    status: Option<EventStatus>,
    now: Timestamp,
) -> Result<(Timestamp, Option<Timestamp>, EventStatus), Rejection> {
    let at = timestamp(fields, "at")?.unwrap_or(now);
    let ends_at = timestamp(fields, "ends_at")?;
    if at > now.plus(FUTURE_SKEW) {
        let detail = format!("`at` is {at}, {} ahead of {now}; at most {FUTURE_SKEW} are tolerated", at.since(now));
        return Err(Rejection::new(&problem::TIME_IN_FUTURE, detail));
    }
    if at < now.minus(PAST_MAX) {
        let detail = format!("`at` is {at}, {} before {now}; at most {PAST_MAX} are accepted", now.since(at));
        return Err(Rejection::new(&problem::TIME_IN_PAST, detail));
    }
    if let Some(end) = ends_at.filter(|end| *end < at) {
        return Err(Rejection::new(&problem::BAD_VALUE, format!("`ends_at` is {end}, before `at`, {at}")));
    }
    let over = ends_at.is_some_and(|end| end <= now);
    Ok((at, ends_at, status.unwrap_or(if over { EventStatus::Resolved } else { EventStatus::Firing })))
}

/// What must be there.
fn require(event: &Event, detail: &EventDetail) -> Result<(), Rejection> {
    let missing = |what: &str| Err(Rejection::new(&problem::MISSING_FIELD, what));
    match event.kind {
        EventKind::Breach if event.service.is_none() => missing("`service` is required"),
        EventKind::Breach if event.sli.is_none() => missing("`sli` is required for a breach"),
        EventKind::Breach
            if event.status == EventStatus::Firing
                && event.window.is_none()
                && detail.more_windows.is_empty()
                && detail.budget.is_none() =>
        {
            missing("a measurement is required for a breach: `window`, `windows` or `budget`")
        }
        EventKind::Resource if event.service.is_none() && event.labels.is_empty() => {
            missing("`service` or a label is required for a resource alert")
        }
        _ => Ok(()),
    }
}

fn detail(fields: &mut Fields<'_>, main: Option<WindowCounts>) -> Result<EventDetail, Rejection> {
    let mut more_windows: Vec<WindowCounts> = Vec::new();
    for (n, value) in list(fields, "windows", MORE_WINDOWS_MAX)?.into_iter().enumerate() {
        let path = format!("windows[{n}]");
        let counts = window(&path, value)?;
        if main.iter().chain(&more_windows).any(|w| w.length == counts.length) {
            let detail = format!("`{path}.length` is {}, and so is another window's", counts.length);
            return Err(Rejection::new(&problem::BAD_WINDOW, detail));
        }
        more_windows.push(counts);
    }
    Ok(EventDetail {
        more_windows,
        budget: budget(fields)?,
        context: labels(fields, "context", ANNOTATIONS_MAX, LABEL_VALUE_BYTES_MAX, &[])?,
        dependencies: dependencies(fields)?,
        deployments: deployments(fields)?,
        links: links(fields)?,
    })
}

fn window(path: &str, value: Json<'_>) -> Result<WindowCounts, Rejection> {
    let mut fields = Fields::of(path, value)?;
    let length = required(&mut fields, "length", text)?;
    let length = Span::parse(&length)
        .map_err(|e| Rejection::new(&problem::BAD_WINDOW, format!("`{path}.length`: {e}")))
        .and_then(|length| {
            if length.is_zero() || length > WINDOW_MAX {
                let detail =
                    format!("`{path}.length` is {length}; it must be more than nothing and at most {WINDOW_MAX}");
                return Err(Rejection::new(&problem::BAD_WINDOW, detail));
            }
            Ok(length)
        })?;
    let (good, total) = (required(&mut fields, "good", count)?, required(&mut fields, "total", count)?);
    fields.finish(&["length", "good", "total"])?;
    if good > total {
        let detail = format!("`{path}.good` is {good}, more than `{path}.total`, {total}");
        return Err(Rejection::new(&problem::BAD_COUNTS, detail));
    }
    Ok(WindowCounts { length, good, total })
}

fn budget(fields: &mut Fields<'_>) -> Result<Option<BudgetLeft>, Rejection> {
    let Some(value) = fields.take("budget") else { return Ok(None) };
    let mut fields = Fields::of("budget", value)?;
    let remaining_percent = required(&mut fields, "remaining_percent", percent)?;
    let period = match fields.take("period") {
        Some(value) => {
            let text = text("budget.period", value)?;
            let span = Span::parse(&text).map_err(|e| bad_value("budget.period", e))?;
            Some(span)
        }
        None => None,
    };
    fields.finish(&["remaining_percent", "period"])?;
    Ok(Some(BudgetLeft { remaining_percent, period }))
}

fn dependencies(fields: &mut Fields<'_>) -> Result<Vec<Dependency>, Rejection> {
    let mut all = Vec::new();
    for (n, value) in list(fields, "dependencies", LIST_MAX)?.into_iter().enumerate() {
        let mut fields = Fields::of(&format!("dependencies[{n}]"), value)?;
        let dependency = Dependency {
            service: required(&mut fields, "service", |path, value| short(path, value, FIELD_BYTES_MAX))?,
            availability: optional(&mut fields, "availability", percent)?,
            budget_remaining_percent: optional(&mut fields, "budget_remaining_percent", percent)?,
        };
        fields.finish(&["service", "availability", "budget_remaining_percent"])?;
        all.push(dependency);
    }
    Ok(all)
}

fn deployments(fields: &mut Fields<'_>) -> Result<Vec<Deployment>, Rejection> {
    let mut all = Vec::new();
    for (n, value) in list(fields, "deployments", LIST_MAX)?.into_iter().enumerate() {
        let mut fields = Fields::of(&format!("deployments[{n}]"), value)?;
        let deployment = Deployment {
            version: required(&mut fields, "version", |path, value| short(path, value, FIELD_BYTES_MAX))?,
            at: timestamp(&mut fields, "at")?,
            url: optional(&mut fields, "url", |path, value| url(path, &text(path, value)?))?,
        };
        fields.finish(&["version", "at", "url"])?;
        all.push(deployment);
    }
    Ok(all)
}

fn links(fields: &mut Fields<'_>) -> Result<Labels, Rejection> {
    let links = labels(fields, "links", LIST_MAX, URL_BYTES_MAX, &[])?;
    for (title, link) in &links {
        url(&format!("links.{title}"), link)?;
    }
    Ok(links)
}

fn annotations(fields: &mut Fields<'_>) -> Result<Labels, Rejection> {
    let mut extra = Vec::new();
    for name in ["summary", "description"] {
        if let Some(value) = fields.take(name) {
            extra.push((name, short(name, value, ANNOTATION_VALUE_BYTES_MAX)?));
        }
    }
    labels(fields, "annotations", ANNOTATIONS_MAX, ANNOTATION_VALUE_BYTES_MAX, &extra)
}

/// A map of scalars. Empty values and nulls are left out, since an empty value is the same as none.
fn labels(
    fields: &mut Fields<'_>,
    field: &str,
    entries_max: usize,
    value_bytes_max: usize,
    extra: &[(&str, Name)],
) -> Result<Labels, Rejection> {
    let mut builder = LabelsBuilder::with_capacity(extra.len());
    for (name, value) in extra {
        builder.push(*name, value.clone());
    }
    if let Some(value) = fields.take(field) {
        let Json::Object(entries) = value else { return Err(wrong_type(field, "an object", value.kind())) };
        if entries.len() > entries_max {
            let detail = format!("`{field}` has {} entries; at most {entries_max} are accepted", entries.len());
            return Err(Rejection::new(&problem::TOO_MANY, detail));
        }
        let mut bytes = 0;
        for (name, value) in entries {
            if name.len() > LABEL_NAME_BYTES_MAX {
                return Err(too_long(&format!("a name in `{field}`"), LABEL_NAME_BYTES_MAX));
            }
            let path = format!("{field}.{name}");
            if let Json::Null = value {
                continue;
            }
            let value = scalar(&path, value)?;
            if value.len() > value_bytes_max {
                return Err(too_long(&format!("`{path}`"), value_bytes_max));
            }
            bytes += name.len() + value.len();
            if bytes > LABEL_SET_BYTES_MAX {
                return Err(too_long(&format!("`{field}`"), LABEL_SET_BYTES_MAX));
            }
            if !value.is_empty() {
                builder.push(name.as_ref(), value);
            }
        }
    }
    builder.build().map_err(|e| Rejection::new(&problem::DUPLICATE_NAME, format!("`{field}`: {e}")))
}

fn list<'a>(fields: &mut Fields<'a>, field: &str, max: usize) -> Result<Vec<Json<'a>>, Rejection> {
    match fields.take(field) {
        None => Ok(Vec::new()),
        Some(Json::List(items)) if items.len() > max => {
            let detail = format!("`{field}` has {} entries; at most {max} are accepted", items.len());
            Err(Rejection::new(&problem::TOO_MANY, detail))
        }
        Some(Json::List(items)) => Ok(items),
        Some(other) => Err(wrong_type(field, "an array", other.kind())),
    }
}

pub(super) fn required<'a, T>(
    fields: &mut Fields<'a>,
    name: &str,
    read: impl FnOnce(&str, Json<'a>) -> Result<T, Rejection>,
) -> Result<T, Rejection> {
    let path = fields.path(name);
    let Some(value) = fields.take(name) else {
        return Err(Rejection::new(&problem::MISSING_FIELD, format!("`{path}` is required")));
    };
    read(&path, value)
}

fn optional<'a, T>(
    fields: &mut Fields<'a>,
    name: &str,
    read: impl FnOnce(&str, Json<'a>) -> Result<T, Rejection>,
) -> Result<Option<T>, Rejection> {
    let path = fields.path(name);
    fields.take(name).map(|value| read(&path, value)).transpose()
}

pub(super) fn text(path: &str, value: Json<'_>) -> Result<Name, Rejection> {
    match value {
        Json::Text(text) => Ok(text.into()),
        other => Err(wrong_type(path, "a text", other.kind())),
    }
}

fn short(path: &str, value: Json<'_>, bytes_max: usize) -> Result<Name, Rejection> {
    let text = text(path, value)?;
    if text.len() > bytes_max { Err(too_long(&format!("`{path}`"), bytes_max)) } else { Ok(text) }
}

/// A named field; empty counts as absent. Control characters have no place in a name.
pub(super) fn name(fields: &mut Fields<'_>, field: &str, bytes_max: usize) -> Result<Option<Name>, Rejection> {
    let Some(value) = fields.take(field) else { return Ok(None) };
    let text = short(field, value, bytes_max)?;
    if text.chars().any(char::is_control) {
        return Err(bad_value(field, "it has a control character"));
    }
    Ok(Some(text).filter(|t| !t.is_empty()))
}

fn word<T: Copy>(fields: &mut Fields<'_>, field: &str, words: &[(&str, T)]) -> Result<Option<T>, Rejection> {
    let Some(value) = fields.take(field) else { return Ok(None) };
    let text = text(field, value)?;
    words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| Some(*meaning)).ok_or_else(|| {
        let all: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        bad_value(field, format!("write {}", all.join(" or ")))
    })
}

fn scalar(path: &str, value: Json<'_>) -> Result<Name, Rejection> {
    match value {
        Json::Text(text) => Ok(text.into()),
        Json::Number(number) => Ok(number.into()),
        Json::Bool(truth) => Ok(if truth { "true" } else { "false" }.into()),
        other => Err(wrong_type(path, "a text, a number or a boolean", other.kind())),
    }
}

fn timestamp(fields: &mut Fields<'_>, field: &str) -> Result<Option<Timestamp>, Rejection> {
    optional(fields, field, |path, value| {
        let text = text(path, value)?;
        Timestamp::parse(&text).map_err(|e| bad_value(path, e))
    })
}

/// A count, as a number or as digits.
pub(super) fn count(path: &str, value: Json<'_>) -> Result<u64, Rejection> {
    let digits = match value {
        Json::Number(number) => number,
        Json::Text(text) => text.into_owned(),
        other => return Err(wrong_type(path, "a whole number", other.kind())),
    };
    if digits.starts_with('-') {
        return Err(Rejection::new(&problem::BAD_COUNTS, format!("`{path}` is {digits}, less than nothing")));
    }
    digits
        .parse()
        .map_err(|_| Rejection::new(&problem::BAD_COUNTS, format!("`{path}` is {}, not a whole number", cut(&digits))))
}

/// A share in percent with sign, as a number or text; kept as the text of a decimal number.
fn percent(path: &str, value: Json<'_>) -> Result<Name, Rejection> {
    let text = match value {
        Json::Number(number) => number,
        Json::Text(text) => text.into_owned(),
        other => return Err(wrong_type(path, "a number or a text such as \"99.7\"", other.kind())),
    };
    let number = text.strip_suffix('%').unwrap_or(&text).trim_end();
    Ratio::parse(number.strip_prefix('-').unwrap_or(number)).map_err(|e| bad_value(path, e))?;
    Ok(number.into())
}

fn objective(fields: &mut Fields<'_>) -> Result<Option<Ratio>, Rejection> {
    optional(fields, "objective", |path, value| {
        let text = percent(path, value)?;
        let share = Ratio::parse_percent(&text).map_err(|e| bad_value(path, e))?;
        if share <= Ratio::ZERO || share >= Ratio::ONE {
            return Err(bad_value(
                path,
                format!("{text} % leaves no error budget to speak of; write for example \"99.7\""),
            ));
        }
        Ok(share)
    })
}

/// A link is shown to people and opened by them: only web addresses.
fn url(path: &str, text: &str) -> Result<Name, Rejection> {
    if text.len() > URL_BYTES_MAX {
        return Err(too_long(&format!("`{path}`"), URL_BYTES_MAX));
    }
    let web = text.starts_with("https://") || text.starts_with("http://");
    if !web || text.chars().any(|c| c.is_control() || c == ' ') {
        return Err(bad_value(path, "a link starts with `https://` or `http://` and has no spaces"));
    }
    Ok(text.into())
}

pub(super) fn bad_value(path: &str, why: impl fmt::Display) -> Rejection {
    Rejection::new(&problem::BAD_VALUE, format!("`{path}`: {why}"))
}

fn too_long(what: &str, bytes_max: usize) -> Rejection {
    Rejection::new(&problem::TOO_LONG, format!("{what} is longer than {bytes_max} bytes"))
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

#[derive(Serialize)]
struct AcceptedItem<'a> {
    event: String,
    key: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
}

#[derive(Serialize)]
struct RejectedItem<'a> {
    index: usize,
    r#type: String,
    detail: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemHead<'a>>,
    accepted: Vec<AcceptedItem<'a>>,
    rejected: Vec<RejectedItem<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_unlisted: Option<usize>,
}

#[derive(Serialize)]
struct ProblemHead<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: String,
}

fn answer(parsed: &Parsed, kept: &[Kept]) -> Answer {
    let refused = kept.is_empty();
    let problem = refused.then(|| ProblemHead {
        r#type: problem::ALL_REJECTED.uri(),
        title: problem::ALL_REJECTED.title,
        status: problem::ALL_REJECTED.status,
        detail: match parsed.rejected.as_slice() {
            [only] => only.detail.clone(),
            all => format!("all {} events were rejected", all.len()),
        },
    });
    let body = Body {
        problem,
        accepted: kept
            .iter()
            .zip(&parsed.keys)
            .map(|(kept, key)| AcceptedItem { event: kept.event.to_string(), key, repeated: kept.repeated })
            .collect(),
        rejected: parsed
            .rejected
            .iter()
            .take(REJECTIONS_LISTED_MAX)
            .map(|r| RejectedItem { index: r.index, r#type: r.problem.uri(), detail: &r.detail })
            .collect(),
        rejected_unlisted: parsed.rejected.len().checked_sub(REJECTIONS_LISTED_MAX).filter(|n| *n > 0),
    };
    let content_type = if refused { "application/problem+json" } else { "application/json" };
    let status = if refused { problem::ALL_REJECTED.status } else { 202 };
    Answer { status, content_type: Some(content_type), body: serde_json::to_vec(&body).unwrap_or_default() }
}

fn refuse(refusal: &Refusal) -> Answer {
    let head = ProblemHead {
        r#type: refusal.problem.uri(),
        title: refusal.problem.title,
        status: refusal.problem.status,
        detail: refusal.detail.clone(),
    };
    Answer {
        status: refusal.problem.status,
        content_type: Some("application/problem+json"),
        body: serde_json::to_vec(&head).unwrap_or_default(),
    }
}
