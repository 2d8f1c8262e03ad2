//! From series to readings: which rules want a series, what it counts for, and why it cannot be used.
//!
//! Absent on purpose: differences between readings. They need what was read before, which is the engine's.

use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::{Number, Point, Series, Sink, Value};
use crate::config::metrics::{Measure, MetricRule, MetricRules, Selector, Template};
use crate::domain::{Feed, FeedReadings, Name, Reading, Role, SeriesKey, Span, Timestamp};
use crate::engine::limits::{BACKLOG_KEPT, SAMPLE_SKEW};
use crate::ingest::MayIngest;
use crate::ingest::limits::{FIELD_BYTES_MAX, REASONS_MAX};

/// The largest count that floating-point numbers tell apart. Beyond: the reading is refused.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// How far a bound may lie from the threshold, relatively, to count as the same: the last digits of a floating-point number.
const SAME_BOUND: f64 = 1e-9;

/// What rules make of the series of one request.
pub struct Mapper<'a> {
    rules: &'a MetricRules,
    /// Whether the catalogue has a service.
    knows: &'a dyn Fn(&str) -> bool,
    /// Whether the sender may speak for a service; absent: for all.
    may: Option<&'a MayIngest<'a>>,
    now: Timestamp,
    places: BTreeMap<Arc<Feed>, usize>,
    groups: Vec<FeedReadings>,
    /// What became of the points.
    pub tally: Tally,
}

/// What became of the points of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Points that some rule wanted and took.
    pub taken: u64,
    /// Points that no rule wanted.
    pub unwanted: u64,
    /// Points that a rule wanted and could not use.
    pub rejected: u64,
    /// The same of native histograms alone.
    pub rejected_histograms: u64,
    /// Why, with the number of points; the most different ones are counted together.
    pub reasons: BTreeMap<String, u64>,
}

impl Tally {
    fn reject(&mut self, points: &[Point<'_>], reason: String) {
        let points_max = points.len() as u64;
        let histograms =
            points.iter().filter(|p| matches!(p.value, Value::Unusable("a native histogram"))).count() as u64;
        self.rejected += points_max;
        self.rejected_histograms += histograms;
        let is_known = self.reasons.contains_key(&reason);
        let reason = if is_known || self.reasons.len() < REASONS_MAX { reason } else { "other reasons".to_owned() };
        *self.reasons.entry(reason).or_default() += points_max;
    }

    /// The reasons as a text of one line.
    #[must_use]
    pub fn why(&self) -> String {
        let reasons: Vec<String> = self.reasons.iter().map(|(reason, n)| format!("{reason} ({n})")).collect();
        reasons.join("; ")
    }
}

/// Whether a series counts for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Yes,
    No,
}

/// What a rule sees in a series.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Seen {
    /// Nothing.
    Nothing,
    /// A counter.
    Counter(Role),
    /// A counter of events with a status.
    Status,
    /// A histogram with all of its buckets, and the threshold in its unit.
    Histogram(f64),
}

impl<'a> Mapper<'a> {
    /// For one request.
    pub fn new(
        rules: &'a MetricRules,
        knows: &'a dyn Fn(&str) -> bool,
        may: Option<&'a MayIngest<'a>>,
        now: Timestamp,
    ) -> Self {
        Self { rules, knows, may, now, places: BTreeMap::new(), groups: Vec::new(), tally: Tally::default() }
    }

    /// What came of it.
    #[must_use]
    pub fn finish(self) -> (Vec<FeedReadings>, Tally) {
        (self.groups, self.tally)
    }

