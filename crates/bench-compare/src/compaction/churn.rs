//! A store whose documents are replaced and deleted at random, and what it must hold.
//!
//! 1. Of ten commits eight set a blob, one deletes a document, one puts a new one; none waits for the disk.
//! 2. Half of the documents are never deleted: others may read them meanwhile.

use std::time::{Duration, Instant};

use golden_sets::phases;
use golden_sets::workload::{Workload, logical_size};
use stratum::vfs::sim::Rng;
use stratum::{Batch, Db, DocumentId, Durability, Error, Tree};

struct Document<'a> {
    id: DocumentId,
    /// The tree it was put with, by its number in the workload.
    tree: u64,
    blob: &'a [u8],
}

/// A store and what it must hold.
pub struct Churn<'a> {
    db: &'a Db,
    workload: &'a Workload,
    rng: Rng,
    /// Those that are never deleted.
    kept: Vec<Document<'a>>,
    passing: Vec<Document<'a>>,
    gone: Vec<DocumentId>,
    next_tree: u64,
    /// Bytes of contents that were replaced or deleted.
    pub replaced: u64,
}

impl<'a> Churn<'a> {
    /// Puts all of the workload's documents.
    pub fn load(db: &'a Db, workload: &'a Workload) -> Churn<'a> {
        let (kept, passing, gone) = (Vec::new(), Vec::new(), Vec::new());
        let mut churn = Churn { db, workload, rng: Rng::new(1), kept, passing, gone, next_tree: 1, replaced: 0 };
        for number in 0..workload.documents {
            let document = churn.put();
            if number % 2 == 0 { churn.kept.push(document) } else { churn.passing.push(document) }
        }
        db.flush().expect("the flush");
        churn
    }

    /// The documents that are never deleted.
    pub fn kept_ids(&self) -> Vec<DocumentId> {
        self.kept.iter().map(|document| document.id).collect()
    }

    fn commit<T>(&self, work: impl FnOnce(&mut Batch) -> stratum::Result<T>) -> T {
        let mut batch = self.db.batch().expect("a batch");
        let done = work(&mut batch).expect("the change");
        batch.commit_with(Durability::Os).expect("the commit");
        done
    }

    fn put(&mut self) -> Document<'a> {
        let number = self.next_tree;
        self.next_tree += 1;
        let tree = self.workload.tree(number);
        let ids = self.commit(|batch| batch.put_tree(tree));
        Document { id: ids.document, tree: number, blob: &tree.blob }
    }

    fn delete(&mut self, at: usize) {
        let document = self.passing.swap_remove(at);
        self.commit(|batch| batch.delete_document(document.id));
        let tree = self.workload.tree(document.tree);
        self.replaced += logical_size(tree) - tree.blob.len() as u64 + document.blob.len() as u64;
        self.gone.push(document.id);
    }

    /// Makes one commit; gives back how long it took.
    pub fn step(&mut self) -> Duration {
        let (kept, passing) = (self.kept.len(), self.passing.len());
        let (kind, at) = (self.rng.below(10), self.rng.index(kept + passing));
        let blob = self.workload.blob(&mut self.rng);
        let begun = Instant::now();
        match kind {
            0 if passing > 0 => self.delete(at % passing),
            0 | 1 => {
                let document = self.put();
                self.passing.push(document);
            }
            _ => {
                let document = if at < kept { &self.kept[at] } else { &self.passing[at - kept] };
                let (id, old) = (document.id, document.blob.len() as u64);
                self.commit(|batch| batch.set_blob(id, blob));
                let document = if at < kept { &mut self.kept[at] } else { &mut self.passing[at - kept] };
                document.blob = blob;
                self.replaced += old;
            }
        }
        begun.elapsed()
    }

    /// Deletes nine of ten documents, those that were never to be deleted among them.
    pub fn delete_most(&mut self) {
        self.passing.append(&mut self.kept);
        let left = self.passing.len() / 10;
        while self.passing.len() > left {
            let at = self.rng.index(self.passing.len());
            self.delete(at);
        }
        self.db.flush().expect("the flush");
    }

    /// Whether the store holds what it must, and nothing that was deleted.
    pub fn prove(&self) {
        let view = self.db.view().expect("a view");
        for document in self.kept.iter().chain(&self.passing) {
            let written = self.workload.tree(document.tree).clone();
            let expected = Tree { blob: document.blob.to_vec(), ..written };
            let read = view.tree(document.id).expect("the tree");
            phases::prove_tree(&read, &expected, document.id.get());
        }
        assert!(self.gone.iter().all(|id| matches!(view.blob(*id), Err(Error::NotFound(_)))), "a deleted document");
        let count = view.document_count().expect("the count");
        assert_eq!(count, (self.kept.len() + self.passing.len()) as u64);
    }
}
