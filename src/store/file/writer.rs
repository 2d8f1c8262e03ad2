//! Appends frames. One frame is one commit, and it counts once its `fdatasync` has returned.
//!
//! After a failed write or sync nothing is known of what the disk holds behind the last commit (the page cache may claim otherwise), so
//! that segment is never written again: the next commit begins a fresh one, whose first position makes the doubtful rest void.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reader::Reader;
use super::segment::{self, FRAMES_AT, Header};
use super::snapshot::SnapshotDir;
use super::spare::{self, Making};
use super::{Access, Disk, DiskFile, Layout, Lock, Shared, frame, io_error, list_segments};
use crate::domain::Seq;
use crate::store::{Entry, Journal, JournalError, JournalReader, Room, Snapshots};

/// Sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Size of a segment in bytes; a frame that is larger gets one of its own.
    pub segment_bytes: u64,
    /// Room kept for [`Room::Reserve`] while the disk is full, in bytes; 0 for none.
    pub reserve_bytes: u64,
    /// Whether a thread makes the next segment in advance.
    pub spare: bool,
}

impl Default for Options {
    /// Segments of 64 MiB, a reserve of 8 MiB, the next segment made in advance.
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, reserve_bytes: 8 << 20, spare: true }
    }
}

/// The journal in a directory.
#[derive(Debug)]
pub struct FileJournal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: Options,
    shared: Arc<Shared>,
    snapshots: Arc<SnapshotDir>,
    /// The segment that is written; `None` when the next commit must begin one.
    active: Option<Active>,
    next: Seq,
    frame: Vec<u8>,
    making: Option<Making>,
    _lock: Option<Lock>,
}

#[derive(Debug)]
struct Active {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    salt: u64,
    /// Behind the last committed frame.
    end: u64,
    /// Room that was set aside.
    capacity: u64,
    /// Whether it was made of the reserve, and is for [`Room::Reserve`] alone.
    of_reserve: bool,
}

impl FileJournal {
    /// Opens the journal of a directory on `disk`; see [`super::open`].
    ///
    /// # Errors
    /// When the journal is damaged or can't be read.
    pub fn open(
        disk: Arc<dyn Disk>,
        layout: &Layout,
        options: Options,
        lock: Option<Lock>,
    ) -> Result<Self, JournalError> {
        let dir = layout.journal.clone();
        let snapshots = Arc::new(SnapshotDir::new(Arc::clone(&disk), layout.snapshot.clone()));
        let mut journal = Self {
            disk,
            dir,
            options,
            shared: Arc::default(),
            snapshots,
            active: None,
            next: Seq(1),
            frame: Vec::new(),
            making: None,
            _lock: lock,
        };
        journal.remove_temporary()?;
        // The process before this one may have died, alone, between giving a name and making it durable.
        for dir in [&layout.journal, &layout.snapshot] {
            journal.disk.sync_dir(dir).map_err(io_error("sync", dir))?;
        }
        let segments = list_segments(journal.disk.as_ref(), &journal.dir)?;
        journal.shared.change_segments(|known| known.clone_from(&segments));
        if let Some(last) = segments.last() {
            journal.resume(*last, segments.iter().rev().nth(1).copied())?;
        }
        journal.shared.set_committed(Seq(journal.next.0 - 1));
        journal.keep_reserve();
        Ok(journal)
    }

    /// Half-made files of an earlier life.
    fn remove_temporary(&self) -> Result<(), JournalError> {
        let names = self.disk.list(&self.dir).map_err(io_error("list", &self.dir))?;
        for name in names.iter().filter(|name| Path::new(name).extension().is_some_and(|end| end == "tmp")) {
            let path = self.dir.join(name);
            self.disk.remove(&path).map_err(io_error("remove", &path))?;
        }
        Ok(())
    }

