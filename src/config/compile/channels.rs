//! `[channels.<kind>.<name>]` and `[tokens.<name>]`.

use std::collections::BTreeMap;

use super::Compiler;
use crate::config::diagnostic::Diagnostic;
use crate::config::format;
use crate::config::keys;
use crate::config::settings::{
    ChannelSettings, Common, DkimSettings, EmailSettings, HttpTarget, SlackSettings, TOKEN_SECRETS_MAX, TeamsSettings,
    TlsMode, TokenSettings, WebhookSettings,
};
use crate::config::tree::Node;
use crate::config::view::View;
use crate::domain::{ChannelKind, ChannelRef, Name, Span};
use crate::engine::policy::ChannelPolicy;

const TIMEOUT_DEFAULT: Span = Span::from_seconds(10);
/// Longest deadline of one attempt. Beyond: a mistake of the configuration.
const TIMEOUT_MAX: Span = Span::from_minutes(5);
const GIVE_UP_DEFAULT: Span = Span::from_minutes(10);

impl<'a> Compiler<'a> {
    /// All channels: what the engine knows of them, and what the shell does.
    pub(super) fn channels(&mut self) -> (BTreeMap<ChannelRef, ChannelPolicy>, BTreeMap<ChannelRef, ChannelSettings>) {
        let (mut policies, mut settings) = (BTreeMap::new(), BTreeMap::new());
        let (root, good): (&'a Node, _) = (self.root, self.good());
        for kind in ChannelKind::ALL {
            let shape = match kind {
                ChannelKind::Slack => &keys::SLACK,
                ChannelKind::Teams => &keys::TEAMS,
                ChannelKind::Email => &keys::EMAIL,
                ChannelKind::Webhook => &keys::WEBHOOK,
                ChannelKind::Http => &keys::HTTP,
            };
            let entries = root.get("channels").and_then(|c| c.get(kind.as_str())).map(Node::entries);
            for entry in entries.unwrap_or_default().iter().filter(|e| good(e.key_place)) {
                let view = View::entry(entry, shape);
                let channel = ChannelRef { kind, name: Name::from(entry.key.as_str()) };
                let read = match kind {
                    ChannelKind::Slack => self.slack(&view).map(ChannelSettings::Slack),
                    ChannelKind::Teams => self.flow(&view).map(ChannelSettings::Teams),
                    ChannelKind::Email => self.email(&view).map(ChannelSettings::Email),
                    ChannelKind::Webhook => self.webhook(&view).map(ChannelSettings::Webhook),
                    ChannelKind::Http => self.http(&view, &channel).map(ChannelSettings::Http),
                };
                let fallback = view.text("fallback").and_then(|t| format::destination(t, self.defined).ok());
                if fallback.as_ref().is_some_and(|f| f.channel == channel) {
                    self.findings.push(
                        Diagnostic::error(
                            "fallback-to-itself",
                            view.place_of("fallback"),
                            format!("channel `{channel}` falls back to itself"),
                        )
                        .hint("name a channel that does not fail together with it"),
                    );
                }
                let policy = match kind {
                    ChannelKind::Http => self.http_policy(&view, fallback),
                    // Whoever reads a webhook is a program, which wants every message.
                    _ => ChannelPolicy {
                        fallback,
                        follow_up: view.truth("follow_up", true),
                        digest: kind != ChannelKind::Webhook && view.truth("digest", true),
                        in_place: kind == ChannelKind::Slack,
                        from: None,
                        rooms: if kind == ChannelKind::Slack { self.room_rule(&view) } else { None },
                    },
                };
                policies.insert(channel.clone(), policy);
                if let Some(read) = read {
                    settings.insert(channel, read);
                }
            }
        }
        (policies, settings)
    }

    /// Deadline, certificates and address policy, which all that speaks HTTP shares.
    pub(super) fn connection(&mut self, view: &View<'a>) -> Common {
        let timeout = view.span("timeout").unwrap_or(TIMEOUT_DEFAULT);
        if timeout > TIMEOUT_MAX {
            self.error(
                "too-long",
                view.place_of("timeout"),
                format!("a deadline of {timeout} for one attempt is longer than {TIMEOUT_MAX}"),
            );
        }
        Common {
            ca_file: view.string("ca_file").map(Into::into),
            allow_private: view.truth("allow_private", false),
            timeout,
            give_up: GIVE_UP_DEFAULT,
            interval: None,
        }
    }

    pub(super) fn common(&mut self, view: &View<'a>) -> Common {
        Common {
            give_up: view.span("give_up").unwrap_or(GIVE_UP_DEFAULT),
            interval: view.span("interval"),
            ..self.connection(view)
        }
    }

    /// An address written as `<stem>`, `<stem>_env` or `<stem>_file`; more than one is a mistake.
    pub(super) fn target(&mut self, view: &View<'a>, stem: &str) -> Option<HttpTarget> {
        let plain = view.string(stem).map(HttpTarget::Plain);
        let secret = self.secret(view, stem).map(HttpTarget::Secret);
        if plain.is_some() && secret.is_some() {
            self.findings.push(
                Diagnostic::error("two-of-one", view.place_of(stem), format!("`{stem}` is set twice, in two ways"))
                    .hint(format!("keep one of `{stem}`, `{stem}_env` and `{stem}_file`")),
            );
        }
        secret.or(plain)
    }

    fn slack(&mut self, view: &View<'a>) -> Option<SlackSettings> {
        let token = self.secret(view, "token");
        let webhook = self.target(view, "webhook_url");
        let has_token = view.get("token_env").or(view.get("token_file"));
        match (&token, &webhook) {
            (None, None) if has_token.is_none() => {
                self.findings.push(
                    Diagnostic::error("no-way", view.place, "this Slack channel has neither a token nor a webhook")
                        .hint("add `token_file` or `token_env` with the bot token of your Slack app"),
                );
                return None;
            }
            (Some(_), Some(_)) => {
                self.findings.push(
                    Diagnostic::warning("two-of-one", view.place, "this Slack channel has a token and a webhook")
                        .note("with a token the webhook is never used"),
                );
            }
            _ => {}
        }
        Some(self.slack_settings(view, token, webhook))
    }

    fn flow(&mut self, view: &View<'a>) -> Option<TeamsSettings> {
        let url = self.target(view, "url");
        self.needs_url(view, url.is_some());
        let pictures = self.fetched_pictures(view);
        Some(TeamsSettings { url: url?, pictures, common: self.common(view) })
    }

    /// Whether a channel shows pictures that others fetch, which takes an address where they can.
    pub(super) fn fetched_pictures(&mut self, view: &View<'a>) -> bool {
        if !view.truth("pictures", false) {
            return false;
        }
        let url = self.root.get("organisation").and_then(|organisation| organisation.get("url")).and_then(Node::text);
        let is_reachable = url.is_some_and(|url| url.starts_with("https://"));
        if !is_reachable {
            self.findings.push(
                Diagnostic::error(
                    "no-address",
                    view.place_of("pictures"),
                    "pictures are fetched from callout, which has no address for that",
                )
                .hint("set `url` of `[organisation]` to an `https://` address that can be reached from outside"),
            );
        }
        is_reachable
    }

    pub(super) fn needs_url(&mut self, view: &View<'a>, found: bool) {
        if !found && ["url", "url_env", "url_file"].iter().all(|k| view.get(k).is_none()) {
            self.findings.push(
                Diagnostic::error("no-way", view.place, "this channel has no address")
                    .hint("add `url_env` or `url_file`, or `url` if the address is no secret"),
            );
        }
    }

    fn email(&mut self, view: &View<'a>) -> Option<EmailSettings> {
        let (tls, host, port) = format::smtp(view.text("smtp")?).ok()?;
        let password = self.secret(view, "password");
        let user = view.string("user");
        let common = self.common(view);
        if user.is_some() != password.is_some() {
            let (has, lacks) =
                if user.is_some() { ("a user", "`password_env` or `password_file`") } else { ("a password", "`user`") };
            self.findings.push(
                Diagnostic::error(
                    "half-login",
                    view.place,
                    format!("this mail server has {has}, but not the other half"),
                )
                .hint(format!("add {lacks}")),
            );
        }
        let loopback =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if tls == TlsMode::None && !loopback && !common.allow_private {
            self.findings.push(
                Diagnostic::error("no-tls", view.place_of("smtp"), "mail without TLS is for loopback only")
                    .hint("use `smtps://` or `smtp://` (STARTTLS), or set `allow_private = true` for a server in your own network"),
            );
        }
        let from = view.string("from")?;
        let (pictures, dkim) = (view.truth("pictures", true), self.dkim(view, &from));
        Some(EmailSettings { host, port, tls, user, password, from, pictures, dkim, common })
    }

    fn dkim(&mut self, email: &View<'a>, from: &str) -> Option<DkimSettings> {
        let view = View::item(email.get("dkim")?, &keys::DKIM);
        let key = self.secret(&view, "key");
        if key.is_none() && view.get("key_env").or(view.get("key_file")).is_none() {
            self.findings.push(
                Diagnostic::error("no-key", view.place, "mails cannot be signed without a key")
                    .hint("add `key_file` or `key_env` with the private key"),
            );
        }
        let of_sender = || from.rsplit_once('@').map(|(_, domain)| domain.trim_end_matches('>').trim().to_owned());
        Some(DkimSettings {
            domain: view.string("domain").or_else(of_sender)?,
            selector: view.string("selector")?,
            key: key?,
        })
    }

    fn webhook(&mut self, view: &View<'a>) -> Option<WebhookSettings> {
        let url = self.target(view, "url");
        self.needs_url(view, url.is_some());
        Some(WebhookSettings {
            url: url?,
            secret: self.secret(view, "secret"),
            token: self.secret(view, "token"),
            batch: view.number("batch").unwrap_or(1),
            concurrency: view.number("concurrency").unwrap_or(4),
            common: self.common(view),
        })
    }

    pub(super) fn tokens(&mut self) -> BTreeMap<Name, TokenSettings> {
        let mut tokens = BTreeMap::new();
        let mut seen: BTreeMap<[u8; 32], crate::config::source::Place> = BTreeMap::new();
        for entry in self.things("tokens") {
            let view = View::entry(entry, &keys::TOKEN);
            let mut sha256 = Vec::new();
            for text in view.texts("sha256") {
                let Ok(hash) = format::sha256(text.text) else { continue };
                sha256.push(hash);
                if let Some(first) = seen.insert(hash, text.place) {
                    self.findings.push(
                        Diagnostic::error("defined-twice", text.place, "two tokens have the same hash")
                            .also(first, "the other one")
                            .hint("make a token of its own for each caller"),
                    );
                }
            }
            if sha256.len() > TOKEN_SECRETS_MAX {
                let text = format!("at most {TOKEN_SECRETS_MAX} secrets of a token are good at once");
                self.findings.push(
                    Diagnostic::error("too-many", view.place_of("sha256"), text)
                        .hint("remove the oldest; `callout token list` shows when each was last used"),
                );
            }
            let expires_at = view.moment("expires", &self.zone.tz);
            tokens.insert(
                Name::from(entry.key.as_str()),
                TokenSettings { sha256, scopes: view.names("scopes"), expires_at },
            );
        }
        tokens
    }
}
