//! What batches write and take, seen from beneath the API.

use super::records::{open_with, options, put, slot};
use super::*;
use crate::format::record::FRAME_RECORD_LEN;
use crate::tree::Input;
use crate::{Columns, Value};

#[test]
fn a_document_that_comes_and_goes_within_a_batch_costs_no_record() {
    let db = open_with(&SimDisk::new(1), &options(1 << 20));
    put(&db, b"");
    let before = db.stats().unwrap().active_segment_bytes;
    db.write(|batch| {
        let id = batch.create_document(b"", &Columns::new())?;
        assert!(!batch.is_empty());
        batch.delete_document(id)
    })
    .unwrap();
    assert_eq!(db.stats().unwrap().active_segment_bytes - before, FRAME_RECORD_LEN);
}

#[test]
fn of_two_batches_that_delete_a_document_the_second_does_not_find_it() {
    let db = open_with(&SimDisk::new(1), &options(1 << 20));
    let id = put(&db, b"");
    let mut late = [db.batch().unwrap(), db.batch().unwrap(), db.batch().unwrap()];
    late[0].delete_document(id).unwrap();
    late[1].replace_tree(id, &Tree::default()).unwrap();
    late[2].set_blob(id, b"new").unwrap();
    db.write(|batch| batch.delete_document(id)).unwrap();
    let before = db.stats().unwrap();
    for batch in late {
        assert!(batch.commit().unwrap_err().is_not_found());
    }
    assert_eq!(db.stats().unwrap().total_bytes, before.total_bytes, "nor does it write anything");
}

#[test]
fn a_document_that_a_batch_changes_is_found_missing_when_it_commits() {
    let db = open_with(&SimDisk::new(1), &options(1 << 20));
    let id = put(&db, b"");
    let mut late = db.batch().unwrap();
    late.set_blob(id, b"new").unwrap();
    db.write(|batch| batch.delete_document(id)).unwrap();
    late.set_blob(id, b"newer").unwrap();
    assert!(late.commit().unwrap_err().is_not_found());
    assert!(db.batch().unwrap().set_blob(id, b"new").unwrap_err().is_not_found(), "a new batch sees it at once");
}

#[test]
fn an_output_that_a_batch_sets_itself_is_there_for_it() {
    let db = open_with(&SimDisk::new(1), &options(1 << 20));
    let tree = Tree { inputs: vec![Input::new(Value::Null, None)], ..Tree::default() };
    let ids = db.write(|batch| batch.put_tree(&tree)).unwrap();
    let (document, input) = (ids.document, ids.input(0).unwrap());
    db.write(|batch| {
        assert!(batch.update_output(document, input, &Value::Null).unwrap_err().is_not_found());
        batch.set_output(document, input, &Value::Bool(false))?;
        batch.update_output(document, input, &Value::Bool(true))
    })
    .unwrap();
    assert_eq!(db.view().unwrap().output(document, input).unwrap(), Value::Bool(true));
}

#[test]
fn ids_of_a_batch_that_was_given_up_are_free_again() {
    let db = open_with(&SimDisk::new(1), &options(1 << 20));
    let id = put(&db, b"");
    let take = |batch: &mut crate::Batch| batch.append_input(id, &Value::Null).unwrap().get();
    let (mut first, mut second) = (db.batch().unwrap(), db.batch().unwrap());
    assert_eq!([take(&mut first), take(&mut second), take(&mut first)], [1, 2, 3]);
    drop(first);
    assert_eq!(take(&mut second), 4, "another batch may know the ids behind it");
    drop(second);
    assert_eq!(take(&mut db.batch().unwrap()), 1);
}

#[test]
fn a_blob_is_a_record_of_its_own_from_64_kib_and_a_byte_on() {
    for (length, is_apart) in [(64 << 10, false), ((64 << 10) + 1, true)] {
        let db = open_with(&SimDisk::new(1), &options(1 << 20));
        let blob = vec![7; length];
        let whole = put(&db, &blob);
        let changed = put(&db, b"");
        db.write(|batch| batch.set_blob(changed, &blob)).unwrap();
        let packed = db.view().unwrap().packed_tree(whole).unwrap();
        let packed = db.write(|batch| batch.put_packed(packed.as_bytes())).unwrap().document;
        for id in [whole, changed, packed] {
            assert_eq!(slot(&db, id).blob().is_some(), is_apart, "{length} bytes");
            assert_eq!(db.view().unwrap().blob(id).unwrap()[..], blob[..]);
        }
    }
}

#[test]
fn a_column_is_removed_from_an_input_that_the_same_batch_put() {
    let db = open_with(&SimDisk::new(1), &options(1 << 20));
    let mut input = Input::new(Value::Int64(1), None);
    input.columns.set("a", Value::Null);
    let tree = Tree { inputs: vec![input], ..Tree::default() };
    let ids = db.write(|batch| {
        let ids = batch.put_tree(&tree)?;
        let input = ids.input(0).unwrap();
        let refused = batch.remove_input_column(ids.document, input, "b");
        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        batch.remove_input_column(ids.document, input, "a")?;
        Ok(ids)
    });
    let saved = db.view().unwrap().tree(ids.unwrap().document).unwrap();
    assert_eq!(saved.inputs[0].columns, Columns::new());
}
