//! The golden vectors of docs/format.md as files: together they are a store that opens, and damage to it is seen; and
//! what opening makes of files that a crash left.

mod background;
mod batches;
mod closing;
mod compressed;
mod maintenance;
mod opening;
pub mod panics;
pub mod records;
mod verify;

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::error::Error;
use crate::format::manifest::{self, Change, ManifestState, Marks, SegmentMeta};
use crate::format::record::{Frame, RecordHeader, RecordKind};
use crate::format::segment::{HEADER_LEN, SegmentHeader, SegmentKind};
use crate::format::{golden, names};
use crate::ids::DocumentId;
use crate::log::Dir;
use crate::manifest::Manifest;
use crate::tree::Tree;
use crate::vfs::FileSystem;
use crate::vfs::sim::{Errno, Fault, Op, SimDisk};

/// The bytes of several vectors, one after the other.
fn file(vectors: &[&str]) -> Vec<u8> {
    let all = golden::vectors();
    vectors.iter().flat_map(|name| all[name].clone()).collect()
}

fn segment() -> Vec<u8> {
    file(&["segment-header", "commit-of-a-tree", "commit-of-a-delete", "footer"])
}

/// A disk with a store of these files.
fn disk(files: &[(&str, Vec<u8>)]) -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/store")).unwrap();
    files.iter().for_each(|(name, bytes)| disk.plant(&Path::new("/store").join(name), bytes));
    disk
}

fn open(disk: &SimDisk) -> Db {
    let options = Options { background: false, create: false, ..Options::default() };
    Db::open_on(Arc::new(disk.clone()), Path::new("/store"), &options).unwrap()
}

/// The one document of the store, and nothing wrong with it.
fn check(db: &Db) {
    let view = db.view().unwrap();
    let ids: Vec<_> = view.documents(DocumentId::FIRST).unwrap().collect();
    assert_eq!(ids, [DocumentId::FIRST]);
    assert_eq!(view.sequence(), 2);
    let expected = Tree { blob: b"Hi".to_vec(), ..Tree::default() };
    assert_eq!(view.tree(DocumentId::FIRST).unwrap(), expected);
    assert_eq!(db.verify().unwrap().damage, []);
    let ids = db.write(|batch| batch.put_tree(&expected)).unwrap();
    assert_eq!(ids.document.get(), 3, "ids of deleted documents are not given again");
}

#[test]
fn the_documented_files_are_a_store() {
    let manifest = file(&["manifest-header", "manifest-first-edit"]);
    let name = names::segment(1);
    let with_checkpoint =
        disk(&[(names::MANIFEST, manifest.clone()), (&name, segment()), (names::CHECKPOINT, file(&["checkpoint"]))]);
    let db = open(&with_checkpoint);
    assert!(db.stats().unwrap().opened_from_checkpoint);
    check(&db);
    let db = open(&disk(&[(names::MANIFEST, manifest), (&name, segment())]));
    assert!(!db.stats().unwrap().opened_from_checkpoint);
    let log = segment().len() as u64 - HEADER_LEN;
    assert_eq!(db.stats().unwrap().recovery_replayed_bytes, log, "without a checkpoint all of it is read");
    check(&db);
}

/// A store of these files whose only document has a blob that is a record of its own.
fn check_changed(files: &[(&str, Vec<u8>)], from_checkpoint: bool) {
    let db = open(&disk(files));
    assert_eq!(db.stats().unwrap().opened_from_checkpoint, from_checkpoint);
    let expected = Tree { blob: b"123456789".to_vec(), ..Tree::default() };
    let view = db.view().unwrap();
    assert_eq!(view.documents(DocumentId::FIRST).unwrap().collect::<Vec<_>>(), [DocumentId::FIRST]);
    assert_eq!(view.tree(DocumentId::FIRST).unwrap(), expected);
    assert_eq!(db.verify().unwrap().damage, []);
}

