//! Status codes: what every call of the C API answers.
//!
//! 1. A code never changes its number or its meaning; new ones are added. 0 is success, 1 and 2 are ordinary
//!    answers that allocate nothing, 10 and above are failures.
//! 2. `TABLE` is the one list of them; `stratum_status_name` reads it, and a test holds the header against it.

#![allow(unsafe_code)] // the extern "C" functions carry `no_mangle`, which can clash at link time

use std::borrow::Cow;
use std::ffi::{CStr, c_char};

use crate::error::Error;

/// Done.
pub const STRATUM_OK: i32 = 0;
/// The document, input, output or column is not there. Allocates nothing; no stratum_error is made.
pub const STRATUM_NOT_FOUND: i32 = 1;
/// A cursor has passed its last row. Allocates nothing; no stratum_error is made.
pub const STRATUM_END: i32 = 2;
/// An argument can never be right: NULL where there must be something, text that is not UTF-8, a map with a
/// key twice, an unknown option or constant, a wrong struct_size...
pub const STRATUM_INVALID_ARGUMENT: i32 = 10;
/// The pointer is no handle of this type and never was one.
pub const STRATUM_INVALID_HANDLE: i32 = 11;
/// The handle was closed or freed, or belongs to a store that was closed.
pub const STRATUM_CLOSED: i32 = 12;
/// The batch or cursor is in use by another thread right now, or the call is not allowed inside a callback.
pub const STRATUM_BUSY: i32 = 13;
/// The caller's buffer cannot hold the answer; the length that is needed was stored.
pub const STRATUM_BUFFER_TOO_SMALL: i32 = 14;
/// Over a limit (max_record_bytes, max_batch_bytes, 4 GiB for any argument); nothing was written.
pub const STRATUM_TOO_LARGE: i32 = 15;
/// There are as many handles open as there can be (16 million, or what there is memory for): free some.
pub const STRATUM_TOO_MANY_HANDLES: i32 = 16;
/// The system refused memory that the size of what is read or written asks for. Nothing was changed. Any function that
/// takes or gives data can answer it. Pieces under 32 KiB are taken for granted: where not even those are to be had,
/// the process ends.
pub const STRATUM_NO_MEMORY: i32 = 17;
/// Stored bytes do not check out. Nothing was changed.
pub const STRATUM_CORRUPTION: i32 = 20;
/// The operating system refused an operation; see stratum_error_os_errno.
pub const STRATUM_IO: i32 = 21;
/// The disk is full. Nothing was changed, and writing works again when there is room.
pub const STRATUM_NO_SPACE: i32 = 22;
/// The store is open elsewhere.
pub const STRATUM_LOCKED: i32 = 23;
/// The directory holds something that is not a store. It was not touched.
pub const STRATUM_NOT_A_STORE: i32 = 24;
/// A newer version wrote this. It was not touched.
pub const STRATUM_NEWER_FORMAT: i32 = 25;
/// There is no store and `create` is off, or there is one and `exclusive` is on.
pub const STRATUM_OPEN_REFUSED: i32 = 26;
/// A sync failed: reopening the store tells whether this commit is in it.
pub const STRATUM_COMMIT_UNKNOWN: i32 = 27;
/// An earlier sync failed: reads go on, writes are refused until the store is reopened.
pub const STRATUM_POISONED: i32 = 28;
/// The snapshot held more than max_retained_bytes and was given up; take a new one.
pub const STRATUM_SNAPSHOT_TOO_OLD: i32 = 29;
/// This process is a fork of the one that opened the store.
pub const STRATUM_FORKED: i32 = 30;
/// The library failed in itself (a bug: please report it). The handle takes no further calls but close or free.
pub const STRATUM_PANIC: i32 = 99;

