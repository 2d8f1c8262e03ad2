//! What fits and what does not, in words for whoever asked.

use super::{MadeOverride, NewOverride, Offer, Swap, SwapStatus, said};
use crate::domain::{Name, OverrideId, SwapId, Timestamp};
use crate::engine::input::{Actor, Verb};
use crate::engine::limits;
use crate::engine::policy::{Policy, Target};
use crate::engine::state::State;
use crate::schedule::{OverrideKind, Schedule, coverage, supersedes};

/// Why a command about stand-ins changes nothing. The text is a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It makes no sense whatever the state is.
    Invalid(String),
    /// What it is about is not known.
    Unknown(String),
    /// It is not theirs to do.
    Forbidden(String),
    /// It does not fit the state: somebody was faster, it is over, there is no room.
    Conflict(String),
}

impl Refusal {
    /// The sentence.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Invalid(why) | Self::Unknown(why) | Self::Forbidden(why) | Self::Conflict(why) => why,
        }
    }
}

use Refusal::{Conflict, Forbidden, Invalid, Unknown};

/// Whether a command about stand-ins fits at `now`. Other commands always do.
///
/// # Errors
/// Why it does not.
pub fn check(state: &State, policy: &Policy, by: &Actor, verb: &Verb, now: Timestamp) -> Result<(), Refusal> {
    let asked = Asked { state, policy, by, now };
    match verb {
        Verb::AddOverride(new) => asked.add(new),
        Verb::RemoveOverride { id } => asked.remove(*id),
        Verb::OfferSwap(offer) => asked.offer(offer),
        Verb::AcceptSwap { swap, person } => asked.accept(*swap, person),
        Verb::DeclineSwap { swap, person } => asked.decline(*swap, person),
        _ => Ok(()),
    }
}

/// The team of a schedule: the one it names, or that of its name, or the first whose escalation policy asks it.
#[must_use]
pub fn team_of<'a>(policy: &'a Policy, schedule: &str) -> Option<&'a Name> {
    let named = policy.schedules.get(schedule).and_then(|s| s.spec().team.as_ref());
    let asks = |target: &Target| matches!(target, Target::Schedule { schedule: s, .. } if s == schedule);
    let asking = || {
        policy.teams.iter().find_map(|(name, team)| {
            let chain = policy.escalations.get(team.escalation.as_ref()?)?;
            chain.steps.iter().any(|step| step.notify.iter().any(asks)).then_some(name)
        })
    };
    named.or_else(|| policy.teams.get_key_value(schedule).map(|(name, _)| name)).or_else(asking)
}

/// Whether a person may change a schedule or take a shift of it: members and the manager of its team, and whoever serves in it.
#[must_use]
pub fn may_change(policy: &Policy, schedule: &str, person: &Name) -> bool {
    let team = team_of(policy, schedule).and_then(|name| policy.teams.get(name));
    let of_team = team.is_some_and(|t| t.members.contains(person) || t.manager.as_ref() == Some(person));
    let serves = |s: &Schedule| s.spec().layers.iter().any(|l| l.turns.iter().flatten().any(|user| user == person));
    of_team || policy.schedules.get(schedule).is_some_and(serves)
}

/// What whoever makes an override should know of it: what it takes the place of, that it changes nothing, that it leaves a hole.
#[must_use]
pub fn notes(state: &State, policy: &Policy, made: &MadeOverride) -> Vec<String> {
    let mut notes = Vec::new();
    let change = &made.asked.change;
    for earlier in state.stand_ins.of(&made.asked.schedule).filter(|other| other.id < made.id) {
        let other = &earlier.asked.change;
        if supersedes(change, other) {
            let what = said(&other.kind);
            notes.push(format!("it takes the place of {} ({what}) for as long as both last", earlier.id));
        } else if other.start < change.end && change.start < other.end {
            notes.push(format!("{} ({}) overlaps it and stays in force", earlier.id, said(&other.kind)));
        }
    }
    let Some(schedule) = state.rota.schedule(policy, &made.asked.schedule) else { return notes };
    if let OverrideKind::Replace { user, .. } | OverrideKind::Remove(user) = &change.kind {
        let before = policy.schedules.get(&made.asked.schedule);
        if before.is_some_and(|s| !serves(s, user, change.role.as_ref(), change.start, change.end)) {
            notes.push(format!("by the rotation {user} is not on call in that time, so it may change nothing"));
        }
    }
    let holes = coverage::holes(schedule, change.start, change.end);
    if let Some(hole) = holes.first() {
        let what =
            hole.role.as_ref().map_or_else(|| "nobody is on call".to_owned(), |role| format!("nobody is {role}"));
        notes.push(format!("{what} from {} to {}", hole.start, hole.end));
    }
    for twice in coverage::double_booked(schedule, change.start, change.end).iter().take(1) {
        let (roles, from, to) = (twice.roles.join(" and "), twice.start, twice.end);
        notes.push(format!("{} is {roles} at once from {from} to {to}; `swap` lets two exchange places", twice.person));
    }
    notes
}

