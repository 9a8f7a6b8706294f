//! The names of the threads that a store starts for itself.
//!
//! 1. Whoever has to know one of these threads knows it by its name: debuggers and `top`, and the C API, whose host
//!    hears of no panic in it.

/// Compacts, and writes checkpoints.
pub const MAINTENANCE: &str = "stratum";
/// Syncs what commits leave to an interval.
pub const SYNCS: &str = "stratum-sync";

/// Whether a thread of this name is a store's own.
pub fn is_own(name: Option<&str>) -> bool {
    name.is_some_and(|name| [MAINTENANCE, SYNCS].contains(&name))
}