    /// Readings for one rule. `Err` says why the points cannot be used.
    fn take_for(
        &mut self,
        rule: &MetricRule,
        seen: Seen,
        series: &Series<'_>,
        points: &[Point<'_>],
    ) -> Result<Wanted, String> {
        if let Some(wrong) = &series.wrong {
            return Err(format!("`{}`: {wrong}", shown(&series.metric)));
        }
        let unusable = points.iter().find_map(|point| match point.value {
            Value::Unusable(what) => Some(what),
            _ => None,
        });
        if let Some(what) = unusable {
            return Err(format!("`{}` is {what}", shown(&series.metric)));
        }
        let Some(feed) = self.feed(rule, series)? else { return Ok(Wanted::No) };
        let seen = self.by_status(rule, seen, &feed, series)?;
        let counter = identity(rule, seen, series);
        let mut readings = Vec::with_capacity(points.len());
        for point in points {
            self.check_time(point.at)?;
            let reading =
                |counter, value, added, role| Reading { counter, at: point.at, since: point.since, value, added, role };
            match (seen, point.value) {
                (_, Value::Gone) => {}
                (Seen::Counter(counts), Value::Total(number)) => {
                    readings.push(reading(counter, total(number)?, false, counts));
                }
                (Seen::Counter(counts), Value::Added(number)) => {
                    readings.push(reading(counter, whole(number)?, true, counts));
                }
                (Seen::Histogram(threshold), Value::Buckets { bounds, counts, count, added }) => {
                    let good = below(threshold, bounds, counts, count)?;
                    readings.push(reading(counter & !1, count, added, Role::Total));
                    readings.push(reading(counter | 1, good, added, Role::Good));
                }
                (Seen::Counter(_), Value::Buckets { .. }) => {
                    return Err(format!(
                        "`{}` is a histogram; the rule counts with `histogram` then",
                        shown(&series.metric)
                    ));
                }
                (Seen::Histogram(_), _) => return Err(format!("`{}` is no histogram", shown(&series.metric))),
                (Seen::Nothing | Seen::Status, _) | (_, Value::Unusable(_)) => {}
            }
        }
        if !readings.is_empty() {
            self.group(feed).readings.extend(readings);
        }
        Ok(Wanted::Yes)
    }

    /// What a counter of events with a status counts for: the service says which statuses are bad.
    fn by_status(&self, rule: &MetricRule, seen: Seen, feed: &Feed, series: &Series<'_>) -> Result<Seen, String> {
        let (Measure::Status { label, .. }, Seen::Status) = (&rule.measure, seen) else { return Ok(seen) };
        let status = series.label(label).ok_or_else(|| {
            format!("`{}` has no label `{label}` with the status for rule `{}`", shown(&series.metric), rule.name)
        })?;
        let is_bad = self.rules.bad_status(&feed.series.service).is_bad(status);
        Ok(Seen::Counter(if is_bad { Role::Total } else { Role::GoodTotal }))
    }

    fn group(&mut self, feed: Feed) -> &mut FeedReadings {
        let at = if let Some(at) = self.places.get(&feed) {
            *at
        } else {
            let feed = Arc::new(feed);
            self.groups.push(FeedReadings { feed: Arc::clone(&feed), readings: Vec::new() });
            let at = self.groups.len() - 1;
            self.places.insert(feed, at);
            at
        };
        &mut self.groups[at]
    }

    /// What a series counts for; `None` when its labels name a service that is not in the catalogue, which is nobody's mistake.
    fn feed(&self, rule: &MetricRule, series: &Series<'_>) -> Result<Option<Feed>, String> {
        let name = |what: &str, template: &Template| {
            let text = template.render(|label| series.label(label)).map_err(|label| {
                format!("`{}` has no label `{label}` for the {what} of rule `{}`", shown(&series.metric), rule.name)
            })?;
            if text.len() > FIELD_BYTES_MAX || text.chars().any(char::is_control) {
                return Err(format!("the {what} of rule `{}` is too long or has control characters", rule.name));
            }
            Ok(text)
        };
        let maybe = |what: &str, template: &Option<Template>| template.as_ref().map(|t| name(what, t)).transpose();
        let service = name("service", &rule.service)?;
        if !(self.knows)(&service) {
            return Ok(None);
        }
        if self.may.is_some_and(|may| !may(None, Some(&service))) {
            return Err(format!("the token may not send for service `{}`", shown(&service)));
        }
        let threshold = match rule.measure {
            Measure::Histogram { threshold, .. } => Some(threshold),
            _ => None,
        };
        let key = SeriesKey {
            service,
            sli: rule.sli.clone(),
            endpoint: maybe("endpoint", &rule.endpoint)?,
            environment: maybe("environment", &rule.environment)?,
            region: maybe("region", &rule.region)?,
            threshold,
        };
        let source = maybe("source", &rule.source)?.unwrap_or_else(|| Name::from(format!("metrics.{}", rule.name)));
        Ok(Some(Feed { series: key, source }))
    }

    fn check_time(&self, at: Timestamp) -> Result<(), String> {
        if at > self.now.plus(SAMPLE_SKEW) {
            return Err(format!("the time lies more than {SAMPLE_SKEW} ahead of callout's clock"));
        }
        if at < self.now.minus(BACKLOG_KEPT) {
            return Err(format!("the time lies more than {BACKLOG_KEPT} back"));
        }
        Ok(())
    }
}

impl Sink for Mapper<'_> {
    fn take(&mut self, series: &Series<'_>, points: &[Point<'_>]) {
        let mut wanted = false;
        let mut refused = None;
        let rules = self.rules;
        for rule in rules.of(&series.metric) {
            let seen = look(rule, series);
            if seen != Seen::Nothing {
                match self.take_for(rule, seen, series, points) {
                    Ok(is_wanted) => wanted |= is_wanted == Wanted::Yes,
                    Err(reason) => refused = refused.or(Some(reason)),
                }
            }
        }
        match refused {
            Some(reason) => self.tally.reject(points, reason),
            None if wanted => self.tally.taken += points.len() as u64,
            None => self.tally.unwanted += points.len() as u64,
        }
    }
}

