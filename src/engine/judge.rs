//! Judging: from an event to a verdict. Rules speak in a fixed order, and each one's word goes into the trace:
//! owner, timeliness (and burn rate), snooze, deduplication, silences, maintenance, priority, route, escalation.

use std::sync::Arc;

use super::input::{Input, Refire};
use super::level_event;
use super::levels::Scope;
use super::policy::{Policy, Slo, Team};
use super::state::{Incident, ScopeKey};
use super::timers::{
    Timer, alert_deadline, digest_deadline, heard_again_at, incident_deadline, postmortem_deadline, scope_deadline,
};
use super::transition::{Decision, RefireCount, Suppressor, Transition};
use super::{Engine, limits};
use crate::domain::{
    Event, EventId, EventKind, EventStatus, Fingerprint, IncidentId, Name, Seq, Source, Timestamp, WindowCounts,
};
use crate::rules::{Because, RuleKind, burn_rate, priority, snooze};

/// One act of judging: what was decided so far. Every change goes through [`Judge::record`].
pub(super) struct Judge<'a> {
    pub engine: &'a mut Engine,
    decision: Decision,
    /// Incidents that changed in what their rooms show.
    pub changed: Vec<IncidentId>,
}

/// An event with what the catalogue says of it.
pub(super) struct Case {
    pub event: Arc<Event>,
    pub event_id: EventId,
    pub fingerprint: Fingerprint,
    pub team: Name,
    /// The team as it is configured.
    pub owner: Option<Arc<Team>>,
    pub unowned: bool,
    pub region: Option<Name>,
    pub slo: Option<Arc<Slo>>,
    pub scope: Option<ScopeKey>,
    pub priority: Option<Name>,
    pub priority_because: Because,
    pub rank: u8,
}

/// What the alert rule and the snooze say.
enum Verdict {
    /// It is an alert.
    Fires,
    /// It is none; the source is quiet for this reason.
    Quiet(Suppressor),
    /// It would be one, but the same fired lately.
    Snoozed,
}

impl<'a> Judge<'a> {
    pub const fn new(engine: &'a mut Engine) -> Self {
        Self {
            engine,
            decision: Decision { transitions: Vec::new(), trace: super::Trace { lines: Vec::new() } },
            changed: Vec::new(),
        }
    }

    pub fn finish(self) -> Decision {
        self.decision
    }

    /// Performs a transition and lists it.
    pub fn record(&mut self, transition: Transition) {
        self.engine.evolve(&transition);
        self.note_for_rooms(&transition);
        self.decision.transitions.push(transition);
    }

    /// Adds a line to the trace.
    pub fn say(&mut self, incident: Option<IncidentId>, rule: RuleKind, because: Because) {
        self.decision.trace.say(incident, rule, because);
    }

