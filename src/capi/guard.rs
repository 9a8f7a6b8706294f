//! The wall between Rust and C: every function of the C API runs its body inside one of these.
//!
//! 1. No panic crosses: it comes back as `STRATUM_PANIC`, and the handles that were entered are poisoned
//!    (`handles::Entered`).
//! 2. No panic prints: the hook in front of the standard one is silent inside the wall and on the stores' own threads,
//!    and passes on everything else.
//! 3. `*error` is written once per call: NULL on success and on ordinary answers, otherwise a new error object.

#![allow(unsafe_code)] // the C boundary

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::Once;

use super::error::{ErrorObject, stratum_error};
use super::handles::{self, Handle};
use super::status::{Call, Failure, STRATUM_CLOSED, STRATUM_NOT_FOUND, STRATUM_OK, STRATUM_PANIC};
use crate::sync::worker;

thread_local! {
    /// How many walls this thread is inside of.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

/// Inside the wall for as long as it lives.
struct Inside;

impl Inside {
    fn new() -> Inside {
        INSIDE.with(|inside| inside.set(inside.get() + 1));
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with(|inside| inside.set(inside.get() - 1));
    }
}

/// Keeps panics inside the wall, and on the stores' own threads, from printing to the host's stderr.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let inside = INSIDE.try_with(|inside| inside.get() > 0).unwrap_or(false);
            if !inside && !worker::is_own() {
                before(info);
            }
        }));
    });
}

fn caught<T>(body: impl FnOnce() -> Call<T>) -> Call<T> {
    silence_panics();
    let inside = Inside::new();
    // what a body may have left half-changed is behind a handle, which is poisoned
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    drop(inside);
    result.unwrap_or_else(|payload| {
        let text = match payload
            .downcast::<&str>()
            .map(|text| text.to_string())
            .or_else(|other| other.downcast().map(|text| *text))
        {
            Ok(text) => text,
            Err(other) => {
                std::mem::forget(other); // its drop is foreign code, which might panic again
                String::new()
            }
        };
        Err(Failure::Refused(STRATUM_PANIC, format!("the library failed in itself: {text}").into()))
    })
}

/// Runs the body of a function that answers a status.
///
/// # Safety
/// `error` is NULL or leads to room for a pointer.
pub(super) unsafe fn call(error: *mut *mut stratum_error, body: impl FnOnce() -> Call<()>) -> i32 {
    let result = caught(body);
    let (code, object) = match &result {
        Ok(()) => (STRATUM_OK, ptr::null_mut()),
        Err(failure) => (failure.code(), if error.is_null() { ptr::null_mut() } else { error_object(failure) }),
    };
    if !error.is_null() && error.is_aligned() {
        // SAFETY: not NULL, aligned; the caller's promise.
        unsafe { error.write(object) }
    }
    code
}

/// NULL for ordinary answers, and where there is no handle left for it.
fn error_object(failure: &Failure) -> *mut stratum_error {
    if matches!(failure.code(), super::status::STRATUM_END | STRATUM_NOT_FOUND) {
        return ptr::null_mut();
    }
    caught(|| handles::insert::<stratum_error>(ErrorObject::new(failure))).unwrap_or(ptr::null_mut())
}

/// Runs the body of a function that answers something else; `otherwise` where it cannot.
pub(super) fn peek<T>(otherwise: T, body: impl FnOnce() -> Call<T>) -> T {
    caught(body).unwrap_or(otherwise)
}

/// Frees a handle: takes it out of the caller's variable, which becomes NULL.
///
/// # Safety
/// `variable` is NULL or leads to a pointer variable of the caller's.
pub(super) unsafe fn free<H: Handle>(variable: *mut *mut H) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        call(ptr::null_mut(), || match take(variable)? {
            None => Ok(()),
            Some(handle) => handles::close(handle).map(drop),
        })
    }
}

