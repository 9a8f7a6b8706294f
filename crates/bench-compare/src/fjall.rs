//! fjall, tuned: no compression (as the others), blobs of 1 KiB and more apart from their keys.

use std::path::Path;

use fjall::config::CompressionPolicy;
use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, OwnedWriteBatch, PersistMode,
    Readable,
};
use golden_sets::Sync;

use crate::rows::{Op, Part, Rows, node_key, position_of};

/// A store.
pub struct Fjall {
    database: Database,
    blobs: Keyspace,
    columns: Keyspace,
    nodes: Keyspace,
}

fn small() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .data_block_compression_policy(CompressionPolicy::disabled())
        .expect_point_read_hits(true)
        .max_memtable_size(64 << 20)
}

fn large() -> KeyspaceCreateOptions {
    small().with_kv_separation(Some(KvSeparationOptions::default().compression(CompressionType::None)))
}

impl Fjall {
    fn apply(&self, batch: &mut OwnedWriteBatch, op: Op) {
        match op {
            Op::Blob(id, blob) => batch.insert(&self.blobs, id.to_be_bytes(), blob),
            Op::Columns(id, row) => batch.insert(&self.columns, id.to_be_bytes(), row),
            Op::Node(id, position, row) => batch.insert(&self.nodes, node_key(id, position), row),
            Op::Append(id, row) => {
                let last = self.nodes.prefix(id.to_be_bytes()).next_back();
                let position = last.map_or(0, |entry| position_of(&entry.key().expect("reading")) + 1);
                batch.insert(&self.nodes, node_key(id, position), row);
            }
            Op::Delete(id) => {
                for entry in self.nodes.prefix(id.to_be_bytes()) {
                    batch.remove(&self.nodes, entry.key().expect("reading"));
                }
                batch.remove(&self.blobs, id.to_be_bytes());
                batch.remove(&self.columns, id.to_be_bytes());
            }
        }
    }
}

impl Rows for Fjall {
    fn open(dir: &Path) -> Fjall {
        let database = Database::builder(dir.join("fjall"))
            .cache_size(1 << 30)
            .journal_compression(CompressionType::None)
            .open()
            .expect("opening");
        let blobs = database.keyspace("blobs", large).expect("a keyspace");
        let columns = database.keyspace("columns", small).expect("a keyspace");
        let nodes = database.keyspace("nodes", small).expect("a keyspace");
        Fjall { database, blobs, columns, nodes }
    }

    fn close(self) {
        self.flush();
    }

    fn write(&self, ops: Vec<Op>, sync: Sync) {
        let mut batch = self.database.batch();
        if sync == Sync::Now {
            batch = batch.durability(Some(PersistMode::SyncData));
        }
        for op in ops {
            self.apply(&mut batch, op);
        }
        batch.commit().expect("the commit");
    }

    fn flush(&self) {
        self.database.persist(PersistMode::SyncAll).expect("the sync");
    }

    fn compact(&mut self) {
        for keyspace in [&self.blobs, &self.columns, &self.nodes] {
            keyspace.rotate_memtable_and_wait().expect("the flush");
            keyspace.major_compact().expect("the compaction");
        }
        self.flush();
    }

    fn documents(&self) -> Vec<u64> {
        let key = |entry: fjall::Guard| entry.key().expect("a document");
        let id = |key: fjall::UserKey| u64::from_be_bytes(key[..].try_into().expect("eight bytes"));
        self.columns.iter().map(key).map(id).collect()
    }

    fn blob(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        self.blobs.get(document.to_be_bytes()).expect("reading").inspect(|blob| read(blob)).is_some()
    }

    fn columns(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        self.columns.get(document.to_be_bytes()).expect("reading").inspect(|row| read(row)).is_some()
    }

    fn node(&self, document: u64, position: u32, read: &mut dyn FnMut(&[u8])) {
        read(&self.nodes.get(node_key(document, position)).expect("reading").expect("the input is there"));
    }

    fn parts(&self, document: u64, read: &mut dyn FnMut(Part<'_>)) {
        let (snapshot, id) = (self.database.snapshot(), document.to_be_bytes());
        read(Part::Columns(&snapshot.get(&self.columns, id).expect("reading").expect("the document is there")));
        read(Part::Blob(&snapshot.get(&self.blobs, id).expect("reading").expect("its blob")));
        for entry in snapshot.prefix(&self.nodes, id) {
            let (key, row) = entry.into_inner().expect("reading");
            read(Part::Node(position_of(&key), &row));
        }
    }
}
