//! What once went wrong, each by itself. The names say what must hold.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use stratum::vfs::FileSystem;
use stratum::vfs::sim::{Errno, Fault, Op, SimDisk};
use stratum::{Columns, Db, DocumentId, Durability, Error, Input, InputId, Result, Tree, Value};

use crate::gate::Gate;
use crate::plain::{options, put};
use crate::runner::{open, store_path};

fn maintain_until_idle(db: &Db) -> usize {
    (0..200).find(|_| !db.maintain().unwrap()).expect("maintenance comes to an end")
}

/// Compaction copies a moment, and drops what that moment no longer needs: the moment must be on disk before.
#[test]
fn compaction_waits_for_the_log_that_makes_its_victims_garbage() {
    for delete in [false, true] {
        let disk = SimDisk::new(1);
        let options = options(1000);
        let db = open(&disk, &options).unwrap();
        let kept = put(&db, &[1; 900], Durability::Always).unwrap();
        let early: Vec<_> = (0..8).map(|n| put(&db, &[n; 900], Durability::Always).unwrap()).collect();
        // None of this is promised to be on disk; what it replaces is.
        let mut batch = db.batch().unwrap();
        for id in &early {
            if delete {
                batch.delete_document(*id).unwrap();
            } else {
                batch.replace_tree(*id, &Tree::default()).unwrap();
            }
        }
        batch.commit_with(Durability::Os).unwrap();
        assert!(maintain_until_idle(&db) > 0, "there is something to compact");
        let image = disk.image(0);
        let db = open(&image, &options).unwrap();
        let view = db.view().unwrap();
        assert_eq!(view.blob(kept).unwrap()[..], [1; 900]);
        // The batch is there, or it is not.
        let old = early.iter().filter(|id| view.blob(**id).is_ok_and(|blob| blob.len() == 900)).count();
        let new = early.iter().filter(|id| view.blob(**id).is_ok_and(|blob| blob.is_empty())).count();
        let gone = early.iter().filter(|id| !view.exists(**id).unwrap()).count();
        let whole = if delete { [(8, 0, 0), (0, 0, 8)] } else { [(8, 0, 0), (0, 8, 0)] };
        assert!(whole.contains(&(old, new, gone)), "{old} old, {new} new, {gone} gone");
    }
}

/// A fold of what is not on disk yet must not make a part of it durable.
#[test]
fn a_fold_does_not_make_a_part_of_a_batch_durable() {
    let disk = SimDisk::new(1);
    let mut options = options(1000);
    options.fold_after = 100;
    let db = open(&disk, &options).unwrap();
    let a = put(&db, &[1; 300], Durability::Always).unwrap();
    let b = put(&db, &[1; 10], Durability::Always).unwrap();
    for n in 0..6 {
        let id = put(&db, &[n; 700], Durability::Always).unwrap();
        db.write(|batch| batch.delete_document(id)).unwrap();
    }
    let mut batch = db.batch().unwrap();
    for id in [a, b] {
        batch.set_column(id, "batch", &Value::Int64(1)).unwrap();
    }
    batch.commit_with(Durability::Os).unwrap();
    assert!(maintain_until_idle(&db) > 0, "there is something to compact");
    let db = open(&disk.image(0), &options).unwrap();
    let view = db.view().unwrap();
    assert_eq!(view.column(a, "batch").is_ok(), view.column(b, "batch").is_ok());
}

/// Deletes leave tombstones that have to stay for a while; rewriting them over and over frees nothing.
#[test]
fn maintenance_ends_when_only_tombstones_are_left() {
    let disk = SimDisk::new(1);
    let mut options = options(1000);
    options.checkpoint_bytes = 1 << 30;
    let db = open(&disk, &options).unwrap();
    for _ in 0..20 {
        let mut ids = Vec::new();
        db.write(|batch| {
            (0..20).try_for_each(|_| {
                ids.push(batch.create_document(b"", &Columns::new())?);
                Ok(())
            })
        })
        .unwrap();
        db.write(|batch| ids.iter().try_for_each(|id| batch.delete_document(*id))).unwrap();
    }
    maintain_until_idle(&db);
    let stats = db.stats().unwrap();
    assert!(stats.total_bytes < 4000, "{} bytes for nothing", stats.total_bytes);
    assert!(db.verify().unwrap().damage.is_empty());
}

