//! Reads committed records while the writer runs, or from a directory without one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::segment::{self, End, FRAMES_AT, Found, Header};
use super::window::Window;
use super::{Access, Disk, DiskFile, OsDisk, Shared, frame, io_error, list_segments};
use crate::domain::Seq;
use crate::journal::{self, Record};
use crate::store::{JournalError, JournalReader, Position, Records};

/// Reads a journal. Cheap to clone; clones share the frame that was read last.
#[derive(Clone, Debug)]
pub struct Reader {
    source: Source,
    /// The frame that single records were last read from: neighbours are often asked for one after the other.
    last: Arc<Mutex<Option<CachedFrame>>>,
}

#[derive(Clone, Debug)]
struct Source {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// The writer's, when it is in this process.
    shared: Option<Arc<Shared>>,
}

/// A segment's path, file and header.
type Opened = (PathBuf, Box<dyn DiskFile>, Header);

#[derive(Debug)]
struct CachedFrame {
    segment: Seq,
    offset: u64,
    head: frame::Head,
    bytes: Vec<u8>,
}

impl Source {
    fn segments(&self) -> Result<Vec<Seq>, JournalError> {
        match &self.shared {
            Some(shared) => Ok(shared.segments()),
            None => list_segments(self.disk.as_ref(), &self.dir),
        }
    }

    /// Last record that may be read; without a writer in this process, whatever is whole.
    fn limit(&self) -> Seq {
        self.shared.as_ref().map_or(Seq(u64::MAX), |shared| shared.committed())
    }

    fn open(&self, first: Seq) -> Result<Option<Opened>, JournalError> {
        let path = segment::path(&self.dir, first);
        let file = match self.disk.open(&path, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("open", &path)(error)),
        };
        let header = Header::read(file.as_ref(), &path, first)?;
        Ok(Some((path, file, header)))
    }
}

impl Reader {
    /// Reads the journal of the data directory at `root`, which another process may be writing: then the newest record may be one that is
    /// not synced yet.
    #[must_use]
    pub fn open(root: &Path) -> Self {
        Self::new(Source { disk: Arc::new(OsDisk), dir: super::Layout::new(root).journal, shared: None })
    }

    /// Reads what a writer in this process has committed.
    pub(super) fn following(disk: Arc<dyn Disk>, dir: PathBuf, shared: Arc<Shared>) -> Self {
        Self::new(Source { disk, dir, shared: Some(shared) })
    }

    fn new(source: Source) -> Self {
        Self { source, last: Arc::default() }
    }

    fn find(&self, position: Position) -> Result<Option<Record>, JournalError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let hit = last.as_ref().is_some_and(|c| c.segment == position.segment && c.offset == position.offset);
        if !hit {
            *last = None;
            let Some((path, file, header)) = self.source.open(position.segment)? else { return Ok(None) };
            *last = Some(read_frame(file.as_ref(), &path, &header, position)?);
        }
        let Some(cached) = last.as_ref() else { return Ok(None) };
        match frame::record(&cached.bytes, cached.head, position.seq)? {
            Some(record) => Ok(Some(record)),
            None => Err(journal::CodecError::Misplaced { seq: position.seq, found: cached.head.first }.into()),
        }
    }
}

/// One frame whose place is known.
fn read_frame(
    file: &dyn DiskFile,
    path: &Path,
    header: &Header,
    position: Position,
) -> Result<CachedFrame, JournalError> {
    let damaged = |what: &str| JournalError::Damaged {
        path: path.to_owned(),
        offset: position.offset,
        safe_to: Seq(header.first.0 - 1),
        what: what.to_owned(),
    };
    let mut head = [0; frame::HEADER];
    file.read_at(&mut head, position.offset).map_err(io_error("read", path))?;
    let head = frame::Head::read(&head).ok_or_else(|| damaged("no frame begins here"))?;
    let length = file.length().map_err(io_error("read", path))?;
    if position.offset + head.span() > length {
        return Err(damaged("the frame here is longer than the file"));
    }
    let mut bytes = vec![0; frame::HEADER + head.length as usize];
    file.read_at(&mut bytes, position.offset).map_err(io_error("read", path))?;
    if !head.is_whole(header.salt, &bytes) {
        return Err(damaged("the checksum of the frame here is wrong"));
    }
    Ok(CachedFrame { segment: position.segment, offset: position.offset, head, bytes })
}

impl JournalReader for Reader {
    fn first_seq(&self) -> Seq {
        let first = self.source.segments().ok().and_then(|segments| segments.first().copied());
        first.unwrap_or(Seq(1))
    }

    fn committed(&self) -> Seq {
        if let Some(shared) = &self.source.shared {
            return shared.committed();
        }
        let end = || -> Result<Option<Seq>, JournalError> {
            let Some(last) = self.source.segments()?.last().copied() else { return Ok(None) };
            let Some((path, file, header)) = self.source.open(last)? else { return Ok(None) };
            Ok(Some(segment::scan(file.as_ref(), &path, &header, None, |_, _| {})?.next))
        };
        Seq(end().ok().flatten().unwrap_or(Seq(1)).0 - 1)
    }

    fn read_from(&self, from: Seq) -> Records {
        Box::new(Reading::new(self.source.clone(), from.max(Seq(1))))
    }

    fn record(&self, seq: Seq) -> Result<Option<Record>, JournalError> {
        if seq < self.first_seq() || seq > self.source.limit() {
            return Ok(None);
        }
        Ok(self.read_from(seq).next().transpose()?.map(|(_, record)| record))
    }

    fn record_at(&self, position: Position) -> Result<Option<Record>, JournalError> {
        self.find(position)
    }
}

