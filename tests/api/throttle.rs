//! `compaction_bytes_per_second`: compaction keeps to it, and nobody else waits for it.
//!
//! 1. Times are bounded from below only: a slow machine makes no difference.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use stratum::{Columns, Db, DocumentId, Error, Options, Stats};

use crate::{READ_MODES, contents, files, options};

/// A third of a store is garbage, in segments of 256 KiB: work for the background, and below the ceiling.
const DOCUMENTS: u8 = 200;
const BLOB: usize = 10_000;
/// At this rate a job takes minutes, in pieces of a second.
const CRAWL: u64 = 4000;

fn with(limit: u64) -> Options {
    let mut options = options(READ_MODES[0]);
    options.segment_size = 256 << 10;
    options.compaction_bytes_per_second = limit;
    options
}

fn put(db: &Db, content: u8) -> DocumentId {
    db.write(|batch| batch.create_document(&[content; BLOB], &Columns::new())).unwrap()
}

/// Fills a store and deletes every third document.
fn fill(db: &Db) {
    let documents: Vec<DocumentId> = (0..DOCUMENTS).map(|content| put(db, content)).collect();
    documents.iter().step_by(3).for_each(|document| db.write(|batch| batch.delete_document(*document)).unwrap());
}

fn filled(path: &Path, options: &Options) -> Db {
    let db = Db::open(path, options).unwrap();
    fill(&db);
    db
}

/// Asks for the stats until they are as wanted.
fn wait_until(db: &Db, wanted: impl Fn(&Stats) -> bool) {
    while !wanted(&db.stats().unwrap()) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn segments(path: &Path) -> BTreeSet<String> {
    files(path).into_keys().filter(|name| name.starts_with("segment-")).collect()
}

/// Compacts under a limit; gives back what that took, and the stats behind it.
fn timed(limit: u64, compact: impl Fn(&Db)) -> (Duration, Stats) {
    let directory = tempfile::tempdir().unwrap();
    let mut options = with(limit);
    options.max_amplification = 1.1;
    let db = filled(directory.path(), &options);
    let before = contents(&db.view().unwrap());
    let began = Instant::now();
    compact(&db);
    let took = began.elapsed();
    assert_eq!(contents(&db.view().unwrap()), before);
    assert!(db.verify().unwrap().damage.is_empty());
    (took, db.stats().unwrap())
}

#[test]
fn compaction_writes_no_faster_than_its_limit() {
    const LIMIT: u64 = 1_000_000;
    let compact_now = |db: &Db| db.compact_now(&mut |_| true).unwrap();
    let maintain = |db: &Db| while db.maintain().unwrap() {};
    for compact in [&compact_now as &dyn Fn(&Db), &maintain] {
        let (took, stats) = timed(LIMIT, compact);
        let written = stats.compaction_bytes_written;
        assert!(written > 500_000, "{written} bytes, too few to tell");
        // A tenth of a second's bytes are for the time before.
        let least = Duration::from_micros((written - LIMIT / 10) * 1_000_000 / LIMIT);
        assert!(took >= least, "{written} bytes in {took:?}");
        let slept = Duration::from_micros(stats.compaction_throttled_us);
        assert!(!slept.is_zero() && slept <= took, "{slept:?} of {took:?}");
        assert_eq!(timed(0, compact).1.compaction_throttled_us, 0);
    }
}

#[test]
fn commits_and_reads_go_on_beside_a_throttled_compaction() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = with(CRAWL);
    options.background = true;
    let db = filled(directory.path(), &options);
    wait_until(&db, |stats| stats.compaction_throttled_us > 0);
    let snapshot = db.snapshot().unwrap();
    let before = contents(&snapshot);
    let document = put(&db, 201);
    db.write(|batch| batch.set_blob(document, b"changed")).unwrap();
    db.write(|batch| batch.delete_document(DocumentId::new(2).unwrap())).unwrap();
    db.flush().unwrap();
    assert_eq!(db.view().unwrap().blob(document).unwrap()[..], b"changed"[..]);
    assert!(!db.view().unwrap().exists(DocumentId::new(2).unwrap()).unwrap());
    assert_eq!(contents(&snapshot), before);
    assert_eq!(db.stats().unwrap().compactions, 0, "the job was under way all the time");
    db.close().unwrap();
}

/// The job would take minutes. Its victims and nothing else are there after a close.
#[test]
fn a_close_cuts_a_throttled_compaction_off() {
    for by in ["close", "drop", "close beside compact_now"] {
        let directory = tempfile::tempdir().unwrap();
        let mut options = with(CRAWL);
        options.background = by != "close beside compact_now";
        let db = filled(directory.path(), &options);
        let before = contents(&db.view().unwrap());
        let compacting = (!options.background).then(|| {
            let db = db.clone();
            std::thread::spawn(move || db.compact_now(&mut |_| true))
        });
        wait_until(&db, |stats| stats.compaction_throttled_us > 0);
        let named = db.stats().unwrap().segments as usize;
        assert_eq!(segments(directory.path()).len(), named + 1, "one is being written");
        match by {
            "drop" => drop(db),
            _ => db.close().unwrap(),
        }
        let compacted = compacting.map(|thread| thread.join().unwrap());
        assert!(matches!(compacted, None | Some(Err(Error::Closed))), "{compacted:?}");
        assert_eq!(segments(directory.path()).len(), named, "{by}: nothing is left of the job");
        let db = Db::open(directory.path(), &with(0)).unwrap();
        assert_eq!(contents(&db.view().unwrap()), before);
        assert!(db.verify().unwrap().damage.is_empty());
        let full = db.stats().unwrap().total_bytes;
        db.compact_now(&mut |_| true).unwrap();
        assert!(db.stats().unwrap().total_bytes < full * 4 / 5, "what was cut off can be done again");
        assert_eq!(contents(&db.view().unwrap()), before);
    }
}
