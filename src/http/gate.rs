//! The gate: whether a service may be released, and the silver bullets by which it may be all the same.

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::incidents::{actor, may_act};
use super::openapi::Kind;
use super::openapi::{Content, Operation, Param};
use super::params::{Params, command};
use super::problem::{BAD_COMMAND, CONFLICT, Failure};
use super::slos::{FORMAT, csv, last_minute, wants_csv};
use super::view::TEXT_BYTES_MAX;
use crate::auth::Principal;
use crate::domain::Name;
use crate::engine::policy::Service;
use crate::engine::{Command, Policy, Verb};
use crate::projection::gate::{BulletRow, Gate, bullets_left, gate as gate_of};

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("GET", "/v1/gate/{service}", "Whether a service may be released")
        .query(&[Param("environment", Kind::Text, "in this environment")])
        .answers(&[(200, Content::Json("Gate"))])
        .refuses(&[400, 404]),
    Operation::new("GET", "/v1/gate/{service}/silver-bullets", "Exceptions that were made, oldest first")
        .query(&[FORMAT])
        .answers(&[(200, Content::JsonOrCsv("SilverBullets"))])
        .refuses(&[400, 404]),
    Operation::new("POST", "/v1/gate/{service}/silver-bullets", "A release although the policy freezes it")
        .body("NewSilverBullet")
        .answers(&[(201, Content::Json("Gate"))])
        .refuses(&[404, 409, 422]),
];

/// `GET /v1/gate/{service}?environment=`: may it be released, and why not.
pub async fn gate(
    State(app): State<App>,
    Path(service): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let params = Params::of(query, &["environment"])?;
    let (policy, name) = (app.handle().policy(), Name::from(service.as_str()));
    known(&policy, &name)?;
    Ok(Json(look(&app, &policy, &name, params.get("environment"))).into_response())
}

fn look(app: &App, policy: &Policy, service: &Name, environment: Option<&str>) -> Gate {
    let times = (last_minute(app), app.handle().now());
    app.handle().read(|state| gate_of(service, environment, (state, policy), times))
}

fn known<'p>(policy: &'p Policy, name: &Name) -> Result<&'p Service, Failure> {
    let found = policy.services.get(name);
    found.ok_or_else(|| Failure::not_found(format!("service `{}`", name.chars().take(64).collect::<String>())))
}

/// `GET /v1/gate/{service}/silver-bullets?format=`
pub async fn bullets(
    State(app): State<App>,
    Path(service): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let as_csv = wants_csv(&Params::of(query, &["format"])?)?;
    let (policy, name) = (app.handle().policy(), Name::from(service.as_str()));
    known(&policy, &name)?;
    let now = app.handle().now();
    let (rows, left) = app.handle().read(|state| {
        let rows: Vec<BulletRow> = state.bullets.get(&name).into_iter().flatten().map(BulletRow::of).collect();
        (rows, bullets_left(state, &policy, &name, now))
    });
    if as_csv {
        return Ok(csv(&rows));
    }
    Ok(Json(json!({ "service": name, "left": left, "silver_bullets": rows })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    reason: String,
    environment: Option<Name>,
}

/// `POST /v1/gate/{service}/silver-bullets`: makes an exception; answers with the gate afterwards.
pub async fn fire(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(service): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let (policy, name) = (app.handle().policy(), Name::from(service.as_str()));
    may_act(&principal, Some(&known(&policy, &name)?.team))?;
    let Body { reason, environment } = command(request).await?;
    let wrong = |detail: String| Failure::new(&BAD_COMMAND, detail);
    if reason.trim().is_empty() || reason.len() > TEXT_BYTES_MAX || reason.chars().any(char::is_control) {
        return Err(wrong(format!("`reason` must say why, in one line of at most {TEXT_BYTES_MAX} bytes")));
    }
    if let Some(unknown) = environment.as_ref().filter(|name| !policy.environments.contains_key(*name)) {
        return Err(wrong(format!("there is no environment `{unknown}` in the configuration")));
    }
    let now = app.handle().now();
    let used = |app: &App| app.handle().read(|state| bullets_left(state, &policy, &name, now));
    let refused = |why: String| Failure::new(&CONFLICT, why);
    let Some(before) = used(&app) else {
        return Err(refused(format!("the error budget policy of `{name}` allows no silver bullets")));
    };
    let spent = || refused(format!("all {} silver bullets of the period are used", before.most));
    if before.used >= before.most {
        return Err(spent());
    }
    let verb = Verb::UseSilverBullet { service: name.clone(), environment: environment.clone(), reason };
    app.handle().command(Command { by: actor(&principal), verb }).await?;
    if used(&app).is_none_or(|after| after.used <= before.used) {
        return Err(spent());
    }
    let gate = look(&app, &policy, &name, environment.as_deref());
    Ok((StatusCode::CREATED, Json(gate)).into_response())
}
