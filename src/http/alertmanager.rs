//! What Alertmanager's clients read and do beside posting alerts: `amtool`, dashboards. Base path `/api/v2`.
//!
//! The receiver of an alert is the team that works on it. Inhibition is not known here, so `inhibitedBy` is always empty.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::incidents::{actor, may_act};
use super::openapi::{Content, Kind, Operation, Param};
use super::params::{Params, bad, command};
use super::problem::{BAD_SILENCE, Failure, GONE};
use super::silences::{find, fresh_id};
use super::view::{check_silence, silence_state, silence_team};
use super::{App, chunks};
use crate::auth::Principal;
use crate::domain::{Event, Fingerprint, Name, SilenceId, Source, Timestamp};
use crate::engine::input::{MatcherSpec, SilenceSpec};
use crate::engine::state::Alert;
use crate::engine::transition::Suppressor;
use crate::engine::{Command, Verb};
use crate::ingest::alertmanager::GENERATOR;
use crate::rules::matcher::Matcher;
use crate::rules::silence::SilenceTable;

/// The version of Alertmanager whose interface this is; clients compare it with their own.
const SPEAKS: &str = "0.25.0";

/// For `/openapi.json`. Posting alerts is a dialect of its own.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("GET", "/api/v2/alerts", "Alerts that fire")
        .query(WHICH)
        .answers(&[(200, Content::Json("AlertmanagerKnown"))])
        .refuses(&[400]),
    Operation::new("GET", "/api/v2/alerts/groups", "Alerts that fire, a group for each team")
        .query(WHICH)
        .answers(&[(200, Content::Json("AlertmanagerGroups"))])
        .refuses(&[400]),
    Operation::new("GET", "/api/v2/silences", "Silences")
        .query(&[
            Param("filter", Kind::Many, "matchers, all of which must hold"),
            Param("active", Kind::Flag, "default true"),
            Param("pending", Kind::Flag, "default true"),
            Param("expired", Kind::Flag, "default true"),
        ])
        .answers(&[(200, Content::Json("AlertmanagerSilences"))])
        .refuses(&[400]),
    Operation::new("POST", "/api/v2/silences", "Makes a silence, or changes one")
        .body("AlertmanagerNewSilence")
        .answers(&[(200, Content::Json("AlertmanagerSilenceId"))])
        .refuses(&[404, 422]),
    Operation::new("GET", "/api/v2/silence/{id}", "One silence")
        .answers(&[(200, Content::Json("AlertmanagerSilence"))])
        .refuses(&[404]),
    Operation::new("DELETE", "/api/v2/silence/{id}", "Ends a silence now")
        .answers(&[(200, Content::Nothing)])
        .refuses(&[404]),
    Operation::new("GET", "/api/v2/status", "Version and receivers, as amtool reads them")
        .answers(&[(200, Content::Json("AlertmanagerStatus"))]),
    Operation::new("GET", "/api/v2/receivers", "Receivers, which are the teams")
        .answers(&[(200, Content::Json("AlertmanagerReceivers"))]),
];

/// Which alerts are asked for.
const WHICH: &[Param] = &[
    Param("filter", Kind::Many, "matchers, all of which must hold"),
    Param("active", Kind::Flag, "default true"),
    Param("silenced", Kind::Flag, "default true"),
    Param("inhibited", Kind::Flag, "nothing is"),
    Param("unprocessed", Kind::Flag, "nothing is"),
    Param("muted", Kind::Flag, "default true"),
    Param("receiver", Kind::Text, "regular expression for the team"),
    Param("receiver_matchers", Kind::Many, "matchers of `name`, all of which must hold"),
];

/// Alerts copied while the state is held; the shard waits meanwhile.
const CHUNK_ALERTS: usize = 1_024;

/// A failure in Alertmanager's shape: a bare JSON text.
pub struct Bare(Failure);

impl<T: Into<Failure>> From<T> for Bare {
    fn from(failure: T) -> Self {
        Self(failure.into())
    }
}

impl IntoResponse for Bare {
    fn into_response(self) -> Response {
        self.0.into_alertmanager()
    }
}

