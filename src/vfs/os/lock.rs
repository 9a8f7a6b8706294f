//! The lock of a store: flock on a file of its own.
//!
//! 1. flock belongs to the open file description: a second open in the same process conflicts too, and closing
//!    some other descriptor of the file gives nothing up (as fcntl locks would).
//! 2. The lock is given up by closing only, never by LOCK_UN: a forked child shares the description, and
//!    unlocking there would take the lock from its parent.

#![allow(unsafe_code)] // flock

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::vfs::FileLock;

/// A held lock; the kernel drops it with the last descriptor.
struct HeldLock {
    _file: File,
}

impl FileLock for HeldLock {}

/// Takes the lock at once, or says `None` where someone else has it.
pub(super) fn take(path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    loop {
        // SAFETY: flock takes a descriptor, which is open for the duration of the call, and flags; no memory.
        if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
            return Ok(Some(Box::new(HeldLock { _file: file })));
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::WouldBlock => return Ok(None),
            _ => return Err(error),
        }
    }
}
