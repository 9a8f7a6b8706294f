//! Which records commits, compaction and recovery write and keep, seen from beneath the API: what a view shows is the
//! same with records too many, too large or in the wrong place, until space runs out.

use std::collections::BTreeMap;

use super::*;
use crate::format::extent::Extent;
use crate::index::Slot;
use crate::index::layers::Layers;
use crate::sync::atomic::Ordering;
use crate::tree::Input;
use crate::{Columns, Compression, Durability, Value};

pub fn options(segment_size: u64) -> Options {
    Options { background: false, durability: Durability::Os, segment_size, fold_after: 1000, ..Options::default() }
}

pub fn open_with(disk: &SimDisk, options: &Options) -> Db {
    Db::open_on(Arc::new(disk.clone()), Path::new("/store"), options).unwrap()
}

pub fn put(db: &Db, blob: &[u8]) -> DocumentId {
    db.write(|batch| batch.create_document(blob, &Columns::new())).unwrap()
}

/// Sets a column of its own of each of some documents to so many bytes.
pub fn add_columns(db: &Db, document: DocumentId, names: &[&str], bytes: usize) {
    for name in names {
        db.write(|batch| batch.set_column(document, name, &Value::Bytes(vec![7; bytes]))).unwrap();
    }
}

pub fn slot(db: &Db, document: DocumentId) -> Slot {
    db.core().published().index.get(document.get()).unwrap().clone()
}

pub fn compact(db: &Db) {
    db.compact_now(&mut |_| true).unwrap();
}

/// The sealed segments as the manifest has them.
fn sealed(db: &Db) -> Vec<SegmentMeta> {
    let writer = db.core().writer.lock();
    db.core().sealed(&writer).unwrap()
}

/// Asserts that a store shows the same when the log alone is read.
pub fn check_log(disk: &SimDisk, db: &Db, options: &Options) {
    let tree_of = |db: &Db| {
        let view = db.view().unwrap();
        view.documents(DocumentId::FIRST).unwrap().map(|id| (id, view.tree(id).unwrap())).collect::<Vec<_>>()
    };
    let copy = disk.restart();
    let _there_may_be_none = copy.unlink(Path::new("/store/CHECKPOINT"));
    let again = open_with(&copy, options);
    assert_eq!(tree_of(&again), tree_of(db));
    assert_eq!(again.stats().unwrap().live_bytes, db.stats().unwrap().live_bytes);
    assert_eq!(again.verify().unwrap().damage, []);
}

#[test]
fn compaction_writes_what_is_live_once() {
    let disk = SimDisk::new(1);
    let options = options(64 << 10);
    let db = open_with(&disk, &options);
    let (folded, replaced) = (put(&db, &[1; 900]), put(&db, &[2; 900]));
    add_columns(&db, folded, &["a", "b"], 300);
    add_columns(&db, replaced, &["a", "b"], 300);
    db.write(|batch| batch.replace_tree(replaced, &Tree { blob: vec![3; 500], ..Tree::default() })).unwrap();
    compact(&db);
    let stats = db.stats().unwrap();
    let [segment] = sealed(&db)[..] else { panic!("{stats:?}") };
    assert_eq!(stats.live_bytes, segment.footer - HEADER_LEN, "nothing is there that is not live");
    assert_eq!((stats.compactions, stats.compaction_bytes_written), (1, segment.length));
    assert!(slot(&db, folded).runs().is_empty());
    check_log(&disk, &db, &options);
}

#[test]
fn a_full_compaction_leaves_nothing_of_what_was_deleted_last() {
    let disk = SimDisk::new(1);
    let db = open_with(&disk, &options(64 << 10));
    let id = put(&db, &[1; 900]);
    db.write(|batch| batch.delete_document(id)).unwrap();
    compact(&db);
    assert_eq!((db.stats().unwrap().total_bytes, segments(&disk)), (0, vec![]));
}