/// Which alerts are wanted.
struct Wanted {
    matchers: Vec<Matcher>,
    receiver: Option<Regex>,
    active: bool,
    silenced: bool,
    muted: bool,
}

impl Wanted {
    fn of(query: Vec<(String, String)>) -> Result<Self, Failure> {
        let known =
            ["active", "silenced", "inhibited", "unprocessed", "muted", "filter", "receiver", "receiver_matchers"];
        let params = Params::of(query, &known)?;
        // Nothing is ever inhibited or unprocessed here, so these two change nothing.
        params.flag("inhibited", true)?;
        params.flag("unprocessed", true)?;
        let mut receiver = params.get("receiver").map(anchored).transpose()?;
        for matcher in matchers(&params, "receiver_matchers")? {
            if !["receiver", "name"].contains(&matcher.name.as_str()) || !matcher.op.is_equal() {
                return Err(bad("receiver_matchers", "only `name` can be matched, by = or =~"));
            }
            let escaped = regex::escape(&matcher.value);
            receiver = Some(anchored(if matcher.op.is_regex() { &matcher.value } else { &escaped })?);
        }
        Ok(Self {
            matchers: matchers(&params, "filter")?,
            receiver,
            active: params.flag("active", true)?,
            silenced: params.flag("silenced", true)?,
            muted: params.flag("muted", true)?,
        })
    }

    fn wants(&self, row: &Row) -> bool {
        let state = if !row.silenced_by.is_empty() {
            self.silenced
        } else if !row.muted_by.is_empty() {
            self.muted
        } else {
            self.active
        };
        state
            && row.event.source != Source::Drill
            && self.receiver.as_ref().is_none_or(|r| r.is_match(&row.receiver))
            && self.matchers.iter().all(|m| match row.event.source {
                Source::Alertmanager => m.matches(|name| row.event.labels.get(name)),
                Source::Native | Source::Drill | Source::Samples | Source::Manual => m.matches_event(&row.event),
            })
    }
}

fn matchers(params: &Params, name: &str) -> Result<Vec<Matcher>, Failure> {
    let mut all = Vec::new();
    for text in params.all(name) {
        all.extend(Matcher::parse_all(text).map_err(|e| bad(name, e))?);
    }
    Ok(all)
}

fn anchored(pattern: &str) -> Result<Regex, Failure> {
    regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(64 * 1024)
        .build()
        .map_err(|_| bad("receiver", "it is not a regular expression, or a huge one"))
}

/// An alert, copied out of the state.
struct Row {
    fingerprint: Fingerprint,
    event: Arc<Event>,
    receiver: Name,
    updated_at: Timestamp,
    ends_at: Option<Timestamp>,
    silenced_by: Vec<String>,
    muted_by: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertView<'a> {
    annotations: BTreeMap<&'a str, &'a str>,
    ends_at: String,
    fingerprint: String,
    receivers: [ReceiverView<'a>; 1],
    starts_at: String,
    status: StatusView<'a>,
    updated_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct ReceiverView<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusView<'a> {
    inhibited_by: [&'a str; 0],
    silenced_by: &'a [String],
    muted_by: &'a [String],
    state: &'static str,
}

impl Row {
    fn view(&self) -> AlertView<'_> {
        let event = &self.event;
        let quiet = !self.silenced_by.is_empty() || !self.muted_by.is_empty();
        AlertView {
            annotations: event.annotations.iter().collect(),
            ends_at: self.ends_at.unwrap_or_else(|| event.at.plus(crate::domain::Span::from_hours(24))).to_string(),
            fingerprint: self.fingerprint.to_string(),
            receivers: [ReceiverView { name: &self.receiver }],
            starts_at: event.at.to_string(),
            status: StatusView {
                inhibited_by: [],
                silenced_by: &self.silenced_by,
                muted_by: &self.muted_by,
                state: if quiet { "suppressed" } else { "active" },
            },
            updated_at: self.updated_at.to_string(),
            generator_url: event.detail.as_deref().and_then(|d| d.links.get(GENERATOR)).unwrap_or_default(),
            labels: labels(event),
        }
    }
}

/// All labels of an alert; a native event's named fields are among them.
fn labels(event: &Event) -> BTreeMap<&str, &str> {
    let mut all: BTreeMap<&str, &str> = event.labels.iter().collect();
    if event.source == Source::Native {
        for name in ["team", "service", "endpoint", "sli", "slo", "environment", "region"] {
            if let Some(value) = event.field(name) {
                all.insert(name, value);
            }
        }
    }
    all
}

/// Goes through the firing alerts in order of fingerprint, a chunk at a time.
struct Walk {
    app: App,
    wanted: Wanted,
    silences: SilenceTable,
    now: Timestamp,
    after: Bound<Fingerprint>,
    done: bool,
}

impl Walk {
    fn new(app: App, wanted: Wanted) -> Self {
        let now = app.handle().now();
        let silences: Vec<Arc<SilenceSpec>> =
            app.handle().read(|s| s.silences.values().filter(|s| s.is_active(now)).cloned().collect());
        Self { app, wanted, silences: SilenceTable::of(&silences), now, after: Bound::Unbounded, done: false }
    }

