//! Slack: by bot token through the Web API, or by incoming webhook as the poor alternative.
//!
//! With a token, a follow-up changes the first message in place (`chat.update`) and answers in its thread. A webhook gives no
//! `ts`, so follow-ups are short messages of their own. Slack says no with HTTP 200 and `ok: false`, which is read; when it refuses the
//! blocks, the message goes again as text at once. With a signing secret the buttons act inside Slack (`press`), else they are links.
//! Absent on purpose: what people press, which comes back by `http::slack`.

pub mod api;
pub mod blocks;
pub mod digest;
pub mod escape;
pub mod modal;
pub mod press;
mod room;

pub use room::RoomOrder;

use std::fmt;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use self::api::WebApi;
use self::blocks::{Buttons, Rendered};
use super::client::{self, Target};
use super::outcome::{self, failed, retry, retry_all};
use super::{Abilities, Channel, Kind, Limit, Message, SendFuture, Sending, Setup, SetupError, wording};
use crate::config::{ChannelSettings, RoomSettings, SlackSettings};
use crate::domain::{ChannelKind, ChannelRef, Timestamp};
use crate::engine::input::Receipt;
use crate::engine::state::Purpose;

/// Posting is limited to about one message a second and room. Source: docs.slack.dev/apis/web-api/rate-limits, read 2026-11.
const LANE_INTERVAL: Duration = Duration::from_secs(1);
/// Requests under way at once.
const CONCURRENCY: usize = 8;

/// Describes itself.
pub const KIND: Kind = Kind {
    kind: ChannelKind::Slack,
    about: "messages to rooms and people by bot token, or to one room by incoming webhook",
    abilities: Abilities { updates_in_place: true, threads: true, action_links: true, confirms: true, batches: false },
    limits: &[
        Limit {
            what: "characters of the first line",
            max: blocks::HEADER_MAX as u64,
            source: "docs.slack.dev, header block",
        },
        Limit {
            what: "characters of a section",
            max: blocks::SECTION_MAX as u64,
            source: "docs.slack.dev, section block",
        },
        Limit { what: "fields of a section", max: blocks::FIELDS_MAX as u64, source: "docs.slack.dev, section block" },
        Limit {
            what: "characters of a button's URL",
            max: blocks::URL_MAX as u64,
            source: "docs.slack.dev, button element",
        },
        Limit {
            what: "characters of all blocks",
            max: blocks::TOTAL_MAX as u64,
            source: "undocumented; slackapi/bolt-js 2509",
        },
        Limit { what: "messages a second and room", max: 1, source: "docs.slack.dev/apis/web-api/rate-limits" },
    ],
    build,
};

/// Slack may come right by itself. Source: the error tables of chat.postMessage and chat.update, docs.slack.dev, read 2026-11.
const TRANSIENT: &[&str] = &[
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
];
/// The content is at fault: text alone may pass.
const CONTENT: &[&str] = &[
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "block_mismatch",
    "invalid_attachments",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_too_large",
];
/// The first message cannot be changed any more: a new one tells it.
const GONE: &[&str] = &["message_not_found", "cant_update_message", "edit_window_closed", "as_user_not_supported"];

fn build(settings: &ChannelSettings, setup: &Setup<'_>) -> Result<Box<dyn Channel>, SetupError> {
    let ChannelSettings::Slack(settings) = settings else { return Err(SetupError::OtherKind) };
    Slack::new(settings, setup).map(|s| Box::new(s) as Box<dyn Channel>)
}

/// A configured Slack.
struct Slack {
    reference: ChannelRef,
    client: reqwest::Client,
    way: Way,
    /// For what is more than posting.
    web: Option<WebApi>,
    rooms: Option<RoomSettings>,
    buttons: Buttons,
    timeout: Duration,
    interval: Duration,
}

