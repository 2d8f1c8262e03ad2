//! Stories of service levels in simulated time: samples in, incidents and messages out.

use std::sync::Arc;

use proptest::prelude::*;

use super::level_event::{DEPLETION, RULE_LABEL};
use super::levels::{LevelKey, Scope};
use super::policy::*;
use super::state::{Incident, Purpose, Status};
use super::tests::{World, minute, policy, settle};
use super::{Engine, Input, limits};
use crate::domain::*;
use crate::rules::burn_rate::{BurnPair, Tier};
use crate::rules::{Because, RuleEnd};
use crate::slo::burn::AlertState;

pub(super) const SLO: &str = "Availability of get data API";

pub(super) fn pairs() -> Vec<BurnPair> {
    let pair = |name: &str, factor: &str, long: i64, short: i64, tier| BurnPair {
        tier,
        // A ticket waits for the page that may be coming.
        hold: Span::from_minutes(if tier == Tier::Ticket { 10 } else { 0 }),
        ..BurnPair::new(name.into(), Ratio::parse(factor).unwrap(), Span::from_minutes(long), Span::from_minutes(short))
    };
    vec![pair("page_fast", "14.4", 60, 5, Tier::Page), pair("ticket_slow", "1", 4_320, 360, Tier::Ticket)]
}

/// The worked example's SLO with a page and a ticket instead of the depletion rule.
pub(super) fn burning() -> Policy {
    let mut policy = policy();
    change_slo(&mut policy, |slo| {
        slo.alert = None;
        slo.snooze = None;
        slo.burn = pairs();
    });
    policy.environments.insert("prod-eu".into(), Environment { region: Some("eu".into()) });
    policy
}

pub(super) fn change_slo(policy: &mut Policy, f: impl FnOnce(&mut Slo)) {
    let service = policy.services.get_mut("data-api").unwrap();
    let mut slo = Slo::clone(&service.slos[0]);
    f(&mut slo);
    service.slos[0] = Arc::new(slo);
}

pub(super) fn feed(environment: Option<&str>, source: &str) -> Arc<Feed> {
    let series = SeriesKey {
        service: "data-api".into(),
        sli: "availability".into(),
        endpoint: Some("GET /api/data/{tenant}".into()),
        environment: environment.map(Name::from),
        region: None,
        threshold: None,
    };
    Arc::new(Feed { series, source: source.into() })
}

pub(super) fn level(scope: Option<(&str, &str)>) -> LevelKey {
    let scope = match scope {
        Some((environment, region)) => {
            Scope::One { environment: Some(environment.into()), region: Some(region.into()) }
        }
        None => Scope::All,
    };
    LevelKey { service: "data-api".into(), slo: SLO.into(), endpoint: Some("GET /api/data/{tenant}".into()), scope }
}

/// A world with samples.
pub(super) struct Sampled {
    pub(super) world: World,
    feeds: Vec<Arc<Feed>>,
}

impl Sampled {
    pub(super) fn new(policy: Policy) -> Self {
        Self { world: World::new(policy), feeds: Vec::new() }
    }

    /// Hands over counts of minutes, at `now`: feed, minute, bad, total.
    pub(super) fn take(&mut self, now: Timestamp, rows: &[(&Arc<Feed>, i64, u64, u64)]) {
        let mut batch = SampleBatch::default();
        for (feed, at, bad, total) in rows {
            let place = self.feeds.iter().position(|known| known == *feed).unwrap_or_else(|| {
                self.feeds.push(Arc::clone(feed));
                batch.new_feeds.push((u32::try_from(self.feeds.len()).unwrap(), Arc::clone(feed)));
                self.feeds.len() - 1
            });
            let feed = u32::try_from(place).unwrap() + 1;
            batch.rows.push(SampleRow { feed, minute: minute_of(minute(*at)), part: None, bad: *bad, total: *total });
        }
        self.world.input(now, Input::Samples(Arc::new(batch)));
        self.world.until(now);
    }

    /// One minute after the other: `bad` of 1,000 from one feed in each.
    pub(super) fn run(&mut self, feed: &Arc<Feed>, minutes: std::ops::Range<i64>, bad: u64) {
        for at in minutes {
            self.take(minute(at), &[(feed, at, bad, 1_000)]);
        }
    }

