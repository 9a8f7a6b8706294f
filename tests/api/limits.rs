//! Limits: what is just within is kept, what is just beyond is refused, and the store goes on.

use stratum::tree::MAX_COLUMN_NAME;
use stratum::value::MAX_DEPTH;
use stratum::{Columns, Db, DocumentId, Error, Input, Options, ReadMode, Result, Tree, Value};

use crate::{READ_MODES, options, tree};

/// Blobs over this many bytes are records of their own.
const INLINE: usize = 64 << 10;

fn is_over<T>(result: Result<T>, name: &str, sizes: (u64, u64)) -> bool {
    matches!(result, Err(Error::TooLarge { size, limit, option, .. }) if option == name && (size, limit) == sizes)
}

/// Bytes that tell where they are.
fn bytes(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(31) ^ (at >> 8) as u8 ^ seed).collect()
}

#[test]
fn a_blob_of_the_largest_size_is_kept_and_a_larger_one_refused() {
    const LIMIT: usize = 100_000;
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        let mut options = options(mode);
        options.max_record_bytes = LIMIT as u64;
        let db = Db::open(directory.path(), &options).unwrap();
        let largest = bytes(LIMIT, 1);
        let document = db.write(|batch| batch.create_document(&largest, &Columns::new())).unwrap();
        let sequence = db.view().unwrap().sequence();
        let sizes = (LIMIT as u64 + 1, LIMIT as u64);
        let larger = bytes(LIMIT + 1, 2);
        let mut batch = db.batch().unwrap();
        assert!(is_over(batch.create_document(&larger, &Columns::new()), "max_record_bytes", sizes));
        assert!(is_over(batch.set_blob(document, &larger), "max_record_bytes", sizes));
        let big_tree = Tree { blob: larger, ..tree(1) };
        assert!(is_over(batch.put_tree(&big_tree), "max_record_bytes", sizes));
        assert!(is_over(batch.replace_tree(document, &big_tree), "max_record_bytes", sizes));
        let value = Value::Bytes(vec![0; LIMIT]);
        let with_value = Tree { inputs: vec![Input::new(value.clone(), None)], ..tree(1) };
        let refusals = [
            batch.set_column(document, "big", &value),
            batch.append_input(document, &value).map(drop),
            batch.put_tree(&with_value).map(drop),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, Err(Error::TooLarge { option: "max_record_bytes", .. })));
        }
        assert!(batch.is_empty() && batch.bytes() == 0, "a refused call leaves nothing behind");
        assert_eq!(batch.commit().unwrap(), sequence);
        db.write(|batch| batch.set_blob(document, &bytes(LIMIT, 3))).unwrap();
        assert_eq!(db.view().unwrap().blob(document).unwrap()[..], bytes(LIMIT, 3));
        assert_eq!(db.verify().unwrap().damage, []);
    }
}

#[test]
fn a_batch_of_the_largest_size_is_kept_and_a_larger_one_refused() {
    const LIMIT: u64 = 200_000;
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(ReadMode::Mmap);
    options.max_record_bytes = LIMIT;
    options.max_batch_bytes = LIMIT;
    let db = Db::open(directory.path(), &options).unwrap();
    let document = db.write(|batch| batch.create_document(b"", &Columns::new())).unwrap();
    let mut batch = db.batch().unwrap();
    batch.set_blob(document, b"").unwrap();
    let overhead = batch.bytes();
    let other = batch.create_document(&bytes(60_000, 1), &Columns::new()).unwrap();
    let room = LIMIT - batch.bytes() - overhead;
    let before = (batch.len(), batch.bytes());
    assert!(is_over(batch.set_blob(document, &vec![0; room as usize + 1]), "max_batch_bytes", (LIMIT + 1, LIMIT)));
    assert!(matches!(
        batch.put_tree(&Tree { blob: vec![0; room as usize + 1], ..Tree::default() }),
        Err(Error::TooLarge { option: "max_batch_bytes", .. })
    ));
    assert_eq!((batch.len(), batch.bytes()), before, "a refused call leaves the batch as it was");
    let largest = bytes(room as usize, 2);
    batch.set_blob(document, &largest).unwrap();
    assert_eq!(batch.bytes(), LIMIT);
    assert!(matches!(
        batch.append_input(document, &Value::Null),
        Err(Error::TooLarge { option: "max_batch_bytes", .. })
    ));
    batch.commit().unwrap();
    let view = db.view().unwrap();
    assert_eq!(view.blob(document).unwrap()[..], largest);
    assert_eq!(view.blob(other).unwrap()[..], bytes(60_000, 1));
    assert_eq!(view.input_count(document).unwrap(), 0);
}

