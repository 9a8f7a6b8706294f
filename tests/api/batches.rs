//! What calls in one batch mean to each other, and to other batches.

use std::path::Path;

use stratum::{Columns, Db, DocumentId, Error, Input, InputId, Missing, Options, Result, Tree, Value};

use crate::{READ_MODES, options};

/// Runs a test on a fresh store in each read mode.
fn in_both_modes(test: impl Fn(&Path, &Options)) {
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        test(&directory.path().join("store"), &options(mode));
    }
}

/// A tree with two inputs.
fn sample() -> Tree {
    let inputs = vec![Input::new(Value::Int64List(vec![2, 3]), Some(Value::Int64(5))), Input::new(Value::Null, None)];
    Tree { blob: b"Add two numbers.".to_vec(), columns: Columns::new(), inputs }
}

fn input(number: u64) -> InputId {
    InputId::new(number).unwrap()
}

/// The error of a result, for those that cannot be printed whole.
fn error<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("that must be refused"),
        Err(error) => error,
    }
}

fn numbers(db: &Db, document: DocumentId) -> Vec<i64> {
    let tree = db.view().unwrap().tree(document).unwrap();
    let number = |input: &Input| if let Value::Int64(number) = input.value { number } else { -1 };
    tree.inputs.iter().map(number).collect()
}

/// A document with inputs 1 to 4 whose values are their ids.
fn four(db: &Db) -> (DocumentId, [InputId; 4]) {
    let inputs = (1..=4).map(|n| Input::new(Value::Int64(n), Some(Value::Int64(-n)))).collect();
    let ids = db.write(|batch| batch.put_tree(&Tree { inputs, ..Tree::default() })).unwrap();
    (ids.document, [1, 2, 3, 4].map(input))
}

#[test]
fn the_order_of_inputs_follows_the_calls() {
    in_both_modes(|place, options| {
        let db = Db::open(place, options).unwrap();
        let (document, [one, two, three, four]) = four(&db);
        let value = Value::Int64;
        // Before an input that is deleted later in the same batch.
        db.write(|batch| {
            let five = batch.insert_input(document, two, &value(5))?;
            batch.delete_input(document, two)?;
            let six = batch.insert_input(document, five, &value(6))?;
            batch.delete_input(document, five)?;
            assert_eq!([five, six], [input(5), input(6)]);
            Ok(())
        })
        .unwrap();
        assert_eq!(numbers(&db, document), [1, 6, 3, 4]);
        // Before itself is where it is.
        db.write(|batch| batch.move_input(document, three, Some(three))).unwrap();
        db.write(|batch| {
            batch.move_input(document, four, Some(one))?;
            batch.move_input(document, one, None)?;
            batch.move_input(document, three, Some(three))
        })
        .unwrap();
        assert_eq!(numbers(&db, document), [4, 6, 3, 1]);
        db.compact_now(&mut |_| true).unwrap();
        assert_eq!(numbers(&db, document), [4, 6, 3, 1]);
        let next = db.write(|batch| batch.append_input(document, &value(7))).unwrap();
        assert_eq!(next, input(7), "the ids of deleted inputs are not given again");
    });
}

#[test]
fn calls_see_what_the_batch_did_before() {
    in_both_modes(|place, options| {
        let db = Db::open(place, options).unwrap();
        let (document, [one, two, ..]) = four(&db);
        let mut batch = db.batch().unwrap();
        batch.delete_output(document, one).unwrap();
        let missing = error(batch.update_output(document, one, &Value::Null));
        assert!(matches!(missing, Error::NotFound(Missing::Output(..))), "{missing:?}");
        assert!(error(batch.delete_output(document, one)).is_not_found());
        batch.set_output(document, one, &Value::Bool(true)).unwrap();
        batch.update_output(document, one, &Value::Bool(false)).unwrap();
        batch.set_column(document, "a", &Value::Null).unwrap();
        batch.remove_column(document, "a").unwrap();
        assert!(error(batch.remove_column(document, "a")).is_not_found());
        batch.set_input_column(document, two, "a", &Value::Null).unwrap();
        batch.remove_input_column(document, two, "a").unwrap();
        assert!(error(batch.remove_input_column(document, two, "a")).is_not_found());
        batch.delete_input(document, two).unwrap();
        for result in [
            batch.replace_input(document, two, &Value::Null),
            batch.set_output(document, two, &Value::Null),
            batch.move_input(document, two, None),
            batch.move_input(document, one, Some(two)),
            batch.insert_input(document, two, &Value::Null).map(drop),
            batch.delete_input(document, two),
        ] {
            assert!(matches!(error(result), Error::NotFound(Missing::Input(..))));
        }
        let new = batch.append_input(document, &Value::Int64(9)).unwrap();
        batch.set_output(document, new, &Value::Int64(10)).unwrap();
        batch.delete_output(document, new).unwrap();
        assert_eq!(batch.len(), 11);
        batch.commit().unwrap();
        assert_eq!(numbers(&db, document), [1, 3, 4, 9]);
        let view = db.view().unwrap();
        assert_eq!(view.output(document, one).unwrap(), Value::Bool(false));
        assert!(view.output(document, new).unwrap_err().is_not_found());
        assert!(view.columns(document).unwrap().is_empty());
        assert!(db.verify().unwrap().damage.is_empty());
    });
}

