//! The golden vectors of docs/format.md as files: together they are a store that opens.

use std::path::Path;
use std::sync::Arc;

use super::*;
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

#[test]
fn the_engine_writes_the_documented_commit() {
    let disk = SimDisk::new(1);
    let options = Options { background: false, ..Options::default() };
    let db = Db::open_on(Arc::new(disk.clone()), Path::new("/store"), &options).unwrap();
    db.write(|batch| batch.create_document(b"Hi", &crate::Columns::new())).unwrap();
    let written = &disk.files(Path::new("/store"))[Path::new(&names::segment(1))];
    // Everything but the checksums, which depend on the store's UUID, and the frame's payload, which knows of fewer ids.
    let documented = &segment()[..written.len()];
    let payload = 96 + 80 + 48;
    assert_eq!(written[payload..], documented[payload..], "the tree");
    assert_eq!(written[96 + 4..96 + 44], documented[96 + 4..96 + 44], "the frame's header");
    assert_eq!(written[96 + 80 + 4..payload], documented[96 + 80 + 4..payload], "the record's header");
}