/// Takes a handle out of the caller's variable, which becomes NULL.
///
/// # Safety
/// As `free`.
pub(super) unsafe fn take<H: Handle>(variable: *mut *mut H) -> Call<Option<*mut H>> {
    if variable.is_null() || !variable.is_aligned() {
        return Ok(None);
    }
    // SAFETY: not NULL, aligned; the caller's promise.
    let handle = unsafe { variable.replace(ptr::null_mut()) };
    Ok((!handle.is_null()).then_some(handle))
}

/// `STRATUM_CLOSED` because the parent store is.
pub(super) fn store_closed() -> Failure {
    Failure::Refused(STRATUM_CLOSED, "the store was closed; open it again".into())
}

#[cfg(test)]
mod tests {
    use super::super::status::{STRATUM_END, STRATUM_INVALID_ARGUMENT, stratum_status_name};
    use super::*;
    use std::ffi::CStr;

    fn message(error: *const stratum_error) -> String {
        let text = super::super::error::stratum_error_message(error);
        // SAFETY: never NULL, NUL-terminated, and the error is open.
        unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_string()
    }

    /// Runs a body as a C function would.
    fn run(error: &mut *mut stratum_error, body: impl FnOnce() -> Call<()>) -> i32 {
        // SAFETY: the pointer comes from a reference.
        unsafe { call(error, body) }
    }

    #[test]
    fn a_panic_is_a_status_with_its_text() {
        let mut error = ptr::null_mut();
        assert_eq!(run(&mut error, || panic!("the {} broke", "wheel")), STRATUM_PANIC);
        assert_eq!(message(error), "the library failed in itself: the wheel broke");
        // SAFETY: the pointer comes from a reference.
        assert_eq!(unsafe { free(&raw mut error) }, STRATUM_OK);
        assert!(error.is_null());
        assert_eq!(message(error), "");
    }

    #[test]
    fn a_panic_on_a_thread_of_the_stores_ends_it() {
        run(&mut ptr::null_mut(), || Ok(()));
        for name in [worker::MAINTENANCE, worker::SYNCS] {
            let thread = std::thread::Builder::new().name(name.to_string()).spawn(|| {
                worker::begin();
                panic!("the wheel broke")
            });
            assert!(thread.unwrap().join().is_err());
        }
    }

    #[test]
    fn no_panic_of_the_library_prints_anything() {
        for name in ["a_panic_is_a_status_with_its_text", "a_panic_on_a_thread_of_the_stores_ends_it"] {
            let test = format!("capi::guard::tests::{name}");
            let mut command = std::process::Command::new(std::env::current_exe().unwrap());
            let output = command.args([&test, "--exact", "--nocapture"]).output().unwrap();
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{test} was not run");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{test}");
        }
    }

    #[test]
    fn ordinary_answers_make_no_error_and_clear_the_old_one() {
        let mut error = ptr::without_provenance_mut(8);
        assert_eq!(run(&mut error, || Err(Failure::End)), STRATUM_END);
        assert!(error.is_null());
        error = ptr::without_provenance_mut(8);
        assert_eq!(run(&mut error, || Err(crate::error::Missing::Id(0).into())), STRATUM_NOT_FOUND);
        assert!(error.is_null());
        error = ptr::without_provenance_mut(8);
        assert_eq!(run(&mut error, || Ok(())), STRATUM_OK);
        assert!(error.is_null());
    }

    #[test]
    fn a_failure_without_a_place_for_it_is_a_status_alone() {
        // SAFETY: NULL is allowed.
        let status = unsafe { call(ptr::null_mut(), || Err(Failure::argument("no"))) };
        assert_eq!(status, STRATUM_INVALID_ARGUMENT);
        assert!(!stratum_status_name(status).is_null());
    }

    #[test]
    fn a_message_with_a_nul_is_kept_whole() {
        let mut error = ptr::null_mut();
        run(&mut error, || Err(Failure::argument("a\0b")));
        assert_eq!(message(error), "a\u{fffd}b");
        // SAFETY: the pointer comes from a reference.
        unsafe { free(&raw mut error) };
    }
}
