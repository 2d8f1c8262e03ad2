//! One process per data directory: an advisory lock on `lock`, held for life and given back by the system whatever happens.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::io_error;
use crate::store::JournalError;

/// The lock of a data directory, as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at `path`; the file holds the process id of its owner.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another process has it.
    pub fn take(path: &Path) -> Result<Self, JournalError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(io_error("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Who has it is said if it can be read; that somebody has it is certain.
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(JournalError::Locked { path: path.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => {
                return Err(JournalError::Io { doing: "lock", path: path.to_owned(), source });
            }
        }
        file.set_len(0).map_err(io_error("write", path))?;
        file.write_all(std::process::id().to_string().as_bytes()).map_err(io_error("write", path))?;
        Ok(Self { _file: file })
    }
}
