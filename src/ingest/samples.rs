//! `POST /v1/samples`: counts of a minute, one or an array of them.
//!
//! Strict like breaches: a name that is not known rejects its item, items stand alone. What a request holds is mostly right, so it is read
//! into its type first; only an item that does not fit is looked at name by name, for the reason.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{Fields, Json, Text};
use super::limits::{FIELD_BYTES_MAX, ITEM_BYTES_MAX, REJECTIONS_LISTED_MAX};
use super::native::{bad_value, count, items, name, required, text};
use super::{Answer, Context, Refusal, Rejection, problem};
use crate::config::levels::BadStatus;
use crate::config::metrics::MetricRules;
use crate::domain::{Feed, Name, Sample, SeriesKey, Span, Timestamp, minute_of};
use crate::runtime::{REQUEST_SAMPLES_MAX, SampleRefused, Taken};

/// The word in metrics.
pub const NAME: &str = "samples";

/// Names that a sample may have.
pub const FIELDS: [&str; 13] = [
    "service",
    "sli",
    "endpoint",
    "environment",
    "region",
    "threshold",
    "source",
    "minute",
    "part",
    "good",
    "total",
    "statuses",
    "correction",
];

/// What became of a body.
#[derive(Debug, Default)]
pub struct Read {
    /// To be stored, with their positions in the request.
    pub samples: Vec<(usize, Sample)>,
    /// Not to be stored.
    pub rejected: Vec<Rejection>,
}

/// Bytes to samples. `rules` say which statuses are bad.
///
/// # Errors
/// When the body is no JSON, no list of items, or holds too many.
pub fn read(body: &str, context: &Context<'_>, rules: &MetricRules) -> Result<Read, Refusal> {
    let items = items(body, REQUEST_SAMPLES_MAX, "samples")?;
    let mut read = Read { samples: Vec::with_capacity(items.len()), rejected: Vec::new() };
    let mut minutes = Minutes::default();
    for (index, item) in items.into_iter().enumerate() {
        match sample(item, context, rules, &mut minutes) {
            Ok(sample) => read.samples.push((index, sample)),
            Err(rejection) => read.rejected.push(rejection.at(index)),
        }
    }
    Ok(read)
}

/// The last minute that was read: the samples of a request are mostly of one.
#[derive(Default)]
struct Minutes {
    text: String,
    minute: i64,
}

impl Minutes {
    fn parse(&mut self, text: &str) -> Result<i64, Rejection> {
        if text != self.text {
            let at = Timestamp::parse(text).map_err(|error| bad_value("minute", error))?;
            self.minute = minute_of(at);
            text.clone_into(&mut self.text);
        }
        Ok(self.minute)
    }
}

/// A sample as it mostly is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'a> {
    #[serde(borrow)]
    service: Text<'a>,
    #[serde(borrow)]
    sli: Text<'a>,
    #[serde(borrow, default)]
    endpoint: Option<Text<'a>>,
    #[serde(borrow, default)]
    environment: Option<Text<'a>>,
    #[serde(borrow, default)]
    region: Option<Text<'a>>,
    #[serde(borrow, default)]
    threshold: Option<Text<'a>>,
    #[serde(borrow, default)]
    source: Option<Text<'a>>,
    #[serde(borrow)]
    minute: Text<'a>,
    #[serde(default)]
    part: Option<u32>,
    good: u64,
    total: u64,
    #[serde(default)]
    correction: bool,
}

fn sample(
    item: &RawValue,
    context: &Context<'_>,
    rules: &MetricRules,
    minutes: &mut Minutes,
) -> Result<Sample, Rejection> {
    let item = item.get();
    if item.len() > ITEM_BYTES_MAX {
        return Err(Rejection::new(&problem::TOO_LONG, format!("the sample is longer than {ITEM_BYTES_MAX} bytes")));
    }
    let quick = serde_json::from_str::<Row<'_>>(item).ok().and_then(|row| quick(row, minutes));
    let sample = match quick {
        Some(sample) => sample,
        None => slow(item, rules, minutes)?,
    };
    if sample.good > sample.total {
        let detail = format!("`good` is {}, more than `total`, {}", sample.good, sample.total);
        return Err(Rejection::new(&problem::BAD_COUNTS, detail));
    }
    context.check_team(None, Some(&sample.feed.series.service))?;
    Ok(sample)
}