/// Records in order.
struct Reading {
    source: Source,
    /// The next record to give.
    next: Seq,
    open: Option<Open>,
    /// Nothing comes after an error.
    failed: bool,
    /// The record for which the segment was opened anew.
    reopened: Seq,
}

/// A segment that is being read.
struct Open {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    header: Header,
    /// First position of the next segment, once there is one.
    until: Option<Seq>,
    window: Window,
    /// Offset of the frame that comes next, and its first position.
    offset: u64,
    expected: Seq,
    /// The frame whose records are being given.
    current: Option<Current>,
}

struct Current {
    offset: u64,
    head: frame::Head,
    /// Where the next record's length is within the frame.
    at: usize,
    seq: Seq,
}

impl Iterator for Reading {
    type Item = Result<(Position, Record), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.next > self.source.limit() {
            return None;
        }
        let item = self.advance().transpose();
        match &item {
            Some(Ok((position, _))) => self.next = Seq(position.seq.0 + 1),
            Some(Err(_)) => self.failed = true,
            None => {}
        }
        item
    }
}

impl Reading {
    const fn new(source: Source, next: Seq) -> Self {
        Self { source, next, open: None, failed: false, reopened: Seq(0) }
    }

    fn advance(&mut self) -> Result<Option<(Position, Record)>, JournalError> {
        loop {
            if self.open.is_none() && !self.open_segment()? {
                return Ok(None);
            }
            let Some(open) = self.open.as_mut() else { return Ok(None) };
            if let Some(item) = open.next_of_current(self.next)? {
                return Ok(Some(item));
            }
            if open.until.is_none() {
                // Looked up again at each frame of the last segment: the writer may have left it, and what follows is void then.
                if self.source.shared.is_some() {
                    open.until = following(&self.source.segments()?, open.header.first);
                }
            }
            if open.until == Some(open.expected) {
                self.open = None;
                continue;
            }
            if !open.next_frame(self.next)? && !self.at_end()? {
                return Ok(None);
            }
        }
    }

    /// Opens the segment that holds the next record. `false` when there is none yet.
    fn open_segment(&mut self) -> Result<bool, JournalError> {
        let segments = self.source.segments()?;
        let Some(first) = segments.iter().rev().find(|first| **first <= self.next).copied() else {
            return match segments.first() {
                Some(first) => Err(JournalError::Trimmed { seq: self.next, first: *first }),
                None => Ok(false),
            };
        };
        let Some((path, file, header)) = self.source.open(first)? else {
            return Err(JournalError::Trimmed { seq: self.next, first: segments.last().copied().unwrap_or(Seq(1)) });
        };
        let until = following(&segments, first);
        self.open = Some(Open {
            path,
            file,
            header,
            until,
            window: Window::default(),
            offset: FRAMES_AT,
            expected: first,
            current: None,
        });
        Ok(true)
    }

    /// No frame where the next should be. `true` when it is worth trying again.
    fn at_end(&mut self) -> Result<bool, JournalError> {
        let Some(open) = self.open.as_mut() else { return Ok(true) };
        if open.until.is_none() {
            open.until = following(&self.source.segments()?, open.header.first);
            if open.until.is_some() {
                return Ok(true);
            }
            // The end of the last segment, unless a writer in this process says that more was committed.
            if self.source.shared.is_none() || open.expected > self.source.limit() {
                return Ok(false);
            }
            if self.reopened != self.next {
                // The writer begins a segment anew when its first commit failed; then this file is not the one with that name.
                self.reopened = self.next;
                self.open = None;
                return Ok(true);
            }
        }
        let until = open.until.unwrap_or(Seq(self.source.limit().0.saturating_add(1)));
        let what = "no whole frame is here";
        let end = End { next: open.expected, offset: open.offset, torn: true, beyond: None, what };
        Err(segment::damaged_before(&open.path, &end, until))
    }
}

fn following(segments: &[Seq], first: Seq) -> Option<Seq> {
    segments.iter().copied().find(|seq| *seq > first)
}

impl Open {
    /// The next record of the frame at hand that is `wanted` or later.
    fn next_of_current(&mut self, wanted: Seq) -> Result<Option<(Position, Record)>, JournalError> {
        while let Some(current) = self.current.as_mut() {
            let length = frame::HEADER + current.head.length as usize;
            let bytes =
                self.window.get(self.file.as_ref(), current.offset, length).map_err(io_error("read", &self.path))?;
            let Some(range) = frame::record_range(bytes, current.at) else {
                self.current = None;
                break;
            };
            let seq = current.seq;
            let position = Position { seq, segment: self.header.first, offset: current.offset };
            current.at = range.end;
            current.seq = Seq(seq.0 + 1);
            if seq >= wanted {
                return Ok(Some((position, journal::decode(seq, &bytes[range])?)));
            }
        }
        Ok(None)
    }

    /// Takes the next frame; one that ends before `wanted` is passed by its head alone. `false` when there is none.
    fn next_frame(&mut self, wanted: Seq) -> Result<bool, JournalError> {
        for fresh in [false, true] {
            if fresh {
                // What was read ahead may be older than what was committed since.
                self.window.forget();
            }
            let file = self.file.as_ref();
            let mut found = segment::look(file, &mut self.window, self.header.salt, self.offset, self.expected, false);
            if let Ok(Found::Frame(head)) = found
                && head.end() > wanted
            {
                found = segment::look(file, &mut self.window, self.header.salt, self.offset, self.expected, true);
            }
            if let Found::Frame(head) = found.map_err(io_error("read", &self.path))? {
                if head.end() > wanted {
                    self.current = Some(Current { offset: self.offset, head, at: frame::HEADER, seq: head.first });
                }
                self.offset += head.span();
                self.expected = head.end();
                return Ok(true);
            }
        }
        Ok(false)
    }
}
