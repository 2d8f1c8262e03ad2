//! Signed generic webhook, by the Standard Webhooks specification (standardwebhooks.com, 1.0.0, read 2026-11).
//!
//! A request carries one message as an object, or, where `batch` is above 1, always `{"messages": […]}`. The answer holds for all
//! messages of the request: 2xx delivered; 408, 425, 429 and 5xx another try; any other is final. This is the channel through which
//! tens of thousands of messages a second go, so a body is written in one pass into a buffer that is used again.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use sha2::Sha256;

use super::client::{self, Target};
use super::digest::Digest;
use super::{
    Abilities, ActionLinks, Channel, Content, Fact, Kind, Limit, Link, Measure, Measured, Message, PersonName,
    SendFuture, Sending, Setup, SetupError, Urgency, outcome,
};
use crate::config::{ChannelSettings, WebhookSettings};
use crate::domain::{ChannelKind, Timestamp};
use crate::engine::state::Purpose;

/// Most messages in one request, whatever is configured. Beyond: the others go in the next request.
pub const BATCH_MAX: usize = 1_000;
/// Buffers kept for use again. Beyond: a buffer is given back to the system.
const BUFFERS_MAX: usize = 16;
/// Bytes of a buffer that is kept for use again. Beyond: it is given back to the system.
const BUFFER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Describes itself.
pub const KIND: Kind = Kind {
    kind: ChannelKind::Webhook,
    about: "JSON posted to a URL, with a Standard Webhooks signature",
    abilities: Abilities { updates_in_place: false, threads: false, action_links: true, confirms: true, batches: true },
    limits: &[Limit { what: "messages in a request", max: BATCH_MAX as u64, source: "callout's own" }],
    build,
};

fn build(settings: &ChannelSettings, setup: &Setup<'_>) -> Result<Box<dyn Channel>, SetupError> {
    let ChannelSettings::Webhook(settings) = settings else { return Err(SetupError::OtherKind) };
    Webhook::new(settings, setup).map(|w| Box::new(w) as Box<dyn Channel>)
}

/// A configured webhook.
struct Webhook {
    client: reqwest::Client,
    target: Target,
    headers: HeaderMap,
    signer: Option<Signer>,
    batched: bool,
    batch: usize,
    concurrency: usize,
    timeout: Duration,
    interval: Duration,
    buffers: Mutex<Vec<BytesMut>>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("target", &self.target)
            .field("batch", &self.batch)
            .field("signed", &self.signer.is_some())
            .finish_non_exhaustive()
    }
}

impl Webhook {
    fn new(settings: &WebhookSettings, setup: &Setup<'_>) -> Result<Self, SetupError> {
        let common = &settings.common;
        let concurrency = settings.concurrency.max(1) as usize;
        let target = setup.target(&settings.url, common.allow_private)?;
        let signer = settings.secret.as_ref().map(|s| Signer::new(&setup.secret("secret", s)?)).transpose()?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = &settings.token {
            headers.insert(AUTHORIZATION, bearer(&setup.secret("token", token)?)?);
        }
        Ok(Self {
            client: client::client(common, &target, concurrency)?,
            target,
            headers,
            signer,
            batched: settings.batch > 1,
            batch: (settings.batch.max(1) as usize).min(BATCH_MAX),
            concurrency,
            timeout: common.timeout.to_std(),
            interval: common.interval.map_or(Duration::ZERO, crate::domain::Span::to_std),
            buffers: Mutex::default(),
        })
    }

    /// Writes the body; the buffer it came from is given back after the request.
    fn body(&self, messages: &[Message]) -> Result<(Bytes, BytesMut), serde_json::Error> {
        let mut buffer = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        buffer.reserve(messages.len() * 2048);
        let mut writer = (&mut buffer).writer();
        match messages {
            [one] if !self.batched => serde_json::to_writer(&mut writer, &Envelope(one))?,
            all => serde_json::to_writer(&mut writer, &Batch(all))?,
        }
        Ok((buffer.split().freeze(), buffer))
    }

    fn give_back(&self, buffer: BytesMut) {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() < BUFFERS_MAX && buffer.capacity() <= BUFFER_BYTES_MAX {
            buffers.push(buffer);
        }
    }

    async fn post(&self, messages: &[Message]) -> Sending {
        let Some(first) = messages.first() else { return outcome::delivered() };
        let Ok((body, buffer)) = self.body(messages) else {
            return outcome::failed("the message could not be written as JSON");
        };
        let id = request_id(&first.idempotency_key, messages.len());
        let sending = match self.request(&id, first.now, body) {
            Some(request) => answer(request, first.now).await,
            None => outcome::failed("the message's id does not fit into a header"),
        };
        self.give_back(buffer);
        sending
    }