#[test]
fn outputs_of_compaction_are_filled_to_the_last_byte_of_a_segment_and_no_further() {
    let record = {
        let db = open_with(&SimDisk::new(1), &options(64 << 10));
        let id = put(&db, &[0; 500]);
        slot(&db, id).tree().unwrap().length()
    };
    let disk = SimDisk::new(1);
    let db = open_with(&disk, &options(64 << 10));
    let ids: Vec<DocumentId> = (0..40).map(|n| put(&db, &[n; 500])).collect();
    for id in ids.iter().step_by(2) {
        db.write(|batch| batch.delete_document(*id)).unwrap();
    }
    db.close().unwrap();
    let options = options(HEADER_LEN + 4 * record);
    // Each time that a write fails, the outputs before it go too.
    let mut failed = 0;
    for write in 0.. {
        let disk = disk.restart();
        let db = open_with(&disk, &options);
        let before = segments(&disk);
        disk.inject(Fault::new(&[Op::Write], write, Errno::Eio));
        let compacted = db.compact_now(&mut |_| true);
        let struck = !disk.faults_struck().is_empty();
        disk.clear_faults();
        if !struck {
            compacted.unwrap();
            assert_eq!(sealed(&db).iter().map(|meta| meta.footer).collect::<Vec<_>>(), [options.segment_size; 5]);
            check_log(&disk, &db, &options);
            break;
        }
        if compacted.is_err() && db.stats().unwrap().compactions == 0 {
            failed += 1;
            assert_eq!(segments(&disk), before, "after write {write} failed");
        }
    }
    assert!(failed > 5, "{failed}");
}

#[test]
fn a_large_tree_elsewhere_is_not_written_again_for_small_deltas() {
    for (column, is_folded) in [(100, false), (800, true)] {
        let disk = SimDisk::new(1);
        let options = options(8000);
        let db = open_with(&disk, &options);
        // A segment that is dense enough to be left alone.
        let id = put(&db, &[1; 6000]);
        db.core().seal_active().unwrap();
        add_columns(&db, id, &["a", "b"], column);
        let tree = *slot(&db, id).tree().unwrap();
        let deltas: u64 = slot(&db, id).runs().iter().map(|run| run.extent.length()).sum();
        assert_eq!(tree.length() <= 4 * deltas, is_folded, "{} and {deltas} bytes", tree.length());
        compact(&db);
        let after = slot(&db, id);
        assert_eq!(after.runs().len(), usize::from(!is_folded));
        assert_eq!(after.tree() == Some(&tree), !is_folded);
        check_log(&disk, &db, &options);
    }
}

/// What a compaction leaves of a tree and two deltas, with a limit on records that follows from their sizes.
fn compacted_within(limit: impl Fn(u64, u64) -> u64) -> (bool, usize) {
    let measure = open_with(&SimDisk::new(1), &options(64 << 10));
    let id = put(&measure, &[1; 900]);
    add_columns(&measure, id, &["a", "b"], 300);
    let before = slot(&measure, id);
    let deltas = before.runs().iter().map(|run| run.extent.length()).sum();
    let limit = limit(before.tree().unwrap().length(), deltas);
    let options = Options { max_record_bytes: 900, max_batch_bytes: limit.max(2000), ..options(64 << 10) };
    let disk = SimDisk::new(1);
    let db = open_with(&disk, &options);
    assert_eq!(put(&db, &[1; 900]), id);
    add_columns(&db, id, &["a", "b"], 300);
    db.close().unwrap();
    let options = Options { max_record_bytes: 100, max_batch_bytes: limit, ..options };
    let db = open_with(&disk, &options);
    // Once: two deltas made one may fit where they did not.
    db.compact_now(&mut |_| false).unwrap();
    check_log(&disk, &db, &options);
    let after = slot(&db, id);
    (after.tree().unwrap().sequence > before.tree().unwrap().sequence, after.runs().len())
}

