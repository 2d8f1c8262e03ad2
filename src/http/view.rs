//! Incidents, silences and shifts as JSON. These shapes are promises: fields are added, never renamed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{EventKind, Labels, Span, Timestamp};
use crate::engine::Policy;
use crate::engine::input::{MatcherSpec, SilenceSpec};
use crate::engine::policy::Priority;
use crate::engine::quiet::Bond;
use crate::engine::response::Change;
use crate::engine::state::{Incident, Note, Status};
use crate::enrich;
use crate::rules::matcher::Matcher;

/// Labels as a JSON object.
pub fn map(labels: &Labels) -> BTreeMap<&str, &str> {
    labels.iter().collect()
}

/// An incident.
#[derive(Serialize)]
pub struct IncidentView<'a> {
    id: u64,
    key: &'a str,
    headline: String,
    status: &'static str,
    status_by: Option<String>,
    status_at: Option<String>,
    status_until: Option<String>,
    priority: Option<&'a str>,
    severity: Option<&'a str>,
    team: &'a str,
    unowned: bool,
    drill: bool,
    kind: &'static str,
    service: Option<&'a str>,
    endpoint: Option<&'a str>,
    sli: Option<&'a str>,
    slo: Option<&'a str>,
    environment: Option<&'a str>,
    region: Option<&'a str>,
    event: String,
    opened_at: String,
    updated_at: String,
    last_seen: String,
    duplicates: u32,
    duplicates_snoozed: u32,
    reopened: u32,
    sources_firing: usize,
    alert_snoozed_until: Option<String>,
    escalation: Option<EscalationView<'a>>,
    paged: Vec<&'a str>,
    told: Vec<String>,
    work_items: Vec<WorkItemView<'a>>,
    notes: Vec<NoteView<'a>>,
    roles: Vec<RoleView<'a>>,
    updates: Vec<NoteView<'a>>,
    update_due_at: Option<String>,
    changes: Vec<ChangeView<'a>>,
    merged_into: Option<u64>,
    merged: Vec<u64>,
    wanted: Option<WantedView>,
    labels: BTreeMap<&'a str, &'a str>,
    annotations: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct EscalationView<'a> {
    policy: &'a str,
    step: u32,
    steps: usize,
    round: u32,
    next_at: Option<String>,
    exhausted: bool,
}

#[derive(Serialize)]
struct WorkItemView<'a> {
    channel: String,
    id: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
struct NoteView<'a> {
    at: String,
    by: String,
    text: &'a str,
}

#[derive(Serialize)]
struct RoleView<'a> {
    role: &'a str,
    person: &'a str,
    since: String,
}

#[derive(Serialize)]
struct ChangeView<'a> {
    at: String,
    by: String,
    of: &'static str,
    from: Option<&'a str>,
    to: Option<&'a str>,
}

/// What the priority asks for.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the criteria are yes-or-no questions by definition")]
struct WantedView {
    hotfix: bool,
    postmortem: bool,
    tell_management: bool,
    tell_stakeholders: bool,
    update_every: Option<String>,
}

fn note(note: &Note) -> NoteView<'_> {
    NoteView { at: note.at.to_string(), by: note.by.label(), text: &note.text }
}

fn change(change: &Change) -> ChangeView<'_> {
    ChangeView {
        at: change.at.to_string(),
        by: change.by.label(),
        of: change.of.as_str(),
        from: change.from.as_deref(),
        to: change.to.as_deref(),
    }
}

fn wanted(priority: &Priority) -> WantedView {
    WantedView {
        hotfix: priority.hotfix,
        postmortem: priority.postmortem,
        tell_management: priority.tell_management,
        tell_stakeholders: priority.tell_stakeholders,
        update_every: priority.update_every.map(|every| every.to_string()),
    }
}

impl<'a> IncidentView<'a> {
    /// As it stands.
    pub fn of(incident: &'a Incident, policy: &Policy) -> Self {
        let event = incident.latest.as_ref().unwrap_or(&incident.event);
        let (by, at, until) = status_parts(&incident.status);
        let response = incident.response.as_deref();
        let mut told: Vec<String> = incident.sent.iter().map(|s| s.to.to_string()).collect();
        told.sort_unstable();
        told.dedup();
        Self {
            id: incident.id.0,
            key: &incident.key,
            headline: enrich::headline(incident, policy),
            status: incident.status.as_str(),
            status_by: by,
            status_at: text(at),
            status_until: text(until),
            priority: incident.priority.as_deref(),
            severity: incident.severity.as_deref(),
            team: &incident.team,
            unowned: incident.unowned,
            drill: incident.is_drill(),
            kind: kind(event.kind),
            service: event.service.as_deref(),
            endpoint: event.endpoint.as_deref(),
            sli: event.sli.as_deref(),
            slo: incident.slo.as_deref().or(event.slo.as_deref()),
            environment: event.environment.as_deref(),
            region: incident.region.as_deref(),
            event: incident.event_id.to_string(),
            opened_at: incident.opened_at.to_string(),
            updated_at: incident.updated_at.to_string(),
            last_seen: incident.last_seen.to_string(),
            duplicates: incident.duplicates,
            duplicates_snoozed: incident.duplicates_snoozed,
            reopened: incident.reopened,
            sources_firing: incident.firing.len(),
            alert_snoozed_until: text(incident.alert_snoozed_until),
            escalation: incident.escalation.as_ref().map(|e| EscalationView {
                policy: &e.policy.name,
                step: e.step + 1,
                steps: e.policy.steps.len(),
                round: e.pass + 1,
                next_at: text(e.due),
                exhausted: e.exhausted,
            }),
            paged: incident.paged.iter().map(compact_str::CompactString::as_str).collect(),
            told,
            work_items: enrich::work_items(incident)
                .map(|(channel, id, url)| WorkItemView { channel: channel.to_string(), id, url })
                .collect(),
            notes: incident.notes.iter().map(note).collect(),
            roles: response
                .iter()
                .flat_map(|r| &r.roles)
                .map(|r| RoleView { role: &r.role, person: &r.person, since: r.since.to_string() })
                .collect(),
            updates: response.iter().flat_map(|r| &r.updates).map(note).collect(),
            update_due_at: text(incident.update_due),
            changes: response.iter().flat_map(|r| &r.changes).map(change).collect(),
            merged_into: incident.merged_into().map(|id| id.0),
            merged: response.iter().flat_map(|r| &r.merged).map(|(id, _)| id.0).collect(),
            wanted: incident.priority.as_ref().and_then(|p| policy.priorities.get(p)).map(wanted),
            labels: map(&event.labels),
            annotations: map(&event.annotations),
        }
    }
}