enum Way {
    Token { headers: HeaderMap, post: Target, update: Target },
    Webhook(Target),
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self.way {
            Way::Token { .. } => "token",
            Way::Webhook(_) => "webhook",
        };
        f.debug_struct("Slack").field("channel", &self.reference).field("by", &way).finish_non_exhaustive()
    }
}

/// What came back of a call.
enum Answer {
    /// `ok: true`.
    Taken(Value),
    /// `ok: false`, with the name of the error.
    Refused(String),
    /// Anything else.
    Lost(Sending),
}

impl Slack {
    fn new(settings: &SlackSettings, setup: &Setup<'_>) -> Result<Self, SetupError> {
        let common = &settings.common;
        let (way, at) = match (&settings.token, &settings.webhook) {
            (Some(token), _) => {
                let mut base = settings.api_url.trim().to_owned();
                if !base.ends_with('/') {
                    base.push('/');
                }
                let base = Target::new(&base, common.allow_private)?;
                let mut headers = HeaderMap::new();
                headers.insert(AUTHORIZATION, super::webhook::bearer(&setup.secret("token", token)?)?);
                let (post, update) = (base.join("chat.postMessage")?, base.join("chat.update")?);
                (Way::Token { headers, post, update }, base)
            }
            (None, Some(url)) => {
                let url = setup.target(url, common.allow_private)?;
                (Way::Webhook(url.clone()), url)
            }
            (None, None) => {
                return Err(SetupError::Unusable { what: "token", why: "it has neither a token nor a webhook" });
            }
        };
        Ok(Self {
            reference: setup.reference.clone(),
            client: client::client(common, &at, CONCURRENCY)?,
            buttons: match (&settings.signing_secret, &way) {
                (Some(_), Way::Token { .. }) => Buttons::Here,
                _ => Buttons::Links,
            },
            web: WebApi::new(settings, setup.secrets)?,
            rooms: settings.rooms.clone(),
            way,
            timeout: common.timeout.to_std(),
            interval: common.interval.map_or(LANE_INTERVAL, crate::domain::Span::to_std),
        })
    }

    async fn deliver(&self, address: &str, message: &Message) -> Sending {
        if message.purpose == Purpose::Room {
            return match (&self.web, &self.rooms) {
                (Some(web), Some(rooms)) => room::keep(web, &self.reference, rooms, message).await,
                _ => failed("rooms are not configured any more"),
            };
        }
        let follow_up = wording::event(message).is_some();
        match &self.way {
            Way::Token { headers, post, update } => {
                let api = Api { slack: self, headers, post, update, message };
                match &message.follows {
                    Some(first) if follow_up => api.follow_up(address, first).await,
                    None if follow_up => api.post(address, blocks::short(message), None).await,
                    _ => api.post(address, blocks::render(message, self.buttons), None).await,
                }
            }
            Way::Webhook(url) => {
                let rendered = if follow_up { blocks::short(message) } else { blocks::render(message, self.buttons) };
                self.hook(url, &rendered, message).await
            }
        }
    }

    /// Posts to an incoming webhook: `ok`, or a status with the error's name as the body.
    async fn hook(&self, url: &Target, rendered: &Rendered, message: &Message) -> Sending {
        let body =
            json!({"text": rendered.text, "blocks": rendered.blocks, "unfurl_links": false, "unfurl_media": false});
        let first = self.hook_once(url, &body, message.now).await;
        match first {
            Err(name) if CONTENT.contains(&name.as_str()) => {
                let body = json!({"text": blocks::text_only(message)});
                self.hook_once(url, &body, message.now).await.unwrap_or_else(|name| refused(&name))
            }
            Err(name) => refused(&name),
            Ok(sending) => sending,
        }
    }

    async fn hook_once(&self, url: &Target, body: &Value, now: Timestamp) -> Result<Sending, String> {
        let (sending, answer) = match self.exchange(url, &HeaderMap::new(), body, now).await {
            Ok(both) => both,
            Err(sending) => return Ok(sending),
        };
        match sending {
            Sending::Failed { .. } => Err(error_name(answer.trim_ascii())),
            Sending::Delivered { .. } if answer.trim_ascii() != b"ok" => Ok(retry("the answer was not understood")),
            other => Ok(other),
        }
    }

