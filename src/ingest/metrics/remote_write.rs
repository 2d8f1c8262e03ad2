//! Prometheus remote write: the messages of version 1 (`prometheus.WriteRequest`) and version 2 (`io.prometheus.write.v2.Request`).
//!
//! Sources: the specifications of remote write 1.0 and 2.0 (release candidate 4) and their message definitions, read in November 2026.
//! Version 2 before candidate 4 has the start of a counter beside the series rather than beside the sample; both are read.

use std::borrow::Cow;
use std::io;

use super::wire::{Field, WireError, fields};
use super::{Number, Point, Series, Sink, Value, instant};
use crate::ingest::limits::{
    BODY_BYTES_MAX, LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX, POINTS_MAX, SERIES_MAX, SYMBOLS_MAX,
};
use crate::ingest::{Refusal, problem};

/// The value by which Prometheus says that a series is no more.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// Which message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `prometheus.WriteRequest`
    One,
    /// `io.prometheus.write.v2.Request`
    Two,
}

/// What a request held, whether anybody wanted it or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Samples of counters, gauges and classic histograms.
    pub samples: u64,
    /// Samples of native histograms.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
}

/// Takes the block format of snappy apart; what would be more than [`BODY_BYTES_MAX`] is never made.
///
/// # Errors
/// When it is too large or damaged.
pub fn decompress(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let damaged = |error: snap::Error| {
        Refusal::new(
            &problem::BAD_COMPRESSION,
            format!("the body is not a block of snappy: {}", io::Error::from(error)),
        )
    };
    let length = snap::raw::decompress_len(bytes).map_err(damaged)?;
    if length > BODY_BYTES_MAX {
        let detail = format!("more than {BODY_BYTES_MAX} bytes after decompression");
        return Err(Refusal::new(&problem::BODY_TOO_LARGE, detail));
    }
    snap::raw::Decoder::new().decompress_vec(bytes).map_err(damaged)
}

/// Reads a message and hands over its series.
///
/// # Errors
/// When the bytes are not that message, or hold too much. What was handed over before is not to be kept.
pub fn read(version: Version, body: &[u8], sink: &mut dyn Sink) -> Result<Held, Refusal> {
    let mut reader =
        Reader { held: Held::default(), series: 0, points: Vec::new(), symbols: Vec::new(), refs: Vec::new() };
    match version {
        Version::One => reader.one(body, sink)?,
        Version::Two => reader.two(body, sink)?,
    }
    Ok(reader.held)
}

struct Reader<'a> {
    held: Held,
    series: usize,
    points: Vec<Point<'a>>,
    symbols: Vec<&'a str>,
    refs: Vec<u64>,
}

impl<'a> Reader<'a> {
    fn one(&mut self, body: &'a [u8], sink: &mut dyn Sink) -> Result<(), Refusal> {
        for field in fields("WriteRequest", body) {
            let field = field?;
            if field.number == 1 {
                self.count_series()?;
                let mut series = Series::default();
                let bytes = field.bytes()?;
                for field in fields("TimeSeries", bytes) {
                    let field = field?;
                    match field.number {
                        1 => label(&mut series, field.bytes()?)?,
                        2 => self.sample(field.bytes()?, None)?,
                        3 => self.held.exemplars += 1,
                        4 => self.histogram(field.bytes()?, 15)?,
                        _ => {}
                    }
                }
                self.hand_over(series, sink);
            }
        }
        Ok(())
    }

    fn two(&mut self, body: &'a [u8], sink: &mut dyn Sink) -> Result<(), Refusal> {
        // The table of texts may stand behind what refers to it.
        for field in fields("Request", body) {
            let field = field?;
            if field.number == 4 {
                if self.symbols.len() == SYMBOLS_MAX {
                    return Err(Refusal::new(&problem::TOO_MANY_SERIES, format!("more than {SYMBOLS_MAX} texts")));
                }
                self.symbols.push(field.text()?);
            }
        }
        for field in fields("Request", body) {
            let field = field?;
            if field.number == 5 {
                self.count_series()?;
                self.series_two(field.bytes()?, sink)?;
            }
        }
        Ok(())
    }

