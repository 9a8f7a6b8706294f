//! What compaction and checkpoints leave behind for whoever comes after them: figures, reserves, what is remembered.

use super::records::{add_columns, check_log, compact, open_with, options, put, slot};
use super::*;
use crate::sync::atomic::Ordering;
use crate::tree::Input;
use crate::vfs::sim::{Errno, Fault, Op};
use crate::{Columns, Value};

/// Steps of background work until there is none left.
fn maintain_until_idle(db: &Db) -> usize {
    (0..200).find(|_| !db.maintain().unwrap()).expect("maintenance comes to an end")
}

/// Puts so many documents without contents in the commit that `batch` is, and deletes each in a commit of its own.
fn commit_and_delete(db: &Db, mut batch: Batch, documents: usize) {
    let ids: Vec<_> = (0..documents).map(|_| batch.create_document(b"", &Columns::new()).unwrap()).collect();
    batch.commit().unwrap();
    db.core().seal_active().unwrap();
    ids.iter().for_each(|id| db.write(|batch| batch.delete_document(*id)).unwrap());
}

/// A store of four segments with a document in each, and garbage beside it.
fn four_segments(disk: &SimDisk) -> (Db, Vec<DocumentId>) {
    let db = open_with(disk, &options(64 << 10));
    let put_beside_garbage = |n| {
        let (live, garbage) = (put(&db, &[n; 2000]), put(&db, &[n; 5000]));
        db.write(|batch| batch.delete_document(garbage)).unwrap();
        db.core().seal_active().unwrap();
        live
    };
    let live = (0..4).map(put_beside_garbage).collect();
    (db, live)
}

#[test]
fn a_full_compaction_tells_how_far_it_has_come() {
    let db = used(&SimDisk::new(1));
    let mut told = Vec::new();
    db.compact_now(&mut |progress| {
        told.push(progress);
        true
    })
    .unwrap();
    let after = db.stats().unwrap();
    assert!(told.len() > 1 && told.is_sorted_by_key(|progress| progress.segments_done), "{told:?}");
    assert!(told.iter().all(|progress| progress.segments_done <= progress.segments_total), "{told:?}");
    let Some(last) = told.last() else { panic!("there is something to compact") };
    assert_eq!(last.segments_done, last.segments_total);
    let (read, written) = (after.compaction_bytes_read, after.compaction_bytes_written);
    assert_eq!((last.bytes_read, last.bytes_written, last.bytes_reclaimed), (read, written, read - written));
}

/// The next open is to have nothing to read but that; and one that did nothing has nothing to note.
#[test]
fn a_full_compaction_that_did_something_ends_with_a_checkpoint() {
    let disk = SimDisk::new(1);
    let db = used(&disk);
    let checkpoints = || db.stats().unwrap().checkpoints;
    compact(&db);
    assert_eq!(checkpoints(), 2, "before and after");
    compact(&db);
    assert_eq!(checkpoints(), 2);
}

/// They wait for records elsewhere to go, which no checkpoint takes away.
#[test]
fn a_checkpoint_of_the_same_commits_has_no_tombstone_looked_at_again() {
    let db = open_with(&SimDisk::new(1), &Options { max_amplification: 1.1, ..options(1000) });
    // All in one segment, which is dense enough to be left alone.
    let mut batch = db.batch().unwrap();
    batch.create_document(&[1; 100_000], &Columns::new()).unwrap();
    commit_and_delete(&db, batch, 80);
    db.checkpoint().unwrap();
    assert!(maintain_until_idle(&db) > 0, "there are segments of nothing but tombstones");
    let before = db.stats().unwrap();
    db.checkpoint().unwrap();
    let after = db.stats().unwrap();
    assert_eq!((after.checkpoints, after.checkpoint_sequence), (before.checkpoints + 1, before.checkpoint_sequence));
    assert!(!db.maintain().unwrap(), "rewriting them once more frees nothing");
}

#[test]
fn commits_fold_everything_again_after_a_compaction() {
    let db = open_with(&SimDisk::new(1), &Options { fold_after: 2, ..options(1 << 20) });
    let id = put(&db, &[1; 100]);
    commit_and_delete(&db, db.batch().unwrap(), 20);
    compact(&db);
    let stats = db.stats().unwrap();
    assert!(stats.compactions > 0, "there is something to compact");
    add_columns(&db, id, &["a", "b", "c", "d"], 20);
    assert!(slot(&db, id).tree().unwrap().sequence > stats.sequence);
}