/// Work on the log does not keep the checkpoint from being written.
#[test]
fn a_checkpoint_that_is_due_does_not_wait_for_the_end_of_compaction() {
    let disk = SimDisk::new(1);
    let mut options = options(1000);
    options.checkpoint_bytes = 5000;
    let db = open(&disk, &options).unwrap();
    let document = put(&db, &[0; 500], Durability::Os).unwrap();
    for n in 0..100 {
        db.write(|batch| batch.replace_tree(document, &Tree { blob: vec![n; 500], ..Tree::default() })).unwrap();
        db.maintain().unwrap();
    }
    let checkpoints = db.stats().unwrap().checkpoints;
    assert!(checkpoints >= 5, "{checkpoints} checkpoints for 60 kB of log");
}

/// Commits of a group that could not be written must not come back, not even as far as they were written.
#[test]
fn a_refused_group_does_not_come_back() {
    for (error, seed) in [Errno::Eio, Errno::Enospc].into_iter().flat_map(|error| (0..8).map(move |seed| (error, seed)))
    {
        let gate = Gate::new(seed);
        let options = options(1 << 20);
        let db = gate.open(&options).unwrap();
        put(&db, b"first", Durability::Always).unwrap();
        let commit = |blob: Vec<u8>| {
            let db = db.clone();
            Box::new(move || put(&db, &blob, Durability::Always)) as Box<dyn FnOnce() -> Result<DocumentId> + Send>
        };
        let others = (1..6).map(|n| commit(vec![n; 50])).collect();
        let first = || assert!(put(&db, b"leader", Durability::Always).is_ok());
        let results =
            gate.group(first, others, || gate.disk.inject(Fault::new(&[Op::Write], 0, error).short().sticky()));
        gate.disk.clear_faults();
        let refused = results.iter().filter(|result| result.is_err()).count();
        assert_eq!(refused, 5, "{results:?}");
        for disk in [gate.disk.restart(), gate.disk.image(0), gate.disk.image(1), gate.disk.image(seed + 2)] {
            let db = open(&disk, &options).unwrap();
            assert_eq!(db.view().unwrap().document_count().unwrap(), 2, "{error:?}, seed {seed}");
        }
        // And the store goes on.
        let later = put(&db, b"later", Durability::Always).unwrap();
        let db = open(&gate.disk.image(0), &options).unwrap();
        assert_eq!(db.view().unwrap().document_count().unwrap(), 3);
        assert_eq!(&db.view().unwrap().blob(later).unwrap()[..], b"later");
    }
}

/// After a failed sync nothing of the same group may be acknowledged, whatever a later sync says.
#[test]
fn a_sync_that_fails_within_a_group_fails_what_is_left_of_it() {
    for nth in 0..6 {
        for seed in 0..4 {
            let gate = Gate::new(seed);
            let options = options(2000);
            let db = gate.open(&options).unwrap();
            let small = |n: u8| vec![n; 40];
            for n in 0..3 {
                put(&db, &vec![n; 1500], Durability::Always).unwrap();
            }
            let commit = |blob: Vec<u8>| {
                let db = db.clone();
                Box::new(move || put(&db, &blob, Durability::Always)) as Box<dyn FnOnce() -> Result<DocumentId> + Send>
            };
            let others = vec![commit(small(1)), commit(vec![2; 1500]), commit(small(3))];
            let first =
                || drop(put(&db, b"leader", Durability::Os).and_then(|_| put(&db, b"first", Durability::Always)));
            let fault = Fault::new(&[Op::Sync], nth, Errno::Eio);
            let fault = if seed % 2 == 0 { fault } else { fault.short() };
            let results = gate.group(first, others, || gate.disk.inject(fault));
            let acknowledged: Vec<_> = results.iter().flatten().copied().collect();
            for image in 0..10 {
                let disk = gate.disk.image(image);
                let db = open(&disk, &options)
                    .unwrap_or_else(|error| panic!("sync {nth}, seed {seed}, image {image}: {results:?}: {error}"));
                let view = db.view().unwrap();
                for id in &acknowledged {
                    assert!(view.exists(*id).unwrap(), "sync {nth}, seed {seed}, image {image}: {results:?}");
                }
            }
        }
    }
}

