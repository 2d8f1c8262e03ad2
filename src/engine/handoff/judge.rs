//! Handoffs, decided: who is told of which shift, and when to look again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{HandoffRule, Notice, Post, Watch};
use crate::domain::{Name, Timestamp};
use crate::engine::judge::Judge;
use crate::engine::limits;
use crate::engine::notice::About;
use crate::engine::policy::Policy;
use crate::engine::state::Recipient;
use crate::engine::transition::Transition;
use crate::rules::{Because, RuleKind};
use crate::schedule::{OnCall, Schedule};

impl Judge<'_> {
    /// The configuration changed: every schedule with handoffs is looked at.
    pub(in crate::engine) fn look_at_all_handoffs(&mut self) {
        let policy = self.policy();
        let known = self.engine.state.handoffs.keys();
        let schedules: BTreeSet<Name> = policy.handoffs.keys().chain(known).cloned().collect();
        for schedule in schedules {
            self.look_at_handoffs(&schedule);
        }
    }

    /// Somebody comes on call about now, or the schedule was changed.
    pub(in crate::engine) fn look_at_handoffs(&mut self, name: &Name) {
        let (policy, now) = (self.policy(), self.now());
        let known = self.engine.state.handoffs.get(name).cloned();
        let rota = Arc::clone(&self.engine.state.rota);
        let found = policy.handoffs.get(name).zip(rota.schedule(&policy, name));
        let Some((rule, schedule)) = found else {
            if known.is_some() {
                self.record(Transition::HandoffForgotten { schedule: name.clone() });
            }
            return;
        };
        let posts = posts(&schedule.on_call(now));
        let mut watch = match &known {
            Some(watch) => Watch { wake: schedule.next_change(now), ..(**watch).clone() },
            // Whoever serves when the watch begins came before it.
            None => Watch {
                wake: schedule.next_change(now),
                serving: posts.clone(),
                announced: posts.clone(),
                foretold: Vec::new(),
            },
        };
        let mut notices = Vec::new();
        begun(&policy, name, schedule, now, &posts, &mut watch, &mut notices);
        coming(&policy, rule, name, schedule, now, &mut watch, &mut notices);
        if known.as_deref() != Some(&watch) {
            self.record(Transition::HandoffWatched { schedule: name.clone(), watch: Box::new(watch) });
        }
        for notice in notices {
            self.order_handoff(rule, notice);
        }
    }

    fn order_handoff(&mut self, rule: &HandoffRule, notice: Notice) {
        let who: Vec<String> = notice.posts.iter().map(Post::in_words).collect();
        let text = format!("handoff of {}: {}", notice.schedule, who.join(", "));
        let begins = notice.begins;
        let person = notice.person.clone();
        let about = Some(About::Handoff(Box::new(notice)));
        match person {
            Some(person) => self.notice(&person, &text, about),
            None => {
                for to in &rule.tell {
                    self.order_notice(Recipient::Channel(to.clone()), &text, about.clone(), 0);
                }
            }
        }
        self.say(None, RuleKind::Schedule, Because::HandoffTold { text: Name::from(text), begins });
    }
}

impl Post {
    /// `ana as main`, `ana`.
    fn in_words(&self) -> String {
        match &self.role {
            Some(role) => format!("{} as {role}", self.person),
            None => self.person.to_string(),
        }
    }
}

/// Everybody who serves.
fn posts(on_call: &OnCall) -> Vec<Post> {
    let of_role = |(role, people): (Option<&Name>, &[Name])| {
        let role = role.cloned();
        people.iter().map(|person| Post { role: role.clone(), person: person.clone() }).collect::<Vec<_>>()
    };
    on_call.by_role().flat_map(of_role).collect()
}

/// Since when and until when somebody has served or will have.
fn bounds(schedule: &Schedule, post: &Post, at: Timestamp) -> (Timestamp, Option<Timestamp>) {
    let answer = schedule.answer(post.role.as_ref().map(Name::as_str), at);
    (answer.since.unwrap_or(at), answer.until)
}