/// A sample that fits its type; `None` where anything is to be said about it.
fn quick(row: Row<'_>, minutes: &mut Minutes) -> Option<Sample> {
    let good = |text: Text<'_>| -> Option<Name> {
        let Text(text): Text<'_> = text;
        let fits = text.len() <= FIELD_BYTES_MAX && !text.chars().any(char::is_control);
        fits.then(|| Name::from(Cow::as_ref(&text)))
    };
    let needed = |text: Text<'_>| good(text).filter(|t| !t.is_empty());
    let maybe = |text: Option<Text<'_>>| match text {
        None => Some(None),
        Some(text) => good(text).map(|t| Some(t).filter(|t| !t.is_empty())),
    };
    let threshold = match row.threshold {
        None => None,
        Some(Text(text)) => Some(Span::parse(&text).ok().filter(|span| !span.is_zero())?),
    };
    let series = SeriesKey {
        service: needed(row.service)?,
        sli: needed(row.sli)?,
        endpoint: maybe(row.endpoint)?,
        environment: maybe(row.environment)?,
        region: maybe(row.region)?,
        threshold,
    };
    let feed = Arc::new(Feed { series, source: maybe(row.source)?.unwrap_or_default() });
    let minute = minutes.parse(&row.minute.0).ok()?;
    Some(Sample { feed, minute, part: row.part, good: row.good, total: row.total, correction: row.correction })
}

/// The same name by name, so that what is wrong can be said.
fn slow(item: &str, rules: &MetricRules, minutes: &mut Minutes) -> Result<Sample, Rejection> {
    let json: Json<'_> =
        serde_json::from_str(item).map_err(|e| Rejection::new(&problem::MALFORMED_JSON, e.to_string()))?;
    let mut fields = Fields::of("", json)?;
    let needed = |fields: &mut Fields<'_>, field: &str| {
        name(fields, field, FIELD_BYTES_MAX)?
            .ok_or_else(|| Rejection::new(&problem::MISSING_FIELD, format!("`{field}` is required for a sample")))
    };
    let threshold = match fields.take("threshold") {
        None => None,
        Some(value) => {
            let span = Span::parse(&text("threshold", value)?).map_err(|e| bad_value("threshold", e))?;
            if span.is_zero() {
                return Err(bad_value("threshold", "it must be longer than nothing"));
            }
            Some(span)
        }
    };
    let series = SeriesKey {
        service: needed(&mut fields, "service")?,
        sli: needed(&mut fields, "sli")?,
        endpoint: name(&mut fields, "endpoint", FIELD_BYTES_MAX)?,
        environment: name(&mut fields, "environment", FIELD_BYTES_MAX)?,
        region: name(&mut fields, "region", FIELD_BYTES_MAX)?,
        threshold,
    };
    let source = name(&mut fields, "source", FIELD_BYTES_MAX)?.unwrap_or_default();
    let minute = minutes.parse(&required(&mut fields, "minute", text)?)?;
    let part = match fields.take("part") {
        None => None,
        Some(value) => {
            let part = count("part", value)?;
            Some(u32::try_from(part).map_err(|_| bad_value("part", "it is more than 4294967295"))?)
        }
    };
    let (good, total) = match fields.take("statuses") {
        Some(statuses) => {
            if fields.take("good").is_some() || fields.take("total").is_some() {
                let detail = "say either `statuses`, or `good` and `total`";
                return Err(Rejection::new(&problem::BAD_COUNTS, detail));
            }
            by_status(statuses, rules.bad_status(&series.service))?
        }
        None => (required(&mut fields, "good", count)?, required(&mut fields, "total", count)?),
    };
    let correction = match fields.take("correction") {
        None => false,
        Some(Json::Bool(correction)) => correction,
        Some(other) => return Err(super::json::wrong_type("correction", "a boolean", other.kind())),
    };
    fields.finish(&FIELDS)?;
    Ok(Sample { feed: Arc::new(Feed { series, source }), minute, part, good, total, correction })
}

/// Good events and all events, from how many had which status.
fn by_status(statuses: Json<'_>, bad: &BadStatus) -> Result<(u64, u64), Rejection> {
    let (mut good, mut total) = (0_u64, 0_u64);
    for (status, value) in Fields::of("statuses", statuses)?.into_entries() {
        let events = count("statuses", value)?;
        total = total
            .checked_add(events)
            .ok_or_else(|| Rejection::new(&problem::BAD_COUNTS, "the counts of `statuses` are too many"))?;
        good += if bad.is_bad(&status) { 0 } else { events };
    }
    Ok((good, total))
}

/// Why the shard refused a sample.
#[must_use]
pub fn refused(refused: &SampleRefused) -> Rejection {
    let problem = match refused {
        SampleRefused::GoodAboveTotal { .. } | SampleRefused::TooMany(_) => &problem::BAD_COUNTS,
        SampleRefused::Future { .. } => &problem::TIME_IN_FUTURE,
        SampleRefused::TooLate { .. } => &problem::TIME_IN_PAST,
        SampleRefused::UnknownService(_) => &problem::UNKNOWN_SERVICE,
        SampleRefused::Conflict { .. } => &problem::CONFLICTING_SAMPLE,
        SampleRefused::TooManySeries | SampleRefused::TooManySources | SampleRefused::TooManyCounters => {
            &problem::LIMIT_REACHED
        }
    };
    Rejection::new(problem, refused.to_string())
}

