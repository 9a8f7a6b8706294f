//! What is measured, once for both sides: each phase does its work on an engine and then proves that the engine holds
//! what the phase wrote.
//!
//! 1. Only the work is timed; making the contents and proving them is not.
//! 2. A proof compares everything that was written, document by document, through the call that a phase will time.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use stratum::vfs::sim::Rng;
use stratum::{Input, Tree, Value};
use tempfile::TempDir;

use crate::engine::{Engine, Sync};
use crate::workload::{INPUTS, Workload, any_document};

/// Trees in a batch of a bulk load.
pub const BATCH: u64 = 100;

/// A place for stores, on a real disk: `STRATUM_BENCH_DIR`, or else `target/bench` below the current directory.
pub fn scratch() -> TempDir {
    let base = std::env::var_os("STRATUM_BENCH_DIR").map_or_else(|| "target/bench".into(), PathBuf::from);
    std::fs::create_dir_all(&base).expect("a directory for stores");
    tempfile::Builder::new().prefix("golden-sets-").tempdir_in(base).expect("a directory for stores")
}

/// Bytes of all files in a directory and below it.
pub fn disk_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("listing").map(|entry| entry.expect("an entry"));
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk_bytes(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0, // compaction removed it meanwhile
    };
    entries.map(size).sum()
}

/// Runs `work` on so many threads, all starting at once; gives back how long it took, and what each came to.
pub fn on_threads<T: Send>(threads: u64, work: impl Fn(u64) -> T + std::marker::Sync) -> (Duration, Vec<T>) {
    let start = Barrier::new(threads as usize);
    std::thread::scope(|scope| {
        let spawn = |thread| {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                // By its own clock: with as many threads as cores, a clock of the caller's would start late.
                let begun = Instant::now();
                let result = work(thread);
                (begun, Instant::now(), result)
            })
        };
        let handles: Vec<_> = (0..threads).map(spawn).collect();
        let done: Vec<_> = handles.into_iter().map(|handle| handle.join().expect("no thread panics")).collect();
        let (begun, ended) = (done.iter().map(|done| done.0).min(), done.iter().map(|done| done.1).max());
        let took = begun.zip(ended).map_or(Duration::ZERO, |(begun, ended)| ended - begun);
        (took, done.into_iter().map(|done| done.2).collect())
    })
}

/// Puts documents `from` to `from + count` in batches, one sync at the end.
pub fn bulk_load(engine: &dyn Engine, workload: &Workload, from: u64, count: u64) -> Duration {
    let batches: Vec<Vec<&Tree>> = (from..from + count)
        .step_by(BATCH as usize)
        .map(|first| workload.trees(first, BATCH.min(from + count - first)))
        .collect();
    let begun = Instant::now();
    for batch in &batches {
        black_box(engine.put(batch, Sync::Later));
    }
    engine.flush();
    begun.elapsed()
}

/// Whether every document is what the workload says, through every reading call.
pub fn prove_documents(engine: &dyn Engine, workload: &Workload, from: u64, count: u64) {
    for document in from..from + count {
        let tree = workload.tree(document);
        engine.with_blob(document, &mut |blob| assert!(blob == tree.blob, "the blob of {document}"));
        assert_eq!(engine.columns(document), tree.columns, "the columns of {document}");
        let position = (document % u64::from(INPUTS)) as u32;
        assert_eq!(engine.input(document, position), tree.inputs[position as usize].value, "an input of {document}");
        prove_tree(&engine.tree(document), tree, document);
        if let Some(unpacked) = engine.unpacked(document) {
            prove_tree(&unpacked, tree, document);
        }
    }
}

/// Whether a tree that was read is one that was written, but for the ids, which the store gave.
pub fn prove_tree(read: &Tree, written: &Tree, document: u64) {
    let same = |(read, written): (&Input, &Input)| {
        (&read.value, &read.columns, &read.output) == (&written.value, &written.columns, &written.output)
    };
    let inputs_are = read.inputs.len() == written.inputs.len() && read.inputs.iter().zip(&written.inputs).all(same);
    assert!(inputs_are, "the inputs of {document}");
    assert!(read.blob == written.blob, "the blob of {document}");
    assert_eq!(read.columns, written.columns, "the columns of {document}");
}

/// Whether an engine has the documents that the yardstick has, and of those up to `last` the same trees: the same was
/// done to both. Behind `last` are documents that threads put at once, whose ids came out as they would.
pub fn prove_same(yardstick: &dyn Engine, engine: &dyn Engine, last: u64) {
    let documents = yardstick.documents();
    assert_eq!(engine.documents(), documents, "the documents there are");
    for document in documents.into_iter().take_while(|document| *document <= last) {
        prove_tree(&engine.tree(document), &yardstick.tree(document), document);
    }
}

/// Puts trees one by one, each durable, from so many threads; gives back how long it took, and each put.
pub fn put_durably(engine: &dyn Engine, workload: &Workload, threads: u64, each: u64) -> (Duration, Vec<Duration>) {
    let number = |thread: u64, at: u64| 1 + thread * each + at;
    let (took, results) = on_threads(threads, |thread| {
        let put = |at| {
            let begun = Instant::now();
            let id = engine.put(&[workload.tree(number(thread, at))], Sync::Now);
            (id, begun.elapsed())
        };
        (0..each).map(put).collect::<Vec<_>>()
    });
    for (thread, puts) in (0..).zip(&results) {
        for (at, (id, _)) in (0..).zip(puts) {
            prove_tree(&engine.tree(*id), workload.tree(number(thread, at)), *id);
        }
    }
    (took, results.into_iter().flatten().map(|(_, latency)| latency).collect())
}