#[test]
fn compaction_folds_up_to_the_size_of_a_batch() {
    assert_eq!(compacted_within(|tree, deltas| tree + deltas), (true, 0), "one tree");
    assert_eq!(compacted_within(|tree, deltas| tree + deltas - 1), (false, 1), "the tree and one delta");
    assert_eq!(compacted_within(|_, deltas| deltas), (false, 1));
    assert_eq!(compacted_within(|_, deltas| deltas - 1), (false, 2), "all as it was");
}

#[test]
fn a_commit_to_many_documents_folds_a_few_times_what_it_has_itself() {
    let disk = SimDisk::new(1);
    let options = Options { fold_after: 2, ..options(64 << 20) };
    let db = open_with(&disk, &options);
    let documents: Vec<_> = (0..100).map(|_| put(&db, &[7; 30_000])).collect();
    let log = || db.stats().unwrap().total_bytes;
    let mut most = 0;
    for turn in 0..12 {
        let before = log();
        let name = format!("column {turn}");
        let value = Value::Bytes(vec![turn; 3000]);
        db.write(|batch| documents.iter().try_for_each(|id| batch.set_column(*id, &name, &value))).unwrap();
        most = most.max(log() - before);
    }
    // What they set is 310 KB at a time; all that is ready to be folded would be 5 MB and more.
    assert!(most < 3_000_000, "{most}");
    assert!(db.stats().unwrap().folds > 100);
    let runs = documents.iter().map(|id| slot(&db, *id).runs().len()).max();
    assert!(runs <= Some(6), "{runs:?}");
    let expected: Vec<_> = (0..12).map(|turn| Value::Bytes(vec![turn; 3000])).collect();
    for id in documents {
        let tree = db.view().unwrap().tree(id).unwrap();
        assert!((0..12).all(|turn| tree.columns.get(&format!("column {turn}")) == Some(&expected[turn])));
    }
    check_log(&disk, &db, &options);
}

#[test]
fn deltas_made_one_say_where_the_blob_went() {
    let (inline, apart) = (vec![4; 20], vec![5; 70_000]);
    for (first, then) in [(&inline, &apart), (&apart, &inline)] {
        let disk = SimDisk::new(1);
        let options = options(1 << 20);
        let db = open_with(&disk, &options);
        let columns = Columns::from([("large", Value::Bytes(vec![1; 3000]))]);
        let id = db.write(|batch| batch.create_document(first, &columns)).unwrap();
        db.write(|batch| batch.set_blob(id, then)).unwrap();
        add_columns(&db, id, &["a"], 20);
        db.close().unwrap();
        // What the tree and the deltas come to is more than a record may hold.
        let options = Options { max_record_bytes: 100, max_batch_bytes: 3000, ..options };
        let db = open_with(&disk, &options);
        compact(&db);
        let after = slot(&db, id);
        assert_eq!(after.runs().len(), 1, "it is one delta that says it");
        assert_eq!((after.blob().is_some(), after.blob_is_external()), (then.len() > 1000, then.len() > 1000));
        assert_eq!(db.view().unwrap().blob(id).unwrap()[..], then[..]);
        check_log(&disk, &db, &options);
    }
}

#[test]
fn a_blob_record_that_was_replaced_is_not_live_after_opening() {
    for durability in [Durability::Always, Durability::Os] {
        let disk = SimDisk::new(1);
        let options = Options { durability, ..options(1 << 20) };
        let db = open_with(&disk, &options);
        let id = put(&db, &[1; 70_000]);
        db.write(|batch| batch.set_blob(id, b"small")).unwrap();
        put(&db, b"");
        assert!(slot(&db, id).blob().is_none());
        // Read from where it is, or moved, since nobody synced it.
        check_log(&disk, &db, &options);
    }
}