/// How many samples were taken in each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counted {
    /// In all.
    pub accepted: usize,
    /// New ones.
    pub stored: usize,
    /// In place of what was sent before.
    pub replaced: usize,
    /// Sent before, as they are.
    pub repeated: usize,
    /// Too late to be judged in their minute.
    pub late: usize,
}

impl Counted {
    /// Counts one more.
    pub const fn add(&mut self, taken: Taken) {
        self.accepted += 1;
        match taken {
            Taken::Stored => self.stored += 1,
            Taken::Replaced => self.replaced += 1,
            Taken::Repeated => self.repeated += 1,
            Taken::Late => self.late += 1,
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    problem: Option<Head>,
    #[serde(flatten)]
    counted: Counted,
    rejected: Vec<RejectedItem<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_unlisted: Option<usize>,
}

#[derive(Serialize)]
struct Head {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
}

#[derive(Serialize)]
struct RejectedItem<'a> {
    index: usize,
    r#type: String,
    detail: &'a str,
}

/// The answer: 202 with what was kept and what was not; a problem document with the same when nothing was.
#[must_use]
pub fn answer(counted: Counted, rejected: &[Rejection]) -> Answer {
    let head = (counted.accepted == 0).then(|| {
        // A source that contradicts itself is a conflict; anything else is a mistake in the samples.
        let is_conflict = !rejected.is_empty() && rejected.iter().all(|r| r.problem == &problem::CONFLICTING_SAMPLE);
        let problem = if is_conflict { &problem::CONFLICTING_SAMPLE } else { &problem::ALL_REJECTED };
        let detail = match rejected {
            [only] => only.detail.clone(),
            all => format!("all {} samples were rejected", all.len()),
        };
        Head { r#type: problem.uri(), title: problem.title, status: problem.status, detail }
    });
    let (status, content_type) = match &head {
        Some(head) => (head.status, "application/problem+json"),
        None => (202, "application/json"),
    };
    let listed = rejected.iter().take(REJECTIONS_LISTED_MAX);
    let body = Body {
        problem: head,
        counted,
        rejected: listed.map(|r| RejectedItem { index: r.index, r#type: r.problem.uri(), detail: &r.detail }).collect(),
        rejected_unlisted: rejected.len().checked_sub(REJECTIONS_LISTED_MAX).filter(|n| *n > 0),
    };
    Answer { status, content_type: Some(content_type), body: serde_json::to_vec(&body).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Known;

    struct Nothing;

    impl Known for Nothing {
        fn look(
            &self,
            _: &mut dyn FnMut(
                &std::collections::BTreeMap<crate::domain::Fingerprint, crate::engine::state::Alert>,
                bool,
            ),
        ) {
        }
    }

    fn read(body: &str) -> Result<Read, Refusal> {
        let context =
            Context { now: Timestamp::from_seconds(1_800_000_000), organisation: "acme", known: &Nothing, may: None };
        super::read(body, &context, &MetricRules::default())
    }

    const GOOD: &str = r#"{"service":"shop","sli":"availability","minute":"2027-01-15T08:00:00Z","good":9,"total":10}"#;

    #[test]
    fn one_or_an_array() {
        let one = read(GOOD).unwrap();
        assert_eq!(one.samples.len(), 1, "{:?}", one.rejected);
        let sample = &one.samples[0].1;
        assert_eq!((sample.minute, sample.good, sample.total, sample.part), (30_000_000, 9, 10, None));
        assert_eq!(sample.feed.source, "");
        let two = read(&format!("[{GOOD},{GOOD}]")).unwrap();
        assert_eq!(two.samples.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn statuses_are_good_or_bad_as_the_service_says() {
        let sample = |counts: &str| {
            let body = GOOD.replace(r#""good":9,"total":10"#, counts);
            let read = read(&body).unwrap();
            read.samples.first().map(|(_, s)| (s.good, s.total)).ok_or_else(|| read.rejected[0].detail.clone())
        };
        assert_eq!(sample(r#""statuses":{"200":90,"404":7,"503":3}"#), Ok((97, 100)));
        assert_eq!(sample(r#""statuses":{}"#), Ok((0, 0)), "no traffic");
        for (counts, why) in [
            (r#""statuses":{"200":1},"good":1"#, "say either `statuses`"),
            (r#""statuses":{"200":1,"200":1}"#, "occurs twice"),
            (r#""statuses":{"200":-1}"#, "less than nothing"),
            (r#""statuses":{"200":18446744073709551615,"500":1}"#, "too many"),
            (r#""statuses":[1]"#, "must be an object"),
        ] {
            assert!(sample(counts).is_err_and(|detail| detail.contains(why)), "{counts}");
        }
    }

    #[test]
    fn both_ways_of_reading_agree() {
        for (changed, becomes) in [
            (
                r#""endpoint":"GET /a{b}","environment":"prod","region":"eu""#,
                r#""endpoint":"GET \u002fa{b}","environment":"prod","region":"eu""#,
            ),
            (
                r#""threshold":"300ms","source":"a-1","part":7,"correction":true"#,
                r#""threshold":"300ms","source":"a-1","part":"7","correction":true"#,
            ),
            (r#""endpoint":"","source":"""#, r#""endpoint":null,"source":null"#),
        ] {
            let with = |more: &str| GOOD.replace('}', "") + "," + more + "}";
            let (quick, slow) = (read(&with(changed)).unwrap(), read(&with(becomes)).unwrap());
            assert!(quick.rejected.is_empty() && slow.rejected.is_empty(), "{:?} {:?}", quick.rejected, slow.rejected);
            assert_eq!(quick.samples, slow.samples, "{changed}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let table = [
            (r#""good":9"#, r#""good":11"#, "bad-counts"),
            (r#""good":9"#, r#""good":-1"#, "bad-counts"),
            (r#""good":9"#, r#""good":1.5"#, "bad-counts"),
            (r#""good":9"#, r#""good":"x""#, "bad-counts"),
            (r#""good":9"#, r#""godd":9"#, "missing-field"),
            (r#""good":9"#, r#""good":9,"godd":9"#, "unknown-field"),
            (r#""good":9"#, r#""good":9,"good":9"#, "duplicate-name"),
            (r#""good":9"#, r#""good":18446744073709551616"#, "bad-counts"),
            (r#""sli":"availability""#, r#""sli":"""#, "missing-field"),
            (r#""sli":"availability""#, r#""sli":7"#, "wrong-type"),
            (r#""sli":"availability""#, "\"sli\":\"a\\u0000\"", "bad-value"),
            (r#""minute":"2027-01-15T08:00:00Z""#, r#""minute":"08:00""#, "bad-value"),
            (r#""minute":"2027-01-15T08:00:00Z""#, r#""minute":30000000"#, "wrong-type"),
            (r#""good":9"#, r#""good":9,"part":4294967296"#, "bad-value"),
            (r#""good":9"#, r#""good":9,"part":-1"#, "bad-counts"),
            (r#""good":9"#, r#""good":9,"correction":"yes""#, "wrong-type"),
            (r#""good":9"#, r#""good":9,"threshold":"0s""#, "bad-value"),
            (r#""good":9"#, r#""good":9,"threshold":"fast""#, "bad-value"),
        ];
        for (from, to, slug) in table {
            let body = format!("[{},{GOOD}]", GOOD.replace(from, to));
            let read = read(&body).unwrap();
            assert_eq!(read.samples.len(), 1, "{to}");
            let rejected: Vec<_> = read.rejected.iter().map(|r| (r.index, r.problem.slug)).collect();
            assert_eq!(rejected, [(0, slug)], "{to}: {:?}", read.rejected);
        }
        let long = GOOD.replace("shop", &"s".repeat(FIELD_BYTES_MAX + 1));
        assert_eq!(read(&long).unwrap().rejected[0].problem.slug, "too-long");
        let fits = GOOD.replace("shop", &"s".repeat(FIELD_BYTES_MAX));
        assert_eq!(read(&fits).unwrap().samples.len(), 1);
    }

    #[test]
    fn a_request_has_a_limit() {
        let all = |n: usize| format!("[{}]", vec![GOOD; n].join(","));
        assert_eq!(read(&all(REQUEST_SAMPLES_MAX)).unwrap().samples.len(), REQUEST_SAMPLES_MAX);
        assert_eq!(read(&all(REQUEST_SAMPLES_MAX + 1)).unwrap_err().problem.slug, "too-many-events");
        assert_eq!(read("[]").unwrap_err().problem.slug, "wrong-shape");
        assert_eq!(read("{").unwrap_err().problem.slug, "malformed-json");
    }

    #[test]
    fn a_contradiction_alone_is_a_conflict() {
        let conflict = refused(&SampleRefused::Conflict { bad: 1, total: 2 });
        let late = refused(&SampleRefused::TooLate { late: Span::from_minutes(11) });
        assert_eq!(answer(Counted::default(), std::slice::from_ref(&conflict)).status, 409);
        assert_eq!(answer(Counted::default(), &[conflict.clone(), late]).status, 422);
        let mut counted = Counted::default();
        counted.add(Taken::Stored);
        assert_eq!(answer(counted, &[conflict]).status, 202);
    }
}
