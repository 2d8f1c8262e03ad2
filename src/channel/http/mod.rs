//! HTTP notifiers: services that are told by requests which the configuration describes (`config::notifier`).
//!
//! A message is one or more requests, one after the other; the first that is refused ends it. The host is that of the configuration: what
//! templates write comes behind it. Absent on purpose: any service by name; what is particular to one stands in its description.

pub mod callback;
mod fill;
mod judge;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;

use super::client::{self, Target};
use super::outcome::{self, failed};
use super::{Abilities, Channel, Kind, Limit, Message, SendFuture, Sending, Setup, SetupError, text};
use crate::config::notifier::request::{self, BODY_BYTES_MAX, Request};
use crate::config::notifier::text::{Place, render};
use crate::config::notifier::{Notifier, RECEIPT_BYTES_MAX, Scalar, Step, Values};
use crate::config::{ChannelSettings, HttpSettings};
use crate::domain::{ChannelKind, ChannelRef, Name};
use crate::engine::input::Receipt;

/// Describes itself.
pub const KIND: Kind = Kind {
    kind: ChannelKind::Http,
    about: "requests to a service as the configuration describes them",
    abilities: Abilities { updates_in_place: true, threads: true, action_links: true, confirms: true, batches: false },
    limits: &[
        Limit { what: "bytes of a body", max: BODY_BYTES_MAX as u64, source: "callout's own" },
        Limit { what: "bytes of an id that is kept", max: RECEIPT_BYTES_MAX as u64, source: "callout's own" },
    ],
    build,
};

fn build(settings: &ChannelSettings, setup: &Setup<'_>) -> Result<Box<dyn Channel>, SetupError> {
    let ChannelSettings::Http(settings) = settings else { return Err(SetupError::OtherKind) };
    HttpNotifier::new(settings, setup).map(|n| Box::new(n) as Box<dyn Channel>)
}

/// A configured notifier.
struct HttpNotifier {
    reference: ChannelRef,
    client: reqwest::Client,
    target: Target,
    notifier: std::sync::Arc<Notifier>,
    values: BTreeMap<String, Scalar>,
    secrets: Secrets,
    timeout: Duration,
    interval: Duration,
    concurrency: usize,
}

/// Secrets by name; prints as `***`.
#[derive(Clone, Default)]
pub(super) struct Secrets(BTreeMap<String, SecretString>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Secrets {
    fn exposed(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(name, secret)| (name.clone(), secret.expose_secret().to_owned())).collect()
    }

    /// Whether a text repeats one of them.
    fn are_in(&self, text: &str) -> bool {
        self.0.values().any(|secret| text.contains(secret.expose_secret()))
    }
}

impl fmt::Debug for HttpNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpNotifier")
            .field("channel", &self.reference)
            .field("target", &self.target)
            .field("secrets", &self.secrets)
            .finish_non_exhaustive()
    }
}

impl HttpNotifier {
    fn new(settings: &HttpSettings, setup: &Setup<'_>) -> Result<Self, SetupError> {
        let common = &settings.common;
        let concurrency = settings.concurrency.max(1) as usize;
        let target = setup.target(&settings.url, common.allow_private)?;
        let mut secrets = Secrets::default();
        for (name, reference) in &settings.secrets {
            secrets.0.insert(name.clone(), setup.secret("secret", reference)?);
        }
        Ok(Self {
            reference: setup.reference.clone(),
            client: client::client(common, &target, concurrency)?,
            target,
            notifier: settings.notifier.clone(),
            values: settings.values.clone(),
            secrets,
            timeout: common.timeout.to_std(),
            interval: common.interval.map_or(Duration::ZERO, crate::domain::Span::to_std),
            concurrency,
        })
    }

    /// Makes the requests of a message.
    async fn deliver(&self, address: &str, message: &Message) -> Sending {
        let mut values = self.values(address, message);
        let steps = self.notifier.steps(message.purpose, message.follows.is_some());
        for step in steps {
            let request = match request::make(&self.notifier, step, &values) {
                Ok(Some(request)) => request,
                Ok(None) => continue,
                Err(unmade) => return failed(format!("the request could not be made: {unmade}")),
            };
            match self.exchange(step, &request, message).await {
                Ok(answer) => keep(step, &answer, &mut values),
                Err(Sending::Failed { .. }) if step.may_fail => {}
                Err(sending) => return sending,
            }
        }
        Sending::Delivered { receipt: self.receipt(&values) }
    }