/// Closed is closed, also for a commit that waits in the queue when it happens.
#[test]
fn a_commit_that_meets_a_close_says_closed() {
    let gate = Gate::new(1);
    let db = gate.open(&options(1 << 20)).unwrap();
    let put_it = {
        let db = db.clone();
        Box::new(move || put(&db, b"late", Durability::Always).map(|_| ())) as Box<dyn FnOnce() -> Result<()> + Send>
    };
    let close = {
        let db = db.clone();
        Box::new(move || db.close()) as Box<dyn FnOnce() -> Result<()> + Send>
    };
    let results = gate.group(|| assert!(put(&db, b"first", Durability::Always).is_ok()), vec![put_it, close], || ());
    assert!(matches!(results[0], Ok(()) | Err(Error::Closed)), "{results:?}");
    assert!(results[1].is_ok(), "{results:?}");
}

/// A footer may lie behind everything that the active segment was mapped for.
#[test]
fn footers_are_readable_in_the_process_that_wrote_them() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(8000);
    let db = Db::open(dir.path().join("store"), &options).unwrap();
    let mut all = Vec::new();
    for _ in 0..20 {
        let ids =
            db.write(|batch| (0..20).map(|_| batch.create_document(b"", &Columns::new())).collect::<Result<Vec<_>>>());
        all.extend(ids.unwrap());
    }
    for pair in all.chunks(2) {
        db.write(|batch| batch.delete_document(pair[0])).unwrap();
    }
    let report = db.verify().unwrap();
    assert!(report.damage.is_empty(), "{:?}", report.damage);
    db.compact_now(&mut |_| true).unwrap();
    assert_eq!(db.view().unwrap().document_count().unwrap(), 200);
    assert!(db.stats().unwrap().amplification < 1.5, "{:?}", db.stats().unwrap());
}

/// A replaced tree knows of the ids that others handed out while its batch was open.
#[test]
fn input_ids_are_not_used_again_after_a_replace() {
    for inputs in 0..2 {
        let disk = SimDisk::new(1);
        let db = open(&disk, &options(4096)).unwrap();
        let document = put(&db, b"", Durability::Always).unwrap();
        db.write(|batch| batch.append_input(document, &Value::Null)).unwrap();
        let mut replace = db.batch().unwrap();
        let tree = Tree { inputs: vec![Input::new(Value::Null, None); inputs], ..Tree::default() };
        replace.replace_tree(document, &tree).unwrap();
        let seen = db.write(|batch| batch.append_input(document, &Value::Int64(1))).unwrap();
        assert!(db.view().unwrap().input(document, seen).is_ok());
        replace.commit().unwrap();
        let next = db.write(|batch| batch.append_input(document, &Value::Int64(2))).unwrap();
        assert!(next > seen, "{next} after {seen}");
    }
}

/// A refused call leaves the batch as it was.
#[test]
fn a_refused_call_does_not_tie_the_batch_to_its_document() {
    let disk = SimDisk::new(1);
    let db = open(&disk, &options(4096)).unwrap();
    let (document, other) = (put(&db, b"", Durability::Os).unwrap(), put(&db, b"", Durability::Os).unwrap());
    let mut batch = db.batch().unwrap();
    let missing = stratum::InputId::FIRST;
    assert!(batch.delete_input(document, missing).unwrap_err().is_not_found());
    assert!(batch.is_empty());
    batch.set_column(other, "a", &Value::Null).unwrap();
    db.write(|batch| batch.delete_document(document)).unwrap();
    batch.commit().unwrap();
}

#[test]
fn a_refused_call_does_not_hide_that_its_document_is_gone() {
    let db = open(&SimDisk::new(1), &options(1000)).unwrap();
    let id = put(&db, b"", Durability::Always).unwrap();
    let mut batch = db.batch().unwrap();
    assert!(batch.delete_input(id, InputId::FIRST).unwrap_err().is_not_found());
    db.write(|batch| batch.delete_document(id)).unwrap();
    assert!(batch.set_blob(id, b"new").unwrap_err().is_not_found());
    assert!(batch.is_empty());
}

