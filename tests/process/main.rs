//! Real processes on real file systems: killed, starved, raced, forked, interrupted.
//!
//! 1. What a worker process was told is written to a journal outside of the store, by one `write` a record, so that a
//!    kill loses nothing of it; the oracle knows the journal and the store, and nothing else.
//! 2. Every test that starts processes, mounts or takes up a limit ends them again, also when it fails.
//! 3. A tool or a right that is missing is a failure that says what to do.
//!
//! | variable | what it sets | default |
//! |---|---|---|
//! | `STRATUM_KILLS` | kills and injected faults, in all | 320 |
//! | `STRATUM_SEED` | where chance starts from | 1 |
//! | `STRATUM_MKFS` | the mkfs of a file system to fill in place of ext4 | none |
//! | `STRATUM_MKFS_MEGABYTES` | its size | 320 |
//! | `STRATUM_NO_LOOP_MOUNT` | 1: this machine may not mount, and somebody decided to go without | none |

mod child;
mod full;
mod inject;
mod journal;
mod kills;
mod limits;
#[path = "../engine/model.rs"]
#[allow(dead_code)] // its comparisons are for tests that live in the store's own process
mod model;
mod mounts;
mod openers;
mod programs;
#[path = "../capi/support.rs"]
#[allow(dead_code)] // its lists of functions are for the tests of the C ABI itself
mod support;
#[path = "../engine/values.rs"]
mod values;
mod worker;
#[path = "../engine/workload.rs"]
#[allow(dead_code)] // its steps are for tests that live in the store's own process
mod workload;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

/// How many of all kills and faults a test sees to, in thousandths.
struct Share(u64);

/// Killed at random moments.
const RANDOM: Share = Share(400);
/// Killed at random moments while it works through the C ABI.
const RANDOM_C: Share = Share(100);
/// Killed at the Nth system call.
const AT_CALL: Share = Share(250);
/// Given an error at the Nth system call.
const ERRORS: Share = Share(250);

const _: () = assert!(RANDOM.0 + RANDOM_C.0 + AT_CALL.0 + ERRORS.0 == 1000);

impl Share {
    fn count(&self) -> u64 {
        (setting("STRATUM_KILLS", 320) * self.0).div_ceil(1000)
    }
}

fn seed() -> u64 {
    setting("STRATUM_SEED", 1)
}

/// A folder for a test's stores: every second one in memory, where a life has time for more, if there is such a place.
fn folder(number: u64) -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = if number % 2 == 1 && memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}
