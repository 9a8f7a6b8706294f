//! What the store's threads are told and tell, and when they are gone.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::records::{open_with, options, put};
use super::*;
use crate::store::background::Signal;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::{Columns, Durability};

/// A store whose threads sync within this time.
fn open_busy(disk: &SimDisk, sync_interval: Duration) -> Db {
    open_with(disk, &Options { background: true, sync_interval, ..options(64 << 10) })
}

fn put_for_the_interval(db: &Db) {
    let mut batch = db.batch().unwrap();
    batch.create_document(b"synced within the interval", &Columns::new()).unwrap();
    batch.commit_with(Durability::Interval).unwrap();
}

/// As at a ceiling that one step of much work brings the store below.
#[test]
fn who_is_paced_looks_again_when_something_was_done_and_not_before() {
    let (signal, over) = (&Signal::default(), &AtomicBool::new(true));
    let (looks, look) = mpsc::channel();
    let paced = move || {
        signal.pace(|| {
            let is_over = over.load(Ordering::SeqCst);
            looks.send(is_over).unwrap();
            is_over
        })
    };
    std::thread::scope(|scope| {
        let paced = scope.spawn(paced);
        assert!(look.recv().unwrap());
        let early = look.recv_timeout(Duration::from_millis(50));
        over.store(false, Ordering::SeqCst);
        signal.got_on();
        let again = look.recv_timeout(Duration::from_secs(60));
        // Whatever it waits for, or the test would wait for it.
        signal.stop();
        assert!(paced.join().unwrap(), "it was held back");
        assert_eq!((early, again), (Err(mpsc::RecvTimeoutError::Timeout), Ok(false)));
    });
}

#[test]
fn a_pause_lasts_as_long_as_it_is_told_to_but_for_a_close() {
    let (signal, begun) = (Signal::default(), Instant::now());
    assert!(signal.pause(Duration::from_millis(20)));
    assert!(begun.elapsed() >= Duration::from_millis(20));
    signal.stop();
    assert!(!signal.pause(Duration::from_secs(3600)));
}

/// Commits within it share a sync.
#[test]
fn an_interval_sync_waits_for_its_interval() {
    let db = open_busy(&SimDisk::new(1), Duration::from_secs(3600));
    put_for_the_interval(&db);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(db.stats().unwrap().syncs, 0);
}

#[test]
fn an_interval_sync_that_fails_is_counted() {
    let disk = SimDisk::new(1);
    let db = open_busy(&disk, Duration::from_millis(1));
    put(&db, b"the log is there");
    disk.inject(Fault::new(&[Op::Sync], 0, Errno::Eio));
    let begun = Instant::now();
    put_for_the_interval(&db);
    while db.stats().unwrap().background_failures == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it was not counted");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(db.stats().unwrap().poisoned);
}

/// One that is left would have the store after a close has come back.
#[test]
fn a_close_waits_for_the_threads_of_the_store() {
    for _ in 0..100 {
        let db = open_busy(&SimDisk::new(1), Duration::from_millis(1));
        put_for_the_interval(&db);
        let core = Arc::downgrade(&db.handle.core);
        drop(db);
        assert!(core.upgrade().is_none());
    }
}