#[test]
fn the_documented_changes_are_a_store_before_and_after_compaction() {
    let log = file(&["segment-header", "commit-of-a-tree", "commit-of-a-delete", "commit-of-changes"]);
    let (first, third) = (names::segment(1), names::segment(3));
    let active = [
        (names::MANIFEST, manifest_of(1, SegmentKind::Log, 0, 0)),
        (&first[..], log),
        (names::CHECKPOINT, file(&["checkpoint-of-changes"])),
    ];
    check_changed(&active, true);
    check_changed(&active[..2], false);
    let segment = file(&["compacted-segment"]);
    let length = segment.len() as u64;
    let manifest = manifest_of(3, SegmentKind::Compacted, length, length - 64);
    check_changed(&[(names::MANIFEST, manifest), (&third[..], segment)], false);
}

#[test]
fn the_engine_writes_the_documented_commit() {
    let disk = SimDisk::new(1);
    let options = Options { background: false, ..Options::default() };
    let db = Db::open_on(Arc::new(disk.clone()), Path::new("/store"), &options).unwrap();
    db.write(|batch| batch.create_document(b"Hi", &crate::Columns::new())).unwrap();
    let written = &disk.files(Path::new("/store"))[Path::new(&names::segment(1))];
    // Everything but the checksums, which depend on the store's UUID, and the frame's payload, which knows of fewer
    // ids.
    let documented = &segment()[..written.len()];
    let payload = 96 + 88 + 56;
    assert_eq!(written[payload..], documented[payload..], "the tree");
    assert_eq!(written[96 + 4..96 + 44], documented[96 + 4..96 + 44], "the frame's header");
    assert_eq!(written[96 + 88 + 4..payload], documented[96 + 88 + 4..payload], "the record's header");
}

/// Opens a store of which a file was changed, and reads its document: never anything but that, or an error that says
/// so.
fn survey(files: &[(&str, Vec<u8>)]) -> Result<Tree> {
    let options = Options { background: false, create: false, ..Options::default() };
    let db = Db::open_on(Arc::new(disk(files)), Path::new("/store"), &options)?;
    db.view()?.tree(DocumentId::FIRST)
}

/// Every byte changed in three ways, and every truncation.
fn damages(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let flips = (0..bytes.len()).flat_map(move |at| {
        [0x01, 0x80, 0xff].map(|pattern| {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= pattern;
            (at, damaged)
        })
    });
    flips.chain((0..bytes.len()).map(|length| (length, bytes[..length].to_vec())))
}

#[test]
fn no_damaged_byte_of_a_sealed_store_gives_a_wrong_value() {
    let name = names::segment(1);
    let files = [
        (names::MANIFEST, file(&["manifest-header", "manifest-first-edit"])),
        (&name[..], segment()),
        (names::CHECKPOINT, file(&["checkpoint"])),
    ];
    let expected = survey(&files).unwrap();
    let (mut refused, mut unharmed) = (0, 0);
    for (damaged, (_, bytes)) in files.iter().enumerate() {
        for (at, bytes) in damages(bytes) {
            let mut files = files.clone();
            files[damaged].1 = bytes;
            match survey(&files) {
                Ok(tree) => {
                    assert_eq!(tree, expected, "{} at byte {at}", files[damaged].0);
                    unharmed += 1;
                }
                Err(Error::Corruption(_) | Error::NotAStore { .. } | Error::NewerFormat { .. }) => refused += 1,
                Err(other) => panic!("{} at byte {at}: {other:?}", files[damaged].0),
            }
        }
    }
    assert!(refused > 2000, "damage in the manifest and in what is read is found: {refused}");
    assert!(unharmed > 600, "damage in the checkpoint and in the footer does no harm: {unharmed}");
}

