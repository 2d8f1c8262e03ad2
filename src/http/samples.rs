//! Samples coming in, and metrics of which samples are made: body, dialect, shard, answer in the sender's shape.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use prometheus_client::metrics::counter::Counter;

use super::App;
use super::body::{read_json, read_protobuf, read_remote_write};
use super::openapi::{Content, Operation};
use super::problem::{Failure, respond};
use super::receive::teams;
use crate::auth::Principal;
use crate::auth::token::Teams;
use crate::domain::FeedReadings;
use crate::ingest::metrics::mapping::{Mapper, Tally};
use crate::ingest::metrics::remote_write::Held;
use crate::ingest::metrics::{otlp as otlp_message, remote_write as remote_write_message};
use crate::ingest::samples::{self, Counted, Read};
use crate::ingest::{self, Answer, Context, Known, Refusal, problem};
use crate::runtime::Refused;
use crate::telemetry::metrics::{EventLabels, ReasonLabels};

/// For `/openapi.json`; the two other routes speak protocol buffers.
pub const DESCRIBED: &[Operation] =
    &[Operation::new("POST", "/v1/samples", "Counts of service levels by the minute; durable when answered")
        .body("Samples")
        .answers(&[
            (202, Content::Json("SamplesTaken")),
            (409, Content::Problem("SamplesRefused")),
            (422, Content::Problem("SamplesRefused")),
        ])];

/// Samples have no sources that fire.
struct Nobody;

impl Known for Nobody {
    fn look(
        &self,
        _: &mut dyn FnMut(&std::collections::BTreeMap<crate::domain::Fingerprint, crate::engine::state::Alert>, bool),
    ) {
    }
}

fn counter(app: &App, dialect: &'static str, outcome: &'static str) -> Counter {
    app.metrics().ingest_points.get_or_create_owned(&EventLabels { dialect, outcome })
}

fn count_refusal(app: &App, dialect: &'static str, refusal: &Refusal) {
    let reason = ReasonLabels { dialect, reason: refusal.problem.slug };
    app.metrics().ingest_refusals.get_or_create(&reason).inc();
}