#[test]
fn a_full_batch_takes_no_call_of_any_kind() {
    const LIMIT: u64 = 50_000;
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(ReadMode::Mmap);
    options.max_record_bytes = LIMIT;
    options.max_batch_bytes = LIMIT;
    let db = Db::open(directory.path(), &options).unwrap();
    let columns = Columns::from([("column", Value::Null)]);
    let input = |output| Input { columns: columns.clone(), ..Input::new(Value::Null, output) };
    let whole = Tree { columns: columns.clone(), inputs: vec![input(Some(Value::Null)), input(None)], ..tree(0) };
    let ids = db.write(|batch| batch.put_tree(&whole)).unwrap();
    let (document, first, second) = (ids.document, ids.input(0).unwrap(), ids.input(1).unwrap());
    let mut batch = db.batch().unwrap();
    batch.set_blob(document, b"").unwrap();
    batch.set_blob(document, &bytes((LIMIT - 2 * batch.bytes()) as usize, 1)).unwrap();
    let full = (batch.len(), batch.bytes());
    assert_eq!(full, (2, LIMIT));
    let refusals = [
        batch.move_input(document, first, None),
        batch.remove_column(document, "column"),
        batch.remove_input_column(document, first, "column"),
        batch.delete_output(document, first),
        batch.delete_input(document, second),
        batch.delete_document(document),
        batch.set_column(document, "other", &Value::Null),
        batch.set_input_column(document, first, "other", &Value::Null),
        batch.append_input(document, &Value::Null).map(drop),
        batch.insert_input(document, first, &Value::Null).map(drop),
        batch.replace_input(document, first, &Value::Null),
        batch.set_output(document, second, &Value::Null),
        batch.update_output(document, first, &Value::Null),
    ];
    for (call, refusal) in refusals.into_iter().enumerate() {
        assert!(
            matches!(refusal, Err(Error::TooLarge { option: "max_batch_bytes", size, .. }) if size > LIMIT),
            "call {call}: {refusal:?}"
        );
    }
    assert_eq!((batch.len(), batch.bytes()), full, "a refused call leaves the batch as it was");
    batch.commit().unwrap();
    let after = db.view().unwrap().tree(document).unwrap();
    assert_eq!((after.columns, after.inputs.len()), (whole.columns, 2));
    assert_eq!(after.inputs[0].output, Some(Value::Null));
}

#[test]
fn the_names_of_columns_count() {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(directory.path(), &Options::default()).unwrap();
    let document = db.write(|batch| batch.create_document(b"", &Columns::new())).unwrap();
    let input = db.write(|batch| batch.append_input(document, &Value::Null)).unwrap();
    let mut batch = db.batch().unwrap();
    let mut added = |name: &str, call: &dyn Fn(&mut stratum::Batch, &str) -> Result<()>| {
        let before = batch.bytes();
        call(&mut batch, name).unwrap();
        batch.bytes() - before
    };
    let long = "n".repeat(MAX_COLUMN_NAME);
    let set = |batch: &mut stratum::Batch, name: &str| batch.set_column(document, name, &Value::Null);
    let remove = |batch: &mut stratum::Batch, name: &str| batch.remove_column(document, name);
    let set_of_input =
        |batch: &mut stratum::Batch, name: &str| batch.set_input_column(document, input, name, &Value::Null);
    let remove_of_input = |batch: &mut stratum::Batch, name: &str| batch.remove_input_column(document, input, name);
    for (set, remove) in
        [(&set as &dyn Fn(&mut _, &str) -> _, &remove as &dyn Fn(&mut _, &str) -> _), (&set_of_input, &remove_of_input)]
    {
        for call in [set, remove] {
            assert_eq!(added("n", call) + 254, added(&long, call));
        }
    }
}

#[test]
fn a_tree_counts_as_much_as_it_takes() {
    let inputs = (0..100).map(|at: i64| Input {
        columns: Columns::from([("a", Value::Int64(at))]),
        ..Input::new(Value::Null, (at % 2 == 0).then_some(Value::Null))
    });
    let whole = Tree { blob: vec![1; 13], columns: Columns::from([("title", Value::Null)]), inputs: inputs.collect() };
    let large = Tree { blob: vec![1; INLINE + 3], ..whole.clone() };
    for tree in [Tree::default(), whole, large] {
        let directory = tempfile::tempdir().unwrap();
        let mut options = options(ReadMode::Mmap);
        let put = |options: &Options| {
            let db = Db::open(directory.path(), options)?;
            let mut batch = db.batch()?;
            batch.put_tree(&tree).map(|_| batch.bytes())
        };
        let size = put(&options).unwrap();
        options.max_record_bytes = 100_000.min(size - 1);
        options.max_batch_bytes = size;
        assert_eq!(put(&options).unwrap(), size);
        options.max_batch_bytes = size - 1;
        assert!(is_over(put(&options), "max_batch_bytes", (size, size - 1)));
    }
}