#[test]
fn a_log_segment_says_with_which_commit_it_begins() {
    let disk = SimDisk::new(1);
    let db = open_with(&disk, &options(2400));
    for n in 0..6 {
        put(&db, &[n; 700]);
    }
    let firsts: Vec<u64> = disk
        .files(Path::new("/store"))
        .iter()
        .filter(|(name, _)| names::segment_id(name).is_some())
        .map(|(_, bytes)| SegmentHeader::decode(bytes).unwrap().first_sequence)
        .collect();
    assert_eq!(firsts, [1, 3, 5]);
}

#[test]
fn a_segment_made_for_a_large_commit_takes_no_other() {
    let disk = SimDisk::new(1);
    let db = open_with(&disk, &options(1000));
    put(&db, &[1; 5000]);
    let large = db.stats().unwrap();
    put(&db, &[2; 500]);
    assert_eq!(db.stats().unwrap().segments, large.segments + 1);
}

#[test]
fn nothing_is_synced_that_did_not_ask_for_it() {
    let db = open_with(&SimDisk::new(1), &options(1 << 20));
    for n in 0..3 {
        put(&db, &[n; 100]);
    }
    assert_eq!((db.stats().unwrap().syncs, db.stats().unwrap().durable_sequence), (0, 0));
}

#[test]
fn a_small_tree_is_folded_with_its_deltas_but_beside_a_compaction() {
    let db = open_with(&SimDisk::new(1), &Options { fold_after: 2, ..options(1 << 20) });
    let id = put(&db, &[1; 100]);
    let moment = db.stats().unwrap().sequence;
    db.core().folding.store(moment, Ordering::Relaxed);
    for name in ["a", "b", "c", "d", "e"] {
        add_columns(&db, id, &[name], 20);
    }
    assert_eq!(slot(&db, id).tree().unwrap().sequence, moment, "it is the compaction's to fold");
    db.core().folding.store(0, Ordering::Relaxed);
    add_columns(&db, id, &["f", "g", "h"], 20);
    let folded = slot(&db, id);
    assert!(folded.tree().unwrap().sequence > moment + 5 && folded.runs().len() < 3, "{folded:?}");
}

#[test]
fn a_delta_takes_the_place_of_those_it_repeats_and_a_fold_is_made_once() {
    let db = open_with(&SimDisk::new(1), &Options { fold_after: 4, ..options(1 << 20) });
    let id = put(&db, &[1; 20_000]);
    for _ in 0..6 {
        add_columns(&db, id, &["same"], 10);
        assert_eq!(slot(&db, id).runs().len(), 1);
    }
    assert_eq!(db.stats().unwrap().folds, 0);
    add_columns(&db, id, &["a", "b", "c", "d"], 10);
    assert_eq!(db.stats().unwrap().folds, 1);
    assert!(slot(&db, id).runs().len() < 4);
}

#[test]
fn deltas_made_one_leave_the_live_bytes_as_they_were() {
    let live = |db: &Db| db.stats().unwrap().live_bytes;
    let [folding, plain] = [4, 1000].map(|fold_after| {
        let db = open_with(&SimDisk::new(1), &Options { fold_after, ..options(1 << 20) });
        let id = put(&db, &[1; 20_000]);
        let set_blob = |content| db.write(|batch| batch.set_blob(id, &[content; 800])).unwrap();
        set_blob(2);
        let first = live(&db);
        for turn in 1..4 {
            set_blob(2 + turn);
            let after = slot(&db, id);
            let [run] = after.runs() else { panic!("it takes the place of the one before") };
            // As if the ones before still stood there without their blobs.
            assert_eq!(live(&db), first + u64::from(turn) * (run.extent.length() - 800));
        }
        add_columns(&db, id, &["a", "b", "c", "d", "e", "f"], 100);
        db
    });
    assert!(folding.stats().unwrap().folds > 0 && plain.stats().unwrap().folds == 0);
    assert!(live(&folding).abs_diff(live(&plain)) < 64, "{} and {}", live(&folding), live(&plain));
}