/// Damage that compaction meets in a document elsewhere keeps it from that document, not from all work.
#[test]
fn damage_elsewhere_does_not_stop_compaction() {
    let disk = SimDisk::new(1);
    let options = options(4000);
    let db = open(&disk, &options).unwrap();
    let document = put(&db, &[7; 3500], Durability::Always).unwrap();
    let other = put(&db, &[8; 300], Durability::Always).unwrap();
    db.write(|batch| batch.set_column(document, "a", &Value::Null)).unwrap();
    db.close().unwrap();
    let root = std::path::Path::new("/");
    let files = disk.files(root);
    let with_blob = |bytes: &Vec<u8>| bytes.windows(3500).position(|part| part == [7; 3500]);
    let (path, at) = files.iter().find_map(|(path, bytes)| Some((path, with_blob(bytes)?))).unwrap();
    let mut bytes = files[path].clone();
    let tree = bytes[..at].windows(4).rposition(|part| part == b"STPT").unwrap();
    bytes[tree + 20] ^= 1;
    disk.plant(&root.join(path), &bytes);

    let db = open(&disk, &options).unwrap();
    assert!(matches!(db.view().unwrap().blob(document), Err(Error::Corruption(_))));
    for n in 0..60 {
        let id = put(&db, &[n; 700], Durability::Os).unwrap();
        db.write(|batch| batch.delete_document(id)).unwrap();
        db.maintain().unwrap();
    }
    maintain_until_idle(&db);
    let stats = db.stats().unwrap();
    assert!(stats.compactions > 0 && stats.total_bytes < 12_000, "{} bytes", stats.total_bytes);
    assert!(db.view().unwrap().blob(other).is_ok());
}

/// On a full disk without a reserve left, deletes say that there is no space.
#[test]
fn deletes_on_a_full_disk_say_no_space_in_the_end() {
    let disk = SimDisk::new(3);
    let options = options(1000);
    let db = open(&disk, &options).unwrap();
    disk.set_capacity(Some(disk.used() + 40_000));
    let mut ids = Vec::new();
    while let Ok(id) = put(&db, b"", Durability::Os) {
        ids.push(id);
    }
    let mut refused = 0;
    for id in ids.iter().rev() {
        match db.write(|batch| batch.delete_document(*id)) {
            Ok(()) => {}
            Err(Error::NoSpace { .. }) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(refused > 0);
    assert!(refused < ids.len());
}

/// What a tree may hold, its packed form may hold.
#[test]
fn packed_trees_have_the_limits_of_trees() {
    let disk = SimDisk::new(1);
    let mut options = options(4096);
    options.max_record_bytes = 100;
    let db = open(&disk, &options).unwrap();
    let columns: Columns = ["a", "b", "c"].into_iter().map(|name| (name, Value::String("x".repeat(60)))).collect();
    let tree = Tree {
        blob: Vec::new(),
        columns: columns.clone(),
        inputs: vec![Input { id: None, value: Value::Null, columns, output: None }],
    };
    let ids = db.write(|batch| batch.put_tree(&tree)).unwrap();
    let packed = db.view().unwrap().packed_tree(ids.document).unwrap();
    db.write(|batch| batch.put_packed(packed.as_bytes())).unwrap();

    let other = open(&SimDisk::new(2), &crate::plain::options(4096)).unwrap();
    let large = Tree { columns: Columns::from([("a", Value::String("x".repeat(200)))]), ..Tree::default() };
    let ids = other.write(|batch| batch.put_tree(&large)).unwrap();
    let packed = other.view().unwrap().packed_tree(ids.document).unwrap();
    let refused = db.write(|batch| batch.put_packed(packed.as_bytes()));
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
}

/// The limit on what snapshots hold is about what they hold, not about what others do.
#[test]
fn a_snapshot_that_holds_nothing_old_is_not_given_up() {
    let disk = SimDisk::new(1);
    let mut options = options(1000);
    options.max_retained_bytes = 1;
    let db = open(&disk, &options).unwrap();
    let churn = || {
        for n in 0..12 {
            let id = put(&db, &[n; 700], Durability::Os).unwrap();
            db.write(|batch| batch.delete_document(id)).unwrap();
        }
    };
    let kept = put(&db, &[7; 900], Durability::Os).unwrap();
    churn();
    let (view, old) = (db.view().unwrap(), db.snapshot().unwrap());
    db.compact_now(&mut |_| true).unwrap();
    assert!(matches!(old.exists(kept), Err(Error::SnapshotTooOld)), "it holds what was replaced");
    assert!(db.stats().unwrap().retained_bytes > 0, "and so does the view");
    let snapshot = db.snapshot().unwrap();
    churn();
    assert!(maintain_until_idle(&db) > 0);
    assert!(snapshot.exists(kept).unwrap() && view.exists(kept).unwrap());
    assert_eq!(db.stats().unwrap().snapshots, 1);
}

/// Once the manifest names another active segment, commits go there, whatever becomes of the old file.
#[test]
fn an_empty_segment_that_cannot_be_removed_takes_no_commits() {
    let disk = SimDisk::new(1);
    let options = options(1000);
    let db = open(&disk, &options).unwrap();
    // The first commit begins a segment (its header, and two writes for the edit that names it), and cannot write into
    // it.
    disk.inject(Fault::new(&[Op::Write], 3, Errno::Enospc));
    put(&db, b"refused", Durability::Always).unwrap_err();
    disk.clear_faults();
    disk.inject(Fault::new(&[Op::Unlink], 1, Errno::Eio));
    let large = put(&db, &[1; 5000], Durability::Always);
    assert_eq!(disk.faults_struck().len(), 2, "the faults must strike: {:?}", disk.faults_struck());
    disk.clear_faults();
    let small = put(&db, b"small", Durability::Always).unwrap();
    for disk in [disk.image(0), disk.image(1), disk.restart()] {
        let db = open(&disk, &options).unwrap();
        assert!(db.view().unwrap().exists(small).unwrap());
        assert!(large.as_ref().is_ok_and(|id| db.view().unwrap().exists(*id).unwrap()));
    }
}

/// After a panic beneath a commit nobody knows what is in the log: nothing is written behind it.
#[test]
fn a_panic_in_a_commit_poisons_the_store() {
    let gate = Gate::new(1);
    let options = options(4000);
    let db = gate.open(&options).unwrap();
    let kept = put(&db, b"kept", Durability::Always).unwrap();
    gate.panic_in_write();
    let lost = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| put(&db, b"lost", Durability::Always)));
    assert!(lost.is_err());
    assert!(matches!(put(&db, b"refused", Durability::Always), Err(Error::Poisoned(_))));
    assert_eq!(&db.view().unwrap().blob(kept).unwrap()[..], b"kept");
    drop(db);
    let db = gate.open(&options).unwrap();
    put(&db, b"again", Durability::Always).unwrap();
    assert_eq!(db.view().unwrap().document_count().unwrap(), 3, "what was written, though it was not acknowledged");
    assert!(db.verify().unwrap().damage.is_empty());
}

