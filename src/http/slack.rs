//! What people do inside Slack: `POST /hooks/slack/{channel}/interactions`, `…/commands`, `…/events`.
//!
//! Slack waits three seconds. So a request is checked (signature over the raw body, age, whether it came before), done, and answered once
//! what it wanted is on the disk; what takes longer goes on and is told by the address that came with the request. A press whose effect
//! everybody sees in the message gets no further words; anything else is told to whoever pressed, and to nobody else.

mod act;
mod command;
mod interaction;
mod open;
mod say;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::App;
use super::body::read_raw;
use super::problem::{BUSY, Failure, UNSIGNED};
use crate::auth::slack::{Mark, mark};
use crate::channel::slack::api::ephemeral;
use crate::ingest::problem::MALFORMED_JSON;
use crate::runtime::slack::Workspace;

/// Bytes of a request of Slack: a payload carries the message that was pressed. Beyond: 413.
pub const BODY_BYTES_MAX: usize = 512 * 1024;
/// A request is answered within so long, since Slack waits for three seconds. Beyond: the answer says that it takes longer, and what comes of
/// it is told later.
const ANSWER_WITHIN: Duration = Duration::from_millis(2_200);

/// What came of a request, for whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// The message shows it.
    Quiet,
    /// In words.
    Text(String),
    /// Nothing came of it, through no fault of whoever asked: it may be tried again.
    Failed(String),
    /// A form shows this instead of itself.
    View(Value),
    /// What is wrong with a field of a form.
    Wrong(&'static str, String),
}

/// A request that Slack signed.
struct Signed {
    workspace: Arc<Workspace>,
    body: Bytes,
    signature: Mark,
}

/// `POST /hooks/slack/{channel}/interactions`: buttons, menus, forms and shortcuts.
pub async fn interactions(
    State(app): State<App>,
    Path(channel): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let signed = signed(&app, &channel, request).await?;
    let form = form(signed.body.clone()).await?;
    let payload = interaction::Payload::read(field(&form, "payload"))
        .map_err(|error| Failure::new(&MALFORMED_JSON, format!("the field `payload` cannot be read: {error}")))?;
    let marks = marks(&signed, "trigger", &payload.trigger_id);
    if !app.workspaces().replays().is_new(&marks, app.handle().now()) {
        return Ok(StatusCode::OK.into_response());
    }
    let (url, is_form) = (payload.response_url.clone(), payload.is_form());
    let workspace = Arc::clone(&signed.workspace);
    let job = interaction::work(app.clone(), signed.workspace, payload);
    let said = answer_in_time(&app, &workspace, url.clone(), &marks, job).await?;
    match said {
        Some(Said::Failed(text)) if is_form => Ok(form_says(&text)),
        Some(Said::Failed(text)) => {
            tell(&app, &workspace, url, text);
            Err(Failure::new(&BUSY, "nothing was done; try again"))
        }
        Some(Said::View(view)) => Ok(axum::Json(json!({"response_action": "update", "view": view})).into_response()),
        Some(Said::Wrong(field, why)) => {
            Ok(axum::Json(json!({"response_action": "errors", "errors": {field: why}})).into_response())
        }
        Some(Said::Text(text)) if is_form => Ok(form_says(&text)),
        Some(Said::Text(text)) => {
            tell(&app, &workspace, url, text);
            Ok(StatusCode::OK.into_response())
        }
        Some(Said::Quiet) => Ok(StatusCode::OK.into_response()),
        None if is_form => {
            Ok(form_says("It takes longer than Slack waits. Look at the list of incidents before you try again."))
        }
        None => Err(Failure::new(&BUSY, "it takes longer than Slack waits; what comes of it is told")),
    }
}

/// `POST /hooks/slack/{channel}/commands`: `/callout …`.
pub async fn commands(
    State(app): State<App>,
    Path(channel): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let signed = signed(&app, &channel, request).await?;
    let form = form(signed.body.clone()).await?;
    let marks = marks(&signed, "trigger", field(&form, "trigger_id"));
    let text = |text: &str| axum::Json(ephemeral(text)).into_response();
    if !app.workspaces().replays().is_new(&marks, app.handle().now()) {
        return Ok(text("This came twice and was done once."));
    }
    let asked = command::Asked {
        user: field(&form, "user_id").to_owned(),
        text: field(&form, "text").to_owned(),
        command: field(&form, "command").to_owned(),
        trigger: field(&form, "trigger_id").to_owned(),
    };
    let url = field(&form, "response_url").to_owned();
    let workspace = Arc::clone(&signed.workspace);
    let job = command::work(app.clone(), signed.workspace, asked);
    Ok(match answer_in_time(&app, &workspace, url, &marks, job).await? {
        Some(Said::Text(said) | Said::Failed(said) | Said::Wrong(_, said)) => text(&said),
        Some(Said::Quiet | Said::View(_)) => StatusCode::OK.into_response(),
        None => text("It takes longer than Slack waits: it may not be written down yet. What comes of it follows."),
    })
}