/// Every blob is what it should be, by each way of reading it.
fn check_blobs(db: &Db, expected: &[(DocumentId, Vec<u8>)], when: &str) {
    let view = db.view().unwrap();
    for (document, blob) in expected {
        let length = blob.len();
        assert!(view.blob(*document).unwrap()[..] == blob[..], "{when}: blob of {length}");
        let tree = view.tree(*document).unwrap();
        assert!(tree.blob == *blob, "{when}: tree with a blob of {length}");
        assert!(view.packed_tree(*document).unwrap().to_tree().unwrap() == tree, "{when}: packed, {length}");
    }
}

#[test]
fn blobs_around_the_inline_limit_come_back_through_everything() {
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        let options = options(mode);
        let mut db = Db::open(directory.path(), &options).unwrap();
        let lengths = [0, 1, 7, INLINE - 1, INLINE, INLINE + 1, INLINE + 8, 3 * INLINE];
        let mut expected = Vec::new();
        for length in lengths {
            let blob = bytes(length, 1);
            let document = db.write(|batch| batch.put_tree(&Tree { blob: blob.clone(), ..tree(3) })).unwrap().document;
            expected.push((document, blob));
        }
        check_blobs(&db, &expected, "put");
        for round in 0..2 {
            // Each blob takes the next one's length, so that inline and external ones take each other's place.
            for (at, (document, blob)) in expected.iter_mut().enumerate() {
                *blob = bytes(lengths[(at + round + 1) % lengths.len()], 10 + round as u8);
                db.write(|batch| batch.set_blob(*document, blob)).unwrap();
            }
            check_blobs(&db, &expected, "updated");
            // Enough changes beside the blob for several folds.
            for change in 0..3 * i64::from(options.fold_after) {
                for (document, _) in &expected {
                    db.write(|batch| batch.set_column(*document, &format!("column {change}"), &Value::Int64(change)))
                        .unwrap();
                }
            }
            assert!(db.stats().unwrap().folds > 0);
            check_blobs(&db, &expected, "folded");
            db.compact_now(&mut |_| true).unwrap();
            check_blobs(&db, &expected, "compacted");
            db.close().unwrap();
            db = Db::open(directory.path(), &options).unwrap();
            check_blobs(&db, &expected, "opened again");
            assert_eq!(db.verify().unwrap().damage, []);
        }
    }
}

#[test]
fn values_nest_to_their_limit_and_no_further() {
    let nested = |levels: usize| {
        let wrap =
            |value, at| if at % 2 == 0 { Value::List(vec![value]) } else { Value::Map(vec![("k".into(), value)]) };
        (0..levels).fold(Value::Int64(64), wrap)
    };
    let (deepest, deeper) = (nested(MAX_DEPTH), nested(MAX_DEPTH + 1));
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(directory.path(), &options(ReadMode::Mmap)).unwrap();
    let columns = Columns::from([("deep", deepest.clone())]);
    let document = db.write(|batch| batch.create_document(b"", &columns)).unwrap();
    let mut batch = db.batch().unwrap();
    let input = batch.append_input(document, &deepest).unwrap();
    batch.set_output(document, input, &deepest).unwrap();
    let refusals = [
        batch.append_input(document, &deeper).map(drop),
        batch.set_output(document, input, &deeper),
        batch.set_column(document, "deep", &deeper),
        batch.create_document(b"", &Columns::from([("deep", deeper.clone())])).map(drop),
        batch.put_tree(&Tree { inputs: vec![Input::new(Value::Null, Some(deeper))], ..tree(1) }).map(drop),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(Error::InvalidArgument(_))), "{refusal:?}");
    }
    batch.commit().unwrap();
    let view = db.view().unwrap();
    assert_eq!(view.column(document, "deep").unwrap(), deepest);
    assert_eq!(view.input(document, input).unwrap(), deepest);
    assert_eq!(view.output(document, input).unwrap(), deepest);
    assert_eq!(view.document_count().unwrap(), 1);
}