/// The manifest of the documented store with one segment; of no length while it is active.
fn manifest_of(id: u32, kind: SegmentKind, length: u64, footer: u64) -> Vec<u8> {
    let mut state = ManifestState::empty(golden::STORE);
    let marks = Marks { next_document: 1, epoch: 1, sequence: 0, next_segment: id + 1 };
    let (min_sequence, max_sequence) = if length == 0 { (u64::MAX, 0) } else { (3, 3) };
    let meta = SegmentMeta { id, kind, epoch: 1, length, footer, min_sequence, max_sequence };
    state.apply(&[Change::Marks(marks), Change::Segment(meta)]);
    let mut bytes = manifest::encode_header(golden::STORE).to_vec();
    bytes.extend(manifest::encode_edit(1, &state.as_changes()));
    bytes
}

#[test]
fn damage_up_to_the_durable_position_is_corruption_and_behind_it_is_discarded() {
    let log = file(&["segment-header", "commit-of-a-tree", "commit-of-a-delete"]);
    let name = names::segment(1);
    let files = |bytes: Vec<u8>| [(names::MANIFEST, manifest_of(1, SegmentKind::Log, 0, 0)), (&name[..], bytes)];
    let expected = survey(&files(log.clone())).unwrap();
    // The second frame says that everything before it was on disk.
    let promised = 328;
    for (at, damaged) in damages(&log) {
        let is_cut = damaged.len() < log.len();
        match survey(&files(damaged)) {
            // Without the second commit there is nobody left who says what was promised.
            Ok(tree) => assert!(tree == expected && at >= promised, "byte {at}"),
            Err(Error::NotFound(_)) => assert!(is_cut && (96..promised).contains(&at), "byte {at}"),
            Err(Error::Corruption(_) | Error::NewerFormat { .. }) => assert!(at < promised, "byte {at}"),
            Err(other) => panic!("byte {at}: {other:?}"),
        }
    }
}

/// A manifest that names no segment, and knows of commits up to `sequence`.
fn manifest_without_segments(sequence: u64) -> Vec<u8> {
    let mut state = ManifestState::empty(golden::STORE);
    state.apply(&[Change::Marks(Marks { next_document: 1, epoch: 1, sequence, next_segment: 2 })]);
    let mut bytes = manifest::encode_header(golden::STORE).to_vec();
    bytes.extend(manifest::encode_edit(1, &state.as_changes()));
    bytes
}

/// Names of the segments that are there.
fn segments(disk: &SimDisk) -> Vec<u32> {
    let files = disk.files(Path::new("/store"));
    files.keys().filter_map(|name| names::segment_id(Path::new(name.file_name()?))).collect()
}

#[test]
fn the_unsynced_end_of_the_log_moves_into_a_segment_of_a_new_epoch() {
    let log = file(&["segment-header", "commit-of-a-tree", "commit-of-a-delete"]);
    let disk = disk(&[(names::MANIFEST, manifest_of(1, SegmentKind::Log, 0, 0)), (&names::segment(1), log)]);
    check(&open(&disk));
    let moved = &disk.files(Path::new("/store"))[Path::new(&names::segment(2))];
    let header = SegmentHeader::decode(moved).unwrap();
    assert_eq!((header.id, header.kind, header.epoch, header.first_sequence), (2, SegmentKind::Recovered, 2, 2));
}

#[test]
fn an_active_segment_without_commits_is_removed() {
    let disk = disk(&[
        (names::MANIFEST, manifest_of(1, SegmentKind::Log, 0, 0)),
        (&names::segment(1), file(&["segment-header"])),
    ]);
    assert_eq!(open(&disk).view().unwrap().documents(DocumentId::FIRST).unwrap().count(), 0);
    assert!(!segments(&disk).contains(&1));
}

#[test]
fn a_segment_of_another_kind_or_epoch_than_the_manifest_says_is_corruption() {
    let manifest = file(&["manifest-header", "manifest-first-edit"]);
    let header = SegmentHeader::decode(&segment()).unwrap();
    for other in
        [SegmentHeader { kind: SegmentKind::Recovered, ..header }, SegmentHeader { epoch: header.epoch + 1, ..header }]
    {
        let mut bytes = segment();
        bytes[..HEADER_LEN as usize].copy_from_slice(&other.encode());
        let error = survey(&[(names::MANIFEST, manifest.clone()), (&names::segment(1), bytes)]).unwrap_err();
        let Error::Corruption(damage) = &error else { panic!("{error:?}") };
        assert!(damage.what.contains("not the one that the manifest names"), "{other:?}: {error}");
    }
}

