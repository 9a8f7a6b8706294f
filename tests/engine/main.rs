//! The engine against its model: random work, crashes at every operation, and faults at every operation.
//!
//! One binary, since each costs a link step. A failure is shrunk, and prints its operations and the command that
//! repeats it: `STRATUM_SEED=<seed> STRATUM_STEPS=<steps> ... cargo test --test engine <name>`.
//!
//! | variable | what it sets | default |
//! |---|---|---|
//! | `STRATUM_CRASH_POINTS` | crash points to look at, in all, with 25 images for every three of them | 30000 |
//! | `STRATUM_FAULT_WORKLOADS` | workloads to put a fault of each kind at each operation of | 50 |
//! | `STRATUM_CASES` | lists of 100 operations or more for the model test | 20000 |
//! | `STRATUM_SEED` | one workload instead of many | none |
//! | `STRATUM_STEPS` | of that, the steps and calls that are kept | all |
//! | `STRATUM_POINT`, `STRATUM_IMAGE` | of that, one crash point, one image | all |
//! | `STRATUM_FAULT` | of that, one fault (its kind and place) | all |

mod bounds;
mod case;
mod closing;
mod crash;
mod faults;
mod gate;
mod groups;
mod hostile;
mod judge;
mod lies;
mod model;
mod others;
mod panics;
mod plain;
mod props;
mod regressions;
mod runner;
mod values;
mod workload;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    setting_if_set(name).unwrap_or(default)
}

fn setting_if_set(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
