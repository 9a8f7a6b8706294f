//! Locks, atomics and threads, as the engine takes them.
//!
//! 1. Ordinarily these are parking_lot's locks and the standard library's atomics and threads, by their own names:
//!    nothing is wrapped, and nothing costs more.
//! 2. Under `--cfg loom` and `--cfg shuttle` they are those of the model checkers, so that the code that is checked
//!    is the code that runs (`.ci/models`).
//! 3. What all threads read and few replace is an `ArcSwap`: a load counts nothing that other threads count too. What
//!    they do count goes to a place of their own where it can (`stripe`).
//! 4. What never holds anything across a call of the engine stays out of this: the simulated disk, statistics.

pub mod caller;
pub mod clock;
#[cfg(any(loom, shuttle))]
mod modelled;
pub mod stripe;
pub mod worker;

#[cfg(not(any(loom, shuttle)))]
pub use arc_swap::{ArcSwap, ArcSwapOption, Guard};
#[cfg(any(loom, shuttle))]
pub use modelled::{ArcSwap, ArcSwapOption, Condvar, Guard, Mutex, MutexGuard, RwLock, atomic, thread};
#[cfg(not(any(loom, shuttle)))]
pub use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
#[cfg(not(any(loom, shuttle)))]
pub use std::{sync::atomic, thread};
