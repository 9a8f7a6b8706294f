//! The damaged store: listed, locked for reading, read; never changed.
//!
//! 1. Nothing here creates, writes, renames, truncates or removes. The lock is taken on a file that exists, through a
//!    descriptor for reading.
//! 2. What is wanting here, descriptors or memory, ends the repair: it says nothing of the files.
//! 3. Bytes that the system refuses are zeros, page by page, so that a bad page costs what is on it and no more; no
//!    checksum of zeros holds for what was there.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::report::{Finding, FindingKind};
use crate::error::{Error, Result};
use crate::format::{crc, names};
use crate::log::Dir;
use crate::memory::{self, NoMemory};
use crate::vfs::{self, File, FileLock, FileSystem, OpenMode};

/// What is read at a time: little enough to be taken for granted.
const WINDOW: usize = 16 << 10;
/// What is given up at a time.
const PAGE: u64 = 4096;
/// Files kept open at a time.
const OPEN_FILES: usize = 64;

/// The directory of a damaged store.
pub struct Source {
    pub dir: Dir,
    /// The files in it, sorted.
    pub names: Vec<PathBuf>,
    _lock: Option<Box<dyn FileLock>>,
}

impl Source {
    /// Lists the directory, and makes sure that nobody has the store open.
    pub fn open(fs: Arc<dyn FileSystem>, path: &Path, findings: &mut Vec<Finding>) -> Result<Source> {
        let dir = Dir::new(fs, path);
        let mut names = dir.fs().list(path).map_err(|error| Error::io("listing", path, error))?;
        names.sort();
        let mut lock = None;
        if names.iter().any(|name| name.as_os_str() == names::LOCK) {
            let file = dir.join(names::LOCK);
            match dir.fs().lock_for_reading(&file) {
                Ok(Some(taken)) => lock = Some(taken),
                Ok(None) => return Err(Error::Locked(path.to_path_buf())),
                Err(error) if vfs::is_want(&error) => return Err(Error::io("locking", &file, error)),
                Err(error) => {
                    let what = format!("{error}: whether another process has the store open could not be told");
                    findings.push(Finding::of_file(FindingKind::NotLocked, &file, what));
                }
            }
        }
        Ok(Source { dir, names, _lock: lock })
    }

    /// Whether there is a file of that name.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|other| other.as_os_str() == name)
    }

    /// A whole file, with zeros where it cannot be read; what the system says where it cannot even be opened.
    ///
    /// # Errors
    /// As for `open`.
    pub fn read(&self, name: &str) -> Result<io::Result<Contents>> {
        let (file, size) = match open(&self.dir, &self.dir.join(name))? {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        let Ok(length) = usize::try_from(size) else { return Ok(Err(io::ErrorKind::FileTooLarge.into())) };
        let (mut bytes, mut bad) = (zeros(length)?, Vec::new());
        fill(&*file, 0, &mut bytes, &mut bad);
        Ok(Ok((bytes, bad)))
    }
}

/// A file's bytes, and which of them could not be read.
type Contents = (Vec<u8>, Vec<Range<u64>>);

/// A file and its length, or what the system says of it.
///
/// # Errors
/// `Io` and `NoMemory` where there are no more descriptors or no memory: a file that is in order must not be taken for
/// a damaged one for that.
pub fn open(dir: &Dir, path: &Path) -> Result<io::Result<(Arc<dyn File>, u64)>> {
    let opened = dir.fs().open(path, OpenMode::Read).and_then(|file| file.len().map(|length| (file, length)));
    match opened {
        Err(error) if vfs::is_want(&error) => Err(Error::io("opening", path, error)),
        opened => Ok(opened),
    }
}

/// So many zeros.
fn zeros(length: usize) -> std::result::Result<Vec<u8>, NoMemory> {
    let mut bytes = memory::vec(length)?;
    bytes.resize(length, 0);
    Ok(bytes)
}

