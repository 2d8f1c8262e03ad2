//! Where messages go: a configured channel and, within it, an address. Written `slack:main/#ops`, `teams:eu`, `email:ops@acme.example`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Name;

/// The kinds of channels. One file per kind under `src/channel/`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum ChannelKind {
    /// Slack, by bot token or incoming webhook.
    Slack,
    /// Microsoft Teams, by Workflows webhook.
    Teams,
    /// Mail by SMTP.
    Email,
    /// Signed generic webhook (Standard Webhooks).
    Webhook,
    /// HTTP notifier: requests that the configuration describes.
    Http,
}

impl ChannelKind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Slack, Self::Teams, Self::Email, Self::Webhook, Self::Http];

    /// The word in TOML, metrics and text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Email => "email",
            Self::Webhook => "webhook",
            Self::Http => "http",
        }
    }

    /// The product's name in sentences.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Slack => "Slack",
            Self::Teams => "Teams",
            Self::Email => "email",
            Self::Webhook => "webhook",
            Self::Http => "HTTP notifier",
        }
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A configured channel: `[channels.<kind>.<name>]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ChannelRef {
    /// Kind of the channel.
    pub kind: ChannelKind,
    /// Its name in the configuration.
    pub name: Name,
}

impl fmt::Display for ChannelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

/// A channel and an address in it; the address is empty where the channel is one (a Teams flow, a webhook).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Destination {
    /// The configured channel.
    pub channel: ChannelRef,
    /// `#room` or id for Slack, mail address for email, whatever the service calls it for HTTP notifiers, else empty.
    pub address: Name,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.channel.kind, self.address.as_str()) {
            (_, "") => self.channel.fmt(f),
            (ChannelKind::Email, address) if self.channel.name == "default" => {
                write!(f, "email:{address}")
            }
            (_, address) => write!(f, "{}/{address}", self.channel),
        }
    }
}

/// Why a text is not a destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a destination: {reason}")]
pub struct DestinationError {
    text: String,
    reason: &'static str,
}

impl FromStr for Destination {
    type Err = DestinationError;

    /// Reads `kind:name/address`, `kind:name`, or `email:address` (channel `default`).
    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let fail = |reason| DestinationError { text: text.chars().take(128).collect(), reason };
        let (kind, rest) = text.split_once(':').ok_or_else(|| {
            fail("write `slack:NAME/#room`, `teams:NAME`, `email:ADDRESS`, `webhook:NAME` or `http:NAME/ADDRESS`")
        })?;
        let kind = ChannelKind::ALL
            .into_iter()
            .find(|k| k.as_str() == kind)
            .ok_or_else(|| fail("the kinds are slack, teams, email, webhook and http"))?;
        let (name, address) = match kind {
            ChannelKind::Email if !rest.contains('/') => ("default", rest),
            _ => rest.split_once('/').unwrap_or((rest, "")),
        };
        if name.is_empty() {
            return Err(fail("the channel's name is missing"));
        }
        let needs_address = matches!(kind, ChannelKind::Email);
        if needs_address && !address.contains('@') {
            return Err(fail("a mail address is expected"));
        }
        if matches!(kind, ChannelKind::Teams | ChannelKind::Webhook) && !address.is_empty() {
            return Err(fail("this kind of channel has no addresses within it"));
        }
        Ok(Self { channel: ChannelRef { kind, name: name.into() }, address: address.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_read_and_written_alike() {
        for text in [
            "slack:main/#ops",
            "teams:eu",
            "email:ops@acme.example",
            "email:second/ops@acme.example",
            "webhook:sink",
            "http:jira",
            "http:matrix/!room:acme.example",
            "http:odd/a/b",
        ] {
            let read: Destination = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        for text in ["", "slack", "pigeon:x", "email:nobody", "teams:eu/x", "slack:"] {
            assert!(text.parse::<Destination>().is_err(), "{text}");
        }
    }
}