/// Its reserve takes three of the four segments' documents, and each time it makes room for another.
#[test]
fn a_full_disk_is_compacted_as_many_segments_at_a_time_as_the_reserve_takes() {
    let disk = SimDisk::new(1);
    // All of them fit into one segment, but for its header.
    let (db, options) = with_reserve(&disk, 4, |_, _| {});
    let mut told = Vec::new();
    db.compact_now(&mut |progress| {
        told.push((progress.segments_done, progress.segments_total));
        true
    })
    .unwrap();
    // The last one goes together with what came of the others.
    assert_eq!(told, [(3, 4), (5, 5)], "what is left for later is not told as done");
    assert_eq!(db.stats().unwrap().compactions, 2);
    check_log(&disk, &db, &options);
}

/// The four segments again, with a reserve of so many of their documents and nothing else on the disk, once `work` is
/// done.
fn with_reserve(disk: &SimDisk, documents: u64, work: impl Fn(&Db, &[DocumentId])) -> (Db, Options) {
    let (db, live) = four_segments(disk);
    let record = slot(&db, live[0]).tree().unwrap().length();
    work(&db, &live);
    db.close().unwrap();
    let options = options(documents * record);
    for name in [names::SPARE_LOG, names::SPARE_COMPACTION] {
        disk.unlink(&Path::new("/store").join(name)).unwrap();
    }
    let db = open_with(disk, &options);
    db.core().reserve_spares(&db.core().writer.lock());
    disk.set_capacity(Some(disk.used()));
    (db, options)
}

/// Deltas that lie elsewhere are not folded into the reserve, which was not measured for them.
#[test]
fn on_a_full_disk_what_lies_elsewhere_is_left_there() {
    let disk = SimDisk::new(1);
    let (db, options) = with_reserve(&disk, 4, |db, live| {
        live.iter().for_each(|id| add_columns(db, *id, &["a"], 1500));
        db.core().seal_active().unwrap();
    });
    compact(&db);
    let stats = db.stats().unwrap();
    assert!(stats.compactions > 0 && stats.reserved_bytes > 0, "{stats:?}");
    check_log(&disk, &db, &options);
}

/// What deltas elsewhere replaced has to wait for room, and is not copied again and again until then.
#[test]
fn what_no_reserve_frees_is_not_copied_again_and_again() {
    let disk = SimDisk::new(1);
    let (db, mut options) = with_reserve(&disk, 2, |_, _| ());
    db.close().unwrap();
    disk.set_capacity(None);
    options.max_amplification = 1.1;
    let db = open_with(&disk, &options);
    // Segments without garbage, a document in each; then one with all that replaces what is in them.
    compact(&db);
    for id in db.view().unwrap().documents(DocumentId::FIRST).unwrap() {
        db.write(|batch| batch.set_blob(id, &[9; 900])).unwrap();
    }
    db.core().seal_active().unwrap();
    db.core().reserve_spares(&db.core().writer.lock());
    disk.set_capacity(Some(disk.used()));
    let before = db.stats().unwrap();
    let end = (0..50).map(|_| db.maintain()).find(|step| !matches!(step, Ok(true)));
    assert!(matches!(end, Some(Err(Error::NoSpace { .. }))), "{end:?}");
    let after = db.stats().unwrap();
    assert_eq!((after.compactions, after.reserved_bytes), (before.compactions, before.reserved_bytes), "nor once");
    disk.set_capacity(None);
    assert!(maintain_until_idle(&db) > 0);
    assert!(db.stats().unwrap().total_bytes < before.total_bytes * 3 / 4, "with room it is folded");
    check_log(&disk, &db, &options);
}

#[test]
fn a_compaction_that_fails_with_the_reserve_leaves_one() {
    let disk = SimDisk::new(1);
    let (db, options) = with_reserve(&disk, 4, |_, _| {});
    let before = db.stats().unwrap().reserved_bytes;
    // Its first output, and that out of the reserve.
    disk.inject(Fault::new(&[Op::Write], 0, Errno::Enospc).sticky());
    assert!(matches!(db.compact_now(&mut |_| true), Err(Error::NoSpace { .. })));
    disk.clear_faults();
    assert_eq!(db.stats().unwrap().reserved_bytes, before);
    check_log(&disk, &db, &options);
}

