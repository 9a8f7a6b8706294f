//! What a process holds of the disk: open files, copies in place of mappings, locks.
//!
//! 1. Each gives up on drop what it holds, and takes the disk's lock for it: none is dropped under that lock.

use std::io;
use std::ops::Deref;
use std::sync::Arc;

#[cfg(not(shuttle))]
use parking_lot::Mutex;

use super::state::State;
#[cfg(shuttle)]
use crate::sync::Mutex;
use crate::vfs::{File, FileLock, Mapping, OpenMode};

/// An open file; the handle is counted in its inode.
pub(super) struct SimFile {
    state: Arc<Mutex<State>>,
    inode: u64,
    mode: OpenMode,
}

impl SimFile {
    pub(super) fn new(state: Arc<Mutex<State>>, inode: u64, mode: OpenMode) -> SimFile {
        SimFile { state, inode, mode }
    }

    fn check_writable(&self) -> io::Result<()> {
        match self.mode {
            OpenMode::ReadWrite => Ok(()),
            OpenMode::Read => Err(io::Error::from_raw_os_error(libc::EBADF)),
        }
    }
}

impl File for SimFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.check_writable()?;
        self.state.lock().write(self.inode, offset, bytes)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.state.lock().read(self.inode, offset, into)
    }

    fn len(&self) -> io::Result<u64> {
        self.state.lock().length(self.inode)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.check_writable()?;
        self.state.lock().truncate(self.inode, length)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.check_writable()?;
        self.state.lock().preallocate(self.inode, length)
    }

    fn sync(&self) -> io::Result<()> {
        self.state.lock().sync(self.inode)
    }

    fn map(&self, length: u64) -> io::Result<Box<dyn Mapping>> {
        let bytes = self.state.lock().map(self.inode, length)?;
        Ok(Box::new(Copied { bytes }))
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.state.lock().close(self.inode);
    }
}

/// A mapping of bytes that do not change any more: a copy does.
struct Copied {
    bytes: Vec<u8>,
}

impl Deref for Copied {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Mapping for Copied {}

/// A held lock.
pub(super) struct SimLock {
    state: Arc<Mutex<State>>,
    inode: u64,
}

impl SimLock {
    pub(super) fn new(state: Arc<Mutex<State>>, inode: u64) -> SimLock {
        SimLock { state, inode }
    }
}

impl FileLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.state.lock().unlock(self.inode);
    }
}