#[test]
fn documents_come_and_go_within_a_batch() {
    in_both_modes(|place, options| {
        let db = Db::open(place, options).unwrap();
        // Created and deleted: never there, and its id is spent.
        let gone = db
            .write(|batch| {
                let id = batch.create_document(b"x", &Columns::new())?;
                batch.append_input(id, &Value::Null)?;
                batch.delete_document(id)?;
                assert!(error(batch.delete_document(id)).is_not_found());
                assert!(error(batch.append_input(id, &Value::Null)).is_not_found());
                Ok(id)
            })
            .unwrap();
        assert!(!db.view().unwrap().exists(gone).unwrap());
        // Replaced, then changed; changed, then replaced; replaced, then deleted.
        let ids: Vec<_> = (0..3).map(|_| db.write(|batch| batch.put_tree(&sample())).unwrap().document).collect();
        assert!(ids[0] > gone);
        let large = vec![7; 100_000];
        db.write(|batch| {
            let new = batch.replace_tree(ids[0], &sample())?;
            batch.set_blob(ids[0], &large)?;
            batch.replace_input(ids[0], new.input(1).unwrap(), &Value::Int64(1))?;
            assert!(error(batch.replace_input(ids[0], input(1), &Value::Null)).is_not_found());
            batch.set_blob(ids[1], &large)?;
            batch.append_input(ids[1], &Value::Null)?;
            batch.replace_tree(ids[1], &Tree::default())?;
            batch.replace_tree(ids[2], &Tree { blob: large.clone(), ..Tree::default() })?;
            batch.delete_document(ids[2])
        })
        .unwrap();
        let check = |db: &Db| {
            let view = db.view().unwrap();
            let tree = view.tree(ids[0]).unwrap();
            assert_eq!((tree.blob, tree.inputs.len()), (large.clone(), 2));
            assert_eq!(tree.inputs[1].value, Value::Int64(1));
            assert_eq!(view.input_ids(ids[0]).unwrap(), [3, 4].map(input));
            assert_eq!(view.tree(ids[1]).unwrap(), Tree::default());
            assert!(!view.exists(ids[2]).unwrap());
            assert!(db.verify().unwrap().damage.is_empty());
        };
        check(&db);
        db.compact_now(&mut |_| true).unwrap();
        check(&db);
        db.close().unwrap();
        let db = Db::open(place, options).unwrap();
        check(&db);
        let next = db.write(|batch| batch.append_input(ids[1], &Value::Null)).unwrap();
        assert_eq!(next, input(4), "3 was given out and abandoned within the batch that replaced the tree");
    });
}

#[test]
fn blobs_change_between_inline_and_apart() {
    in_both_modes(|place, options| {
        let db = Db::open(place, options).unwrap();
        let id = db.write(|batch| batch.create_document(b"", &Columns::new())).unwrap();
        let sizes = [0, 65_536, 65_537, 200_000, 1, 65_537, 65_537, 0];
        for (n, size) in sizes.into_iter().enumerate() {
            let blob = vec![n as u8; size];
            db.write(|batch| batch.set_blob(id, &blob)).unwrap();
            db.write(|batch| batch.set_column(id, "n", &Value::Int64(n as i64))).unwrap();
            assert_eq!(db.view().unwrap().blob(id).unwrap()[..], blob);
            if n % 3 == 2 {
                db.compact_now(&mut |_| true).unwrap();
                assert_eq!(db.view().unwrap().tree(id).unwrap().blob, blob);
            }
        }
        assert!(db.verify().unwrap().damage.is_empty());
    });
}

