//! The lock of a store: flock on a file of its own.
//!
//! 1. flock belongs to the open file description: a second open in the same process conflicts too, and closing
//!    some other descriptor of the file gives nothing up (as fcntl locks would).
//! 2. The process that took the lock gives it up by LOCK_UN: a child between its fork and its exec shares the
//!    description, and closing alone would leave the lock to it.
//! 3. A forked child never unlocks, which would take the lock from its parent: it only closes.

#![allow(unsafe_code)] // flock

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use super::fork;
use crate::vfs::FileLock;

/// A held lock.
struct HeldLock {
    file: File,
    /// Of the process that took it.
    generation: u64,
}

impl FileLock for HeldLock {}

impl Drop for HeldLock {
    fn drop(&mut self) {
        if self.generation == fork::generation() {
            // SAFETY: flock takes a descriptor, which is open until this returns, and flags; no memory. Where it fails,
            // closing the descriptor does it.
            unsafe { libc::flock(self.file.as_raw_fd(), libc::LOCK_UN) };
        }
    }
}

/// Takes the lock at once, or says `None` where someone else has it.
pub(super) fn take(path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
    lock(super::ordinary(path, OpenOptions::new().create(true).truncate(false), true)?, libc::LOCK_EX)
}

/// Shares the lock at once, or says `None` where someone has it for himself. Changes nothing: it works on a medium
/// that is read-only.
pub(super) fn share(path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
    lock(super::ordinary(path, &mut OpenOptions::new(), false)?, libc::LOCK_SH)
}

fn lock(file: File, how: libc::c_int) -> io::Result<Option<Box<dyn FileLock>>> {
    loop {
        // SAFETY: flock takes a descriptor, which is open for the duration of the call, and flags; no memory.
        if unsafe { libc::flock(file.as_raw_fd(), how | libc::LOCK_NB) } == 0 {
            return Ok(Some(Box::new(HeldLock { file, generation: fork::generation() })));
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::WouldBlock => return Ok(None),
            _ => return Err(error),
        }
    }
}