/// Reads a range; what cannot be read is zero, and noted.
fn fill(file: &dyn File, offset: u64, into: &mut [u8], bad: &mut Vec<Range<u64>>) {
    if file.read_exact_at(offset, into).is_ok() {
        return;
    }
    let end = offset + into.len() as u64;
    let (mut at, mut rest) = (offset, into);
    while at < end {
        let page_end = ((at / PAGE + 1) * PAGE).min(end);
        let (page, behind) = rest.split_at_mut((page_end - at) as usize);
        if file.read_exact_at(at, page).is_err() {
            page.fill(0);
            match bad.last_mut() {
                Some(last) if last.end == at => last.end = page_end,
                _ => bad.push(at..page_end),
            }
        }
        (at, rest) = (page_end, behind);
    }
}

/// A file gone through from front to back.
pub struct Window {
    file: Arc<dyn File>,
    /// Bytes that there are.
    pub length: u64,
    start: u64,
    bytes: Vec<u8>,
    /// What could not be read, in the order in which it was met.
    pub bad: Vec<Range<u64>>,
}

impl Window {
    /// A file of so many bytes.
    pub fn new(file: Arc<dyn File>, length: u64) -> Window {
        Window { file, length, start: 0, bytes: Vec::new(), bad: Vec::new() }
    }

    /// The bytes at an offset: `length` of them (at most `WINDOW`), fewer where the file ends.
    pub fn get(&mut self, at: u64, length: usize) -> &[u8] {
        let end = (at + length as u64).min(self.length);
        if at >= end {
            return &[];
        }
        if at < self.start || end > self.start + self.bytes.len() as u64 {
            let take = (self.length - at).min(WINDOW as u64) as usize;
            self.bytes.resize(take, 0);
            self.start = at;
            let mut bad = Vec::new();
            fill(&*self.file, at, &mut self.bytes, &mut bad);
            for range in bad {
                match self.bad.last_mut() {
                    Some(last) if last.start <= range.start && range.start <= last.end => {
                        last.end = last.end.max(range.end);
                    }
                    _ => self.bad.push(range),
                }
            }
        }
        let from = (at - self.start) as usize;
        self.bytes.get(from..from + (end - at) as usize).unwrap_or_default()
    }

    /// The checksum of a range that lies within the file.
    pub fn crc(&mut self, at: u64, length: u64) -> u32 {
        if length <= WINDOW as u64 {
            return crc(self.get(at, length as usize));
        }
        let mut hasher = crc32fast::Hasher::new();
        let (mut at, end) = (at, at + length);
        loop {
            let part = self.get(at, (end - at).min(WINDOW as u64) as usize);
            if part.is_empty() {
                return hasher.finalize();
            }
            hasher.update(part);
            at += part.len() as u64;
        }
    }

    /// Where the last byte of a range that is not zero ends; `at` where all are zero.
    pub fn content_end(&mut self, at: u64, end: u64) -> u64 {
        let (mut at, mut content_end) = (at, at);
        loop {
            let part = self.get(at, (end - at).min(WINDOW as u64) as usize);
            if part.is_empty() {
                return content_end;
            }
            if let Some(last) = part.iter().rposition(|byte| *byte != 0) {
                content_end = at + last as u64 + 1;
            }
            at += part.len() as u64;
        }
    }
}

/// Segment files read here and there, a few kept open.
pub struct Files {
    paths: Vec<PathBuf>,
    open: Vec<(usize, Arc<dyn File>, u64)>,
}

impl Files {
    pub fn new(paths: Vec<PathBuf>) -> Files {
        Files { paths, open: Vec::new() }
    }

    /// Up to `length` bytes of a file: as many as there are, zeros where they cannot be read, none where the file
    /// cannot even be opened.
    ///
    /// # Errors
    /// `NoMemory`; as for `open`.
    pub fn read(&mut self, dir: &Dir, file: usize, offset: u64, length: u64) -> Result<Vec<u8>> {
        let Some((opened, size)) = self.file(dir, file)? else { return Ok(Vec::new()) };
        let mut bytes = zeros(length.min(size.saturating_sub(offset)) as usize)?;
        fill(&*opened, offset, &mut bytes, &mut Vec::new());
        Ok(bytes)
    }