/// Those who came since it was looked at last. Their quiet hours hold what is for them.
fn begun(
    policy: &Policy,
    name: &Name,
    schedule: &Schedule,
    now: Timestamp,
    posts: &[Post],
    watch: &mut Watch,
    notices: &mut Vec<Notice>,
) {
    let came: Vec<Post> = posts.iter().filter(|post| !watch.announced.contains(post)).cloned().collect();
    if let Some(first) = came.first() {
        let (_, ends) = bounds(schedule, first, now);
        let begins = came.iter().map(|post| bounds(schedule, post, now).0).max().unwrap_or(now);
        notices.push(Notice { schedule: name.clone(), begins, ends, before: false, person: None, posts: came });
    }
    watch.announced = posts.to_vec();
    let mut serving = Vec::new();
    let mut told: Vec<(Name, Vec<Post>)> = Vec::new();
    for post in posts {
        if watch.serving.contains(post) {
            serving.push(post.clone());
        } else if let Some(until) = quiet_until(policy, post, now) {
            watch.wake = Some(watch.wake.map_or(until, |wake| wake.min(until)));
        } else {
            serving.push(post.clone());
            gather(&mut told, post);
        }
    }
    watch.serving = serving;
    for (person, posts) in told {
        let (begins, ends) = bounds(schedule, &posts[0], now);
        notices.push(Notice { schedule: name.clone(), begins, ends, before: false, person: Some(person), posts });
    }
}

/// Those who will come within the time in which they are told before.
fn coming(
    policy: &Policy,
    rule: &HandoffRule,
    name: &Name,
    schedule: &Schedule,
    now: Timestamp,
    watch: &mut Watch,
    notices: &mut Vec<Notice>,
) {
    watch.foretold.retain(|(begins, _)| *begins > now);
    let Some(before) = rule.before else { return };
    let (horizon, mut at) = (now.plus(before), now);
    let mut serve = posts(&schedule.on_call(now));
    for _ in 0..limits::HANDOFFS_AHEAD_MAX {
        let Some(begins) = schedule.next_change(at) else { break };
        if begins > horizon {
            wake_at(watch, begins.minus(before));
            break;
        }
        let then = posts(&schedule.on_call(begins));
        let come: Vec<Post> = then.iter().filter(|post| !serve.contains(post)).cloned().collect();
        foretell(policy, name, schedule, (now, begins), &come, watch, notices);
        (serve, at) = (then, begins);
    }
}

fn foretell(
    policy: &Policy,
    name: &Name,
    schedule: &Schedule,
    (now, begins): (Timestamp, Timestamp),
    come: &[Post],
    watch: &mut Watch,
    notices: &mut Vec<Notice>,
) {
    let Some(first) = come.first() else { return };
    let (_, ends) = bounds(schedule, first, begins);
    let notice = |person, posts| Notice { schedule: name.clone(), begins, ends, before: true, person, posts };
    if !watch.foretold.contains(&(begins, None)) {
        watch.foretold.push((begins, None));
        notices.push(notice(None, come.to_vec()));
    }
    let mut told: Vec<(Name, Vec<Post>)> = Vec::new();
    for post in come {
        let key = (begins, Some(post.clone()));
        if watch.foretold.contains(&key) {
            continue;
        }
        if let Some(until) = quiet_until(policy, post, now).filter(|until| *until < begins) {
            wake_at(watch, until);
        } else {
            watch.foretold.push(key);
            gather(&mut told, post);
        }
    }
    notices.extend(told.into_iter().map(|(person, posts)| notice(Some(person), posts)));
}

fn gather(told: &mut Vec<(Name, Vec<Post>)>, post: &Post) {
    match told.iter_mut().find(|(person, _)| *person == post.person) {
        Some((_, posts)) => posts.push(post.clone()),
        None => told.push((post.person.clone(), vec![post.clone()])),
    }
}

fn wake_at(watch: &mut Watch, at: Timestamp) {
    watch.wake = Some(watch.wake.map_or(at, |wake| wake.min(at)));
}

/// Until when a person does not want to be told that they serve in this role.
fn quiet_until(policy: &Policy, post: &Post, now: Timestamp) -> Option<Timestamp> {
    let quiet = policy.people.get(&post.person)?.rules.quiet.as_ref()?;
    quiet.hours.end_of(now).filter(|_| !quiet.unless_on_call.covers(post.role.as_ref()))
}
