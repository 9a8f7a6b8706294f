//! What a call costs from Rust, and what the same costs across the C ABI.
//!
//! ```text
//! bench-compare calls                 nanoseconds a call, medians of rounds by turns
//! ```
//!
//! 1. Two stores with the same small trees, so that copying bytes is little beside the call; none waits for the disk.
//! 2. Every call gives back a number that says what it saw; it is the same on both sides for every document.
//! 3. Writes go to documents that nothing is read from: what is read stays as it was put, one packed tree.
//! 4. A call across the C ABI is the whole of what a C program does: the result is freed, the value looked at, a tree
//!    that is put described.

mod c;
mod rust;

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use clap::Args;
use golden_sets::workload::{Workload, any_document};
use golden_sets::{Kind, native, phases, through_c};
use stratum::vfs::sim::Rng;

use crate::Outcome;
use crate::report::{median, number};
use crate::sheet::Sheet;

/// How much is measured.
#[derive(Args)]
pub struct Arguments {
    /// Rounds; each figure is the median of them
    #[arg(long, default_value_t = 21)]
    rounds: usize,
    /// Documents of a store, below 1 KB each
    #[arg(long, default_value_t = 1000)]
    documents: u64,
}

/// Times that a read is repeated in a round.
const READS: u64 = 5000;
const WRITES: u64 = 1000;
/// Changes in a large batch.
const MANY: u64 = 100;

/// The calls, on either side. Each gives back what it saw, as a number.
trait Calls {
    fn exists(&self, document: u64) -> u64;
    fn blob(&self, document: u64) -> u64;
    fn read_blob(&mut self, document: u64) -> u64;
    fn column(&self, document: u64) -> u64;
    fn columns(&self, document: u64) -> u64;
    fn input(&self, document: u64) -> u64;
    fn output(&self, document: u64) -> u64;
    fn tree(&self, document: u64) -> u64;
    fn packed_tree(&self, document: u64) -> u64;
    fn snapshot(&self) -> u64;
    fn set_blob(&self, document: u64) -> u64;
    fn append_input(&self, document: u64) -> u64;
    fn set_output(&self, document: u64) -> u64;
    /// Puts the tree that the side was opened with; gives back its id.
    fn put_tree(&mut self) -> u64;
    /// Deletes the document that was put last of those that are left; gives back its id.
    fn delete(&mut self) -> u64;
    fn empty_batch(&self) -> u64;
    fn batch(&self, document: u64, changes: u64) -> u64;
    fn close(self: Box<Self>);
}

/// One call: its name, how often it is made, how.
type Case = (&'static str, u64, fn(&mut dyn Calls, u64) -> u64);

/// The column that is read alone.
const COLUMN: &str = "name";
/// What is written.
const BLOB: [u8; 64] = [b'x'; 64];
/// Room for a blob.
const ROOM: usize = 2048;

const CASES: [Case; 11] = [
    ("exists", READS, |side, document| side.exists(document)),
    ("get blob, in place", READS, |side, document| side.blob(document)),
    ("read blob into a buffer", READS, |side, document| side.read_blob(document)),
    ("one column", READS, |side, document| side.column(document)),
    ("all columns", READS, |side, document| side.columns(document)),
    ("one input", READS, |side, document| side.input(document)),
    ("one output", READS, |side, document| side.output(document)),
    ("whole tree", READS, |side, document| side.tree(document)),
    ("packed tree, in place", READS, |side, document| side.packed_tree(document)),
    ("snapshot, open and free", READS, |side, _| side.snapshot()),
    ("batch, begin and free", READS, |side, _| side.empty_batch()),
];
const CHANGES: [Case; 7] = [
    ("set blob in one call", WRITES, |side, document| side.set_blob(document)),
    ("append input in one call", WRITES, |side, document| side.append_input(document)),
    ("set output in one call", WRITES, |side, document| side.set_output(document)),
    // The second deletes what the first put, in each round.
    ("put tree in one call", WRITES, |side, _| side.put_tree()),
    ("delete document in one call", WRITES, |side, _| side.delete()),
    ("batch of one set blob", WRITES, |side, document| side.batch(document, 1)),
    ("batch of 100 set blob", WRITES / MANY, |side, document| side.batch(document, MANY)),
];

/// Measures and prints.
pub fn run(arguments: &Arguments) -> Outcome {
    let n = arguments.documents;
    let workload = Workload::small(2 * n);
    // Behind the documents that are read come those that are written.
    let cases: Vec<_> = CASES.iter().map(|case| (case, 0)).chain(CHANGES.iter().map(|case| (case, n))).collect();
    let (rust_dir, c_dir) = (phases::scratch(), phases::scratch());
    make(native::STRATUM, rust_dir.path(), &workload);
    make(through_c::STRATUM_C, c_dir.path(), &workload);
    let tree = workload.tree(1);
    let mut sides: [Box<dyn Calls>; 2] =
        [rust::open(rust_dir.path(), tree.clone()), c::open(c_dir.path(), tree.clone())];
    for ((name, _, call), behind) in &cases {
        for document in 1..=n {
            let [rust, c] = &mut sides;
            let seen = [call(&mut **rust, behind + document), call(&mut **c, behind + document)];
            assert_eq!(seen[0], seen[1], "{name} of {document}");
        }
    }
    let mut figures: Vec<[Vec<f64>; 2]> = vec![Default::default(); cases.len()];
    for round in 0..arguments.rounds {
        for (((_, times, call), behind), figures) in cases.iter().zip(&mut figures) {
            for side in [round % 2, (round + 1) % 2] {
                let mut rng = Rng::new(round as u64);
                let documents: Vec<_> = (0..*times).map(|_| behind + any_document(&mut rng, n)).collect();
                let begun = Instant::now();
                for document in documents {
                    black_box(call(&mut *sides[side], document));
                }
                figures[side].push(begun.elapsed().as_nanos() as f64 / *times as f64);
            }
        }
    }
    sides.into_iter().for_each(Calls::close);
    let mut sheet = Sheet::new(["call (ns)", "Rust", "C", "C : Rust", "C - Rust"]);
    for (((name, ..), _), figures) in cases.iter().zip(&figures) {
        let [rust, c] = [0, 1].map(|side| median(&figures[side]).expect("there was a round"));
        sheet.row([(*name).to_string(), number(rust), number(c), format!("{:.2}", c / rust), number(c - rust)]);
    }
    println!("{n} documents of 10 inputs, medians of {} rounds\n", arguments.rounds);
    println!("{}", sheet.markdown());
    Ok(())
}

/// Makes a store and proves it.
fn make(kind: Kind, dir: &Path, workload: &Workload) {
    let engine = (kind.open)(dir);
    phases::bulk_load(&*engine, workload, 1, workload.documents);
    phases::prove_documents(&*engine, workload, 1, workload.documents);
    engine.close();
}