    fn file(&mut self, dir: &Dir, file: usize) -> Result<Option<(Arc<dyn File>, u64)>> {
        if let Some((_, file, size)) = self.open.iter().find(|(number, ..)| *number == file) {
            return Ok(Some((Arc::clone(file), *size)));
        }
        let Some(path) = self.paths.get(file) else { return Ok(None) };
        if self.open.len() >= OPEN_FILES {
            self.open.remove(0);
        }
        let first = open(dir, path);
        let opened = if first.is_err() && !self.open.is_empty() {
            // They may be all that there are descriptors for.
            self.open.clear();
            open(dir, path)
        } else {
            first
        };
        let Ok((opened, size)) = opened? else { return Ok(None) };
        self.open.push((file, Arc::clone(&opened), size));
        Ok(Some((opened, size)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salvage::tests::made::Disk;

    fn numbered(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8 + 1).collect()
    }

    #[test]
    fn a_bad_page_costs_what_is_on_it() {
        let bytes = numbered(30_000);
        let file = Disk::with_bad(&bytes, &[8192..12288, 20480..28672]);
        let (mut into, mut bad) = (vec![7; 29_000 - 100], Vec::new());
        fill(&*file, 100, &mut into, &mut bad);
        assert_eq!(bad, [8192..12288, 20480..28672]);
        for (at, byte) in (100..).zip(into) {
            let is_bad = bad.iter().any(|range| range.contains(&at));
            assert_eq!(byte, if is_bad { 0 } else { bytes[at as usize] }, "byte {at}");
        }
    }

    #[test]
    fn a_window_notes_each_bad_place_once() {
        let bytes = numbered(60_000);
        let mut window = Window::new(Disk::with_bad(&bytes, &[12288..20480, 40960..45056]), 60_000);
        for at in (0..60_000).step_by(1000) {
            let end = (at + 1000).min(60_000);
            assert_eq!(window.get(at, 1000).len() as u64, end - at);
        }
        assert_eq!(window.bad, [12288..20480, 40960..45056]);
    }

    #[test]
    fn what_a_window_has_it_does_not_read_again() {
        let bytes = numbered(WINDOW + 100);
        let file = Disk::with_bad(&bytes, &[]);
        let mut window = Window::new(Arc::clone(&file) as Arc<dyn File>, bytes.len() as u64);
        for (at, length, reads) in [(50, 10, 1), (50, 10, 1), (60, WINDOW - 10, 1), (60, WINDOW - 9, 2), (59, 1, 3)] {
            assert_eq!(window.get(at, length), &bytes[at as usize..at as usize + length]);
            assert_eq!(file.reads(), reads, "{at} {length}");
        }
        assert_eq!(window.get(bytes.len() as u64 - 3, 10), &bytes[bytes.len() - 3..]);
        assert!(window.get(bytes.len() as u64, 10).is_empty() && window.get(1 << 40, 10).is_empty());
    }

    #[test]
    fn a_checksum_of_more_than_a_window_is_that_of_the_whole() {
        let bytes = numbered(3 * WINDOW + 5);
        let mut window = Window::new(Disk::with_bad(&bytes, &[]), bytes.len() as u64);
        for range in [0..10, 0..WINDOW, 0..WINDOW + 1, 0..bytes.len(), 7..2 * WINDOW + 7, 5..bytes.len()] {
            let of = window.crc(range.start as u64, range.len() as u64);
            assert_eq!(of, crc(&bytes[range.clone()]), "{range:?}");
        }
    }

    #[test]
    fn content_ends_behind_the_last_byte_that_is_not_zero() {
        let length = 3 * WINDOW as u64;
        for last in [0, 5, WINDOW - 1, WINDOW, 2 * WINDOW + 9, 3 * WINDOW - 1] {
            let mut bytes = vec![0; length as usize];
            bytes[last] = 1;
            let mut window = Window::new(Disk::with_bad(&bytes, &[]), length);
            let last = last as u64;
            assert_eq!(window.content_end(0, length), last + 1);
            assert_eq!(window.content_end(0, length + 100), last + 1, "behind the end is nothing");
            assert_eq!(window.content_end(0, last), 0, "what is behind the range does not count");
            assert_eq!(window.content_end(last + 1, length), last + 1);
            assert_eq!(window.content_end(last, length), last + 1);
        }
    }
}
