//! Error objects: what stands behind a status that is a failure.

#![allow(unsafe_code)] // the C boundary

use std::ffi::{CString, c_char};

use super::guard;
use super::handles::{self, Handle, Kind};
use super::status::{Failure, STRATUM_INVALID_HANDLE};

/// What went wrong: a code, a text, and the system's error number where there is one. Made by a failing call for its
/// last argument; the caller frees it with stratum_error_free.
pub struct stratum_error(());

/// What an error handle holds.
pub(super) struct ErrorObject {
    code: i32,
    message: CString,
    os_errno: i32,
}

impl Handle for stratum_error {
    const KIND: Kind = Kind::Error;
    type Object = ErrorObject;
}

impl ErrorObject {
    pub(super) fn new(failure: &Failure) -> ErrorObject {
        let (message, os_errno) = match failure {
            Failure::Engine(error) => (error.to_string(), error.os_error().unwrap_or(0)),
            Failure::Refused(_, text) => (text.to_string(), 0),
            Failure::End => ("the cursor has passed its last row".to_string(), 0),
        };
        // a C text ends at its first NUL, which a path may hold
        let message = CString::new(message.replace('\0', "\u{fffd}")).unwrap_or_default();
        ErrorObject { code: failure.code(), message, os_errno }
    }
}

/// The status that the failing call answered; STRATUM_INVALID_HANDLE where `error` is not an open error handle.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_error_code(error: *const stratum_error) -> i32 {
    guard::peek(STRATUM_INVALID_HANDLE, || Ok(handles::enter(error)?.code))
}

/// What happened, to which file or id, and what to do: UTF-8, NUL-terminated, never NULL, empty where `error` is not
/// an open error handle. Borrowed: valid until the error is freed.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_error_message(error: *const stratum_error) -> *const c_char {
    guard::peek(c"".as_ptr(), || Ok(handles::enter(error)?.message.as_ptr()))
}

/// The system's error number (errno) behind the failure, 0 where there is none.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_error_os_errno(error: *const stratum_error) -> i32 {
    guard::peek(0, || Ok(handles::enter(error)?.os_errno))
}

/// Frees the error and sets `*error` to NULL; its message ends. A NULL is no error.
/// Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_error_free(error: *mut *mut stratum_error) -> i32 {
    // SAFETY: the caller's pointer to its own variable, as the header's conventions demand.
    unsafe { guard::free(error) }
}
