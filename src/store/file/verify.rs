//! Looks at everything in a data directory and says what is damaged, what is safe, and what to do. Changes nothing.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::segment::{self, FRAMES_AT, Found, Header, Rest};
use super::window::Window;
use super::{Access, Disk, DiskFile, Layout, OsDisk, frame, io_error, list_segments, snapshot};
use crate::domain::Seq;
use crate::journal;
use crate::store::JournalError;

/// What was found in a data directory.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Oldest record; `None` in an empty journal.
    pub first: Option<Seq>,
    /// Newest whole record; 0 in an empty journal.
    pub last: Seq,
    /// Whole records.
    pub records: u64,
    /// Everything up to here is whole.
    pub safe_to: Seq,
    /// Segments, oldest first.
    pub segments: Vec<SegmentReport>,
    /// Snapshots, oldest first.
    pub snapshots: Vec<SnapshotReport>,
    /// Records in segments that cannot be read at all, each `[from, to)`.
    pub headless: Vec<(Seq, Seq)>,
    /// What is wrong; nothing when it is empty.
    pub findings: Vec<Finding>,
}

/// One segment.
#[derive(Clone, Debug, Serialize)]
pub struct SegmentReport {
    /// File.
    pub path: PathBuf,
    /// Its first record.
    pub first: Seq,
    /// Whole records in it.
    pub records: u64,
    /// Version of callout that began it.
    pub written_by: String,
    /// A commit at its end was cut off, or is being written right now; it was never confirmed, and opening removes it.
    pub unfinished: bool,
    /// That commit is there from end to end, and its checksum is wrong: maybe the disk changed it after it was confirmed.
    pub changed: bool,
    /// Places that are damaged.
    pub gaps: Vec<Gap>,
}

/// One snapshot.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotReport {
    /// File.
    pub path: PathBuf,
    /// Last record in it.
    pub applied: Seq,
    /// Whether it can be loaded.
    pub whole: bool,
}

/// Something wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// File or directory.
    pub path: PathBuf,
    /// What, in a sentence.
    pub what: String,
    /// Whether `--repair` does something about it.
    pub repairable: bool,
}

/// A damaged place in a segment, and the records that are not there: `[from, to)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Where it begins.
    pub offset: u64,
    /// First record that is missing.
    pub from: Seq,
    /// The record behind the last one that is missing.
    pub to: Seq,
    /// What is wrong there.
    pub what: &'static str,
}

/// What walking a segment to its end found.
#[derive(Debug)]
pub(super) struct Walk {
    pub header: Header,
    pub gaps: Vec<Gap>,
    pub next: Seq,
    pub unfinished: bool,
    pub changed: bool,
    /// The first copy of the header is damaged.
    pub header_damaged: bool,
}

/// Goes through all whole frames of a segment, over damaged places too. `until`: first position of the next segment.
pub(super) fn walk(
    file: &dyn DiskFile,
    path: &Path,
    first: Seq,
    until: Option<Seq>,
    mut each: impl FnMut(frame::Head, &[u8]) -> Result<(), JournalError>,
) -> Result<Walk, JournalError> {
    let (header, header_damaged) = match Header::read(file, path, first) {
        Ok(header) => (header, false),
        Err(error @ JournalError::Damaged { .. }) => match Header::read_second(file, path, first) {
            Ok(header) => (header, true),
            Err(_) => return Err(error),
        },
        Err(error) => return Err(error),
    };
    let failed = || io_error("read", path);
    let length = file.length().map_err(failed())?;
    let mut window = Window::default();
    let mut walk = Walk { header, gaps: Vec::new(), next: first, unfinished: false, changed: false, header_damaged };
    let mut offset = FRAMES_AT;
    while until.is_none_or(|until| walk.next < until) {
        let found = segment::look(file, &mut window, walk.header.salt, offset, walk.next, true).map_err(failed())?;
        let what = match found {
            Found::Frame(head) => {
                let bytes = window.get(file, offset, frame::HEADER + head.length as usize).map_err(failed())?;
                each(head, bytes)?;
                offset += head.span();
                walk.next = head.end();
                continue;
            }
            Found::Nothing => "nothing is where a frame should be",
            Found::Bad(what) => what,
        };
        let rest = Rest { offset, at_least: walk.next, below: until, length };
        let (content, next_frame) = rest.search(file, &mut window, walk.header.salt).map_err(failed())?;
        match (next_frame, until) {
            (Some((at, head)), _) => {
                walk.gaps.push(Gap { offset, from: walk.next, to: head.first, what });
                offset = at;
                walk.next = head.first;
            }
            (None, Some(until)) => {
                walk.gaps.push(Gap { offset, from: walk.next, to: until, what });
                walk.next = until;
            }
            (None, None) => {
                walk.unfinished = content;
                walk.changed = content && what == segment::CHANGED;
                break;
            }
        }
    }
    Ok(walk)
}

