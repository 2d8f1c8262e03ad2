//! Stories of time slices, of minutes that are left out, of what is missing, of periods of the calendar, and of silver bullets.

use std::sync::Arc;

use super::level_absence::{ABSENCE_TOLD, NO_DATA, NO_TRAFFIC};
use super::level_exclusion::Exclusion;
use super::level_tests::{Sampled, burning, change_slo, feed, level};
use super::levels::Levels;
use super::policy::*;
use super::tests::{minute, settle};
use super::{Actor, Command, Engine, Input, Verb, limits};
use crate::domain::*;
use crate::rules::burn_rate::Tier;
use crate::rules::maintenance::Maintenance;
use crate::rules::{Because, RuleEnd};
use crate::schedule::{CivilCron, Zone};
use crate::slo::{Calendar, Period, Slice, Unit, WindowSum};

const EU: Option<(&str, &str)> = Some(("prod-eu", "eu"));

fn with(f: impl FnOnce(&mut Slo)) -> Policy {
    let mut policy = burning();
    change_slo(&mut policy, f);
    policy
}

fn sliced(minutes: i64) -> Policy {
    with(|slo| slo.slice = Some(Slice { minutes, target: Ratio::parse_percent("95").unwrap() }))
}

fn sum(engine: &Engine, at: i64, window: i64) -> (u64, u64) {
    let levels = &engine.state().levels;
    let number = levels.index.numbers[&level(EU)];
    let WindowSum { bad, total, .. } =
        levels.index.levels[number as usize].sum(levels, minute(at), Span::from_minutes(window));
    (bad, total)
}

#[test]
fn slices_are_counted_and_late_samples_count_them_anew() {
    let mut world = Sampled::new(sliced(5));
    let eu = feed(Some("prod-eu"), "");
    // 5 % of a slice may fail. Of the second slice 6 % fail, of the third exactly 5 %, in the fourth nobody asks.
    world.run(&eu, 1..6, 0);
    world.run(&eu, 6..11, 60);
    world.run(&eu, 11..16, 50);
    for at in 16..21 {
        world.take(minute(at), &[(&eu, at, 0, 0)]);
    }
    assert_eq!(sum(world.engine(), 20, 20), (1, 3), "an empty slice is neither good nor bad");
    assert_eq!(sum(world.engine(), 19, 5), (0, 1), "one that is not over is in no window");
    // A correction that comes late makes it good.
    world.take(minute(20), &[(&eu, 10, 0, 1_000)]);
    assert_eq!(sum(world.engine(), 20, 20), (0, 3));
    let levels = &world.engine().state().levels;
    let number = levels.index.numbers[&level(EU)];
    let known = &levels.index.levels[number as usize];
    let minutes = known.sum(levels, minute(20), Span::from_minutes(20)).minutes;
    assert_eq!(known.coverage(levels, minute(20), Span::from_minutes(40), minutes), Ratio::new(1, 2).unwrap());
    // Other slices are counted from the minutes that are known; after a restart nothing differs.
    let mut state = world.engine().state().clone();
    state.levels.slices.clear();
    let again = Engine::from_state(state, Arc::new(sliced(5)));
    assert_eq!((sum(&again, 20, 20), sum(&again, 10, 5)), ((0, 3), (0, 1)));
    world.world.engine.set_policy(Arc::new(sliced(1)));
    assert_eq!(sum(world.engine(), 20, 20), (4, 15));
    world.world.engine.set_policy(Arc::new(burning()));
    assert!(world.engine().state().levels.slices.is_empty());
}

#[test]
fn an_outage_in_slices_pages_by_the_same_rules() {
    let mut world = Sampled::new(sliced(1));
    let eu = feed(Some("prod-eu"), "");
    world.run(&eu, 1..60, 40);
    assert!(world.incidents().is_empty(), "4 % of each slice fail, and each is good");
    // 43.2 of a thousand slices may be bad: 2.6 of the hour.
    world.run(&eu, 60..62, 60);
    assert!(world.incidents().is_empty());
    world.run(&eu, 62..63, 60);
    assert_eq!(world.incidents().len(), 1);
    let window = world.incidents()[0].event.window.unwrap();
    assert_eq!((window.bad(), window.total), (3, 60));
}

fn patched(services: &[&str], environments: &[&str]) -> Policy {
    let mut policy = burning();
    let names = |names: &[&str]| names.iter().map(|name| Name::from(*name)).collect();
    policy.maintenance.push(Maintenance {
        name: "patch window".into(),
        // The world begins on a Thursday at 20:15.
        cron: CivilCron::parse("30 20 * * THU").unwrap(),
        timezone: Zone { name: "UTC".into(), tz: jiff::tz::TimeZone::UTC },
        duration: Span::from_minutes(20),
        services: names(services),
        environments: names(environments),
        excluded_because: Some("the disks are swapped".into()),
    });
    policy
}

