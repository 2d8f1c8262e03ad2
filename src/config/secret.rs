//! Secrets are references in the configuration; here they become values, in a type that never prints itself.

use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::SecretRef;

/// Longest secret that is read, in bytes. Beyond: refused, for a longer file is surely not a secret but a mistake.
pub const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Why a secret could not be had. Names the place, never the value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not there.
    #[error("environment variable `{name}` is not set")]
    EnvUnset {
        /// Its name.
        name: String,
    },
    /// The variable or file holds no UTF-8 text.
    #[error("the secret in {place} is not UTF-8 text")]
    NotText {
        /// Where.
        place: String,
    },
    /// The variable or file is there and empty.
    #[error("the secret in {place} is empty")]
    Empty {
        /// Where.
        place: String,
    },
    /// The file could not be read.
    #[error("could not read the secret file `{path}`")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is longer than [`SECRET_BYTES_MAX`].
    #[error("the secret file `{path}` is longer than {SECRET_BYTES_MAX} bytes")]
    TooLong {
        /// Which.
        path: PathBuf,
    },
}

/// Reads the secret that `reference` names; file paths are relative to `folder`, the configuration's.
/// One line end at the end of a file is not part of the secret.
///
/// # Errors
/// When the variable or the file is absent, unreadable, empty, too long or not UTF-8.
pub fn resolve(reference: &SecretRef, folder: &Path) -> Result<SecretString, SecretError> {
    match reference {
        SecretRef::Env(name) => from_environment(name),
        SecretRef::File(path) => from_file(&folder.join(path)),
    }
}

fn from_environment(name: &str) -> Result<SecretString, SecretError> {
    let value = std::env::var_os(name).ok_or_else(|| SecretError::EnvUnset { name: name.to_owned() })?;
    let place = || format!("the environment variable `{name}`");
    let text = value.into_string().map_err(|_| SecretError::NotText { place: place() })?;
    if text.is_empty() { Err(SecretError::Empty { place: place() }) } else { Ok(text.into()) }
}

fn from_file(path: &Path) -> Result<SecretString, SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    let place = || format!("`{}`", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        return Err(SecretError::TooLong { path: path.to_owned() });
    }
    let mut text = String::from_utf8(bytes).map_err(|_| SecretError::NotText { place: place() })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() { Err(SecretError::Empty { place: place() }) } else { Ok(text.into()) }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_file_loses_one_line_end_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("callout-secret-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (text, want) in
            [("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), (" a b ", " a b "), ("two\nlines\n", "two\nlines")]
        {
            std::fs::write(folder.join("token"), text).unwrap();
            let read = resolve(&SecretRef::File("token".into()), &folder).unwrap();
            assert_eq!(read.expose_secret(), want);
            assert!(!format!("{read:?}").contains("cret\""), "a secret printed itself");
        }
        std::fs::write(folder.join("token"), vec![b'x'; 65_536]).unwrap();
        assert!(resolve(&SecretRef::File("token".into()), &folder).is_ok());
        for (text, want) in [(&b"\n"[..], "empty"), (&b"\xff\xfe"[..], "UTF-8"), (&vec![b'x'; 65_537], "longer")] {
            std::fs::write(folder.join("token"), text).unwrap();
            let error = resolve(&SecretRef::File("token".into()), &folder).unwrap_err();
            assert!(error.to_string().contains(want), "{error}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        let error = resolve(&SecretRef::File("token".into()), &folder).unwrap_err();
        assert!(error.to_string().contains("token"), "{error}");
    }

    #[test]
    fn an_unset_variable_is_named() {
        let error = resolve(&SecretRef::Env("CALLOUT_TEST_SURELY_UNSET".into()), Path::new(".")).unwrap_err();
        assert_eq!(error.to_string(), "environment variable `CALLOUT_TEST_SURELY_UNSET` is not set");
        assert!(resolve(&SecretRef::Env("PATH".into()), Path::new(".")).is_ok());
    }
}