#[test]
fn batches_that_meet_are_checked_again() {
    in_both_modes(|place, options| {
        let db = Db::open(place, options).unwrap();
        type Call = fn(&mut stratum::Batch, DocumentId) -> Result<()>;
        let calls: [(Call, bool); 8] = [
            (|batch, id| batch.set_column(id, "a", &Value::Null), true),
            (|batch, id| batch.append_input(id, &Value::Null).map(drop), true),
            (|batch, id| batch.set_output(id, input(1), &Value::Null), false),
            (|batch, id| batch.update_output(id, input(2), &Value::Null), false),
            (|batch, id| batch.delete_input(id, input(1)), false),
            (|batch, id| batch.insert_input(id, input(1), &Value::Null).map(drop), false),
            (|batch, id| batch.move_input(id, input(3), Some(input(1))), false),
            (|batch, id| batch.replace_tree(id, &Tree::default()).map(drop), true),
        ];
        for (call, survives) in calls {
            let (document, _) = four(&db);
            // Another batch takes away what this one builds on.
            let mut batch = db.batch().unwrap();
            call(&mut batch, document).unwrap();
            db.write(|batch| {
                batch.delete_input(document, input(1))?;
                batch.delete_output(document, input(2))
            })
            .unwrap();
            let before = db.view().unwrap().tree(document).unwrap();
            match batch.commit() {
                Ok(_) => assert!(survives),
                Err(error) => {
                    assert!(!survives && error.is_not_found(), "{error:?}");
                    assert_eq!(db.view().unwrap().tree(document).unwrap(), before, "nothing of it is there");
                }
            }
            let mut batch = db.batch().unwrap();
            batch.set_column(document, "b", &Value::Null).unwrap();
            db.write(|batch| batch.delete_document(document)).unwrap();
            let refused = error(batch.commit());
            assert!(matches!(refused, Error::NotFound(Missing::Document(id)) if id == document), "{refused:?}");
        }
    });
}

#[test]
fn calls_that_the_batch_undoes_are_not_checked_again() {
    in_both_modes(|place, options| {
        let db = Db::open(place, options).unwrap();
        type Call = fn(&mut stratum::Batch, DocumentId) -> Result<()>;
        let undoing: [[Call; 2]; 4] = [
            [
                |batch, id| batch.update_output(id, input(2), &Value::Null),
                |batch, id| batch.replace_tree(id, &sample()).map(drop),
            ],
            [|batch, id| batch.delete_input(id, input(1)), |batch, id| batch.delete_document(id)],
            [|batch, id| batch.update_output(id, input(2), &Value::Null), |batch, id| batch.delete_input(id, input(2))],
            [
                |batch, id| batch.move_input(id, input(1), Some(input(1))),
                |batch, id| batch.set_column(id, "a", &Value::Null),
            ],
        ];
        for [call, undo] in undoing {
            let (document, _) = four(&db);
            let mut batch = db.batch().unwrap();
            call(&mut batch, document).unwrap();
            undo(&mut batch, document).unwrap();
            db.write(|batch| {
                batch.delete_input(document, input(1))?;
                batch.delete_output(document, input(2))
            })
            .unwrap();
            batch.commit().unwrap();
        }
        let (document, _) = four(&db);
        let moved_before = |before: u64| {
            let mut batch = db.batch().unwrap();
            batch.move_input(document, input(1), Some(input(before))).unwrap();
            batch
        };
        let (nothing, something) = (moved_before(1), moved_before(3));
        db.write(|batch| batch.delete_document(document)).unwrap();
        nothing.commit().unwrap();
        assert!(matches!(error(something.commit()), Error::NotFound(Missing::Document(id)) if id == document));
    });
}

#[test]
fn an_abandoned_batch_leaves_nothing() {
    in_both_modes(|place, options| {
        let db = Db::open(place, options).unwrap();
        let (document, _) = four(&db);
        let before = db.stats().unwrap();
        let mut batch = db.batch().unwrap();
        let skipped = batch.create_document(b"", &Columns::new()).unwrap();
        batch.append_input(document, &Value::Null).unwrap();
        batch.clear();
        assert!(batch.is_empty());
        assert_eq!(batch.commit().unwrap(), before.sequence, "an empty batch is no commit");
        let failed: Result<()> = db.write(|batch| {
            batch.delete_document(document)?;
            Err(Error::InvalidArgument("changed my mind".to_string()))
        });
        assert!(failed.is_err());
        assert_eq!(db.stats().unwrap().sequence, before.sequence);
        assert_eq!(numbers(&db, document), [1, 2, 3, 4]);
        assert!(db.write(|batch| batch.create_document(b"", &Columns::new())).unwrap() > skipped);
    });
}