/// Whether a person is on call at some time in `[from, to)`.
pub(super) fn serves(schedule: &Schedule, person: &Name, role: Option<&Name>, from: Timestamp, to: Timestamp) -> bool {
    schedule.shifts(from, to).iter().any(|shift| match role {
        Some(role) => shift.on_call.role(role).is_some_and(|users| users.contains(person)),
        None => shift.on_call.users().contains(person),
    })
}

/// A command with what it is judged by.
struct Asked<'a> {
    state: &'a State,
    policy: &'a Policy,
    by: &'a Actor,
    now: Timestamp,
}

impl Asked<'_> {
    /// Who asks, where it is known to be a person.
    const fn person(&self) -> Option<&Name> {
        match self.by {
            Actor::Person(id) | Actor::Link(id) => Some(id),
            _ => None,
        }
    }

    fn schedule(&self, name: &str, role: Option<&Name>) -> Result<&Schedule, Refusal> {
        let unknown = || Unknown(format!("there is no schedule `{name}`"));
        let schedule = self.state.rota.schedule(self.policy, name).ok_or_else(unknown)?;
        let roles = &schedule.spec().roles;
        match role {
            Some(role) if roles.is_empty() => Err(Invalid(format!("schedule `{name}` has no roles, so not `{role}`"))),
            Some(role) if !roles.contains(role) => {
                Err(Invalid(format!("schedule `{name}` has no role `{role}`; it has {}", roles.join(", "))))
            }
            _ => Ok(schedule),
        }
    }

    fn known(&self, people: &[&Name]) -> Result<(), Refusal> {
        match people.iter().find(|person| !self.policy.people.contains_key(**person)) {
            Some(person) => Err(Invalid(format!("there is no person `{person}` in the configuration"))),
            None => Ok(()),
        }
    }

    fn may_change(&self, schedule: &str) -> Result<(), Refusal> {
        match self.person() {
            Some(person) if !may_change(self.policy, schedule, person) => Err(Forbidden(format!(
                "{person} is not of the team of schedule `{schedule}`; its members, its manager and whoever serves in it may change it"
            ))),
            _ if matches!(self.by, Actor::ChannelLink) => Err(Forbidden("it is not known who you are".to_owned())),
            _ => Ok(()),
        }
    }

    fn interval(&self, start: Timestamp, end: Timestamp) -> Result<(), Refusal> {
        let begin = start.max(self.now);
        if end <= start {
            return Err(Invalid("it ends before it begins".to_owned()));
        }
        if end <= begin {
            return Err(Conflict(format!("that time is over since {end}")));
        }
        if end.since(begin) > limits::OVERRIDE_LENGTH_MAX {
            return Err(Invalid(format!("it lasts at most {}", limits::OVERRIDE_LENGTH_MAX)));
        }
        if begin.since(self.now) > limits::OVERRIDE_AHEAD_MAX {
            return Err(Invalid(format!("it begins at most {} from now", limits::OVERRIDE_AHEAD_MAX)));
        }
        Ok(())
    }

    fn why(why: &str) -> Result<(), Refusal> {
        let most = limits::STAND_IN_WHY_CHARS_MAX;
        if why.chars().count() > most {
            return Err(Invalid(format!("the reason has at most {most} characters")));
        }
        Ok(())
    }

    fn add(&self, new: &NewOverride) -> Result<(), Refusal> {
        let change = &new.change;
        let schedule = self.schedule(&new.schedule, change.role.as_ref())?;
        self.may_change(&new.schedule)?;
        self.interval(change.start, change.end)?;
        Self::why(&new.why)?;
        let people: Vec<&Name> = match &change.kind {
            OverrideKind::Set(users) | OverrideKind::Add(users) => users.iter().collect(),
            OverrideKind::Replace { user, with } => vec![user, with],
            OverrideKind::Remove(user) => vec![user],
            OverrideKind::Swap(a, b) => vec![a, b],
        };
        self.known(&people)?;
        let most = limits::OVERRIDE_PEOPLE_MAX;
        if people.is_empty() || people.len() > most {
            return Err(Invalid(format!("an override names 1 to {most} people")));
        }
        if let [a, b] = people[..]
            && a == b
        {
            return Err(Invalid(format!("{a} can't stand in for themselves")));
        }
        self.room(&schedule.spec().name, 1)
    }

    /// Whether so many more overrides may be kept.
    fn room(&self, schedule: &str, more: usize) -> Result<(), Refusal> {
        let made = &self.state.stand_ins;
        if made.overrides.len() + more > limits::OVERRIDES_MAX {
            return Err(Conflict(format!("there are {} overrides, as many as callout keeps", made.overrides.len())));
        }
        let of_schedule = made.of(schedule).count();
        if of_schedule + more > limits::OVERRIDES_PER_SCHEDULE_MAX {
            return Err(Conflict(format!("schedule `{schedule}` has {of_schedule} overrides, as many as it may have")));
        }
        Ok(())
    }

    fn remove(&self, id: OverrideId) -> Result<(), Refusal> {
        let unknown = || Unknown(format!("there is no override {id}, or it is long over"));
        let made = self.state.stand_ins.overrides.get(&id).ok_or_else(unknown)?;
        self.may_change(&made.asked.schedule)?;
        if made.asked.change.end <= self.now {
            return Err(Conflict(format!("override {id} is over since {}", made.asked.change.end)));
        }
        Ok(())
    }

    fn offer(&self, offer: &Offer) -> Result<(), Refusal> {
        let schedule = self.schedule(&offer.schedule, offer.role.as_ref())?;
        self.known(&[&offer.person])?;
        self.known(&offer.to.iter().collect::<Vec<_>>())?;
        self.may_offer(offer)?;
        self.interval(offer.start, offer.end)?;
        Self::why(&offer.why)?;
        if offer.expires_at <= self.now || offer.expires_at > offer.end {
            return Err(Invalid("an offer ends in the future, and not after the shift".to_owned()));
        }
        if offer.to.as_ref() == Some(&offer.person) {
            return Err(Invalid(format!("{} can't take their own shift", offer.person)));
        }
        if let Some(to) = offer.to.as_ref().filter(|to| !may_change(self.policy, &offer.schedule, to)) {
            return Err(Invalid(format!("{to} is not of the team of schedule `{}`", offer.schedule)));
        }
        self.still_theirs(offer, schedule)?;
        if let Some((from, to)) = offer.in_return {
            self.interval(from, to)?;
            if let Some(person) = offer.to.as_ref().filter(|p| !serves(schedule, p, offer.role.as_ref(), from, to)) {
                return Err(Conflict(format!(
                    "{person} is not on call from {from} to {to}, so can't give that in return"
                )));
            }
        }
        let mut open = self.state.stand_ins.swaps.values().filter(|swap| swap.is_open());
        if let Some(same) = open.clone().find(|swap| same_shift(&swap.offer, offer)) {
            return Err(Conflict(format!("that shift is offered already as {}", same.id)));
        }
        if open.nth(limits::SWAPS_MAX - 1).is_some() {
            return Err(Conflict(format!("{} shifts are on offer, as many as there may be", limits::SWAPS_MAX)));
        }
        Ok(())
    }

    /// Own shifts are offered; those of others by their manager, or by a token.
    fn may_offer(&self, offer: &Offer) -> Result<(), Refusal> {
        self.may_change(&offer.schedule)?;
        let Some(person) = self.person().filter(|person| **person != offer.person) else { return Ok(()) };
        let team = team_of(self.policy, &offer.schedule).and_then(|name| self.policy.teams.get(name));
        if team.is_some_and(|team| team.manager.as_ref() == Some(person)) {
            return Ok(());
        }
        Err(Forbidden(format!("it is {}'s shift; only they and the team's manager may offer it", offer.person)))
    }

    /// Whether the shift is that of whoever offers it.
    fn still_theirs(&self, offer: &Offer, schedule: &Schedule) -> Result<(), Refusal> {
        let start = offer.start.max(self.now);
        if serves(schedule, &offer.person, offer.role.as_ref(), start, offer.end) {
            return Ok(());
        }
        let role = offer.role.as_ref().map(|role| format!(" as {role}")).unwrap_or_default();
        let (person, end) = (&offer.person, offer.end);
        Err(Conflict(format!("{person} is not on call{role} in `{}` from {start} to {end}", offer.schedule)))
    }

    fn swap(&self, id: SwapId) -> Result<&Swap, Refusal> {
        let unknown = || Unknown(format!("there is no swap request {id}, or it is long over"));
        self.state.stand_ins.swaps.get(&id).map(|swap| &**swap).ok_or_else(unknown)
    }

    /// Whether the request is open, and this person is asked.
    fn open(&self, id: SwapId, person: &Name) -> Result<&Swap, Refusal> {
        let swap = self.swap(id)?;
        self.known(&[person])?;
        match &swap.status {
            SwapStatus::Offered => {}
            SwapStatus::Accepted { by, at, .. } if by == person => {
                return Err(Conflict(format!("{person} took it already, at {at}; nothing more is to be done")));
            }
            SwapStatus::Accepted { by, at, .. } => {
                return Err(Conflict(format!("{by} was faster and took it at {at}")));
            }
            SwapStatus::Declined { by, at } => return Err(Conflict(format!("{by} declined it at {at}"))),
            SwapStatus::Withdrawn { by, at } => return Err(Conflict(format!("{by} took the offer back at {at}"))),
            SwapStatus::Expired { at } => {
                return Err(Conflict(format!("the offer ended at {at}, nobody had taken it")));
            }
        }
        if swap.offer.end <= self.now {
            return Err(Conflict(format!("that shift is over since {}", swap.offer.end)));
        }
        if swap.offer.expires_at <= self.now {
            return Err(Conflict(format!("the offer ended at {}", swap.offer.expires_at)));
        }
        if let Some(other) = self.person().filter(|by| *by != person) {
            return Err(Forbidden(format!("{other} can't answer for {person}")));
        }
        if matches!(self.by, Actor::ChannelLink) {
            return Err(Forbidden("it is not known who you are".to_owned()));
        }
        Ok(swap)
    }

    fn accept(&self, id: SwapId, person: &Name) -> Result<(), Refusal> {
        let offer = &self.open(id, person)?.offer;
        if offer.person == *person {
            return Err(Conflict(format!("it is {person}'s own shift; to keep it, decline the request")));
        }
        if let Some(to) = offer.to.as_ref().filter(|to| *to != person) {
            return Err(Forbidden(format!("{to} was asked, not {person}")));
        }
        if !may_change(self.policy, &offer.schedule, person) {
            return Err(Forbidden(format!("{person} is not of the team of schedule `{}`", offer.schedule)));
        }
        let schedule = self.schedule(&offer.schedule, offer.role.as_ref())?;
        self.still_theirs(offer, schedule)?;
        if let Some((from, to)) = offer.in_return {
            let start = from.max(self.now);
            if to <= start || !serves(schedule, person, offer.role.as_ref(), start, to) {
                let text = format!("{person} is not on call from {start} to {to}, so can't give that in return");
                return Err(Conflict(text));
            }
        }
        self.room(&offer.schedule, 2)
    }

    fn decline(&self, id: SwapId, person: &Name) -> Result<(), Refusal> {
        let swap = self.open(id, person)?;
        let offer = &swap.offer;
        let asked = match &offer.to {
            Some(to) => to == person,
            None => may_change(self.policy, &offer.schedule, person),
        };
        if offer.person != *person && !asked {
            let who = offer.to.as_ref().map_or_else(|| "the team".to_owned(), Name::to_string);
            return Err(Forbidden(format!("{who} was asked, not {person}")));
        }
        if swap.declined.contains(person) {
            return Err(Conflict(format!("{person} said no already; others may still take it")));
        }
        Ok(())
    }
}

/// Whether two offers are about the same person's time.
fn same_shift(a: &Offer, b: &Offer) -> bool {
    let roles = a.role.is_none() || b.role.is_none() || a.role == b.role;
    a.schedule == b.schedule && a.person == b.person && roles && a.start < b.end && b.start < a.end
}