    /// One request: the judgement by status and the body, or how it was lost.
    async fn exchange(
        &self,
        url: &Target,
        headers: &HeaderMap,
        body: &Value,
        now: Timestamp,
    ) -> Result<(Sending, Vec<u8>), Sending> {
        let request = self
            .client
            .post(url.url().clone())
            .headers(headers.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))
            .body(body.to_string());
        let mut response = request.send().await.map_err(|e| outcome::from_error(&e))?;
        let sending = outcome::from_status(response.status(), response.headers(), now);
        let answer = client::read(&mut response).await.map_err(|e| outcome::from_error(&e))?;
        Ok((sending, answer))
    }
}

/// One message by the Web API.
struct Api<'a> {
    slack: &'a Slack,
    headers: &'a HeaderMap,
    post: &'a Target,
    update: &'a Target,
    message: &'a Message,
}

impl Api<'_> {
    /// Posts; as text alone when Slack refuses the blocks.
    async fn post(&self, channel: &str, rendered: Rendered, thread: Option<&Receipt>) -> Sending {
        let mut body = json!({
            "channel": channel,
            "text": rendered.text,
            "blocks": rendered.blocks,
            "metadata": {
                "event_type": "callout_notification",
                "event_payload": {"notification_id": self.message.idempotency_key},
            },
            "unfurl_links": false,
            "unfurl_media": false,
            "parse": "none",
            "link_names": false,
        });
        if let Some(first) = thread {
            body["thread_ts"] = json!(first.message);
            // What calls for somebody again is shown in the room as well.
            body["reply_broadcast"] =
                json!(matches!(self.message.purpose, Purpose::Reopened | Purpose::Unacknowledged));
        }
        let mut answer = self.call_with_pictures(self.post, &mut body).await;
        if let Answer::Refused(name) = &answer
            && CONTENT.contains(&name.as_str())
        {
            tracing::warn!(channel = %self.slack.reference, error = %name, "Slack refused the blocks of a message; it goes as text");
            body["text"] = json!(blocks::text_only(self.message));
            if let Some(fields) = body.as_object_mut() {
                fields.remove("blocks");
                if name.contains("metadata") {
                    fields.remove("metadata");
                }
            }
            answer = self.call(self.post, &body).await;
        }
        match answer {
            Answer::Taken(answer) => Sending::Delivered { receipt: self.receipt(&answer) },
            Answer::Refused(name) => refused(&name),
            Answer::Lost(sending) => sending,
        }
    }

    /// Changes the first message in place and says in its thread what happened.
    async fn follow_up(&self, address: &str, first: &Receipt) -> Sending {
        let rendered = blocks::render(self.message, self.slack.buttons);
        // `parse` is `client` by default here, unlike in chat.postMessage.
        let mut body = json!({
            "channel": first.place,
            "ts": first.message,
            "text": rendered.text,
            "blocks": rendered.blocks,
            "parse": "none",
            "link_names": false,
        });
        let mut answer = self.call_with_pictures(self.update, &mut body).await;
        if matches!(&answer, Answer::Refused(name) if CONTENT.contains(&name.as_str())) {
            body["text"] = json!(blocks::text_only(self.message));
            body["blocks"] = json!([]);
            answer = self.call(self.update, &body).await;
        }
        match answer {
            Answer::Taken(_) => {}
            Answer::Refused(name) if GONE.contains(&name.as_str()) => {
                return self.post(address, blocks::short(self.message), None).await;
            }
            Answer::Refused(name) => return refused(&name),
            Answer::Lost(sending) => return sending,
        }
        let text = blocks::reply(self.message);
        match self.post(&first.place, blocks::reply_blocks(text), Some(first)).await {
            // The first message says it already; a thread that is closed is no reason to go on trying.
            Sending::Delivered { .. } | Sending::Failed { .. } => Sending::Delivered { receipt: Some(first.clone()) },
            again @ Sending::Retry { .. } => again,
        }
    }

    /// Calls; once more without the picture, where Slack refuses the blocks: mostly it could not fetch it.
    async fn call_with_pictures(&self, method: &Target, body: &mut Value) -> Answer {
        let answer = self.call(method, body).await;
        let without = body["blocks"].as_array().and_then(|blocks| blocks::without_pictures(blocks));
        match (&answer, without) {
            (Answer::Refused(name), Some(blocks)) if CONTENT.contains(&name.as_str()) => {
                tracing::warn!(channel = %self.slack.reference, error = %name, "Slack refused a message with a picture; it goes without");
                body["blocks"] = json!(blocks);
                self.call(method, body).await
            }
            _ => answer,
        }
    }

    async fn call(&self, method: &Target, body: &Value) -> Answer {
        match self.slack.exchange(method, self.headers, body, self.message.now).await {
            Ok((Sending::Delivered { .. }, answer)) => match serde_json::from_slice::<Value>(&answer) {
                Ok(answer) if answer["ok"] == json!(true) => Answer::Taken(answer),
                Ok(answer) if answer["ok"] == json!(false) => {
                    Answer::Refused(error_name(answer["error"].as_str().unwrap_or_default().as_bytes()))
                }
                _ => Answer::Lost(retry("the answer was not understood")),
            },
            Err(sending) | Ok((sending, _)) => Answer::Lost(sending),
        }
    }

    fn receipt(&self, answer: &Value) -> Option<Receipt> {
        Some(Receipt {
            channel: self.slack.reference.clone(),
            place: answer["channel"].as_str()?.into(),
            message: answer["ts"].as_str()?.into(),
        })
    }
}