/// Runs `work` on a thread of its own, and does not wait for ever.
fn without_hanging(work: impl FnOnce() + Send + 'static) {
    let (done, wait) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        work();
        done.send(()).unwrap();
    });
    match wait.recv_timeout(Duration::from_secs(120)) {
        Err(RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => thread.join().unwrap(),
    }
}

/// The callback of a compaction holds up maintenance: what it calls must not wait for that.
#[test]
fn the_progress_callback_may_write_and_cannot_wait_for_itself() {
    without_hanging(|| {
        let disk = SimDisk::new(1);
        let mut options = options(4000);
        options.background = true;
        options.max_amplification = 1.1;
        let db = open(&disk, &options).unwrap();
        let document = put(&db, b"", Durability::Os).unwrap();
        let replace = |n: u8| {
            let tree = Tree { blob: vec![n; 900], ..Tree::default() };
            db.write(|batch| batch.replace_tree(document, &tree).map(|_| ())).unwrap();
        };
        (0..30).for_each(replace);
        let mut calls = 0;
        let refused = |result: Result<()>| assert!(matches!(result, Err(Error::InvalidArgument(_))), "{result:?}");
        db.compact_now(&mut |_| {
            calls += 1;
            (0..30).for_each(replace);
            // Nor must what it waits for: another thread that writes, over the ceiling.
            std::thread::scope(|scope| drop(scope.spawn(|| (0..30).for_each(replace))));
            refused(db.compact_now(&mut |_| true));
            refused(db.checkpoint());
            refused(db.maintain().map(drop));
            refused(db.verify().map(drop));
            refused(db.close());
            calls < 3
        })
        .unwrap();
        assert!(calls > 0);
        db.maintain().unwrap();
        db.close().unwrap();
    });
}

/// A commit that asked for `Interval` is synced without being asked, whatever the store's durability and whatever else
/// it does.
#[test]
fn interval_commits_are_synced_within_the_interval() {
    without_hanging(|| {
        let disk = SimDisk::new(1);
        let mut options = options(4000);
        options.background = true;
        options.checkpoint_bytes = 1;
        options.sync_interval = Duration::from_millis(20);
        let db = open(&disk, &options).unwrap();
        let is_synced = || {
            put(&db, b"soon", Durability::Interval).unwrap();
            // How late the thread is depends on the machine; without the timer it never comes.
            (0..12_000).any(|_| {
                std::thread::sleep(Duration::from_millis(5));
                let stats = db.stats().unwrap();
                stats.durable_sequence == stats.sequence
            })
        };
        assert!(is_synced());
        put(&db, b"more than one segment", Durability::Always).unwrap();
        let mut was_synced = false;
        db.compact_now(&mut |_| {
            was_synced = is_synced();
            false
        })
        .unwrap();
        assert!(was_synced, "also while maintenance is at work");
    });
}