    /// Minutes without samples.
    pub(super) fn wait(&mut self, minutes: std::ops::Range<i64>) {
        for at in minutes {
            self.world.until(minute(at).plus(limits::EVALUATION_WAIT));
        }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.world.engine
    }

    pub(super) fn incidents(&self) -> Vec<&Incident> {
        self.engine().state().incidents.values().map(|incident| &**incident).collect()
    }

    pub(super) fn ordered(&self, purpose: Purpose) -> usize {
        let rows = self.world.decisions.iter().flat_map(|(_, _, decision)| &decision.transitions);
        rows.filter(|t| matches!(t, super::Transition::DeliveryOrdered(row) if row.purpose == purpose)).count()
    }

    pub(super) fn said(&self, wanted: impl Fn(&Because) -> bool) -> bool {
        let mut lines = self.world.decisions.iter().flat_map(|(_, _, decision)| &decision.trace.lines);
        lines.any(|line| wanted(&line.because))
    }
}

#[test]
fn a_total_outage_pages_within_minutes_and_is_over_by_itself() {
    let mut world = Sampled::new(burning());
    let eu = feed(Some("prod-eu"), "");
    world.run(&eu, 1..120, 0);
    assert!(world.incidents().is_empty());
    world.run(&eu, 120..130, 1_000);
    let pages: Vec<_> = world.incidents().iter().map(|i| (i.status.as_str(), i.region.clone())).collect();
    assert_eq!(pages, [("triggered", Some("eu".into()))], "one incident, and it is a page");
    assert_eq!(world.ordered(Purpose::Page), 1);
    let event = &world.incidents()[0].event;
    // 43.2 of a thousand must fail in the hour; that is so after three minutes.
    assert_eq!(event.at, minute(122));
    assert_eq!(event.window, Some(WindowCounts { length: Span::from_minutes(60), good: 57_000, total: 60_000 }));
    assert_eq!(event.labels.get(RULE_LABEL), Some("page_fast"));
    let detail = event.detail.as_ref().unwrap();
    assert_eq!(detail.more_windows, [WindowCounts { length: Span::from_minutes(5), good: 2_000, total: 5_000 }]);
    assert!(detail.budget.is_some() && detail.context.get("budget_gone_in").is_some());
    world.run(&eu, 130..140, 0);
    assert!(matches!(world.incidents()[0].status, Status::Resolved { .. }));
    assert!(world.said(|b| matches!(b, Because::RuleOver { rule, reason: RuleEnd::Recovered } if rule == "page_fast")));
    // The ticket was muted by the page; once that is over, the team's channel hears of it, and nobody is paged.
    assert!(world.said(|b| matches!(b, Because::MutedByPage { rule } if rule == "page_fast")));
    let tickets: Vec<_> = world.incidents().into_iter().filter(|i| i.key.ends_with("/ticket")).collect();
    assert_eq!(tickets.len(), 1);
    assert!(tickets[0].escalation.is_none() && tickets[0].status.is_open());
    assert_eq!(world.ordered(Purpose::Page), 1);
    assert_eq!(world.ordered(Purpose::Alert), 2 * 2, "page and ticket, to two channels each");
}

#[test]
fn samples_that_stop_end_an_alert_with_that_reason_and_not_as_recovered() {
    let mut world = Sampled::new(burning());
    let eu = feed(Some("prod-eu"), "");
    world.run(&eu, 1..10, 1_000);
    assert!(world.engine().state().levels.rule(&level(Some(("prod-eu", "eu"))), "page_fast").is_firing());
    world.wait(10..20);
    assert!(!world.engine().state().levels.rule(&level(Some(("prod-eu", "eu"))), "page_fast").is_firing());
    assert!(world.said(|b| matches!(b, Because::RuleOver { reason: RuleEnd::NoData, .. })));
    // Nothing but the last evaluations is due for ever: a level at rest is looked at once a minute, and nothing is recorded.
    world.wait(20..40);
    let decisions = world.world.decisions.len();
    world.wait(40..60);
    assert_eq!(world.world.decisions.len(), decisions, "{:?}", world.world.decisions.last());
}

