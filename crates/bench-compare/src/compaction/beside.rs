//! How long reads and commits take with compaction at work, and without.
//!
//! 1. A reader reads as fast as it can; a writer commits as fast as it can, or at a steady rate.
//! 2. Before a run the contents are replaced twice over, so that compaction has begun.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use golden_sets::phases;
use golden_sets::workload::Workload;
use hdrhistogram::Histogram;
use stratum::vfs::sim::Rng;
use stratum::{Db, DocumentId, Options};

use super::churn::Churn;

/// What is at work beside reader and writer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// The store's own thread.
    Compaction,
    /// Nobody.
    Nobody,
    /// A thread that takes as much of the processor as compaction could, and nothing else.
    Spinner,
}

/// What a run came to; nanoseconds.
pub struct Latencies {
    /// Of reads.
    pub reads: Histogram<u64>,
    /// Of commits.
    pub commits: Histogram<u64>,
    /// Bytes that compaction read and wrote meanwhile.
    pub compacted: u64,
}

/// Runs for a time; `rate` is in commits a second.
pub fn run(workload: &Workload, company: Company, rate: Option<f64>, time: Duration) -> Latencies {
    let dir = phases::scratch();
    let mut options = Options::default();
    options.background = company == Company::Compaction;
    let db = Db::open(dir.path(), &options).expect("the store opens");
    let mut churn = Churn::load(&db, workload);
    while churn.replaced < 2 * workload.logical_bytes(1, workload.documents) {
        churn.step();
    }
    let ids = churn.kept_ids();
    let mut commits = Histogram::new(3).expect("a histogram");
    let done = AtomicBool::new(false);
    let compacted = || {
        let stats = db.stats().expect("the figures");
        stats.compaction_bytes_read + stats.compaction_bytes_written
    };
    let before = compacted();
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(&db, &ids, &done));
        if company == Company::Spinner {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let begun = Instant::now();
        while begun.elapsed() < time {
            let due = rate.map(|rate| Duration::from_secs_f64(commits.len() as f64 / rate));
            if let Some(early) = due.and_then(|due| due.checked_sub(begun.elapsed())) {
                std::thread::sleep(early);
            }
            commits.record(churn.step().as_nanos() as u64).expect("any number fits");
        }
        done.store(true, Ordering::Relaxed);
        reader.join().expect("no thread panics")
    });
    let compacted = compacted() - before;
    churn.prove();
    db.close().expect("the store closes");
    Latencies { reads, commits, compacted }
}

fn read(db: &Db, ids: &[DocumentId], done: &AtomicBool) -> Histogram<u64> {
    let mut took = Histogram::new(3).expect("a histogram");
    let mut rng = Rng::new(5);
    while !done.load(Ordering::Relaxed) {
        let id = ids[rng.index(ids.len())];
        let begun = Instant::now();
        let blob = db.view().and_then(|view| view.blob(id)).expect("the blob");
        black_box(&blob[..]);
        drop(blob);
        took.record(begun.elapsed().as_nanos() as u64).expect("any number fits");
    }
    took
}
