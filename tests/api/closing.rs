//! Closing while others are at work, and ids that several threads take at once.

use std::time::Duration;

use stratum::vfs::sim::Rng;
use stratum::{Db, Durability, Error, Options, Tree, Value};

use crate::{READ_MODES, options, tree};

/// With the store's own threads, and compaction all the time.
fn busy() -> Options {
    let mut options = options(READ_MODES[0]);
    options.background = true;
    options.max_amplification = 1.1;
    options.checkpoint_bytes = 64 << 10;
    options.sync_interval = Duration::from_millis(5);
    options
}

/// Input ids that several threads take of one document are each taken once, whatever becomes of the batches.
#[test]
fn input_ids_are_handed_out_once_across_threads() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("store");
    let db = Db::open(&place, &busy()).unwrap();
    let document = db.write(|batch| batch.put_tree(&Tree::default())).unwrap().document;
    let taken: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4u64)
            .map(|thread| {
                let db = &db;
                scope.spawn(move || {
                    let mut rng = Rng::new(thread);
                    let mut seen = Vec::new();
                    for _ in 0..60 {
                        let mut batch = db.batch().unwrap();
                        let id = match rng.below(4) {
                            0 => batch.replace_tree(document, &tree(0)).unwrap().first_input.unwrap(),
                            _ => batch.append_input(document, &Value::Null).unwrap(),
                        };
                        if rng.chance(0.8) {
                            batch.commit_with(Durability::Os).unwrap();
                            seen.push(id.get());
                        }
                    }
                    seen
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut unique = taken.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), taken.len(), "an id was handed out twice");
    assert!(db.verify().unwrap().damage.is_empty());
}

/// Closing while others are at work: each call works or says `Closed`, and what was acknowledged is there.
#[test]
fn a_close_in_the_midst_loses_nothing() {
    for round in 0..10 {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("store");
        let db = Db::open(&place, &busy()).unwrap();
        let expected = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4u64)
                .map(|writer| {
                    let db = db.clone();
                    scope.spawn(move || {
                        let mut rng = Rng::new(writer);
                        let mut kept = Vec::new();
                        loop {
                            let durability = if rng.chance(0.1) { Durability::Always } else { Durability::Os };
                            let put = db.batch().and_then(|mut batch| {
                                let ids = batch.put_tree(&tree(7))?;
                                batch.commit_with(durability).map(|_| ids.document)
                            });
                            match put {
                                Ok(id) => kept.push(id),
                                Err(Error::Closed) => return kept,
                                Err(other) => panic!("{other:?}"),
                            }
                        }
                    })
                })
                .collect();
            let compacting = scope.spawn({
                let db = db.clone();
                move || while db.compact_now(&mut |_| true).is_ok() {}
            });
            let reading = scope.spawn({
                let db = db.clone();
                move || while db.view().is_ok_and(|view| view.document_count().is_ok()) {}
            });
            std::thread::sleep(Duration::from_millis(20 + round * 5));
            db.close().unwrap();
            compacting.join().unwrap();
            reading.join().unwrap();
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
        });
        let db = Db::open(&place, &options(READ_MODES[1])).unwrap();
        let view = db.view().unwrap();
        assert_eq!(view.document_count().unwrap(), expected.len() as u64);
        assert!(expected.iter().all(|id| view.blob(*id).is_ok_and(|blob| blob[..] == tree(7).blob)));
        assert!(db.verify().unwrap().damage.is_empty());
    }
}