/// Calls `run` with what this sender may send for.
fn with_rights<R>(app: &App, principal: &Principal, run: impl FnOnce(&Context<'_>) -> R) -> R {
    let handle = app.handle();
    let policy = handle.policy();
    let teams = teams(principal);
    let may = |_: Option<&str>, service: Option<&str>| {
        let owner = service.and_then(|s| policy.services.get(s)).map(|s| s.team.as_str());
        owner.is_some_and(|team| teams.include(team))
    };
    run(&Context {
        now: handle.now(),
        organisation: &policy.organisation.name,
        known: &Nobody,
        may: if teams == Teams::All { None } else { Some(&may) },
    })
}

/// `POST /v1/samples`
pub async fn native(State(app): State<App>, Extension(principal): Extension<Principal>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let read = match read_json(&parts.headers, body).await {
        Ok(bytes) => {
            let rules = Arc::clone(&app.handle().settings().metrics);
            let read = |text| with_rights(&app, &principal, |context| samples::read(text, context, &rules));
            ingest::utf8(&bytes).and_then(read)
        }
        Err(refusal) => Err(refusal),
    };
    match read {
        Ok(read) => store(&app, read).await,
        Err(refusal) => {
            count_refusal(&app, samples::NAME, &refusal);
            Failure::from(refusal).into_response()
        }
    }
}

async fn store(app: &App, read: Read) -> Response {
    let Read { samples, mut rejected } = read;
    let (places, samples): (Vec<usize>, Vec<_>) = samples.into_iter().unzip();
    let answers = match app.handle().accept_samples(samples).await {
        Ok(answers) => answers,
        Err(refused) => return Failure::from(refused).into_response(),
    };
    let mut counted = Counted::default();
    for (place, answer) in places.into_iter().zip(answers) {
        match answer {
            Ok(taken) => counted.add(taken),
            Err(refused) => {
                let mut rejection = samples::refused(&refused);
                rejection.index = place;
                rejected.push(rejection);
            }
        }
    }
    rejected.sort_by_key(|rejection| rejection.index);
    for rejection in &rejected {
        let reason = ReasonLabels { dialect: samples::NAME, reason: rejection.problem.slug };
        app.metrics().ingest_rejections.get_or_create(&reason).inc();
    }
    counter(app, samples::NAME, "taken").inc_by(counted.accepted as u64);
    counter(app, samples::NAME, "rejected").inc_by(rejected.len() as u64);
    respond(samples::answer(counted, &rejected))
}

/// Makes readings of a body, by the rules in force.
fn map<R>(
    app: &App,
    principal: &Principal,
    read: impl FnOnce(&mut Mapper<'_>) -> Result<R, Refusal>,
) -> Result<(R, Vec<FeedReadings>, Tally), Refusal> {
    let (settings, policy) = (app.handle().settings(), app.handle().policy());
    let knows = |service: &str| policy.services.contains_key(service);
    with_rights(app, principal, |context| {
        let mut mapper = Mapper::new(&settings.metrics, &knows, context.may, context.now);
        let held = read(&mut mapper)?;
        let (readings, tally) = mapper.finish();
        Ok((held, readings, tally))
    })
}

/// Makes readings durable, and adds to the tally what the shard refused.
async fn keep(app: &App, dialect: &'static str, readings: Vec<FeedReadings>, tally: &mut Tally) -> Result<(), Refused> {
    let sent: u64 = readings.iter().map(|group| group.readings.len() as u64).sum();
    for (refused, why) in app.handle().accept_readings(readings).await?.into_iter().flatten() {
        let refused = refused as u64;
        tally.taken = tally.taken.saturating_sub(refused);
        tally.rejected += refused;
        *tally.reasons.entry(why.to_string()).or_default() += refused;
    }
    for (outcome, points) in [("taken", tally.taken), ("unwanted", tally.unwanted), ("rejected", tally.rejected)] {
        counter(app, dialect, outcome).inc_by(points);
    }
    tracing::debug!(dialect, readings = sent, rejected = tally.rejected, "took in readings of counters");
    Ok(())
}

/// `POST /api/v1/write`: Prometheus remote write, 1.0 and 2.0.
///
/// Nothing is the matter with a series that no rule wants: it counts as written. What a rule wants and cannot use is answered 400, which is
/// not sent again; what was good beside it is stored.
pub async fn remote_write(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Response {
    const NAME: &str = "remote_write";
    let (parts, body) = request.into_parts();
    let mapped = match read_remote_write(&parts.headers, body).await {
        Ok((version, bytes)) => map(&app, &principal, |mapper| remote_write_message::read(version, &bytes, mapper)),
        Err(refusal) => Err(refusal),
    };
    let (held, readings, mut tally) = match mapped {
        Ok(mapped) => mapped,
        Err(refusal) => {
            count_refusal(&app, NAME, &refusal);
            return written(Failure::from(refusal).into_response(), Held::default(), &Tally::default());
        }
    };
    if let Err(refused) = keep(&app, NAME, readings, &mut tally).await {
        return written(Failure::from(refused).into_response(), Held::default(), &Tally::default());
    }
    let response = if tally.rejected == 0 {
        StatusCode::NO_CONTENT.into_response()
    } else {
        Failure::new(&problem::REJECTED_POINTS, format!("{} points were not used: {}", tally.rejected, tally.why()))
            .into_response()
    };
    written(response, held, &tally)
}

/// The headers by which a sender of 2.0 knows what was written.
fn written(mut response: Response, held: Held, tally: &Tally) -> Response {
    let rejected_samples = tally.rejected - tally.rejected_histograms.min(tally.rejected);
    for (name, count) in [
        ("x-prometheus-remote-write-samples-written", held.samples.saturating_sub(rejected_samples)),
        ("x-prometheus-remote-write-histograms-written", held.histograms.saturating_sub(tally.rejected_histograms)),
        ("x-prometheus-remote-write-exemplars-written", held.exemplars),
    ] {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(count));
    }
    response
}

/// `google.rpc.Code` of a request that can never be taken.
const INVALID_ARGUMENT: u64 = 3;
/// `google.rpc.Code` of a request that should be sent again.
const UNAVAILABLE: u64 = 14;

/// `POST /v1/metrics`: OTLP.
pub async fn otlp(State(app): State<App>, Extension(principal): Extension<Principal>, request: Request) -> Response {
    const NAME: &str = "otlp";
    let (parts, body) = request.into_parts();
    let mapped = match read_protobuf(&parts.headers, body).await {
        Ok(bytes) => map(&app, &principal, |mapper| otlp_message::read(&bytes, mapper)),
        Err(refusal) => Err(refusal),
    };
    let (_, readings, mut tally) = match mapped {
        Ok(mapped) => mapped,
        Err(refusal) => {
            count_refusal(&app, NAME, &refusal);
            return protobuf(refusal.problem.status, otlp_message::status(INVALID_ARGUMENT, &refusal.detail));
        }
    };
    if let Err(refused) = keep(&app, NAME, readings, &mut tally).await {
        let status = otlp_message::status(UNAVAILABLE, &refused.to_string());
        let mut response = Failure::from(refused).into_response();
        *response.body_mut() = Body::from(status);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        return response;
    }
    protobuf(200, otlp_message::answer(tally.rejected, &tally.why()))
}

const PROTOBUF: &str = "application/x-protobuf";

fn protobuf(status: u16, body: Vec<u8>) -> Response {
    respond(Answer { status, content_type: Some(PROTOBUF), body })
}