    pub fn now(&self) -> Timestamp {
        self.engine.state.now
    }

    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.engine.policy)
    }

    /// Moves engine time on; never back.
    pub fn clock(&mut self, now: Timestamp) {
        if now > self.now() {
            self.record(Transition::ClockAdvanced { now });
        }
    }

    /// Judges deadlines before `now` (or at `now` too), each at its own time, at most `most`.
    pub fn deadlines(&mut self, now: Timestamp, inclusive: bool, most: usize) {
        for _ in 0..most {
            let Some((at, timer)) = self.engine.timers.pop_due(now, inclusive) else { return };
            self.deadline(at, timer);
        }
    }

    fn deadline(&mut self, at: Timestamp, timer: Timer) {
        // The entry may be stale: look at the true deadline, and wait for it if it is later.
        let state = &self.engine.state;
        let due = match &timer {
            Timer::Incident(id) => state.incidents.get(id).and_then(|i| incident_deadline(i)),
            Timer::Alert(fingerprint) => state.alerts.get(fingerprint).and_then(|a| alert_deadline(state, a)),
            Timer::Scope(key) => state.scopes.get(key).map(scope_deadline),
            Timer::Silence(id) => state.silences.get(id).map(|s| s.ends_at.plus(limits::SILENCE_KEPT)),
            Timer::Minutes => state.counters.next_due(),
            Timer::Idempotency => {
                self.engine.idempotency_by_age.first().map(|(at, _)| at.plus(limits::IDEMPOTENCY_KEPT))
            }
            Timer::Digest(id) => state.digests.get(id).and_then(|digest| digest_deadline(digest)),
            Timer::Handoff(schedule) => state.handoffs.get(schedule).and_then(|watch| watch.wake),
            Timer::Override(id) => {
                state.stand_ins.overrides.get(id).map(|made| made.asked.change.end.plus(limits::OVERRIDE_KEPT))
            }
            Timer::Swap(id) => state.stand_ins.swaps.get(id).map(|swap| swap.deadline()),
            Timer::Update(id) => state.incidents.get(id).and_then(|incident| incident.update_due),
            Timer::Postmortem(id) => state.postmortems.get(id).map(|known| postmortem_deadline(known)),
            Timer::Reminder(id) => super::quiet::reminder_deadline(state, *id),
            Timer::Absences => super::absence::is_due(state),
        };
        let Some(due) = due else { return };
        let due = state.set_aside.get(&timer).map_or(due, |until| due.max(*until));
        if due > at {
            self.engine.timers.set(Some(due), timer);
            return;
        }
        self.clock(at);
        self.engine.under_way = Some(timer.clone());
        match timer {
            Timer::Incident(id) => self.incident_due(id),
            Timer::Alert(fingerprint) => self.alert_due(fingerprint),
            Timer::Scope(key) => self.scope_due(key),
            Timer::Silence(silence) => self.record(Transition::SilenceForgotten { silence }),
            Timer::Minutes => self.minutes_over(),
            Timer::Idempotency => {
                let before = at.minus(limits::IDEMPOTENCY_KEPT).plus(crate::domain::Span::from_millis(1));
                self.record(Transition::IdempotencyForgotten { before });
            }
            Timer::Digest(id) => self.digest_due(id),
            Timer::Handoff(schedule) => self.look_at_handoffs(&schedule),
            Timer::Override(id) => self.record(Transition::OverrideForgotten { id }),
            Timer::Swap(id) => self.swap_due(id),
            Timer::Update(id) => self.update_due(id),
            Timer::Postmortem(id) => self.postmortem_due(id),
            Timer::Reminder(id) => self.reminder_due(id),
            Timer::Absences => self.look_for_absences(),
        }
        self.rooms();
        self.engine.under_way = None;
    }

    /// Judges the input at `seq`. It leaves the inbox as the last step, so that transitions may refer to it.
    pub fn input(&mut self, seq: Seq) {
        let Some((_, input)) = self.engine.state.inbox.get(&seq).cloned() else { return };
        match &*input {
            Input::Event(event) => self.event(EventId(seq.0), event),
            Input::Refires(refires) => self.refires(refires),
            Input::Command(command) => self.command(command),
            Input::Reports(reports) => reports.iter().for_each(|report| self.report(report)),
            Input::ConfigActivated { fingerprint } => {
                self.record(Transition::ConfigActivated { fingerprint: fingerprint.clone() });
                self.objectives();
                self.look_at_all_handoffs();
            }
            Input::Alarm { key, text } => self.alarm(key, text),
            Input::Administered(act) => self.administered(act),
            Input::Tick => {}
            Input::Samples(batch) => self.samples(seq, batch),
            Input::Readings(_) => self.readings(seq),
            Input::Calendar(read) => self.calendar_read(seq, &read.of),
        }
        self.rooms();
        self.record(Transition::Judged { input: seq });
        self.bound_idempotency();
    }

    /// Readings only go to their minutes; what follows from them follows when the minutes are over.
    fn readings(&mut self, seq: Seq) {
        self.record(Transition::ReadingsTaken { input: seq });
        let now = self.now();
        if self.engine.state.counters.is_sweep_due(now) {
            self.record(Transition::CountersForgotten { before: now.minus(limits::COUNTER_KEPT) });
        }
    }

    /// Minutes of counters are over.
    fn minutes_over(&mut self) {
        let state = &self.engine.state;
        let (feeds, batch) = state.counters.hand_over(&state.levels, state.now, limits::FEEDS_PER_TICK);
        if feeds > 0 {
            let batch = Arc::new(batch);
            self.record(Transition::MinutesCounted { feeds, batch: Arc::clone(&batch) });
            self.fresh(&batch);
        }
    }

    fn bound_idempotency(&mut self) {
        let ages = &self.engine.idempotency_by_age;
        if ages.len() > limits::IDEMPOTENCY_MAX {
            // A tenth at once, so that this is rare.
            if let Some((at, _)) = ages.iter().nth(limits::IDEMPOTENCY_MAX / 10) {
                let before = *at;
                self.record(Transition::IdempotencyForgotten { before });
            }
        }
    }

    fn event(&mut self, event_id: EventId, event: &Arc<Event>) {
        // What most new alerts come to, so that the lists do not grow step by step.
        self.decision.transitions.reserve_exact(6);
        self.decision.trace.lines.reserve_exact(8);
        let fingerprint = event.fingerprint();
        if event.status == EventStatus::Resolved {
            self.source_over(fingerprint, event);
            return;
        }
        self.record(Transition::AlertFiring { fingerprint, event: event_id });
        self.firing(fingerprint);
    }

    /// The sender says that a source is over.
    fn source_over(&mut self, fingerprint: Fingerprint, event: &Arc<Event>) {
        let known = self.engine.state.alerts.get(&fingerprint).is_some_and(|alert| alert.firing);
        if known {
            self.end_alert(fingerprint);
            return;
        }
        // A sender may say the end with fewer labels than the beginning: the key decides then.
        let case = self.case(fingerprint, EventId(0), Arc::clone(event));
        let key = Self::key(&case);
        let open = self.newest_by_key(&key).filter(|id| self.is_open(*id));
        match open {
            Some(id) => {
                let firing = self.engine.state.incidents.get(&id).map(|i| i.firing.clone()).unwrap_or_default();
                for source in &firing {
                    self.end_alert(*source);
                }
                if firing.is_empty() {
                    self.sources_over(id);
                }
            }
            None => self.say(None, RuleKind::Dedup, Because::EndedNothingOpen),
        }
    }

    /// A source is over; when it was the last one of its incident, so is that.
    pub(super) fn end_alert(&mut self, fingerprint: Fingerprint) {
        let at = self.now();
        let incident = self.engine.state.alerts.get(&fingerprint).and_then(|alert| alert.incident);
        self.record(Transition::AlertEnded { fingerprint, at });
        let Some(id) = incident.filter(|id| self.is_open(*id)) else {
            self.say(None, RuleKind::Dedup, Because::EndedNothingOpen);
            return;
        };
        self.record(Transition::SourceEnded { incident: id, fingerprint });
        let still_firing = self.engine.state.incidents.get(&id).map_or(0, |i| i.firing.len());
        let count = u32::try_from(still_firing).unwrap_or(u32::MAX);
        self.say(Some(id), RuleKind::Dedup, Because::Ended { incident: id, still_firing: count });
        if still_firing == 0 {
            self.sources_over(id);
        }
    }

    fn alert_due(&mut self, fingerprint: Fingerprint) {
        let now = self.now();
        let Some(alert) = self.engine.state.alerts.get(&fingerprint) else { return };
        if !alert.firing {
            self.record(Transition::AlertForgotten { fingerprint });
        } else if alert.ends_at.is_some_and(|end| end <= now) {
            self.end_alert(fingerprint);
        } else if heard_again_at(&self.engine.state, alert).is_some_and(|at| at <= now) {
            self.record(Transition::AlertSuppressed { fingerprint, by: None });
            self.firing(fingerprint);
        } else {
            self.record(Transition::AlertForgotten { fingerprint });
        }
    }

    fn scope_due(&mut self, key: ScopeKey) {
        let held = self.engine.state.scopes.get(&key).and_then(|scope| scope.held);
        match held {
            Some((fingerprint, _)) if self.engine.state.alerts.get(&fingerprint).is_some_and(|a| a.firing) => {
                self.firing(fingerprint);
            }
            // It ended while its counts waited.
            Some(_) => self.record(Transition::Evaluated { scope: key, at: self.now() }),
            None => self.record(Transition::ScopeForgotten { scope: key }),
        }
    }

    /// Known sources sent again: counted where their incident is open, judged anew where there is none.
    fn refires(&mut self, refires: &[Refire]) {
        let mut counted = Vec::with_capacity(refires.len());
        for refire in refires {
            let Some(alert) = self.engine.state.alerts.get(&refire.fingerprint) else { continue };
            match alert.incident.filter(|id| alert.firing && self.is_open(*id)) {
                Some(incident) if !self.counts_occurrences(incident) => {
                    counted.push(RefireCount { fingerprint: refire.fingerprint, ends_at: refire.ends_at, incident });
                }
                _ => {
                    self.record(Transition::AlertRefreshed {
                        fingerprint: refire.fingerprint,
                        ends_at: refire.ends_at,
                    });
                    self.firing(refire.fingerprint);
                }
            }
        }
        if !counted.is_empty() {
            let count = u32::try_from(counted.len()).unwrap_or(u32::MAX);
            self.record(Transition::RefiresCounted(counted));
            self.say(None, RuleKind::Dedup, Because::RefiresCounted { count });
        }
    }

    fn counts_occurrences(&self, id: IncidentId) -> bool {
        self.engine.state.incidents.get(&id).is_some_and(|incident| !incident.occurrences.is_empty())
    }

    /// Judges a source that fires. What rules said before there was an incident belongs to the one that came of it.
    pub(super) fn firing(&mut self, fingerprint: Fingerprint) {
        let from = self.lines();
        self.judge_firing(fingerprint);
        self.attribute(from, fingerprint);
    }

    /// How many lines the trace has.
    pub(super) fn lines(&self) -> usize {
        self.decision.trace.lines.len()
    }

    /// Lines since `from` belong to the incident of a source.
    pub(super) fn attribute(&mut self, from: usize, fingerprint: Fingerprint) {
        let incident = self.engine.state.alerts.get(&fingerprint).and_then(|alert| alert.incident);
        for line in &mut self.decision.trace.lines[from..] {
            line.incident = line.incident.or(incident);
        }
    }

    /// The whole chain of rules.
    pub(super) fn judge_firing(&mut self, fingerprint: Fingerprint) {
        let Some(alert) = self.engine.state.alerts.get(&fingerprint) else { return };
        let (event_id, event) = (alert.event_id, Arc::clone(&alert.event));
        let case = self.case(fingerprint, event_id, event);
        let owner = if case.unowned {
            Because::Unowned { fallback: case.team.clone() }
        } else {
            Because::OwnedBy { team: case.team.clone(), by_sender: case.event.team.as_ref() == Some(&case.team) }
        };
        let key = Self::key(&case);
        let newest = self.newest_by_key(&key);
        let open = newest.filter(|id| self.is_open(*id)).or_else(|| self.open_of_part(&case.event));
        self.say(open, RuleKind::Owner, owner);
        if self.is_muted_by_page(&case.event, open) {
            self.record(Transition::AlertSuppressed { fingerprint, by: Some(Suppressor::Page) });
            return;
        }
        match self.alert_rule(&case, open) {
            Verdict::Quiet(by) => self.record(Transition::AlertSuppressed { fingerprint, by: Some(by) }),
            Verdict::Snoozed => match open {
                Some(id) => self.duplicate(id, &case, true),
                None => {
                    self.record(Transition::AlertSuppressed { fingerprint, by: Some(Suppressor::Snooze) });
                }
            },
            Verdict::Fires => match open {
                Some(id) => self.duplicate(id, &case, false),
                None => self.open_unless_quiet(&case, key, newest),
            },
        }
    }

    /// Timeliness, burn rate and snooze. Without an alert rule every breach counts.
    fn alert_rule(&mut self, case: &Case, open: Option<IncidentId>) -> Verdict {
        let (Some(slo), Some(key)) = (case.slo.clone(), case.scope.clone()) else {
            self.say(open, RuleKind::Timeliness, Because::NoAlertRule);
            return Verdict::Fires;
        };
        if case.event.source == Source::Samples && !level_event::is_depletion(&case.event) {
            return Verdict::Fires;
        }
        // Its own judgement is about the end of a minute, which may be a little while ago.
        let from_samples = case.event.source == Source::Samples;
        let now = if from_samples { case.event.at } else { self.now() };
        let scope = self.engine.state.scopes.get(&key);
        let snoozed = scope.and_then(|s| s.snoozed.clone());
        let evaluated_at = scope.and_then(|s| s.evaluated_at);
        let before = snoozed.as_ref().map_or(255, |(_, _, p)| self.engine.policy.rank(p.as_deref()));
        let (passes, word) = snooze::judge(snoozed.as_ref(), now, case.rank, before, case.priority.as_ref());
        if !passes {
            self.say(open, RuleKind::Snooze, word);
            return Verdict::Snoozed;
        }
        if from_samples {
            self.say(open, RuleKind::Snooze, word);
            return Verdict::Fires;
        }
        if let (Some(rule), Some(last)) = (&slo.alert, evaluated_at) {
            let next = last.plus(rule.every);
            let breaks = matches!(word, Because::SnoozeBroken { .. });
            if now < next && !breaks {
                self.record(Transition::EvaluationHeld { scope: key, fingerprint: case.fingerprint, until: next });
                self.say(open, RuleKind::Timeliness, Because::HeldUntil { until: next, every: rule.every });
                return Verdict::Quiet(Suppressor::Timeliness);
            }
        }
        if !self.spends_enough(case, &slo, &key, open) {
            return Verdict::Quiet(Suppressor::Timeliness);
        }
        self.say(open, RuleKind::Snooze, word);
        Verdict::Fires
    }

    fn spends_enough(&mut self, case: &Case, slo: &Slo, key: &ScopeKey, open: Option<IncidentId>) -> bool {
        let windows = windows(&case.event);
        let burn = burn_rate::judge(&slo.burn, &windows, slo.objective);
        let spent = slo.alert.as_ref().map(|rule| {
            let fitting = windows.iter().find(|w| w.length == rule.window).or(windows.first());
            rule.judge(fitting, slo.objective)
        });
        if slo.alert.is_some() {
            self.record(Transition::Evaluated { scope: key.clone(), at: self.now() });
        }
        let fires = match (&spent, &burn) {
            (None, None) => true,
            (a, b) => a.as_ref().is_some_and(|(f, _)| *f) || b.as_ref().is_some_and(|(f, _)| *f),
        };
        if spent.is_none() && burn.is_none() {
            self.say(open, RuleKind::Timeliness, Because::NoAlertRule);
        }
        if let Some((_, because)) = spent {
            self.say(open, RuleKind::Timeliness, because);
        }
        if let Some((_, because)) = burn {
            self.say(open, RuleKind::BurnRate, because);
        }
        fires
    }

    /// Silences and maintenance; then a new incident, or the recent one again.
    fn open_unless_quiet(&mut self, case: &Case, key: Name, newest: Option<IncidentId>) {
        let now = self.now();
        let (silence, looked_at) = self.engine.silences.find(&case.event, now);
        if let Some(silence) = silence {
            let by = Suppressor::Silence(silence.id);
            self.say(
                None,
                RuleKind::Silence,
                Because::Silenced { silence: silence.id, author: silence.author.clone(), until: silence.ends_at },
            );
            self.record(Transition::AlertSuppressed { fingerprint: case.fingerprint, by: Some(by) });
            return;
        }
        let policy = self.policy();
        let service = case.event.service.as_deref();
        let window = policy.maintenance.iter().find_map(|window| {
            Some((window.name.clone(), window.covers(service, case.event.environment.as_deref(), now)?))
        });
        if let Some((name, until)) = window {
            self.say(None, RuleKind::Maintenance, Because::InMaintenance { name: name.clone(), until });
            let by = Some(Suppressor::Maintenance { name, until });
            self.record(Transition::AlertSuppressed { fingerprint: case.fingerprint, by });
            return;
        }
        let id = match newest.filter(|id| self.may_reopen(*id, case)) {
            Some(id) => {
                self.reopen_by_event(id, case);
                id
            }
            None => self.open(case, key, &policy),
        };
        self.say(Some(id), RuleKind::Silence, Because::NoSilence { looked_at });
        if !policy.maintenance.is_empty() {
            self.say(Some(id), RuleKind::Maintenance, Because::NoMaintenance);
        }
        self.say(Some(id), RuleKind::Priority, case.priority_because.clone());
        self.announce(id, case);
        self.begin_escalation(id);
    }

    /// After an alert fired for an incident, the same one stays quiet for a while.
    pub fn snooze_alert(&mut self, id: IncidentId, case: &Case) {
        let of_samples = case.event.source == Source::Samples;
        if of_samples && !level_event::is_depletion(&case.event) {
            return;
        }
        let since = if of_samples { case.event.at } else { self.now() };
        let snooze = case.slo.as_ref().and_then(|slo| slo.snooze);
        if let (Some(scope), Some(span)) = (case.scope.clone(), snooze) {
            let priority = case.priority.clone();
            self.record(Transition::AlertSnoozed { scope, incident: id, since, until: since.plus(span), priority });
        }
    }

    /// What the catalogue says of an event.
    fn case(&self, fingerprint: Fingerprint, event_id: EventId, event: Arc<Event>) -> Case {
        let policy = &self.engine.policy;
        let service = event.service.as_ref().and_then(|name| policy.services.get(name));
        let by_sender = event.team.as_ref().and_then(|team| Some((team, policy.teams.get(team)?)));
        let by_catalogue = || service.map(|service| &service.team);
        let named = by_sender.map(|(team, _)| team).or_else(by_catalogue).cloned();
        let unowned = named.is_none();
        let fallback = || policy.organisation.fallback.clone().or_else(|| event.team.clone());
        let team = named.or_else(fallback).unwrap_or_else(|| Name::const_new("nobody"));
        let owner = by_sender.map(|(_, known)| known).or_else(|| policy.teams.get(&team)).cloned();
        let environment = event.environment.as_ref().and_then(|name| policy.environments.get(name));
        let region = event.region.clone().or_else(|| environment.and_then(|e| e.region.clone()));
        let slo = service.and_then(|service| find_slo(service, &event)).cloned();
        let scope = slo.as_ref().map(|slo| scope_key(&event, slo));
        let known = |name: &str| policy.priorities.contains_key(name);
        let sent = event.labels.get("priority").map(Name::from);
        let of_slo = slo.as_ref().and_then(|slo| match level_event::absence_of(&event, slo) {
            Some(absence) => absence.priority.as_ref(),
            None => slo.priority.as_ref(),
        });
        let (priority, priority_because) = priority::choose(of_slo, sent.as_ref(), known);
        let from_budget = level_event::priority_of(&event).filter(|_| priority.is_none());
        let (priority, priority_because) = match from_budget {
            Some((priority, remaining)) => {
                (Some(priority.clone()), Because::PriorityFromBudget { priority, remaining })
            }
            None => (priority, priority_because),
        };
        let rank = policy.rank(priority.as_deref());
        Case {
            event,
            event_id,
            fingerprint,
            team,
            owner,
            unowned,
            region,
            slo,
            scope,
            priority,
            priority_because,
            rank,
        }
    }

    fn key(case: &Case) -> Name {
        if case.event.source == Source::Drill {
            // Whatever the team's keys are: a drill never becomes part of an incident, nor of another drill.
            return compact_str::format_compact!("{}{}", Incident::DRILL_KEYS, case.fingerprint);
        }
        let dedup = case.owner.as_ref().map_or(&*DEFAULT_DEDUP, |team| &team.dedup);
        let key = match case.event.kind {
            EventKind::Breach => dedup.breach.key(&case.event, &case.team),
            EventKind::Resource => dedup.resource.key(&case.event, &case.team),
        };
        // A ticket must not keep the incident of a page open for days.
        if let Some(suffix) = level_event::suffix(&case.event) {
            return compact_str::format_compact!("{key}/{suffix}");
        }
        key
    }

    /// The sum over all environments is one incident with the part that is broken: the open incident of a part.
    fn open_of_part(&self, event: &Event) -> Option<IncidentId> {
        let level = level_event::level_of(event).filter(|level| level.scope == Scope::All)?;
        let state = &self.engine.state;
        let mut parts = state.levels.index.siblings(&level).filter_map(|(part, _)| {
            let rules = state.levels.alerts.get(part)?;
            rules.keys().find_map(|rule| {
                let fingerprint = level_event::part_fingerprint(event, part, rule);
                state.alerts.get(&fingerprint)?.incident.filter(|id| self.is_open(*id))
            })
        });
        parts.next()
    }

    /// A page of an SLO mutes its tickets, unless the ticket is being told already.
    fn is_muted_by_page(&mut self, event: &Event, open: Option<IncidentId>) -> bool {
        if open.is_some() || !level_event::is_ticket(event) {
            return false;
        }
        let page = level_event::level_of(event).and_then(|level| self.firing_page(&level));
        let Some(rule) = page else { return false };
        self.say(None, RuleKind::BurnRate, Because::MutedByPage { rule });
        true
    }

    pub fn is_open(&self, id: IncidentId) -> bool {
        self.engine.state.incidents.get(&id).is_some_and(|incident| incident.status.is_open())
    }

    /// The newest incident of this key, open or resolved.
    fn newest_by_key(&self, key: &Name) -> Option<IncidentId> {
        self.engine.state.by_key.get(key).copied()
    }

    /// Whether an incident was resolved within the re-open window, `[resolved, resolved + window)`.
    fn may_reopen(&self, id: IncidentId, case: &Case) -> bool {
        let resolved_at = self.engine.state.incidents.get(&id).and_then(|incident| incident.resolved_at());
        let window = self.reopen_window(case.owner.as_deref());
        resolved_at.is_some_and(|at| self.now() < at.plus(window))
    }

    pub fn reopen_window(&self, team: Option<&Team>) -> crate::domain::Span {
        team.and_then(|team| team.reopen).unwrap_or(self.engine.policy.organisation.reopen)
    }
}