#[test]
fn a_segment_that_no_edit_names_is_a_leftover_unless_it_holds_commits_that_no_edit_knows_of() {
    let name = names::segment(1);
    let left =
        |sequence, bytes: Vec<u8>| disk(&[(names::MANIFEST, manifest_without_segments(sequence)), (&name, bytes)]);
    let options = Options { background: false, create: false, ..Options::default() };
    let lost = left(0, segment());
    let error = Db::open_on(Arc::new(lost.clone()), Path::new("/store"), &options).map(|_| ()).unwrap_err();
    assert!(matches!(&error, Error::Corruption(damage) if damage.what.contains("lost")), "{error:?}");
    assert_eq!(segments(&lost), [1], "and it is left alone");
    // Compaction had given it up, or nothing was ever committed to it, or it is an output that was not published.
    let mut unpublished = segment();
    let header = SegmentHeader { kind: SegmentKind::Compacted, ..SegmentHeader::decode(&unpublished).unwrap() };
    unpublished[..HEADER_LEN as usize].copy_from_slice(&header.encode());
    for (sequence, bytes) in [(1, segment()), (0, file(&["segment-header"])), (0, unpublished)] {
        let disk = left(sequence, bytes);
        assert_eq!(open(&disk).view().unwrap().documents(DocumentId::FIRST).unwrap().count(), 0);
        assert!(!segments(&disk).contains(&1));
    }
}

#[test]
fn what_opening_discards_is_counted_to_the_last_byte_that_is_not_zero() {
    let log = file(&["segment-header", "commit-of-a-tree", "commit-of-a-delete"]);
    let discarded = |behind: &[u8]| {
        let bytes = [&log, behind].concat();
        let db = open(&disk(&[(names::MANIFEST, manifest_of(1, SegmentKind::Log, 0, 0)), (&names::segment(1), bytes)]));
        check(&db);
        db.stats().unwrap().recovery_discarded_bytes
    };
    assert_eq!(discarded(&[0; 64]), 0, "room that was made ahead");
    assert_eq!(discarded(&[[7; 9], [0; 9]].concat()), 9);
    assert_eq!(discarded(&file(&["footer"])), 0, "a footer holds nothing that is lost");
}

#[test]
fn a_promise_at_the_very_end_of_the_log_counts_and_is_named() {
    let log = file(&["segment-header", "commit-of-a-tree", "commit-of-a-delete"]);
    // The second frame stands at byte 328 and takes 88; its commit's record is cut off.
    let mut bytes = log[..328 + 88].to_vec();
    bytes[200] ^= 1;
    let error =
        survey(&[(names::MANIFEST, manifest_of(1, SegmentKind::Log, 0, 0)), (&names::segment(1), bytes)]).unwrap_err();
    let Error::Corruption(damage) = &error else { panic!("{error:?}") };
    assert!(damage.what.contains("the commit at byte 328 says that it was on disk"), "{error}");
}

/// Adds a commit of one record without a payload, about document 9.
fn add_commit(bytes: &mut Vec<u8>, kind: RecordKind, sequence: u64, first_sequence: u64) {
    let salt = SegmentHeader::decode(bytes).unwrap().salt();
    let mut record = RecordHeader::new(kind, 9, b"").unwrap();
    (record.sequence, record.first_sequence) = (sequence, first_sequence);
    let at = bytes.len() as u64;
    let frame = Frame { body_len: record.record_len(), records: 1, durable_offset: at, next_document: 10 }.encode();
    let mut head = RecordHeader::new(RecordKind::Frame, 0, &frame).unwrap();
    (head.sequence, head.first_sequence) = (sequence, sequence);
    bytes.extend(head.encode(salt, at));
    bytes.extend(frame);
    bytes.extend(record.encode(salt, bytes.len() as u64));
}

