//! Metrics as other people's programs send them: Prometheus remote write and OTLP, and the rules that make samples of SLIs of them.
//!
//! The way of a request: `wire` takes protocol buffers apart, `remote_write` or `otlp` hands over each series with its points, `mapping`
//! finds the rules that want it and makes readings for the engine. A series that no rule wants costs a look at its metric's name.

pub mod mapping;
pub mod otlp;
pub mod remote_write;
#[cfg(test)]
mod tests;
pub mod wire;

use std::borrow::Cow;

use super::{Refusal, problem};
use crate::domain::Timestamp;
use wire::WireError;

/// A series as it was sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series<'a> {
    /// Name of the metric.
    pub metric: Cow<'a, str>,
    /// Unit of the metric, where it is said.
    pub unit: &'a str,
    /// Labels without the metric's name, sorted by name, none twice.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Why it cannot be used, should anybody want it.
    pub wrong: Option<String>,
}

impl Series<'_> {
    /// The value of a label; that of `__name__` is the metric's name.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        if name == "__name__" {
            return Some(&self.metric);
        }
        let at = self.labels.binary_search_by(|(n, _)| n.as_ref().cmp(name)).ok()?;
        self.labels.get(at).map(|(_, value)| value.as_ref())
    }

    /// Puts labels in order. A label without a value is the same as none.
    fn finish(&mut self) {
        self.labels.retain(|(_, value)| !value.is_empty());
        if !self.labels.is_sorted() {
            self.labels.sort();
        }
        if let Some(pair) = self.labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            self.wrong = Some(format!("the label `{}` occurs twice", pair[0].0));
        }
    }
}

/// A number as it was sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A floating-point number.
    Float(f64),
    /// A whole number.
    Whole(i64),
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A counter's count since it began.
    Total(Number),
    /// What was counted since the point before.
    Added(Number),
    /// A histogram: how many events were at most as large as each bound (and the last: larger than all), since it began or since the
    /// point before.
    Buckets {
        /// Bounds, ascending, as the bits of floating-point numbers.
        bounds: &'a [u64],
        /// Events between two bounds; one more than there are bounds.
        counts: &'a [u64],
        /// All events.
        count: u64,
        /// Whether they are counted since the point before.
        added: bool,
    },
    /// The series is no more.
    Gone,
    /// Nothing that counts events, and what it is instead.
    Unusable(&'static str),
}

/// A measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<'a> {
    /// When.
    pub at: Timestamp,
    /// When the count began, where it is said.
    pub since: Option<Timestamp>,
    /// What.
    pub value: Value<'a>,
}

/// Takes series as they are read.
pub trait Sink {
    /// A series with its points, oldest first.
    fn take(&mut self, series: &Series<'_>, points: &[Point<'_>]);
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        Self::new(&problem::MALFORMED_PROTOBUF, error.to_string())
    }
}

/// Milliseconds since 1970, bounded.
const fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}