#[test]
fn a_small_region_that_is_down_pages_although_the_sum_hides_it() {
    let mut policy = burning();
    policy.environments.insert("prod-jp".into(), Environment { region: Some("jp".into()) });
    let mut world = Sampled::new(policy);
    let (eu, jp) = (feed(Some("prod-eu"), ""), feed(Some("prod-jp"), ""));
    for at in 1..30 {
        world.take(minute(at), &[(&eu, at, 0, 10_000), (&jp, at, 20, 20)]);
    }
    let levels = &world.engine().state().levels;
    assert!(levels.rule(&level(Some(("prod-jp", "jp"))), "page_fast").is_firing());
    assert_eq!(levels.rule(&level(None), "page_fast"), AlertState::Inactive);
    assert_eq!(world.incidents().len(), 1);
    assert_eq!(world.incidents()[0].region.as_deref(), Some("jp"));
    // Both down: each region pages, and the sum belongs to one of their incidents.
    for at in 30..60 {
        world.take(minute(at), &[(&eu, at, 10_000, 10_000), (&jp, at, 20, 20)]);
    }
    assert!(world.engine().state().levels.rule(&level(None), "page_fast").is_firing());
    let open: Vec<_> = world.incidents().iter().filter_map(|i| i.region.clone()).collect();
    assert_eq!(open, ["jp", "eu"]);
    assert_eq!(world.incidents().len(), 2);
}

#[test]
fn the_depletion_rule_fires_again_exactly_when_its_snooze_is_over() {
    let mut policy = burning();
    change_slo(&mut policy, |slo| {
        let example = &self::policy().services["data-api"].slos[0];
        (slo.alert, slo.snooze, slo.burn) = (example.alert.clone(), example.snooze, vec![]);
    });
    let mut world = Sampled::new(policy);
    let eu = feed(Some("prod-eu"), "");
    world.run(&eu, 1..60, 6);
    assert!(world.incidents().is_empty(), "0.6 % exactly is not more than 0.6 %");
    world.run(&eu, 60..330, 7);
    assert_eq!(world.incidents().len(), 1);
    let incident = world.incidents()[0];
    assert_eq!(incident.duplicates, 2, "fired again after two hours, and after four");
    assert_eq!(world.ordered(Purpose::Alert), 2, "each of two channels hears of it once");
    let rule = world.engine().state().levels.rule(&level(Some(("prod-eu", "eu"))), DEPLETION);
    assert!(rule.is_firing());
    let quiet = incident.alert_snoozed_until.unwrap();
    assert_eq!(quiet, incident.event.at.plus(Span::from_minutes(120 * 3)));
    world.run(&eu, 330..400, 0);
    assert!(matches!(world.incidents()[0].status, Status::Resolved { .. }));
}

#[test]
fn a_new_objective_is_recorded_and_judges_everything_that_is_known() {
    let mut world = Sampled::new(burning());
    let eu = feed(Some("prod-eu"), "");
    let activate = |world: &mut Sampled, policy: Policy, at: i64| {
        world.world.engine.set_policy(Arc::new(policy));
        world.world.input(minute(at), Input::ConfigActivated { fingerprint: Name::from(format!("f{at}")) });
    };
    activate(&mut world, burning(), 1);
    world.run(&eu, 1..60, 30);
    let key = level(Some(("prod-eu", "eu")));
    assert!(!world.engine().state().levels.rule(&key, "page_fast").is_firing());
    let mut stricter = burning();
    change_slo(&mut stricter, |slo| slo.objective = Ratio::parse_percent("99.9").unwrap());
    activate(&mut world, stricter, 60);
    world.run(&eu, 60..62, 30);
    assert!(world.engine().state().levels.rule(&key, "page_fast").is_firing());
    assert!(world.said(|b| matches!(b, Because::SloChanged { before: Some(_), .. })));
    let known = &world.engine().state().levels.objectives[&("data-api".into(), SLO.into())];
    assert_eq!(known.len(), 2);
    // A rule that leaves the configuration ends, and says why.
    let mut without = burning();
    change_slo(&mut without, |slo| slo.burn.clear());
    activate(&mut world, without, 62);
    assert!(world.engine().state().levels.alerts.is_empty());
    assert!(world.said(|b| matches!(b, Because::RuleOver { reason: RuleEnd::Gone, .. })));
    assert!(world.incidents().iter().all(|incident| !incident.status.is_open()));
}

