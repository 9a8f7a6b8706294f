//! A store's directory: its file system, its path, and what every file in it has in common.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bytes::Bytes;
use crate::error::{Error, Result};
use crate::format::names;
use crate::memory;
use crate::options::ReadMode;
use crate::sync::Mutex;
use crate::vfs::{File, FileSystem, HeldDir, OpenMode};

/// The directory of one store.
#[derive(Clone)]
pub struct Dir {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    /// The directory itself, so that to sync it never fails for want of a descriptor. The clones have it together.
    held: Arc<Mutex<Option<Arc<dyn HeldDir>>>>,
}

impl Dir {
    /// The directory at `path` of a file system.
    pub fn new(fs: Arc<dyn FileSystem>, path: &Path) -> Dir {
        Dir { fs, path: path.to_path_buf(), held: Arc::default() }
    }

    /// Keeps the directory open, which must be there now.
    pub fn hold(&self) -> Result<()> {
        *self.held.lock() = self.fs.hold_dir(&self.path).map_err(|error| Error::io("opening", &self.path, error))?;
        Ok(())
    }

    /// Lets go of it again.
    pub fn let_go(&self) {
        *self.held.lock() = None;
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its file system.
    pub fn fs(&self) -> &Arc<dyn FileSystem> {
        &self.fs
    }

    /// The path of a file in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The path of a segment in it.
    pub fn segment(&self, id: u32) -> PathBuf {
        names::segment_path(&self.path, id)
    }

    /// Creates a file that must not exist.
    pub fn create(&self, path: &Path) -> Result<Arc<dyn File>> {
        self.fs.create(path).map_err(|error| Error::io("creating", path, error))
    }

    /// Opens an existing file for reading.
    pub fn open(&self, path: &Path) -> Result<Arc<dyn File>> {
        self.fs.open(path, OpenMode::Read).map_err(|error| Error::io("opening", path, error))
    }

    /// Reads a whole file.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let file = self.open(path)?;
        let reading = |error| Error::io("reading", path, error);
        let length = file.len().map_err(reading)?;
        let mut bytes = memory::zeros(usize::try_from(length).map_err(|_| Error::NoMemory)?)?;
        file.read_exact_at(0, &mut bytes).map_err(reading)?;
        Ok(bytes)
    }

    /// All of a file that nobody writes to any more, to be kept: mapped, or read where it cannot be or is not to be.
    pub fn view(&self, path: &Path, mode: ReadMode) -> Result<Bytes> {
        let file = self.open(path)?;
        let length = file.len().map_err(|error| Error::io("reading the length of", path, error))?;
        if mode == ReadMode::Mmap {
            match file.map(length) {
                Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {}
                mapped => return mapped.map(Bytes::file).map_err(|error| Error::io("mapping", path, error)),
            }
        }
        Bytes::filled(usize::try_from(length).map_err(|_| Error::NoMemory)?, |into| {
            file.read_exact_at(0, into).map_err(|error| Error::io("reading", path, error))
        })
    }

    /// Makes the names in the directory durable.
    pub fn sync(&self) -> Result<()> {
        let held = self.held.lock().clone();
        let synced = match &held {
            Some(held) => held.sync(),
            None => self.fs.sync_dir(&self.path),
        };
        synced.map_err(|error| Error::unknown("syncing the directory", &self.path, error))
    }

