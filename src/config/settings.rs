//! The part of the configuration that only the shell may know: servers, references to secrets, tokens.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::metrics::MetricRules;
use super::notifier::{Notifier, Scalar};
use super::template::Templates;
use crate::domain::{ChannelRef, Name, Span, Timestamp};
use crate::engine::absence::CalendarUse;

/// Settings of the shell.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Channels by kind and name.
    pub channels: BTreeMap<ChannelRef, ChannelSettings>,
    /// API tokens by name; none: loopback only, all scopes.
    pub tokens: BTreeMap<Name, TokenSettings>,
    /// Where the key that signs action links is kept; absent: made once and kept in the data directory.
    pub link_key: Option<SecretRef>,
    /// Sign of life to an independent monitor.
    pub heartbeat: Option<HeartbeatSettings>,
    /// Templates of texts.
    pub templates: Arc<Templates>,
    /// When callout counts as stuck.
    pub health: HealthLimits,
    /// Rules that make samples of metrics.
    pub metrics: Arc<MetricRules>,
    /// People by what chat knows of them.
    pub directory: Arc<Directory>,
    /// User groups that are kept in step with schedules.
    pub slack_groups: Vec<SlackGroup>,
    /// Calendars of absences and holidays.
    pub calendars: Vec<CalendarSettings>,
    /// Time between two looks at them.
    pub calendars_every: Span,
}

/// People by what chat knows of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// By Slack member id; of an id that two people have, nobody.
    pub by_slack: BTreeMap<Name, Option<Name>>,
    /// By mail address in lower case; of an address that two people have, nobody.
    pub by_email: BTreeMap<String, Option<Name>>,
    /// Slack member ids.
    pub slack: BTreeMap<Name, Name>,
    /// Mail addresses.
    pub email: BTreeMap<Name, String>,
}

/// A user group in Slack that holds whoever is on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackGroup {
    /// In which schedule.
    pub schedule: Name,
    /// In these roles; empty: in the first one, or everybody of a schedule without roles.
    pub roles: Vec<Name>,
    /// The workspace.
    pub channel: ChannelRef,
    /// The group's id.
    pub group: String,
}

/// A calendar that others keep.
#[derive(Debug, Clone)]
pub struct CalendarSettings {
    /// What it is for.
    pub of: CalendarUse,
    /// Where it is.
    pub from: CalendarFrom,
    /// Of whole days, and of times without a zone.
    pub zone: jiff::tz::TimeZone,
    /// Deadline, certificates, address policy.
    pub common: Common,
}

/// Where a calendar is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalendarFrom {
    /// Behind an address.
    Url(HttpTarget),
    /// A file, relative to the configuration's folder.
    File(PathBuf),
}

/// `[heartbeat]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatSettings {
    /// Where to.
    pub url: HttpTarget,
    /// Time between two beats.
    pub every: Span,
    /// How it is sent.
    pub method: BeatMethod,
    /// Deadline, certificates, address policy.
    pub common: Common,
}

/// How a heartbeat is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BeatMethod {
    /// With a body that says how callout fares.
    #[default]
    Post,
    /// Without one.
    Get,
    /// Without one.
    Head,
}

/// `[health]`: beyond these, `/-/ready` is red and the heartbeat stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthLimits {
    /// Age of the oldest input that is not judged.
    pub unjudged: Span,
    /// Age of the oldest page that is due and not delivered.
    pub undelivered: Span,
}

/// The oldest input that is not judged may be so old, unless configured otherwise; beyond, callout counts as stuck.
pub const UNJUDGED_AGE_MAX: Span = Span::from_seconds(15);
/// The oldest page that is due and not delivered may be so old, unless configured otherwise; beyond, callout counts as stuck.
pub const PAGE_AGE_MAX: Span = Span::from_minutes(3);

impl Default for HealthLimits {
    fn default() -> Self {
        Self { unjudged: UNJUDGED_AGE_MAX, undelivered: PAGE_AGE_MAX }
    }
}

/// Where a secret comes from. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; the text without the line end. Relative to the configuration's folder.
    File(PathBuf),
}

/// An address to post to: written out, or kept secret as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpTarget {
    /// Written in the configuration.
    Plain(String),
    /// The whole URL is a secret.
    Secret(SecretRef),
}

/// One configured channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelSettings {
    /// `[channels.slack.NAME]`
    Slack(SlackSettings),
    /// `[channels.teams.NAME]`
    Teams(TeamsSettings),
    /// `[channels.email.NAME]`
    Email(EmailSettings),
    /// `[channels.webhook.NAME]`
    Webhook(WebhookSettings),
    /// `[channels.http.NAME]`
    Http(HttpSettings),
}

