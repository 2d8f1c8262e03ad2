//! A DKIM signature under every mail (RFC 6376), by which the receiver's server knows that the domain sent it.
//!
//! Relaxed in both parts, so that a server on the way may fold lines anew. What is signed cannot be added to on the way either: every
//! header that people or programs act on is in the list, whether the mail has it or not. Absent on purpose: `Content-Type`, which the
//! library keeps with the body and would sign as if there were none.

use std::fmt;

use lettre::message::dkim::{
    DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm, DkimSigningKey, dkim_sign,
};
use lettre::message::header::HeaderName;
use secrecy::ExposeSecret;

use crate::channel::{Setup, SetupError};
use crate::config::DkimSettings;

/// Headers that are signed.
const SIGNED: [&str; 10] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "List-Id",
    "Auto-Submitted",
];

/// Signs mails.
pub struct Signer(DkimConfig);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(***)")
    }
}

impl Signer {
    /// A signer with the key of `settings`: RSA, as PEM says, or else Ed25519.
    ///
    /// # Errors
    /// When the key cannot be read, or a name cannot be one in DNS.
    pub fn new(settings: &DkimSettings, setup: &Setup<'_>) -> Result<Self, SetupError> {
        let unusable = |what, why| SetupError::Unusable { what, why };
        for (what, name) in [("dkim.domain", &settings.domain), ("dkim.selector", &settings.selector)] {
            let is_name = |label: &str| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            };
            if !name.split('.').all(is_name) {
                return Err(unusable(what, "it is not a name in DNS"));
            }
        }
        let key = setup.secret("DKIM key", &settings.key)?;
        let key = key.expose_secret().trim();
        let (algorithm, why) = if key.starts_with("-----BEGIN ") {
            let why = "it is not an RSA key in PEM (PKCS #1: `BEGIN RSA PRIVATE KEY`)";
            (DkimSigningAlgorithm::Rsa, why)
        } else {
            (DkimSigningAlgorithm::Ed25519, "it is neither PEM nor the 32 bytes of an Ed25519 key in base64")
        };
        // The cause is left out: it might quote the key.
        let key = DkimSigningKey::new(key, algorithm).map_err(|_| unusable("DKIM key", why))?;
        let headers = SIGNED.into_iter().map(HeaderName::new_from_ascii_str).collect();
        let relaxed =
            DkimCanonicalization { header: DkimCanonicalizationType::Relaxed, body: DkimCanonicalizationType::Relaxed };
        Ok(Self(DkimConfig::new(settings.selector.clone(), settings.domain.clone(), key, headers, relaxed)))
    }

    /// Signs a mail, which may not be changed afterwards.
    pub fn sign(&self, mail: &mut lettre::Message) {
        dkim_sign(mail, &self.0);
    }
}