/// What a rule sees in a series.
fn look(rule: &MetricRule, series: &Series<'_>) -> Seen {
    let label = |name: &str| series.label(name);
    let matches = |selector: &Selector| selector.matches(&series.metric, label);
    match &rule.measure {
        Measure::Good { total, good } => match (matches(total), matches(good)) {
            (true, true) => Seen::Counter(Role::GoodTotal),
            (true, false) => Seen::Counter(Role::Total),
            (false, true) => Seen::Counter(Role::Good),
            (false, false) => Seen::Nothing,
        },
        Measure::Bad { total, bad } => match (matches(total), matches(bad)) {
            (true, true) => Seen::Counter(Role::Total),
            (true, false) => Seen::Counter(Role::GoodTotal),
            (false, true) => Seen::Counter(Role::Bad),
            (false, false) => Seen::Nothing,
        },
        Measure::Status { total, .. } => {
            if matches(total) {
                Seen::Status
            } else {
                Seen::Nothing
            }
        }
        Measure::Histogram { histogram, threshold } => part_of_histogram(histogram, *threshold, series),
    }
}

fn part_of_histogram(selector: &Selector, threshold: Span, series: &Series<'_>) -> Seen {
    let (metric, role) = match (series.metric.strip_suffix("_bucket"), series.metric.strip_suffix("_count")) {
        (Some(metric), _) if series.label("le").is_some() => (metric, Some(Role::HistogramGood)),
        (_, Some(metric)) => (metric, Some(Role::HistogramTotal)),
        _ => (series.metric.as_ref(), None),
    };
    // The name that an expression is held against is that of the whole.
    let label =
        |name: &str| if name == "__name__" { Some(metric) } else { series.label(name).filter(|_| name != "le") };
    let matches = |metric: &str| selector.matches(metric, label);
    let threshold = in_unit(threshold, metric, series.unit);
    match role {
        Some(Role::HistogramGood) if matches(metric) => {
            let le = series.label("le").and_then(|le| le.parse::<f64>().ok());
            if le.is_some_and(|le| is_same(le, threshold)) { Seen::Counter(Role::HistogramGood) } else { Seen::Nothing }
        }
        Some(role) if matches(metric) => Seen::Counter(role),
        _ if selector.matches(&series.metric, |name: &str| series.label(name)) => Seen::Histogram(threshold),
        _ => Seen::Nothing,
    }
}