/// The store's thread does its work when it is due, not only when something else wakes it; and leaves alone what nobody
/// asked for.
#[test]
fn the_thread_wakes_when_a_commit_makes_work_due() {
    without_hanging(|| {
        let disk = SimDisk::new(1);
        let mut options = options(1 << 20);
        options.background = true;
        options.checkpoint_bytes = 5000;
        options.sync_interval = Duration::from_millis(1);
        let db = open(&disk, &options).unwrap();
        // What begins the segment wakes it, too.
        put(&db, b"small", Durability::Os).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let before = db.stats().unwrap();
        assert_eq!((before.checkpoints, before.syncs), (0, 0), "nothing is due, and nobody asked for a sync");
        put(&db, &[1; 6000], Durability::Os).unwrap();
        while db.stats().unwrap().checkpoints == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
}

/// The blocks of a manifest that was replaced may turn up behind its successor's end, where a crash kept the length of
/// an edit and lost its bytes: what stands there is no later edit.
#[test]
fn remains_of_an_older_manifest_are_no_edits() {
    let disk = SimDisk::new(1);
    let options = options(1000);
    let path = store_path().join("MANIFEST");
    let manifest =
        |disk: &SimDisk| disk.files(path.parent().expect("a directory")).remove(std::path::Path::new("MANIFEST"));
    let db = open(&disk, &options).unwrap();
    for n in 0..12 {
        put(&db, &[n; 700], Durability::Always).unwrap();
    }
    db.compact_now(&mut |_| true).unwrap();
    drop(db);
    let older = manifest(&disk).unwrap();
    let db = open(&disk, &options).unwrap();
    put(&db, b"last", Durability::Always).unwrap();
    let mut newer = manifest(&disk).unwrap();
    // The header and one edit, without the zeros that wait for the next.
    newer.truncate(96 + 16 + u32::from_le_bytes(newer[100..104].try_into().unwrap()) as usize);
    assert!(newer.len() < older.len(), "the first edit after opening writes it anew");
    let crashed = disk.restart();
    crashed.plant(&path, &[&newer[..], &older[newer.len()..]].concat());
    let db = open(&crashed, &options).unwrap();
    assert_eq!(db.view().unwrap().document_count().unwrap(), 13);
    assert!(db.verify().unwrap().damage.is_empty());
}

/// The number that a refused commit was given is spent: a store that is opened again shows it, and goes on behind it.
#[test]
fn the_number_of_a_refused_commit_is_not_given_again() {
    let disk = SimDisk::new(1);
    let db = open(&disk, &options(1 << 20)).unwrap();
    put(&db, b"kept", Durability::Always).unwrap();
    let newest = db.view().unwrap().sequence();
    disk.inject(Fault::new(&[Op::Write], 0, Errno::Eio));
    assert!(matches!(put(&db, b"refused", Durability::Always), Err(Error::Io { .. })));
    assert_eq!(db.view().unwrap().sequence(), newest);
    db.close().unwrap();
    let db = open(&disk, &options(1 << 20)).unwrap();
    let shown = db.view().unwrap().sequence();
    assert_eq!((shown, db.view().unwrap().document_count().unwrap()), (newest + 1, 1));
    put(&db, b"next", Durability::Always).unwrap();
    assert_eq!(db.view().unwrap().sequence(), shown + 1);
}

/// What `open` finds counts only once nobody else can change it.
#[test]
fn create_and_exclusive_are_asked_again_once_the_store_is_locked() {
    let mut options = options(1 << 20);
    options.exclusive = true;
    let gate = Gate::new(1);
    let disk = gate.disk.clone();
    gate.before_lock(move || open(&disk, &stratum::Options::default()).unwrap().close().unwrap());
    assert!(matches!(gate.open(&options), Err(Error::OpenRefused { .. })), "another made it meanwhile");
    (options.exclusive, options.create) = (false, false);
    let disk = gate.disk.clone();
    gate.before_lock(move || disk.unlink(&store_path().join("MANIFEST")).unwrap());
    assert!(matches!(gate.open(&options), Err(Error::OpenRefused { .. })), "another removed it meanwhile");
    assert!(!gate.disk.files(store_path()).contains_key(std::path::Path::new("MANIFEST")));
}
