//! A store, threads that work on it, and what they may see of each other.
//!
//! 1. Every commit writes one stamp into all shared documents, and creates or deletes documents of its thread's own. So
//!    what a moment must look like follows from the commits up to its sequence number, and from nothing else.
//! 2. Threads note what was acknowledged and what they saw; it is compared when all of them are done, and again with
//!    what a restart and power losses leave.
//! 3. All chance is the scheduler's, so that a schedule can be run again.
#![cfg(shuttle)]

mod history;
mod work;

pub use work::{Scenario, run};
