//! API tokens: `cot_` and 256 random bits. Only their SHA-256 is stored; scopes say what they may do.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Principal;
use crate::config::Settings;
use crate::domain::{Name, Timestamp};

/// What every token begins with, so that people and secret scanners recognise one.
pub const PREFIX: &str = "cot_";

/// Bytes of a presented credential that are looked at. Beyond: it is no token, and the answer is 401.
const PRESENTED_BYTES_MAX: usize = 512;

/// One right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Send events, of one team or of all.
    Ingest(Option<Name>),
    /// See.
    Read,
    /// Do something to incidents and silences, of one team or of all; includes seeing.
    Act(Option<Name>),
    /// Everything.
    Admin,
}

/// Why a text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope; the scopes are `ingest`, `ingest:TEAM`, `read`, `act`, `act:TEAM` and `admin`")]
pub struct ScopeError(String);

impl FromStr for Scope {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let (word, team) = match text.split_once(':') {
            Some((word, team)) if !team.is_empty() => (word, Some(Name::from(team))),
            Some(_) => return Err(ScopeError(text.chars().take(64).collect())),
            None => (text, None),
        };
        match (word, team) {
            ("ingest", team) => Ok(Self::Ingest(team)),
            ("act", team) => Ok(Self::Act(team)),
            ("read", None) => Ok(Self::Read),
            ("admin", None) => Ok(Self::Admin),
            _ => Err(ScopeError(text.chars().take(64).collect())),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ingest(None) => f.write_str("ingest"),
            Self::Ingest(Some(team)) => write!(f, "ingest:{team}"),
            Self::Read => f.write_str("read"),
            Self::Act(None) => f.write_str("act"),
            Self::Act(Some(team)) => write!(f, "act:{team}"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

/// The rights of one token.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants(Vec<Scope>);

/// For which teams a right holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Teams<'a> {
    /// For all.
    All,
    /// For these.
    Only(Vec<&'a str>),
    /// For none.
    None,
}

impl Teams<'_> {
    /// Whether `team` is among them.
    #[must_use]
    pub fn include(&self, team: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(teams) => teams.contains(&team),
            Self::None => false,
        }
    }
}

impl Grants {
    /// From the words of the configuration; words that are no scope grant nothing.
    #[must_use]
    pub fn of(scopes: &[Name]) -> Self {
        Self(scopes.iter().filter_map(|s| s.parse().ok()).collect())
    }

    /// For whom events may be sent.
    #[must_use]
    pub fn ingest(&self) -> Teams<'_> {
        self.teams(|scope| match scope {
            Scope::Ingest(team) => Some(team.as_deref()),
            _ => None,
        })
    }

    /// Whose incidents may be acted on.
    #[must_use]
    pub fn act(&self) -> Teams<'_> {
        self.teams(|scope| match scope {
            Scope::Act(team) => Some(team.as_deref()),
            _ => None,
        })
    }

    /// Whether it may see.
    #[must_use]
    pub fn read(&self) -> bool {
        self.0.iter().any(|s| matches!(s, Scope::Read | Scope::Act(_) | Scope::Admin))
    }

    /// Whether it may do everything.
    #[must_use]
    pub fn admin(&self) -> bool {
        self.0.contains(&Scope::Admin)
    }

    fn teams<'a>(&'a self, of: impl Fn(&'a Scope) -> Option<Option<&'a str>>) -> Teams<'a> {
        let found: Vec<Option<&str>> = self.0.iter().filter_map(of).collect();
        if self.admin() || found.contains(&None) {
            Teams::All
        } else if found.is_empty() {
            Teams::None
        } else {
            Teams::Only(found.into_iter().flatten().collect())
        }
    }
}

/// SHA-256 of a token's text, as the configuration keeps it.
#[must_use]
pub fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// A token just made. Its text is shown once and kept nowhere.
pub struct Fresh {
    text: String,
}

impl Fresh {
    /// Makes one from the system's randomness.
    ///
    /// # Errors
    /// When the system has none.
    pub fn make() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self { text: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)) })
    }

    /// The text to give to the program that will use it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What to add to the configuration.
    #[must_use]
    pub fn toml(&self, name: &str, scopes: &[Scope], expires_at: Option<Timestamp>) -> String {
        let scopes: Vec<String> = scopes.iter().map(|s| format!("\"{s}\"")).collect();
        let expires = expires_at.map(|at| format!("expires = {at}\n")).unwrap_or_default();
        let hash = hex(&hash(&self.text));
        format!("[tokens.{name}]\nsha256 = \"{hash}\"\nscopes = [{}]\n{expires}", scopes.join(", "))
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fresh(***)")
    }
}

/// A configured token that was presented.
#[derive(Debug)]
pub struct Recognised {
    /// Its name and rights.
    pub principal: Principal,
    /// By which of its secrets.
    pub sha256: Hash,
}

/// SHA-256 of a token's text.
pub type Hash = [u8; 32];

/// Why nobody was recognised. Told to nobody but the counters; every caller hears the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unrecognised {
    /// No credential at all.
    Missing,
    /// None that is configured.
    Unknown,
    /// One whose time is over.
    Expired(Hash),
}