    fn series_two(&mut self, bytes: &'a [u8], sink: &mut dyn Sink) -> Result<(), Refusal> {
        let mut series = Series::default();
        self.refs.clear();
        let (mut created, mut whole) = (None, true);
        for field in fields("TimeSeries", bytes) {
            let field = field?;
            match field.number {
                1 => whole &= field.push_varints(&mut self.refs, 2 * (LABELS_MAX + 1))?,
                6 => created = Some(field.signed()?),
                _ => {}
            }
        }
        if !whole {
            series.wrong = Some(format!("it has more than {LABELS_MAX} labels"));
        }
        for field in fields("TimeSeries", bytes) {
            let field = field?;
            match field.number {
                2 => self.sample(field.bytes()?, created)?,
                3 => self.histogram(field.bytes()?, 15)?,
                4 => self.held.exemplars += 1,
                _ => {}
            }
        }
        let (pairs, rest) = self.refs.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(malformed("a series has a label without a value"));
        }
        for [name, value] in pairs {
            let text = |at: u64| {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                self.symbols
                    .get(at)
                    .copied()
                    .ok_or_else(|| malformed("a label refers to a text that is not in the table"))
            };
            push(&mut series, text(*name)?, text(*value)?);
        }
        self.hand_over(series, sink);
        Ok(())
    }

    fn count_series(&mut self) -> Result<(), Refusal> {
        self.series += 1;
        if self.series > SERIES_MAX {
            return Err(Refusal::new(
                &problem::TOO_MANY_SERIES,
                format!("more than {SERIES_MAX} series in one request"),
            ));
        }
        Ok(())
    }

    fn count_point(&mut self) -> Result<(), Refusal> {
        if self.held.samples + self.held.histograms > POINTS_MAX as u64 {
            return Err(Refusal::new(
                &problem::TOO_MANY_SERIES,
                format!("more than {POINTS_MAX} samples in one request"),
            ));
        }
        Ok(())
    }

    fn sample(&mut self, bytes: &'a [u8], created: Option<i64>) -> Result<(), Refusal> {
        let (mut value, mut at, mut since) = (0.0_f64, 0, created);
        for field in fields("Sample", bytes) {
            let field = field?;
            match field.number {
                1 => value = field.double()?,
                2 => at = field.signed()?,
                3 => since = Some(field.signed()?),
                _ => {}
            }
        }
        self.held.samples += 1;
        self.count_point()?;
        let value = if value.to_bits() == STALE { Value::Gone } else { Value::Total(Number::Float(value)) };
        self.points.push(Point { at: instant(at), since: since.filter(|s| *s != 0).map(instant), value });
        Ok(())
    }

    fn histogram(&mut self, bytes: &'a [u8], time_field: u32) -> Result<(), Refusal> {
        let mut at = 0;
        for field in fields("Histogram", bytes) {
            let field = field?;
            if field.number == time_field {
                at = field.signed()?;
            }
        }
        self.held.histograms += 1;
        self.count_point()?;
        self.points.push(Point { at: instant(at), since: None, value: Value::Unusable("a native histogram") });
        Ok(())
    }

    fn hand_over(&mut self, mut series: Series<'a>, sink: &mut dyn Sink) {
        series.finish();
        sink.take(&series, &self.points);
        self.points.clear();
    }
}

fn label<'a>(series: &mut Series<'a>, bytes: &'a [u8]) -> Result<(), WireError> {
    let (mut name, mut value) = ("", "");
    for field in fields("Label", bytes) {
        let field: Field<'a> = field?;
        match field.number {
            1 => name = field.text()?,
            2 => value = field.text()?,
            _ => {}
        }
    }
    push(series, name, value);
    Ok(())
}

/// Adds a label, or the metric's name. What breaks a limit makes the series unusable, not the request.
fn push<'a>(series: &mut Series<'a>, name: &'a str, value: &'a str) {
    if name == "__name__" && series.metric.is_empty() && value.len() <= LABEL_VALUE_BYTES_MAX {
        series.metric = Cow::Borrowed(value);
    } else if name.len() > LABEL_NAME_BYTES_MAX || value.len() > LABEL_VALUE_BYTES_MAX {
        series.wrong = Some(format!(
            "a label is longer than {LABEL_NAME_BYTES_MAX} bytes of name or {LABEL_VALUE_BYTES_MAX} bytes of value"
        ));
    } else if series.labels.len() == LABELS_MAX {
        series.wrong = Some(format!("it has more than {LABELS_MAX} labels"));
    } else {
        series.labels.push((Cow::Borrowed(name), Cow::Borrowed(value)));
    }
}

fn malformed(detail: &str) -> Refusal {
    Refusal::new(&problem::MALFORMED_PROTOBUF, detail)
}