    /// The wanted ones of the next chunk; `None` at the end.
    fn next(&mut self) -> Option<Vec<Row>> {
        if self.done {
            return None;
        }
        let (now, mut after, mut rows, mut seen) = (self.now, self.after, Vec::with_capacity(CHUNK_ALERTS), 0);
        self.app.handle().read(|state| {
            for (fingerprint, alert) in state.alerts.range((after, Bound::Unbounded)).take(CHUNK_ALERTS) {
                seen += 1;
                after = Bound::Excluded(*fingerprint);
                if alert.firing && alert.ends_at.is_none_or(|end| end > now) {
                    let team = alert.incident.and_then(|id| state.incidents.get(&id)).map(|i| i.team.clone());
                    rows.push((row(*fingerprint, alert, team), alert.suppressed.as_deref().cloned()));
                }
            }
        });
        self.after = after;
        self.done = seen < CHUNK_ALERTS;
        let policy = self.app.handle().policy();
        let mut wanted = Vec::with_capacity(rows.len());
        for (mut row, suppressed) in rows {
            self.quiet(&mut row, suppressed);
            if row.receiver.is_empty() {
                let owner = row.event.service.as_ref().and_then(|s| policy.services.get(s)).map(|s| &s.team);
                row.receiver =
                    owner.or(policy.organisation.fallback.as_ref()).cloned().unwrap_or_else(|| "callout".into());
            }
            if self.wanted.wants(&row) {
                wanted.push(row);
            }
        }
        Some(wanted)
    }

