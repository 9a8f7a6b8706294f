//! Beginning to write a file to disk while the writer goes on.
//!
//! 1. Nothing is waited for and nothing is promised: pages are handed to the device, and `fdatasync` afterwards finds
//!    less to do.
//! 2. What goes wrong with those pages is not reported here: the kernel keeps it for the next `fdatasync`.

#![allow(unsafe_code)] // sync_file_range

use std::fs::File;
use std::os::fd::AsRawFd;

/// Begins to write the pages of a range that are not on disk.
pub(super) fn begin(file: &File, offset: u64, length: u64) {
    let (Ok(offset), Ok(length)) = (libc::off64_t::try_from(offset), libc::off64_t::try_from(length)) else { return };
    // SAFETY: sync_file_range takes a descriptor, which is open for the duration of the call, and numbers; no memory.
    // A system that cannot do it leaves the work to the sync.
    let _ = unsafe { libc::sync_file_range(file.as_raw_fd(), offset, length, libc::SYNC_FILE_RANGE_WRITE) };
}