#[test]
fn column_names_are_of_1_to_255_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(directory.path(), &Options::default()).unwrap();
    // 127 letters of two bytes each, and one of one.
    let longest = format!("{}x", "\u{e9}".repeat(127));
    assert_eq!(longest.len(), MAX_COLUMN_NAME);
    let names = ["a", "\0", longest.as_str()];
    let document = db.write(|batch| batch.create_document(b"", &Columns::new())).unwrap();
    let input = db.write(|batch| batch.append_input(document, &Value::Null)).unwrap();
    let mut batch = db.batch().unwrap();
    for name in names {
        batch.set_column(document, name, &Value::String(name.into())).unwrap();
        batch.set_input_column(document, input, name, &Value::String(name.into())).unwrap();
    }
    for name in [String::new(), format!("{longest}x")] {
        let refusals = [
            batch.set_column(document, &name, &Value::Null),
            batch.set_input_column(document, input, &name, &Value::Null),
            batch.create_document(b"", &Columns::from([(name.clone(), Value::Null)])).map(drop),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, Err(Error::InvalidArgument(_))), "{refusal:?}");
        }
    }
    batch.commit().unwrap();
    db.close().unwrap();
    let view = Db::open(directory.path(), &Options::default()).and_then(|db| {
        let (columns, of_input) = (db.view()?.columns(document)?, db.view()?.input_columns(document, input)?);
        Ok((columns, of_input))
    });
    let expected: Columns = names.iter().map(|name| (*name, Value::String(name.to_string()))).collect();
    assert_eq!(view.unwrap(), (expected.clone(), expected));
}

#[test]
fn empty_values_come_back_as_what_they_are() {
    let empty = [
        Value::Null,
        Value::String(String::new()),
        Value::Bytes(vec![]),
        Value::Int64List(vec![]),
        Value::DoubleList(vec![]),
        Value::StringList(vec![]),
        Value::StringMap(vec![]),
        Value::List(vec![]),
        Value::Map(vec![]),
        Value::StringList(vec![String::new()]),
        Value::StringMap(vec![(String::new(), String::new())]),
        Value::List(vec![Value::List(vec![]), Value::Map(vec![]), Value::Null]),
    ];
    let inputs: Vec<Input> = empty.iter().map(|value| Input::new(value.clone(), Some(value.clone()))).collect();
    let columns: Columns = empty.iter().enumerate().map(|(at, value)| (format!("{at}"), value.clone())).collect();
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        let db = Db::open(directory.path(), &options(mode)).unwrap();
        let whole = Tree { blob: vec![], columns: columns.clone(), inputs: inputs.clone() };
        let document = db.write(|batch| batch.put_tree(&whole)).unwrap().document;
        let bare = db.write(|batch| batch.put_tree(&Tree::default())).unwrap().document;
        db.compact_now(&mut |_| true).unwrap();
        db.close().unwrap();
        let db = Db::open(directory.path(), &options(mode)).unwrap();
        let view = db.view().unwrap();
        let read = view.tree(document).unwrap();
        assert_eq!((&read.blob, &read.columns), (&vec![], &columns));
        for (input, value) in read.inputs.iter().zip(&empty) {
            assert_eq!((&input.value, input.output.as_ref()), (value, Some(value)));
            assert_eq!(view.output(document, input.id.unwrap()).unwrap(), *value);
        }
        assert_eq!(read.inputs.len(), empty.len());
        assert!(view.blob(document).unwrap().is_empty());
        assert_eq!(view.tree(bare).unwrap(), Tree::default());
    }
}

#[test]
fn ids_are_never_used_again() {
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        let options = options(mode);
        let mut db = Db::open(directory.path(), &options).unwrap();
        let document = db.write(|batch| batch.create_document(b"", &Columns::new())).unwrap();
        let (mut last_input, mut last_document) = (0, document.get());
        for round in 0..12 {
            let input = db.write(|batch| batch.append_input(document, &Value::Int64(round))).unwrap();
            assert!(input.get() > last_input, "input {input} after {last_input}");
            last_input = input.get();
            db.write(|batch| batch.delete_input(document, input)).unwrap();
            let other = db.write(|batch| batch.put_tree(&tree(1))).unwrap().document;
            assert!(other.get() > last_document, "document {other} after {last_document}");
            last_document = other.get();
            db.write(|batch| batch.delete_document(other)).unwrap();
            match round % 4 {
                0 => {}
                1 => db.compact_now(&mut |_| true).unwrap(),
                2 => {
                    let ids = db.write(|batch| batch.replace_tree(document, &tree(2))).unwrap();
                    assert!(ids.first_input.unwrap().get() > last_input);
                    last_input = ids.input(2).unwrap().get();
                    let inputs = db.view().unwrap().input_ids(document).unwrap();
                    db.write(|batch| inputs.iter().try_for_each(|input| batch.delete_input(document, *input))).unwrap();
                }
                _ => std::fs::remove_file(directory.path().join("CHECKPOINT")).unwrap(),
            }
            db.close().unwrap();
            db = Db::open(directory.path(), &options).unwrap();
            assert!(db.view().unwrap().input_ids(document).unwrap().is_empty());
        }
    }
}
