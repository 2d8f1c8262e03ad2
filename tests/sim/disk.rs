//! The simulated disk, which is that of the store's own tests, behind a shim that notices when the power is gone and has some defects on order.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callout::store::file::{Access, Disk, DiskFile};
pub use fault::{Chance, FaultDisk};

use crate::defects::Defect;

#[path = "../../src/store/file/fault.rs"]
#[expect(dead_code, reason = "the store's own tests choose what a cut leaves, the simulator leaves it to chance")]
mod fault;

/// A disk that looks at what passes through.
#[derive(Clone, Debug)]
pub struct Shim {
    disk: FaultDisk,
    off: Arc<AtomicBool>,
    defect: Option<Defect>,
}

impl Shim {
    pub fn new(disk: FaultDisk, defect: Option<Defect>) -> Self {
        Self { disk, off: Arc::default(), defect }
    }

    /// Whether something failed since the power is gone.
    pub fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
    }

    /// A hash over all files, as a process sees them.
    pub fn hash(&self) -> u64 {
        let mut hasher = xxhash_rust::xxh3::Xxh3Default::new();
        for dir in ["/data/journal", "/data/snapshot"] {
            let mut names = self.disk.list(Path::new(dir)).unwrap();
            names.sort_unstable();
            for name in names {
                let file = self.disk.open(&Path::new(dir).join(&name), Access::Read).unwrap();
                let mut bytes = vec![0; usize::try_from(file.length().unwrap()).unwrap()];
                file.read_at(&mut bytes, 0).unwrap();
                hasher.update(name.as_bytes());
                hasher.update(&bytes);
            }
        }
        hasher.digest()
    }

    fn look<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.to_string() == "the power is gone"
        {
            self.off.store(true, Ordering::Relaxed);
        }
        result
    }

    /// Whether an error is to be taken for success. A defect only while there is power: without it there is no process either.
    fn forgives(&self, error: &io::Error) -> bool {
        self.defect == Some(Defect::IgnoreDiskErrors) && error.kind() == io::ErrorKind::Other && !self.is_off()
    }

    fn done(&self, result: io::Result<()>) -> io::Result<()> {
        match self.look(result) {
            Err(error) if self.forgives(&error) => Ok(()),
            result => result,
        }
    }
}

impl Disk for Shim {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let file = self.look(self.disk.open(path, access))?;
        Ok(Box::new(File { shim: self.clone(), file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.look(self.disk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.look(self.disk.remove(path))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.look(self.disk.list(dir))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.look(self.disk.create_dir(dir))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.defect == Some(Defect::ForgetDirectorySync) {
            return Ok(());
        }
        self.done(self.disk.sync_dir(dir))
    }

    fn salt(&self) -> u64 {
        self.disk.salt()
    }
}

#[derive(Debug)]
struct File {
    shim: Shim,
    file: Box<dyn DiskFile>,
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.shim.look(self.file.read_at(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.shim.done(self.file.write_at(bytes, offset))
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.shim.defect == Some(Defect::ForgetSync) {
            return Ok(());
        }
        self.shim.done(self.file.sync_data())
    }

    fn length(&self) -> io::Result<u64> {
        self.shim.look(self.file.length())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.shim.look(self.file.set_len(length))
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.shim.look(self.file.allocate(length))
    }
}
