//! OTLP metrics: `ExportMetricsServiceRequest`, and the answers that the protocol wants.
//!
//! Source: the OTLP specification 1.8 and its message definitions, read in November 2026. Sums and histograms with explicit bounds are used;
//! gauges, summaries and exponential histograms count no events between bounds that anybody chose.
//!
//! Attributes of the resource and of the point are one set of labels; the point's own win. An attribute that is a list or a map is left out.

use std::borrow::Cow;

use super::wire::{Field, Fields, WireError, fields, put_bytes, put_number};
use super::{Number, Point, Series, Sink, Value, instant};
use crate::ingest::limits::{
    HISTOGRAM_BUCKETS_MAX, LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX, POINTS_MAX,
};
use crate::ingest::{Refusal, problem};

/// Temporality of what is counted since the point before.
const DELTA: u64 = 1;
/// Temporality of what is counted since the start.
const CUMULATIVE: u64 = 2;
/// Flag of a point without a value: the series is no more.
const NO_VALUE: u64 = 1;

type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Reads a request and hands over its points. Gives their number.
///
/// # Errors
/// When the bytes are not that message, or hold too much. What was handed over before is not to be kept.
pub fn read(body: &[u8], sink: &mut dyn Sink) -> Result<u64, Refusal> {
    let mut reader = Reader { points: 0, sink };
    for field in fields("ExportMetricsServiceRequest", body) {
        let field = field?;
        if field.number == 1 {
            reader.resource_metrics(field.bytes()?)?;
        }
    }
    Ok(reader.points)
}

/// The message that says how much of a request was taken.
#[must_use]
pub fn answer(rejected: u64, why: &str) -> Vec<u8> {
    let mut out = Vec::new();
    if rejected > 0 || !why.is_empty() {
        let mut partial = Vec::new();
        put_number(&mut partial, 1, rejected);
        put_bytes(&mut partial, 2, why.as_bytes());
        put_bytes(&mut out, 1, &partial);
    }
    out
}

/// The message that says why nothing was taken: `google.rpc.Status`.
#[must_use]
pub fn status(code: u64, why: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put_number(&mut out, 1, code);
    put_bytes(&mut out, 2, why.as_bytes());
    out
}

struct Reader<'s> {
    points: u64,
    sink: &'s mut dyn Sink,
}

/// The metric that points belong to.
#[derive(Clone, Copy)]
struct Metric<'a> {
    name: &'a str,
    unit: &'a str,
}

