//! One hot path, run a fixed number of times, for counting its instructions: `hot-paths PHASE` (`.ci/instructions`).
//!
//! 1. Only what lies below `counted` is counted; making the store and what the phase writes is not.
//! 2. The store has no thread of its own: the same instructions every time. What the kernel does is not counted.
//! 3. Without a phase, their names are printed, one a line: the one list of them.

use golden_sets::native::Stratum;
use golden_sets::workload::Workload;
use golden_sets::{Engine, Sync, phases};
use stratum::Options;
use stratum::vfs::sim::Rng;

/// Documents that the store holds before the phase.
const DOCUMENTS: u64 = 2000;
/// Times that the phase does its work; `.ci/instructions` divides by it.
const OPERATIONS: u64 = 1000;

/// Does its work once, the number of which is given.
type Operation = fn(&dyn Engine, &Workload, u64);

const PHASES: [(&str, Operation); 4] = [
    ("put_tree", |engine, workload, at| {
        engine.put(&[workload.tree(at)], Sync::Later);
    }),
    ("append_input", |engine, workload, at| {
        engine.add_input(at, &workload.tree(at + 1).inputs[0].value);
    }),
    ("update_blob", |engine, workload, at| {
        engine.set_blob(at % 250 + 1, workload.blob(&mut Rng::new(at)));
    }),
    ("delete_document", |engine, _, at| engine.delete(at)),
];

#[inline(never)]
fn counted(operation: Operation, engine: &dyn Engine, workload: &Workload) {
    for at in 1..=OPERATIONS {
        operation(engine, workload, at);
    }
}

fn main() {
    let Some(wanted) = std::env::args().nth(1) else {
        println!("operations {OPERATIONS}");
        PHASES.iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    let (_, operation) = PHASES.iter().find(|(name, _)| *name == wanted).expect("a phase of that name");
    let dir = phases::scratch();
    let mut options = Options::default();
    options.background = false;
    let engine = Stratum::open(dir.path(), &options);
    let workload = Workload::new(DOCUMENTS);
    phases::bulk_load(&engine, &workload, 1, DOCUMENTS);
    counted(*operation, &engine, &workload);
    Box::new(engine).close();
}
