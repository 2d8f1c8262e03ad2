//! What tokens were used for: last use, requests, refusals. By secret, so that a rotation shows who still has the old one.
//!
//! Counted in memory and kept in a small file of the data directory, which is written at most once a minute and at the end: a request
//! must not cost a write. After a crash the last minute of it is missing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use super::token::{Hash, hex};
use crate::config::Settings;
use crate::domain::Timestamp;

/// The file is written this often at most.
pub const WRITTEN_EVERY: std::time::Duration = std::time::Duration::from_mins(1);
/// Name of the file in the data directory.
const FILE: &str = "tokens.json";

/// What one secret was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Use {
    /// When it was last let through, or refused for its scope; whole seconds.
    pub last_used_at: Option<Timestamp>,
    /// Requests that were let through.
    pub requests: u64,
    /// Requests that were refused, since a scope was missing.
    pub refused: u64,
    /// Requests after its end.
    pub expired: u64,
}

#[derive(Debug, Default)]
struct Counted {
    /// Seconds; 0: never.
    last: AtomicI64,
    requests: AtomicU64,
    refused: AtomicU64,
    expired: AtomicU64,
}

/// Of all secrets that were presented and known.
#[derive(Debug, Default)]
pub struct Usage {
    all: RwLock<BTreeMap<Hash, Arc<Counted>>>,
    /// What the file holds.
    written: Mutex<String>,
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// By hash in hexadecimal.
    tokens: BTreeMap<String, Use>,
}

impl Usage {
    /// Goes on from what the data directory has. What cannot be read is begun anew: it is no more than a help for people.
    #[must_use]
    pub fn open(data: &Path) -> Self {
        let usage = Self::default();
        let path = data.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return usage,
            Err(error) => {
                tracing::warn!(path = %path.display(), error = %error, "the last use of tokens is not known");
                return usage;
            }
        };
        match serde_json::from_str::<Kept>(&text) {
            Ok(kept) => {
                for (hex, was) in kept.tokens {
                    let Some(hash) = unhex(&hex) else { continue };
                    let counted = usage.of(&hash);
                    counted.last.store(was.last_used_at.map_or(0, |at| at.as_millis() / 1_000), Ordering::Relaxed);
                    counted.requests.store(was.requests, Ordering::Relaxed);
                    counted.refused.store(was.refused, Ordering::Relaxed);
                    counted.expired.store(was.expired, Ordering::Relaxed);
                }
                *usage.written.lock().unwrap_or_else(PoisonError::into_inner) = text;
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), error = %error, "the last use of tokens is not known");
            }
        }
        usage
    }

    /// A secret was let through.
    pub fn used(&self, hash: &Hash, now: Timestamp) {
        let counted = self.of(hash);
        counted.last.store(now.as_millis() / 1_000, Ordering::Relaxed);
        counted.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A secret was refused, since its token has not the scope.
    pub fn refused(&self, hash: &Hash, now: Timestamp) {
        let counted = self.of(hash);
        counted.last.store(now.as_millis() / 1_000, Ordering::Relaxed);
        counted.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A secret was presented after its end.
    pub fn expired(&self, hash: &Hash) {
        self.of(hash).expired.fetch_add(1, Ordering::Relaxed);
    }

    /// What is known of a secret.
    #[must_use]
    pub fn get(&self, hash: &Hash) -> Use {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(hash).map_or_else(Use::default, |counted| counted.show())
    }

    /// Bounded by what is configured: only hashes that were found there come here.
    fn of(&self, hash: &Hash) -> Arc<Counted> {
        if let Some(known) = self.all.read().unwrap_or_else(PoisonError::into_inner).get(hash) {
            return Arc::clone(known);
        }
        Arc::clone(self.all.write().unwrap_or_else(PoisonError::into_inner).entry(*hash).or_default())
    }

    /// Writes the file, if anything changed; secrets that are not configured any more are forgotten. Blocks.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, data: &Path, settings: &Settings) -> io::Result<()> {
        let configured: Vec<&Hash> = settings.tokens.values().flat_map(|token| &token.sha256).collect();
        self.all.write().unwrap_or_else(PoisonError::into_inner).retain(|hash, _| configured.contains(&hash));
        let kept = Kept {
            tokens: self
                .all
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .map(|(hash, counted)| (hex(hash), counted.show()))
                .collect(),
        };
        let text = serde_json::to_string(&kept).map_err(io::Error::other)?;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written == text || (written.is_empty() && kept.tokens.is_empty()) {
            return Ok(());
        }
        replace(&data.join(FILE), text.as_bytes())?;
        *written = text;
        Ok(())
    }
}

impl Counted {
    fn show(&self) -> Use {
        let last = self.last.load(Ordering::Relaxed);
        Use {
            last_used_at: (last != 0).then(|| Timestamp::from_seconds(last)),
            requests: self.requests.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            expired: self.expired.load(Ordering::Relaxed),
        }
    }
}

/// Puts a file in place of another, so that either the old or the new one is there after a crash.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary: PathBuf = path.with_extension("tmp");
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn unhex(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::hash;
    use crate::config::TokenSettings;

    #[test]
    fn what_was_counted_is_there_after_a_restart_and_what_is_gone_is_forgotten() {
        let data = std::env::temp_dir().join(format!("callout-usage-{}", std::process::id()));
        fs::create_dir_all(&data).unwrap();
        let (old, new) = (hash("cot_old"), hash("cot_new"));
        let mut settings = Settings::default();
        let token = TokenSettings { sha256: vec![new, old], scopes: vec!["read".into()], expires_at: None };
        settings.tokens.insert("ci".into(), token);
        let usage = Usage::open(&data);
        usage.write(&data, &settings).unwrap();
        assert!(!data.join(FILE).exists(), "nothing was used, so nothing is written");
        usage.used(&old, Timestamp::from_seconds(100));
        usage.used(&old, Timestamp::from_seconds(160));
        usage.refused(&new, Timestamp::from_seconds(170));
        usage.write(&data, &settings).unwrap();
        let again = Usage::open(&data);
        let last = Some(Timestamp::from_seconds(160));
        assert_eq!(again.get(&old), Use { last_used_at: last, requests: 2, ..Use::default() });
        assert_eq!(again.get(&new).refused, 1);
        let before = fs::metadata(data.join(FILE)).unwrap().modified().unwrap();
        again.write(&data, &settings).unwrap();
        assert_eq!(fs::metadata(data.join(FILE)).unwrap().modified().unwrap(), before, "unchanged, so not written");
        settings.tokens.get_mut("ci").unwrap().sha256.pop();
        again.write(&data, &settings).unwrap();
        assert_eq!(Usage::open(&data).get(&old), Use::default());
        fs::write(data.join(FILE), "damaged").unwrap();
        assert_eq!(Usage::open(&data).get(&new), Use::default());
        fs::remove_dir_all(&data).unwrap();
    }
}