/// The name of an error as Slack spells it; anything else is not repeated, for it may be anything.
/// Whether Slack may come right by itself.
#[must_use]
pub fn is_transient(error: &str) -> bool {
    TRANSIENT.contains(&error)
}

fn error_name(text: &[u8]) -> String {
    let is_name = !text.is_empty()
        && text.len() <= 64
        && text.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_');
    if is_name { String::from_utf8_lossy(text).into_owned() } else { "an unknown error".to_owned() }
}

fn refused(name: &str) -> Sending {
    let error = format!("Slack answered {name}");
    match name {
        "ratelimited" | "rate_limited" | "service_unavailable" => retry_all(error, None),
        name if TRANSIENT.contains(&name) => retry(error),
        _ => failed(error),
    }
}

impl Channel for Slack {
    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    fn lane(&self, address: &str) -> String {
        match self.way {
            Way::Token { .. } => address.to_owned(),
            Way::Webhook(_) => String::new(),
        }
    }

    fn lane_interval(&self) -> Duration {
        self.interval
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn send<'a>(&'a self, address: &'a str, messages: &'a [Message]) -> SendFuture<'a> {
        Box::pin(async move {
            let mut sendings = Vec::with_capacity(messages.len());
            for message in messages {
                let one = tokio::time::timeout(self.timeout, self.deliver(address, message)).await;
                sendings.push(one.unwrap_or_else(|_| outcome::timed_out()));
            }
            sendings
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_permanent_unless_slack_is_at_fault() {
        for name in
            ["invalid_auth", "channel_not_found", "is_archived", "not_in_channel", "token_revoked", "invalid_blocks"]
        {
            assert_eq!(refused(name), Sending::Failed { error: format!("Slack answered {name}") });
        }
        for name in ["ratelimited", "internal_error", "fatal_error", "service_unavailable"] {
            assert!(matches!(refused(name), Sending::Retry { .. }), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_of_an_error_is_not_repeated() {
        assert_eq!(error_name(b"is_archived"), "is_archived");
        for text in [&b""[..], b"xoxb-Secret", b"<html>", &[b'a'; 100]] {
            assert_eq!(error_name(text), "an unknown error");
        }
    }
}