    /// What keeps it quiet. Silences are looked up as they are now, since one may be newer than the alert.
    fn quiet(&self, row: &mut Row, suppressed: Option<Suppressor>) {
        if !self.silences.is_empty() {
            let silences = self.silences.all_matching(&row.event, self.now);
            row.silenced_by = silences.iter().map(|s| s.id.to_string()).collect();
        }
        match suppressed {
            Some(Suppressor::Maintenance { name, .. }) => row.muted_by.push(name.to_string()),
            Some(Suppressor::Timeliness) => row.muted_by.push("timeliness".to_owned()),
            Some(Suppressor::Snooze) => row.muted_by.push("snooze".to_owned()),
            Some(Suppressor::Page) => row.muted_by.push("page of the same SLO".to_owned()),
            Some(Suppressor::Silence(_)) | None => {}
        }
    }
}

fn row(fingerprint: Fingerprint, alert: &Alert, team: Option<Name>) -> Row {
    Row {
        fingerprint,
        event: Arc::clone(&alert.event),
        receiver: team.or_else(|| alert.event.team.clone()).unwrap_or_default(),
        updated_at: alert.updated_at,
        ends_at: alert.ends_at,
        silenced_by: Vec::new(),
        muted_by: Vec::new(),
    }
}

/// `GET /api/v2/alerts`
pub async fn alerts(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Result<Response, Bare> {
    let mut walk = Walk::new(app, Wanted::of(query)?);
    let (mut first, mut ended) = (true, false);
    let body = chunks::body(move || {
        if ended {
            return None;
        }
        let mut out = Vec::with_capacity(64 * 1024);
        let Some(rows) = walk.next() else {
            ended = true;
            out.extend_from_slice(if first { b"[]\n" } else { b"]\n" });
            return Some(out);
        };
        for row in rows {
            out.push(if first { b'[' } else { b',' });
            first = false;
            // Texts and numbers always serialise into memory.
            let _ = serde_json::to_writer(&mut out, &row.view());
        }
        Some(out)
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// `GET /api/v2/alerts/groups`: one group for each team.
pub async fn groups(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Result<Response, Bare> {
    let mut walk = Walk::new(app, Wanted::of(query)?);
    let mut by_team: BTreeMap<Name, Vec<Row>> = BTreeMap::new();
    while let Some(rows) = walk.next() {
        for row in rows {
            by_team.entry(row.receiver.clone()).or_default().push(row);
        }
    }
    let groups: Vec<_> = by_team
        .iter()
        .map(|(team, rows)| {
            let alerts: Vec<_> = rows.iter().map(Row::view).collect();
            json!({ "labels": {}, "routeLabels": {}, "receiver": { "name": team }, "alerts": alerts })
        })
        .collect();
    Ok(Json(groups).into_response())
}

/// `GET /api/v2/receivers`
pub async fn receivers(State(app): State<App>) -> Response {
    let policy = app.handle().policy();
    let names: Vec<_> = policy.teams.keys().map(|name| ReceiverView { name }).collect();
    Json(names).into_response()
}

/// `GET /api/v2/status`
pub async fn status(State(app): State<App>) -> Response {
    let policy = app.handle().policy();
    // What `amtool` parses; the real configuration is not in this language.
    let mut names: Vec<&str> = policy.teams.keys().map(Name::as_str).collect();
    let root = policy.organisation.fallback.as_deref().or(names.first().copied()).unwrap_or("callout");
    if names.is_empty() {
        names.push("callout");
    }
    let quote = |name: &str| serde_json::Value::from(name).to_string();
    let mut original = format!("route:\n  receiver: {}\nreceivers:\n", quote(root));
    for name in names {
        original.push_str("- name: ");
        original.push_str(&quote(name));
        original.push('\n');
    }
    Json(json!({
        "cluster": { "status": "disabled", "peers": [] },
        "versionInfo": {
            "version": SPEAKS, "revision": env!("CARGO_PKG_VERSION"), "branch": "callout",
            "buildUser": "", "buildDate": "", "goVersion": "",
        },
        "config": { "original": original },
        "uptime": app.0.started_at.to_string(),
    }))
    .into_response()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MatcherView {
    name: Name,
    value: Name,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

const fn yes() -> bool {
    true
}

fn silence_view(silence: &SilenceSpec, now: Timestamp) -> serde_json::Value {
    let matchers: Vec<_> = silence
        .matchers
        .iter()
        .map(|m| MatcherView {
            name: m.name.clone(),
            value: m.value.clone(),
            is_regex: m.is_regex,
            is_equal: m.is_equal,
        })
        .collect();
    json!({
        "id": silence.id.to_string(), "status": { "state": silence_state(silence, now) },
        "updatedAt": silence.updated_at.to_string(), "comment": silence.comment, "createdBy": silence.author,
        "startsAt": silence.starts_at.to_string(), "endsAt": silence.ends_at.to_string(), "matchers": matchers,
    })
}

/// `GET /api/v2/silences`: active ones first, by end; then pending, then expired.
pub async fn silences(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Result<Response, Bare> {
    let params = Params::of(query, &["filter", "active", "pending", "expired"])?;
    let filter = matchers(&params, "filter")?;
    let now = app.handle().now();
    let mut all: Vec<_> = app.handle().read(|state| state.silences.values().cloned().collect());
    let mut shown = BTreeMap::new();
    for state in ["active", "pending", "expired"] {
        shown.insert(state, params.flag(state, true)?);
    }
    all.retain(|s| {
        let value = |name: &str| s.matchers.iter().find(|m| m.name == name).map(|m| m.value.as_str());
        shown.get(silence_state(s, now)) == Some(&true) && filter.iter().all(|f| f.matches(value))
    });
    let rank = |s: &SilenceSpec| match silence_state(s, now) {
        "active" => 0,
        "pending" => 1,
        _ => 2,
    };
    all.sort_unstable_by_key(|s| (rank(s), s.ends_at, s.id));
    Ok(Json(all.iter().map(|s| silence_view(s, now)).collect::<Vec<_>>()).into_response())
}

/// `GET /api/v2/silence/{id}`
pub async fn silence(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Bare> {
    let found = find(&app, &id)?;
    Ok(Json(silence_view(&found, app.handle().now())).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedSilence {
    id: Option<String>,
    matchers: Vec<MatcherView>,
    starts_at: String,
    ends_at: String,
    created_by: Name,
    comment: String,
}

/// `POST /api/v2/silences`: new, or in place of the one with the same id where Alertmanager would change it in place.
pub async fn post_silence(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Bare> {
    let posted: PostedSilence = command(request).await?;
    let now = app.handle().now();
    let wrong = |detail: String| Failure::new(&BAD_SILENCE, detail);
    let time = |name, text: &str| Timestamp::parse(text).map_err(|e| wrong(format!("{name}: {e}")));
    let mut silence = SilenceSpec {
        id: SilenceId(0),
        matchers: posted
            .matchers
            .into_iter()
            .map(|m| MatcherSpec { name: m.name, value: m.value, is_regex: m.is_regex, is_equal: m.is_equal })
            .collect(),
        starts_at: time("startsAt", &posted.starts_at)?,
        ends_at: time("endsAt", &posted.ends_at)?,
        author: posted.created_by,
        comment: posted.comment,
        updated_at: now,
    };
    let old = match posted.id.filter(|id| !id.is_empty()) {
        Some(id) => Some(find(&app, &id)?),
        None => None,
    };
    check_silence(&silence, now).map_err(|e| wrong(format!("invalid silence: {e}")))?;
    may_act(&principal, silence_team(&silence.matchers))?;
    super::silences::room_for_silence(&app).map_err(wrong)?;
    let by = actor(&principal);
    match old {
        Some(old) if in_place(&old, &silence, now) => silence.id = old.id,
        old => {
            silence.id = fresh_id()?;
            silence.starts_at = silence.starts_at.max(now);
            if let Some(old) = old.filter(|old| old.ends_at > now) {
                may_act(&principal, silence_team(&old.matchers))?;
                let verb = Verb::ExpireSilence { silence: old.id };
                app.handle().command(Command { by: by.clone(), verb }).await?;
            }
        }
    }
    let id = silence.id.to_string();
    app.handle().command(Command { by, verb: Verb::AddSilence(silence) }).await?;
    Ok(Json(json!({ "silenceID": id })).into_response())
}

/// Whether `new` may replace `old` under the same id.
fn in_place(old: &SilenceSpec, new: &SilenceSpec, now: Timestamp) -> bool {
    old.matchers == new.matchers
        && match silence_state(old, now) {
            "active" => new.starts_at == old.starts_at && new.ends_at >= now,
            "pending" => new.starts_at >= now,
            _ => false,
        }
}

/// `DELETE /api/v2/silence/{id}`
pub async fn delete_silence(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Response, Bare> {
    let found = find(&app, &id)?;
    may_act(&principal, silence_team(&found.matchers))?;
    if found.ends_at > app.handle().now() {
        let verb = Verb::ExpireSilence { silence: found.id };
        app.handle().command(Command { by: actor(&principal), verb }).await?;
    }
    Ok(StatusCode::OK.into_response())
}

/// Everything below `/api/v1`.
pub async fn v1() -> Response {
    let body = json!({ "status": "deprecated", "error": "the v1 interface is no more; use /api/v2" });
    (StatusCode::from_u16(GONE.status).unwrap_or(StatusCode::GONE), Json(body)).into_response()
}
