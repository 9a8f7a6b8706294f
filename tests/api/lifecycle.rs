//! Opening, closing, opening again: what ends with a store, what outlives it, and that nothing leaks.

use std::path::Path;

use stratum::{Columns, Db, Durability, Error, Options, ReadMode, Result, Value};

use crate::{READ_MODES, contents, files, fill, options, process, tree};

fn is_closed<T>(result: Result<T>) -> bool {
    matches!(result, Err(Error::Closed))
}

#[test]
fn everything_after_close_says_closed() {
    for background in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let mut options = options(ReadMode::Mmap);
        options.background = background;
        let db = Db::open(directory.path(), &options).unwrap();
        let document = fill(&db, [7])[0];
        let clone = db.clone();
        let (view, snapshot) = (db.view().unwrap(), db.snapshot().unwrap());
        let input = view.input_ids(document).unwrap()[0];
        let mut batch = db.batch().unwrap();
        batch.set_blob(document, b"never").unwrap();
        let mut other = db.batch().unwrap();
        db.close().unwrap();
        db.close().unwrap();
        clone.close().unwrap();

        for db in [&db, &clone] {
            assert!(is_closed(db.view()) && is_closed(db.snapshot()) && is_closed(db.batch()));
            assert!(is_closed(db.write(|_| Ok(()))));
            assert!(is_closed(db.flush()) && is_closed(db.checkpoint()) && is_closed(db.maintain()));
            assert!(is_closed(db.compact_now(&mut |_| true)) && is_closed(db.stats()) && is_closed(db.verify()));
        }
        assert!(is_closed(other.put_tree(&tree(1))));
        assert!(is_closed(other.create_document(b"", &Columns::new())));
        assert!(is_closed(other.append_input(document, &Value::Null)));
        assert!(is_closed(other.delete_document(document)));
        assert!(is_closed(batch.commit()) && is_closed(other.commit()));
        for view in [&view, &snapshot] {
            assert!(is_closed(view.document_count()) && is_closed(view.exists(document)));
            assert!(is_closed(view.documents(document)) && is_closed(view.inputs(document)));
            assert!(is_closed(view.blob(document)) && is_closed(view.columns(document)));
            assert!(is_closed(view.column(document, "name")) && is_closed(view.input_count(document)));
            assert!(is_closed(view.input_ids(document)) && is_closed(view.input(document, input)));
            assert!(is_closed(view.input_columns(document, input)) && is_closed(view.output(document, input)));
            assert!(is_closed(view.tree(document)) && is_closed(view.packed_tree(document)));
        }
        let again = Db::open(directory.path(), &options).unwrap();
        assert_eq!(again.view().unwrap().blob(document).unwrap()[..], [7; 300], "the open batch did not happen");
    }
}

#[test]
fn pinned_bytes_outlive_deletion_compaction_close_and_the_files() {
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        let db = Db::open(directory.path(), &options(mode)).unwrap();
        let documents = fill(&db, 0..40);
        let view = db.view().unwrap();
        let blobs: Vec<_> = documents.iter().map(|document| view.blob(*document).unwrap()).collect();
        let trees: Vec<_> = documents.iter().map(|document| view.packed_tree(*document).unwrap()).collect();
        let expected: Vec<_> = documents.iter().map(|document| view.tree(*document).unwrap()).collect();
        assert!(blobs.iter().all(|blob| blob.is_pinned() == (mode == ReadMode::Mmap)));
        assert!(trees.iter().all(|tree| tree.is_pinned() == (mode == ReadMode::Mmap)));
        drop(view);

        let check = |when: &str| {
            for (at, expected) in expected.iter().enumerate() {
                assert_eq!(blobs[at][..], expected.blob, "{when}");
                assert_eq!(trees[at].to_tree().unwrap(), *expected, "{when}");
            }
        };
        let old = files(directory.path());
        db.write(|batch| documents.iter().try_for_each(|document| batch.delete_document(*document))).unwrap();
        db.compact_now(&mut |_| true).unwrap();
        let left = files(directory.path());
        let gone = old.keys().filter(|name| name.starts_with("segment-") && !left.contains_key(*name));
        assert!(gone.count() > 5, "the segments lost their names");
        check("after compaction");
        db.close().unwrap();
        check("after close");
        drop(db);
        drop(directory);
        check("after the files are gone");
    }
}

#[test]
fn dropping_the_last_handle_closes() {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(directory.path(), &Options::default()).unwrap();
    let document = fill(&db, [1])[0];
    let clone = db.clone();
    let view = db.view().unwrap();
    let batch = db.batch().unwrap();
    drop(db);
    assert!(matches!(Db::open(directory.path(), &Options::default()), Err(Error::Locked(_))));
    assert!(clone.view().unwrap().exists(document).unwrap());
    drop(clone);
    assert!(is_closed(view.exists(document)), "a view does not keep the store open");
    assert!(is_closed(batch.commit()));
    let again = Db::open(directory.path(), &Options::default()).unwrap();
    assert_eq!(contents(&again.view().unwrap()).len(), 1);
}

/// What a process holds: open descriptors, mapped files of a directory, threads.
fn held(directory: &Path) -> (usize, usize, usize) {
    let count = |path: &str| std::fs::read_dir(path).unwrap().count();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mapped = maps.lines().filter(|line| line.contains(directory.to_str().unwrap())).count();
    (count("/proc/self/fd"), mapped, count("/proc/self/task"))
}