#[test]
fn a_sealed_segment_is_said_to_reach_back_as_far_as_its_folds() {
    let header = SegmentHeader { first_sequence: 5, ..SegmentHeader::decode(&file(&["segment-header"])).unwrap() };
    let mut bytes = header.encode().to_vec();
    add_commit(&mut bytes, RecordKind::Tombstone, 5, 3);
    add_commit(&mut bytes, RecordKind::Tombstone, 6, 6);
    let disk = disk(&[(names::MANIFEST, manifest_of(1, SegmentKind::Log, 0, 0)), (&names::segment(1), bytes)]);
    drop(open(&disk));
    let manifest = Manifest::load(&Dir::new(Arc::new(disk), Path::new("/store"))).unwrap();
    let sealed = manifest.state().segments[&1];
    assert_eq!((sealed.min_sequence, sealed.max_sequence), (3, 5));
}

#[test]
fn changes_and_blobs_without_their_tree_are_corruption() {
    for kind in [RecordKind::Delta, RecordKind::Blob] {
        let mut bytes = file(&["segment-header"]);
        add_commit(&mut bytes, kind, 1, 1);
        let error = survey(&[(names::MANIFEST, manifest_of(1, SegmentKind::Log, 0, 0)), (&names::segment(1), bytes)])
            .unwrap_err();
        let Error::Corruption(damage) = &error else { panic!("{error:?}") };
        assert!(damage.what.contains("is missing") && damage.document == DocumentId::new(9), "{error}");
    }
}

/// A store in small segments, of whose documents every second is gone and one has changed.
fn used(disk: &SimDisk) -> Db {
    let options = Options { background: false, segment_size: 4096, ..Options::default() };
    let db = Db::open_on(Arc::new(disk.clone()), Path::new("/store"), &options).unwrap();
    let put = |n: u8| db.write(|batch| batch.create_document(&[n; 600], &crate::Columns::new())).unwrap();
    let ids: Vec<DocumentId> = (0..24).map(put).collect();
    for id in ids.iter().skip(1).step_by(2) {
        db.write(|batch| batch.delete_document(*id)).unwrap();
    }
    db.write(|batch| batch.set_column(ids[0], "changed", &crate::Value::Bool(true))).unwrap();
    db
}

#[test]
fn compaction_counts_what_it_read_wrote_and_folded() {
    let db = used(&SimDisk::new(1));
    let before = db.stats().unwrap();
    db.compact_now(&mut |_| true).unwrap();
    let after = db.stats().unwrap();
    assert_eq!(after.folds - before.folds, 1);
    let (read, written) = (after.compaction_bytes_read, after.compaction_bytes_written);
    assert!(read > 24 * 600, "{read} bytes read");
    assert!((12 * 600..24 * 600).contains(&written), "{written} bytes written");
}

#[test]
fn a_compaction_that_cannot_write_leaves_no_file_behind() {
    let mut failed = 0;
    for n in 0.. {
        let disk = SimDisk::new(1);
        let db = used(&disk);
        disk.inject(Fault::new(&[Op::Write], n, Errno::Eio));
        let compacted = db.compact_now(&mut |_| true);
        if disk.faults_struck().is_empty() {
            compacted.unwrap();
            break;
        }
        disk.clear_faults();
        failed += u32::from(compacted.is_err());
        let manifest = Manifest::load(&Dir::new(Arc::new(disk.clone()), Path::new("/store"))).unwrap();
        let named: Vec<u32> = manifest.state().segments.keys().copied().collect();
        assert_eq!(segments(&disk), named, "after write {n} failed");
        assert_eq!(db.verify().unwrap().damage, []);
    }
    assert!(failed > 2, "{failed}");
}
