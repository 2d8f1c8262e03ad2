//! Silver bullets: releases although the error budget policy freezes them. Few, counted, and each with who and why.
//!
//! Source: the error budget policies of the SRE literature, in which the business may buy an exception. Absent on purpose: a silver bullet
//! that opens more than the gate. Conditions go on, tickets stay open, and budgets are spent as they are.

use serde::{Deserialize, Serialize};

use super::input::Actor;
use super::judge::Judge;
use super::policy::{Policy, Service, SilverBullets};
use super::state::State;
use super::transition::Transition;
use crate::domain::{Name, Span, Timestamp};
use crate::rules::{Because, RuleKind};
use crate::slo::history::DAYS_MAX;

/// An exception that was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SilverBullet {
    /// When.
    pub at: Timestamp,
    /// It opens the gate until then.
    pub until: Timestamp,
    /// Who.
    pub by: Actor,
    /// Why.
    pub reason: String,
    /// Only there; absent: everywhere.
    pub environment: Option<Name>,
}

/// What is left of a service's exceptions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BulletsLeft {
    /// Used in the period.
    pub used: u32,
    /// Allowed in the period.
    pub most: u32,
    /// When the period ends; a rolling one has no end.
    pub until: Option<Timestamp>,
}

impl Service {
    /// How many exceptions its error budget policy allows.
    #[must_use]
    pub fn silver_bullets(&self) -> Option<&SilverBullets> {
        let slos = self.slos.iter().chain(self.default_slos.values());
        slos.filter_map(|slo| slo.policy.as_ref()).find_map(|policy| policy.silver_bullets.as_ref())
    }
}

impl State {
    /// What is left of a service's exceptions at `now`; `None` where its policy allows none.
    #[must_use]
    pub fn bullets_left(&self, policy: &Policy, service: &Name, now: Timestamp) -> Option<BulletsLeft> {
        let rule = policy.services.get(service)?.silver_bullets()?;
        // An instant belongs to the period that begins with it.
        let (start, end) = rule.period.bounds(now.plus(Span::from_millis(1)));
        let known = self.bullets.get(service).map(Vec::as_slice).unwrap_or_default();
        let used = known.iter().filter(|bullet| bullet.at >= start).count();
        Some(BulletsLeft {
            used: u32::try_from(used).unwrap_or(u32::MAX),
            most: rule.most,
            until: rule.period.is_calendar().then_some(end),
        })
    }

    /// One was used. What is older than any period is forgotten.
    pub(super) fn bullet_used(&mut self, service: &Name, bullet: &SilverBullet) {
        let known = self.bullets.entry(service.clone()).or_default();
        known.retain(|old| bullet.at.since(old.at) <= Span::from_hours(24 * DAYS_MAX));
        known.push(bullet.clone());
    }
}

impl Judge<'_> {
    /// Makes an exception, if one is left.
    pub(super) fn use_silver_bullet(&mut self, by: &Actor, service: &Name, environment: Option<&Name>, reason: &str) {
        let (policy, now) = (self.policy(), self.now());
        let rule = policy.services.get(service).and_then(Service::silver_bullets);
        let left = self.engine.state.bullets_left(&policy, service, now);
        let (Some(rule), Some(left)) = (rule, left) else {
            return self.no_bullet("the policy of the service allows no silver bullets");
        };
        if left.used >= left.most {
            return self.no_bullet("all silver bullets of the period are used");
        }
        let until = now.plus(rule.lasts);
        let place = environment.map(|name| format!(" in {name}")).unwrap_or_default();
        let what = format!(
            "used silver bullet {} of {} for {service}{place} until {until}: {reason}",
            left.used + 1,
            left.most
        );
        self.say(None, RuleKind::Person, Because::Did { who: Name::from(by.label()), what: Name::from(what) });
        let bullet = SilverBullet {
            at: now,
            until,
            by: by.clone(),
            reason: reason.to_owned(),
            environment: environment.cloned(),
        };
        self.record(Transition::SilverBulletUsed { service: service.clone(), bullet: Box::new(bullet) });
    }

    fn no_bullet(&mut self, why: &'static str) {
        self.say(None, RuleKind::Person, Because::NothingToDo { why: Name::const_new(why) });
    }
}