#[test]
fn a_thousand_openings_leave_nothing_behind() {
    let Some(place) = process::started_in() else {
        let directory = tempfile::tempdir().unwrap();
        return process::passes("lifecycle::a_thousand_openings_leave_nothing_behind", directory.path());
    };
    for mode in READ_MODES {
        let directory = place.join(format!("{mode:?}"));
        let mut options = options(mode);
        options.background = true;
        let db = Db::open(&directory, &options).unwrap();
        fill(&db, 0..20);
        let expected = contents(&db.view().unwrap());
        db.close().unwrap();
        drop(db);
        let before = (held(&directory), files(&directory));
        assert_eq!(before.0.1, 0);
        for cycle in 0..500 {
            let db = Db::open(&directory, &options).unwrap();
            if cycle % 50 == 0 {
                assert_eq!(contents(&db.view().unwrap()), expected);
            }
            if cycle % 2 == 0 {
                db.close().unwrap();
            }
        }
        assert_eq!(held(&directory), before.0, "descriptors, mappings, threads");
        assert_eq!(files(&directory), before.1, "an opening that changes nothing writes nothing");
    }
}

#[test]
fn a_close_gives_back_what_forgotten_handles_kept() {
    let Some(place) = process::started_in() else {
        let directory = tempfile::tempdir().unwrap();
        return process::passes("lifecycle::a_close_gives_back_what_forgotten_handles_kept", directory.path());
    };
    for mode in READ_MODES {
        let directory = place.join(format!("{mode:?}"));
        let open = || Db::open(&directory, &options(mode)).unwrap();
        let documents = fill(&open(), 0..20);
        let before = held(&directory);
        assert_eq!(before.1, 0);
        let mut forgotten = Vec::new();
        for cycle in 0..10 {
            let db = open();
            let snapshot = db.snapshot().unwrap();
            let mut batch = db.batch().unwrap();
            batch.set_blob(documents[0], b"never").unwrap();
            db.write(|batch| documents.iter().try_for_each(|id| batch.set_blob(*id, &[cycle; 300]))).unwrap();
            // The snapshot is all that holds what this replaces.
            db.compact_now(&mut |_| true).unwrap();
            assert!(db.stats().unwrap().retained_bytes > 0);
            let clone = db.clone();
            if cycle % 2 == 0 {
                db.close().unwrap();
                forgotten.push((Some(clone), snapshot, batch));
            } else {
                drop((db, clone));
                forgotten.push((None, snapshot, batch));
            }
        }
        assert_eq!(held(&directory), before, "descriptors, mappings, threads");
        for (db, snapshot, mut batch) in forgotten {
            assert!(db.is_none_or(|db| is_closed(db.stats())) && is_closed(snapshot.exists(documents[0])));
            assert!(is_closed(batch.delete_document(documents[0])) && is_closed(batch.commit()));
        }
    }
}

#[test]
fn openings_that_write_do_not_let_the_store_grow() {
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        let options = options(mode);
        let db = Db::open(directory.path(), &options).unwrap();
        let documents = fill(&db, 0..20);
        let mut expected = contents(&db.view().unwrap());
        db.close().unwrap();
        for cycle in 0..60_u8 {
            let db = Db::open(directory.path(), &options).unwrap();
            assert_eq!(contents(&db.view().unwrap()), expected, "cycle {cycle}");
            let document = documents[usize::from(cycle) % documents.len()];
            db.write(|batch| batch.replace_tree(document, &tree(cycle))).unwrap();
            expected.insert(document.get(), db.view().unwrap().tree(document).unwrap());
            while db.maintain().unwrap() {}
            let stats = db.stats().unwrap();
            assert!(
                stats.total_bytes <= stats.live_bytes * 3 / 2 + 2 * options.segment_size,
                "cycle {cycle}: {stats:?}"
            );
            db.close().unwrap();
            let segments = files(directory.path()).into_iter().filter(|(name, _)| name.starts_with("segment-"));
            // Sealing adds a footer.
            let on_disk: u64 = segments.map(|(_, bytes)| bytes.len() as u64).sum();
            assert!(on_disk <= stats.total_bytes + 200, "cycle {cycle}: {on_disk} bytes where {stats:?}");
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    if let Some(place) = process::started_in() {
        let db = Db::open(&place, &options(ReadMode::Mmap)).unwrap();
        for (content, durability) in [Durability::Always, Durability::Interval, Durability::Os].into_iter().enumerate()
        {
            let mut batch = db.batch().unwrap();
            batch.put_tree(&tree(content as u8)).unwrap();
            batch.commit_with(durability).unwrap();
        }
        let mut abandoned = db.batch().unwrap();
        abandoned.put_tree(&tree(9)).unwrap();
        std::process::abort();
    }
    let directory = tempfile::tempdir().unwrap();
    let output = process::run("lifecycle::a_killed_process_loses_nothing_acknowledged", directory.path());
    assert!(std::os::unix::process::ExitStatusExt::signal(&output.status).is_some(), "{output:?}");
    let db = Db::open(directory.path(), &options(ReadMode::Mmap)).unwrap();
    let blobs: Vec<u8> = contents(&db.view().unwrap()).values().map(|tree| tree.blob[0]).collect();
    assert_eq!(blobs, [0, 1, 2]);
    assert_eq!(db.verify().unwrap().damage, []);
    assert!(fill(&db, [3])[0].get() > 3, "ids go on rising");
}