#[test]
fn an_incident_that_a_person_resolved_comes_back_when_it_goes_on() {
    let mut world = Sampled::new(burning());
    let eu = feed(Some("prod-eu"), "");
    world.run(&eu, 1..10, 1_000);
    let id = world.incidents()[0].id;
    let verb = super::Verb::Resolve { incident: id };
    world.world.input(minute(10), Input::Command(super::Command { by: super::Actor::Local, verb }));
    world.run(&eu, 10..39, 1_000);
    assert_eq!(world.incidents().iter().filter(|i| i.status.is_open() && !i.key.ends_with("/ticket")).count(), 0);
    world.run(&eu, 39..45, 1_000);
    let open: Vec<_> = world.incidents().into_iter().filter(|i| i.status.is_open() && i.escalation.is_some()).collect();
    assert_eq!(open.len(), 1, "after the re-open window it is a new incident");
}

#[test]
fn the_policy_tells_each_condition_and_what_an_outage_cost() {
    let condition = |key: &str, kind, share: &str, freeze| PolicyCondition {
        rule: Name::from(format!("policy_{key}")),
        kind,
        share: Ratio::parse_percent(share).unwrap(),
        consequence: "reliability first".into(),
        freeze,
    };
    let conditions = vec![
        condition("exhausted", ConditionKind::Exhausted, "100%", true),
        condition("used", ConditionKind::Used, "8%", false),
        condition("by_incident", ConditionKind::ByIncident, "5%", false),
        condition("used_24h", ConditionKind::UsedFast, "30%", false),
    ];
    let mut policy = burning();
    change_slo(&mut policy, |slo| {
        // 28 days of 1,000 a minute grant 120,960 failures.
        slo.expected_per_day = Some(1_440_000);
        slo.policy = Some(Arc::new(BudgetPolicy { name: "standard".into(), conditions, silver_bullets: None }));
    });
    let mut world = Sampled::new(policy);
    let eu = feed(Some("prod-eu"), "");
    world.run(&eu, 1..120, 0);
    world.run(&eu, 120..130, 1_000);
    world.run(&eu, 130..140, 0);
    let key = level(Some(("prod-eu", "eu")));
    let levels = &world.engine().state().levels;
    let holds = |rule: &str| levels.rule(&key, rule).is_firing();
    assert!(holds("policy_used"), "10,000 of 120,960 are 8.3 %");
    assert!(holds("policy_by_incident"));
    assert!(!holds("policy_exhausted") && !holds("policy_used_24h"));
    let episodes = &levels.episodes[&key];
    assert_eq!(episodes.len(), 1);
    assert_eq!(episodes[0].spent, Ratio::new(10_000, 120_960).unwrap());
    assert_eq!(episodes[0].to, minute(134));
    let told: Vec<_> = world.incidents().iter().filter_map(|i| i.key.rsplit('/').next().map(str::to_owned)).collect();
    assert!(["policy_used", "policy_by_incident"].iter().all(|rule| told.iter().any(|t| t == rule)), "{told:?}");
    assert!(world.said(|b| matches!(b, Because::BudgetUsed { rule, .. } if rule == "policy_used")));
}

#[test]
fn without_a_priority_of_its_own_the_budget_gives_one() {
    let mut policy = burning();
    change_slo(&mut policy, |slo| {
        slo.priority = None;
        slo.expected_per_day = Some(14_400);
    });
    let first = policy.priorities.keys().next().cloned();
    let mut world = Sampled::new(policy);
    let eu = feed(Some("prod-eu"), "");
    world.run(&eu, 1..60, 0);
    world.run(&eu, 60..65, 1_000);
    assert_eq!(world.incidents()[0].priority, first, "nothing is left of 1,209 failures");
    assert!(world.said(|b| matches!(b, Because::PriorityFromBudget { .. })));
}