/// `POST /hooks/slack/{channel}/events`: Slack asks whether somebody is there; of events nothing is wanted.
pub async fn events(
    State(app): State<App>,
    Path(channel): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let signed = signed(&app, &channel, request).await?;
    let event: Value = serde_json::from_slice(&signed.body)
        .map_err(|error| Failure::new(&MALFORMED_JSON, format!("the event cannot be read: {error}")))?;
    match (event["type"].as_str(), event["challenge"].as_str()) {
        (Some("url_verification"), Some(challenge)) => Ok(axum::Json(json!({"challenge": challenge})).into_response()),
        _ => Ok(StatusCode::OK.into_response()),
    }
}

/// Reads the raw body and checks who sent it, before anything of it is looked at.
async fn signed(app: &App, channel: &str, request: Request) -> Result<Signed, Failure> {
    let (parts, body) = request.into_parts();
    let workspace = app.workspaces().get(channel).filter(|workspace| workspace.signing.is_some());
    let unknown = || Failure::not_found("Slack channel of that name with a signing secret");
    let workspace = workspace.ok_or_else(unknown)?;
    let signing = workspace.signing.as_ref().ok_or_else(unknown)?;
    let body = read_raw(&parts.headers, body, BODY_BYTES_MAX).await?;
    let text = |name: &str| header_text(&parts.headers, name);
    let (time, signature) = (text("x-slack-request-timestamp"), text("x-slack-signature"));
    signing
        .verify(time, signature, &body, app.handle().now())
        .map_err(|why| Failure::new(&UNSIGNED, why.to_string()))?;
    let signature = mark("signature", signature.unwrap_or_default());
    Ok(Signed { workspace, body, signature })
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A request is known by its signature, and by what Slack calls it, for Slack may send it anew.
fn marks(signed: &Signed, kind: &str, name: &str) -> Vec<Mark> {
    let named = (!name.is_empty()).then(|| mark(kind, name));
    [signed.signature].into_iter().chain(named).collect()
}

async fn form(body: Bytes) -> Result<Vec<(String, String)>, Failure> {
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = axum::http::Method::POST;
    let kind = header::HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    let read = Form::<Vec<(String, String)>>::from_request(request, &()).await;
    read.map(|Form(fields)| fields).map_err(|_| Failure::new(&MALFORMED_JSON, "the body is no form"))
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// Does a job and waits for it as long as Slack does; `None`: it goes on, and what comes of it is told.
async fn answer_in_time(
    app: &App,
    workspace: &Arc<Workspace>,
    url: String,
    marks: &[Mark],
    job: impl Future<Output = Said> + Send + 'static,
) -> Result<Option<Said>, Failure> {
    let Some(place) = app.workspaces().place() else {
        app.workspaces().replays().forget(marks);
        return Err(Failure::new(&BUSY, "too many requests of Slack are worked on"));
    };
    let (keep, marks) = (app.clone(), marks.to_vec());
    let mut job = tokio::spawn(async move {
        let said = job.await;
        if matches!(said, Said::Failed(_)) {
            // So that the same, sent again, is done.
            keep.workspaces().replays().forget(&marks);
        }
        (said, place)
    });
    match tokio::time::timeout(ANSWER_WITHIN, &mut job).await {
        Ok(Ok((said, _))) => Ok(Some(said)),
        Ok(Err(error)) => {
            tracing::error!(error = %error, "a request of Slack ran into a mistake of callout's own");
            Ok(Some(Said::Failed("callout ran into a mistake of its own; it is in its log.".to_owned())))
        }
        Err(_) => {
            let (app, workspace) = (app.clone(), Arc::clone(workspace));
            tokio::spawn(async move {
                if let Ok((Said::Text(text) | Said::Failed(text), _)) = job.await {
                    tell(&app, &workspace, url, text);
                }
            });
            Ok(None)
        }
    }
}

/// Tells whoever acted, by the address that came with the request. Lost words are not sent again: the state is what counts.
fn tell(app: &App, workspace: &Arc<Workspace>, url: String, text: String) {
    let Some(place) = app.workspaces().place().filter(|_| !url.is_empty()) else { return };
    let workspace = Arc::clone(workspace);
    tokio::spawn(async move {
        let _place = place;
        if let Some(api) = &workspace.api
            && let Err(error) = api.answer(&url, &text).await
        {
            tracing::warn!(channel = %workspace.name, error = %error, "whoever acted in Slack could not be told what came of it");
        }
    });
}

fn form_says(text: &str) -> Response {
    let view = crate::channel::slack::modal::said("callout", text);
    axum::Json(json!({"response_action": "update", "view": view})).into_response()
}
