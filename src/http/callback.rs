//! `/k/{channel}/{token}`: what a service that was told asks back, and the key that somebody pressed there. The token says who was told of
//! what, and is that of the links in messages; the request must be signed by the service besides. What came of it is said kindly and exactly.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::incidents::check_state;
use super::problem::{FORBIDDEN, Failure, INTERNAL};
use crate::auth::link::{Holder, LinkError};
use crate::channel::http::callback::Asked;
use crate::channel::{ActionLinks, Message, PersonName, digest};
use crate::config::notifier::callback::Act;
use crate::domain::{DeliveryId, DigestId, IncidentId, Name, Timestamp};
use crate::engine::state::{Purpose, Status};
use crate::engine::{Actor, Command, Verb};
use crate::enrich;

/// What the token is about.
enum About {
    Incident(IncidentId),
    Digest(DigestId),
}

/// `POST /k/{channel}/{token}`: the document; with a key, first what the key does.
pub async fn ask(
    State(app): State<App>,
    Path((channel, token)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let unknown = || Failure::not_found("such a channel that may ask back".to_owned());
    let callbacks = app.callbacks();
    let asked = callbacks.get(channel.as_str()).ok_or_else(unknown)?;
    let policy = app.handle().policy();
    let base = policy.organisation.url.as_deref().ok_or_else(unknown)?;
    // As the service was given it: what a proxy makes of it on the way here does not count.
    let url = format!("{base}{}", uri.path_and_query().map_or(uri.path(), |all| all.as_str()));
    let signature = headers.get(asked.header()).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !asked.is_signed(&url, &fields, signature) {
        return Err(Failure::new(&FORBIDDEN, format!("`{}` does not sign this request", asked.header())));
    }
    let now = app.handle().now();
    let (holder, said, about) = match open(&app, &token, now) {
        Err(said) => (Holder::Channel, said, None),
        Ok((holder, about)) => {
            let said = match asked.pressed(&fields) {
                None => state_of(&app, &about),
                Some(None) => "This key means nothing here. Nothing was done. Goodbye.".to_owned(),
                Some(Some(act)) => perform(&app, &holder, &about, act).await,
            };
            (holder, said, Some(about))
        }
    };
    let message = message(&app, &holder, about.as_ref(), base, &token, now);
    let address = message.person.as_ref().map(|person| person.address.clone()).unwrap_or_default();
    let document = asked
        .document(&address, &message, &said)
        .map_err(|error| Failure::new(&INTERNAL, format!("the document could not be written: {error}")))?;
    let kind = HeaderValue::from_str(asked.content_type()).unwrap_or(HeaderValue::from_static("text/xml"));
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], document)
        .into_response())
}

/// Who was told of what, or the words why that is not known.
fn open(app: &App, token: &str, now: Timestamp) -> Result<(Holder, About), String> {
    match app.link_key().verify(token, now) {
        Ok(link) => return Ok((link.holder, About::Incident(link.incident))),
        Err(LinkError::Expired { incident }) => {
            return Err(format!("This call about incident {incident} came too long ago. Nothing was done. Goodbye."));
        }
        Err(_) => {}
    }
    match app.link_key().verify_digest(token, now) {
        Ok(link) => Ok((link.holder, About::Digest(link.digest))),
        Err(LinkError::ExpiredDigest) => Err("This call came too long ago. Nothing was done. Goodbye.".to_owned()),
        Err(_) => Err("This call is not known here. Nothing was done. Goodbye.".to_owned()),
    }
}

/// What there is to say before a key is pressed; nothing where somebody is needed.
fn state_of(app: &App, about: &About) -> String {
    let About::Incident(id) = about else { return String::new() };
    let Some(incident) = app.handle().read(|state| state.incidents.get(id).cloned()) else {
        return format!("Incident {id} was resolved some time ago. Goodbye.");
    };
    match check_state(&incident, &Verb::Acknowledge { incident: *id }) {
        Ok(()) => String::new(),
        Err(_) => format!("{} Nothing is left to do. Goodbye.", stands(app, &incident.status, *id)),
    }
}

