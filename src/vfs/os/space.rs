//! Reserving disk space ahead of writing.
//!
//! 1. The file's length stays (KEEP_SIZE), so that a reserved file still reads as what was written to it.
//! 2. A file system that cannot reserve is no error: the reservation is a kindness to the writer, and a write
//!    that finds no room says so itself. A full disk is an error, since that is what reserving is to find out.

#![allow(unsafe_code)] // fallocate

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Reserves blocks for the first `length` bytes of `file`.
pub(super) fn preallocate(file: &File, length: u64) -> io::Result<()> {
    if length == 0 {
        return Ok(()); // fallocate refuses an empty range
    }
    let length = libc::off_t::try_from(length).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    loop {
        // SAFETY: fallocate takes a descriptor, which is open for the duration of the call, and numbers; no memory.
        if unsafe { libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, 0, length) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP | libc::ENOSYS) => return Ok(()),
            _ => return Err(error),
        }
    }
}
