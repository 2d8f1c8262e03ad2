//! The stories of `docs/slo.md`: a piece of configuration, what was counted, and what callout then says, driven through the engine.
//!
//! A block `slo-story` says in TOML: `config`, to which an organisation is added; `series`, each with runs `[count, bad, total]` one after the other
//! (`[count]` alone: no samples), a sample every `step` minutes from minute `from` on; `act`, what happens beside it; and `see`, what must be
//! seen at the end of a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use callout::domain::{Feed, Name, SeriesKey, Span, Timestamp};
use callout::engine::level_event::{RULE_LABEL, TIER_LABEL};
use callout::engine::level_index::Level;
use callout::engine::levels::Scope;
use callout::engine::state::Status;
use callout::engine::{Actor, Command, Input, Policy, Verb};
use callout::projection::gate::gate;
use callout::projection::levels::level_row;
use serde::Deserialize;

use crate::oracles::production::Production;

const ORGANISATION: &str = r#"[organisation]
name = "acme"
fallback = "ops"
[priorities]
P1 = {}
P2 = {}
P3 = {}
P4 = {}
[teams.ops]
[teams.platform]
[environments]
prod-eu = { region = "eu" }
prod-us = { region = "us" }
"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    about: String,
    #[serde(default = "monday")]
    start: String,
    config: String,
    #[serde(default)]
    series: Vec<Counted>,
    #[serde(default)]
    act: Vec<Act>,
    see: Vec<See>,
}

