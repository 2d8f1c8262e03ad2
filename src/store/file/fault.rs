//! A disk in memory that keeps of unsynced changes what it likes when the power goes: any part of a write by sectors of 512 bytes,
//! any length, any name. It also fails on demand, and lies after a failed sync as page caches do.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Access, Disk, DiskFile};

const SECTOR: usize = 512;

/// A small generator of numbers; the same seed gives the same numbers.
#[derive(Clone, Copy, Debug)]
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What becomes of a change that was not synced when the power goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It reached the disk.
    Kept,
    /// It did not.
    Lost,
    /// The file became longer, the content did not come.
    LengthAlone,
}

/// Goes through all combinations of fates, one combination after the other, however many fates a combination asks for.
#[derive(Debug, Default)]
pub struct Fates {
    chosen: Vec<(usize, &'static [Fate])>,
    at: usize,
}

impl Fates {
    fn choose(&mut self, among: &'static [Fate]) -> Fate {
        if self.at == self.chosen.len() {
            self.chosen.push((0, among));
        }
        let (chosen, among) = self.chosen[self.at];
        self.at += 1;
        among[chosen]
    }

    /// On to the next combination; false when there is none.
    pub fn advance(&mut self) -> bool {
        self.chosen.truncate(self.at);
        self.at = 0;
        while let Some((chosen, among)) = self.chosen.pop() {
            if chosen + 1 < among.len() {
                self.chosen.push((chosen + 1, among));
                return true;
            }
        }
        false
    }
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    durable: Vec<u8>,
    seen: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Naming {
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Unlink(PathBuf),
}

#[derive(Clone, Debug)]
struct Content {
    chance: Chance,
    inodes: Vec<Inode>,
    durable_names: BTreeMap<PathBuf, usize>,
    names: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<Naming>,
    /// Operations until the power goes; then everything fails.
    left: Option<u64>,
    /// One in so many writes and syncs fails; 0: none.
    fail_one_in: u64,
    /// No file can grow.
    full: bool,
}

/// The disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct FaultDisk(Arc<Mutex<Content>>);

#[derive(Debug)]
struct FaultFile {
    disk: FaultDisk,
    inode: usize,
}

impl FaultDisk {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Content {
            chance: Chance(seed),
            inodes: Vec::new(),
            durable_names: BTreeMap::new(),
            names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            left: None,
            fail_one_in: 0,
            full: false,
        })))
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The power goes after so many more operations that change something.
    pub fn cut_after(&self, operations: u64) {
        self.content().left = Some(operations);
    }

    /// One in `n` writes and syncs fails from now on; 0: none.
    pub fn fail_one_in(&self, n: u64) {
        self.content().fail_one_in = n;
    }

    /// Whether files can grow.
    pub fn set_full(&self, full: bool) {
        self.content().full = full;
    }

    /// The power comes back. What was not synced is there in part. What the process saw is gone.
    pub fn restart_after_power_cut(&self) {
        let mut content = self.content();
        let content = &mut *content;
        content.left = None;
        for naming in std::mem::take(&mut content.unsynced_names) {
            if content.chance.one_in(2) {
                naming.apply(&mut content.durable_names);
            }
        }
        content.names.clone_from(&content.durable_names);
        // Sometimes all or nothing, else bit by bit.
        let mood = content.chance.below(4);
        for inode in &mut content.inodes {
            inode.keep_some(&mut content.chance, mood);
            inode.seen.clone_from(&inode.durable);
        }
    }

    /// The disk as it is when the power goes now and these are the fates of what is not synced. This disk stays as it is.
    pub fn after_power_cut(&self, fates: &mut Fates) -> Self {
        let mut content = self.content().clone();
        content.left = None;
        for naming in std::mem::take(&mut content.unsynced_names) {
            if fates.choose(&[Fate::Lost, Fate::Kept]) == Fate::Kept {
                naming.apply(&mut content.durable_names);
            }
        }
        content.names.clone_from(&content.durable_names);
        // What has no name any more is seen by nobody.
        let named: std::collections::BTreeSet<usize> = content.names.values().copied().collect();
        for number in named {
            let inode = &mut content.inodes[number];
            for part in std::mem::take(&mut inode.unsynced).iter().flat_map(Change::sectors) {
                let grows =
                    matches!(&part, Change::Write(offset, written) if inode.durable.len() < offset + written.len());
                let among: &'static [Fate] =
                    if grows { &[Fate::Lost, Fate::Kept, Fate::LengthAlone] } else { &[Fate::Lost, Fate::Kept] };
                inode.settle(&part, fates.choose(among));
            }
            inode.seen.clone_from(&inode.durable);
        }
        Self(Arc::new(Mutex::new(content)))
    }

    /// The process died, the machine did not: what it wrote is seen, synced or not.
    pub fn restart_after_kill(&self) {
        self.content().left = None;
    }
}

impl Naming {
    fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Link(path, inode) => {
                names.insert(path, inode);
            }
            Self::Rename(from, to, inode) => {
                names.remove(&from);
                names.insert(to, inode);
            }
            Self::Unlink(path) => {
                names.remove(&path);
            }
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, written) => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
            Self::Length(length) => bytes.resize(*length, 0),
        }
    }

    /// The parts of it that the disk can keep one by one.
    fn sectors(&self) -> Vec<Self> {
        let Self::Write(offset, written) = self else { return vec![self.clone()] };
        let mut parts = Vec::new();
        let mut at = 0;
        while at < written.len() {
            let length = (SECTOR - (offset + at) % SECTOR).min(written.len() - at);
            parts.push(Self::Write(offset + at, written[at..at + length].to_vec()));
            at += length;
        }
        parts
    }
}

