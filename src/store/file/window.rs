//! Reads a file in large pieces and hands out slices of it.

use std::io;

use super::DiskFile;

const PIECE: usize = 256 * 1024;

/// A piece of a file in memory. Always used with the same file.
#[derive(Debug, Default)]
pub struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// `length` bytes from `offset`; fewer at the end of the file. What was read once is not read again before [`Window::forget`].
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn get(&mut self, file: &dyn DiskFile, offset: u64, length: usize) -> io::Result<&[u8]> {
        if let Some(range) = self.range(offset, length).filter(|range| range.end <= self.bytes.len()) {
            return Ok(&self.bytes[range]);
        }
        // A length that is not true must not become memory: never more than the file holds.
        let rest = usize::try_from(file.length()?.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = length.max(PIECE).min(rest);
        self.start = offset;
        self.bytes.resize(wanted, 0);
        let read = match file.read_at(&mut self.bytes, offset) {
            Ok(read) => read,
            Err(error) => {
                self.forget();
                return Err(error);
            }
        };
        self.bytes.truncate(read);
        if self.bytes.capacity() > 4 * wanted.max(PIECE) {
            self.bytes.shrink_to(wanted.max(PIECE));
        }
        Ok(&self.bytes[..length.min(read)])
    }

    fn range(&self, offset: u64, length: usize) -> Option<std::ops::Range<usize>> {
        let start = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        Some(start..start.checked_add(length)?)
    }

    /// Reads anew next time: the file has changed.
    pub fn forget(&mut self) {
        self.bytes.clear();
    }
}
