//! Makes a damaged data directory usable again. Every whole record is kept, under its position; what is damaged is moved aside, never
//! deleted. Empty decisions take the places of lost records, and an alarm behind the last record tells people of them: in such a place a
//! decision that was kept could count it as judged.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::segment::{self, FRAMES_AT, Header};
use super::verify::{Report, verify, walk};
use super::{Access, Disk, DiskFile, FileJournal, Layout, Lock, Options, OsDisk, frame, io_error};
use crate::domain::{Name, Seq, Timestamp};
use crate::engine::{Decision, Input};
use crate::journal::RecordBody;
use crate::store::{Entry, Journal as _, JournalError, Room};

/// Placeholders in one frame.
const FILL: u64 = 4_096;

/// What was done.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Repair {
    /// Lost records, each `[from, to)`.
    pub lost: Vec<(Seq, Seq)>,
    /// What was moved aside: from, to.
    pub moved: Vec<(PathBuf, PathBuf)>,
    /// Whether the index was removed; it is built again by itself.
    pub index_removed: bool,
}

/// Repairs the data directory at `root`; gives what was found before and what was done.
///
/// # Errors
/// When callout is running there, or files can't be written; what was done until then stays, and it can be run again.
pub fn repair(root: &Path) -> Result<(Report, Repair), JournalError> {
    let layout = Layout::new(root);
    let _lock = Lock::take(&layout.lock)?;
    let report = verify(root)?;
    let mut done = Repair::default();
    if report.is_sound() {
        return Ok((report, done));
    }
    let segments = super::list_segments(&OsDisk, &layout.journal)?;
    for (index, first) in segments.iter().enumerate() {
        let until = segments.get(index + 1).copied();
        let path = segment::path(&layout.journal, *first);
        let harmed = |finding: &super::verify::Finding| finding.path == path && finding.repairable;
        if report.findings.iter().any(harmed) {
            rewrite(&layout, &path, *first, until, &mut done)?;
        }
    }
    for snapshot in report.snapshots.iter().filter(|snapshot| !snapshot.whole) {
        move_aside(&layout, &snapshot.path, "damaged-snapshots", &mut done)?;
    }
    OsDisk.sync_dir(&layout.snapshot).map_err(io_error("sync", &layout.snapshot))?;
    if !done.moved.is_empty() && layout.index.is_dir() {
        // Its places point into files that are different now.
        std::fs::remove_dir_all(&layout.index).map_err(io_error("remove", &layout.index))?;
        done.index_removed = true;
    }
    tell(&layout, &done.lost)?;
    Ok((report, done))
}

/// Commits an alarm for each run of lost records. The caller holds the lock.
fn tell(layout: &Layout, lost: &[(Seq, Seq)]) -> Result<(), JournalError> {
    if lost.is_empty() {
        return Ok(());
    }
    let options = Options { spare: false, ..Options::default() };
    let mut journal = FileJournal::open(Arc::new(OsDisk), layout, options, None)?;
    let newest = journal.reader().record(Seq(journal.next_seq().0.saturating_sub(1)))?;
    let at = newest.map(|record| record.at).unwrap_or_default();
    let alarms: Vec<Entry> = lost
        .iter()
        .map(|(from, to)| {
            let text = format!(
                "The journal was damaged: records {from} to {} are lost. It was repaired.",
                to.0.saturating_sub(1)
            );
            let key = Name::from(format!("journal-repaired-{from}"));
            Entry::new(at, RecordBody::Input(Arc::new(Input::Alarm { key, text })))
        })
        .collect();
    journal.commit(&alarms, Room::Reserve).map(|_| ())
}