/// Slack: a bot token (`token_env`, `token_file`), or the poor alternative of an incoming webhook (`webhook_url…`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackSettings {
    /// Bot token.
    pub token: Option<SecretRef>,
    /// Incoming webhook: no threads, no updates, one room.
    pub webhook: Option<HttpTarget>,
    /// Base of the Web API. Default `https://slack.com/api/`.
    pub api_url: String,
    /// With which Slack signs what people do there.
    pub signing_secret: Option<SecretRef>,
    /// Whether messages show charts, which Slack fetches from callout.
    pub pictures: bool,
    /// The one before, which is good too while one takes the place of the other.
    pub previous_signing_secret: Option<SecretRef>,
    /// Who may act.
    pub act: WhoActs,
    /// How rooms of incidents are made; absent: there are none.
    pub rooms: Option<RoomSettings>,
    /// Common settings.
    pub common: Common,
}

/// Who may act on an incident from chat. Strangers, whom the configuration does not know, never may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhoActs {
    /// Members and manager of its team, and whoever was paged or is on call for it.
    #[default]
    Team,
    /// Every person of the configuration.
    Everybody,
}

/// How rooms of incidents are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSettings {
    /// What their names begin with.
    pub prefix: String,
    /// Whether only members see them.
    pub private: bool,
}

/// Microsoft Teams Workflows webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamsSettings {
    /// The flow's URL; a secret as a whole (`url_env`, `url_file`; `url` for tests).
    pub url: HttpTarget,
    /// Whether cards show charts, which Teams fetches from callout.
    pub pictures: bool,
    /// Common settings.
    pub common: Common,
}

/// How a connection to the mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// `smtps://`: TLS at once.
    Implicit,
    /// `smtp://`: STARTTLS, required.
    StartTls,
    /// `smtp+plain://`: none; only to loopback unless `allow_private`.
    None,
}

/// Mail by SMTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailSettings {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS.
    pub tls: TlsMode,
    /// User for AUTH.
    pub user: Option<String>,
    /// Password for AUTH.
    pub password: Option<SecretRef>,
    /// `From:`, an address with or without a name.
    pub from: String,
    /// Whether mails carry charts.
    pub pictures: bool,
    /// How mails are signed.
    pub dkim: Option<DkimSettings>,
    /// Common settings.
    pub common: Common,
}

/// A DKIM signature under every mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimSettings {
    /// Domain that signs.
    pub domain: String,
    /// Name of the key below `_domainkey` of that domain.
    pub selector: String,
    /// Private key: RSA in PEM (PKCS #1), or the 32 bytes of an Ed25519 key in base64.
    pub key: SecretRef,
}

/// Signed generic webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Where to.
    pub url: HttpTarget,
    /// Standard Webhooks secret (`whsec_…`).
    pub secret: Option<SecretRef>,
    /// Bearer token sent along.
    pub token: Option<SecretRef>,
    /// How many messages one request may carry. Default 1: one object; above 1: always `{"messages": […]}`.
    pub batch: u32,
    /// Requests under way at once. Default 4.
    pub concurrency: u32,
    /// Common settings.
    pub common: Common,
}

/// A service that is told by requests as described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where it is: everything in front of a request's path.
    pub url: HttpTarget,
    /// What it is.
    pub notifier: Arc<Notifier>,
    /// Its values.
    pub values: BTreeMap<String, Scalar>,
    /// Its secrets.
    pub secrets: BTreeMap<String, SecretRef>,
    /// Requests under way at once.
    pub concurrency: u32,
    /// Common settings.
    pub common: Common,
}

impl ChannelSettings {
    /// How it shows charts.
    #[must_use]
    pub const fn pictures(&self) -> Pictures {
        match self {
            Self::Slack(SlackSettings { pictures: true, .. }) | Self::Teams(TeamsSettings { pictures: true, .. }) => {
                Pictures::Fetched
            }
            Self::Email(EmailSettings { pictures: true, .. }) => Pictures::Sent,
            _ => Pictures::None,
        }
    }
}

/// How a channel shows charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pictures {
    /// Not at all.
    None,
    /// In the message.
    Sent,
    /// The other side fetches them by a signed link.
    Fetched,
}

/// What all channels share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// PEM file of further trusted certificates.
    pub ca_file: Option<PathBuf>,
    /// Whether private, loopback and link-local addresses may be contacted.
    pub allow_private: bool,
    /// Deadline of one attempt, all in. Default 10 s.
    pub timeout: Span,
    /// A message that keeps failing for so long failed for good. Default 10 min for pages; notices take 6 times that.
    pub give_up: Span,
    /// Least time between two messages of one lane. Default: the channel kind's own.
    pub interval: Option<Span>,
}

/// Secrets of one token that are good at once: the new one, and the old one until everybody has the new. Beyond: a mistake.
pub const TOKEN_SECRETS_MAX: usize = 2;

/// An API token, by the hash of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// SHA-256 of the token's text; a second one while one secret takes the place of another.
    pub sha256: Vec<[u8; 32]>,
    /// `ingest`, `ingest:TEAM`, `read`, `act`, `act:TEAM`, `admin`.
    pub scopes: Vec<Name>,
    /// Not valid from here on.
    pub expires_at: Option<Timestamp>,
}
