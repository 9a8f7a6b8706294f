//! Writers, readers and compaction at the same time, on small segments: nothing is lost, and nothing is seen half.
//!
//! 1. Every part of a tree says the tree's stamp, and every batch stamps a tree as a whole: a reader that meets two
//!    stamps in one tree has seen half a batch.
//! 2. A writer knows what its own documents must be; a few documents are stamped by all writers in turn.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use stratum::vfs::sim::Rng;
use stratum::{
    Batch, Columns, Db, DocumentId, Durability, Input, InputId, Options, ReadMode, Result, Tree, Value, View,
};

use crate::{READ_MODES, contents};

const WRITERS: u64 = 8;
const READERS: u64 = 2;
/// Commits of each writer.
const COMMITS: u64 = 400;
const SHARED_INPUTS: u64 = 3;

/// A blob that says its stamp throughout; one in 32 is a record of its own.
fn blob(stamp: u64) -> Vec<u8> {
    let words = if stamp.is_multiple_of(32) { 9000 } else { 1 + stamp as usize % 200 };
    stamp.to_le_bytes().repeat(words)
}

fn value(stamp: u64) -> Value {
    Value::Int64List(vec![stamp as i64; 1 + stamp as usize % 7])
}

fn stamped(stamp: u64, inputs: u64) -> Tree {
    let input = |_| Input::new(value(stamp), Some(Value::Int64(stamp as i64)));
    let columns = Columns::from([("stamp", Value::Int64(stamp as i64))]);
    Tree { blob: blob(stamp), columns, inputs: (0..inputs).map(input).collect() }
}

/// Whether all of the tree is of one stamp; gives it back.
fn stamp_of(tree: &Tree) -> Option<u64> {
    let Some(Value::Int64(stamp)) = tree.columns.get("stamp") else { return None };
    let mut expected = stamped(*stamp as u64, tree.inputs.len() as u64);
    for (expected, input) in expected.inputs.iter_mut().zip(&tree.inputs) {
        expected.id = input.id;
    }
    (expected == *tree).then_some(*stamp as u64)
}

/// Gives a document another stamp, part by part.
fn restamp(batch: &mut Batch, document: DocumentId, inputs: &[InputId], stamp: u64) -> Result<()> {
    batch.set_blob(document, &blob(stamp))?;
    batch.set_column(document, "stamp", &Value::Int64(stamp as i64))?;
    inputs.iter().try_for_each(|input| {
        batch.replace_input(document, *input, &value(stamp))?;
        batch.set_output(document, *input, &Value::Int64(stamp as i64))
    })
}

/// A writer and what it knows of its documents: stamp and inputs of each.
struct Writer<'a> {
    db: &'a Db,
    rng: Rng,
    stamp: u64,
    own: BTreeMap<DocumentId, (u64, Vec<InputId>)>,
    shared: &'a [(DocumentId, Vec<InputId>)],
}

