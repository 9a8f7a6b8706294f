//! Space: how much a store takes while everything in it is replaced many times over, and what it hands back.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use golden_sets::phases;
use golden_sets::workload::Workload;
use hdrhistogram::Histogram;
use stratum::{Db, Options, Progress, Stats};

use super::churn::Churn;

/// The store's size at a moment.
pub struct Sample {
    /// Since the replacing began.
    pub seconds: f64,
    /// Bytes that the newest moment reaches.
    pub live: f64,
    /// Bytes of the store's segments.
    pub segments: f64,
    /// Bytes of all files in the store's directory.
    pub files: f64,
    /// What the segments are to stay below.
    pub ceiling: f64,
}

/// What sustained replacing came to.
pub struct Sustained {
    /// All moments.
    pub samples: Vec<Sample>,
    /// How long it took.
    pub took: Duration,
    /// Commits and how long each took, in nanoseconds.
    pub commits: Histogram<u64>,
    /// Bytes of contents that were replaced.
    pub replaced: u64,
    /// Before and after.
    pub stats: (Stats, Stats),
    /// Name, bytes of files, bytes of disk blocks and live bytes at certain moments.
    pub sizes: Vec<(&'static str, u64, u64, u64)>,
}

/// Replaces the live contents so many times over; then deletes most of it.
pub fn sustained(workload: &Workload, times: u64) -> Sustained {
    let dir = phases::scratch();
    let options = Options::default();
    let db = Db::open(dir.path(), &options).expect("the store opens");
    let mut churn = Churn::load(&db, workload);
    let before = db.stats().expect("the figures");
    let goal = times * workload.logical_bytes(1, workload.documents);
    let mut commits = Histogram::new(3).expect("a histogram");
    let done = AtomicBool::new(false);
    let begun = Instant::now();
    let samples = std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch(&db, dir.path(), &options, &done));
        while churn.replaced < goal {
            commits.record(churn.step().as_nanos() as u64).expect("any number fits");
        }
        db.flush().expect("the flush");
        done.store(true, Ordering::Relaxed);
        watch.join().expect("no thread panics")
    });
    let took = begun.elapsed();
    let (replaced, stats) = (churn.replaced, (before, db.stats().expect("the figures")));
    churn.prove();
    let mut sizes = Vec::new();
    let mut note = |name| {
        let live = db.stats().expect("the figures").live_bytes;
        sizes.push((name, phases::disk_bytes(dir.path()), disk_blocks(dir.path()), live));
    };
    settle(dir.path());
    note("after the replacing");
    churn.delete_most();
    note("90 % deleted, at once");
    settle(dir.path());
    note("the same, when the background is done");
    db.compact_now(&mut |_| true).expect("the compaction");
    note("the same, after compact_now");
    churn.prove();
    db.close().expect("the store closes");
    Sustained { samples, took, commits, replaced, stats, sizes }
}

fn watch(db: &Db, dir: &Path, options: &Options, done: &AtomicBool) -> Vec<Sample> {
    let mut samples = Vec::new();
    let begun = Instant::now();
    while !done.load(Ordering::Relaxed) {
        let stats = db.stats().expect("the figures");
        let live = stats.live_bytes as f64;
        samples.push(Sample {
            seconds: begun.elapsed().as_secs_f64(),
            live,
            segments: stats.total_bytes as f64,
            files: phases::disk_bytes(dir) as f64,
            ceiling: live * options.max_amplification + 2.0 * options.segment_size as f64,
        });
        std::thread::sleep(Duration::from_millis(10));
    }
    samples
}

/// Waits until the files' sizes stay as they are for a second.
fn settle(dir: &Path) {
    let (mut last, mut same) = (0, 0);
    for _ in 0..300 {
        let bytes = phases::disk_bytes(dir);
        same = if bytes == last { same + 1 } else { 0 };
        if same == 10 {
            return;
        }
        last = bytes;
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Bytes of the disk's blocks that files in a directory take.
fn disk_blocks(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(dir).expect("listing").map(|entry| entry.expect("an entry"));
    entries.map(|entry| entry.metadata().expect("the settled files stay").blocks() * 512).sum()
}

/// What `compact_now` alone does with a store of which every second blob was replaced.
pub fn compactor(workload: &Workload) -> (Progress, Duration) {
    let dir = phases::scratch();
    let mut options = Options::default();
    options.background = false;
    let db = Db::open(dir.path(), &options).expect("the store opens");
    let mut churn = Churn::load(&db, workload);
    while churn.replaced < workload.logical_bytes(1, workload.documents) / 2 {
        churn.step();
    }
    db.flush().expect("the flush");
    let mut last = Progress::default();
    let begun = Instant::now();
    let done = db.compact_now(&mut |progress| {
        last = progress;
        true
    });
    let took = begun.elapsed();
    done.expect("the compaction");
    churn.prove();
    db.close().expect("the store closes");
    (last, took)
}
