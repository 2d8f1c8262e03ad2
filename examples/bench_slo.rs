//! What judging service levels costs: CPU for one minute of all series, memory, the copy for a snapshot. Figures for people, not a test:
//! `cargo run --release --example bench_slo`; `SERIES=100000 MINUTES=5` are the defaults.
//!
//! Every series has thirty days of history with a noisy traffic, its own memory, and an SLO with the four pairs of the workbook, all of
//! which have to be added up each minute since there are always some failures.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a benchmark for people")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use callout::domain::{Feed, Name, Ratio, SampleBatch, SampleRow, Seq, SeriesKey, Span, Timestamp, minute_end};
use callout::engine::levels::{Directory, Levels, Series};
use callout::engine::policy::{Organisation, Service, Slo};
use callout::engine::{Engine, Input, Policy, State, limits};
use callout::rules::burn_rate::{BurnPair, Tier};
use callout::slo::{Counts, History, Period};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DAY: i64 = 1_440;
/// The first minute that is judged; just before the end of a day, so that days are packed while it runs.
const NOW: i64 = 29_400_000 / DAY * DAY + DAY - 2;
const TEMPLATES: u32 = 64;
const ROWS_PER_RECORD: usize = 10_000;

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn policy() -> Policy {
    let pair = |name: &str, factor: &str, long, short, tier| BurnPair {
        tier,
        ..BurnPair::new(name.into(), Ratio::parse(factor).unwrap(), Span::from_minutes(long), Span::from_minutes(short))
    };
    let slo = Slo {
        period: Period::Rolling(Span::from_hours(30 * 24)),
        burn: vec![
            pair("page_fast", "14.4", 60, 5, Tier::Page),
            pair("page_slow", "6", 360, 30, Tier::Page),
            pair("ticket_fast", "3", DAY, 120, Tier::Ticket),
            pair("ticket_slow", "1", 3 * DAY, 360, Tier::Ticket),
        ],
        ..Slo::new("default availability".into(), "availability".into(), Ratio::parse_percent("99.9%").unwrap())
    };
    let service = Service {
        team: "ops".into(),
        default_slos: [("availability".into(), Arc::new(slo))].into(),
        ..Service::default()
    };
    Policy {
        organisation: Organisation {
            name: "acme".into(),
            timezone: "UTC".into(),
            reopen: Span::from_minutes(30),
            ..Organisation::default()
        },
        services: [("api".into(), service)].into(),
        ..Policy::default()
    }
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// About a thousand requests, one of which fails every third minute: a third of the budget.
    fn counts(&mut self) -> Counts {
        Counts { bad: u64::from(self.below(3) == 0), total: 960 + self.below(80) }
    }
}

/// Thirty days by the minute, as bytes, so that each series gets memory of its own; as the engine would keep it beside so many others.
fn template(seed: u32, series: u32) -> Vec<u8> {
    let mut numbers = Numbers(u64::from(seed) + 1);
    let mut history = History::default();
    for minute in NOW - 30 * DAY..NOW {
        history.put(minute, Counts::default(), numbers.counts());
    }
    if history.bytes_of_days() * u64::from(series) > limits::HISTORY_BYTES_MAX {
        history.roll_up();
    }
    postcard::to_allocvec(&history).unwrap()
}

fn state(series: u32) -> State {
    let templates: Vec<Vec<u8>> = (0..TEMPLATES).map(|seed| template(seed, series)).collect();
    let mut directory = Directory { last_feed: series, last_series: series, ..Directory::default() };
    let mut levels = Levels::default();
    for n in 1..=series {
        let key = SeriesKey {
            service: "api".into(),
            sli: "availability".into(),
            endpoint: Some(Name::from(format!("GET /api/v1/things/{n:06}"))),
            environment: Some("prod-eu".into()),
            region: Some("eu".into()),
            threshold: None,
        };
        let feed = Arc::new(Feed { series: key.clone(), source: "prometheus-eu-1".into() });
        directory.feeds.insert(feed, n);
        directory.series.insert(key.clone(), n);
        directory.series_of.insert(n, n);
        let mut one = Series::new(key);
        one.history = postcard::from_bytes(&templates[(n % TEMPLATES) as usize]).unwrap();
        levels.bytes += one.history.bytes_of_days();
        levels.series.insert(n, Arc::new(one));
    }
    levels.directory = Arc::new(directory);
    State { levels, now: minute_end(NOW), ..State::default() }
}

/// CPU time of this process so far.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().map(|n| fields[*n].parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn resident_mib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 4096.0 / 1024.0 / 1024.0
}

fn main() {
    let (series, minutes) = (number("SERIES", 100_000), i64::from(number("MINUTES", 5)));
    let started = Instant::now();
    let mut engine = Engine::from_state(state(series), Arc::new(policy()));
    println!(
        "{series} series of thirty days made in {:.1} s; {:.0} MiB resident",
        started.elapsed().as_secs_f64(),
        resident_mib()
    );
    let mut numbers = Numbers(99);
    let mut seq = 1;
    for minute in NOW..NOW + minutes {
        let end: Timestamp = minute_end(minute);
        let row = |feed, counts: Counts| SampleRow { feed, minute, part: None, bad: counts.bad, total: counts.total };
        let rows: Vec<SampleRow> = (1..=series).map(|feed| row(feed, numbers.counts())).collect();
        let before = cpu();
        let mut longest = Duration::ZERO;
        for rows in rows.chunks(ROWS_PER_RECORD) {
            let batch = SampleBatch { new_feeds: vec![], rows: rows.to_vec() };
            let once = Instant::now();
            engine.accept(Seq(seq), end, Arc::new(Input::Samples(Arc::new(batch))));
            engine.judge(Seq(seq), end);
            longest = longest.max(once.elapsed());
            seq += 1;
        }
        let taken = cpu();
        let mut slices = 0;
        while engine.next_wakeup().is_some_and(|at| at <= end) {
            let once = Instant::now();
            engine.tick(end);
            longest = longest.max(once.elapsed());
            slices += 1;
        }
        let judged = cpu();
        println!(
            "minute {minute}: {:.2} s of CPU to take {series} samples in, {:.2} s to judge all levels in {slices} slices (longest hold {:.1} ms); {} rules hold; {:.0} MiB",
            taken.saturating_sub(before).as_secs_f64(),
            judged.saturating_sub(taken).as_secs_f64(),
            longest.as_secs_f64() * 1_000.0,
            engine.state().levels.alerts.len(),
            resident_mib(),
        );
    }
    let once = Instant::now();
    let copy = engine.state().clone();
    let copied = once.elapsed();
    println!("a copy of the state for a snapshot: {:.1} ms", copied.as_secs_f64() * 1_000.0);
    drop(copy);
    let per_series = resident_mib() * 1024.0 / f64::from(series);
    println!("{:.0} MiB resident, {per_series:.1} KiB for each series", resident_mib());
}