impl Writer<'_> {
    fn work(mut self) -> BTreeMap<DocumentId, (u64, Vec<InputId>)> {
        for _ in 0..COMMITS {
            self.stamp += WRITERS;
            let mut batch = self.db.batch().unwrap();
            self.change(&mut batch).unwrap();
            let durability = match self.rng.below(10) {
                0 => Durability::Always,
                1..4 => Durability::Interval,
                _ => Durability::Os,
            };
            batch.commit_with(durability).unwrap();
        }
        self.own
    }

    /// Puts one change, or two, into a batch.
    fn change(&mut self, batch: &mut Batch) -> Result<()> {
        let stamp = self.stamp;
        let picked = self.rng.index(self.own.len().max(1));
        let Some(document) = self.own.keys().nth(picked).copied() else { return self.put(batch) };
        let (old, inputs) = &self.own[&document];
        let (old, mut inputs) = (*old, inputs.clone());
        match self.rng.below(12) {
            0..3 => return self.put(batch),
            3 => {
                let count = 1 + self.rng.below(5);
                let ids = batch.replace_tree(document, &stamped(stamp, count))?;
                inputs = (0..ids.inputs).filter_map(|at| ids.input(at)).collect();
                self.own.insert(document, (stamp, inputs));
            }
            4..7 => {
                restamp(batch, document, &inputs, stamp)?;
                self.own.insert(document, (stamp, inputs));
            }
            7 | 8 => {
                let input = batch.append_input(document, &value(old))?;
                batch.set_output(document, input, &Value::Int64(old as i64))?;
                inputs.push(input);
                self.own.insert(document, (old, inputs));
            }
            9 => {
                batch.delete_document(document)?;
                self.own.remove(&document);
                if self.own.len() < 6 {
                    return self.put(batch);
                }
            }
            10 if !inputs.is_empty() => {
                batch.delete_input(document, inputs.remove(0))?;
                self.own.insert(document, (old, inputs));
            }
            _ => {
                let (shared, inputs) = &self.shared[self.rng.index(self.shared.len())];
                restamp(batch, *shared, inputs, stamp)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, batch: &mut Batch) -> Result<()> {
        let ids = batch.put_tree(&stamped(self.stamp, self.rng.below(5)))?;
        self.own.insert(ids.document, (self.stamp, (0..ids.inputs).filter_map(|at| ids.input(at)).collect()));
        Ok(())
    }
}

/// Reads one document of a view in every way that there is, and checks that all say the same.
fn check_document(view: &View, document: DocumentId) {
    let tree = view.tree(document).unwrap();
    assert!(stamp_of(&tree).is_some(), "half a batch: {:?} {:?}", tree.columns, tree.inputs);
    assert!(view.blob(document).unwrap()[..] == tree.blob);
    assert!(view.columns(document).unwrap() == tree.columns);
    assert!(view.packed_tree(document).unwrap().to_tree().unwrap() == tree);
    let inputs: Result<Vec<Input>> = view.inputs(document).unwrap().collect();
    assert!(inputs.unwrap() == tree.inputs);
}

/// Reads until the writers are done; gives back how many documents it read.
fn read(db: &Db, done: &AtomicBool) -> u64 {
    let mut documents = 0;
    let mut newest = 0;
    while !done.load(Ordering::Acquire) {
        let view = db.snapshot().unwrap();
        assert!(view.sequence() >= newest, "moments do not go back");
        newest = view.sequence();
        let listed: Vec<DocumentId> = view.documents(DocumentId::FIRST).unwrap().collect();
        assert_eq!(listed.len() as u64, view.document_count().unwrap());
        for document in &listed {
            check_document(&view, *document);
            documents += 1;
        }
        let again: Vec<DocumentId> = view.documents(DocumentId::FIRST).unwrap().collect();
        assert_eq!(listed, again);
    }
    documents
}

fn stress_options(mode: ReadMode) -> Options {
    let mut options = Options::default();
    options.read_mode = mode;
    options.segment_size = 64 << 10;
    options.checkpoint_bytes = 256 << 10;
    options
}

#[test]
fn half_a_batch_would_be_noticed() {
    let whole = stamped(40, 3);
    assert_eq!(stamp_of(&whole), Some(40));
    let halves: [fn(&mut Tree); 5] = [
        |tree| tree.blob = blob(41),
        |tree| drop(tree.columns.set("stamp", Value::Int64(41))),
        |tree| tree.inputs[1].value = value(41),
        |tree| tree.inputs[2].output = Some(Value::Int64(41)),
        |tree| tree.inputs[0].output = None,
    ];
    for make in halves {
        let mut tree = whole.clone();
        make(&mut tree);
        assert_eq!(stamp_of(&tree), None);
    }
}

#[test]
fn writers_readers_and_compaction_agree() {
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        let db = Db::open(directory.path(), &stress_options(mode)).unwrap();
        let put = |stamp| {
            let ids = db.write(|batch| batch.put_tree(&stamped(stamp, SHARED_INPUTS))).unwrap();
            (ids.document, (0..ids.inputs).filter_map(|at| ids.input(at)).collect())
        };
        let shared: Vec<(DocumentId, Vec<InputId>)> = (1..4).map(put).collect();
        let (done, documents_read) = (AtomicBool::new(false), AtomicU64::new(0));
        let written: Vec<_> = std::thread::scope(|scope| {
            for _ in 0..READERS {
                scope.spawn(|| documents_read.fetch_add(read(&db, &done), Ordering::Relaxed));
            }
            let writers: Vec<_> = (0..WRITERS)
                .map(|number| {
                    let (db, own, shared) = (&db, BTreeMap::new(), &shared[..]);
                    let writer = Writer { db, rng: Rng::new(number), stamp: 100 + number, own, shared };
                    scope.spawn(|| writer.work())
                })
                .collect();
            let written = writers.into_iter().map(|writer| writer.join()).collect();
            // Also where a writer failed, the readers are to end.
            done.store(true, Ordering::Release);
            written
        });
        let mut expected = BTreeMap::new();
        for own in written {
            expected.extend(own.unwrap());
        }
        assert!(documents_read.into_inner() > 100);
        let stats = db.stats().unwrap();
        assert!(stats.compactions > 3 && stats.folds > 0 && stats.checkpoints > 0, "{stats:?}");
        assert_eq!(stats.background_failures, 0);
        assert_eq!(db.verify().unwrap().damage, []);

        let last = contents(&db.view().unwrap());
        check_listing(&last, &expected, &shared);
        db.close().unwrap();
        let db = Db::open(directory.path(), &stress_options(mode)).unwrap();
        assert_eq!(db.verify().unwrap().damage, []);
        assert!(contents(&db.view().unwrap()) == last, "what was there before closing");
    }
}

/// The store holds what the writers say, and the documents that they share.
fn check_listing(
    listing: &BTreeMap<u64, Tree>,
    own: &BTreeMap<DocumentId, (u64, Vec<InputId>)>,
    shared: &[(DocumentId, Vec<InputId>)],
) {
    assert_eq!(listing.len(), own.len() + shared.len());
    let ids = |tree: &Tree| tree.inputs.iter().filter_map(|input| input.id).collect::<Vec<InputId>>();
    for (document, (stamp, inputs)) in own {
        let tree = &listing[&document.get()];
        assert_eq!((stamp_of(tree), &ids(tree)), (Some(*stamp), inputs), "document {document}");
    }
    for (document, inputs) in shared {
        let tree = &listing[&document.get()];
        assert!(stamp_of(tree).is_some_and(|stamp| stamp > 100), "stamped by a writer");
        assert_eq!(&ids(tree), inputs);
    }
}
