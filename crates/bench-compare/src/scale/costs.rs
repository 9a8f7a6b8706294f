//! What each operation costs in a store of one size, the engines by turns.
//!
//! 1. A store that is read from is proven first: all of its documents, or `PROVEN` of them all over it.
//! 2. Every size does the same number of operations, as far as it has the documents for them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use golden_sets::phases::{self, BATCH};
use golden_sets::workload::{INPUTS, Workload};
use golden_sets::{Engine, Kind, Sync};
use stratum::vfs::sim::Rng;
use tempfile::TempDir;

use super::figures::Figures;

const PROVEN: u64 = 20_000;
const READS: u64 = 200_000;
const SLICES: u64 = 4;
const DURABLE: u64 = 300;
const UPDATES: u64 = 100_000;
const DELETES: u64 = 50_000;

/// Reads of one document; false where an engine has nothing of the kind.
type Read = fn(&dyn Engine, u64, &mut Rng) -> bool;

const READING: [(&str, Read); 5] = [
    ("get blob, copied", |engine, id, _| {
        black_box(engine.blob(id));
        true
    }),
    ("get one input", |engine, id, rng| {
        black_box(engine.input(id, rng.below(INPUTS.into()) as u32));
        true
    }),
    ("get columns", |engine, id, _| {
        black_box(engine.columns(id));
        true
    }),
    ("read whole tree, decoded", |engine, id, _| {
        engine.visit_tree(id);
        true
    }),
    ("read whole tree, packed", |engine, id, _| {
        engine.with_packed(id, &mut |packed| {
            black_box(packed);
        })
    }),
];

struct Side {
    name: &'static str,
    engine: Box<dyn Engine>,
    _dir: TempDir,
}

/// Notes nanoseconds an operation.
pub fn measure(kinds: &[Kind], nodes: u64, seed: u64, figures: &mut Figures) {
    let workload = Workload::small(nodes / u64::from(INPUTS));
    let open = |kind: &Kind| {
        let dir = phases::scratch();
        Side { name: kind.name, engine: (kind.open)(dir.path()), _dir: dir }
    };
    let sides: Vec<Side> = kinds.iter().map(open).collect();
    let n = workload.documents;
    let mut note = |what: &str, side: &Side, count: u64, took: Duration| {
        figures.note(what, side.name, nodes, took.as_secs_f64() * 1e9 / count as f64);
    };
    for side in &sides {
        let (puts, sync) = load(&*side.engine, &workload);
        note("bulk put of a tree, batches of 100", side, n, puts);
        note("the same with the sync at its end", side, n, puts + sync);
        for document in (1..=n).step_by(n.div_ceil(PROVEN) as usize) {
            phases::prove_documents(&*side.engine, &workload, document, 1);
        }
    }
    for (what, read) in READING {
        for (side, took) in sides.iter().zip(read_by_turns(&sides, n, read)) {
            if let Some(took) = took {
                note(what, side, READS, took);
            }
        }
    }
    for side in &sides {
        let (_, mut latencies) = phases::put_durably(&*side.engine, &workload, 1, DURABLE);
        latencies.sort_unstable();
        note("durable put of a tree, half within", side, 1, phases::percentile(&latencies, 0.5));
    }
    for side in &sides {
        let count = UPDATES.min(n.max(1000));
        let (took, _) = phases::update_blobs(&*side.engine, &workload, &mut Rng::new(seed), count, || ());
        note("update blob, no sync", side, count, took);
    }
    let leaving = some_of(n, DELETES.min(n.div_ceil(2)), &mut Rng::new(seed + 1));
    for side in &sides {
        let took = phases::delete(&*side.engine, &leaving);
        note("delete tree, no sync", side, leaving.len() as u64, took);
    }
    sides.into_iter().for_each(|side| side.engine.close());
}

/// Puts all documents, then syncs.
pub fn load(engine: &dyn Engine, workload: &Workload) -> (Duration, Duration) {
    let n = workload.documents;
    let mut puts = Duration::ZERO;
    for first in (1..=n).step_by(BATCH as usize) {
        let trees = workload.trees(first, BATCH.min(n + 1 - first));
        let begun = Instant::now();
        black_box(engine.put(&trees, Sync::Later));
        puts += begun.elapsed();
    }
    let begun = Instant::now();
    engine.flush();
    (puts, begun.elapsed())
}

/// What `READS` reads take each side; none of a side that has no such call.
fn read_by_turns(sides: &[Side], documents: u64, read: Read) -> Vec<Option<Duration>> {
    let mut took = vec![Some(Duration::ZERO); sides.len()];
    for _ in 0..SLICES {
        for (side, took) in sides.iter().zip(&mut took) {
            if !read(&*side.engine, 1, &mut Rng::new(1)) {
                *took = None;
                continue;
            }
            let some = phases::read(&*side.engine, documents, (1, READS / SLICES), read);
            *took = took.map(|took| took + some);
        }
    }
    took
}

/// So many of the first documents, in no order.
fn some_of(documents: u64, count: u64, rng: &mut Rng) -> Vec<u64> {
    let mut all: Vec<u64> = (1..=documents).collect();
    for at in 0..count as usize {
        let other = at + rng.index(all.len() - at);
        all.swap(at, other);
    }
    all.truncate(count as usize);
    all
}
