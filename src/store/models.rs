//! A whole store under loom: commits, views and snapshots beside compaction and close.
//!
//! 1. The code is the store's own, on the simulated disk; every lock and atomic that decides something is loom's.
//! 2. Interleavings are explored with a bounded number of preemptions (each test says how many): a switch of threads
//!    where one could have gone on. Switches where a thread has to wait are free. `STRATUM_PREEMPTIONS` says how many
//!    instead, for a longer look.
//! 3. What is counted at the end says that the interesting interleavings were among them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::error::Missing;
use crate::sync::thread;
use crate::vfs::sim::{Errno, Fault, Op, SimDisk};
use crate::{Columns, DocumentId, Durability, Error, InputId, ReadMode, Value};

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.durability = Durability::Os;
    options.read_mode = ReadMode::Pread;
    options.segment_size = 4 << 10;
    options
}

/// What the threads of one model share. Its documents lie in a sealed segment with garbage beside them.
struct Shared {
    db: Db,
    disk: SimDisk,
    options: Options,
    /// Has a delta, so that compaction folds it.
    changed: (DocumentId, InputId),
    /// To be replaced.
    replaced: DocumentId,
    /// To be deleted.
    deleted: DocumentId,
}

fn document(batch: &mut Batch) -> Result<(DocumentId, InputId)> {
    let document = batch.create_document(&[0], &Columns::new())?;
    Ok((document, batch.append_input(document, &Value::Int64(0))?))
}

impl Shared {
    fn new(options: Options) -> Result<Arc<Shared>> {
        let disk = SimDisk::new(1);
        let db = Db::open_on(Arc::new(disk.clone()), Path::new("/store"), &options)?;
        let mut batch = db.batch()?;
        let (changed, replaced) = (document(&mut batch)?, document(&mut batch)?.0);
        let (deleted, garbage) = (document(&mut batch)?.0, document(&mut batch)?.0);
        batch.commit()?;
        db.write(|batch| batch.set_output(changed.0, changed.1, &Value::Int64(0)))?;
        db.write(|batch| batch.delete_document(garbage))?;
        Ok(Arc::new(Shared { db, disk, options, changed, replaced, deleted }))
    }

    /// One batch on all three documents.
    fn commit(&self) -> Result<u64> {
        let mut batch = self.db.batch()?;
        batch.set_output(self.changed.0, self.changed.1, &Value::Int64(1))?;
        batch.replace_tree(self.replaced, &crate::Tree { blob: vec![1], ..crate::Tree::default() })?;
        batch.delete_document(self.deleted)?;
        batch.commit()
    }

    /// A durable commit that `shows` does not see.
    fn commit_durably(&self) -> Result<u64> {
        let mut batch = self.db.batch()?;
        batch.set_column(self.changed.0, "seen", &Value::Int64(0))?;
        batch.commit_with(Durability::Always)
    }

    /// Whether a view shows the batch; it shows all of it or nothing.
    fn shows(&self, view: &View) -> Result<bool> {
        let output = view.output(self.changed.0, self.changed.1)? == Value::Int64(1);
        assert_eq!(view.tree(self.changed.0)?.inputs.len(), 1);
        assert_eq!(view.blob(self.replaced)?[..], [u8::from(output)], "half a batch");
        assert_eq!(view.exists(self.deleted)?, !output, "half a batch");
        assert_eq!(view.document_count()?, if output { 2 } else { 3 });
        Ok(output)
    }

    /// The store after all is done, then as the next open finds it.
    fn check(&self, committed: bool) -> Result<()> {
        assert_eq!(self.shows(&self.db.view()?)?, committed, "what was acknowledged is there");
        assert_eq!(self.db.verify()?.damage, []);
        self.db.close()?;
        assert_eq!(self.shows_on(self.disk.restart())?, committed, "and after a restart");
        Ok(())
    }