    /// Finds the end of the last segment, cuts off what was never committed, and goes on there.
    fn resume(&mut self, last: Seq, before: Option<Seq>) -> Result<(), JournalError> {
        let path = segment::path(&self.dir, last);
        let file = self.disk.open(&path, Access::Write).map_err(io_error("open", &path))?;
        let header = Header::read(file.as_ref(), &path, last)?;
        let mut newest = None;
        let end = segment::scan(file.as_ref(), &path, &header, None, |offset, head| newest = Some((offset, head)))?;
        if let Some((offset, seq)) = end.beyond {
            return Err(segment::damaged_between(&path, &end, offset, seq));
        }
        if end.next == last
            && let Some(before) = before
        {
            self.check_reaches(before, last)?;
        }
        let length = file.length().map_err(io_error("read", &path))?;
        if end.torn {
            if end.what == segment::CHANGED {
                tracing::error!(
                    path = %path.display(), record = end.next.0, offset_bytes = end.offset,
                    "the journal's last commit is there from end to end, and its checksum is wrong; it is removed. If the power failed while \
                     it was written it was never confirmed; if the disk changed it afterwards, its records are lost: look at the disk"
                );
            } else {
                tracing::info!(
                    path = %path.display(), record = end.next.0, offset_bytes = end.offset,
                    "the journal's last commit was cut off and is removed; it was never confirmed"
                );
            }
            file.set_len(end.offset).map_err(io_error("cut", &path))?;
        }
        // What was read may be in the page cache alone: the process before this one died before its sync, or its sync failed, after
        // which the cache counts as clean what never reached the disk. Written again, the newest frame is durable before it counts.
        if let Some((offset, head)) = newest {
            let mut frame = vec![0; frame::HEADER + head.length as usize];
            file.read_at(&mut frame, offset).map_err(io_error("read", &path))?;
            file.write_at(&frame, offset).map_err(io_error("write", &path))?;
        }
        file.sync_data().map_err(io_error("sync", &path))?;
        let capacity = length.max(self.options.segment_bytes);
        // Without room the journal opens all the same; the first commit that needs some says so.
        let capacity = match file.allocate(capacity).and_then(|()| file.sync_data()) {
            Ok(()) => capacity,
            Err(error) => {
                tracing::warn!(path = %path.display(), error = %error, "no room could be set aside for the journal");
                end.offset
            }
        };
        self.next = end.next;
        self.active = Some(Active { file, path, salt: header.salt, end: end.offset, capacity, of_reserve: false });
        Ok(())
    }

    /// Whether the segment before an empty last one is complete; only then does the last one rightly begin where it does.
    fn check_reaches(&self, segment: Seq, until: Seq) -> Result<(), JournalError> {
        let path = segment::path(&self.dir, segment);
        let file = self.disk.open(&path, Access::Read).map_err(io_error("open", &path))?;
        let header = Header::read(file.as_ref(), &path, segment)?;
        let end = segment::scan(file.as_ref(), &path, &header, Some(until), |_, _| {})?;
        if end.next == until { Ok(()) } else { Err(segment::damaged_before(&path, &end, until)) }
    }

    /// Makes sure that a reserve is there, if there is room. Without one a full disk stops acknowledgements too, so it is said.
    fn keep_reserve(&self) {
        let path = self.dir.join(RESERVE);
        let present = self.disk.open(&path, Access::Read).and_then(|file| file.length()).unwrap_or(0);
        if self.options.reserve_bytes == 0 || present >= self.options.reserve_bytes {
            return;
        }
        if let Err(error) = spare::set_aside(self.disk.as_ref(), &self.dir, &path, self.options.reserve_bytes) {
            tracing::warn!(path = %path.display(), error = %error, "no reserve could be set aside for a full disk");
        }
    }

    /// Whether a frame of `bytes` may go into the segment that is written.
    fn fits(&self, bytes: u64, room: Room) -> bool {
        self.active.as_ref().is_some_and(|active| {
            active.end + bytes <= active.capacity && (room == Room::Reserve || !active.of_reserve)
        })
    }

