//! What a closed store gives back, whatever handles of it there are.

use std::time::{Duration, Instant};

use super::records::{open_with, options, put};
use super::*;
use crate::{Columns, Durability};

/// Asserts that a crash does not lose the one document.
fn check_survives(disk: &SimDisk) {
    for image in disk.crash_images(1, 30) {
        assert_eq!(open(&image).view().unwrap().tree(DocumentId::FIRST).unwrap().blob, b"committed");
    }
}

/// Nobody promised that it does, but the log is sound, and a panic elsewhere is no reason to lose what is in it.
#[test]
fn a_close_of_a_store_that_something_else_poisoned_syncs_the_log() {
    let disk = SimDisk::new(1);
    let db = open_with(&disk, &options(64 << 10));
    put(&db, b"committed");
    db.core().poison("for this test");
    assert!(matches!(db.close(), Err(Error::Poisoned(_))));
    check_survives(&disk);
}

/// It was acknowledged before, with the promise of a sync.
#[test]
fn a_commit_is_synced_within_its_interval_though_something_else_poisoned_the_store() {
    let disk = SimDisk::new(1);
    let sync_interval = Duration::from_secs(2);
    let db = open_with(&disk, &Options { background: true, sync_interval, ..options(64 << 10) });
    let (before, begun) = (db.stats().unwrap().syncs, Instant::now());
    let mut batch = db.batch().unwrap();
    batch.create_document(b"committed", &Columns::new()).unwrap();
    batch.commit_with(Durability::Interval).unwrap();
    db.core().poison("for this test");
    while db.stats().unwrap().syncs == before {
        assert!(begun.elapsed() < Duration::from_secs(30), "it was not synced");
        std::thread::sleep(Duration::from_millis(1));
    }
    check_survives(&disk);
}

/// A sync that failed is not tried again: it might succeed, and not save what the first one lost.
#[test]
fn a_close_after_a_failed_sync_of_the_log_tries_none() {
    let disk = SimDisk::new(1);
    let db = open_with(&disk, &options(64 << 10));
    put(&db, b"committed");
    disk.inject(Fault::new(&[Op::Sync], 0, Errno::Eio));
    assert!(matches!(db.flush(), Err(Error::CommitUnknown { .. })));
    let ops = disk.ops();
    assert!(matches!(db.close(), Err(Error::Poisoned(_))));
    assert_eq!(disk.ops(), ops);
}

#[test]
fn a_close_of_a_poisoned_store_gives_everything_back_too() {
    for poisoned in [false, true] {
        let db = used(&SimDisk::new(1));
        let (snapshot, view, batch) = (db.snapshot().unwrap(), db.view().unwrap(), db.batch().unwrap());
        let watched: Vec<_> = db.core().published().segments.iter().map(|segment| segment.watch()).collect();
        assert!(watched.len() > 2);
        if poisoned {
            db.core().poison("for this test");
        }
        assert_eq!(db.close().is_err(), poisoned);
        assert!(watched.iter().all(|segment| segment.is_held()), "by the view, which is no snapshot");
        drop(view);
        assert!(watched.iter().all(|segment| !segment.is_held()), "poisoned: {poisoned}");
        assert!(matches!(snapshot.document_count(), Err(Error::Closed)));
        drop(batch);
    }
}

/// The store was open when it was looked at, and is not any more.
#[test]
fn who_gets_the_writers_lock_only_after_a_close_is_told() {
    let db = used(&SimDisk::new(1));
    db.close().unwrap();
    let core = db.core();
    assert!(matches!(core.on_disk(|_, _| ()), Err(Error::Closed)));
    assert!(matches!(core.edit(&mut core.writer.lock(), &[], true), Err(Error::Closed)));
}
