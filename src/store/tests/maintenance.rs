//! What compaction and checkpoints leave behind for whoever comes after them: figures, reserves, what is remembered.

use super::records::{add_columns, check_log, compact, open_with, options, put, slot};
use super::*;
use crate::Columns;

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
    let (db, live) = four_segments(&disk);
    let record = slot(&db, live[0]).tree().unwrap().length();
    db.close().unwrap();
    // A smaller reserve: all of them fit into one segment, but for its header.
    let options = options(4 * record);
    for name in [names::SPARE_LOG, names::SPARE_COMPACTION] {
        disk.unlink(&Path::new("/store").join(name)).unwrap();
    }
    let db = open_with(&disk, &options);
    db.core().reserve_spares(&db.core().writer.lock());
    disk.set_capacity(Some(disk.used()));
    compact(&db);
    assert!(db.stats().unwrap().compactions > 1);
    check_log(&disk, &db, &options);
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