/// Finds out whose token an `Authorization` header carries: `Bearer cot_…`, or `Basic` with the token as password, for clients that can do
/// nothing else. All configured tokens are compared, each in constant time.
///
/// # Errors
/// Why nobody is recognised.
pub fn authenticate(
    authorization: Option<&str>,
    settings: &Settings,
    now: Timestamp,
) -> Result<Recognised, Unrecognised> {
    let authorization = authorization.ok_or(Unrecognised::Missing)?;
    let text = presented(authorization).ok_or(Unrecognised::Unknown)?;
    let sha256 = hash(&text);
    let mut found = None;
    for (name, token) in &settings.tokens {
        for known in &token.sha256 {
            if bool::from(known.ct_eq(&sha256)) {
                found = Some((name, token));
            }
        }
    }
    let (name, token) = found.ok_or(Unrecognised::Unknown)?;
    if token.expires_at.is_some_and(|end| now >= end) {
        return Err(Unrecognised::Expired(sha256));
    }
    Ok(Recognised { principal: Principal::Token { name: name.clone(), grants: Grants::of(&token.scopes) }, sha256 })
}

/// A hash in hexadecimal, as the configuration has it.
#[must_use]
pub fn hex(hash: &Hash) -> String {
    hash.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a text cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The token's text in a header's value.
fn presented(authorization: &str) -> Option<String> {
    let (scheme, rest) = authorization.split_once(' ').filter(|_| authorization.len() <= PRESENTED_BYTES_MAX)?;
    let text = if scheme.eq_ignore_ascii_case("bearer") {
        rest.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        decoded.split_once(':')?.1.to_owned()
    } else {
        return None;
    };
    text.starts_with(PREFIX).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenSettings;

    fn settings(text: &str, scopes: &[&str], expires_at: Option<Timestamp>) -> Settings {
        let mut settings = Settings::default();
        let scopes = scopes.iter().map(|s| Name::from(*s)).collect();
        settings.tokens.insert("ci".into(), TokenSettings { sha256: vec![hash(text)], scopes, expires_at });
        settings
    }

    #[test]
    fn a_token_is_recognised_by_its_hash_until_it_expires() {
        let fresh = Fresh::make().unwrap();
        assert_eq!(fresh.text().len(), 47);
        let settings = settings(fresh.text(), &["read"], Some(Timestamp::from_seconds(100)));
        let header = format!("Bearer {}", fresh.text());
        assert!(authenticate(Some(&header), &settings, Timestamp::from_seconds(99)).is_ok());
        let basic = format!("Basic {}", STANDARD.encode(format!("prometheus:{}", fresh.text())));
        assert!(authenticate(Some(&basic), &settings, Timestamp::from_seconds(99)).is_ok());
        for (header, now, why) in [
            (Some(header.as_str()), 100, Unrecognised::Expired(hash(fresh.text()))),
            (None, 0, Unrecognised::Missing),
            (Some("Bearer cot_wrong"), 0, Unrecognised::Unknown),
            (Some("Bearer"), 0, Unrecognised::Unknown),
            (Some("Digest x"), 0, Unrecognised::Unknown),
        ] {
            let answer = authenticate(header, &settings, Timestamp::from_seconds(now));
            assert_eq!(answer.err(), Some(why), "{header:?}");
        }
    }

    #[test]
    fn what_is_presented_is_looked_at_up_to_its_limit() {
        let text = format!("cot_{}", "x".repeat(PRESENTED_BYTES_MAX - "Bearer cot_".len()));
        let now = Timestamp::from_seconds(0);
        assert!(authenticate(Some(&format!("Bearer {text}")), &settings(&text, &["read"], None), now).is_ok());
        let longer = format!("{text}x");
        let answer = authenticate(Some(&format!("Bearer {longer}")), &settings(&longer, &["read"], None), now);
        assert_eq!(answer.err(), Some(Unrecognised::Unknown));
    }

    #[test]
    fn the_old_secret_of_a_token_is_good_beside_the_new_one() {
        let mut settings = settings("cot_old", &["read"], None);
        settings.tokens.get_mut("ci").unwrap().sha256.insert(0, hash("cot_new"));
        for text in ["cot_old", "cot_new"] {
            let found = authenticate(Some(&format!("Bearer {text}")), &settings, Timestamp::from_seconds(0)).unwrap();
            assert_eq!(found.sha256, hash(text));
            assert!(matches!(found.principal, Principal::Token { name, .. } if name == "ci"));
        }
    }

    #[test]
    fn scopes_grant_what_they_say() {
        let grants = Grants::of(&["ingest:checkout".into(), "act".into(), "nonsense".into()]);
        assert!(grants.ingest().include("checkout") && !grants.ingest().include("search"));
        assert_eq!(grants.act(), Teams::All);
        assert!(grants.read() && !grants.admin());
        assert_eq!(Grants::of(&["read".into()]).ingest(), Teams::None);
        assert_eq!(Grants::of(&["admin".into()]).ingest(), Teams::All);
        for text in ["ingest:", "read:x", "admin:x", "", "write"] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }

    #[test]
    fn debug_output_never_shows_a_token() {
        let fresh = Fresh::make().unwrap();
        assert!(!format!("{fresh:?}").contains(&fresh.text()[4..]));
        assert!(!fresh.toml("ci", &[Scope::Read], None).contains(fresh.text()));
    }
}