    fn request(&self, id: &str, now: Timestamp, body: Bytes) -> Option<reqwest::RequestBuilder> {
        let seconds = now.as_millis().div_euclid(1000);
        let mut headers = self.headers.clone();
        headers.insert("webhook-id", HeaderValue::from_str(id).ok()?);
        headers.insert("webhook-timestamp", HeaderValue::from(seconds));
        if let Some(signer) = &self.signer {
            headers.insert("webhook-signature", HeaderValue::from_str(&signer.sign(id, seconds, &body)).ok()?);
        }
        Some(self.client.post(self.target.url().clone()).headers(headers).body(body))
    }
}

/// The id of a request: the message's own, or the first's with the number of messages, so that the same batch has the same id again.
fn request_id(first: &str, count: usize) -> String {
    if count == 1 { first.to_owned() } else { format!("{first}+{}", count - 1) }
}

/// Sends and reads what is needed of the answer, so that the connection can be used again.
async fn answer(request: reqwest::RequestBuilder, now: Timestamp) -> Sending {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => return outcome::from_error(&error),
    };
    let sending = outcome::from_status(response.status(), response.headers(), now);
    // The status has decided; a body that breaks off changes nothing.
    let _ = client::read(&mut response).await;
    sending
}

impl Channel for Webhook {
    fn batch_max(&self) -> usize {
        self.batch
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn lane_interval(&self) -> Duration {
        self.interval
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn send<'a>(&'a self, _address: &'a str, messages: &'a [Message]) -> SendFuture<'a> {
        Box::pin(async move {
            let sending =
                tokio::time::timeout(self.timeout, self.post(messages)).await.unwrap_or_else(|_| outcome::timed_out());
            vec![sending; messages.len()]
        })
    }
}

/// `Authorization: Bearer …`, marked so that it is not printed.
pub(super) fn bearer(token: &SecretString) -> Result<HeaderValue, SetupError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|_| SetupError::Unusable { what: "token", why: "it holds characters that a header may not" })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Signs requests with HMAC-SHA256 over `id.timestamp.body`.
struct Signer(Hmac<Sha256>);

impl Signer {
    /// `whsec_` and base64, as the specification has it; any other text is the key itself.
    fn new(secret: &SecretString) -> Result<Self, SetupError> {
        let fault = |why| SetupError::Unusable { what: "secret", why };
        let text = secret.expose_secret();
        let key = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| fault("after `whsec_` comes base64"))?,
            None => text.as_bytes().to_vec(),
        };
        if key.is_empty() {
            return Err(fault("it is empty"));
        }
        Hmac::new_from_slice(&key).map(Self).map_err(|_| fault("its length"))
    }

    fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(id.as_bytes());
        mac.update(format!(".{seconds}.").as_bytes());
        mac.update(body);
        let mut out = String::with_capacity(48);
        out.push_str("v1,");
        STANDARD.encode_string(mac.finalize().into_bytes(), &mut out);
        out
    }
}

/// The event type of a purpose, in the specification's form.
const fn event_type(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Page => "incident.page",
        Purpose::Alert => "incident.alert",
        Purpose::Alarm => "callout.alarm",
        Purpose::Acknowledged => "incident.acknowledged",
        Purpose::Unacknowledged => "incident.unacknowledged",
        Purpose::Snoozed => "incident.snoozed",
        Purpose::Resolved => "incident.resolved",
        Purpose::Reopened => "incident.reopened",
        Purpose::Changed => "incident.changed",
        Purpose::Digest => "incident.digest",
        Purpose::Notice => "callout.notice",
        Purpose::CalledIn => "incident.called_in",
        Purpose::Update => "incident.update",
        Purpose::Reminder => "incident.reminder",
        // A room is Slack's business; no such row goes to a webhook.
        Purpose::Room => "incident.room",
    }
}

struct Batch<'a>(&'a [Message]);

impl Serialize for Batch<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        struct All<'a>(&'a [Message]);
        impl Serialize for All<'_> {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                let mut seq = s.serialize_seq(Some(self.0.len()))?;
                for message in self.0 {
                    seq.serialize_element(&Envelope(message))?;
                }
                seq.end()
            }
        }
        let mut map = s.serialize_map(Some(1))?;
        map.serialize_entry("messages", &All(self.0))?;
        map.end()
    }
}

/// Writes a value by its `Display`, without a string in between.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

struct Envelope<'a>(&'a Message);

