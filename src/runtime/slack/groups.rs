//! User groups (`@oncall-team`) that hold whoever is on call: brought in step at the start, at every change of the rotation, at overrides and
//! at a reload.
//!
//! What is wanted follows from the schedules alone, so nothing of it is kept: after a crash every group is set once more. Between two
//! changes the task sleeps. A group is never emptied: in a hole it keeps its last people, which is counted and logged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;

use super::Workspaces;
use crate::channel::slack::api::CallError;
use crate::channel::slack::is_transient;
use crate::config::SlackGroup;
use crate::domain::{Name, Span, Timestamp};
use crate::runtime::Handle;
use crate::runtime::counters::Counter;

/// After a failure there is another try so much later, then twice that, and so on.
const RETRY: Duration = Duration::from_secs(2);
/// The longest wait between two tries. Beyond: it stays at that.
const RETRY_MAX: Duration = Duration::from_mins(10);
/// However far away the next change is, the clock is looked at this often: it may have been set.
const LOOK: Duration = Duration::from_mins(10);
/// Before the state is back there is nothing to look at.
const START: Duration = Duration::from_millis(20);

/// What became of groups.
#[derive(Debug, Default)]
pub struct Counted {
    /// Set.
    pub updated: Counter,
    /// Not set; tried again.
    pub failed: Counter,
    /// Kept as they were, since nobody is on call.
    pub kept: Counter,
    /// Groups that do not hold whom they should.
    behind: AtomicU64,
}

impl Counted {
    /// How many groups do not hold whom they should.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.behind.load(Ordering::Relaxed)
    }
}

/// How a group stands.
#[derive(Debug, Default)]
struct Standing {
    /// What Slack was told last, by Slack ids.
    told: Option<Vec<String>>,
    /// Whether nobody is on call, which was said already.
    in_hole: bool,
    failures: u32,
    retry_at: Option<Timestamp>,
}

/// Starts the task that keeps groups in step.
#[must_use]
pub fn start(handle: Handle, workspaces: Workspaces) -> JoinHandle<()> {
    tokio::spawn(run(handle, workspaces))
}

async fn run(handle: Handle, workspaces: Workspaces) {
    while !handle.is_running() {
        tokio::time::sleep(START).await;
    }
    let mut standing: BTreeMap<String, Standing> = BTreeMap::new();
    loop {
        let next = look(&handle, &workspaces, &mut standing).await;
        let now = handle.now();
        let wait = next.map_or(LOOK, |at| at.since(now).to_std().saturating_add(Duration::from_millis(1)).min(LOOK));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = handle.rota_changes() => {}
        }
    }
}

/// Brings every group in step; answers when to look again.
async fn look(
    handle: &Handle,
    workspaces: &Workspaces,
    standing: &mut BTreeMap<String, Standing>,
) -> Option<Timestamp> {
    let settings = handle.settings();
    let now = handle.now();
    let mut next: Option<Timestamp> = None;
    let mut sooner = |at: Option<Timestamp>| next = next.into_iter().chain(at).min();
    // A group that several schedules fill holds the people of all of them.
    let mut wanted: BTreeMap<String, (&SlackGroup, Vec<Name>)> = BTreeMap::new();
    for group in &settings.slack_groups {
        let (people, change) = on_call(handle, group, now);
        sooner(change);
        let key = format!("{}/{}", group.channel, group.group);
        let entry = wanted.entry(key).or_insert_with(|| (group, Vec::new()));
        entry.1.extend(people);
    }
    standing.retain(|key, _| wanted.contains_key(key));
    let mut behind = 0;
    for (key, (group, people)) in wanted {
        let stands = standing.entry(key).or_default();
        if stands.retry_at.is_some_and(|at| at > now) {
            sooner(stands.retry_at);
            behind += 1;
            continue;
        }
        if !keep(handle, workspaces, group, people, stands).await {
            sooner(stands.retry_at);
            behind += 1;
        }
    }
    workspaces.groups().behind.store(behind, Ordering::Relaxed);
    next
}

/// Whoever is on call for a group, and when that changes.
fn on_call(handle: &Handle, group: &SlackGroup, now: Timestamp) -> (Vec<Name>, Option<Timestamp>) {
    let policy = handle.policy();
    let rota = handle.read(|state| Arc::clone(&state.rota));
    let Some(schedule) = rota.schedule(&policy, &group.schedule) else { return (Vec::new(), None) };
    let people = if group.roles.is_empty() {
        schedule.answer(None, now).users
    } else {
        let on_call = schedule.on_call(now);
        group.roles.iter().filter_map(|role| on_call.role(role)).flatten().cloned().collect()
    };
    (people, schedule.next_change(now))
}

/// Sets a group, if it does not stand as it should. Says whether it does now.
async fn keep(
    handle: &Handle,
    workspaces: &Workspaces,
    group: &SlackGroup,
    people: Vec<Name>,
    stands: &mut Standing,
) -> bool {
    let counted = workspaces.groups();
    let (settings, now) = (handle.settings(), handle.now());
    let done = async {
        let workspace = workspaces.get(&group.channel.name).ok_or(CallError::Lost)?;
        let api = workspace.api.as_ref().ok_or(CallError::Lost)?;
        let mut ids = Vec::new();
        for person in &people {
            if let Some(id) = workspace.member(person, &settings.directory, now).await? {
                ids.push(id);
            } else {
                tracing::debug!(person = %person, "no member of Slack is known for whoever is on call");
            }
        }
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(None);
        }
        if stands.told.as_ref() != Some(&ids) {
            let body = json!({"usergroup": group.group, "users": ids.join(",")});
            api.call("usergroups.users.update", &body).await?;
            counted.updated.add(1);
            tracing::info!(schedule = %group.schedule, group = group.group, people = ids.len(), "a Slack group holds who is on call");
        }
        Ok::<_, CallError>(Some(ids))
    };
    match done.await {
        Ok(Some(ids)) => {
            *stands = Standing { told: Some(ids), ..Standing::default() };
            true
        }
        Ok(None) => {
            if !std::mem::replace(&mut stands.in_hole, true) {
                counted.kept.add(1);
                tracing::warn!(schedule = %group.schedule, group = group.group, "nobody with a Slack account is on call; the group keeps its last people");
            }
            (stands.failures, stands.retry_at) = (0, None);
            true
        }
        Err(error) => {
            counted.failed.add(1);
            let wait = match &error {
                CallError::Limited(wait) => *wait,
                _ => RETRY.saturating_mul(2_u32.saturating_pow(stands.failures.min(16))).min(RETRY_MAX),
            };
            stands.failures = stands.failures.saturating_add(1);
            stands.retry_at = Some(now.plus(Span::from_millis(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))));
            tracing::warn!(schedule = %group.schedule, group = group.group, error = %error, "a Slack group could not be set; it is tried again");
            if let CallError::Refused(why) = &error
                && !is_transient(why)
            {
                let text = format!(
                    "the Slack group {} of schedule `{}` could not be set to whoever is on call: Slack answered {why}",
                    group.group, group.schedule
                );
                handle.alarm(format!("slack-group/{}/{}", group.channel, group.group), text);
            }
            false
        }
    }
}
