//! Stratum through its Rust API.
//!
//! 1. It runs with its defaults: checksums verified, mappings, its own thread at work.

use std::path::Path;

use stratum::{Batch, Columns, Compression, Db, DocumentId, Durability, Error, InputId, Options, Tree, Value};

use crate::engine::{Engine, Kind, Sync};

/// Stratum, with default options.
pub const STRATUM: Kind = Kind { name: "Stratum", open: |dir| Box::new(Stratum::open(dir, &Options::default())) };

/// Stratum that compresses with Zstandard.
pub const STRATUM_ZSTD: Kind = Kind { name: "Stratum zstd", open: |dir| compressed(dir, Compression::Zstd) };

/// Stratum that compresses with LZ4.
pub const STRATUM_LZ4: Kind = Kind { name: "Stratum lz4", open: |dir| compressed(dir, Compression::Lz4) };

fn compressed(dir: &Path, compression: Compression) -> Box<dyn Engine> {
    let mut options = Options::default();
    options.compression = compression;
    Box::new(Stratum::open(dir, &options))
}

/// An open store.
pub struct Stratum {
    db: Db,
}

impl Stratum {
    /// Opens the store in `dir`, and makes it if there is none.
    pub fn open(dir: &Path, options: &Options) -> Stratum {
        Stratum { db: Db::open(dir.join("stratum"), options).expect("the store opens") }
    }

    fn write(&self, durability: Durability, work: impl FnOnce(&mut Batch) -> stratum::Result<()>) {
        let mut batch = self.db.batch().expect("a batch");
        work(&mut batch).and_then(|()| batch.commit_with(durability)).expect("the commit");
    }
}

impl Engine for Stratum {
    fn close(self: Box<Self>) {
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

    fn replace(&self, document: u64, tree: &Tree) {
        self.write(Durability::Always, |batch| batch.replace_tree(id(document), tree).map(drop));
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

    fn remove(&self, document: u64) -> bool {
        let mut batch = self.db.batch().expect("a batch");
        match batch.delete_document(id(document)).and_then(|()| batch.commit()) {
            Err(Error::NotFound(_)) => false,
            removed => removed.map(|_| true).expect("the commit"),
        }
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

    fn find_blob(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        match self.db.view().and_then(|view| view.blob(id(document))) {
            Err(Error::NotFound(_)) => return false,
            blob => read(&blob.expect("the blob")),
        }
        true
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

    fn with_packed(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        let packed = self.db.view().and_then(|view| view.packed_tree(id(document))).expect("the packed tree");
        read(packed.as_bytes());
        true
    }

    fn unpacked(&self, document: u64) -> Option<Tree> {
        let packed = self.db.view().and_then(|view| view.packed_tree(id(document)));
        Some(packed.and_then(|packed| packed.to_tree()).expect("the packed tree"))
    }

    fn index_bytes(&self) -> Option<u64> {
        Some(self.db.stats().expect("the figures").index_bytes)
    }

    fn hints(&self) -> &'static [&'static str] {
        &["stratum/CHECKPOINT"]
    }
}

fn id(document: u64) -> DocumentId {
    DocumentId::new(document).expect("ids are above zero")
}
