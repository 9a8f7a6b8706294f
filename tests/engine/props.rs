//! The whole public interface as a state machine, beside the model: random steps, shrunk where they fail.
//!
//! ```text
//!   steps    plain data, what proptest makes and shrinks
//!   calls    one call of a batch: made, judged, and made once more on the model at its commit
//!   held     batches, views, cursors and pinned bytes that stay open through everything else
//!   run      the store and its model, a step at a time
//!   bad      calls that must be refused
//! ```
//!
//! 1. Every result is compared: what the model says, or the refusal that the documentation names.
//! 2. A case ends with everything that is held looked at, a full check, and the store opened with its checkpoint and
//!    without one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::model::Stop;
use crate::{setting, setting_if_set};

mod bad;
mod calls;
mod held;
mod run;
mod steps;

use run::Run;
use steps::Case;

/// Cases and operations of a run.
#[derive(Default)]
struct Done {
    cases: AtomicU64,
    operations: AtomicU64,
}

fn run_case(case: &Case, done: &Done) -> Result<(), TestCaseError> {
    let mut run = Run::new(case);
    let outcome = case.steps.iter().try_for_each(|step| run.step(step)).and_then(|()| run.end());
    match outcome {
        Ok(()) => {
            done.cases.fetch_add(1, Ordering::Relaxed);
            done.operations.fetch_add(run.operations, Ordering::Relaxed);
            Ok(())
        }
        Err(Stop::Wrong(what)) => Err(TestCaseError::fail(what)),
        Err(Stop::Failed(error)) => Err(TestCaseError::fail(format!("a call failed: {error}"))),
    }
}

/// Runs so many cases of one thread; panics with the smallest one that fails, and the command that finds it again.
fn run_cases(seed: u64, thread: u64, cases: u64, done: &Done) {
    let config = ProptestConfig {
        cases: cases as u32,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.wrapping_mul(1000).wrapping_add(thread).to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let (reason, case) = match runner.run(&steps::case(), |case| run_case(&case, done)) {
        Ok(()) => return,
        Err(TestError::Fail(reason, case)) => (reason, format!("{case:?}")),
        Err(TestError::Abort(reason)) => (reason, String::new()),
    };
    let test = "props::the_store_does_what_the_model_does";
    panic!(
        "{reason}\n{case}\n  again:\n    STRATUM_SEED={seed} STRATUM_THREAD={thread} STRATUM_CASES={cases} cargo test \
         --test engine {test}"
    );
}

#[test]
fn the_store_does_what_the_model_does() {
    let (cases, seed) = (setting("STRATUM_CASES", 20_000), setting("STRATUM_SEED", 1));
    let threads = thread::available_parallelism().map_or(2, |count| count.get() as u64);
    let threads = setting_if_set("STRATUM_THREAD").map_or(0..threads, |thread| thread..thread + 1);
    let each = cases.div_ceil(threads.end - threads.start);
    let done = Done::default();
    thread::scope(|scope| {
        let done = &done;
        let run = |thread| scope.spawn(move || run_cases(seed, thread, each, done));
        for thread in threads.map(run).collect::<Vec<_>>() {
            // With what it says, and not with the scope's words.
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    let (ran, operations) = (done.cases.into_inner(), done.operations.into_inner());
    println!("{ran} cases, {operations} operations");
    assert!(ran >= cases, "{ran} cases of {cases}");
    assert!(operations >= ran * 100, "{operations} operations in {ran} cases");
}
