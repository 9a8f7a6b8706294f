//! The calls from Rust.

use std::path::Path;

use stratum::{Db, DocumentId, Durability, InputId, Options, Tree, Value, View};

use super::{BLOB, COLUMN, Calls, ROOM};

struct Rust {
    db: Db,
    buffer: Vec<u8>,
    tree: Tree,
    put: Vec<DocumentId>,
}

/// Opens the store that `native` made there, with a tree to put.
pub fn open(dir: &Path, tree: Tree) -> Box<dyn Calls> {
    let mut options = Options::default();
    options.durability = Durability::Os;
    options.background = false;
    let db = Db::open(dir.join("stratum"), &options).expect("the store opens");
    Box::new(Rust { db, buffer: vec![0; ROOM], tree, put: Vec::new() })
}

fn id(document: u64) -> DocumentId {
    DocumentId::new(document).expect("ids are above zero")
}

/// The fourth input of a tree, as good as any.
fn input() -> InputId {
    InputId::new(4).expect("ids are above zero")
}

/// Bytes of a text, items of a list, pairs of a map; 0 of a number.
fn count(value: &Value) -> u64 {
    (match value {
        Value::String(text) => text.len(),
        Value::Int64List(items) => items.len(),
        Value::StringList(items) => items.len(),
        Value::StringMap(pairs) => pairs.len(),
        _ => 0,
    }) as u64
}

impl Rust {
    fn read<T>(&self, read: impl FnOnce(View) -> stratum::Result<T>) -> T {
        self.db.view().and_then(read).expect("reading")
    }
}

impl Calls for Rust {
    fn exists(&self, document: u64) -> u64 {
        self.read(|view| view.exists(id(document))).into()
    }

    fn blob(&self, document: u64) -> u64 {
        self.read(|view| view.blob(id(document))).len() as u64
    }

    fn read_blob(&mut self, document: u64) -> u64 {
        let blob = self.read(|view| view.blob(id(document)));
        self.buffer[..blob.len()].copy_from_slice(&blob);
        blob.len() as u64
    }

    fn column(&self, document: u64) -> u64 {
        count(&self.read(|view| view.column(id(document), COLUMN)))
    }

    fn columns(&self, document: u64) -> u64 {
        self.read(|view| view.columns(id(document))).len() as u64
    }

    fn input(&self, document: u64) -> u64 {
        count(&self.read(|view| view.input(id(document), input())))
    }

    fn output(&self, document: u64) -> u64 {
        count(&self.read(|view| view.output(id(document), input())))
    }

    fn tree(&self, document: u64) -> u64 {
        self.read(|view| view.tree(id(document))).inputs.len() as u64
    }

    fn packed_tree(&self, document: u64) -> u64 {
        self.read(|view| view.packed_tree(id(document))).as_bytes().len() as u64
    }

    fn snapshot(&self) -> u64 {
        self.db.snapshot().expect("a snapshot").sequence().min(1)
    }

    fn set_blob(&self, document: u64) -> u64 {
        self.db.write(|batch| batch.set_blob(id(document), &BLOB)).expect("the commit");
        1
    }

    fn append_input(&self, document: u64) -> u64 {
        self.db.write(|batch| batch.append_input(id(document), &Value::Int64(7))).expect("the commit").get()
    }

    fn set_output(&self, document: u64) -> u64 {
        self.db.write(|batch| batch.set_output(id(document), input(), &Value::Int64(7))).expect("the commit");
        1
    }

    fn put_tree(&mut self) -> u64 {
        let ids = self.db.write(|batch| batch.put_tree(&self.tree)).expect("the commit");
        self.put.push(ids.document);
        ids.document.get()
    }

    fn delete(&mut self) -> u64 {
        let document = self.put.pop().expect("as many were put");
        self.db.write(|batch| batch.delete_document(document)).expect("the commit");
        document.get()
    }

    fn empty_batch(&self) -> u64 {
        drop(self.db.batch().expect("a batch"));
        1
    }

    fn batch(&self, document: u64, changes: u64) -> u64 {
        let mut batch = self.db.batch().expect("a batch");
        for _ in 0..changes {
            batch.set_blob(id(document), &BLOB).expect("the change");
        }
        batch.commit().expect("the commit");
        1
    }

    fn close(self: Box<Self>) {
        self.db.close().expect("the store closes");
    }
}
