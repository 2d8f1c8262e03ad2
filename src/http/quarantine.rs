//! Inputs and deadlines that could not be judged by a defect of callout's own.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::App;
use super::openapi::{Content, Operation};

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] =
    &[Operation::new("GET", "/v1/quarantine", "Inputs and deadlines that could not be judged, the newest first")
        .answers(&[(200, Content::Json("Quarantine"))])];

/// What is set aside.
#[derive(Debug, Serialize)]
pub struct QuarantineView {
    inputs: Vec<InputView>,
    deadlines: Vec<DeadlineView>,
}

#[derive(Debug, Serialize)]
struct InputView {
    input: String,
    at: String,
    panic: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct DeadlineView {
    deadline: String,
    until: String,
}

/// `GET /v1/quarantine`: the newest first.
pub async fn list(State(app): State<App>) -> Response {
    let view = app.handle().read(|state| QuarantineView {
        inputs: state
            .quarantine
            .iter()
            .rev()
            .map(|(seq, known)| InputView {
                input: format!("E{seq}"),
                at: known.at.to_string(),
                panic: known.panic.to_string(),
                text: known.text.clone(),
            })
            .collect(),
        deadlines: state
            .set_aside
            .iter()
            .map(|(deadline, until)| DeadlineView { deadline: deadline.to_string(), until: until.to_string() })
            .collect(),
    });
    Json(view).into_response()
}