    /// Whether the store that is found on a disk shows the batch.
    fn shows_on(&self, disk: SimDisk) -> Result<bool> {
        let db = Db::open_on(Arc::new(disk), Path::new("/store"), &self.options)?;
        let shows = self.shows(&db.view()?)?;
        assert_eq!(db.verify()?.damage, []);
        db.close()?;
        Ok(shows)
    }
}

/// Runs a model; gives back the different things that `run` said.
fn explore<T: Ord + Send + 'static>(
    preemptions: usize,
    run: impl Fn() -> Result<T> + Send + Sync + 'static,
) -> BTreeSet<T> {
    let preemptions = match std::env::var("STRATUM_PREEMPTIONS") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("STRATUM_PREEMPTIONS={text} is not a number")),
        Err(_) => preemptions,
    };
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    let said = Arc::new(Mutex::new((BTreeSet::new(), 0)));
    let saying = Arc::clone(&said);
    builder.check(move || {
        let one = run().unwrap();
        let mut said = saying.lock().unwrap();
        said.0.insert(one);
        said.1 += 1;
    });
    let mut said = said.lock().unwrap();
    println!("{} interleavings of at most {preemptions} preemptions", said.1);
    std::mem::take(&mut said.0)
}

/// What a thread does, beside others.
fn beside<T: 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<T> + 'static,
) -> thread::JoinHandle<Result<T>> {
    let shared = Arc::clone(shared);
    thread::spawn(move || work(&shared))
}

#[test]
fn compaction_undoes_no_commit() {
    explore(2, || {
        let shared = Shared::new(options())?;
        let compaction = beside(&shared, |shared| shared.db.compact_now(&mut |_| true));
        shared.commit()?;
        assert!(shared.shows(&shared.db.view()?)?, "acknowledged and not visible");
        compaction.join().unwrap()?;
        shared.check(true)
    });
}

#[test]
fn a_view_beside_commit_and_compaction_is_one_moment() {
    let seen = explore(1, || {
        let shared = Shared::new(options())?;
        let compaction = beside(&shared, |shared| shared.db.compact_now(&mut |_| true));
        let commit = beside(&shared, Shared::commit);
        let view = shared.db.view()?;
        let (first, again) = (shared.shows(&view)?, shared.shows(&view)?);
        assert_eq!(first, again, "a view moved");
        commit.join().unwrap()?;
        compaction.join().unwrap()?;
        assert_eq!(shared.shows(&view)?, first, "a view moved");
        shared.check(true)?;
        Ok(first)
    });
    assert_eq!(seen.len(), 2, "views of before and after");
}

#[test]
fn a_snapshot_never_keeps_more_than_the_bound() {
    let mut options = options();
    options.max_retained_bytes = 0;
    let given_up = explore(2, move || {
        let shared = Shared::new(options.clone())?;
        let compaction = beside(&shared, |shared| shared.db.compact_now(&mut |_| true));
        let snapshot = shared.db.snapshot()?;
        let read = snapshot.blob(shared.replaced).map(drop);
        compaction.join().unwrap()?;
        assert_eq!(shared.db.stats()?.retained_bytes, 0, "held beyond the bound after compaction");
        let again = snapshot.blob(shared.replaced).map(drop);
        let gone = |read: &Result<()>| matches!(read, Err(Error::SnapshotTooOld));
        assert!(read.is_ok() || gone(&read), "{read:?}");
        assert!(again.is_ok() || gone(&again), "{again:?}");
        assert!(!gone(&read) || gone(&again), "given up and back");
        Ok(gone(&again))
    });
    assert_eq!(given_up.len(), 2, "given up, and taken after it was over");
}