/// `Incident 7 was acknowledged by Ana Ruiz.`
fn stands(app: &App, status: &Status, id: IncidentId) -> String {
    let by = |by: &Actor| match by {
        Actor::Person(person) | Actor::Link(person) => {
            app.handle().policy().people.get(person).map_or_else(|| person.to_string(), |p| p.name.clone())
        }
        other => other.label(),
    };
    match status {
        Status::Acknowledged { by: who, .. } => format!("Incident {id} was acknowledged by {}.", by(who)),
        Status::Snoozed { by: who, .. } => format!("Incident {id} was snoozed by {}.", by(who)),
        Status::Resolved { by: who, .. } => format!("Incident {id} was resolved by {}.", by(who)),
        Status::Triggered => format!("Incident {id} is open."),
    }
}

/// Does what a key says, and words what came of it.
async fn perform(app: &App, holder: &Holder, about: &About, act: Act) -> String {
    let by = match holder {
        Holder::Person(person) => Actor::Person(person.clone()),
        Holder::Channel => Actor::ChannelLink,
    };
    let (verb, done) = match (about, act) {
        (About::Digest(digest), Act::Acknowledge) => {
            (Verb::AcknowledgeDigest { digest: *digest }, "All of them are acknowledged. Goodbye.".to_owned())
        }
        (About::Digest(_), _) => {
            return "All of them at once can only be acknowledged. Nothing was done. Goodbye.".to_owned();
        }
        (About::Incident(id), act) => {
            let incident = *id;
            let Some(known) = app.handle().read(|state| state.incidents.get(id).cloned()) else {
                return format!("Incident {id} was resolved some time ago. Goodbye.");
            };
            let (verb, done) = match act {
                Act::Acknowledge => (Verb::Acknowledge { incident }, "is acknowledged. It is yours"),
                Act::Escalate => (Verb::Escalate { incident }, "is passed on to the next in the chain"),
                Act::Resolve => (Verb::Resolve { incident }, "is resolved"),
            };
            if check_state(&known, &verb).is_err() {
                return format!("{} Nothing was done. Goodbye.", stands(app, &known.status, *id));
            }
            (verb, format!("Incident {id} {done}. Goodbye."))
        }
    };
    match app.handle().command(Command { by, verb }).await {
        Ok(()) => done,
        Err(_) => {
            "That could not be written down, so nothing was done. Please use the link in a message. Goodbye.".to_owned()
        }
    }
}

/// What is said of it: as in the page that led here, with the incident as it stands.
fn message(app: &App, holder: &Holder, about: Option<&About>, base: &str, token: &str, now: Timestamp) -> Message {
    let policy = app.handle().policy();
    let person = match holder {
        Holder::Person(id) => policy.people.get(id).map(|person| PersonName {
            id: id.to_string(),
            name: person.name.clone(),
            address: String::new(),
        }),
        Holder::Channel => None,
    };
    let link = |part: &str| format!("{base}/{part}/{token}");
    let mut why = String::new();
    let content = match about {
        Some(About::Incident(id)) => app.handle().read(|state| {
            let incident = state.incidents.get(id)?;
            let page = link("a");
            let links = ActionLinks { acknowledge: page.clone(), snooze: page.clone(), resolve: page.clone(), page };
            Some(Box::new(enrich::content_in_zone(
                incident,
                &policy,
                Some(links),
                state,
                &policy.organisation.timezone,
                now,
            )))
        }),
        Some(About::Digest(id)) => {
            let count = app.handle().read(|state| state.digests.get(id).map_or(0, |folded| folded.entries.len()));
            why = format!("{} wait for somebody", digest::incidents(count as u64));
            None
        }
        None => None,
    };
    Message {
        delivery: DeliveryId(0),
        idempotency_key: format!("{}-C", policy.organisation.name),
        purpose: Purpose::Page,
        attempt: 1,
        late: false,
        person,
        why,
        content,
        digest: None,
        links: Vec::new(),
        room: None,
        follows: None,
        now,
    }
}

/// What channels may be asked about, by their names.
pub type ByChannel = BTreeMap<Name, Asked>;

/// Those that may ask back, by the name of the channel; replaced as a whole when the configuration is.
#[derive(Debug, Clone, Default)]
pub struct Callbacks(Arc<ArcSwap<ByChannel>>);

impl Callbacks {
    /// Those of now.
    #[must_use]
    pub fn load(&self) -> Arc<ByChannel> {
        self.0.load_full()
    }

    /// These from now on; gives back those before.
    pub fn install(&self, asked: Arc<ByChannel>) -> Arc<ByChannel> {
        self.0.swap(asked)
    }
}
