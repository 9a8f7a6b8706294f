//! Compressed stores: every way of reading says what a plain store says, and stores change from one codec to another.

use stratum::{Columns, Compression, Db, DocumentId, Input, InputId, Options, ReadMode, Tree, Value};

use crate::{READ_MODES, contents, fill, options};

const CODECS: [Compression; 3] = [Compression::None, Compression::Lz4, Compression::Zstd];

fn with(read_mode: ReadMode, compression: Compression) -> Options {
    let mut options = options(read_mode);
    options.compression = compression;
    options.segment_size = 1 << 20;
    options
}

fn text(length: usize) -> Vec<u8> {
    b"given an array of integers find the longest subsequence ".iter().copied().cycle().take(length).collect()
}

/// A tree that shrinks; its nodes fill several frames where there are many inputs.
fn large(inputs: usize, blob: usize) -> Tree {
    let input = |at: usize| Input {
        id: None,
        value: Value::String(format!("{at} ").repeat(40)),
        columns: if at.is_multiple_of(3) {
            Columns::from([("points", Value::Int64(at as i64))])
        } else {
            Columns::new()
        },
        output: (!at.is_multiple_of(5)).then(|| Value::Int64List(vec![at as i64; 20])),
    };
    let columns = Columns::from([("title", Value::String("sum".into())), ("level", Value::Int64(3))]);
    Tree { blob: text(blob), columns, inputs: (0..inputs).map(input).collect() }
}

/// A tree with values that begin in one frame and end in another, with whole ones between.
fn wide() -> Tree {
    let input = |length: usize| Input::new(Value::Bytes(text(length)), Some(Value::Bytes(text(length / 2))));
    let inputs = [100_000, 700_000, 5, 200_000, 300_000].map(input).into();
    Tree { blob: Vec::new(), columns: Columns::from([("level", Value::Int64(3))]), inputs }
}

fn trees() -> Vec<Tree> {
    vec![large(10, 4000), large(0, 20_000), large(10, 0), large(3000, 50_000), large(2, 700_000), large(1, 5), wide()]
}

/// Everything that can be asked of a document, one call at a time.
fn check_reads(db: &Db, document: DocumentId, expected: &Tree) {
    let view = db.view().unwrap();
    let plain = |tree: Tree| Tree {
        inputs: tree.inputs.into_iter().map(|input| Input { id: None, ..input }).collect(),
        ..tree
    };
    assert_eq!(&view.blob(document).unwrap()[..], expected.blob);
    assert_eq!(view.columns(document).unwrap(), expected.columns);
    assert_eq!(view.column(document, "level").unwrap(), Value::Int64(3));
    assert_eq!(plain(view.tree(document).unwrap()), *expected);
    let packed = view.packed_tree(document).unwrap();
    assert_eq!(packed.as_bytes().as_ptr() as usize % 8, 0);
    assert_eq!(plain(packed.to_tree().unwrap()), *expected);
    let ids = view.input_ids(document).unwrap();
    assert_eq!(ids.len(), expected.inputs.len());
    assert_eq!(view.input_count(document).unwrap(), expected.inputs.len() as u64);
    let step = (ids.len() / 50).max(1);
    for (id, input) in ids.iter().zip(&expected.inputs).step_by(step) {
        assert_eq!(view.input(document, *id).unwrap(), input.value);
        assert_eq!(view.input_columns(document, *id).unwrap(), input.columns);
        assert_eq!(view.output(document, *id).ok(), input.output);
    }
    let listed: Vec<Input> = view.inputs(document).unwrap().map(|input| Input { id: None, ..input.unwrap() }).collect();
    assert_eq!(listed, expected.inputs);
}

#[test]
fn every_read_says_the_same_under_every_codec() {
    for codec in CODECS {
        for mode in READ_MODES {
            for verify in [true, false] {
                let directory = tempfile::tempdir().unwrap();
                let mut options = with(mode, codec);
                options.verify_reads = verify;
                let db = Db::open(directory.path(), &options).unwrap();
                let put = |tree: &Tree| db.write(|batch| batch.put_tree(tree)).unwrap().document;
                let documents: Vec<(DocumentId, Tree)> = trees().into_iter().map(|tree| (put(&tree), tree)).collect();
                let plain = db.stats().unwrap().total_bytes;
                db.compact_now(&mut |_| true).unwrap();
                documents.iter().for_each(|(document, tree)| check_reads(&db, *document, tree));
                let stats = db.stats().unwrap();
                // Blobs that are records of their own stay plain.
                let shrinks = stats.total_bytes < plain - 600_000;
                assert_eq!(shrinks, codec != Compression::None, "{} of {plain} under {codec:?}", stats.total_bytes);
                assert!(db.verify().unwrap().damage.is_empty());
                let pinned = db.view().unwrap().packed_tree(documents[0].0).unwrap().is_pinned();
                assert_eq!(pinned, mode == ReadMode::Mmap && codec == Compression::None);
                db.close().unwrap();
                let db = Db::open(directory.path(), &options).unwrap();
                documents.iter().for_each(|(document, tree)| check_reads(&db, *document, tree));
            }
        }
    }
}

