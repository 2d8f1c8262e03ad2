//! Bodies of requests: alerts and silences of the Alertmanager API, written by hand into one buffer, so that the driver's share of a
//! measurement stays small.

use std::fmt::Write as _;

use jiff::{Span, Timestamp};

const REGIONS: [&str; 4] = ["eu-west", "eu-north", "us-east", "ap-south"];
const SEVERITIES: [&str; 3] = ["critical", "warning", "info"];

/// What the alerts of one run have in common.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Part of every alert's `lg_id`: receivers count only their own run.
    pub run: String,
    /// Number of teams that the alerts are spread over.
    pub teams: u64,
    /// Each so-many-th alert says that it is of priority P1, the others P3; 0: none says anything.
    pub urgent_every: u64,
    starts_at: String,
    ends_at: String,
}

impl Shape {
    /// Alerts of `run` that end in an hour.
    pub fn new(run: &str, teams: u64) -> Self {
        let now = Timestamp::now();
        Self {
            run: run.to_owned(),
            teams: teams.max(1),
            urgent_every: 0,
            starts_at: stamp(now),
            ends_at: stamp(hour_after(now)),
        }
    }

    /// Whether an alert is one of the urgent ones: the last of each group of `urgent_every`.
    pub const fn is_urgent(&self, n: u64) -> bool {
        self.urgent_every > 0 && n % self.urgent_every == self.urgent_every - 1
    }

    /// Body of one POST with the alerts of these numbers. 7 labels (8 with a priority), 3 annotations each.
    pub fn body(&self, numbers: impl Iterator<Item = u64>) -> Vec<u8> {
        let mut s = String::with_capacity(4096);
        for n in numbers {
            s.push(if s.is_empty() { '[' } else { ',' });
            let region = REGIONS[usize::try_from(n % 4).unwrap_or(0)];
            let severity = SEVERITIES[usize::try_from(n % 3).unwrap_or(0)];
            let priority = match self.urgent_every {
                0 => "",
                _ if self.is_urgent(n) => r#","priority":"P1""#,
                _ => r#","priority":"P3""#,
            };
            let _ = write!(
                s,
                concat!(
                    r#"{{"labels":{{"alertname":"SLOBurnRateHigh","team":"team-{team:03}","service":"service-{service:04}","#,
                    r#""slo":"availability","region":"{region}","severity":"{severity}","lg_id":"lg-{run}-{n:010}"{priority}}},"#,
                    r#""annotations":{{"summary":"Error budget of service-{service:04} burns at 14.4x","#,
                    r#""description":"More than 200% of the hourly error budget was used within 60 minutes; long window 1h, short window 5m.","#,
                    r#""runbook_url":"http://runbooks.invalid/slo/burn-rate"}},"#,
                    r#""startsAt":"{start}","endsAt":"{end}","generatorURL":"http://prometheus.invalid/graph?g0.expr=slo"}}"#
                ),
                team = n % self.teams,
                service = n % 2000,
                region = region,
                severity = severity,
                priority = priority,
                run = self.run,
                n = n,
                start = self.starts_at,
                end = self.ends_at,
            );
        }
        s.push(']');
        s.into_bytes()
    }
}

/// A silence with three matchers, one a regular expression, that matches no alert of [`Shape`] but shares its label names, so that a
/// server has to look at it.
pub fn silence(n: u64) -> Vec<u8> {
    let now = Timestamp::now();
    format!(
        concat!(
            r#"{{"matchers":[{{"name":"team","value":"team-{team:03}","isRegex":false,"isEqual":true}},"#,
            r#"{{"name":"service","value":"(payments|checkout)-{n:06}-.*","isRegex":true,"isEqual":true}},"#,
            r#"{{"name":"slo","value":"availability","isRegex":false,"isEqual":true}}],"#,
            r#""startsAt":"{start}","endsAt":"{end}","createdBy":"load","comment":"load test {n}"}}"#
        ),
        team = n % 500,
        n = n,
        start = stamp(now),
        end = stamp(hour_after(now)),
    )
    .into_bytes()
}

fn hour_after(time: Timestamp) -> Timestamp {
    time.checked_add(Span::new().hours(1)).unwrap_or(Timestamp::MAX)
}

fn stamp(time: Timestamp) -> String {
    format!("{time:.3}")
}