/// Deduplication of an event whose team is not in the configuration.
static DEFAULT_DEDUP: std::sync::LazyLock<super::policy::TeamDedup> =
    std::sync::LazyLock::new(super::policy::TeamDedup::default);

/// All counts of an event, the main window first.
fn windows(event: &Event) -> Vec<WindowCounts> {
    let more = event.detail.iter().flat_map(|detail| detail.more_windows.iter().copied());
    event.window.into_iter().chain(more).collect()
}

/// The SLO by its name, or else the explicit one for the endpoint, or else the default of the SLI.
fn find_slo<'p>(service: &'p super::policy::Service, event: &Event) -> Option<&'p Arc<Slo>> {
    if let Some(name) = &event.slo
        && let Some(slo) = service.slos.iter().find(|slo| slo.name == *name)
    {
        return Some(slo);
    }
    let sli = event.sli.as_ref().or(event.slo.as_ref())?;
    let explicit = service.slos.iter().filter(|slo| slo.sli == *sli);
    let mut exact = explicit.clone().filter(|slo| slo.endpoint.is_some() && slo.endpoint == event.endpoint);
    let mut whole = explicit.filter(|slo| slo.endpoint.is_none());
    exact.next().or_else(|| whole.next()).or_else(|| service.default_slos.get(sli))
}

/// What an alert rule remembers is kept per SLO and scope; a default SLO covers each endpoint by itself.
pub(super) fn scope_key(event: &Event, slo: &Slo) -> ScopeKey {
    let part = |value: &Option<Name>| value.clone().unwrap_or_default();
    let endpoint = slo.endpoint.as_ref().or(event.endpoint.as_ref()).cloned().unwrap_or_default();
    let (service, environment, region) = (part(&event.service), part(&event.environment), part(&event.region));
    compact_str::format_compact!("{service}\u{1f}{}\u{1f}{endpoint}\u{1f}{environment}\u{1f}{region}", slo.name)
}
