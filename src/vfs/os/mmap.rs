//! Files mapped for reading.
//!
//! 1. A mapping outlives the descriptor it was made from and the file's name; it ends when it is dropped.
//! 2. It may be longer than the file, which may grow into it. Bytes past the file's end must not be touched:
//!    the kernel answers with SIGBUS, as it does where the disk fails under a mapping.
//! 3. What was read from a mapping does not change: the engine never overwrites nor truncates bytes that it has
//!    published to readers.

#![allow(unsafe_code)] // mmap, munmap, and a slice over what they give

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

use crate::vfs::Mapping;

/// The first `length` bytes of a file in memory.
pub(super) struct Map {
    /// Start of the mapped pages; dangling where `length` is zero.
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapped pages belong to this value alone, are read-only through it, and have no tie to a thread.
unsafe impl Send for Map {}
// SAFETY: as above; shared access only ever reads.
unsafe impl Sync for Map {}

impl Map {
    /// Maps the first `length` bytes of `file`, be the file as long or not.
    pub(super) fn new(file: &File, length: u64) -> io::Result<Map> {
        let length = usize::try_from(length)
            .ok()
            .filter(|length| isize::try_from(*length).is_ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "longer than this machine can map"))?;
        if length == 0 {
            return Ok(Map { start: NonNull::dangling(), length });
        }
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours; length is above
        // zero and at most isize::MAX; the descriptor is open for the duration of the call.
        let start =
            unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        match NonNull::new(start.cast::<u8>()) {
            Some(start) => Ok(Map { start, length }),
            None => Err(io::Error::other("the kernel mapped a file at address zero")),
        }
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `start` is valid for `length` bytes until drop, or dangling with length zero. The bytes that a
        // caller may touch are those below the published length, and those never change (invariant 3); a slice
        // reference by itself makes nobody load the rest (invariant 2).
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Mapping for Map {}

impl Drop for Map {
    fn drop(&mut self) {
        if self.length == 0 {
            return;
        }
        // SAFETY: exactly the range that mmap returned, unmapped once; borrows of it ended with `self`.
        let outcome = unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
        // It can only fail for a range that is not page-aligned or not ours, which `new` rules out.
        debug_assert_eq!(outcome, 0, "munmap: {}", io::Error::last_os_error());
    }
}