    /// Begins a segment that has room for a frame of `bytes`.
    fn rotate(&mut self, bytes: u64, room: Room) -> Result<(), JournalError> {
        let capacity = (FRAMES_AT + bytes).max(self.options.segment_bytes);
        let (blank, capacity, of_reserve) = match self.blank(capacity) {
            Ok(blank) => (blank, capacity, false),
            Err(error) if error.is_full() && room == Room::Reserve => {
                let Some((blank, capacity)) = self.reserve(FRAMES_AT + bytes) else { return Err(error) };
                (blank, capacity, true)
            }
            Err(error) => return Err(error),
        };
        let path = segment::path(&self.dir, self.next);
        let file = self.disk.open(&blank, Access::Write).map_err(io_error("open", &blank))?;
        let header = Header::new(self.next, self.disk.salt());
        file.write_at(&header.to_bytes(), 0).map_err(io_error("write", &blank))?;
        file.sync_data().map_err(io_error("sync", &blank))?;
        // From here until the directory is synced it is not known whether the old segment or the new one is the last: neither may be
        // written if this fails. Trying again replaces the file of the same name.
        let old = self.active.take();
        self.disk.rename(&blank, &path).map_err(io_error("rename", &blank))?;
        self.disk.sync_dir(&self.dir).map_err(io_error("sync", &self.dir))?;
        self.shared.change_segments(|segments| {
            if segments.last() != Some(&self.next) {
                segments.push(self.next);
            }
        });
        if let Some(old) = old {
            // Gives back what it did not need. What follows its last frame is void in any case.
            if let Err(error) = old.file.set_len(old.end) {
                tracing::warn!(path = %old.path.display(), error = %error, "a full segment could not be cut to its length");
            }
        }
        self.active = Some(Active { file, path, salt: header.salt, end: FRAMES_AT, capacity, of_reserve });
        if !of_reserve {
            self.keep_reserve();
        }
        Ok(())
    }

    /// A file with room for `bytes`: the spare one if it is large enough, else one made now.
    fn blank(&mut self, bytes: u64) -> Result<PathBuf, JournalError> {
        self.finish_spare();
        let spare = self.dir.join(SPARE);
        if self.disk.open(&spare, Access::Read).and_then(|file| file.length()).is_ok_and(|length| length >= bytes) {
            return Ok(spare);
        }
        let path = self.dir.join("blank.tmp");
        let made = self.disk.open(&path, Access::Create).and_then(|file| file.allocate(bytes));
        if made.is_err() {
            // It may hold half of the room that there is.
            let _ = self.disk.remove(&path);
        }
        made.map_err(io_error("set aside", &path))?;
        Ok(path)
    }

    /// The reserve, if it is there and large enough, with its size.
    fn reserve(&self, bytes: u64) -> Option<(PathBuf, u64)> {
        let path = self.dir.join(RESERVE);
        let length = self.disk.open(&path, Access::Read).and_then(|file| file.length()).ok()?;
        (length >= bytes).then_some((path, length))
    }

    /// Starts making the next segment once the one being written is half full.
    fn prepare_spare(&mut self) {
        let half = self.active.as_ref().is_some_and(|active| active.end > active.capacity / 2 && !active.of_reserve);
        if !self.options.spare || !half || self.making.is_some() {
            return;
        }
        let (disk, dir, path) = (Arc::clone(&self.disk), self.dir.clone(), self.dir.join(SPARE));
        match Making::start(disk, dir, path, self.options.segment_bytes) {
            Ok(making) => self.making = Some(making),
            Err(error) => tracing::warn!(error = %error, "the thread that makes the next segment could not be started"),
        }
    }

    /// Waits for the next segment if it is in the making: beginning another one beside it would take longer.
    fn finish_spare(&mut self) {
        if let Some(making) = self.making.take()
            && let Err(error) = making.finish()
        {
            tracing::warn!(error = %error, "the next segment could not be made in advance");
        }
    }

    /// Writes and syncs the encoded frame.
    fn append(&mut self, count: u32) -> Result<(), JournalError> {
        let Some(active) = self.active.as_mut() else {
            let source = io::Error::other("no segment is open");
            return Err(JournalError::Io { doing: "write", path: self.dir.clone(), source });
        };
        frame::seal(&mut self.frame, active.salt, self.next, count);
        let written = match active.file.write_at(&self.frame, active.end) {
            Ok(()) => active.file.sync_data().map_err(io_error("sync", &active.path)),
            Err(error) => Err(io_error("write", &active.path)(error)),
        };
        if let Err(error) = written {
            // Best effort, to keep the doubtful frame from being found after a crash; it is void once a fresh segment begins.
            let cut = active.file.set_len(active.end);
            tracing::error!(
                path = %active.path.display(), record = self.next.0, error = %error, cut = cut.is_ok(),
                "a commit failed; the next one begins a fresh segment"
            );
            self.active = None;
            return Err(error);
        }
        active.end += self.frame.len() as u64;
        Ok(())
    }
}

