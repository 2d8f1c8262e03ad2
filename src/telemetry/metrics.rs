//! Every metric, by name. Passed explicitly; whoever counts often keeps the counter itself, so that the hot path is one atomic addition.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Bounds of request durations, in seconds.
const REQUEST_BUCKETS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// A route, by its pattern; never the path, which may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabels {
    /// `POST`
    pub method: &'static str,
    /// `/v1/incidents/{id}`
    pub route: &'static str,
}

/// A route and the class of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResponseLabels {
    /// `POST`
    pub method: &'static str,
    /// `/v1/incidents/{id}`
    pub route: &'static str,
    /// `2xx`
    pub class: &'static str,
}

/// A dialect and what became of an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EventLabels {
    /// `alertmanager`
    pub dialect: &'static str,
    /// `accepted`, `refired`, `repeated`, `rejected`, `ignored`
    pub outcome: &'static str,
}

/// A dialect and the reason of a rejection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    /// `alertmanager`
    pub dialect: &'static str,
    /// Slug of the problem.
    pub reason: &'static str,
}

/// A kind of channel and how an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeliveryLabels {
    /// `slack`
    pub channel: &'static str,
    /// `delivered`, `retry`, `failed`, `dropped`
    pub outcome: &'static str,
}

/// How something ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabels {
    /// Of heartbeats: `sent`, `failed`, `withheld`; of Slack groups: `updated`, `failed`, `kept`.
    pub outcome: &'static str,
}

/// Why a request was turned away.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RejectionLabels {
    /// `missing`, `unknown`, `expired`, `scope`, `throttled`, `not-local`, `link`, `signature`
    pub reason: &'static str,
}

/// The version that runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BuildLabels {
    /// Of the package.
    pub version: &'static str,
}

type Seconds = Family<RouteLabels, Histogram, fn() -> Histogram>;
type Float = Gauge<f64, AtomicU64>;
type FloatCounter = Counter<f64, AtomicU64>;

/// All metrics. Fields are named as the metric without `callout_`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Time from the request's head to the answer's.
    pub http_request_duration_seconds: Seconds,
    /// Answers.
    pub http_responses: Family<ResponseLabels, Counter>,
    /// Connections that are open.
    pub http_connections: Gauge,
    /// Events by what became of them.
    pub ingest_events: Family<EventLabels, Counter>,
    /// Samples, and points of metrics, by what became of them.
    pub ingest_points: Family<EventLabels, Counter>,
    /// Samples stored, or known before.
    pub samples: Counter,
    /// Samples refused by themselves.
    pub samples_refused: Counter,
    /// Rejected events by reason.
    pub ingest_rejections: Family<ReasonLabels, Counter>,
    /// Requests of which nothing was stored, by reason.
    pub ingest_refusals: Family<ReasonLabels, Counter>,
    /// Attempts to deliver.
    pub deliveries: Family<DeliveryLabels, Counter>,
    /// Commits of the journal.
    pub journal_commits: Counter,
    /// Time spent in them.
    pub journal_commit_seconds: FloatCounter,
    /// Inputs judged.
    pub judged_inputs: Counter,
    /// Time spent judging.
    pub judge_seconds: FloatCounter,
    /// Inputs whose judgement panicked.
    pub judge_panics: Counter,
    /// Snapshots saved.
    pub snapshots: Counter,
    /// Requests refused since too much waited.
    pub busy_refusals: Counter,
    /// Requests refused since the state holds as much as it may.
    pub full_refusals: Counter,
    /// Inputs that could not be judged and are listed.
    pub quarantined_inputs: Gauge,
    /// Deadlines that could not be judged and are tried again later.
    pub deadlines_set_aside: Gauge,
    /// Templates that failed, so that the built-in text went out.
    pub templates_failed: Counter,
    /// Digests that gather or wait to be delivered.
    pub digests_waiting: Gauge,
    /// Requests refused since the journal could not be written.
    pub unwritten_refusals: Counter,
    /// Whether the journal cannot be written.
    pub journal_failing: Gauge,
    /// Open incidents.
    pub incidents_open: Gauge,
    /// Sources that fire.
    pub alerts_known: Gauge,
    /// Messages not yet delivered.
    pub outbox_messages: Gauge,
    /// Silences, also expired ones that are still known.
    pub silences: Gauge,
    /// Inputs that are durable and not yet judged.
    pub inbox_inputs: Gauge,
    /// Age of the oldest of these.
    pub unjudged_age_seconds: Float,
    /// Age of the oldest page that is due and not delivered.
    pub undelivered_page_age_seconds: Float,
    /// Configurations refused at a reload.
    pub reload_failures: Counter,
    /// Configurations activated by a reload.
    pub reloads: Counter,
    /// Panics caught in handlers.
    pub http_panics: Counter,
    /// Signs of life to the monitor outside.
    pub heartbeats: Family<OutcomeLabels, Counter>,
    /// Slack groups by what became of them.
    pub slack_groups: Family<OutcomeLabels, Counter>,
    /// Slack groups that do not hold whom they should.
    pub slack_groups_behind: Gauge,
    /// Looks at calendars of absences and holidays.
    pub calendar_reads: Family<OutcomeLabels, Counter>,
    /// Requests turned away before their handlers.
    pub auth_rejections: Family<RejectionLabels, Counter>,
    /// Connections closed at once, since their address has too many.
    pub http_connections_refused: Counter,
}

