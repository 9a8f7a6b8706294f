//! The real file system, on Linux. Everything that depends on the system is in this folder, so that another
//! system is another folder with the same names.
//!
//! 1. One call of the trait is one system call (`create_dir_all` and `resolve` excepted): nothing is retried but what
//!    the kernel says it did not begin, and a failed sync least of all.
//! 2. Every descriptor is close-on-exec (`std` opens that way), so that a host's children inherit no store.
//! 3. A directory is durable when `create_dir_all` returns: the parent of each one that it makes is synced, and of the
//!    last one that is there, which somebody may have made just before, and been killed.
//! 4. Only ordinary files are opened: a pipe or a device would be waited for. Nothing is written through a link.

use std::fs::{self, File as StdFile, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::{File, FileLock, FileSystem, HeldDir, Mapping, OpenMode};
use crate::memory;

pub mod fork;
mod lock;
mod mmap;
mod space;
mod write_back;

pub use fork::generation as fork_generation;

/// The file system of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsFileSystem;

impl FileSystem for OsFileSystem {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return sync_name(path);
        }
        self.create_dir_all(parent_of(path))?;
        match fs::create_dir(path) {
            // Somebody else may have made it in the meantime. A file is no directory.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => Err(error),
            _ => sync_name(path),
        }
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let absolute = std::path::absolute(path)?;
        let parts: Vec<Component<'_>> = absolute.components().collect();
        let (mut there, mut resolved) = (parts.len(), fs::canonicalize(&absolute));
        while there > 1 && resolved.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            there -= 1;
            resolved = fs::canonicalize(parts[..there].iter().collect::<PathBuf>());
        }
        // What is not there has no links in it.
        parts[there..].iter().try_fold(resolved?, |mut path, part| {
            match part {
                Component::ParentDir => drop(path.pop()),
                part => path.push(part),
            }
            Ok(path)
        })
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(Arc::new(OsFile { file }))
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let file = ordinary(path, &mut OpenOptions::new(), mode == OpenMode::ReadWrite)?;
        Ok(Arc::new(OsFile { file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        // Unlike a file's open, std does not begin a directory's again after a signal.
        loop {
            match names_in(dir) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                listed => return listed,
            }
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        open_dir(dir)?.sync()
    }

    fn hold_dir(&self, dir: &Path) -> io::Result<Option<Arc<dyn HeldDir>>> {
        Ok(Some(Arc::new(open_dir(dir)?)))
    }

    fn unique_id(&self) -> io::Result<[u8; 16]> {
        let mut id = [0; 16];
        StdFile::open("/dev/urandom")?.read_exact(&mut id)?;
        Ok(id)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        lock::take(path)
    }

    fn lock_for_reading(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        lock::share(path)
    }
}

/// Opens what somebody may have put there, and refuses what is no file that holds what is written to it.
fn ordinary(path: &Path, options: &mut OpenOptions, writes: bool) -> io::Result<StdFile> {
    // Without this the open of a pipe waits for who writes into it.
    let never_waits = libc::O_NONBLOCK;
    let flags = if writes { never_waits | libc::O_NOFOLLOW } else { never_waits };
    let file = options.read(true).write(writes).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no ordinary file")) }
}

/// An open directory, close-on-exec like every descriptor.
struct OsDir(StdFile);

fn open_dir(dir: &Path) -> io::Result<OsDir> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    StdFile::open(dir).map(OsDir)
}

impl HeldDir for OsDir {
    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

/// Makes the name of a directory durable, wherever links lead to it.
fn sync_name(dir: &Path) -> io::Result<()> {
    let dir = fs::canonicalize(dir)?;
    let Some(parent) = dir.parent() else { return Ok(()) };
    match open_dir(parent).and_then(|parent| parent.sync()) {
        // A directory that may not be looked into, or is on no disk, nobody can sync.
        Err(error) if [io::ErrorKind::PermissionDenied, io::ErrorKind::InvalidInput].contains(&error.kind()) => Ok(()),
        synced => synced,
    }
}

fn names_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = PathBuf::from(entry?.file_name());
        memory::push(&mut names, name).map_err(|_| io::ErrorKind::OutOfMemory)?;
    }
    Ok(names)
}

/// The directory that holds `path`'s name; `.` for a bare name.
fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// An open file: positioned reads and writes only, so that threads share it without a cursor.
struct OsFile {
    file: StdFile,
}

impl File for OsFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        FileExt::write_at(&self.file, bytes, offset)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(&self.file, into, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        space::preallocate(&self.file, length)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn begin_sync(&self, offset: u64, length: u64) {
        write_back::begin(&self.file, offset, length);
    }

    fn map(&self, length: u64) -> io::Result<Box<dyn Mapping>> {
        Ok(Box::new(mmap::Map::new(&self.file, length)?))
    }
}

#[cfg(test)]
mod tests;
