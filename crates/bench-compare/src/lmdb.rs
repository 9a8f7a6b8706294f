//! LMDB through heed, tuned: integer keys where there is one, no read-ahead, syncs only where they are asked for.

use std::ops::Bound;
use std::path::Path;

use golden_sets::Sync;
use heed::byteorder::NativeEndian;
use heed::types::{Bytes, U64};
use heed::{Database, Env, EnvFlags, EnvOpenOptions, IntegerComparator, RwTxn};

use crate::rows::{Op, Part, Rows, node_key, position_of};

type ByDocument = Database<U64<NativeEndian>, Bytes, IntegerComparator>;

/// A store.
pub struct Lmdb {
    env: Env,
    blobs: ByDocument,
    columns: ByDocument,
    nodes: Database<Bytes, Bytes>,
}

impl Lmdb {
    fn delete(&self, transaction: &mut RwTxn<'_>, document: u64) -> heed::Result<()> {
        let (first, last) = (node_key(document, 0), node_key(document, u32::MAX));
        self.nodes.delete_range(transaction, &(Bound::Included(&first[..]), Bound::Included(&last[..])))?;
        self.blobs.delete(transaction, &document)?;
        self.columns.delete(transaction, &document)?;
        Ok(())
    }

    fn apply(&self, transaction: &mut RwTxn<'_>, op: Op) -> heed::Result<()> {
        match op {
            Op::Blob(id, blob) => self.blobs.put(transaction, &id, &blob),
            Op::Columns(id, row) => self.columns.put(transaction, &id, &row),
            Op::Node(id, position, row) => self.nodes.put(transaction, &node_key(id, position), &row),
            Op::Append(id, row) => {
                let last = self.nodes.rev_prefix_iter(transaction, &id.to_be_bytes())?.next().transpose()?;
                let position = last.map_or(0, |(key, _)| position_of(key) + 1);
                self.nodes.put(transaction, &node_key(id, position), &row)
            }
            Op::Delete(id) => self.delete(transaction, id),
        }
    }
}

impl Rows for Lmdb {
    fn open(dir: &Path) -> Lmdb {
        let path = dir.join("lmdb");
        std::fs::create_dir_all(&path).expect("the directory");
        let mut options = EnvOpenOptions::new();
        options.map_size(64 << 30).max_dbs(3).max_readers(64);
        // SAFETY: nobody else opens this file. Without NO_SYNC, commits are durable; here each flush and each commit
        // that asks for it syncs by itself, which costs the same.
        let env = unsafe { options.flags(EnvFlags::NO_READ_AHEAD | EnvFlags::NO_SYNC).open(path) }.expect("opening");
        let mut transaction = env.write_txn().expect("a transaction");
        let mut table = |name| {
            let options = env.database_options().types::<U64<NativeEndian>, Bytes>();
            options.key_comparator::<IntegerComparator>().name(name).create(&mut transaction).expect("a table")
        };
        let (blobs, columns) = (table("blobs"), table("columns"));
        let nodes = env.create_database(&mut transaction, Some("nodes")).expect("a table");
        transaction.commit().expect("the tables");
        Lmdb { env, blobs, columns, nodes }
    }

    fn close(self) {
        self.flush();
        self.env.prepare_for_closing().wait();
    }

    fn write(&self, ops: Vec<Op>, sync: Sync) {
        let mut transaction = self.env.write_txn().expect("a transaction");
        for op in ops {
            self.apply(&mut transaction, op).expect("the change");
        }
        transaction.commit().expect("the commit");
        if sync == Sync::Now {
            self.flush();
        }
    }

    fn flush(&self) {
        self.env.force_sync().expect("the sync");
    }

    /// LMDB gives nothing back but by a copy of the whole store.
    fn compact(&mut self) {
        self.flush();
    }

    fn documents(&self) -> Vec<u64> {
        let transaction = self.env.read_txn().expect("a transaction");
        let documents = self.columns.iter(&transaction).expect("the documents");
        documents.map(|entry| entry.expect("a document").0).collect()
    }

    fn blob(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        let transaction = self.env.read_txn().expect("a transaction");
        self.blobs.get(&transaction, &document).expect("reading").inspect(|blob| read(blob)).is_some()
    }

    fn columns(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        let transaction = self.env.read_txn().expect("a transaction");
        self.columns.get(&transaction, &document).expect("reading").inspect(|row| read(row)).is_some()
    }

    fn node(&self, document: u64, position: u32, read: &mut dyn FnMut(&[u8])) {
        let transaction = self.env.read_txn().expect("a transaction");
        read(
            self.nodes.get(&transaction, &node_key(document, position)).expect("reading").expect("the input is there"),
        );
    }

    fn parts(&self, document: u64, read: &mut dyn FnMut(Part<'_>)) {
        let transaction = self.env.read_txn().expect("a transaction");
        read(Part::Columns(
            self.columns.get(&transaction, &document).expect("reading").expect("the document is there"),
        ));
        read(Part::Blob(self.blobs.get(&transaction, &document).expect("reading").expect("its blob")));
        for entry in self.nodes.prefix_iter(&transaction, &document.to_be_bytes()).expect("reading") {
            let (key, row) = entry.expect("reading");
            read(Part::Node(position_of(key), row));
        }
    }
}