impl Serialize for Envelope<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut out = s.serialize_struct("Envelope", 4)?;
        out.serialize_field("type", event_type(self.0.purpose))?;
        out.serialize_field("timestamp", &Shown(self.0.now))?;
        out.serialize_field("id", &self.0.idempotency_key)?;
        out.serialize_field("data", &Data(self.0))?;
        out.end()
    }
}

struct Data<'a>(&'a Message);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Message { delivery, attempt, late, person, why, content, digest, links, .. } = self.0;
        let mut out = s.serialize_struct("Data", 8)?;
        out.serialize_field("delivery", &Shown(delivery))?;
        out.serialize_field("attempt", attempt)?;
        out.serialize_field("late", late)?;
        out.serialize_field("why", why)?;
        out.serialize_field("person", &person.as_ref().map(Person))?;
        out.serialize_field("incident", &content.as_deref().map(Incident))?;
        match digest.as_deref() {
            Some(digest) => out.serialize_field("digest", &Many(digest))?,
            None => out.skip_field("digest")?,
        }
        if links.is_empty() {
            out.skip_field("links")?;
        } else {
            let all: Vec<_> = links.iter().map(|l| serde_json::json!({"title": l.title, "url": l.url})).collect();
            out.serialize_field("links", &all)?;
        }
        out.end()
    }
}

struct Person<'a>(&'a PersonName);

impl Serialize for Person<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut out = s.serialize_struct("Person", 2)?;
        out.serialize_field("id", &self.0.id)?;
        out.serialize_field("name", &self.0.name)?;
        out.end()
    }
}

struct Incident<'a>(&'a Content);

impl Serialize for Incident<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let c = self.0;
        let urgency = match c.urgency {
            Urgency::High => "high",
            Urgency::Normal => "normal",
            Urgency::Over => "over",
        };
        let mut out = s.serialize_struct("Incident", 28)?;
        out.serialize_field("id", &c.incident.0)?;
        out.serialize_field("key", &c.key)?;
        out.serialize_field("status", c.status.as_str())?;
        out.serialize_field("status_by", &c.status_by)?;
        out.serialize_field("priority", &c.priority)?;
        out.serialize_field("priority_meaning", &c.priority_meaning)?;
        out.serialize_field("urgency", urgency)?;
        out.serialize_field("severity", &c.severity)?;
        out.serialize_field("headline", &c.headline)?;
        out.serialize_field("subject", &c.subject)?;
        out.serialize_field("summary", &c.summary)?;
        out.serialize_field("team", &c.team)?;
        out.serialize_field("unowned", &c.unowned)?;
        out.serialize_field("drill", &c.drill)?;
        out.serialize_field("service", &c.service)?;
        out.serialize_field("opened_at", &Shown(c.opened_at))?;
        out.serialize_field("resolved_at", &c.resolved_at.map(Shown))?;
        out.serialize_field("timezone", &c.timezone)?;
        out.serialize_field("measured", &c.measured.as_deref().map(Figures))?;
        out.serialize_field("facts", &Facts(&c.facts))?;
        out.serialize_field("details", &Facts(&c.details))?;
        out.serialize_field("deployments", &Facts(&c.deployments))?;
        out.serialize_field("dependencies", &Facts(&c.dependencies))?;
        out.serialize_field("told", &c.told)?;
        out.serialize_field("links", &Links(&c.links))?;
        out.serialize_field("actions", &c.actions.as_ref().map(Actions))?;
        out.serialize_field("labels", &Pairs(&c.labels))?;
        out.serialize_field("annotations", &Pairs(&c.annotations))?;
        out.end()
    }
}

/// What was measured, as a program compares it.
struct Figures<'a>(&'a Measured);

impl Serialize for Figures<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let m = self.0;
        let mut out = s.serialize_struct("Measured", 7)?;
        out.serialize_field("rule", &m.rule)?;
        out.serialize_field("factor", &m.factor)?;
        out.serialize_field("objective_percent", &m.objective_percent)?;
        out.serialize_field("windows", &Windows(&m.windows))?;
        out.serialize_field("budget_remaining_percent", &m.budget_remaining_percent)?;
        out.serialize_field("budget_period", &m.budget_period)?;
        out.serialize_field("budget_gone_in", &m.budget_gone_in)?;
        out.end()
    }
}

struct Windows<'a>(&'a [Measure]);

impl Serialize for Windows<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.0.iter().map(Window))
    }
}

struct Window<'a>(&'a Measure);

