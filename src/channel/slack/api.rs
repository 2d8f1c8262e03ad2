//! Slack's Web API beyond posting: questions, forms, user groups, rooms, and answers to what people did (`response_url`).
//!
//! Sources: docs.slack.dev, pages of the methods and "Handling user interaction", read 2026-11.

use std::fmt;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Url};
use serde_json::{Value, json};

use super::error_name;
use crate::channel::client::{self, Target};
use crate::channel::{Secrets, SetupError};
use crate::config::SlackSettings;

/// Hosts at which Slack takes answers to what people did.
const ANSWER_HOSTS: [&str; 2] = ["hooks.slack.com", "hooks.slack-gov.com"];
/// Connections at rest.
const CONNECTIONS: usize = 4;
/// Characters of an address for answers. Beyond: it is not Slack's.
const ANSWER_URL_MAX: usize = 2_048;

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Slack said no, by the error's name.
    #[error("Slack answered {0}")]
    Refused(String),
    /// Slack wants fewer calls; after so long.
    #[error("Slack asks to wait")]
    Limited(Duration),
    /// No answer, or none that can be read.
    #[error("Slack did not answer")]
    Lost,
    /// The address is none of Slack's.
    #[error("the address for the answer is not Slack's")]
    Foreign,
}

/// A workspace's Web API, with the token of its bot.
#[derive(Clone)]
pub struct WebApi {
    client: reqwest::Client,
    headers: HeaderMap,
    base: Target,
}

impl fmt::Debug for WebApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebApi(***)")
    }
}

impl WebApi {
    /// Sets it up; `None` without a token. Contacts nobody.
    ///
    /// # Errors
    /// When the token, the address or a file cannot be used.
    pub fn new(settings: &SlackSettings, secrets: &Secrets<'_>) -> Result<Option<Self>, SetupError> {
        let Some(token) = &settings.token else { return Ok(None) };
        let token = secrets(token).map_err(|source| SetupError::Secret { what: "token", source })?;
        let mut base = settings.api_url.trim().to_owned();
        if !base.ends_with('/') {
            base.push('/');
        }
        let base = Target::new(&base, settings.common.allow_private)?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, crate::channel::webhook::bearer(&token)?);
        let client = client::client(&settings.common, &base, CONNECTIONS)?;
        Ok(Some(Self { client, headers, base }))
    }

    /// A method that takes JSON.
    ///
    /// # Errors
    /// When Slack refuses, or does not answer.
    pub async fn call(&self, method: &str, body: &Value) -> Result<Value, CallError> {
        let url = self.base.join(method).map_err(|_| CallError::Lost)?;
        let request = self.client.post(url.url().clone()).headers(self.headers.clone());
        Self::send(with_json(request, body)).await
    }

    /// A method that reads arguments of the query only.
    ///
    /// # Errors
    /// When Slack refuses, or does not answer.
    pub async fn ask(&self, method: &str, arguments: &[(&str, &str)]) -> Result<Value, CallError> {
        let mut url = self.base.join(method).map_err(|_| CallError::Lost)?.url().clone();
        url.query_pairs_mut().extend_pairs(arguments);
        Self::send(self.client.get(url).headers(self.headers.clone())).await
    }

    async fn send(request: RequestBuilder) -> Result<Value, CallError> {
        let mut response = request.send().await.map_err(|_| CallError::Lost)?;
        if response.status().as_u16() == 429 {
            let seconds = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.trim().parse().ok());
            return Err(CallError::Limited(Duration::from_secs(seconds.unwrap_or(1))));
        }
        let answer = client::read(&mut response).await.map_err(|_| CallError::Lost)?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| CallError::Lost)?;
        match answer["ok"].as_bool() {
            Some(true) => Ok(answer),
            Some(false) => Err(CallError::Refused(error_name(answer["error"].as_str().unwrap_or_default().as_bytes()))),
            None => Err(CallError::Lost),
        }
    }

    /// A text that only whoever acted sees, sent to the address that came with what they did. The message that they acted on stays.
    ///
    /// # Errors
    /// When the address is not Slack's, or does not take it.
    pub async fn answer(&self, url: &str, text: &str) -> Result<(), CallError> {
        let url = self.answer_url(url).ok_or(CallError::Foreign)?;
        let body = ephemeral(text);
        let response = with_json(self.client.post(url), &body).send().await.map_err(|_| CallError::Lost)?;
        if response.status().is_success() { Ok(()) } else { Err(CallError::Refused("expired_url".to_owned())) }
    }

    /// Whether an address that came with a request is one at which Slack takes answers: Slack's own host by `https`, or where the Web
    /// API was configured to be. The signature says that Slack sent it; this is the second lock.
    fn answer_url(&self, url: &str) -> Option<Url> {
        let url = Url::parse(url).ok().filter(|_| url.len() <= ANSWER_URL_MAX)?;
        let base = self.base.url();
        let same = (url.scheme(), url.host_str(), url.port_or_known_default())
            == (base.scheme(), base.host_str(), base.port_or_known_default());
        let slacks = url.scheme() == "https"
            && url.port_or_known_default() == Some(443)
            && url.host_str().is_some_and(|host| ANSWER_HOSTS.contains(&host));
        let plain = url.username().is_empty() && url.password().is_none();
        Some(url).filter(|_| plain && (same || slacks))
    }
}

/// A text that only one person sees.
#[must_use]
pub fn ephemeral(text: &str) -> Value {
    json!({"response_type": "ephemeral", "replace_original": false, "text": text})
}

fn with_json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8")).body(body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(base: &str) -> WebApi {
        crate::channel::client::install_crypto();
        let base = Target::new(base, true).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        WebApi { client, headers: HeaderMap::new(), base }
    }

    #[test]
    fn answers_go_to_slack_and_nowhere_else() {
        let slack = api("https://slack.com/api/");
        for (url, good) in [
            ("https://hooks.slack.com/actions/T0/1/x", true),
            ("https://hooks.slack-gov.com/commands/T0/1/x", true),
            ("https://slack.com/api/x", true),
            ("http://hooks.slack.com/actions/T0/1/x", false),
            ("https://hooks.slack.com:8443/actions", false),
            ("https://hooks.slack.com.evil.example/actions", false),
            ("https://evil.example/hooks.slack.com", false),
            ("https://hooks.slack.com@evil.example/", false),
            ("https://user:word@hooks.slack.com/", false),
            ("https://169.254.169.254/latest/meta-data", false),
            ("http://127.0.0.1:8080/-/reload", false),
            ("file:///etc/passwd", false),
            ("", false),
        ] {
            assert_eq!(slack.answer_url(url).is_some(), good, "{url}");
        }
        let long = format!("https://hooks.slack.com/{}", "x".repeat(ANSWER_URL_MAX));
        assert!(slack.answer_url(&long).is_none());
        let test = api("http://127.0.0.1:8000/slack/api/");
        assert!(test.answer_url("http://127.0.0.1:8000/slack/response/x").is_some());
        assert!(test.answer_url("http://127.0.0.1:8001/slack/response/x").is_none());
    }
}
