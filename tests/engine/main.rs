//! The engine against its model: random work, crashes at every operation, and faults at every operation.
//!
//! One binary, since each costs a link step. A failure is shrunk, and prints its operations and the command that
//! repeats it: `STRATUM_SEED=<seed> STRATUM_STEPS=<steps> ... cargo test --test engine <name>`. Tests that always look
//! at the same print their name alone.
//!
//! | variable | what it sets | default |
//! |---|---|---|
//! | `STRATUM_CRASH_POINTS` | crash points to look at, in all, with 25 images for every three of them | 30000 |
//! | `STRATUM_FAULT_WORKLOADS` | workloads to put a fault of each kind at each operation of | 50 |
//! | `STRATUM_CASES` | lists of 100 operations or more for the model test | 20000 |
//! | `STRATUM_SEED` | where chance starts from | none |
//! | `STRATUM_STEPS` | the workload of that seed alone: the steps and calls of it that are kept | all |
//! | `STRATUM_POINT`, `STRATUM_IMAGE` | of that workload alone, one crash point, one image | all |
//! | `STRATUM_FAULT` | of that workload alone, one fault (its kind and place) | all |
//! | `STRATUM_THREAD` | of the model test, the lists of one thread alone | all |

/// Says on a panic which command runs the test again.
macro_rules! again {
    () => {{
        fn here() {}
        $crate::runner::Context(|| $crate::command_of(std::any::type_name_of_val(&here)))
    }};
}

mod beside;
mod bounds;
mod case;
mod closing;
mod crash;
mod evicted;
mod faults;
mod gate;
mod groups;
mod hostile;
mod judge;
mod lies;
mod model;
mod names;
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

/// Whether one case is to be repeated; then too little of everything is enough.
fn is_alone() -> bool {
    ["STRATUM_STEPS", "STRATUM_POINT", "STRATUM_IMAGE", "STRATUM_FAULT", "STRATUM_THREAD"]
        .iter()
        .any(|name| std::env::var_os(name).is_some())
}

/// The first seed of a test that has its seeds to itself from `first` on: other ones for each `STRATUM_SEED`.
fn first_seed(first: u64) -> u64 {
    first.wrapping_add(setting("STRATUM_SEED", 0) << 34)
}

/// The command that runs the test again that has something of that path in it.
fn command_of(within: &str) -> String {
    let test = within.trim_start_matches("engine::").trim_end_matches("::here");
    format!("again:\n  cargo test --test engine {test}")
}

#[test]
fn a_test_says_how_to_run_it_again() {
    fn here() {}
    let command = command_of(std::any::type_name_of_val(&here));
    assert_eq!(command, "again:\n  cargo test --test engine a_test_says_how_to_run_it_again");
}