/// A snapshot is the last to hold what compaction replaces, or is gone before: either way nothing is kept at the end.
#[test]
fn a_snapshot_dropped_beside_a_compaction_keeps_nothing() {
    let ends = explore(2, || {
        let shared = Shared::new(options())?;
        let snapshot = shared.db.snapshot()?;
        let dropped = beside(&shared, |shared| {
            let held = shared.db.stats()?.retained_bytes > 0;
            drop(snapshot);
            Ok(held)
        });
        shared.db.compact_now(&mut |_| true)?;
        let held = dropped.join().unwrap()?;
        let stats = shared.db.stats()?;
        assert_eq!((stats.retained_bytes, stats.snapshots), (0, 0), "nobody looks at it any more");
        Ok((held, shared.disk.used()))
    });
    let held: BTreeSet<bool> = ends.iter().map(|(held, _)| *held).collect();
    assert_eq!(held.len(), 2, "dropped before the exchange, and after it");
    let used: BTreeSet<u64> = ends.iter().map(|(_, used)| *used).collect();
    assert_eq!(used.len(), 1, "and the disk has its room back: {used:?}");
}

/// A close wakes a compaction that sleeps for its limit; whether that got to its end or not, all is as it was.
#[test]
fn a_close_cuts_a_throttled_compaction_off() {
    let mut options = options();
    options.compaction_bytes_per_second = 1;
    let compacted = explore(2, move || {
        let shared = Shared::new(options.clone())?;
        let compaction = beside(&shared, |shared| shared.db.compact_now(&mut |_| true));
        shared.db.close()?;
        let compacted = match compaction.join().unwrap() {
            Ok(()) => true,
            Err(Error::Closed) => false,
            Err(other) => return Err(other),
        };
        assert!(!shared.shows_on(shared.disk.clone())?, "nothing was committed");
        Ok(compacted)
    });
    assert_eq!(compacted.len(), 2, "cut off, and done before");
}

#[test]
fn a_close_beside_a_commit_loses_nothing() {
    let committed = explore(2, || {
        let shared = Shared::new(options())?;
        let close = beside(&shared, |shared| shared.db.close().map(|()| shared.disk.ops()));
        let committed = match shared.commit() {
            Ok(_) => true,
            Err(Error::Closed) => false,
            Err(other) => return Err(other),
        };
        let operations = close.join().unwrap()?;
        assert!(matches!(shared.commit(), Err(Error::Closed)));
        assert_eq!(shared.disk.ops(), operations, "the disk is somebody else's once a store is closed");
        assert_eq!(shared.shows_on(shared.disk.clone())?, committed, "acknowledged, or refused");
        Ok(committed)
    });
    assert_eq!(committed.len(), 2, "before and after");
}

#[test]
fn a_flush_beside_commits_makes_durable_what_came_before_it() {
    let syncs = explore(2, || {
        let shared = Shared::new(options())?;
        let beside = beside(&shared, Shared::commit_durably);
        let committed = shared.commit()?;
        shared.db.flush()?;
        assert!(shared.db.stats()?.durable_sequence >= committed);
        assert!(shared.shows_on(shared.disk.image(0))?, "flushed, and gone when all else is");
        beside.join().unwrap()?;
        Ok(shared.db.stats()?.syncs)
    });
    assert_eq!(syncs, [1, 2].into(), "a sync each, and one for both");
}

/// The sync that fails is the flush's or the commit's; the other must not take it for done.
#[test]
fn nothing_is_durable_after_a_failed_sync_whoever_met_it() {
    let told = explore(2, || {
        let shared = Shared::new(options())?;
        shared.commit()?;
        shared.disk.inject(Fault::new(&[Op::Sync], 0, Errno::Eio));
        let beside = beside(&shared, |shared| shared.db.flush());
        let committed = shared.commit_durably();
        let flushed = beside.join().unwrap();
        assert!(committed.is_err() && flushed.is_err(), "{committed:?} {flushed:?}");
        Ok(matches!(flushed, Err(Error::Poisoned(_))))
    });
    assert_eq!(told.len(), 2, "the flush met it, and came after it");
}

