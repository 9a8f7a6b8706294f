//! The threads that a store starts for itself: their names, and how one of them knows that it is one.
//!
//! 1. Debuggers and `top` know them by their names. The library asks the thread itself: a thread whose own data is torn
//!    down has no name any more, and the C API has to know even there whether its host is to hear of a panic.

use std::cell::Cell;

/// Compacts, and writes checkpoints.
pub const MAINTENANCE: &str = "stratum";
/// Syncs what commits leave to an interval.
pub const SYNCS: &str = "stratum-sync";

thread_local! {
    static OWN: Cell<bool> = const { Cell::new(false) };
}

/// The calling thread is a store's own from here on.
pub fn begin() {
    OWN.set(true);
}

/// Whether the calling thread is a store's own.
pub fn is_own() -> bool {
    OWN.get()
}
