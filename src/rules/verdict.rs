//! What a rule says: structured, so that it can be stored with the decision and printed later without being made up again.

use serde::{Deserialize, Serialize};

use crate::domain::{DigestId, IncidentId, Name, Ratio, SilenceId, Span, Timestamp, WindowCounts};

/// Which rule spoke. The word is also the first column of an explanation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum RuleKind {
    /// Who owns the event.
    Owner,
    /// Share of budget spent within a window.
    Timeliness,
    /// Two windows above a factor.
    BurnRate,
    /// Quiet after firing.
    Snooze,
    /// One open incident per key.
    Dedup,
    /// Made by a person.
    Silence,
    /// Planned interval.
    Maintenance,
    /// Urgency.
    Priority,
    /// Team channels.
    Route,
    /// The chain of people.
    Escalation,
    /// Who is on call.
    Schedule,
    /// What became of a message.
    Delivery,
    /// What a person did.
    Person,
    /// What callout itself noticed.
    Alarm,
    /// An objective.
    Slo,
    /// How a person wants to be paged.
    Personal,
    /// How people work on an incident.
    Response,
}

/// The reason of a verdict: the values compared, with their meaning. `Display` gives the sentence of an explanation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Because {
    /// The service or the sender names the team.
    OwnedBy { team: Name, by_sender: bool },
    /// Nobody owns it; it went to the fallback team.
    Unowned { fallback: Name },

    /// The breach carries no counts, so the sender's word is taken.
    NoCounts,
    /// No alert rule is set for this SLO, so every breach counts.
    NoAlertRule,
    /// No traffic in the window is never above anything.
    NoTraffic { window: Span },
    /// The counts are over another window than the rule's; the sender's word is taken.
    OtherWindow { sent: Span, rule: Span },
    /// More was spent than allowed.
    SpentAbove { spent: Ratio, allowed: Ratio, depletion: Ratio, budget: Ratio, window: Span },
    /// Not more was spent than allowed.
    SpentWithin { spent: Ratio, allowed: Ratio, depletion: Ratio, budget: Ratio, window: Span },
    /// The rule is evaluated every so often; the newest counts wait.
    HeldUntil { until: Timestamp, every: Span },
    /// Both windows of a pair exceed the factor.
    BurnsFast { pair: Name, factor: Ratio, long: Span, short: Span, long_burn: Ratio, short_burn: Ratio },
    /// No pair of windows exceeds its factor.
    BurnsSlow { pairs: u32 },

    /// This alert fired and stays quiet for a while; `[since, until)`.
    Snoozed { since: Timestamp, until: Timestamp },
    /// A higher priority breaks through.
    SnoozeBroken { until: Timestamp, now: Name, before: Option<Name> },
    /// Not snoozed.
    NotSnoozed,

    /// No open incident had the key.
    Opened { incident: IncidentId, key: Name },
    /// An open incident had the key; its counter went up.
    Duplicate { incident: IncidentId, count: u32 },
    /// Known sources of open incidents were sent again; their counters went up.
    RefiresCounted { count: u32 },
    /// A recently resolved incident had the key and goes on.
    Reopened { incident: IncidentId, resolved_at: Timestamp, within: Span },
    /// The end of what an incident is about.
    Ended { incident: IncidentId, still_firing: u32 },
    /// The end of something that has no open incident.
    EndedNothingOpen,

    /// No silence matched.
    NoSilence { looked_at: u32 },
    /// A silence matched.
    Silenced { silence: SilenceId, author: Name, until: Timestamp },
    /// No maintenance window covers it.
    NoMaintenance,
    /// A maintenance window covers it.
    InMaintenance { name: Name, until: Timestamp },

    /// The SLO's priority.
    PriorityFromSlo { priority: Name },
    /// The sender's label.
    PriorityFromSender { priority: Name },
    /// Raised by repetition.
    PriorityRaised { priority: Name, count: u32, within: Span },
    /// None is set; shown as such.
    PriorityUnset,

    /// Team channels that hear of it, by the number of the route in the team's list, from 1.
    Routed { routes: Vec<u32>, destinations: u32 },
    /// No route matched.
    NoRoute { team: Name },

    /// A step of the policy came due. Step and round count from 1 here.
    StepReached { policy: Name, step: u32, steps: u32, round: u32, targets: Vec<Name>, users: Vec<Name> },
    /// A step found nobody and was skipped.
    StepSkipped { policy: Name, step: u32, steps: u32, round: u32, targets: Vec<Name> },
    /// The whole chain ran out.
    Exhausted { policy: Name },
    /// The team has no policy.
    NoPolicy { team: Name },
    /// Who is on call and why.
    OnCall {
        schedule: Name,
        role: Option<Name>,
        users: Vec<Name>,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        overridden: bool,
    },
    /// Nobody is.
    NobodyOnCall { schedule: Name, role: Option<Name> },
    /// A person without any way to be told.
    NoContact { person: Name },

    /// A message was ordered.
    Ordered { delivery: u64, what: Name, to: Name },
    /// A channel took it (or, for a flow that never says, accepted it).
    Delivered { delivery: u64, attempt: u32, to: Name },
    /// An attempt failed and another follows.
    Retry { delivery: u64, attempt: u32, to: Name, error: Name, at: Timestamp },
    /// It failed for good.
    GaveUp { delivery: u64, attempt: u32, to: Name, error: Name },
    /// It was not worth sending any more.
    Dropped { delivery: u64, why: Name },
    /// Another way is tried.
    FellBack { delivery: u64, to: Name },

    /// A person (or a token) did something.
    Did { who: Name, what: Name },
    /// Nothing was to be done: the incident was not in a state for it.
    NothingToDo { why: Name },
    /// callout noticed something that a person must know.
    Alarm { text: Name },

    /// Sums over both windows of a pair are above its factor (or reach it); counts as they were.
    WindowsBurn {
        rule: Name,
        factor: Ratio,
        at_least: bool,
        long: WindowCounts,
        long_burn: Ratio,
        short: WindowCounts,
        short_burn: Ratio,
        /// Minutes of the long window that have counts.
        known_minutes: u64,
    },
    /// A rule that was judged from samples does not hold any more.
    RuleOver { rule: Name, reason: RuleEnd },
    /// A page of the same SLO fires, so a ticket tells nobody.
    MutedByPage { rule: Name },
    /// An objective came into force, or changed. Everything that is still known is judged by it at once.
    SloChanged { slo: Name, before: Option<Ratio>, objective: Ratio },
    /// Too much goes to this recipient: it waits for a digest.
    Folded { digest: DigestId, what: Name, to: Name, due: Timestamp },
    /// It left a digest before anybody heard of it.
    Unfolded { digest: DigestId, why: Name },
    /// A digest was ordered as this message.
    DigestOrdered { digest: DigestId, delivery: u64, to: Name, incidents: u32 },
    /// A condition of the error budget policy holds, with what follows from it.
    BudgetUsed { rule: Name, policy: Name, used: Ratio, limit: Ratio, window: Span, consequence: Name },
    /// Neither the SLO nor the sender gives a priority; what is left of the budget does.
    PriorityFromBudget { priority: Name, remaining: Name },

    /// A rule of the person says which ways a page takes; without a number none fits, and the first of their ways is taken.
    RuleFollowed { person: Name, rule: Option<u32>, ways: Vec<Name> },
    /// Nobody answered, or a way failed: the next one of the person. Counted from 1.
    NextWay { person: Name, way: u32, ways: u32, by: Name },
    /// Quiet hours hold the page. `ends` is `until` where the person lives.
    QuietHeld { person: Name, until: Timestamp, ends: Name, zone: Name },
    /// An exception breaks the quiet hours: a priority, or being on call.
    QuietBroken { person: Name, by: Name, until: Timestamp, ends: Name, zone: Name },
    /// Everybody whom a step tells wants quiet, so it was skipped.
    StepQuiet { policy: Name, step: u32, steps: u32, round: u32, targets: Vec<Name> },
    /// Everybody whom a round tells wants quiet, so it waits.
    RoundHeld { policy: Name, until: Timestamp },
    /// A rule of the person gathers pages for a while.
    Bundled { digest: DigestId, to: Name, span: Span, due: Timestamp },
    /// A person has a role in the response.
    RoleFilled { role: Name, person: Name },
    /// Nobody was found for a role that the severity calls in.
    RoleUnfilled { role: Name, severity: Name },
    /// Nothing was said of the incident for so long, so somebody was reminded.
    UpdateAsked { of: Name, every: Span },
    /// The priority asks for a postmortem.
    PostmortemWanted { priority: Name, due: Timestamp },
    /// A postmortem is overdue; its team was reminded.
    PostmortemAsked { team: Name },
    /// Whoever comes on call is told, or the channels of the team.
    HandoffTold { text: Name, begins: Timestamp },
    /// An objective comes into force with the next period; until then the one before is.
    SloToChange { slo: Name, before: Option<Ratio>, objective: Ratio, at: Timestamp },
    /// There are no samples of a level since then.
    SamplesMissing { rule: Name, newest: Timestamp, after: Span },
    /// There are samples of a level, and of no events.
    TrafficMissing { rule: Name, after: Span, known_minutes: u64 },
    /// Minutes leave budgets and burn rates.
    MinutesExcluded { name: Name, from: Timestamp, to: Timestamp, reason: Name },
    /// Nobody has proven that a way leads to the person.
    Unverified { person: Name, by: Name },
}

/// Why a rule does not hold any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RuleEnd {
    /// It burns slowly enough.
    Recovered,
    /// There are samples, but nobody asks for anything.
    NoTraffic,
    /// There are no samples.
    NoData,
    /// The rule, the SLO or the service left the configuration.
    Gone,
    /// There are samples again.
    DataCame,
    /// There is traffic again.
    TrafficCame,
    /// There were no samples for so long that the source is taken as gone.
    GaveUp,
}