fn monday() -> String {
    "2026-12-07T00:00:00Z".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Counted {
    #[serde(default = "shop")]
    service: String,
    #[serde(default = "availability")]
    sli: String,
    environment: Option<String>,
    #[serde(default)]
    from: i64,
    #[serde(default = "one")]
    step: i64,
    minutes: Vec<Vec<u64>>,
}

fn shop() -> String {
    "shop".to_owned()
}

fn availability() -> String {
    "availability".to_owned()
}

const fn one() -> i64 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    at: i64,
    /// Somebody makes an exception, with this reason.
    silver_bullet: Option<String>,
    /// Somebody acknowledges the incident of this rule.
    acknowledge: Option<String>,
    /// Another configuration comes into force.
    config: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct See {
    at: i64,
    #[serde(default = "shop")]
    service: String,
    environment: Option<String>,
    firing: Option<Vec<String>>,
    left: Option<String>,
    left_so_far: Option<String>,
    status: Option<String>,
    objective: Option<String>,
    period: Option<[String; 2]>,
    counts: Option<[u64; 2]>,
    excluded_minutes: Option<u64>,
    burn: Option<BTreeMap<String, String>>,
    coverage: Option<BTreeMap<String, String>>,
    gone_in: Option<String>,
    may_release: Option<bool>,
    silver_bullets: Option<[u32; 2]>,
    /// Rule, priority (or `-`), team, tier and status of each incident, in order.
    incidents: Option<Vec<String>>,
}

fn policy(text: &str, now: Timestamp) -> Policy {
    let whole = format!("{ORGANISATION}{text}");
    let report = callout::config::load_texts([("callout.toml", whole.as_str())], now);
    let loaded = report.loaded.as_ref().unwrap_or_else(|| panic!("{}", report.render(false)));
    Policy { fingerprint: Name::from(format!("{now} {}", text.len())), ..Policy::clone(&loaded.policy) }
}

/// What each series has in each minute.
fn counted(story: &Story) -> BTreeMap<i64, Vec<(usize, u64, u64)>> {
    let mut all = BTreeMap::<i64, Vec<_>>::new();
    for (number, series) in story.series.iter().enumerate() {
        let mut minute = series.from;
        for run in &series.minutes {
            for _ in 0..run[0] {
                minute += series.step;
                let at = all.entry(minute).or_default();
                if let [_, bad, total] = run[..] {
                    at.push((number, bad, total));
                }
            }
        }
    }
    all
}

fn run(story: &Story) {
    let start = Timestamp::parse(&story.start).unwrap();
    let end_of = |minute| start.plus(Span::from_minutes(minute));
    let feeds: Vec<Arc<Feed>> = story
        .series
        .iter()
        .map(|series| {
            let series = SeriesKey {
                service: series.service.as_str().into(),
                sli: series.sli.as_str().into(),
                endpoint: None,
                environment: series.environment.as_deref().map(Name::from),
                region: None,
                threshold: None,
            };
            Arc::new(Feed { series, source: Name::default() })
        })
        .collect();
    let mut in_force = policy(&story.config, start);
    let mut engine = Production::new(in_force.clone());
    engine.reload(start, in_force.clone());
    let counted = counted(story);
    let minutes: BTreeSet<i64> = counted
        .keys()
        .copied()
        .chain(story.act.iter().map(|act| act.at))
        .chain(story.see.iter().map(|see| see.at))
        .collect();
    for minute in minutes {
        let end = end_of(minute);
        let rows = counted.get(&minute).map(Vec::as_slice).unwrap_or_default();
        let samples: Vec<_> = rows.iter().map(|(number, bad, total)| (&feeds[*number], *bad, *total)).collect();
        engine.minute(end, &samples);
        for see in story.see.iter().filter(|see| see.at == minute) {
            check(story, see, &engine, &in_force, end);
        }
        for act in story.act.iter().filter(|act| act.at == minute) {
            if let Some(text) = &act.config {
                in_force = policy(text, end);
                engine.reload(end, in_force.clone());
            }
            for verb in verbs(act, &engine) {
                engine.input(end, Input::Command(Command { by: Actor::Person("ana".into()), verb }));
            }
        }
    }
}

fn verbs(act: &Act, engine: &Production) -> Vec<Verb> {
    let mut verbs = Vec::new();
    if let Some(reason) = &act.silver_bullet {
        verbs.push(Verb::UseSilverBullet { service: "shop".into(), environment: None, reason: reason.clone() });
    }
    if let Some(rule) = &act.acknowledge {
        let incidents = engine.engine().state().incidents.values();
        let of_rule = incidents.filter(|incident| incident.event.labels.get(RULE_LABEL) == Some(rule));
        verbs.extend(of_rule.map(|incident| Verb::Acknowledge { incident: incident.id }));
    }
    verbs
}

#[track_caller]
fn check(story: &Story, see: &See, engine: &Production, policy: &Policy, at: Timestamp) {
    let state = engine.engine().state();
    let is_meant = |level: &&Level| {
        let place = match &level.key.scope {
            Scope::One { environment, .. } => environment.as_deref(),
            Scope::All => Some("all"),
        };
        level.key.service == see.service && place == see.environment.as_deref()
    };
    let level = state.levels.index.levels.iter().find(is_meant).expect("the level is there");
    let row = level_row(level, &state.levels, policy, at);
    let place = format!("{}, minute {}", story.about, see.at);
    macro_rules! same {
        ($name:ident, $seen:expr) => {
            if let Some(expected) = &see.$name {
                assert_eq!($seen, expected.clone(), "{place}: {}", stringify!($name));
            }
        };
    }
    same!(firing, row.firing.iter().map(ToString::to_string).collect::<Vec<_>>());
    same!(left, row.remaining_percent.clone().unwrap_or_default());
    same!(left_so_far, row.remaining_so_far_percent.clone().unwrap_or_default());
    same!(status, row.status.unwrap_or_default().to_owned());
    same!(objective, row.objective.clone());
    same!(period, [row.period_start.clone(), row.period_end.clone()]);
    same!(counts, [row.bad, row.total]);
    same!(excluded_minutes, row.excluded_minutes);
    same!(gone_in, row.gone_in.clone().unwrap_or_default());
    for (expected, seen) in [(&see.burn, &row.burn), (&see.coverage, &row.coverage_percent)] {
        for (window, figure) in expected.iter().flatten() {
            assert_eq!(seen.get(window), Some(figure), "{place}: {window}");
        }
    }
    let service = Name::from(see.service.as_str());
    let answer = gate(&service, None, (state, policy), (at, at));
    same!(may_release, answer.may_release);
    same!(silver_bullets, answer.silver_bullets.as_ref().map_or([0, 0], |left| [left.used, left.most]));
    same!(
        incidents,
        state
            .incidents
            .values()
            .map(|incident| {
                let label = |name| incident.event.labels.get(name).unwrap_or_default().to_owned();
                let priority = incident.priority.as_deref().unwrap_or("-").to_owned();
                let status = match incident.status {
                    Status::Triggered => "open",
                    _ => incident.status.as_str(),
                };
                format!("{} {priority} {} {} {status}", label(RULE_LABEL), incident.team, label(TIER_LABEL))
            })
            .collect::<Vec<_>>()
    );
}

#[test]
fn every_story_of_the_page_is_what_callout_does() {
    let page = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/slo.md")).unwrap();
    let mut count = 0;
    for block in page.split("```slo-story\n").skip(1) {
        let (text, _) = block.split_once("```").unwrap();
        let story: Story = toml::from_str(text).unwrap_or_else(|error| panic!("{text}{error}"));
        run(&story);
        count += 1;
    }
    assert!(count >= 14, "only {count} stories");
    println!("docs/slo.md: {count} stories");
}