impl Reader<'_> {
    fn resource_metrics(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut resource = Series::default();
        for field in fields("ResourceMetrics", bytes) {
            let field = field?;
            if field.number == 1 {
                for field in fields("Resource", field.bytes()?) {
                    let field = field?;
                    if field.number == 1 {
                        attribute(&mut resource, field.bytes()?)?;
                    }
                }
            }
        }
        for field in fields("ResourceMetrics", bytes) {
            let field = field?;
            if field.number == 2 {
                for field in fields("ScopeMetrics", field.bytes()?) {
                    let field = field?;
                    if field.number == 2 {
                        self.metric(field.bytes()?, &resource)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn metric(&mut self, bytes: &[u8], resource: &Series<'_>) -> Result<(), Refusal> {
        let mut metric = Metric { name: "", unit: "" };
        for field in fields("Metric", bytes) {
            let field = field?;
            match field.number {
                1 => metric.name = field.text()?,
                3 => metric.unit = field.text()?,
                _ => {}
            }
        }
        for field in fields("Metric", bytes) {
            let field = field?;
            match field.number {
                5 => self.each(field.bytes()?, metric, resource, &|_| Value::Unusable("a gauge"))?,
                7 => self.sum(field.bytes()?, metric, resource)?,
                9 => self.histogram(field.bytes()?, metric, resource)?,
                10 => self.each(field.bytes()?, metric, resource, &|_| Value::Unusable("an exponential histogram"))?,
                11 => self.each(field.bytes()?, metric, resource, &|_| Value::Unusable("a summary"))?,
                _ => {}
            }
        }
        Ok(())
    }

    fn sum(&mut self, bytes: &[u8], metric: Metric<'_>, resource: &Series<'_>) -> Result<(), Refusal> {
        let (mut temporality, mut monotonic) = (0, false);
        for field in fields("Sum", bytes) {
            let field = field?;
            match field.number {
                2 => temporality = field.unsigned()?,
                3 => monotonic = field.unsigned()? != 0,
                _ => {}
            }
        }
        self.each(bytes, metric, resource, &|point| match (monotonic, temporality) {
            (false, _) => Value::Unusable("a sum that may fall"),
            (true, DELTA) => Value::Added(point.number),
            (true, CUMULATIVE) => Value::Total(point.number),
            (true, _) => Value::Unusable("a sum without a temporality"),
        })
    }

    fn histogram(&mut self, bytes: &[u8], metric: Metric<'_>, resource: &Series<'_>) -> Result<(), Refusal> {
        let mut temporality = 0;
        for field in fields("Histogram", bytes) {
            let field = field?;
            if field.number == 2 {
                temporality = field.unsigned()?;
            }
        }
        for field in fields("Histogram", bytes) {
            let field = field?;
            if field.number == 1 {
                self.histogram_point(field.bytes()?, temporality, metric, resource)?;
            }
        }
        Ok(())
    }

    fn histogram_point(
        &mut self,
        bytes: &[u8],
        temporality: u64,
        metric: Metric<'_>,
        resource: &Series<'_>,
    ) -> Result<(), Refusal> {
        let mut series = series(metric);
        let (mut at, mut since, mut count, mut flags) = (0, 0, 0, 0);
        let (mut bounds, mut counts) = (Vec::new(), Vec::new());
        let mut whole = true;
        for field in fields("HistogramDataPoint", bytes) {
            let field = field?;
            match field.number {
                2 => since = field.fixed64()?,
                3 => at = field.fixed64()?,
                4 => count = field.fixed64()?,
                6 => whole &= field.push_fixed64s(&mut counts, HISTOGRAM_BUCKETS_MAX)?,
                7 => whole &= field.push_fixed64s(&mut bounds, HISTOGRAM_BUCKETS_MAX)?,
                9 => attribute(&mut series, field.bytes()?)?,
                10 => flags = field.unsigned()?,
                _ => {}
            }
        }
        if !whole {
            series.wrong = Some(format!("it has more than {HISTOGRAM_BUCKETS_MAX} buckets"));
        }
        let value = match temporality {
            _ if flags & NO_VALUE != 0 => Value::Gone,
            DELTA | CUMULATIVE => {
                Value::Buckets { bounds: &bounds, counts: &counts, count, added: temporality == DELTA }
            }
            _ => Value::Unusable("a histogram without a temporality"),
        };
        self.hand_over(series, resource, Point { at: nanos(at), since: start(since), value })
    }

    /// Each point of a message that has them as field 1; `value` says what one means.
    fn each<'a>(
        &mut self,
        bytes: &'a [u8],
        metric: Metric<'a>,
        resource: &Series<'a>,
        value: &dyn Fn(&NumberPoint) -> Value<'a>,
    ) -> Result<(), Refusal> {
        for field in points(bytes) {
            let bytes = field?;
            let mut series = series(metric);
            let mut point = NumberPoint { at: 0, since: 0, number: Number::Whole(0), flags: 0 };
            for field in fields("NumberDataPoint", bytes) {
                point.read(&field?, &mut series)?;
            }
            let value = if point.flags & NO_VALUE == 0 { value(&point) } else { Value::Gone };
            self.hand_over(series, resource, Point { at: nanos(point.at), since: start(point.since), value })?;
        }
        Ok(())
    }

    fn hand_over<'a>(
        &mut self,
        mut series: Series<'a>,
        resource: &'a Series<'_>,
        point: Point<'_>,
    ) -> Result<(), Refusal> {
        self.points += 1;
        if self.points > POINTS_MAX as u64 {
            return Err(Refusal::new(
                &problem::TOO_MANY_SERIES,
                format!("more than {POINTS_MAX} points in one request"),
            ));
        }
        let own = series.labels.len();
        for (name, value) in &resource.labels {
            if !series.labels[..own].iter().any(|(n, _)| n == name) {
                series.labels.push((Cow::Borrowed(name), Cow::Borrowed(value)));
            }
        }
        if series.labels.len() > 2 * LABELS_MAX || resource.wrong.is_some() {
            series.wrong = series.wrong.or_else(|| resource.wrong.clone());
        }
        series.finish();
        self.sink.take(&series, &[point]);
        Ok(())
    }
}

/// The bytes of the points of a message.
fn points(bytes: &[u8]) -> impl Iterator<Item = Result<&[u8], WireError>> {
    let all: Fields<'_> = fields("the points of a metric", bytes);
    all.filter_map(|field| match field {
        Ok(field) if field.number == 1 => Some(field.bytes()),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

struct NumberPoint {
    at: u64,
    since: u64,
    number: Number,
    flags: u64,
}

impl NumberPoint {
    /// Gauges and sums; of other kinds of points only what they have in common is understood.
    fn read<'a>(&mut self, field: &Field<'a>, series: &mut Series<'a>) -> Result<(), WireError> {
        match field.number {
            2 => self.since = field.fixed64().unwrap_or(0),
            3 => self.at = field.fixed64().unwrap_or(0),
            4 => self.number = field.double().map_or(self.number, Number::Float),
            6 => self.number = field.fixed64().map_or(self.number, |bits| Number::Whole(bits.cast_signed())),
            7 => attribute(series, field.bytes().unwrap_or_default())?,
            8 => self.flags = field.unsigned().unwrap_or(0),
            _ => {}
        }
        Ok(())
    }
}

const fn series(metric: Metric<'_>) -> Series<'_> {
    Series { metric: Cow::Borrowed(metric.name), unit: metric.unit, labels: Labels::new(), wrong: None }
}

/// Adds an attribute. What breaks a limit makes the series unusable, not the request.
fn attribute<'a>(series: &mut Series<'a>, bytes: &'a [u8]) -> Result<(), WireError> {
    let (mut name, mut value) = ("", Cow::Borrowed(""));
    for field in fields("KeyValue", bytes) {
        let field = field?;
        match field.number {
            1 => name = field.text()?,
            2 => value = any(field.bytes()?)?,
            _ => {}
        }
    }
    if name.len() > LABEL_NAME_BYTES_MAX || value.len() > LABEL_VALUE_BYTES_MAX {
        series.wrong = Some(format!(
            "an attribute is longer than {LABEL_NAME_BYTES_MAX} bytes of name or {LABEL_VALUE_BYTES_MAX} bytes of value"
        ));
    } else if series.labels.len() == LABELS_MAX {
        series.wrong = Some(format!("it has more than {LABELS_MAX} attributes"));
    } else {
        series.labels.push((Cow::Borrowed(name), value));
    }
    Ok(())
}

/// A value as a text; empty for what is none.
fn any(bytes: &[u8]) -> Result<Cow<'_, str>, WireError> {
    let mut value = Cow::Borrowed("");
    for field in fields("AnyValue", bytes) {
        let field = field?;
        value = match field.number {
            1 => Cow::Borrowed(field.text()?),
            2 => Cow::Borrowed(if field.unsigned()? == 0 { "false" } else { "true" }),
            3 => Cow::Owned(field.signed()?.to_string()),
            4 => Cow::Owned(field.double()?.to_string()),
            _ => continue,
        };
    }
    Ok(value)
}

fn nanos(nanos: u64) -> crate::domain::Timestamp {
    instant(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX))
}

fn start(since: u64) -> Option<crate::domain::Timestamp> {
    (since != 0).then(|| nanos(since))
}
