//! Memory and work that hostile bytes may cost: bounded by how many of them there are.
//!
//! 1. An allocator counts what this thread holds. Its peak during a call stays below `FACTOR` times the bytes that
//!    were passed or planted, and `SLACK`, whatever counts and lengths the bytes claim.
//! 2. One test at a time measures: the others wait.

mod counting;
mod directories;
mod forms;
mod repair;
// What the fuzz targets use: checksums made to match.
#[path = "../../fuzz/targets/seal.rs"]
mod seal;

use std::sync::Mutex;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

static ONE: Mutex<()> = Mutex::new(());

/// Bytes held for each byte of input.
const FACTOR: usize = 24;
/// Bytes that any call may take: buffers, tables, an index page.
const SLACK: usize = 256 << 10;

/// Runs `work` on `input` bytes; fails where it held more than it may.
fn bounded<T>(what: &str, input: usize, work: impl FnOnce() -> T) -> T {
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (result, peak) = counting::peak(work);
    let limit = FACTOR * input + SLACK;
    assert!(peak <= limit, "{what}: {peak} bytes held for {input} bytes of input, at most {limit} are right");
    result
}

#[test]
fn the_bound_can_fail() {
    let outcome = std::panic::catch_unwind(|| bounded("a vector", 10, || Vec::<u8>::with_capacity(SLACK + 1000)));
    assert!(outcome.is_err());
    // What is taken from outside of the measured call does not count.
    let outside = vec![0_u8; 2 * SLACK];
    bounded("nothing", 0, || outside.len());
}