/// Adds inputs, each durable, from so many threads, to one document of the workload after the other.
pub fn add_inputs(engine: &dyn Engine, workload: &Workload, threads: u64, each: u64) -> Duration {
    let document = |thread: u64, at: u64| 1 + (at * threads + thread) % workload.documents;
    let value = |document: u64| -> &Value { &workload.tree(document + 1).inputs[0].value };
    let before: Vec<usize> =
        (0..each.min(workload.documents)).map(|at| engine.tree(document(0, at)).inputs.len()).collect();
    let (took, _) = on_threads(threads, |thread| {
        for at in 0..each {
            let document = document(thread, at);
            engine.add_input(document, value(document));
        }
    });
    for (at, before) in (0..).zip(before) {
        let document = document(0, at);
        let inputs = engine.tree(document).inputs;
        assert!(inputs.len() > before, "an input was added to {document}");
        assert_eq!(inputs.last().map(|input| &input.value), Some(value(document)), "the new input of {document}");
    }
    took
}

/// Reads at random, from so many threads.
pub fn read<T>(
    engine: &dyn Engine,
    documents: u64,
    (threads, each): (u64, u64),
    one: impl Fn(&dyn Engine, u64, &mut Rng) -> T + std::marker::Sync,
) -> Duration {
    let (took, _) = on_threads(threads, |thread| {
        let mut rng = Rng::new(thread);
        for _ in 0..each {
            let document = any_document(&mut rng, documents);
            black_box(one(engine, document, &mut rng));
        }
    });
    took
}

/// How far blobs are updated.
#[derive(Clone, Copy)]
pub enum Until {
    /// So many updates.
    Updates(u64),
    /// So many bytes of blobs have taken the place of others.
    Bytes(u64),
}

impl From<u64> for Until {
    fn from(updates: u64) -> Until {
        Until::Updates(updates)
    }
}

/// What updates came to.
#[derive(Clone, Copy, Default)]
pub struct Updated {
    /// How many there were.
    pub updates: u64,
    /// Bytes of their blobs.
    pub bytes: u64,
}

impl Updated {
    fn is_enough(self, until: Until) -> bool {
        match until {
            Until::Updates(updates) => self.updates >= updates,
            Until::Bytes(bytes) => self.bytes >= bytes,
        }
    }
}

/// Replaces blobs of documents chosen at random, one commit each, one sync at the end. Gives back how long it took and
/// what was written. `each` is called after every thousand.
pub fn update_blobs(
    engine: &dyn Engine,
    workload: &Workload,
    rng: &mut Rng,
    until: impl Into<Until>,
    mut each: impl FnMut(),
) -> (Duration, Updated) {
    let until = until.into();
    let mut newest: Vec<Option<&[u8]>> = vec![None; workload.documents as usize];
    let (mut took, mut updated) = (Duration::ZERO, Updated::default());
    while !updated.is_enough(until) {
        let mut updates: Vec<(u64, &[u8])> = Vec::with_capacity(1000);
        while updates.len() < 1000 && !updated.is_enough(until) {
            let (document, blob) = (any_document(rng, workload.documents), workload.blob(rng));
            updates.push((document, blob));
            updated.updates += 1;
            updated.bytes += blob.len() as u64;
        }
        let begun = Instant::now();
        updates.iter().for_each(|(document, blob)| engine.set_blob(*document, blob));
        if updated.is_enough(until) {
            engine.flush();
        }
        took += begun.elapsed();
        for (document, blob) in updates {
            newest[document as usize - 1] = Some(blob);
        }
        each();
    }
    for (document, blob) in (1..).zip(newest) {
        if let Some(expected) = blob {
            engine.with_blob(document, &mut |read| assert!(read == expected, "the new blob of {document}"));
        }
    }
    (took, updated)
}

/// Deletes documents, one commit each, one sync at the end.
pub fn delete(engine: &dyn Engine, documents: &[u64]) -> Duration {
    let begun = Instant::now();
    documents.iter().for_each(|document| engine.delete(*document));
    engine.flush();
    begun.elapsed()
}

/// What reads and writes came to beside one another.
pub struct Beside {
    /// How long the writer took.
    pub took: Duration,
    /// The reads, sorted by how long they took.
    pub reads: Vec<Duration>,
}

/// Reads blobs at random while `work` is done on another thread, until it is done; once at least.
pub fn read_beside(engine: &dyn Engine, documents: u64, work: impl FnOnce() + Send) -> Beside {
    let (start, done) = (Barrier::new(2), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            start.wait();
            let begun = Instant::now();
            work();
            done.store(true, Ordering::Relaxed);
            begun.elapsed()
        });
        let mut rng = Rng::new(7);
        let mut reads = Vec::new();
        start.wait();
        loop {
            let document = any_document(&mut rng, documents);
            let begun = Instant::now();
            black_box(engine.blob(document));
            reads.push(begun.elapsed());
            if done.load(Ordering::Relaxed) {
                break;
            }
        }
        reads.sort_unstable();
        Beside { took: writer.join().expect("the writer does not panic"), reads }
    })
}

/// The value that a share of sorted durations does not exceed.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}
