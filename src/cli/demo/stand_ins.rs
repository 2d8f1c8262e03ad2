//! Stand-ins for Slack and Teams, on loopback: they take what callout sends as the real ones do, and keep it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::seen::{Seen, SlackMessage};
use super::{mail, page, view};

/// The stand-in's flow in Teams.
const FLOW: &str = "/workflows/eu/triggers/manual/paths/invoke";

/// Where the stand-ins are and what they received.
#[derive(Debug, Clone)]
pub struct StandIns {
    /// Slack, Teams, and the page that shows all three.
    pub http: SocketAddr,
    /// Mail.
    pub smtp: SocketAddr,
    /// The token that Slack takes.
    pub token: String,
    /// What they received.
    pub seen: Arc<Seen>,
}

#[derive(Clone)]
struct Shared {
    token: Arc<str>,
    seen: Arc<Seen>,
}

impl StandIns {
    /// Starts them on free ports. They end with the process.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> anyhow::Result<Self> {
        let http = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port for the stand-ins")?;
        let smtp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port for the stand-in for mail")?;
        let seen = Arc::new(Seen::default());
        let token = format!("xoxb-demo-{}", uuid::Uuid::now_v7().simple());
        let stand_ins =
            Self { http: http.local_addr()?, smtp: smtp.local_addr()?, token: token.clone(), seen: Arc::clone(&seen) };
        let router = Router::new()
            .route("/", get(show))
            .route("/style.css", get(style))
            .route("/api/chat.postMessage", post(post_message))
            .route("/api/chat.update", post(update))
            .route(FLOW, post(card))
            .with_state(Shared { token: token.into(), seen: Arc::clone(&seen) });
        tokio::spawn(async move {
            if let Err(error) = axum::serve(http, router).await {
                tracing::error!(%error, "the stand-ins ended");
            }
        });
        tokio::spawn(mail::serve(smtp, seen));
        Ok(stand_ins)
    }

    /// The page that shows what was received.
    #[must_use]
    pub fn page(&self) -> String {
        format!("http://{}/", self.http)
    }

    /// Base of the Web API of Slack.
    #[must_use]
    pub fn slack_api(&self) -> String {
        format!("http://{}/api/", self.http)
    }

    /// Address of the flow in Teams.
    #[must_use]
    pub fn teams_flow(&self) -> String {
        format!("http://{}{FLOW}", self.http)
    }
}

async fn show(State(shared): State<Shared>) -> Response {
    match page::render(&shared.seen.now()) {
        Ok(html) => Html(html).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../http/pages/style.css")).into_response()
}

/// Slack answers 200 to everything; whether it was taken is in the body.
fn refused(error: &str) -> Json<Value> {
    Json(json!({"ok": false, "error": error}))
}

fn is_known(headers: &HeaderMap, shared: &Shared) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    given.and_then(|v| v.strip_prefix("Bearer ")).is_some_and(|token| *token == *shared.token)
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_default().to_owned()
}

async fn post_message(State(shared): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Json<Value> {
    if !is_known(&headers, &shared) {
        return refused("invalid_auth");
    }
    let (channel, content) = (text(&body, "channel"), text(&body, "text"));
    if channel.is_empty() {
        return refused("channel_not_found");
    }
    if content.is_empty() && body["blocks"].as_array().is_none_or(Vec::is_empty) {
        return refused("no_text");
    }
    let ts = shared.seen.update(|received| {
        let thread = body["thread_ts"].as_str().map(str::to_owned);
        let first = view::first_line(&content);
        let what = if thread.is_some() { format!("in the thread: {first}") } else { first };
        let ts = format!("1793000000.{:06}", received.arrived("Slack", &channel, what));
        received.slack.push(SlackMessage {
            channel: channel.clone(),
            ts: ts.clone(),
            thread,
            text: content,
            blocks: body["blocks"].clone(),
            edits: 0,
        });
        ts
    });
    Json(json!({"ok": true, "channel": channel, "ts": ts}))
}

async fn update(State(shared): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Json<Value> {
    if !is_known(&headers, &shared) {
        return refused("invalid_auth");
    }
    let (channel, ts) = (text(&body, "channel"), text(&body, "ts"));
    let found = shared.seen.update(|received| {
        let Some(message) = received.slack.iter_mut().find(|m| m.channel == channel && m.ts == ts) else {
            return false;
        };
        message.text = text(&body, "text");
        message.blocks = body["blocks"].clone();
        message.edits += 1;
        let what = format!("changed in place: {}", view::first_line(&message.text));
        received.arrived("Slack", &channel, what);
        true
    });
    if !found {
        return refused("message_not_found");
    }
    Json(json!({"ok": true, "channel": channel, "ts": ts}))
}

/// A flow says 202 before it has looked at the card.
async fn card(State(shared): State<Shared>, Json(body): Json<Value>) -> StatusCode {
    let what = view::card(&body).first;
    shared.seen.update(|received| {
        received.arrived("Teams", "eu", what);
        received.teams.push(body);
    });
    StatusCode::ACCEPTED
}
