//! A scenario of burn rates, driven minute by minute through the engine as it runs in production: samples in, states of rules out.

use std::collections::BTreeMap;
use std::sync::Arc;

use callout::domain::*;
use callout::engine::levels::{LevelKey, Scope};
use callout::engine::policy::{Organisation, Policy, Service, Slo};
use callout::engine::{Engine, Input, limits};
use callout::rules::burn_rate::{BurnPair, Tier};
use callout::rules::timeliness::Timeliness;
use callout::slo::{Period, WindowSum};

/// The service and the SLO of all scenarios.
const SERVICE: &str = "service";
const SLO: &str = "slo";

/// An engine with one SLO, and the clock of a scenario.
pub struct Production {
    engine: Engine,
    next: u64,
    known: BTreeMap<Arc<Feed>, u32>,
}

/// A policy with one service and one SLO.
pub fn policy(objective: Ratio, pairs: &[(&str, &str, &str, &str)], alert: Timeliness, snooze: Span) -> Policy {
    let pairs = pairs.iter().map(|(name, long, short, factor)| BurnPair {
        tier: if name.starts_with("ticket") { Tier::Ticket } else { Tier::Page },
        ..BurnPair::new(
            Name::from(*name),
            Ratio::parse(factor).unwrap(),
            Span::parse(long).unwrap(),
            Span::parse(short).unwrap(),
        )
    });
    let slo = Slo {
        period: Period::Rolling(Span::from_hours(30 * 24)),
        alert: Some(alert),
        snooze: Some(snooze),
        burn: pairs.collect(),
        ..Slo::new(SLO.into(), "availability".into(), objective)
    };
    let service = Service { team: "team".into(), slos: vec![Arc::new(slo)], ..Service::default() };
    Policy {
        fingerprint: "scenario".into(),
        organisation: Organisation {
            name: "acme".into(),
            timezone: "UTC".into(),
            reopen: Span::from_minutes(30),
            ..Organisation::default()
        },
        services: [(SERVICE.into(), service)].into(),
        ..Policy::default()
    }
}

/// The same with each pair changed.
pub fn changed(mut policy: Policy, change: impl Fn(&mut BurnPair)) -> Policy {
    for service in policy.services.values_mut() {
        for slo in &mut service.slos {
            Arc::make_mut(slo).burn.iter_mut().for_each(&change);
        }
    }
    policy
}

/// The feed of a region; `None` for a series without labels.
pub fn feed(region: Option<&str>) -> Arc<Feed> {
    let series = SeriesKey {
        service: SERVICE.into(),
        sli: "availability".into(),
        endpoint: None,
        environment: None,
        region: region.map(Name::from),
        threshold: None,
    };
    Arc::new(Feed { series, source: Name::default() })
}

/// The level in a scope.
pub fn level(scope: Scope) -> LevelKey {
    LevelKey { service: SERVICE.into(), slo: SLO.into(), endpoint: None, scope }
}

/// One region; `None` for a series without labels.
pub fn one(region: Option<&str>) -> Scope {
    Scope::One { environment: None, region: region.map(Name::from) }
}

impl Production {
    pub fn new(policy: Policy) -> Self {
        Self { engine: Engine::new(Arc::new(policy)), next: 1, known: BTreeMap::new() }
    }

    /// Hands over the samples of a minute that just ended, and lets the engine judge it.
    pub fn minute(&mut self, end: Timestamp, samples: &[(&Arc<Feed>, u64, u64)]) {
        let mut batch = SampleBatch::default();
        for (feed, bad, total) in samples {
            let next = u32::try_from(self.known.len()).unwrap() + 1;
            let number = *self.known.entry(Arc::clone(feed)).or_insert(next);
            if number == next {
                batch.new_feeds.push((number, Arc::clone(feed)));
            }
            batch.rows.push(SampleRow { feed: number, minute: minute_of(end), part: None, bad: *bad, total: *total });
        }
        if !batch.rows.is_empty() {
            let seq = Seq(self.next);
            self.next += 1;
            self.engine.accept(seq, end, Arc::new(Input::Samples(Arc::new(batch))));
            self.engine.judge(seq, end);
        }
        for at in [end, end.plus(limits::EVALUATION_WAIT)] {
            while self.engine.next_wakeup().is_some_and(|due| due <= at) {
                self.engine.tick(at);
            }
        }
    }

    /// The engine itself.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Another configuration comes into force.
    pub fn reload(&mut self, at: Timestamp, policy: Policy) {
        let fingerprint = policy.fingerprint.clone();
        self.engine.set_policy(Arc::new(policy));
        self.input(at, Input::ConfigActivated { fingerprint });
    }

    /// Hands over an input.
    pub fn input(&mut self, at: Timestamp, input: Input) {
        let seq = Seq(self.next);
        self.next += 1;
        self.engine.accept(seq, at, Arc::new(input));
        self.engine.judge(seq, at);
    }

    pub fn is_firing(&self, level: &LevelKey, rule: &str) -> bool {
        self.engine.state().levels.rule(level, rule).is_firing()
    }

    /// When the depletion rule fired last.
    pub fn depletion_fired(&self, level: &LevelKey) -> Option<Timestamp> {
        let region = match &level.scope {
            Scope::One { region, .. } => region.as_deref().unwrap_or_default(),
            Scope::All => "",
        };
        let key = format!("{SERVICE}\u{1f}{SLO}\u{1f}\u{1f}\u{1f}{region}");
        self.engine.state().scopes.get(key.as_str()).and_then(|scope| scope.snoozed.as_ref()).map(|(since, ..)| *since)
    }

    pub fn sum(&self, level: &LevelKey, at: Timestamp, window: Span) -> WindowSum {
        let levels = &self.engine.state().levels;
        let number = levels.index.numbers.get(level);
        number.map_or_else(WindowSum::default, |number| levels.index.levels[*number as usize].sum(levels, at, window))
    }
}