    fn values(&self, address: &str, message: &Message) -> Values {
        let mut values = fill::values(&self.notifier, &self.reference.name, address, message);
        values.values.clone_from(&self.values);
        values.secrets = self.secrets.exposed();
        for name in &self.notifier.optional {
            values.secrets.entry(name.clone()).or_default();
        }
        values
    }

    /// One request, and what its answer says.
    async fn exchange(&self, step: &Step, request: &Request, message: &Message) -> Result<Json, Sending> {
        let url = self.url(&request.path).ok_or_else(|| failed("the path of the request leads elsewhere"))?;
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| failed("the method is unknown"))?;
        let headers = headers(&request.headers).ok_or_else(|| failed("a header holds what a header may not"))?;
        let mut sent = self.client.request(method, url).headers(headers);
        if let Some(body) = &request.body {
            sent = sent.body(body.clone());
        }
        let mut response = sent.send().await.map_err(|error| outcome::from_error(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = client::read(&mut response).await.map_err(|error| outcome::from_error(&error))?;
        let told = judge::Told { status, headers: &headers, body: &body, now: message.now, secrets: &self.secrets };
        judge::judge(step, &told)
    }

    /// The URL of a path, which stays behind the configured one.
    fn url(&self, path: &str) -> Option<Url> {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return None;
        }
        let mut url = self.target.url().clone();
        let base = url.path().trim_end_matches('/').to_owned();
        let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        url.set_path(&format!("{base}{slash}{path}"));
        let both: Vec<&str> = self.target.url().query().into_iter().chain(query).filter(|q| !q.is_empty()).collect();
        url.set_query((!both.is_empty()).then(|| both.join("&")).as_deref());
        Some(url)
    }

    /// What later messages need: the id, and where people find what was made.
    fn receipt(&self, values: &Values) -> Option<Receipt> {
        if values.receipt.is_empty() {
            return None;
        }
        let plain = BTreeMap::new();
        let link = self.notifier.link.as_deref();
        let link = link.and_then(|link| render(link, Place::Path, &plain, values.as_value()).ok());
        let link = link
            .and_then(|link| text::web_url(self.url(&link)?.as_str(), fill::LINK_MAX))
            .filter(|l| !self.secrets.are_in(l));
        Some(Receipt {
            channel: self.reference.clone(),
            place: link.map(Name::from).unwrap_or_default(),
            message: values.receipt.as_str().into(),
        })
    }
}

/// Takes from an answer what later requests and messages need.
fn keep(step: &Step, answer: &Json, values: &mut Values) {
    let kept = |pointer: &str| answer.pointer(pointer).and_then(judge::word).filter(|id| id.len() <= RECEIPT_BYTES_MAX);
    if let Some(id) = step.receipt.as_deref().and_then(kept) {
        values.receipt = id;
    }
    values.kept.extend(step.keep.iter().filter_map(|(name, pointer)| Some((name.clone(), kept(pointer)?))));
}

/// Headers of a request, none of which is printed.
fn headers(of: &[(String, String)]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(of.len());
    for (name, value) in of {
        let mut value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
        value.set_sensitive(true);
        headers.insert(HeaderName::try_from(name.as_str()).ok()?, value);
    }
    Some(headers)
}

impl Channel for HttpNotifier {
    fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn lane(&self, address: &str) -> String {
        address.to_owned()
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
    use crate::config::notifier::Step;

    #[test]
    fn ids_are_kept_up_to_their_limit() {
        let step = Step { receipt: Some("/id".into()), keep: vec![("k".into(), "/n".into())], ..Step::default() };
        for (length, kept) in [(RECEIPT_BYTES_MAX, true), (RECEIPT_BYTES_MAX + 1, false)] {
            let mut values = Values::default();
            keep(&step, &serde_json::json!({"id": "i".repeat(length), "n": 5}), &mut values);
            assert_eq!((values.receipt.is_empty(), values.kept["k"].as_str()), (!kept, "5"));
        }
    }
}