/// A sample on its way: minute, how many minutes late it comes, source, bad, whether it is sent twice.
fn sent() -> impl Strategy<Value = (i64, i64, bool, u64, bool)> {
    (1..120_i64, 0..10_i64, any::<bool>(), prop_oneof![Just(0_u64), 1..40_u64, Just(1_000)], any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(4711), ..ProptestConfig::default() })]

    /// Late, shuffled and repeated samples: after the watermark the state is that of the same samples in order, and so are the verdicts.
    #[test]
    fn late_shuffled_and_repeated_samples_end_in_the_same_state(samples in proptest::collection::vec(sent(), 1..150)) {
        let feeds = [feed(Some("prod-eu"), "a"), feed(Some("prod-eu"), "b")];
        // One value for each source and minute: the one that is sent last, whenever it comes.
        let mut last = std::collections::BTreeMap::new();
        let mut arrivals = std::collections::BTreeMap::<i64, Vec<(usize, i64, u64)>>::new();
        for (at, late, second, bad, twice) in samples {
            let source = usize::from(second);
            if last.insert((at, source), bad).is_some_and(|before| before != bad) {
                continue; // Corrections depend on their order, on purpose.
            }
            arrivals.entry(at + late).or_default().push((source, at, bad));
            if twice {
                arrivals.entry(at + late + 1).or_default().push((source, at, bad));
            }
        }
        let (mut shuffled, mut sorted) = (Sampled::new(burning()), Sampled::new(burning()));
        let mut values = std::collections::BTreeMap::new();
        for (now, rows) in &arrivals {
            let rows: Vec<_> = rows.iter().rev().map(|(source, at, bad)| (&feeds[*source], *at, *bad, 1_000)).collect();
            shuffled.take(minute(*now), &rows);
            for (feed, at, bad, _) in rows {
                values.insert((at, feed.source.clone()), bad);
            }
        }
        for ((at, source), bad) in &values {
            let feed = feeds.iter().find(|feed| feed.source == *source).unwrap();
            sorted.take(minute(*at), &[(feed, *at, *bad, 1_000)]);
        }
        for world in [&mut shuffled, &mut sorted] {
            world.wait(132..140);
        }
        let history = |world: &Sampled| -> Vec<_> {
            world.engine().state().levels.series.values().map(|s| (s.history.clone(), s.newest.len())).collect()
        };
        prop_assert_eq!(history(&shuffled), history(&sorted));
        prop_assert_eq!(&shuffled.engine().state().levels.alerts.keys().collect::<Vec<_>>(), &sorted.engine().state().levels.alerts.keys().collect::<Vec<_>>());
    }

    /// Recovery performs transitions and judges nothing: it must end where judging ended.
    #[test]
    fn replaying_samples_gives_the_same_state(samples in proptest::collection::vec(sent(), 1..60)) {
        let feeds = [feed(Some("prod-eu"), "a"), feed(None, "b")];
        let mut world = Sampled::new(burning());
        let mut now = 0;
        for (at, late, second, bad, _) in &samples {
            now = now.max(at + late);
            world.take(minute(now), &[(&feeds[usize::from(*second)], *at, *bad, 1_000)]);
        }
        let mut copy = Engine::new(Arc::new(burning()));
        for (at, input, decision) in &world.world.decisions {
            if let Some((seq, input)) = input {
                copy.accept(*seq, *at, Arc::clone(input));
            }
            for transition in &decision.transitions {
                copy.evolve(transition);
            }
        }
        prop_assert_eq!(&copy.state().levels, &world.engine().state().levels);
        let bytes = |engine: &Engine| postcard::to_allocvec(engine.state()).unwrap();
        prop_assert_eq!(bytes(&copy), bytes(world.engine()));
        let rebuilt = Engine::from_state(postcard::from_bytes(&bytes(&copy)).unwrap(), Arc::new(burning()));
        prop_assert_eq!(&rebuilt.state().levels, &world.engine().state().levels);
        let (mut a, mut b) = (world.world.engine, rebuilt);
        for later in 0..20 {
            let until = minute(now + 1 + later * 7);
            settle(&mut a, until);
            settle(&mut b, until);
            prop_assert_eq!(&a.state().levels, &b.state().levels);
        }
    }
}
