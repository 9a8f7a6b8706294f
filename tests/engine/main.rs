//! The engine against its model: random work, crashes at every operation, and faults at every operation.
//!
//! One binary, since each costs a link step. What a failure prints is enough to repeat it:
//! `STRATUM_SEED=<seed> cargo test --test engine <name>` runs that workload alone.
//!
//! | variable | what it sets | default |
//! |---|---|---|
//! | `STRATUM_CRASH_POINTS` | crash points to look at, in all | 10000 |
//! | `STRATUM_FAULT_POINTS` | operations to put a fault at, in all | 4000 |
//! | `STRATUM_CASES` | lists of 100 operations or more for the model test | 20000 |
//! | `STRATUM_SEED` | one workload instead of many | none |

mod bounds;
mod crash;
mod faults;
mod gate;
mod groups;
mod hostile;
mod model;
mod props;
mod regressions;
mod runner;
mod values;
mod workload;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

/// The workloads to run: one where `STRATUM_SEED` names it, else all from `first` on.
fn seeds(first: u64) -> Box<dyn Iterator<Item = u64>> {
    match std::env::var("STRATUM_SEED") {
        Ok(_) => Box::new(std::iter::once(setting("STRATUM_SEED", 0))),
        Err(_) => Box::new(first..),
    }
}