#[test]
fn folds_are_counted_that_were_written() {
    let db = open_with(&SimDisk::new(1), &Options { fold_after: 1, ..options(1 << 20) });
    let id = put(&db, &[1; 20_000]);
    add_columns(&db, id, &["a"], 10);
    // As while a compaction is at work: what it may fold stays, what is newer is folded.
    let moment = db.stats().unwrap().sequence;
    db.core().folding.store(moment, Ordering::Relaxed);
    add_columns(&db, id, &["b"], 10);
    assert_eq!((slot(&db, id).runs().len(), db.stats().unwrap().folds), (2, 0));
    add_columns(&db, id, &["c"], 10);
    assert_eq!((slot(&db, id).runs().len(), db.stats().unwrap().folds), (2, 1));
    assert_eq!(slot(&db, id).runs()[1].first_sequence, moment + 1);
    db.core().folding.store(0, Ordering::Relaxed);
    add_columns(&db, id, &["d"], 10);
    assert_eq!((slot(&db, id).runs().len(), db.stats().unwrap().folds), (1, 2));
}

/// The job sleeps most of the time, and folds both documents. Read a hundred deltas at once, each commit would take
/// longer than the one before.
#[test]
fn deltas_stay_few_however_long_a_compaction_takes() {
    let disk = SimDisk::new(1);
    let options = Options { fold_after: 4, compaction_bytes_per_second: 200_000, ..options(1 << 20) };
    let db = open_with(&disk, &options);
    let (many, one) = (put(&db, &[1; 20_000]), put(&db, &[2; 100]));
    for content in 3..22 {
        put(&db, &[content; 20_000]);
    }
    let set = |document, name: &str, value: i64| {
        db.write(|batch| batch.set_column(document, name, &Value::Int64(value))).unwrap();
        slot(&db, document).runs().len()
    };
    let mut expected = BTreeMap::new();
    let (mut most, mut count) = ((0, 0), 0);
    for name in ["a", "b", "c"] {
        set(many, name, 0);
        expected.insert(name.to_string(), Value::Int64(0));
    }
    set(one, "a", 0);
    std::thread::scope(|scope| {
        let compacting = scope.spawn(|| compact(&db));
        while !compacting.is_finished() {
            count += 1;
            let name = format!("column {}", count % 50);
            most = (most.0.max(set(many, &name, count)), most.1.max(set(one, "a", count)));
            expected.insert(name, Value::Int64(count));
        }
    });
    assert!(count > 100, "{count} commits");
    assert!(most.0 <= 16 && most.1 <= 3, "{most:?} deltas at a time");
    let view = db.view().unwrap();
    assert_eq!(view.columns(many).unwrap(), expected.into_iter().collect());
    assert_eq!(view.columns(one).unwrap(), Columns::from([("a", Value::Int64(count))]));
    assert_eq!(db.verify().unwrap().damage, []);
    check_log(&disk, &db, &options);
}

#[test]
fn a_fold_that_could_not_be_written_or_synced_is_not_counted() {
    for (op, errno) in [(Op::Write, Errno::Enospc), (Op::Sync, Errno::Eio)] {
        let disk = SimDisk::new(1);
        let db = open_with(&disk, &Options { fold_after: 1, ..options(1 << 20) });
        let id = put(&db, &[1; 20_000]);
        add_columns(&db, id, &["a"], 10);
        disk.inject(Fault::new(&[op], 0, errno).sticky());
        let mut batch = db.batch().unwrap();
        batch.set_column(id, "b", &Value::Null).unwrap();
        batch.commit_with(Durability::Always).unwrap_err();
        assert_eq!(db.stats().unwrap().folds, 0, "{op:?}");
    }
}