static TABLE: &[(i32, &CStr)] = &[
    (STRATUM_OK, c"STRATUM_OK"),
    (STRATUM_NOT_FOUND, c"STRATUM_NOT_FOUND"),
    (STRATUM_END, c"STRATUM_END"),
    (STRATUM_INVALID_ARGUMENT, c"STRATUM_INVALID_ARGUMENT"),
    (STRATUM_INVALID_HANDLE, c"STRATUM_INVALID_HANDLE"),
    (STRATUM_CLOSED, c"STRATUM_CLOSED"),
    (STRATUM_BUSY, c"STRATUM_BUSY"),
    (STRATUM_BUFFER_TOO_SMALL, c"STRATUM_BUFFER_TOO_SMALL"),
    (STRATUM_TOO_LARGE, c"STRATUM_TOO_LARGE"),
    (STRATUM_TOO_MANY_HANDLES, c"STRATUM_TOO_MANY_HANDLES"),
    (STRATUM_NO_MEMORY, c"STRATUM_NO_MEMORY"),
    (STRATUM_CORRUPTION, c"STRATUM_CORRUPTION"),
    (STRATUM_IO, c"STRATUM_IO"),
    (STRATUM_NO_SPACE, c"STRATUM_NO_SPACE"),
    (STRATUM_LOCKED, c"STRATUM_LOCKED"),
    (STRATUM_NOT_A_STORE, c"STRATUM_NOT_A_STORE"),
    (STRATUM_NEWER_FORMAT, c"STRATUM_NEWER_FORMAT"),
    (STRATUM_OPEN_REFUSED, c"STRATUM_OPEN_REFUSED"),
    (STRATUM_COMMIT_UNKNOWN, c"STRATUM_COMMIT_UNKNOWN"),
    (STRATUM_POISONED, c"STRATUM_POISONED"),
    (STRATUM_SNAPSHOT_TOO_OLD, c"STRATUM_SNAPSHOT_TOO_OLD"),
    (STRATUM_FORKED, c"STRATUM_FORKED"),
    (STRATUM_PANIC, c"STRATUM_PANIC"),
];

/// The name of a status, "STRATUM_LOCKED" for example; "STRATUM_UNKNOWN" for a number that is none. Never NULL;
/// the text is static and NUL-terminated.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_status_name(status: i32) -> *const c_char {
    let entry = TABLE.iter().find(|(code, _)| *code == status);
    entry.map_or(c"STRATUM_UNKNOWN", |(_, name)| name).as_ptr()
}

/// The version of the library as text, "0.1.0" for example. Never NULL; static and NUL-terminated.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Why a call of the C API did not do what was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// The engine said so.
    Engine(Error),
    /// The C layer said so, with a text for the error object.
    Refused(i32, Cow<'static, str>),
    /// A cursor is at its end.
    End,
}

/// The result inside the C layer.
pub(super) type Call<T> = Result<T, Failure>;

impl Failure {
    /// `STRATUM_INVALID_ARGUMENT` with a text.
    pub(super) fn argument(text: impl Into<Cow<'static, str>>) -> Failure {
        Failure::Refused(STRATUM_INVALID_ARGUMENT, text.into())
    }

    /// The status that C gets.
    pub(super) fn code(&self) -> i32 {
        match self {
            Failure::Refused(code, _) => *code,
            Failure::End => STRATUM_END,
            Failure::Engine(error) => code_of(error),
        }
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Engine(error.into())
    }
}

fn code_of(error: &Error) -> i32 {
    match error {
        Error::NotFound(_) => STRATUM_NOT_FOUND,
        Error::InvalidArgument(_) => STRATUM_INVALID_ARGUMENT,
        Error::TooLarge { .. } => STRATUM_TOO_LARGE,
        Error::NoMemory => STRATUM_NO_MEMORY,
        Error::Corruption(_) => STRATUM_CORRUPTION,
        Error::Io { .. } => STRATUM_IO,
        Error::NoSpace { .. } => STRATUM_NO_SPACE,
        Error::Locked(_) => STRATUM_LOCKED,
        Error::NotAStore { .. } => STRATUM_NOT_A_STORE,
        Error::NewerFormat { .. } => STRATUM_NEWER_FORMAT,
        Error::OpenRefused { .. } => STRATUM_OPEN_REFUSED,
        Error::CommitUnknown { .. } => STRATUM_COMMIT_UNKNOWN,
        Error::Poisoned(_) => STRATUM_POISONED,
        Error::Closed => STRATUM_CLOSED,
        Error::SnapshotTooOld => STRATUM_SNAPSHOT_TOO_OLD,
        Error::Forked => STRATUM_FORKED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_rise_and_names_are_found() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (code, name) in TABLE {
            assert_eq!(stratum_status_name(*code), name.as_ptr());
        }
        assert_eq!(stratum_status_name(-1), stratum_status_name(i32::MAX));
    }

    #[test]
    fn every_status_constant_is_in_the_table() {
        let source = include_str!("status.rs");
        let constants = source.lines().filter_map(|line| line.strip_prefix("pub const STRATUM_"));
        let names: Vec<String> =
            constants.map(|rest| format!("STRATUM_{}", rest.split(':').next().unwrap_or_default())).collect();
        let table: Vec<&str> = TABLE.iter().map(|(_, name)| name.to_str().unwrap()).collect();
        assert_eq!(names, table);
    }
}