/// Writes a segment anew from what is whole in it, and moves the damaged one aside.
fn rewrite(
    layout: &Layout,
    path: &Path,
    first: Seq,
    until: Option<Seq>,
    done: &mut Repair,
) -> Result<(), JournalError> {
    let damaged = OsDisk.open(path, Access::Read).map_err(io_error("open", path))?;
    let temporary = path.with_extension("tmp");
    let mut copy = Copy::begin(&temporary, first)?;
    let walked = walk(damaged.as_ref(), path, first, until, |head, bytes| copy.frame(head, bytes));
    match walked {
        // Without a header no frame can be told from rubbish: all of the segment is lost then.
        Ok(_) | Err(JournalError::Damaged { .. }) => {}
        Err(error) => return Err(error),
    }
    if let Some(until) = until {
        copy.fill_to(until)?;
    }
    copy.file.sync_data().map_err(io_error("sync", &temporary))?;
    done.lost.append(&mut copy.lost);
    move_aside(layout, path, &format!("damaged-{:020}", first.0), done)?;
    OsDisk.rename(&temporary, path).map_err(io_error("rename", &temporary))?;
    OsDisk.sync_dir(&layout.journal).map_err(io_error("sync", &layout.journal))
}

fn move_aside(layout: &Layout, path: &Path, folder: &str, done: &mut Repair) -> Result<(), JournalError> {
    let folder = layout.journal.join(folder);
    OsDisk.create_dir(&folder).map_err(io_error("create", &folder))?;
    let Some(name) = path.file_name() else { return Ok(()) };
    let mut to = folder.join(name);
    let mut number = 1;
    while to.exists() {
        number += 1;
        to = folder.join(format!("{}.{number}", name.to_string_lossy()));
    }
    OsDisk.rename(path, &to).map_err(io_error("move", path))?;
    OsDisk.sync_dir(&folder).map_err(io_error("sync", &folder))?;
    done.moved.push((path.to_owned(), to));
    Ok(())
}

/// A segment in the making.
struct Copy<'a> {
    path: &'a Path,
    file: Box<dyn DiskFile>,
    salt: u64,
    offset: u64,
    next: Seq,
    /// Time of the records near by, for placeholders.
    at: Timestamp,
    lost: Vec<(Seq, Seq)>,
}

impl<'a> Copy<'a> {
    fn begin(path: &'a Path, first: Seq) -> Result<Self, JournalError> {
        let file = OsDisk.open(path, Access::Create).map_err(io_error("create", path))?;
        let header = Header::new(first, OsDisk.salt());
        file.write_at(&header.to_bytes(), 0).map_err(io_error("write", path))?;
        let at = Timestamp::default();
        Ok(Self { path, file, salt: header.salt, offset: FRAMES_AT, next: first, at, lost: Vec::new() })
    }

    /// Takes over a whole frame; what is missing before it is filled.
    fn frame(&mut self, head: frame::Head, bytes: &[u8]) -> Result<(), JournalError> {
        if let Ok(Some(record)) = frame::record(bytes, head, head.first) {
            self.at = record.at;
        }
        self.fill_to(head.first)?;
        self.append(bytes.to_vec(), head.count)
    }

    fn append(&mut self, mut bytes: Vec<u8>, count: u32) -> Result<(), JournalError> {
        frame::seal(&mut bytes, self.salt, self.next, count);
        self.file.write_at(&bytes, self.offset).map_err(io_error("write", self.path))?;
        self.offset += bytes.len() as u64;
        self.next = Seq(self.next.0 + u64::from(count));
        Ok(())
    }

    fn fill_to(&mut self, to: Seq) -> Result<(), JournalError> {
        if self.next >= to {
            return Ok(());
        }
        self.lost.push((self.next, to));
        let nothing = Entry::new(self.at, RecordBody::Decision(Arc::new(Decision::default())));
        while self.next < to {
            let count = (to.0 - self.next.0).min(FILL);
            let entries: Vec<Entry> = (0..count).map(|_| nothing.clone()).collect();
            let mut bytes = Vec::new();
            frame::encode(&mut bytes, self.next, &entries)?;
            self.append(bytes, u32::try_from(count).unwrap_or(u32::MAX))?;
        }
        Ok(())
    }
}
