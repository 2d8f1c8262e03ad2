//! What a service asks callout for: whether its signature is right, and the document that it gets. The URL that it was given says who was told
//! of what, and is signed by callout; the service signs that it is the service.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::fill;
use crate::channel::Message;
use crate::config::notifier::callback::{Act, Callback};
use crate::config::notifier::text::{Place, render};
use crate::config::notifier::{Notifier, Scalar};
use crate::config::{ChannelSettings, SecretError, Settings};
use crate::domain::{ChannelKind, Name};

/// Asked about by a service, with its secret at hand.
pub struct Asked {
    notifier: Arc<Notifier>,
    callback: Callback,
    values: BTreeMap<String, Scalar>,
    secret: SecretString,
    channel: Name,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// How secrets are had.
type Secrets<'a> = dyn Fn(&crate::config::SecretRef) -> Result<SecretString, SecretError> + 'a;

impl Asked {
    /// Those of all channels that may be asked about, by the name of the channel. A secret that cannot be had was told when the channel was set up.
    #[must_use]
    pub fn all(settings: &Settings, secrets: &Secrets<'_>) -> BTreeMap<Name, Self> {
        let mut all = BTreeMap::new();
        for (reference, settings) in settings.channels.iter().filter(|(r, _)| r.kind == ChannelKind::Http) {
            let ChannelSettings::Http(http) = settings else { continue };
            let Some(callback) = http.notifier.callback.clone() else { continue };
            let Some(Ok(secret)) = http.secrets.get(&callback.secret).map(secrets) else { continue };
            let (notifier, values) = (Arc::clone(&http.notifier), http.values.clone());
            let channel = reference.name.clone();
            all.insert(channel.clone(), Self { notifier, callback, values, secret, channel });
        }
        all
    }

    /// The header with the signature.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.callback.header
    }

    /// Content type of the document.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.callback.content_type
    }

    /// Whether the service signed this URL with these fields.
    #[must_use]
    pub fn is_signed(&self, url: &str, fields: &[(String, String)], signature: &str) -> bool {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(self.secret.expose_secret().as_bytes()) else { return false };
        mac.update(url.as_bytes());
        let mut sorted: Vec<&(String, String)> = fields.iter().collect();
        sorted.sort();
        for (name, value) in sorted {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
        let want = STANDARD.encode(mac.finalize().into_bytes());
        bool::from(want.as_bytes().ct_eq(signature.as_bytes()))
    }

    /// What was pressed, if anything: what it does, or nothing where the key means nothing.
    #[must_use]
    pub fn pressed(&self, fields: &[(String, String)]) -> Option<Option<Act>> {
        let (_, key) = fields.iter().find(|(name, value)| *name == self.callback.field && !value.is_empty())?;
        Some(self.callback.keys.get(key).copied())
    }

    /// The document about a message; `said` is what came of a key.
    ///
    /// # Errors
    /// When the template cannot be written for this message.
    pub fn document(
        &self,
        address: &str,
        message: &Message,
        said: &str,
    ) -> Result<String, crate::config::template::TemplateError> {
        let mut values = fill::values(&self.notifier, &self.channel, address, message);
        values.values.clone_from(&self.values);
        said.clone_into(&mut values.said);
        render(&self.callback.body, Place::Xml, &BTreeMap::new(), values.as_value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_service_s_documentation() {
        // The example of twilio.com/docs/usage/security, as its own libraries test it.
        let asked = Asked {
            notifier: Arc::default(),
            callback: Callback {
                content_type: "text/xml".into(),
                body: String::new(),
                header: "X-Twilio-Signature".into(),
                secret: "token".into(),
                field: "Digits".into(),
                keys: BTreeMap::from([("1234".to_owned(), Act::Resolve)]),
            },
            values: BTreeMap::new(),
            secret: "12345".to_owned().into(),
            channel: "voice".into(),
        };
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut fields = vec![
            field("To", "+18005551212"),
            field("CallSid", "CA1234567890ABCDE"),
            field("Digits", "1234"),
            field("From", "+14158675309"),
            field("Caller", "+14158675309"),
        ];
        let (url, signature) = ("https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        assert!(asked.is_signed(url, &fields, signature));
        assert_eq!(asked.pressed(&fields), Some(Some(Act::Resolve)));
        assert!(!asked.is_signed("https://mycompany.com/myapp.php?foo=1", &fields, signature));
        assert!(!asked.is_signed(url, &fields, "") && !asked.is_signed(url, &fields[1..], signature));
        fields[2].1 = "4".to_owned();
        assert!(!asked.is_signed(url, &fields, signature));
        assert_eq!(asked.pressed(&fields), Some(None));
        fields.remove(2);
        assert_eq!(asked.pressed(&fields), None);
        assert!(!format!("{asked:?}").contains("12345"));
    }
}