fn request_histogram() -> Histogram {
    Histogram::new(REQUEST_BUCKETS)
}

impl Metrics {
    /// All of them, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("callout"),
            http_request_duration_seconds: Family::new_with_constructor(request_histogram),
            http_responses: Family::default(),
            http_connections: Gauge::default(),
            ingest_events: Family::default(),
            ingest_points: Family::default(),
            samples: Counter::default(),
            samples_refused: Counter::default(),
            ingest_rejections: Family::default(),
            ingest_refusals: Family::default(),
            deliveries: Family::default(),
            journal_commits: Counter::default(),
            journal_commit_seconds: FloatCounter::default(),
            judged_inputs: Counter::default(),
            judge_seconds: FloatCounter::default(),
            judge_panics: Counter::default(),
            snapshots: Counter::default(),
            busy_refusals: Counter::default(),
            full_refusals: Counter::default(),
            quarantined_inputs: Gauge::default(),
            deadlines_set_aside: Gauge::default(),
            templates_failed: Counter::default(),
            digests_waiting: Gauge::default(),
            unwritten_refusals: Counter::default(),
            journal_failing: Gauge::default(),
            incidents_open: Gauge::default(),
            alerts_known: Gauge::default(),
            outbox_messages: Gauge::default(),
            silences: Gauge::default(),
            inbox_inputs: Gauge::default(),
            unjudged_age_seconds: Float::default(),
            undelivered_page_age_seconds: Float::default(),
            reload_failures: Counter::default(),
            reloads: Counter::default(),
            http_panics: Counter::default(),
            heartbeats: Family::default(),
            slack_groups: Family::default(),
            slack_groups_behind: Gauge::default(),
            calendar_reads: Family::default(),
            auth_rejections: Family::default(),
            http_connections_refused: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let build = Family::<BuildLabels, Gauge>::default();
        build.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION") }).set(1);
        let r = &mut self.registry;
        r.register("build_info", "The version that runs, as a label", build);
        r.register(
            "http_request_duration_seconds",
            "Time from a request's head to its answer's, by route",
            self.http_request_duration_seconds.clone(),
        );
        r.register("http_responses", "Answers by route and class of status", self.http_responses.clone());
        r.register("http_connections", "Connections that are open", self.http_connections.clone());
        r.register("http_panics", "Panics caught in request handlers", self.http_panics.clone());
        r.register(
            "http_connections_refused",
            "Connections closed at once, since their address had too many",
            self.http_connections_refused.clone(),
        );
        r.register(
            "auth_rejections",
            "Requests turned away for their token, their link or their address, by reason",
            self.auth_rejections.clone(),
        );
        r.register("ingest_events", "Events by dialect and what became of them", self.ingest_events.clone());
        r.register(
            "ingest_points",
            "Samples and points of metrics by dialect and what became of them",
            self.ingest_points.clone(),
        );
        r.register("samples", "Samples stored, or known before", self.samples.clone());
        r.register("samples_refused", "Samples refused by themselves", self.samples_refused.clone());
        r.register("ingest_rejections", "Rejected events by dialect and reason", self.ingest_rejections.clone());
        r.register(
            "ingest_refusals",
            "Requests of which nothing was stored, by dialect and reason",
            self.ingest_refusals.clone(),
        );
        r.register("deliveries", "Attempts to deliver, by kind of channel and outcome", self.deliveries.clone());
        r.register("journal_commits", "Commits of the journal, each with one sync", self.journal_commits.clone());
        r.register(
            "journal_commit_seconds",
            "Time spent in commits of the journal",
            self.journal_commit_seconds.clone(),
        );
        r.register("judged_inputs", "Inputs judged", self.judged_inputs.clone());
        r.register("judge_seconds", "Time spent judging inputs", self.judge_seconds.clone());
        r.register(
            "judge_panics",
            "Inputs whose judgement panicked and that were set aside",
            self.judge_panics.clone(),
        );
        r.register("snapshots", "Snapshots of the state saved", self.snapshots.clone());
        r.register("busy_refusals", "Requests refused since too much waited", self.busy_refusals.clone());
        r.register(
            "unwritten_refusals",
            "Requests refused since the journal could not be written",
            self.unwritten_refusals.clone(),
        );
        r.register(
            "full_refusals",
            "Requests refused since memory holds as much as it may",
            self.full_refusals.clone(),
        );
        r.register(
            "quarantined_inputs",
            "Inputs that could not be judged by a defect and are listed",
            self.quarantined_inputs.clone(),
        );
        r.register(
            "deadlines_set_aside",
            "Deadlines that could not be judged by a defect and are tried again later",
            self.deadlines_set_aside.clone(),
        );
        r.register(
            "templates_failed",
            "Templates that failed, so that the built-in text went out",
            self.templates_failed.clone(),
        );
        r.register("digests_waiting", "Digests that gather or are not delivered yet", self.digests_waiting.clone());
        r.register("journal_failing", "1 while the journal cannot be written", self.journal_failing.clone());
        r.register("incidents_open", "Incidents that are not resolved", self.incidents_open.clone());
        r.register("alerts_known", "Sources that fire or ended lately", self.alerts_known.clone());
        r.register("outbox_messages", "Messages ordered and not yet delivered", self.outbox_messages.clone());
        r.register("silences", "Silences that are known, expired ones included", self.silences.clone());
        r.register("inbox_inputs", "Inputs that are durable and not yet judged", self.inbox_inputs.clone());
        r.register(
            "unjudged_age_seconds",
            "Age of the oldest input that is not judged",
            self.unjudged_age_seconds.clone(),
        );
        r.register(
            "undelivered_page_age_seconds",
            "Age of the oldest page that is due and not delivered",
            self.undelivered_page_age_seconds.clone(),
        );
        r.register(
            "calendar_reads",
            "Looks at calendars of absences and holidays, by outcome",
            self.calendar_reads.clone(),
        );
        r.register("heartbeats", "Signs of life to the monitor outside, by outcome", self.heartbeats.clone());
        r.register(
            "slack_groups",
            "Slack user groups by what became of them: updated, failed, kept as they were in a hole",
            self.slack_groups.clone(),
        );
        r.register(
            "slack_groups_behind",
            "Slack user groups that do not hold whoever is on call",
            self.slack_groups_behind.clone(),
        );
        r.register("reloads", "Configurations activated by a reload", self.reloads.clone());
        r.register("reload_failures", "Configurations refused at a reload", self.reload_failures.clone());
    }

    /// The text format of Prometheus, version 0.0.4.
    ///
    /// The registry writes OpenMetrics, where the family of a counter has no `_total`; here both are named alike.
    #[must_use]
    pub fn render(&self) -> String {
        let mut open_metrics = String::with_capacity(16 * 1024);
        if text::encode_registry(&mut open_metrics, &self.registry).is_err() {
            return String::new();
        }
        let mut out = String::with_capacity(open_metrics.len() + 1024);
        let mut help = "";
        for line in open_metrics.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                help = rest;
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
                let total = if kind == "counter" { "_total" } else { "" };
                let words = help.split_once(' ').map_or("", |(_, words)| words.trim_end_matches('.'));
                let _ = writeln!(out, "# HELP {name}{total} {words}\n# TYPE {name}{total} {kind}");
            } else if !line.starts_with('#') {
                let _ = writeln!(out, "{line}");
            }
        }
        out
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_named_as_prometheus_wants_them() {
        let metrics = Metrics::new();
        metrics.ingest_events.get_or_create(&EventLabels { dialect: "native", outcome: "accepted" }).inc();
        metrics.http_request_duration_seconds.get_or_create(&RouteLabels { method: "GET", route: "/" }).observe(0.001);
        let text = metrics.render();
        assert!(text.contains("# TYPE callout_ingest_events_total counter\n"), "{text}");
        assert!(text.contains("callout_ingest_events_total{dialect=\"native\",outcome=\"accepted\"} 1\n"), "{text}");
        let bucket = r#"_bucket{le="0.001",method="GET",route="/"} 1"#;
        assert!(text.contains(bucket), "{text}");
        assert!(!text.contains("EOF"));
    }
}
