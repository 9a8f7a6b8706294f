//! Random work on a store beside the model of the engine's tests.
//!
//! 1. The bytes are steps of `tests/engine/workload.rs`; whatever they are, no call fails but with `NotFound`, and the
//!    store shows what the model shows: the latest view, kept views, pinned bytes, after reopening, folds and
//!    compaction.

#![no_main]

// The tests' harness, as it is; not all of it is needed here.
#[allow(dead_code)]
#[path = "../../tests/engine/model.rs"]
mod model;
#[allow(dead_code)]
#[path = "../../tests/engine/runner.rs"]
mod runner;
mod source;
#[allow(dead_code)]
#[path = "../../tests/engine/values.rs"]
mod values;
#[allow(dead_code)]
#[path = "../../tests/engine/workload.rs"]
mod workload;

use libfuzzer_sys::fuzz_target;
use runner::{Context, Run};
use source::Source;
use stratum::Durability;
use stratum::vfs::sim::SimDisk;
use workload::{CALLS, Call, End, Step, Workload, small_options};

const MOST_STEPS: usize = 60;

fuzz_target!(|bytes: &[u8]| {
    let mut source = Source::new(bytes);
    let sizes = u32::from(source.byte());
    let mut steps = Vec::new();
    while !source.is_empty() && steps.len() < MOST_STEPS {
        steps.push(step(&mut source));
    }
    let workload = Workload { seed: u64::from(sizes), options: small_options(sizes), steps };
    let _context = Context(|| format!("{workload:#?}"));
    let mut run = Run::new(&SimDisk::new(workload.seed), &workload.options);
    let outcome = run.run(&workload).and_then(|()| run.reopen(true)).and_then(|()| run.compare());
    if let Err(stop) = outcome {
        panic!("{stop:?}");
    }
});

fn step(source: &mut Source<'_>) -> Step {
    let what = source.byte();
    match what % 16 {
        0 => Step::Flush,
        1 => Step::Compact,
        2 => Step::CompactALittle,
        3 => Step::Checkpoint,
        4 => Step::Reopen { close: what >= 128 },
        5 => Step::Keep { snapshot: what >= 128 },
        6 => Step::Release,
        7 => Step::Compare,
        8 => Step::Verify,
        _ => {
            let count = 1 + usize::from(what >> 4) % 5;
            let ends = [End::Commit, End::Commit, End::CommitWith(Durability::Os), End::Abandon, End::Clear];
            let end = ends[usize::from(source.byte()) % ends.len()];
            Step::Batch((0..count).map(|_| call(source)).collect(), end)
        }
    }
}

fn call(source: &mut Source<'_>) -> Call {
    Call {
        what: CALLS[usize::from(source.byte()) % CALLS.len()],
        document: source.byte(),
        input: source.byte(),
        content: u32::from(source.u16()),
    }
}
