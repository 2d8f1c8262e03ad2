//! Service levels and error budget policies as the engine reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Name, Ratio, Span};
use crate::rules::burn_rate::{BurnPair, Tier};
use crate::rules::priority::RaiseRule;
use crate::rules::timeliness::Timeliness;
use crate::slo::{Period, Slice};

/// Error budget period where none is set: four weeks.
pub const PERIOD_DEFAULT: Span = Span::from_hours(28 * 24);

/// A service level objective.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slo {
    /// Its name; defaults are called `default availability of data-api`.
    pub name: Name,
    /// Endpoint; absent: all without one of their own.
    pub endpoint: Option<Name>,
    /// SLI kind.
    pub sli: Name,
    /// Objective as a share, below 1.
    pub objective: Ratio,
    /// Latency threshold.
    pub threshold: Option<Span>,
    /// Error budget period. Default: 28 days, rolling.
    pub period: Period,
    /// A new objective comes into force with the next period of the calendar; otherwise at once, for all that is known.
    pub from_next_period: bool,
    /// Slices of time are counted rather than events.
    pub slice: Option<Slice>,
    /// Priority of its breaches.
    pub priority: Option<Name>,
    /// Why it is so.
    pub reason: Option<String>,
    /// When a breach becomes an alert.
    pub alert: Option<Timeliness>,
    /// How long it stays quiet after firing.
    pub snooze: Option<Span>,
    /// Burn-rate pairs of its pack.
    pub burn: Vec<BurnPair>,
    /// Raises by repetition.
    pub raise: Vec<RaiseRule>,
    /// Links of this SLO, before the service's.
    pub links: BTreeMap<Name, String>,
    /// Events that are expected on a day, where it is declared; they make the grant of a period.
    pub expected_per_day: Option<u64>,
    /// The error budget policy of the service.
    pub policy: Option<Arc<BudgetPolicy>>,
    /// The share of a window's minutes that must be known before a rule over it may hold.
    pub min_coverage: Option<Ratio>,
    /// What is told when there are no samples.
    pub no_data: Option<Absence>,
    /// What is told when there are samples, and nobody asks for anything.
    pub no_traffic: Option<Absence>,
}

/// A rule about what is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// It must be missing for so long.
    pub after: Span,
    /// Priority; absent: none.
    pub priority: Option<Name>,
    /// Whether people are paged.
    pub tier: Tier,
    /// The team that hears of it instead of the service's.
    pub team: Option<Name>,
}

/// An error budget policy: conditions that are told by themselves, with their consequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetPolicy {
    /// Its name.
    pub name: Name,
    /// Conditions, in order of the table.
    pub conditions: Vec<PolicyCondition>,
    /// Exceptions from its freezes.
    pub silver_bullets: Option<SilverBullets>,
}

/// How many exceptions a service may make from the freezes of its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilverBullets {
    /// So many in a period.
    pub most: u32,
    /// The period.
    pub period: Period,
    /// Each opens the gate for so long.
    pub lasts: Span,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyCondition {
    /// Its name among the rules of a level, for example `policy_used_24h`.
    pub rule: Name,
    /// What it looks at.
    pub kind: ConditionKind,
    /// Share of the period's grant at which it holds.
    pub share: Ratio,
    /// What follows, in words.
    pub consequence: Name,
    /// Whether the service may not be released while it holds.
    pub freeze: bool,
}

/// What a condition of the policy looks at. Letters are those of table 10.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionKind {
    /// A: nothing is left.
    Exhausted,
    /// B: a share of the period's budget.
    Used,
    /// C: a share used by one outage.
    ByIncident,
    /// E: a share within 24 hours.
    UsedFast,
    /// F: a share within 7 days.
    UsedSlowly,
    /// G: a share used through one dependency.
    ByDependency,
}

impl Slo {
    /// One without rules: 28 days, all endpoints, every event counts.
    #[must_use]
    pub const fn new(name: Name, sli: Name, objective: Ratio) -> Self {
        Self {
            name,
            endpoint: None,
            sli,
            objective,
            threshold: None,
            period: Period::Rolling(PERIOD_DEFAULT),
            from_next_period: false,
            slice: None,
            priority: None,
            reason: None,
            alert: None,
            snooze: None,
            burn: Vec::new(),
            raise: Vec::new(),
            links: BTreeMap::new(),
            expected_per_day: None,
            policy: None,
            min_coverage: None,
            no_data: None,
            no_traffic: None,
        }
    }

    /// The longest window that its rules look at.
    #[must_use]
    pub fn longest_window(&self) -> Span {
        let windows = self.burn.iter().map(|pair| pair.long.max(pair.short));
        let of_policy = self.policy.as_ref().map(|_| self.period.longest());
        windows.chain(self.alert.as_ref().map(|rule| rule.window)).chain(of_policy).max().unwrap_or(Span::ZERO)
    }
}
