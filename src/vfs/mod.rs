//! The file system behind one small trait: everything the engine does to a disk goes through here.
//!
//! 1. `os` is the real one; `sim` keeps durable and volatile views apart and produces crash images.
//! 2. The calls are the system's own, one each, so that a fault can be put at every one of them:
//!    `write_at` and `read_at` may be short and may be interrupted. The provided `write_all_at` and
//!    `read_exact_at` loop, as every caller must.
//! 3. Nobody syncs for you: file contents are durable after `File::sync`, names after `sync_dir`.

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub mod os;
pub mod sim;

/// A file system: the real one or a simulated one.
pub trait FileSystem: Send + Sync + 'static {
    /// Creates the directory and any missing parent; no error where it exists. Their names are durable then, and that
    /// of the last one that was there, whoever made it.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// The absolute path without links, `.` and `..`. Its end need not exist yet: then it is where `create_dir_all`
    /// would make it.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf>;
    /// Creates a file that must not exist yet, for reading and writing.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Opens an existing file, for reading or for both.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// Renames, replacing the target in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives the file a second name, which must not exist yet.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a name; open files and mappings stay readable.
    fn unlink(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory (file names, not paths), subdirectories included, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Keeps what `sync_dir` needs for a directory that is synced again and again; `None` where it needs nothing.
    fn hold_dir(&self, dir: &Path) -> io::Result<Option<Arc<dyn HeldDir>>> {
        let _ = dir;
        Ok(None)
    }
    /// Sixteen bytes that no other store has.
    fn unique_id(&self) -> io::Result<[u8; 16]>;
    /// Takes the advisory lock of a file, creating it if need be; `None` when it is taken.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>>;
    /// Shares the advisory lock of a file that exists, changing nothing: it keeps `lock` out, and `None` says that
    /// `lock` has it.
    fn lock_for_reading(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>>;
}

/// How an existing file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Reading only.
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// An open file. All calls may be made from any thread.
#[allow(clippy::len_without_is_empty)] // the length of a file is a system call that can fail
pub trait File: Send + Sync {
    /// Writes at a position; may write less than asked.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize>;
    /// Reads at a position; less than asked at the end of the file, and whenever it pleases.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Sets the length.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Reserves blocks for the first `length` bytes without changing the length.
    fn preallocate(&self, length: u64) -> io::Result<()>;
    /// Makes contents and length durable (fdatasync). After a failure it is not known what is: do not try again.
    fn sync(&self) -> io::Result<()>;
    /// Begins to write a range to disk, without waiting for it: the next `sync` finds less to do. A hint, which
    /// promises nothing; what became of it only `sync` tells.
    fn begin_sync(&self, offset: u64, length: u64) {
        let _ = (offset, length);
    }
    /// Maps the first `length` bytes for reading. The file may still grow into the mapping; bytes past
    /// its end must not be touched. `ErrorKind::Unsupported` where mappings are not to be had.
    fn map(&self, length: u64) -> io::Result<Box<dyn Mapping>>;

    /// Writes all of `bytes`, past short writes and interruptions.
    fn write_all_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(offset, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    offset += count as u64;
                    bytes = &bytes[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fills all of `into`, past short reads and interruptions; `UnexpectedEof` where the file ends first.
    fn read_exact_at(&self, mut offset: u64, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            match self.read_at(offset, into) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    offset += count as u64;
                    into = &mut into[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// An open directory.
pub trait HeldDir: Send + Sync {
    /// Makes the names in it durable, without opening anything.
    fn sync(&self) -> io::Result<()>;
}

/// A mapped file. It stays readable after the file was closed or unlinked.
pub trait Mapping: Deref<Target = [u8]> + Send + Sync {}

/// A held lock, given up on drop.
pub trait FileLock: Send + Sync {}

/// Whether a call was refused for want of descriptors or memory, which says nothing of the file that it was about.
pub fn is_want(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) || error.kind() == io::ErrorKind::OutOfMemory
}