/// `breach`, `resource`.
pub const fn kind(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Breach => "breach",
        EventKind::Resource => "resource",
    }
}

/// Who brought an incident where it stands, when, and until when it stays there.
pub fn status_parts(status: &Status) -> (Option<String>, Option<Timestamp>, Option<Timestamp>) {
    match status {
        Status::Triggered => (None, None, None),
        Status::Acknowledged { by, at, until } => (Some(by.label()), Some(*at), *until),
        Status::Snoozed { by, at, until } => (Some(by.label()), Some(*at), Some(*until)),
        Status::Resolved { by, at } => (Some(by.label()), Some(*at), None),
    }
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// A silence in callout's own shape.
#[derive(Serialize)]
pub struct SilenceView {
    id: String,
    state: &'static str,
    matchers: Vec<String>,
    starts_at: String,
    ends_at: String,
    author: String,
    comment: String,
    updated_at: String,
    /// The incident it belongs to.
    pub incident: Option<u64>,
}

impl SilenceView {
    /// As it is at `now`.
    pub fn of(silence: &SilenceSpec, now: Timestamp) -> Self {
        Self {
            id: silence.id.to_string(),
            state: silence_state(silence, now),
            matchers: silence.matchers.iter().map(ToString::to_string).collect(),
            starts_at: silence.starts_at.to_string(),
            ends_at: silence.ends_at.to_string(),
            author: silence.author.to_string(),
            comment: silence.comment.clone(),
            updated_at: silence.updated_at.to_string(),
            incident: None,
        }
    }

    /// The same, with what it belongs to.
    pub fn with(silence: &SilenceSpec, bond: Option<&Bond>, now: Timestamp) -> Self {
        let incident = bond.and_then(|bond| bond.incident).map(|id| id.0);
        Self { incident, ..Self::of(silence, now) }
    }
}

/// `pending`, `active`, `expired`.
pub fn silence_state(silence: &SilenceSpec, now: Timestamp) -> &'static str {
    if now < silence.starts_at {
        "pending"
    } else if now < silence.ends_at {
        "active"
    } else {
        "expired"
    }
}

/// Longest silence. Beyond: refused, since nobody remembers it.
pub const SILENCE_MAX: Span = Span::from_hours(24 * 366);

/// Bytes of a silence's comment, of a note. Beyond: refused.
pub const TEXT_BYTES_MAX: usize = 4096;

/// What any silence must be, in whatever shape it came.
pub fn check_silence(silence: &SilenceSpec, now: Timestamp) -> Result<(), String> {
    if silence.matchers.is_empty() {
        return Err("at least one matcher is required".to_owned());
    }
    let matchers: Vec<Matcher> = silence
        .matchers
        .iter()
        .map(|m| Matcher::from_spec(m).map_err(|e| format!("matcher `{m}`: {e}")))
        .collect::<Result<_, _>>()?;
    if matchers.iter().all(Matcher::matches_empty) {
        return Err("at least one matcher must not match the empty text, or everything would be silent".to_owned());
    }
    if silence.ends_at <= silence.starts_at {
        return Err("start time must be before end time".to_owned());
    }
    if silence.ends_at <= now {
        return Err("end time can't be in the past".to_owned());
    }
    if silence.ends_at.since(silence.starts_at) > SILENCE_MAX {
        return Err(format!("a silence lasts at most {SILENCE_MAX}"));
    }
    if silence.author.trim().is_empty() {
        return Err("who makes the silence must be said".to_owned());
    }
    if silence.comment.trim().is_empty() {
        return Err("a comment is required: why is it silent?".to_owned());
    }
    if silence.comment.len() > TEXT_BYTES_MAX || silence.author.len() > TEXT_BYTES_MAX {
        return Err(format!("comment and author are at most {TEXT_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// The team that a silence is limited to, by a literal matcher.
pub fn silence_team(matchers: &[MatcherSpec]) -> Option<&str> {
    matchers.iter().find(|m| m.name == "team" && !m.is_regex && m.is_equal).map(|m| m.value.as_str())
}
