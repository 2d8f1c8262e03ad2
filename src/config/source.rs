//! The files of a configuration: which are read, the limits, and places in them.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::diagnostic::{Diagnostic, Findings};

/// Largest file that is read. Beyond: a mistake of the configuration.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most files that are read. Beyond: a mistake of the configuration.
pub const FILES_MAX: usize = 1000;

/// A stretch of a file, in bytes. Start inside, end outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which file, by its number in [`Sources`].
    pub source: u32,
    /// First byte.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
}

/// A file, read.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its path inside the folder, with `/`.
    pub path: String,
    /// Its text; empty where it could not be read.
    pub text: String,
    /// Whether it comes with the program.
    pub built_in: bool,
}

/// All files, in order: `callout.toml`, `teams/`, `rules/`, then what comes with the program.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
}

/// A place as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position<'a> {
    /// The file's path inside the folder.
    pub file: &'a str,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// From 1; the line of the last character.
    pub end_line: usize,
    /// In characters, from 1; behind the last character.
    pub end_column: usize,
    /// The text itself, at most 200 characters of it.
    pub text: &'a str,
}

impl Sources {
    /// The files in order.
    #[must_use]
    pub fn files(&self) -> &[Source] {
        &self.files
    }

    pub(super) fn add(&mut self, path: impl Into<String>, text: impl Into<String>, built_in: bool) -> u32 {
        self.files.push(Source { path: path.into(), text: text.into(), built_in });
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }

    /// The file that `place` is in.
    #[must_use]
    pub fn file(&self, place: Place) -> Option<&Source> {
        self.files.get(place.source as usize)
    }

    /// The text at `place`; empty where the place does not exist.
    #[must_use]
    pub fn text(&self, place: Place) -> &str {
        self.file(place).and_then(|f| f.text.get(place.start as usize..place.end as usize)).unwrap_or("")
    }

    /// `place` in lines and columns.
    #[must_use]
    pub fn position(&self, place: Place) -> Option<Position<'_>> {
        let file = self.file(place)?;
        let line_and_column = |offset: usize| {
            let before = file.text.get(..offset.min(file.text.len())).unwrap_or("");
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
        };
        let (line, column) = line_and_column(place.start as usize);
        let (end_line, end_column) = line_and_column(place.end as usize);
        let text = self.text(place);
        let text = text.char_indices().nth(200).map_or(text, |(cut, _)| &text[..cut]);
        Some(Position { file: &file.path, line, column, end_line, end_column, text })
    }

    /// SHA-256 over the names and bytes of the folder's files, and over `versions`; hexadecimal.
    #[must_use]
    pub fn fingerprint(&self, versions: &[&str]) -> String {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        for version in versions {
            field(version.as_bytes());
        }
        for file in self.files.iter().filter(|f| !f.built_in) {
            field(file.path.as_bytes());
            field(file.text.as_bytes());
        }
        hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            use std::fmt::Write as _;
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is no plain file")]
    NotAFile,
    #[error("it is larger than {} KiB", FILE_BYTES_MAX / 1024)]
    TooLarge,
}

/// Reads `callout.toml`, `teams/*.toml` and `rules/*.toml` of `dir`, each with its limits. What can't be read is a finding.
pub fn read(dir: &Path, sources: &mut Sources, findings: &mut Findings) {
    match fs::metadata(dir) {
        Err(error) => {
            findings.push(
                Diagnostic::error("no-folder", None, format!("could not read the folder `{}`", shown(dir)))
                    .note(error.to_string())
                    .hint("give the folder that holds `callout.toml`"),
            );
            return;
        }
        Ok(found) if !found.is_dir() => {
            findings.push(
                Diagnostic::error("no-folder", None, format!("`{}` is a file, not a folder", shown(dir)))
                    .hint("give the folder that holds `callout.toml`, `teams/` and `rules/`"),
            );
            return;
        }
        Ok(_) => {}
    }
    let main = dir.join("callout.toml");
    if fs::symlink_metadata(&main).is_err() {
        findings.push(
            Diagnostic::error("no-main-file", None, format!("there is no `callout.toml` in `{}`", shown(dir)))
                .hint("`examples/quickstart` shows what belongs into it"),
        );
    } else {
        read_file(&main, "callout.toml", sources, findings);
    }
    for name in toml_files(dir, findings) {
        if name != "callout.toml" {
            findings.push(
                Diagnostic::warning("not-read", None, format!("`{name}` is not read"))
                    .hint("files of teams belong into `teams/`, packs of rules into `rules/`"),
            );
        }
    }
    for folder in ["teams", "rules"] {
        let path = dir.join(folder);
        if path.exists() {
            for name in toml_files(&path, findings) {
                if sources.files.len() >= FILES_MAX {
                    findings.push(Diagnostic::error(
                        "too-many-files",
                        None,
                        format!("there are more than {FILES_MAX} files in the configuration"),
                    ));
                    return;
                }
                read_file(&path.join(&name), &format!("{folder}/{name}"), sources, findings);
            }
        }
    }
}

/// Names of the TOML files in `folder`, sorted; hidden ones are passed over.
fn toml_files(folder: &Path, findings: &mut Findings) -> Vec<String> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            findings.push(
                Diagnostic::error("unreadable", None, format!("could not list the folder `{}`", shown(folder)))
                    .note(error.to_string()),
            );
            return Vec::new();
        }
    };
    let mut names = Vec::new();
    for entry in entries {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name();
        let is_toml = PathBuf::from(&name).extension().is_some_and(|e| e == "toml");
        match name.to_str() {
            Some(name) if is_toml && !name.starts_with('.') => names.push(name.to_owned()),
            None if is_toml => findings.push(Diagnostic::error(
                "file-name",
                None,
                format!("the file name `{}` is not UTF-8", shown(Path::new(&name))),
            )),
            _ => {}
        }
    }
    names.sort_unstable();
    names
}

fn read_file(path: &Path, name: &str, sources: &mut Sources, findings: &mut Findings) {
    match read_bytes(path) {
        Err(error) => {
            findings.push(
                Diagnostic::error("unreadable", None, format!("could not read `{name}`")).note(error.to_string()),
            );
        }
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => {
                sources.add(name, text, false);
            }
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..at].split(|b| *b == b'\n').count();
                findings.push(
                    Diagnostic::error("not-utf-8", None, format!("`{name}` is not UTF-8"))
                        .note(format!("line {line}, byte {at} of the file"))
                        .hint("save the file as UTF-8"),
                );
            }
        },
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, ReadError> {
    // A named pipe would block for ever when opened: look first.
    if !fs::metadata(path)?.is_file() {
        return Err(ReadError::NotAFile);
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    Ok(bytes)
}

fn shown(path: &Path) -> String {
    super::diagnostic::quotable(&path.display().to_string())
}