/// A document of more than a batch may hold, most of which was replaced since: it cannot be folded.
fn too_large_to_fold(options: Options) -> (Db, DocumentId) {
    let db = open_with(&SimDisk::new(1), &Options { max_record_bytes: 64 << 10, max_batch_bytes: 1 << 20, ..options });
    let value = |n| Value::Bytes(vec![n; 30_000]);
    let inputs = (0..30).map(|n| Input::new(value(n), None)).collect();
    let ids = db.write(|batch| batch.put_tree(&Tree { inputs, ..Tree::default() })).unwrap();
    for id in db.view().unwrap().input_ids(ids.document).unwrap() {
        db.write(|batch| batch.replace_input(ids.document, id, &value(99))).unwrap();
    }
    (db, ids.document)
}

/// What deltas replaced of its tree is garbage that no rewriting frees: that is found out once.
#[test]
fn a_document_that_cannot_be_folded_is_not_rewritten_again_and_again() {
    let (db, document) = too_large_to_fold(options(64 << 10));
    let steps = maintain_until_idle(&db);
    let before = db.stats().unwrap();
    assert!(steps > 0 && before.total_bytes > before.live_bytes * 3 / 2, "{steps} steps, {before:?}");
    put(&db, &[1; 1000]);
    assert_eq!(maintain_until_idle(&db), 0);
    // When it is gone, all of it is garbage like any other.
    db.write(|batch| batch.delete_document(document)).unwrap();
    assert!(maintain_until_idle(&db) > 0);
    assert!(db.stats().unwrap().total_bytes < before.total_bytes / 4);
}

/// It is known which of a job's segments it was, and the others hold garbage too.
#[test]
fn a_damaged_segment_alone_is_given_up() {
    let disk = SimDisk::new(1);
    let (db, live) = four_segments(&disk);
    let damaged = *slot(&db, live[2]).tree().unwrap();
    db.close().unwrap();
    let name = names::segment(damaged.segment);
    let path = Path::new("/store").join(&name);
    let mut bytes = disk.files(Path::new("/store"))[Path::new(&name)].clone();
    bytes[damaged.offset() as usize + 1000] ^= 1;
    disk.plant(&path, &bytes);
    let db = open_with(&disk, &options(8 << 10));
    let failed = (0..20).map(|_| db.maintain()).take_while(|step| !matches!(step, Ok(false)));
    let failed: Vec<_> = failed.filter_map(|step| step.err()).collect();
    assert!(matches!(&failed[..], [Error::Corruption(damage)] if damage.file == path), "{failed:?}");
    assert_eq!(db.core().maintenance().unwrap().given_up, [damaged.segment]);
    assert!(db.stats().unwrap().compactions > 0);
}

/// Whoever tries again and again on a full disk does not use them up.
#[test]
fn refused_commits_cost_no_segment_ids() {
    let disk = SimDisk::new(1);
    let db = open_with(&disk, &options(1000));
    put(&db, &[1; 900]);
    let ids = || db.core().next_segment.load(Ordering::Relaxed);
    let before = ids();
    disk.set_capacity(Some(disk.used()));
    for _ in 0..100 {
        let refused = db.write(|batch| batch.create_document(&[1; 900], &Columns::new()));
        assert!(matches!(refused, Err(Error::NoSpace { .. })));
    }
    assert!(ids() <= before + 1, "{} ids", ids() - before);
    disk.set_capacity(None);
    put(&db, &[1; 900]);
    check_log(&disk, &db, &options(1000));
}

#[test]
fn garbage_is_what_is_neither_live_nor_the_head_of_a_segment() {
    let db = open_with(&SimDisk::new(1), &options(1000));
    let empty = db.stats().unwrap();
    assert_eq!((empty.live_bytes, empty.amplification), (0, 1.0), "nothing is kept for nothing");
    let ids: Vec<DocumentId> = (0..20).map(|_| put(&db, &[7; 200])).collect();
    let before = db.stats().unwrap();
    db.write(|batch| batch.delete_document(ids[0])).unwrap();
    let after = db.stats().unwrap();
    assert!(after.segments > 2 && after.garbage_bytes > before.garbage_bytes + 200, "{after:?}");
    for stats in [before, after] {
        let heads = HEADER_LEN * stats.segments;
        assert_eq!(stats.garbage_bytes, stats.total_bytes - stats.live_bytes - heads, "{stats:?}");
        assert_eq!(stats.amplification, stats.total_bytes as f64 / stats.live_bytes as f64);
    }
}

#[test]
fn what_is_set_aside_is_told_in_one_figure() {
    let db = used(&SimDisk::new(1));
    let (log, compaction) = (db.core().spare_log.reserved(), db.core().spare_compaction.reserved());
    assert!(log > 1 && compaction > 1, "{log} {compaction}");
    assert_eq!(db.stats().unwrap().reserved_bytes, log + compaction);
}
