//! The checkpoint's file beneath an open store, which reads the index from it page by page.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;

use stratum::{Db, DocumentId, Error, InputId, ReadMode, Tree, Value};

use crate::{READ_MODES, contents, fill, options, tree};

/// The documents of the second page of the index are those from 256 on.
const DOCUMENTS: u64 = 300;
const SECOND: u64 = 280;

fn store(directory: &Path) {
    let db = Db::open(directory, &options(ReadMode::Mmap)).unwrap();
    fill(&db, (0..DOCUMENTS).map(|n| n as u8));
    db.close().unwrap();
}

/// The document with this id, as it is read.
fn there(id: u64) -> Tree {
    let mut tree = tree((id - 1) as u8);
    tree.inputs.iter_mut().zip(1..).for_each(|(input, id)| input.id = InputId::new(id));
    tree
}

fn id(id: u64) -> DocumentId {
    DocumentId::new(id).unwrap()
}

/// Zeros in the place of the second page: 45 documents of 32 bytes each, behind the header and 255 others.
fn rot(directory: &Path) {
    let file = std::fs::File::options().write(true).open(directory.join("CHECKPOINT")).unwrap();
    file.write_all_at(&[0; 45 * 32], 96 + 255 * 32).unwrap();
}

fn is_corruption<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Corruption(damage)) if damage.file.ends_with("CHECKPOINT"))
}

#[test]
fn what_rots_in_a_mapped_checkpoint_is_an_error_and_no_loss() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    let db = Db::open(directory.path(), &options(ReadMode::Mmap)).unwrap();
    (1..200).for_each(|gone| db.write(|batch| batch.delete_document(id(gone))).unwrap());
    rot(directory.path());
    let view = db.view().unwrap();
    let listed = view.documents(DocumentId::FIRST).unwrap().map(DocumentId::get);
    assert!(listed.eq(200..=DOCUMENTS), "no document is taken for deleted");
    assert_eq!(view.tree(id(220)).unwrap(), there(220));
    assert!(is_corruption(view.tree(id(SECOND))) && is_corruption(view.exists(id(SECOND))));
    assert!(is_corruption(db.write(|batch| batch.delete_document(id(SECOND)))));
    assert!(is_corruption(db.write(|batch| batch.put_tree(&tree(1)))), "its id would be in that page");
    while db.maintain().is_ok_and(|more| more) {} // drops nothing that it cannot place
    assert!(is_corruption(db.compact_now(&mut |_| true)));
    assert!(is_corruption(db.checkpoint()));
    assert!(!db.verify().unwrap().damage.is_empty());
    db.write(|batch| batch.delete_document(id(200))).unwrap();
    assert!(is_corruption(db.close()), "it closes without a checkpoint, and says so");
    drop((view, db));
    let db = Db::open(directory.path(), &options(ReadMode::Mmap)).unwrap();
    assert!(!db.stats().unwrap().opened_from_checkpoint);
    let expected = (201..=DOCUMENTS).map(|id| (id, there(id)));
    assert!(contents(&db.view().unwrap()).into_iter().eq(expected));
    assert_eq!(db.verify().unwrap().damage, []);
}

#[test]
fn a_checkpoint_that_was_read_may_rot() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    let db = Db::open(directory.path(), &options(ReadMode::Pread)).unwrap();
    rot(directory.path());
    assert_eq!(db.view().unwrap().tree(id(SECOND)).unwrap(), there(SECOND));
    assert_eq!(db.verify().unwrap().damage, []);
}

#[test]
fn a_checkpoint_may_be_replaced_while_its_pages_are_wanted() {
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        store(directory.path());
        let db = Db::open(directory.path(), &options(mode)).unwrap();
        let before = db.view().unwrap();
        db.write(|batch| batch.delete_document(id(1))).unwrap();
        db.checkpoint().unwrap();
        db.compact_now(&mut |_| true).unwrap();
        std::fs::remove_file(directory.path().join("CHECKPOINT")).unwrap();
        let all = |from: u64| (from..=DOCUMENTS).map(|id| (id, there(id)));
        assert!(contents(&db.view().unwrap()).into_iter().eq(all(2)));
        drop(db);
        assert!(before.tree(id(SECOND)).is_err(), "the store is closed");
        assert!(contents(&Db::open(directory.path(), &options(mode)).unwrap().view().unwrap()).into_iter().eq(all(2)));
    }
}

#[test]
fn what_is_opened_takes_no_memory_before_it_is_wanted() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    let db = Db::open(directory.path(), &options(ReadMode::Mmap)).unwrap();
    let memory = || db.stats().unwrap().index_bytes;
    let opened = memory();
    assert!(opened < 1000, "{opened}");
    assert_eq!(db.view().unwrap().documents(DocumentId::FIRST).unwrap().count() as u64, DOCUMENTS);
    assert_eq!(memory(), opened);
    db.view().unwrap().tree(id(SECOND)).unwrap();
    let second = memory();
    assert!(second > opened + 45 * 32, "{second}");
    db.view().unwrap().tree(id(1)).unwrap();
    let all = memory();
    assert!(all > second + 255 * 32);
    db.close().unwrap();
    let db = Db::open(directory.path(), &options(ReadMode::Pread)).unwrap();
    let read = db.stats().unwrap().index_bytes;
    assert!(opened + 300 * 32 < read && read < all, "all of it, and nothing twice: {read}");
}