/// Checks the data directory at `root`. A running callout is not disturbed.
///
/// # Errors
/// When there is no such directory, or it can't be read.
pub fn verify(root: &Path) -> Result<Report, JournalError> {
    let layout = Layout::new(root);
    let mut report = Report::default();
    let segments = list_segments(&OsDisk, &layout.journal)?;
    report.first = segments.first().copied();
    let mut damaged = false;
    for (index, first) in segments.iter().enumerate() {
        let path = segment::path(&layout.journal, *first);
        let until = segments.get(index + 1).copied();
        let whole = check_segment(&mut report, &path, *first, until)?;
        damaged |= !whole;
        if !damaged {
            report.safe_to = report.last;
        }
    }
    check_snapshots(&mut report, &layout)?;
    Ok(report)
}

/// Checks one segment and says whether all of it is whole.
fn check_segment(report: &mut Report, path: &Path, first: Seq, until: Option<Seq>) -> Result<bool, JournalError> {
    let file = OsDisk.open(path, Access::Read).map_err(io_error("open", path))?;
    let mut records = 0;
    let mut unreadable = None;
    let mut last = report.last;
    let walked = walk(file.as_ref(), path, first, until, |head, bytes| {
        let mut at = frame::HEADER;
        for seq in head.first.0..head.end().0 {
            let decoded = frame::record_range(bytes, at).map(|range| {
                at = range.end;
                journal::decode(Seq(seq), &bytes[range])
            });
            match decoded {
                Some(Ok(_)) => records += 1,
                Some(Err(error)) => unreadable = unreadable.take().or(Some(error.to_string())),
                None => unreadable = unreadable.take().or(Some(format!("record {seq} is not in its frame"))),
            }
        }
        last = Seq(head.end().0 - 1);
        Ok(())
    });
    report.records += records;
    report.last = last;
    let mut find = |what: String, repairable| {
        report.findings.push(Finding { path: path.to_owned(), what, repairable });
    };
    if let Some(what) = unreadable.take() {
        find(what, false);
    }
    match walked {
        Ok(walk) => {
            if walk.header_damaged {
                find("the header is damaged; its second copy is whole".to_owned(), true);
            }
            for gap in &walk.gaps {
                find(gap.describe(), true);
            }
            let whole = walk.gaps.is_empty() && !walk.header_damaged;
            report.segments.push(SegmentReport {
                path: path.to_owned(),
                first,
                records,
                written_by: walk.header.written_by,
                unfinished: walk.unfinished,
                changed: walk.changed,
                gaps: walk.gaps,
            });
            Ok(whole)
        }
        Err(error @ (JournalError::Damaged { .. } | JournalError::Layout { .. })) => {
            let repairable = matches!(error, JournalError::Damaged { .. });
            let loss =
                until.map_or_else(String::new, |until| format!("; records {first} to {} are in it", until.0 - 1));
            let what = match error {
                JournalError::Damaged { what, .. } => format!("both copies of the header are damaged: {what}{loss}"),
                other => other.to_string(),
            };
            find(what, repairable);
            if let Some(until) = until.filter(|_| repairable) {
                report.headless.push((first, until));
            }
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn check_snapshots(report: &mut Report, layout: &Layout) -> Result<(), JournalError> {
    let applied = match snapshot::list(&OsDisk, &layout.snapshot) {
        Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        listed => listed?,
    };
    let mut newest = None;
    for applied in applied {
        let path = snapshot::path(&layout.snapshot, applied);
        let mut what = snapshot::read(&OsDisk, &path, applied).err().map(|error| error.to_string());
        if what.is_none() && applied > report.last {
            what = Some(format!("it stands at record {applied}, and the journal ends at {}", report.last));
        }
        let whole = what.is_none();
        if whole {
            newest = Some(applied);
        }
        report.findings.extend(what.map(|what| Finding { path: path.clone(), what, repairable: true }));
        report.snapshots.push(SnapshotReport { path, applied, whole });
    }
    if let Some(first) = report.first.filter(|first| first.0 > newest.unwrap_or_default().0 + 1) {
        let what = JournalError::SnapshotMissing { first, snapshot: newest }.to_string();
        report.findings.push(Finding { path: layout.snapshot.clone(), what, repairable: false });
    }
    Ok(())
}

impl Gap {
    fn describe(&self) -> String {
        match (self.from, self.to) {
            (from, to) if from == to => format!("at byte {}: {}; no record is lost", self.offset, self.what),
            (from, to) if from.0 + 1 == to.0 => {
                format!("at byte {}: {}; record {from} is lost", self.offset, self.what)
            }
            (from, to) => format!("at byte {}: {}; records {from} to {} are lost", self.offset, self.what, to.0 - 1),
        }
    }
}

impl Report {
    /// Records that a repair would lose, each `[from, to)`: they are damaged already.
    #[must_use]
    pub fn lost(&self) -> Vec<(Seq, Seq)> {
        let gaps = self.segments.iter().flat_map(|segment| &segment.gaps).map(|gap| (gap.from, gap.to));
        let mut lost: Vec<_> = gaps.chain(self.headless.iter().copied()).filter(|(from, to)| from < to).collect();
        lost.sort_unstable();
        lost
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}
