//! The golden stores on the real file system: what they hold, how work goes on in them, and what refuses them.
//!
//! 1. A test opens a copy. The committed files are compared with what they were at the end of each.

use std::collections::BTreeMap;

use stratum::format::names;
use stratum::{DocumentId, Durability, Error, Input, ReadMode, Tree, Value};

use crate::dump;
use crate::rot::{OnDisk, Patient};
use crate::store::{Golden, all};

/// Runs a test on a copy of each store, in both read modes.
fn each(work: impl Fn(&Golden, &OnDisk, ReadMode)) {
    let before = all();
    for golden in &before {
        for mode in [ReadMode::Mmap, ReadMode::Pread] {
            work(golden, &OnDisk::new(golden), mode);
        }
    }
    for (before, after) in before.iter().zip(all()) {
        assert!(before.files == after.files && before.moments == after.moments, "{} was changed", before.name);
    }
}

fn check(golden: &Golden, copy: &OnDisk, mode: ReadMode) {
    let db = copy.open(mode).unwrap_or_else(|error| panic!("{}: {error:?}", golden.name));
    let view = db.view().expect("it is open");
    assert_eq!(dump::lines(&view).expect("it reads"), golden.newest().documents, "{} in {mode:?}", golden.name);
    assert_eq!(view.sequence(), golden.newest().sequence, "{}", golden.name);
    assert_eq!(db.verify().expect("it is open").damage, [], "{}", golden.name);
    let stats = db.stats().expect("it is open");
    assert_eq!(stats.documents, golden.newest().documents.len() as u64, "{}", golden.name);
    assert_eq!(stats.recovery_discarded_bytes > 0, golden.name == "torn", "{}", golden.name);
    let has_checkpoint = golden.files.contains_key(names::CHECKPOINT) && copy.files().contains_key(names::CHECKPOINT);
    assert_eq!(stats.opened_from_checkpoint, has_checkpoint, "{}", golden.name);
}

#[test]
fn every_store_holds_what_it_held_when_it_was_written() {
    each(|golden, copy, mode| {
        check(golden, copy, mode);
        // Opening settles what a killed process left; the next open finds that.
        let db = copy.open(mode).expect("it opens again");
        assert_eq!(db.stats().expect("it is open").recovery_discarded_bytes, 0, "{}", golden.name);
        assert_eq!(dump::lines(&db.view().expect("open")).expect("it reads"), golden.newest().documents);
    });
}

#[test]
fn every_store_holds_the_same_without_its_checkpoint() {
    each(|golden, _, mode| {
        let mut without = golden.clone();
        without.files.remove(names::CHECKPOINT);
        check(&without, &OnDisk::new(&without), mode);
    });
}

#[test]
fn work_goes_on_in_every_store() {
    each(|golden, copy, mode| {
        let db = copy.open(mode).expect("it opens");
        let view = db.view().expect("it is open");
        let ids = view.documents(DocumentId::FIRST).expect("it is open");
        let mut trees: BTreeMap<DocumentId, Tree> = ids.map(|id| (id, view.tree(id).expect("it reads"))).collect();
        drop(view);
        for (id, tree) in &mut trees {
            let value = Value::String("new".to_string());
            let next = db.view().and_then(|view| view.packed_tree(*id)?.head().map(|head| head.next_input_id()));
            let mut batch = db.batch().expect("it is open");
            let input = batch.append_input(*id, &value).expect("the document is there");
            assert!(input.get() >= next.expect("it reads"), "{}: an input id is given again", golden.name);
            batch.set_column(*id, "new", &value).expect("the document is there");
            batch.set_output(*id, input, &value).expect("the input is there");
            batch.commit_with(Durability::Os).expect("a commit");
            tree.columns.set("new", value.clone());
            tree.inputs.push(Input { id: Some(input), ..Input::new(value.clone(), Some(value)) });
        }
        let new = Tree { blob: vec![7; 70_000], ..Tree::default() };
        let put = db.write(|batch| batch.put_tree(&new)).expect("a commit").document;
        assert!(put.get() > golden.newest().highest_document, "{}: a document id is given again", golden.name);
        if let Some((first, _)) = trees.pop_first() {
            db.write(|batch| batch.delete_document(first)).expect("a commit");
        }
        trees.insert(put, new);
        for round in 0..3 {
            let db = if round == 0 { db.clone() } else { copy.open(mode).expect("it opens again") };
            assert_eq!(db.verify().expect("it is open").damage, [], "{}", golden.name);
            let view = db.view().expect("it is open");
            assert!(view.documents(DocumentId::FIRST).expect("open").eq(trees.keys().copied()), "{}", golden.name);
            for (id, tree) in &trees {
                assert_eq!(view.tree(*id).expect("it reads"), *tree, "{}: document {id}", golden.name);
            }
            db.compact_now(&mut |_| true).expect("compaction");
            db.close().expect("it closes");
        }
    });
}

#[test]
fn a_newer_version_is_refused_and_left_alone() {
    each(|golden, copy, mode| {
        let mut manifest = golden.files[names::MANIFEST].clone();
        manifest[8] = 2;
        let crc =
            stratum::format::record::RecordHeader::new(stratum::format::record::RecordKind::Tree, 1, &manifest[..92])
                .unwrap();
        manifest[92..96].copy_from_slice(&crc.payload_crc.to_le_bytes());
        copy.plant(names::MANIFEST, &manifest);
        let before = copy.files();
        assert!(matches!(copy.open(mode), Err(Error::NewerFormat { .. })), "{}", golden.name);
        assert!(copy.files() == before, "{}", golden.name);
        manifest[0] = b'X';
        copy.plant(names::MANIFEST, &manifest);
        let before = copy.files();
        assert!(matches!(copy.open(mode), Err(Error::NotAStore { .. })), "{}", golden.name);
        assert!(copy.files() == before, "{}", golden.name);
    });
}