impl Inode {
    /// Of what is unsynced some reaches the disk; the rest never will.
    fn keep_some(&mut self, chance: &mut Chance, mood: u64) {
        for part in std::mem::take(&mut self.unsynced).iter().flat_map(Change::sectors) {
            let keep = match mood {
                0 => true,
                1 => false,
                _ => chance.one_in(2),
            };
            let fate = if keep {
                Fate::Kept
            } else if matches!(part, Change::Write(..)) && chance.one_in(4) {
                Fate::LengthAlone
            } else {
                Fate::Lost
            };
            self.settle(&part, fate);
        }
    }

    fn settle(&mut self, part: &Change, fate: Fate) {
        match (fate, part) {
            (Fate::Kept, part) => part.apply(&mut self.durable),
            (Fate::LengthAlone, Change::Write(offset, written)) => {
                let end = offset + written.len();
                if self.durable.len() < end {
                    self.durable.resize(end, 0);
                }
            }
            _ => {}
        }
    }
}

impl Content {
    /// Counts an operation that changes something.
    fn step(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn fails(&mut self) -> bool {
        self.fail_one_in > 0 && self.chance.one_in(self.fail_one_in)
    }

    fn name(&mut self, naming: Naming) {
        naming.clone().apply(&mut self.names);
        self.unsynced_names.push(naming);
    }
}

impl Disk for FaultDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut content = self.content();
        let known = content.names.get(path).copied();
        let inode = match (known, access) {
            (Some(inode), Access::Read | Access::Write) => inode,
            (None, Access::Read | Access::Write) => return Err(io::ErrorKind::NotFound.into()),
            (Some(inode), Access::Create) => {
                content.step()?;
                content.inodes[inode].unsynced.push(Change::Length(0));
                content.inodes[inode].seen.clear();
                inode
            }
            (None, Access::Create) => {
                content.step()?;
                content.inodes.push(Inode::default());
                let inode = content.inodes.len() - 1;
                content.name(Naming::Link(path.to_owned(), inode));
                inode
            }
        };
        Ok(Box::new(FaultFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut content = self.content();
        content.step()?;
        let inode = *content.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        content.name(Naming::Rename(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut content = self.content();
        content.step()?;
        content.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        content.name(Naming::Unlink(path.to_owned()));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let content = self.content();
        let names = content.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(names.filter_map(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut content = self.content();
        content.step()?;
        if content.fails() {
            return Err(io::Error::other("the sync failed"));
        }
        let content = &mut *content;
        let (here, elsewhere): (Vec<Naming>, Vec<Naming>) =
            std::mem::take(&mut content.unsynced_names).into_iter().partition(|naming| {
                let (Naming::Link(path, _) | Naming::Rename(_, path, _) | Naming::Unlink(path)) = naming;
                path.parent() == Some(dir)
            });
        content.unsynced_names = elsewhere;
        for naming in here {
            naming.apply(&mut content.durable_names);
        }
        Ok(())
    }

    fn salt(&self) -> u64 {
        self.content().chance.next()
    }
}

impl FaultFile {
    fn change(&self, change: Change) -> io::Result<()> {
        let mut content = self.disk.content();
        content.step()?;
        let full = content.full;
        let fails = content.fails();
        let inode = &mut content.inodes[self.inode];
        let grows = match &change {
            Change::Write(offset, written) => offset + written.len() > inode.seen.len(),
            Change::Length(length) => *length > inode.seen.len(),
        };
        if full && grows {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if fails && matches!(change, Change::Write(..)) {
            // Half of it came through.
            if let Change::Write(offset, mut written) = change {
                written.truncate(written.len() / 2);
                let half = Change::Write(offset, written);
                half.apply(&mut inode.seen);
                inode.unsynced.push(half);
            }
            return Err(io::Error::other("the write failed"));
        }
        change.apply(&mut inode.seen);
        inode.unsynced.push(change);
        Ok(())
    }
}

impl DiskFile for FaultFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = self.disk.content();
        let bytes = &content.inodes[self.inode].seen;
        let offset = usize::try_from(offset).unwrap().min(bytes.len());
        let length = buffer.len().min(bytes.len() - offset);
        buffer[..length].copy_from_slice(&bytes[offset..offset + length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(Change::Write(usize::try_from(offset).unwrap(), bytes.to_vec()))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut content = self.disk.content();
        content.step()?;
        let fails = content.fails();
        let content = &mut *content;
        let inode = &mut content.inodes[self.inode];
        if fails {
            // What did not reach the disk counts as clean from here on, and is still seen.
            inode.keep_some(&mut content.chance, 2);
            return Err(io::Error::other("the sync failed"));
        }
        for change in inode.unsynced.drain(..) {
            change.apply(&mut inode.durable);
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.content().inodes[self.inode].seen.len() as u64)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Change::Length(usize::try_from(length).unwrap()))
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        if self.length()? < length { self.set_len(length) } else { Ok(()) }
    }
}