#[test]
fn a_store_changes_from_any_codec_to_any_other() {
    for from in CODECS {
        for to in CODECS {
            let directory = tempfile::tempdir().unwrap();
            let db = Db::open(directory.path(), &with(ReadMode::Mmap, from)).unwrap();
            for tree in trees() {
                db.write(|batch| batch.put_tree(&tree)).unwrap();
            }
            fill(&db, 0..20);
            db.compact_now(&mut |_| true).unwrap();
            let before = contents(&db.view().unwrap());
            let pin = db.view().unwrap().packed_tree(DocumentId::FIRST).unwrap();
            db.close().unwrap();
            let db = Db::open(directory.path(), &with(ReadMode::Mmap, to)).unwrap();
            assert_eq!(contents(&db.view().unwrap()), before, "{from:?} is read under {to:?}");
            let snapshot = db.snapshot().unwrap();
            let mut jobs = 0;
            db.compact_now(&mut |progress| {
                jobs = progress.segments_done;
                true
            })
            .unwrap();
            assert_eq!(jobs > 0, from != to, "{from:?} to {to:?}");
            assert_eq!(contents(&db.view().unwrap()), before);
            assert_eq!(contents(&snapshot), before);
            assert_eq!(pin.to_tree().unwrap(), before[&1]);
            drop(snapshot);
            // What has its codec is left alone, also what does not shrink.
            let size = db.stats().unwrap().total_bytes;
            db.compact_now(&mut |_| panic!("there is nothing to do")).unwrap();
            assert_eq!(db.stats().unwrap().total_bytes, size);
            assert!(db.verify().unwrap().damage.is_empty());
        }
    }
}

#[test]
fn changes_on_compressed_trees_are_read_and_folded() {
    for codec in CODECS {
        for mode in READ_MODES {
            let directory = tempfile::tempdir().unwrap();
            let db = Db::open(directory.path(), &with(mode, codec)).unwrap();
            let mut expected = large(30, 6000);
            let document = db.write(|batch| batch.put_tree(&expected)).unwrap().document;
            db.compact_now(&mut |_| true).unwrap();
            let dense = db.stats().unwrap().live_bytes;
            for round in 0..40_u64 {
                let at = (round * 7 % 30) as usize;
                let id = InputId::new(at as u64 + 1).unwrap();
                let value = Value::String(format!("changed {round} ").repeat(30));
                db.write(|batch| batch.set_output(document, id, &value)).unwrap();
                expected.inputs[at].output = Some(value);
                if round % 9 == 0 {
                    expected.blob = text(500 + round as usize);
                    db.write(|batch| batch.set_blob(document, &expected.blob)).unwrap();
                }
                let stats = db.stats().unwrap();
                assert!(stats.live_bytes > 0 && stats.live_bytes <= stats.total_bytes);
                check_reads(&db, document, &expected);
                if round % 15 == 14 {
                    db.compact_now(&mut |_| true).unwrap();
                    check_reads(&db, document, &expected);
                }
            }
            db.compact_now(&mut |_| true).unwrap();
            check_reads(&db, document, &expected);
            assert!(db.stats().unwrap().live_bytes < 3 * dense);
            assert!(db.verify().unwrap().damage.is_empty());
        }
    }
}

#[test]
fn a_compressed_store_is_repaired() {
    for codec in [Compression::Lz4, Compression::Zstd] {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        let db = Db::open(&from, &with(ReadMode::Mmap, codec)).unwrap();
        for tree in trees() {
            db.write(|batch| batch.put_tree(&tree)).unwrap();
        }
        db.compact_now(&mut |_| true).unwrap();
        let whole = contents(&db.view().unwrap());
        db.close().unwrap();
        let report = stratum::repair(&from, &to, &stratum::RepairOptions::default(), &mut |_| true).unwrap();
        assert_eq!(report.documents_whole, whole.len() as u64);
        assert_eq!(contents(&Db::open(&to, &options(ReadMode::Mmap)).unwrap().view().unwrap()), whole);
    }
}