/// Minutes from the world's beginning to the next window of [`patched`].
fn window_begins() -> i64 {
    let policy = patched(&[], &[]);
    let first = policy.maintenance[0].cron.first_after(minute(0), &jiff::tz::TimeZone::UTC).unwrap();
    first.since(minute(0)).as_millis() / 60_000
}

#[test]
fn minutes_under_maintenance_leave_above_and_below_the_line() {
    let mut world = Sampled::new(patched(&["data-api"], &["prod-eu"]));
    let (eu, us) = (feed(Some("prod-eu"), ""), feed(Some("prod-us"), ""));
    let begins = window_begins();
    for at in begins - 9..=begins + 30 {
        let bad = if at > begins && at <= begins + 20 { 1_000 } else { 1 };
        world.take(minute(at), &[(&eu, at, bad, 1_000), (&us, at, 1, 1_000)]);
    }
    // 10 minutes before it and 10 after it count; the window itself does not, though everything failed.
    assert_eq!(sum(world.engine(), begins + 30, 40), (20, 20_000));
    assert!(world.incidents().is_empty(), "nor does any rule see it");
    let levels = &world.engine().state().levels;
    assert_eq!(levels.excluded.len(), 1, "recorded once");
    let of = |place: &str, region: Option<&str>| {
        let scope = super::levels::Scope::One { environment: Some(place.into()), region: region.map(Name::from) };
        let key = super::levels::LevelKey { scope, ..level(None) };
        let level = &levels.index.levels[levels.index.numbers[&key] as usize];
        let (from, to) = (minute(begins - 10), minute(begins + 30));
        (level.excluded_minutes(levels, from, to), level.expected_minutes(levels, from, to))
    };
    assert_eq!(of("prod-eu", Some("eu")), (20, 20));
    assert_eq!(of("prod-us", None), (0, 40), "the other environment counts on");
    let said = |b: &Because| matches!(b, Because::MinutesExcluded { reason, .. } if reason == "the disks are swapped");
    assert!(world.said(said));
    // A correction of such a minute stays outside, too.
    world.take(minute(begins + 30), &[(&eu, begins + 20, 0, 500)]);
    assert_eq!(sum(world.engine(), begins + 30, 40), (20, 20_000));
}

#[test]
fn a_window_that_ended_during_a_downtime_is_recorded_for_a_day() {
    let begins = window_begins();
    let eu = feed(Some("prod-eu"), "");
    let run = |later: i64| {
        let mut world = Sampled::new(patched(&[], &[]));
        world.run(&eu, begins - 5..begins, 0);
        let at = begins + 20 + later;
        let back = minute(at);
        world.take(back, &[(&eu, begins + 5, 900, 1_000), (&eu, at, 0, 1_000)]);
        world.world.until(back.plus(Span::from_minutes(2)));
        world.engine().state().levels.excluded.iter().filter(|known| known.from == minute(begins)).count()
    };
    let day = limits::EXCLUDED_AFTER.as_millis() / 60_000;
    assert_eq!((run(day - 5), run(day)), (1, 0));
}

#[test]
fn the_oldest_exclusions_are_forgotten_beyond_the_limit() {
    let mut levels = Levels::default();
    let exclusion = |n: i64| Exclusion {
        name: "patches".into(),
        reason: "because".into(),
        by: Actor::Callout,
        from: minute(n),
        to: minute(n + 2),
        services: vec![],
        environments: vec![],
    };
    let most = i64::try_from(limits::EXCLUSIONS_MAX).unwrap();
    for n in 0..=most {
        levels.exclude(&exclusion(n), minute(most));
    }
    assert_eq!(levels.excluded.len(), limits::EXCLUSIONS_MAX);
    assert_eq!(levels.excluded[0].from, minute(1));
    let series = &feed(None, "").series;
    assert_eq!(levels.excluded_minutes(series, minute(10), minute(20)), 10, "what overlaps counts once");
    let days = most + 94 * 1_440;
    levels.exclude(&exclusion(days), minute(days));
    assert_eq!(levels.excluded.len(), 1, "what is older than any period is forgotten");
}

fn watched() -> Policy {
    let absence = |after: i64, tier, team: Option<&str>| Absence {
        after: Span::from_minutes(after),
        priority: Some("P3".into()),
        tier,
        team: team.map(Name::from),
    };
    with(|slo| {
        slo.priority = Some("P2".into());
        slo.no_data = Some(absence(10, Tier::Page, None));
        slo.no_traffic = Some(absence(30, Tier::Ticket, None));
    })
}

