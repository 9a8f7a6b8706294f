//! Views and snapshots: one moment, kept through everything, until the bound that the options set.

use stratum::{Db, DocumentId, Error, Input, Options, ReadMode, Value};

use crate::{READ_MODES, contents, fill, options, tree};

/// Changes every second document, deletes every third, and adds some.
fn change(db: &Db, documents: &[DocumentId], content: u8) {
    for (at, document) in documents.iter().enumerate() {
        let there = db.view().unwrap().exists(*document).unwrap();
        if there && at % 3 == 0 {
            db.write(|batch| batch.delete_document(*document)).unwrap();
        } else if there && at % 2 == 0 {
            db.write(|batch| batch.set_blob(*document, &[content; 400])).unwrap();
            db.write(|batch| batch.append_input(*document, &Value::Int64(content.into()))).unwrap();
        } else if there {
            db.write(|batch| batch.replace_tree(*document, &tree(content))).unwrap();
        }
    }
    fill(db, [content; 5]);
}

#[test]
fn a_view_keeps_its_moment_with_its_cursors() {
    for mode in READ_MODES {
        for is_snapshot in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let db = Db::open(directory.path(), &options(mode)).unwrap();
            let documents = fill(&db, 0..60);
            change(&db, &documents, 100);
            let view = if is_snapshot { db.snapshot() } else { db.view() }.unwrap();
            let (sequence, expected) = (view.sequence(), contents(&view));
            let first = *expected.keys().next().unwrap();
            let rich = DocumentId::new(*expected.keys().nth(1).unwrap()).unwrap();

            // Begun before the changes, the cursors end after them.
            let mut ids = view.documents(DocumentId::FIRST).unwrap();
            assert_eq!(ids.next().unwrap().get(), first);
            let mut inputs = view.inputs(rich).unwrap();
            let mut seen: Vec<Input> = vec![inputs.next().unwrap().unwrap()];
            for content in 101..104 {
                change(&db, &documents, content);
                db.compact_now(&mut |_| true).unwrap();
                assert_eq!(contents(&view), expected);
            }
            db.write(|batch| batch.delete_document(rich)).unwrap();
            db.compact_now(&mut |_| true).unwrap();

            assert!(ids.map(DocumentId::get).eq(expected.keys().copied().skip(1)));
            seen.extend(inputs.map(Result::unwrap));
            assert_eq!(seen, expected[&rich.get()].inputs);
            let blob = view.blob(rich).unwrap();
            assert_eq!(blob[..], expected[&rich.get()].blob);
            assert_eq!(contents(&view.clone()), expected);
            assert_eq!((view.sequence(), view.document_count().unwrap()), (sequence, expected.len() as u64));
            assert!(db.view().unwrap().sequence() > sequence);
            assert!(!db.view().unwrap().exists(rich).unwrap());
        }
    }
}

#[test]
fn a_cursor_seeks_both_ways_within_its_moment() {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(directory.path(), &options(ReadMode::Mmap)).unwrap();
    let documents = fill(&db, 0..10);
    db.write(|batch| batch.delete_document(documents[4])).unwrap();
    let mut cursor = db.view().unwrap().documents(documents[3]).unwrap();
    assert_eq!((cursor.next(), cursor.next()), (Some(documents[3]), Some(documents[5])));
    cursor.seek(documents[0]);
    db.write(|batch| batch.delete_document(documents[0])).unwrap();
    assert_eq!(cursor.next(), Some(documents[0]));
    cursor.seek(documents[9]);
    assert_eq!((cursor.next(), cursor.next(), cursor.next()), (Some(documents[9]), None, None));
    cursor.seek(DocumentId::new(u64::MAX).unwrap());
    assert_eq!((cursor.next(), cursor.next()), (None, None));
}

#[test]
fn stats_follow_snapshots_and_what_they_hold() {
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        let db = Db::open(directory.path(), &options(mode)).unwrap();
        let documents = fill(&db, 0..60);
        let figures = || {
            let stats = db.stats().unwrap();
            (stats.snapshots, stats.retained_bytes)
        };
        assert_eq!(figures(), (0, 0));
        let first = db.snapshot().unwrap();
        let copy = first.clone();
        let second = db.snapshot().unwrap();
        assert_eq!(figures(), (2, 0), "a clone is the same snapshot; nothing was replaced yet");
        let before = db.stats().unwrap().total_bytes;
        db.write(|batch| documents.iter().try_for_each(|document| batch.delete_document(*document))).unwrap();
        db.compact_now(&mut |_| true).unwrap();
        let (snapshots, held) = figures();
        assert_eq!(snapshots, 2);
        assert!(held > before / 2, "{held} bytes of {before}");
        drop((first, second));
        assert_eq!(figures(), (1, held), "the clone holds what both held");
        drop(copy);
        assert_eq!(figures(), (0, 0));
        let view = db.view().unwrap();
        assert_eq!(figures(), (0, 0), "a view is not counted as a snapshot");
        assert_eq!(view.document_count().unwrap(), 0);
    }
}

#[test]
fn snapshots_that_hold_too_much_are_given_up_the_oldest_first() {
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        let mut options: Options = options(mode);
        options.max_retained_bytes = 25_000;
        let db = Db::open(directory.path(), &options).unwrap();
        let documents = fill(&db, 0..60);
        let delete = |documents: &[DocumentId]| {
            db.write(|batch| documents.iter().try_for_each(|document| batch.delete_document(*document))).unwrap();
            db.compact_now(&mut |_| true).unwrap();
            db.stats().unwrap().retained_bytes
        };
        // Compacted, the segments hold nothing that another compaction would rewrite.
        db.compact_now(&mut |_| true).unwrap();
        let old = db.snapshot().unwrap();
        let latest = db.view().unwrap();
        let expected = contents(&latest);
        let mut cursor = old.inputs(documents[1]).unwrap();
        let held = delete(&documents[..20]);
        assert!(held > 0 && held < options.max_retained_bytes, "{held}");
        assert_eq!(contents(&old), expected, "within the bound");
        let young = db.snapshot().unwrap();
        let of_young = contents(&young);
        let held = delete(&documents[20..40]);
        assert!(held > options.max_retained_bytes, "{held}");

        assert!(matches!(old.document_count(), Err(Error::SnapshotTooOld)));
        assert!(matches!(old.clone().tree(documents[1]), Err(Error::SnapshotTooOld)));
        assert!(matches!(old.blob(documents[1]), Err(Error::SnapshotTooOld)));
        assert!(matches!(old.documents(DocumentId::FIRST), Err(Error::SnapshotTooOld)));
        assert_eq!(contents(&young), of_young, "what is within the bound stays");
        assert_eq!(contents(&latest), expected, "a view that is no snapshot is never given up");
        assert_eq!(cursor.next().unwrap().unwrap().value, Value::Int64List(vec![]), "nor is a cursor");
        assert_eq!(db.stats().unwrap().snapshots, 1);
        assert!(db.stats().unwrap().retained_bytes > options.max_retained_bytes, "that is what the view holds");
        drop((latest, cursor));
        assert!(db.stats().unwrap().retained_bytes <= options.max_retained_bytes);
        assert_eq!(contents(&db.snapshot().unwrap()).len(), 20, "a new one can be taken");
    }
}
