//! The golden vectors of docs/format.md as files: together they are a store that opens, and damage to it is seen.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::error::Error;
use crate::format::manifest::{self, Change, ManifestState, Marks, SegmentMeta};
use crate::format::segment::SegmentKind;
use crate::format::{golden, names};
use crate::ids::DocumentId;
use crate::tree::Tree;
use crate::vfs::FileSystem;
use crate::vfs::sim::SimDisk;

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