#[test]
fn no_samples_and_no_events_are_told_apart() {
    let mut world = Sampled::new(watched());
    let eu = feed(Some("prod-eu"), "");
    world.run(&eu, 1..40, 0);
    world.wait(40..48);
    assert!(world.incidents().is_empty());
    world.wait(48..52);
    let rule = |world: &Sampled, rule: &str| world.engine().state().levels.rule(&level(EU), rule).is_firing();
    assert!(rule(&world, NO_DATA) && !rule(&world, NO_TRAFFIC));
    {
        let incidents = world.incidents();
        assert_eq!(incidents.len(), 1);
        assert!(incidents[0].key.ends_with("/no_data"), "{}", incidents[0].key);
        assert_eq!(incidents[0].priority.as_deref(), Some("P3"), "its own, not that of the SLO");
        assert!(incidents[0].escalation.is_some());
    }
    // Samples come again, of no events.
    for at in 52..90 {
        world.take(minute(at), &[(&eu, at, 0, 0)]);
    }
    assert!(!rule(&world, NO_DATA) && rule(&world, NO_TRAFFIC));
    assert!(world.said(|b| matches!(b, Because::RuleOver { reason: RuleEnd::DataCame, .. })));
    let tickets: Vec<_> = world.incidents().into_iter().filter(|i| i.key.ends_with("/no_traffic")).collect();
    assert_eq!(tickets.len(), 1);
    assert!(tickets[0].escalation.is_none(), "a ticket pages nobody");
    world.run(&eu, 90..92, 0);
    assert!(world.said(|b| matches!(b, Because::RuleOver { reason: RuleEnd::TrafficCame, .. })));
    assert!(world.engine().state().levels.episodes.is_empty(), "what is missing is no outage");
}

#[test]
fn a_source_that_is_silent_for_a_week_is_taken_as_gone() {
    let mut world = Sampled::new(watched());
    let eu = feed(Some("prod-eu"), "");
    world.run(&eu, 1..3, 0);
    let gone = ABSENCE_TOLD.as_millis() / 60_000 + 2;
    world.world.until(minute(gone).minus(Span::from_minutes(1)).plus(limits::EVALUATION_WAIT));
    assert!(world.engine().state().levels.rule(&level(EU), NO_DATA).is_firing());
    world.world.until(minute(gone).plus(limits::EVALUATION_WAIT));
    assert!(!world.engine().state().levels.rule(&level(EU), NO_DATA).is_firing());
    assert!(world.said(|b| matches!(b, Because::RuleOver { reason: RuleEnd::GaveUp, .. })));
}

#[test]
fn a_rule_waits_until_enough_of_its_window_is_known() {
    let half = || with(|slo| slo.min_coverage = Some(Ratio::parse_percent("50").unwrap()));
    let mut world = Sampled::new(half());
    let eu = feed(Some("prod-eu"), "");
    world.run(&eu, 1..30, 1_000);
    assert!(!world.engine().state().levels.rule(&level(EU), "page_fast").is_firing(), "29 of 60 minutes");
    world.run(&eu, 30..31, 1_000);
    assert!(world.engine().state().levels.rule(&level(EU), "page_fast").is_firing(), "30 of 60 minutes");
    let detail = world.incidents()[0].event.detail.as_ref().unwrap();
    assert_eq!(detail.context.get("coverage"), Some("30 of 60 minutes"));
}

/// Periods of two hours from the world's beginning on.
fn two_hours() -> Period {
    let boundaries = (0..100).map(|n| minute(n * 120)).collect();
    Period::Calendar(Arc::new(Calendar::new(Unit::Week, "UTC".into(), boundaries).unwrap()))
}

#[test]
fn an_objective_may_wait_for_the_next_period() {
    let policy = |objective: &str| {
        with(|slo| {
            slo.objective = Ratio::parse_percent(objective).unwrap();
            slo.period = two_hours();
            slo.from_next_period = true;
        })
    };
    let mut world = Sampled::new(policy("99"));
    let activate = |world: &mut Sampled, policy: Policy, at: i64| {
        world.world.engine.set_policy(Arc::new(policy));
        world.world.input(minute(at), Input::ConfigActivated { fingerprint: Name::from(format!("f{at}")) });
    };
    let eu = feed(Some("prod-eu"), "");
    activate(&mut world, policy("99"), 0);
    world.run(&eu, 1..60, 30);
    activate(&mut world, policy("99.9"), 60);
    let in_force = |world: &Sampled, at: i64| {
        world.engine().state().levels.objective_at(&level(EU), minute(at)).unwrap().percent(3)
    };
    assert_eq!([60, 120, 121].map(|at| in_force(&world, at)), ["99%", "99%", "99.9%"]);
    assert!(world.said(|b| matches!(b, Because::SloToChange { at, .. } if *at == minute(120))));
    world.run(&eu, 60..121, 30);
    let key = level(EU);
    assert!(!world.engine().state().levels.rule(&key, "page_fast").is_firing(), "3 % is 3 times the budget of 1 %");
    world.run(&eu, 121..123, 30);
    assert!(world.engine().state().levels.rule(&key, "page_fast").is_firing(), "and 30 times that of 0.1 %");
    // Back before it came into force: nothing changes.
    activate(&mut world, policy("99.5"), 130);
    activate(&mut world, policy("99.9"), 131);
    assert_eq!([131, 241].map(|at| in_force(&world, at)), ["99.9%", "99.9%"]);
    let mut at_once = policy("99.5");
    change_slo(&mut at_once, |slo| slo.from_next_period = false);
    activate(&mut world, at_once, 132);
    assert_eq!(in_force(&world, 133), "99.5%");
}

