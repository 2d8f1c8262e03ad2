//! The worked examples of `docs/slo.md`, each driven minute by minute through the engine.
//!
//! A block `slo-example` says in TOML: the objective; pairs as `[name, long, short, factor]` and whatever else a pair may have in `floors`;
//! minutes as `[count, bad, total]` one after the other (`[count]` alone: no samples); and what must be seen.

use std::collections::BTreeMap;
use std::path::PathBuf;

use callout::domain::{Ratio, Span, Timestamp};
use callout::engine::policy::Policy;
use callout::rules::timeliness::Timeliness;
use serde::Deserialize;

use crate::oracles::production::{self, Production};

/// A Monday at midnight.
const START: Timestamp = Timestamp::from_seconds(1_796_601_600);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    about: String,
    objective: String,
    #[serde(default)]
    pairs: Vec<(String, String, String, String)>,
    #[serde(default)]
    min_bad: u64,
    #[serde(default)]
    keep: Option<String>,
    alert: Option<Alert>,
    /// Regions by name; without any there is one series.
    #[serde(default)]
    minutes: Vec<Vec<u64>>,
    #[serde(default)]
    regions: BTreeMap<String, Vec<Vec<u64>>>,
    /// Minutes `[from, to)` in which each rule fires; with regions `rule in region`, or `rule in all`.
    #[serde(default)]
    fires: BTreeMap<String, Vec<(i64, i64)>>,
    /// Minutes at which the depletion rule fires.
    depletion_fires: Option<Vec<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alert {
    depletion: String,
    window: String,
    every: String,
    snooze: String,
}

fn span(text: &str) -> Span {
    Span::parse(text).unwrap()
}

fn policy(example: &Example) -> Policy {
    let pairs: Vec<_> =
        example.pairs.iter().map(|(a, b, c, d)| (a.as_str(), b.as_str(), c.as_str(), d.as_str())).collect();
    let alert = example.alert.as_ref().map(|alert| Timeliness {
        depletion: Ratio::parse_percent(&alert.depletion).unwrap(),
        window: span(&alert.window),
        every: span(&alert.every),
    });
    let snooze = example.alert.as_ref().map_or(Span::ZERO, |alert| span(&alert.snooze));
    let never = Timeliness { depletion: Ratio::new(1_000_000, 1).unwrap(), window: span("1h"), every: span("1h") };
    let objective = Ratio::parse_percent(&example.objective).unwrap();
    production::changed(production::policy(objective, &pairs, alert.unwrap_or(never), snooze), |pair| {
        pair.min_bad = example.min_bad;
        pair.keep = example.keep.as_deref().map_or(Span::ZERO, span);
    })
}

/// Bad and total of each minute; `None` without samples.
fn unrolled(runs: &[Vec<u64>]) -> Vec<Option<(u64, u64)>> {
    let run = |run: &Vec<u64>| {
        let counts = (run.len() == 3).then(|| (run[1], run[2]));
        std::iter::repeat_n(counts, usize::try_from(run[0]).unwrap())
    };
    runs.iter().flat_map(run).collect()
}

fn run(example: &Example) {
    let mut regions: Vec<(Option<&str>, Vec<_>)> =
        example.regions.iter().map(|(name, runs)| (Some(name.as_str()), unrolled(runs))).collect();
    if regions.is_empty() {
        regions.push((None, unrolled(&example.minutes)));
    }
    let mut engine = Production::new(policy(example));
    let feeds: Vec<_> = regions.iter().map(|(region, _)| production::feed(*region)).collect();
    let mut seen: BTreeMap<&String, Vec<(i64, i64)>> = example.fires.keys().map(|rule| (rule, Vec::new())).collect();
    let mut depleted = Vec::new();
    let last = regions.iter().map(|(_, minutes)| minutes.len()).max().unwrap_or(0);
    for (index, minute) in (0..last).zip(1..) {
        let end = START.plus(Span::from_minutes(minute));
        let samples: Vec<_> = regions
            .iter()
            .zip(&feeds)
            .filter_map(|((_, minutes), feed)| {
                let (bad, total) = (*minutes.get(index)?)?;
                Some((feed, bad, total))
            })
            .collect();
        engine.minute(end, &samples);
        for (rule, intervals) in &mut seen {
            let (name, scope) = match rule.split_once(" in ") {
                Some((name, "all")) => (name, callout::engine::levels::Scope::All),
                Some((name, region)) => (name, production::one(Some(region))),
                None => (rule.as_str(), production::one(None)),
            };
            if engine.is_firing(&production::level(scope), name) {
                match intervals.last_mut() {
                    Some((_, to)) if *to == minute => *to = minute + 1,
                    _ => intervals.push((minute, minute + 1)),
                }
            }
        }
        if engine.depletion_fired(&production::level(production::one(None))) == Some(end) {
            depleted.push(minute);
        }
    }
    for (rule, intervals) in seen {
        assert_eq!(intervals, example.fires[rule], "{}: {rule}", example.about);
    }
    if let Some(expected) = &example.depletion_fires {
        assert_eq!(depleted, *expected, "{}", example.about);
    }
}

#[test]
fn every_worked_example_is_what_the_engine_does() {
    let page = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/slo.md")).unwrap();
    let mut count = 0;
    for block in page.split("```slo-example\n").skip(1) {
        let (text, _) = block.split_once("```").unwrap();
        let example: Example = toml::from_str(text).unwrap_or_else(|error| panic!("{text}{error}"));
        run(&example);
        count += 1;
    }
    assert!(count >= 7, "only {count} examples");
    println!("docs/slo.md: {count} worked examples");
}