#[test]
fn a_flush_that_a_close_overtakes_leaves_the_disk_alone_after_it() {
    let flushed = explore(2, || {
        let shared = Shared::new(options())?;
        shared.commit()?;
        let flush = beside(&shared, |shared| shared.db.flush());
        shared.db.close()?;
        let operations = shared.disk.ops();
        let flushed = match flush.join().unwrap() {
            Ok(()) => true,
            Err(Error::Closed) => false,
            Err(other) => return Err(other),
        };
        assert_eq!(shared.disk.ops(), operations, "the disk is somebody else's once a store is closed");
        assert!(shared.shows_on(shared.disk.image(0))?, "closed, and gone when all else is");
        Ok(flushed)
    });
    assert_eq!(flushed.len(), 2, "before and after");
}

/// What a call on `made` comes to beside a close: it does what `call` says it must, or says `Closed`. Never something
/// else because the store holds nothing any more.
fn beside_a_close<T: 'static>(made: fn(&Shared) -> Result<T>, call: fn(&Shared, T) -> Result<()>) {
    let done = explore(2, move || {
        let shared = Shared::new(options())?;
        let made = made(&shared)?;
        let close = beside(&shared, |shared| shared.db.close());
        let done = match call(&shared, made) {
            Ok(()) => true,
            Err(Error::Closed) => false,
            Err(other) => return Err(other),
        };
        close.join().unwrap()?;
        Ok(done)
    });
    assert_eq!(done.len(), 2, "before and after");
}

#[test]
fn a_view_beside_a_close_is_a_moment() {
    let made = |_: &Shared| Ok(());
    beside_a_close(made, |shared, ()| {
        let view = shared.db.view()?;
        assert_eq!(view.sequence(), 3);
        shared.shows(&view).map(drop)
    });
    beside_a_close(made, |shared, ()| {
        let snapshot = shared.db.snapshot()?;
        assert_eq!(snapshot.sequence(), 3);
        assert!(snapshot.exists(shared.deleted)?);
        Ok(())
    });
}

#[test]
fn a_snapshot_beside_a_close_shows_its_moment() {
    beside_a_close(
        |shared| shared.db.snapshot(),
        |shared, snapshot| {
            assert_eq!(snapshot.sequence(), 3);
            shared.shows(&snapshot).map(drop)
        },
    );
}

#[test]
fn a_batch_beside_a_close_finds_its_documents() {
    let made = |shared: &Shared| shared.db.batch();
    beside_a_close(made, |shared, mut batch| batch.set_blob(shared.replaced, b"new"));
    beside_a_close(made, |shared, mut batch| batch.append_input(shared.changed.0, &Value::Null).map(drop));
    beside_a_close(made, |shared, mut batch| batch.update_output(shared.changed.0, shared.changed.1, &Value::Null));
    beside_a_close(made, |shared, mut batch| {
        match batch.remove_input_column(shared.changed.0, shared.changed.1, "none") {
            Err(Error::NotFound(Missing::InputColumn(..))) => Ok(()),
            other => other,
        }
    });
    beside_a_close(made, |_, batch| batch.commit().map(|sequence| assert_eq!(sequence, 3)));
}

#[test]
fn figures_beside_a_close_are_those_of_a_store() {
    beside_a_close(
        |shared| shared.db.snapshot(),
        |shared, _snapshot| {
            let stats = shared.db.stats()?;
            assert_eq!((stats.documents, stats.sequence, stats.snapshots), (3, 3, 1));
            assert!(stats.segments > 0 && stats.index_bytes > 0);
            Ok(())
        },
    );
}

/// A check holds a close up, or comes too late; it never looks at files that may be another's.
#[test]
fn a_check_beside_a_close_is_one_of_an_open_store() {
    let checked = explore(2, || {
        let shared = Shared::new(options())?;
        let check = beside(&shared, |shared| shared.db.verify());
        shared.db.close()?;
        let operations = shared.disk.ops();
        let checked = match check.join().unwrap() {
            Ok(report) => {
                assert_eq!((report.damage, report.documents), (Vec::new(), 3));
                true
            }
            Err(Error::Closed) => false,
            Err(other) => return Err(other),
        };
        assert_eq!(shared.disk.ops(), operations, "the disk is somebody else's once a store is closed");
        Ok(checked)
    });
    assert_eq!(checked.len(), 2, "before and after");
}