const RESERVE: &str = "reserve";
const SPARE: &str = "spare";

impl Journal for FileJournal {
    fn next_seq(&self) -> Seq {
        self.next
    }

    fn commit(&mut self, batch: &[Entry], room: Room) -> Result<Range<Seq>, JournalError> {
        if batch.is_empty() {
            return Ok(self.next..self.next);
        }
        frame::encode(&mut self.frame, self.next, batch)?;
        let bytes = (self.frame.len() as u64).next_multiple_of(frame::ALIGN);
        let count = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        if is_too_large(bytes, count) {
            self.frame = Vec::new();
            return Err(JournalError::TooLarge { bytes, limit_bytes: frame::MAX_BYTES });
        }
        if !self.fits(bytes, room) {
            self.rotate(bytes, room)?;
        }
        self.append(count)?;
        let first = self.next;
        self.next = Seq(first.0 + u64::from(count));
        self.shared.set_committed(Seq(self.next.0 - 1));
        self.prepare_spare();
        // A rare large batch does not keep its memory.
        self.frame.clear();
        self.frame.shrink_to(FRAME_KEPT_BYTES);
        Ok(first..self.next)
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(Reader::following(Arc::clone(&self.disk), self.dir.clone(), Arc::clone(&self.shared)))
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::clone(&self.snapshots) as Arc<dyn Snapshots>
    }

    fn trim(&mut self, before: Seq) -> Result<Seq, JournalError> {
        let behind_snapshots = match self.snapshots.kept().as_slice() {
            [older, _, ..] => Seq(older.0 + 1),
            _ => Seq(1),
        };
        let before = before.min(behind_snapshots);
        let segments = self.shared.segments();
        // A segment may go when the next one begins at `before` or earlier; the last one always stays.
        let gone = segments.windows(2).take_while(|pair| pair[1] <= before).count();
        for first in &segments[..gone] {
            // Oldest first, each durable before the next: a crash leaves no hole.
            self.shared.change_segments(|known| known.retain(|seq| seq != first));
            let path = segment::path(&self.dir, *first);
            self.disk.remove(&path).map_err(io_error("remove", &path))?;
            self.disk.sync_dir(&self.dir).map_err(io_error("sync", &self.dir))?;
        }
        Ok(segments.get(gone).copied().unwrap_or(self.next))
    }
}

/// Whether a frame cannot say how long it is, or how many records it has.
const fn is_too_large(bytes: u64, count: u32) -> bool {
    bytes > frame::MAX_BYTES || count == u32::MAX
}

/// Room for a frame that is kept from commit to commit. Beyond: it is given back to the system.
const FRAME_KEPT_BYTES: usize = 16 << 20;

impl Drop for FileJournal {
    fn drop(&mut self) {
        self.finish_spare();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::Timestamp;
    use crate::engine::Input;
    use crate::journal::RecordBody;

    #[test]
    fn a_frame_has_so_many_bytes() {
        assert!(!is_too_large(frame::MAX_BYTES, 1) && !is_too_large(8, u32::MAX - 1));
        assert!(is_too_large(frame::MAX_BYTES + 1, 1) && is_too_large(8, u32::MAX));
    }

    #[test]
    fn a_rare_large_batch_does_not_keep_its_memory() {
        let dir = std::env::temp_dir().join(format!("callout-frame-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let mut journal = crate::store::file::open(&dir, crate::store::file::Options::default()).unwrap();
        let text = |bytes: usize| {
            let input = Input::Alarm { key: "k".into(), text: "x".repeat(bytes) };
            Entry::new(Timestamp::from_seconds(1_800_000_000), RecordBody::Input(Arc::new(input)))
        };
        for (bytes, kept) in [(FRAME_KEPT_BYTES / 2, FRAME_KEPT_BYTES), (FRAME_KEPT_BYTES + 4_096, FRAME_KEPT_BYTES)] {
            journal.commit(&[text(bytes)], Room::Ordinary).unwrap();
            let room = journal.frame.capacity();
            assert!((bytes.min(kept)..=kept).contains(&room), "{room} of {bytes}");
        }
        drop(journal);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