impl Serialize for Window<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut out = s.serialize_struct("Window", 5)?;
        out.serialize_field("length", &self.0.length)?;
        out.serialize_field("bad", &self.0.bad)?;
        out.serialize_field("total", &self.0.total)?;
        out.serialize_field("failed_percent", &self.0.failed_percent)?;
        out.serialize_field("burn", &self.0.burn)?;
        out.end()
    }
}

/// A digest that came here since another channel failed.
struct Many<'a>(&'a Digest);

impl Serialize for Many<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let (digest, t) = (self.0, &self.0.tally);
        let mut out = s.serialize_struct("Digest", 12)?;
        out.serialize_field("id", &Shown(digest.id))?;
        out.serialize_field("since", &Shown(digest.since))?;
        out.serialize_field("incidents", &t.incidents)?;
        out.serialize_field("new", &t.new)?;
        out.serialize_field("triggered", &t.triggered)?;
        out.serialize_field("acknowledged", &t.acknowledged)?;
        out.serialize_field("snoozed", &t.snoozed)?;
        out.serialize_field("resolved", &t.resolved)?;
        out.serialize_field("priorities", &Counts(&t.priorities))?;
        out.serialize_field("services", &Counts(&t.services))?;
        out.serialize_field("teams", &Counts(&t.teams))?;
        out.serialize_field("list", &digest.links.as_ref().map(|links| &links.list))?;
        out.end()
    }
}

struct Counts<'a>(&'a [(String, u64)]);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(name, count)| (name, count)))
    }
}

struct Facts<'a>(&'a [Fact]);

impl Serialize for Facts<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.0.iter().map(|f| Two { first: ("name", &f.name), second: ("value", &f.value) }))
    }
}

struct Links<'a>(&'a [Link]);

impl Serialize for Links<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.0.iter().map(|l| Two { first: ("title", &l.title), second: ("url", &l.url) }))
    }
}

/// An object of two texts.
struct Two<'a> {
    first: (&'static str, &'a str),
    second: (&'static str, &'a str),
}

impl Serialize for Two<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map([self.first, self.second])
    }
}

struct Actions<'a>(&'a ActionLinks);

impl Serialize for Actions<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let ActionLinks { acknowledge, snooze, resolve, page } = self.0;
        s.collect_map([("acknowledge", acknowledge), ("snooze", snooze), ("resolve", resolve), ("page", page)])
    }
}

struct Pairs<'a>(&'a [(String, String)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_s_example_is_signed_as_printed_there() {
        // The test vector of the specification's reference libraries.
        let signer = Signer::new(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned().into()).unwrap();
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_no_base64_is_refused_without_showing_it() {
        let error = Signer::new(&"whsec_%%%".to_owned().into()).err().unwrap();
        assert_eq!(error.to_string(), "its secret cannot be used: after `whsec_` comes base64");
        assert!(Signer::new(&"whsec_".to_owned().into()).is_err());
    }

    #[test]
    fn a_batch_has_the_same_id_every_time() {
        assert_eq!(request_id("acme-D17", 1), "acme-D17");
        assert_eq!(request_id("acme-D17", 64), "acme-D17+63");
    }

    #[test]
    fn buffers_are_kept_up_to_a_size_and_a_number() {
        let settings = WebhookSettings {
            url: crate::config::HttpTarget::Plain("https://hooks.example/".to_owned()),
            secret: None,
            token: None,
            batch: u32::try_from(BATCH_MAX).unwrap() + 1,
            concurrency: 1,
            common: crate::config::Common {
                ca_file: None,
                allow_private: false,
                timeout: crate::domain::Span::from_minutes(1),
                give_up: crate::domain::Span::from_minutes(1),
                interval: None,
            },
        };
        let reference = crate::domain::ChannelRef { kind: ChannelKind::Webhook, name: "ops".into() };
        let look_up = |_: &crate::config::SecretRef| unreachable!("there is no secret");
        let webhook = Webhook::new(&settings, &Setup { reference: &reference, secrets: &look_up }).unwrap();
        assert_eq!(webhook.batch_max(), BATCH_MAX, "whatever is configured");
        let kept = || webhook.buffers.lock().unwrap().len();
        webhook.give_back(BytesMut::with_capacity(BUFFER_BYTES_MAX + 1));
        assert_eq!(kept(), 0);
        for n in 1..=BUFFERS_MAX + 1 {
            webhook.give_back(BytesMut::with_capacity(BUFFER_BYTES_MAX / 64));
            assert_eq!(kept(), n.min(BUFFERS_MAX));
        }
        webhook.buffers.lock().unwrap().clear();
        webhook.give_back(BytesMut::with_capacity(BUFFER_BYTES_MAX));
        assert_eq!(kept(), 1);
    }
}
