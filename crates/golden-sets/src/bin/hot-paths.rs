//! One hot path, run a fixed number of times, for counting its instructions: `hot-paths PHASE` (`.ci/instructions`).
//!
//! 1. Only what lies below `counted` is counted; making the store and what the phase writes is not.
//! 2. The store has no thread of its own: the same instructions every time. What the kernel does is not counted.
//! 3. Without a phase, their names are printed, one a line: the one list of them.
//! 4. Those of the yardstick stand beside Stratum's, so that it can be said what a difference in time consists of.

use std::hint::black_box;
use std::path::Path;

use golden_sets::native::Stratum;
use golden_sets::through_c::ThroughC;
use golden_sets::workload::Workload;
use golden_sets::{Engine, Sync, phases, raw};
use stratum::Options;
use stratum::vfs::sim::Rng;

/// Documents that the store holds before the phase.
const DOCUMENTS: u64 = 2000;
/// Times that the phase does its work; `.ci/instructions` divides by it.
const OPERATIONS: u64 = 1000;

/// Does its work once, the number of which is given.
type Operation = fn(&dyn Engine, &Workload, u64);

/// Opens a store that has no thread of its own.
type Open = fn(&Path) -> Box<dyn Engine>;

const RUST: Open = |dir| {
    let mut options = Options::default();
    options.background = false;
    Box::new(Stratum::open(dir, &options))
};
const C: Open = |dir| Box::new(ThroughC::open(dir, false));
const RAW: Open = raw::RAW.open;

const PHASES: &[(&str, Open, Operation)] = &[
    ("put_tree", RUST, put_tree),
    ("append_input", RUST, |engine, workload, at| {
        engine.add_input(at, &workload.tree(at + 1).inputs[0].value);
    }),
    ("update_blob", RUST, update_blob),
    ("delete_document", RUST, |engine, _, at| engine.delete(at)),
    ("read_blob", RUST, |engine, _, at| with_blob(engine, at)),
    ("read_input", RUST, |engine, _, at| drop(black_box(engine.input(at, 3)))),
    ("read_columns", RUST, |engine, _, at| drop(black_box(engine.columns(at)))),
    ("read_tree", RUST, read_tree),
    ("read_packed", RUST, |engine, _, at| {
        let is_packed = engine.with_packed(at, &mut |packed| {
            black_box(packed);
        });
        assert!(is_packed, "the packed tree");
    }),
    ("c_read_blob", C, |engine, _, at| with_blob(engine, at)),
    ("c_view_tree", C, |engine, _, at| engine.visit_tree(at)),
    ("c_put_tree", C, put_tree),
    ("raw_put_tree", RAW, put_tree),
    ("raw_update_blob", RAW, update_blob),
    ("raw_delete_document", RAW, |engine, _, at| engine.delete(at)),
    ("raw_read_blob", RAW, |engine, _, at| with_blob(engine, at)),
    ("raw_read_tree", RAW, read_tree),
];

fn put_tree(engine: &dyn Engine, workload: &Workload, at: u64) {
    engine.put(&[workload.tree(at)], Sync::Later);
}

fn update_blob(engine: &dyn Engine, workload: &Workload, at: u64) {
    engine.set_blob(at % 250 + 1, workload.blob(&mut Rng::new(at)));
}

fn read_tree(engine: &dyn Engine, _: &Workload, at: u64) {
    drop(black_box(engine.tree(at)));
}

fn with_blob(engine: &dyn Engine, document: u64) {
    engine.with_blob(document, &mut |blob| {
        black_box(blob);
    });
}

#[inline(never)]
fn counted(operation: Operation, engine: &dyn Engine, workload: &Workload) {
    for at in 1..=OPERATIONS {
        operation(engine, workload, at);
    }
}

fn main() {
    let Some(wanted) = std::env::args().nth(1) else {
        println!("operations {OPERATIONS}");
        PHASES.iter().for_each(|(name, ..)| println!("{name}"));
        return;
    };
    let (_, open, operation) = PHASES.iter().find(|(name, ..)| *name == wanted).expect("a phase of that name");
    let dir = phases::scratch();
    let engine = open(dir.path());
    let workload = Workload::new(DOCUMENTS);
    phases::bulk_load(&*engine, &workload, 1, DOCUMENTS);
    counted(*operation, &*engine, &workload);
    engine.close();
}