/// A threshold in the unit of a metric: what it says, what its name ends in, or else seconds.
fn in_unit(threshold: Span, metric: &str, unit: &str) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a threshold of milliseconds has few digits")]
    let millis = threshold.as_millis() as f64;
    let ends = |ending: &str| unit.is_empty() && metric.ends_with(ending);
    match unit {
        "ms" => millis,
        "us" => millis * 1e3,
        "ns" => millis * 1e6,
        _ if ends("_milliseconds") || ends("_ms") => millis,
        _ if ends("_microseconds") => millis * 1e3,
        _ if ends("_nanoseconds") => millis * 1e6,
        _ => millis / 1e3,
    }
}

fn is_same(a: f64, b: f64) -> bool {
    a.is_finite() && (a - b).abs() <= b.abs() * SAME_BOUND
}

/// Events of a histogram that took at most the threshold.
fn below(threshold: f64, bounds: &[u64], counts: &[u64], count: u64) -> Result<u64, String> {
    let at = bounds.iter().position(|bits| is_same(f64::from_bits(*bits), threshold)).ok_or_else(|| {
        let bounds: Vec<String> = bounds.iter().take(20).map(|bits| f64::from_bits(*bits).to_string()).collect();
        format!("the threshold, {threshold}, is no bound of the histogram; its bounds are {}", bounds.join(", "))
    })?;
    if counts.len() != bounds.len() + 1 {
        return Err("a histogram has not one more counts than bounds".to_owned());
    }
    let good = counts[..=at].iter().try_fold(0_u64, |sum, n| sum.checked_add(*n)).filter(|good| *good <= count);
    good.ok_or_else(|| "the counts of a histogram's buckets are more than its count".to_owned())
}

/// What a counter stands at, in whole events.
fn total(number: Number) -> Result<u64, String> {
    match number {
        Number::Whole(number) => u64::try_from(number).map_err(|_| "a counter is below zero".to_owned()),
        Number::Float(number) if !(0.0..=EXACT_MAX).contains(&number) => {
            Err(format!("a counter stands at {number}, which is no count"))
        }
        // A counter of parts of events counts the whole ones.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was just bounded")]
        Number::Float(number) => Ok(number as u64),
    }
}

/// A difference, which must be whole: rounding each would add up.
fn whole(number: Number) -> Result<u64, String> {
    match number {
        Number::Float(number) if number.fract() != 0.0 => Err(format!("{number} more events are not a whole number")),
        number => total(number),
    }
}

/// The identity of a counter: rule, metric and labels. Of the parts of a histogram only the last bit differs.
fn identity(rule: &MetricRule, seen: Seen, series: &Series<'_>) -> u64 {
    let histogram = match seen {
        Seen::Counter(counts) => counts.needs_partner(),
        Seen::Histogram(_) => true,
        Seen::Nothing | Seen::Status => false,
    };
    let mut hasher = Xxh3::new();
    let mut put = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    put(&rule.name);
    let metric = series.metric.as_ref();
    put(if histogram { metric.trim_end_matches("_bucket").trim_end_matches("_count") } else { metric });
    for (name, value) in &series.labels {
        if !(histogram && name == "le") {
            put(name);
            put(value);
        }
    }
    match (histogram, seen) {
        (false, _) => hasher.digest(),
        (true, Seen::Counter(Role::HistogramGood)) => hasher.digest() | 1,
        (true, _) => hasher.digest() & !1,
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_beyond_the_limit_are_counted_together() {
        let mut tally = Tally::default();
        for n in 0..REASONS_MAX + 3 {
            tally.reject(&[], format!("reason {n}"));
            assert_eq!(tally.reasons.contains_key("other reasons"), n >= REASONS_MAX, "{n}");
        }
        assert_eq!(tally.reasons.len(), REASONS_MAX + 1);
    }

    #[test]
    fn counts_are_taken_as_far_as_they_are_exact() {
        assert_eq!(total(Number::Float(EXACT_MAX)), Ok(1 << 53));
        assert!(total(Number::Float(EXACT_MAX + 2.0)).is_err() && total(Number::Float(-1.0)).is_err());
    }
}