    /// Puts a file that `write` fills, complete and durable, in the place of `name`. `temporary` must be a name that
    /// counts for nothing; what an earlier attempt left there is removed.
    pub fn replace(
        &self,
        temporary: &str,
        name: &str,
        write: impl FnOnce(Replacement<'_>) -> Result<()>,
    ) -> Result<Arc<dyn File>> {
        let (from, to) = (self.join(temporary), self.join(name));
        self.remove(&from)?;
        let file = self.create(&from)?;
        let written = write(Replacement { file: &*file, path: &from, length: 0 });
        let synced = written.and_then(|()| file.sync().map_err(|error| Error::io("syncing", &from, error)));
        let renamed = synced.and_then(|()| {
            self.fs.rename(&from, &to).map_err(|error| match Error::io("renaming to", &to, error) {
                // Refused for want of room, it did not happen; after any other failure it may have.
                Error::Io { action, path, source } => Error::CommitUnknown { action, path, source },
                refused => refused,
            })
        });
        renamed.inspect_err(|error| {
            // On a full disk its room is needed. Left behind, the next attempt or open removes it.
            if !matches!(error, Error::CommitUnknown { .. }) {
                let _ = self.remove(&from);
            }
        })?;
        self.sync()?;
        Ok(file)
    }

    /// Removes a file; no error where there is none.
    pub fn remove(&self, path: &Path) -> Result<()> {
        match self.fs.unlink(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("removing", path, error)),
            _ => Ok(()),
        }
    }
}

/// A file that is being written, to take another one's place.
pub struct Replacement<'a> {
    file: &'a dyn File,
    path: &'a Path,
    length: u64,
}

impl Replacement<'_> {
    /// Writes bytes at an offset.
    pub fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(offset, bytes).map_err(|error| Error::io("writing", self.path, error))?;
        self.length = self.length.max(offset + bytes.len() as u64);
        Ok(())
    }

    /// How long the file is.
    pub fn length(&self) -> u64 {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::os::OsFileSystem;
    use crate::vfs::sim::{Errno, Fault, Op, SimDisk};

    /// Its path may lead elsewhere by then, and to open it may want for a descriptor.
    #[test]
    fn a_directory_that_is_held_is_synced_wherever_it_went() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("store");
        std::fs::create_dir(&path).unwrap();
        let dir = Dir::new(Arc::new(OsFileSystem), &path);
        let by_name = Dir::new(Arc::new(OsFileSystem), &path);
        dir.hold().unwrap();
        std::fs::rename(&path, temporary.path().join("moved")).unwrap();
        assert!(dir.sync().is_ok() && by_name.sync().is_err());
    }

    #[test]
    fn what_no_system_can_map_is_read_and_a_failure_is_one() {
        let disk = SimDisk::new(1);
        let dir = Dir::new(Arc::new(disk.clone()), Path::new("/data"));
        disk.create_dir_all(dir.path()).unwrap();
        let path = dir.join("file");
        disk.plant(&path, b"bytes");
        let view = |mode| dir.view(&path, mode).map(|bytes| (bytes.to_vec(), bytes.is_mapped()));
        assert_eq!(view(ReadMode::Mmap).unwrap(), (b"bytes".to_vec(), false));
        disk.allow_map();
        assert_eq!(view(ReadMode::Mmap).unwrap(), (b"bytes".to_vec(), true));
        assert_eq!(view(ReadMode::Pread).unwrap(), (b"bytes".to_vec(), false));
        disk.inject(Fault::new(&[Op::Map], 0, Errno::Eio));
        assert!(matches!(view(ReadMode::Mmap), Err(Error::Io { .. })));
    }

    #[test]
    fn a_replacement_that_finds_no_room_leaves_nothing_behind() {
        for op in [Op::Create, Op::Write, Op::Sync, Op::Rename] {
            let disk = SimDisk::new(1);
            let dir = Dir::new(Arc::new(disk.clone()), Path::new("/data"));
            disk.create_dir_all(dir.path()).unwrap();
            dir.replace("new", "name", |mut file| file.write_at(0, b"old")).unwrap();
            disk.inject(Fault::new(&[op], 0, Errno::Enospc));
            let refused = dir.replace("new", "name", |mut file| file.write_at(0, b"newer"));
            assert!(matches!(refused, Err(Error::NoSpace { .. })), "{op:?}");
            let files = disk.files(dir.path());
            assert_eq!(files.len(), 1, "{op:?}: {files:?}");
            assert_eq!(files[Path::new("name")], b"old");
        }
    }
}
