//! What both sides of a comparison can do, and Stratum doing it through its public API.
//!
//! 1. Failing is not measured: whatever goes wrong ends the run.
//! 2. Stratum runs with its defaults: checksums verified, mappings, its own thread at work.

use std::path::Path;

use stratum::{Columns, Db, DocumentId, Durability, InputId, Options, Stats, Tree, Value};

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// On disk when the call returns.
    Now,
    /// With the next `flush`.
    Later,
}

/// One side of a comparison. Documents have the ids 1, 2, 3 and so on, in the order of the puts.
pub trait Engine: std::marker::Sync + Sized {
    /// Its name in tables.
    const NAME: &'static str;

    /// Opens the store in `dir`, and makes it if there is none.
    fn open(dir: &Path) -> Self;
    /// Makes everything durable and closes.
    fn close(self);

    /// Puts trees as one batch; gives back the first one's id.
    fn put(&self, trees: &[&Tree], sync: Sync) -> u64;
    /// Adds an input at the end, durably.
    fn add_input(&self, document: u64, value: &Value);
    /// Replaces a blob; durable with the next `flush`.
    fn set_blob(&self, document: u64, blob: &[u8]);
    /// Deletes a document; durable with the next `flush`.
    fn delete(&self, document: u64);
    /// Makes everything durable.
    fn flush(&self);
    /// Gives back the space of what was deleted and replaced.
    fn compact(&mut self);

    /// The documents there are.
    fn documents(&self) -> Vec<u64>;
    /// Reads a blob where it lies.
    fn with_blob<T>(&self, document: u64, read: impl FnOnce(&[u8]) -> T) -> T;
    /// Reads a document's columns.
    fn columns(&self, document: u64) -> Columns;
    /// Reads the value of an input that was put with its tree.
    fn input(&self, document: u64, position: u32) -> Value;
    /// Reads a whole tree.
    fn tree(&self, document: u64) -> Tree;
}

/// Stratum.
pub struct Stratum {
    db: Db,
}

impl Stratum {
    /// Its figures.
    pub fn stats(&self) -> Stats {
        self.db.stats().expect("the figures")
    }

    /// Reads a whole tree as one run of bytes, where it lies.
    pub fn with_packed<T>(&self, document: u64, read: impl FnOnce(&[u8]) -> T) -> T {
        let packed = self.db.view().and_then(|view| view.packed_tree(id(document))).expect("the packed tree");
        read(packed.as_bytes())
    }

    /// The same, decoded.
    pub fn unpacked(&self, document: u64) -> Tree {
        let packed = self.db.view().and_then(|view| view.packed_tree(id(document)));
        packed.and_then(|packed| packed.to_tree()).expect("the packed tree")
    }

    fn write(&self, durability: Durability, work: impl FnOnce(&mut stratum::Batch) -> stratum::Result<()>) {
        let mut batch = self.db.batch().expect("a batch");
        work(&mut batch).and_then(|()| batch.commit_with(durability)).expect("the commit");
    }
}

impl Engine for Stratum {
    const NAME: &'static str = "stratum";

    fn open(dir: &Path) -> Stratum {
        Stratum { db: Db::open(dir.join("stratum"), &Options::default()).expect("the store opens") }
    }

    fn close(self) {
        self.db.close().expect("the store closes");
    }

    fn put(&self, trees: &[&Tree], sync: Sync) -> u64 {
        let mut first = None;
        let durability = if sync == Sync::Now { Durability::Always } else { Durability::Os };
        self.write(durability, |batch| {
            for tree in trees {
                let ids = batch.put_tree(tree)?;
                first.get_or_insert(ids.document.get());
            }
            Ok(())
        });
        first.unwrap_or_default()
    }

    fn add_input(&self, document: u64, value: &Value) {
        self.write(Durability::Always, |batch| batch.append_input(id(document), value).map(drop));
    }

    fn set_blob(&self, document: u64, blob: &[u8]) {
        self.write(Durability::Os, |batch| batch.set_blob(id(document), blob));
    }

    fn delete(&self, document: u64) {
        self.write(Durability::Os, |batch| batch.delete_document(id(document)));
    }

    fn flush(&self) {
        self.db.flush().expect("the flush");
    }

    fn compact(&mut self) {
        self.db.compact_now(&mut |_| true).expect("the compaction");
    }

    fn documents(&self) -> Vec<u64> {
        let documents = self.db.view().and_then(|view| view.documents(DocumentId::FIRST)).expect("the documents");
        documents.map(DocumentId::get).collect()
    }

    fn with_blob<T>(&self, document: u64, read: impl FnOnce(&[u8]) -> T) -> T {
        let blob = self.db.view().and_then(|view| view.blob(id(document))).expect("the blob");
        read(&blob)
    }

    fn columns(&self, document: u64) -> Columns {
        self.db.view().and_then(|view| view.columns(id(document))).expect("the columns")
    }

    fn input(&self, document: u64, position: u32) -> Value {
        let input = InputId::new(u64::from(position) + 1).expect("an input id");
        self.db.view().and_then(|view| view.input(id(document), input)).expect("the input")
    }

    fn tree(&self, document: u64) -> Tree {
        self.db.view().and_then(|view| view.tree(id(document))).expect("the tree")
    }
}

fn id(document: u64) -> DocumentId {
    DocumentId::new(document).expect("ids are above zero")
}