#[test]
fn a_delta_counts_the_bytes_that_it_replaces_and_the_nodes_that_it_adds() {
    let value = |n: usize| Value::Bytes(vec![9; n]);
    let length = |n: usize| crate::format::value::encoded_len(&value(n));
    let db = open_with(&SimDisk::new(1), &options(1 << 20));
    let input = |n: usize| Input::new(value(n), Some(value(n + 100)));
    let tree = Tree { blob: vec![1; 1000], inputs: (1..=4).map(|n| input(1000 * n)).collect(), ..Tree::default() };
    let make = || {
        let ids = db.write(|batch| batch.put_tree(&tree)).unwrap();
        (ids.document, (0..4).map(|at| ids.input(at).unwrap()).collect::<Vec<_>>())
    };
    let replaced = |document| slot(&db, document).runs()[0].extent.replaced();
    let (document, inputs) = make();
    db.write(|batch| {
        batch.set_blob(document, b"")?;
        batch.replace_input(document, inputs[0], &value(1))?;
        batch.update_output(document, inputs[1], &value(1))?;
        batch.delete_output(document, inputs[2])?;
        batch.delete_input(document, inputs[3])
    })
    .unwrap();
    let bytes = 1000 + length(1000) + length(2100) + length(3100) + length(4000) + length(4100);
    assert_eq!(replaced(document), bytes / 8 * 8);
    assert_eq!(slot(&db, document).nodes(), 9 - 3);
    let (document, _) = make();
    db.write(|batch| {
        let new = batch.append_input(document, &value(10))?;
        batch.set_output(document, new, &value(20))
    })
    .unwrap();
    assert_eq!((replaced(document), slot(&db, document).nodes()), (0, 11));
}

#[test]
fn a_record_longer_than_a_segment_has_one_of_its_own() {
    let disk = SimDisk::new(1);
    let options = options(1000);
    let db = open_with(&disk, &options);
    let ids: Vec<DocumentId> = (0..6).map(|content| put(&db, &[content; 5000])).collect();
    ids[3..].iter().for_each(|id| db.write(|batch| batch.delete_document(*id)).unwrap());
    db.close().unwrap();
    let options = Options { compression: Compression::Lz4, ..options };
    let db = open_with(&disk, &options);
    compact(&db);
    let sealed = sealed(&db);
    assert!(sealed.iter().all(|meta| meta.footer > HEADER_LEN), "{sealed:?}");
    check_log(&disk, &db, &options);
}

/// Each record checks out, and is not the one that the index means.
#[test]
fn no_other_record_is_taken_for_the_one_that_the_index_names() {
    let db = open_with(&SimDisk::new(1), &options(1 << 20));
    let [first, second] = [1, 2].map(|content| put(&db, &[content; 500]));
    add_columns(&db, second, &["a"], 10);
    let state = db.core().published();
    let opens = |document: DocumentId, slot: &Slot| Layers::open(&state, document.get(), slot, true).map(|_| ());
    let (right, changed) = (slot(&db, first), slot(&db, second));
    let (tree, other) = (*right.tree().unwrap(), *changed.tree().unwrap());
    opens(first, &right).unwrap();
    opens(second, &changed).unwrap();
    let delta = changed.runs()[0].extent;
    for (document, wrong) in [
        (first, other),                          // another document's
        (second, delta),                         // a delta, where a tree must be
        (first, Extent { sequence: 9, ..tree }), // of another commit
        (first, Extent { length8: tree.length8 - 1, ..tree }),
        (first, Extent { segment: 99, ..tree }),
    ] {
        assert!(matches!(opens(document, &Slot::Tree(wrong)), Err(Error::Corruption(_))), "{wrong:?}");
    }
}

#[test]
fn a_checkpoint_of_segments_of_any_length_is_used() {
    let disk = SimDisk::new(1);
    let options = options(1000);
    let db = open_with(&disk, &options);
    for size in [300, 700, 5000] {
        put(&db, &vec![1; size]);
    }
    db.checkpoint().unwrap();
    put(&db, b"behind it");
    let again = open_with(&disk.restart(), &options);
    assert!(again.stats().unwrap().opened_from_checkpoint);
    assert_eq!(again.view().unwrap().document_count().unwrap(), 4);
}
