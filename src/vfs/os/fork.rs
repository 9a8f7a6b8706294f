//! Noticing that this process is a fork of the one that opened a store.
//!
//! 1. `generation` differs between a process and every child that it forked after the first call. Comparing two
//!    numbers is all it costs: no system call.
//! 2. The handler that runs in the child only adds to an atomic, which is allowed after fork in a threaded process.
//! 3. Where the handler cannot be registered (no memory), the process id stands in: slower, and as true but for
//!    ids that come round again.

#![allow(unsafe_code)] // pthread_atfork

use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static REGISTER: Once = Once::new();
static REGISTERED: AtomicBool = AtomicBool::new(false);
static GENERATION: AtomicU64 = AtomicU64::new(1 << 32);

/// How many forks lie between this process and the first; compare with what it was when the store was opened.
pub fn generation() -> u64 {
    REGISTER.call_once(|| {
        // SAFETY: the handler is a plain function of this library that does nothing but add to an atomic.
        let outcome = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        REGISTERED.store(outcome == 0, Ordering::Release);
    });
    if REGISTERED.load(Ordering::Acquire) { GENERATION.load(Ordering::Acquire) } else { u64::from(std::process::id()) }
}

/// Runs in the child, on the one thread it has, before fork returns there.
unsafe extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::AcqRel);
}