/// Where a checkpoint's pages end and its tables begin.
fn tables(checkpoint: &[u8]) -> usize {
    let count = |at: usize| u32::from_le_bytes(checkpoint[at..at + 4].try_into().unwrap()) as usize;
    checkpoint.len() - count(64) * 16 - count(68) * 48
}

/// Documents in two pages of the index, among them one with a delta and one whose blob is a record of its own.
fn small_store(directory: &Path) -> BTreeMap<u64, Tree> {
    let db = Db::open(directory, &options(ReadMode::Mmap)).unwrap();
    fill(&db, (0..256).map(|n| n as u8));
    db.write(|batch| (4..=255).try_for_each(|gone| batch.delete_document(id(gone)))).unwrap();
    let large = Tree { blob: vec![3; 70 << 10], ..tree(3) };
    db.write(|batch| {
        batch.set_column(id(1), "more", &Value::Int64(9))?;
        batch.put_tree(&large).map(drop)
    })
    .unwrap();
    db.compact_now(&mut |_| true).unwrap();
    db.write(|batch| batch.set_column(id(1), "more", &Value::Int64(10))).unwrap();
    let contents = contents(&db.view().unwrap());
    assert_eq!(contents.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 256, 257]);
    db.close().unwrap();
    contents
}

#[test]
fn every_byte_that_rots_in_a_mapped_page_is_noticed_by_who_wants_it_and_by_verify() {
    let directory = tempfile::tempdir().unwrap();
    let expected = small_store(directory.path());
    let path = directory.path().join("CHECKPOINT");
    let checkpoint = std::fs::read(&path).unwrap();
    let pages = 96..tables(&checkpoint);
    assert_eq!(pages.len(), 5 * 32 + 8 + 2 * 32, "five trees, a delta and a blob");
    for (at, sound) in checkpoint.iter().copied().enumerate() {
        for rotten in [sound ^ 1, !sound, if sound == 0 { 0x55 } else { 0 }] {
            let db = Db::open(directory.path(), &options(ReadMode::Mmap)).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            let plant = |byte| file.write_all_at(&[byte], at as u64).unwrap();
            plant(rotten);
            let view = db.view().unwrap();
            let listed = view.documents(DocumentId::FIRST).unwrap().map(DocumentId::get);
            assert!(listed.eq(expected.keys().copied()), "byte {at}");
            let mut refused = false;
            for (document, tree) in &expected {
                match view.tree(id(*document)) {
                    Ok(read) => assert_eq!(read, *tree, "byte {at}"),
                    read => refused |= is_corruption(read),
                }
            }
            let verified = db.verify().unwrap().damage;
            // What is behind the pages was read when the store was opened, and is not wanted any more.
            assert_eq!((refused, !verified.is_empty()), (pages.contains(&at), pages.contains(&at)), "byte {at}");
            assert!(verified.iter().all(|damage| damage.file == path), "byte {at}: {verified:?}");
            plant(sound);
            assert_eq!(contents(&view), expected, "byte {at}");
        }
    }
    assert_eq!(std::fs::read(&path).unwrap(), checkpoint);
}

#[test]
fn documents_of_a_mapped_checkpoint_are_changed_moved_and_deleted_beneath_older_views() {
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        store(directory.path());
        let db = Db::open(directory.path(), &options(mode)).unwrap();
        let before = db.view().unwrap();
        // Both pages are first wanted by this batch; the older view goes on with what they were.
        db.write(|batch| {
            (100..270).try_for_each(|gone| batch.delete_document(id(gone)))?;
            batch.set_column(id(SECOND), "more", &Value::Bool(true))
        })
        .unwrap();
        db.compact_now(&mut |_| true).unwrap();
        let between = db.view().unwrap();
        db.write(|batch| (1..100).try_for_each(|gone| batch.delete_document(id(gone)))).unwrap();
        db.compact_now(&mut |_| true).unwrap();
        let all = |from: u64| (from..=DOCUMENTS).map(|id| (id, there(id)));
        let changed = |(id, mut tree): (u64, Tree)| {
            if id == SECOND {
                tree.columns.set("more", Value::Bool(true));
            }
            (id, tree)
        };
        let deleted = |from, to| move |(id, _): &(u64, Tree)| !(from..to).contains(id);
        assert!(contents(&before).into_iter().eq(all(1)), "{mode:?}");
        assert!(contents(&between).into_iter().eq(all(1).filter(deleted(100, 270)).map(changed)), "{mode:?}");
        let rest = || all(270).map(changed);
        assert!(contents(&db.view().unwrap()).into_iter().eq(rest()), "{mode:?}");
        assert_eq!(db.verify().unwrap().damage, []);
        drop((before, between));
        db.close().unwrap();
        let db = Db::open(directory.path(), &options(mode)).unwrap();
        assert!(db.stats().unwrap().opened_from_checkpoint);
        assert!(contents(&db.view().unwrap()).into_iter().eq(rest()), "{mode:?}");
        assert_eq!(db.verify().unwrap().damage, []);
    }
}