fn frozen(most: u32) -> Policy {
    let condition = PolicyCondition {
        rule: "policy_exhausted".into(),
        kind: ConditionKind::Exhausted,
        share: Ratio::ONE,
        consequence: "no releases".into(),
        freeze: true,
    };
    let bullets = SilverBullets { most, period: two_hours(), lasts: Span::from_minutes(30) };
    let rules = BudgetPolicy { name: "standard".into(), conditions: vec![condition], silver_bullets: Some(bullets) };
    with(|slo| slo.policy = Some(Arc::new(rules)))
}

#[test]
fn silver_bullets_are_counted_by_period_with_who_and_why() {
    let mut world = Sampled::new(frozen(1));
    let fire = |world: &mut Sampled, at: i64| {
        let verb = Verb::UseSilverBullet {
            service: "data-api".into(),
            environment: None,
            reason: "the law changes at midnight".into(),
        };
        world.world.input(minute(at), Input::Command(Command { by: Actor::Person("ana".into()), verb }));
    };
    let known = |world: &Sampled| world.engine().state().bullets.get("data-api").map_or(0, Vec::len);
    fire(&mut world, 10);
    assert_eq!(known(&world), 1);
    let bullet = &world.engine().state().bullets["data-api"][0];
    assert_eq!((bullet.at, bullet.until), (minute(10), minute(40)));
    assert_eq!(bullet.by, Actor::Person("ana".into()));
    let what = "used silver bullet 1 of 1 for data-api until";
    assert!(world.said(|b| matches!(b, Because::Did { who, what: said } if who == "ana" && said.starts_with(what))));
    fire(&mut world, 50);
    assert_eq!(known(&world), 1, "there is no other in this period");
    assert!(world.said(|b| matches!(b, Because::NothingToDo { why } if why.contains("are used"))));
    fire(&mut world, 120);
    assert_eq!(known(&world), 2, "the next period begins with its first moment");
    let left = world.engine().state().bullets_left(world.engine().policy(), &"data-api".into(), minute(121)).unwrap();
    assert_eq!((left.used, left.most, left.until), (1, 1, Some(minute(240))));
    // Where the policy knows of none there are none.
    let mut world = Sampled::new(burning());
    fire(&mut world, 10);
    assert_eq!(known(&world), 0);
    assert!(world.said(|b| matches!(b, Because::NothingToDo { why } if why.contains("allows no"))));
}

#[test]
fn what_is_recorded_makes_the_same_state_again() {
    let mut policy = patched(&[], &[]);
    change_slo(&mut policy, |slo| {
        slo.slice = Some(Slice { minutes: 2, target: Ratio::parse_percent("95").unwrap() });
        slo.no_data = watched().services["data-api"].slos[0].no_data.clone();
        slo.policy = frozen(2).services["data-api"].slos[0].policy.clone();
    });
    let begins = window_begins();
    let mut world = Sampled::new(policy.clone());
    let eu = feed(Some("prod-eu"), "");
    world.run(&eu, begins - 10..begins + 12, 70);
    let verb = Verb::UseSilverBullet { service: "data-api".into(), environment: None, reason: "why".into() };
    world.world.input(minute(begins + 12), Input::Command(Command { by: Actor::Local, verb }));
    world.wait(begins + 12..begins + 40);
    let mut copy = Engine::new(Arc::new(policy.clone()));
    for (at, input, decision) in &world.world.decisions {
        if let Some((seq, input)) = input {
            copy.accept(*seq, *at, Arc::clone(input));
        }
        decision.transitions.iter().for_each(|transition| copy.evolve(transition));
    }
    let bytes = |engine: &Engine| postcard::to_allocvec(engine.state()).unwrap();
    assert_eq!(bytes(&copy), bytes(world.engine()));
    let mut rebuilt = Engine::from_state(postcard::from_bytes(&bytes(&copy)).unwrap(), Arc::new(policy));
    assert_eq!(rebuilt.state().levels, world.engine().state().levels);
    let later = minute(begins + 60);
    settle(&mut rebuilt, later);
    settle(&mut world.world.engine, later);
    assert_eq!(rebuilt.state().levels, world.engine().state().levels);
}
