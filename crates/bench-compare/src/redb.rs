//! redb, with a cache as large as the others'.

use std::path::Path;

use golden_sets::Sync;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::rows::{Op, Part, Rows};

const BLOBS: TableDefinition<u64, &[u8]> = TableDefinition::new("blobs");
const COLUMNS: TableDefinition<u64, &[u8]> = TableDefinition::new("columns");
const NODES: TableDefinition<(u64, u32), &[u8]> = TableDefinition::new("nodes");

/// A store.
pub struct Redb {
    database: Database,
}

fn apply(transaction: &WriteTransaction, ops: Vec<Op>) -> Result<(), redb::Error> {
    let mut blobs = transaction.open_table(BLOBS)?;
    let mut columns = transaction.open_table(COLUMNS)?;
    let mut nodes = transaction.open_table(NODES)?;
    for op in ops {
        match op {
            Op::Blob(id, blob) => drop(blobs.insert(id, &blob[..])?),
            Op::Columns(id, row) => drop(columns.insert(id, &row[..])?),
            Op::Node(id, position, row) => drop(nodes.insert((id, position), &row[..])?),
            Op::Append(id, row) => {
                let last = nodes.range((id, 0)..=(id, u32::MAX))?.next_back().transpose()?;
                let position = last.map_or(0, |(key, _)| key.value().1 + 1);
                nodes.insert((id, position), &row[..])?;
            }
            Op::Delete(id) => {
                nodes.retain_in((id, 0)..=(id, u32::MAX), |_, _| false)?;
                blobs.remove(id)?;
                columns.remove(id)?;
            }
        }
    }
    Ok(())
}

impl Rows for Redb {
    fn open(dir: &Path) -> Redb {
        let path = dir.join("redb");
        let is_new = !path.exists();
        let database = Database::builder().set_cache_size(1 << 30).create(path).expect("opening");
        let redb = Redb { database };
        if is_new {
            redb.write(Vec::new(), Sync::Now); // readers want the tables
        }
        redb
    }

    fn close(self) {
        self.flush();
    }

    fn write(&self, ops: Vec<Op>, sync: Sync) {
        let mut transaction = self.database.begin_write().expect("a transaction");
        let durability = if sync == Sync::Now { Durability::Immediate } else { Durability::None };
        transaction.set_durability(durability).expect("the durability");
        apply(&transaction, ops).expect("the changes");
        transaction.commit().expect("the commit");
    }

    fn flush(&self) {
        self.write(Vec::new(), Sync::Now);
    }

    fn compact(&mut self) {
        self.flush();
        while self.database.compact().expect("the compaction") {}
    }

    fn documents(&self) -> Vec<u64> {
        let transaction = self.database.begin_read().expect("a transaction");
        let columns = transaction.open_table(COLUMNS).expect("a table");
        columns.iter().expect("the documents").map(|entry| entry.expect("a document").0.value()).collect()
    }

    fn blob(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        let transaction = self.database.begin_read().expect("a transaction");
        let blobs = transaction.open_table(BLOBS).expect("a table");
        let blob = blobs.get(document).expect("reading");
        blob.inspect(|blob| read(blob.value())).is_some()
    }

    fn columns(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        let transaction = self.database.begin_read().expect("a transaction");
        let columns = transaction.open_table(COLUMNS).expect("a table");
        let row = columns.get(document).expect("reading");
        row.inspect(|row| read(row.value())).is_some()
    }

    fn node(&self, document: u64, position: u32, read: &mut dyn FnMut(&[u8])) {
        let transaction = self.database.begin_read().expect("a transaction");
        let nodes = transaction.open_table(NODES).expect("a table");
        read(nodes.get((document, position)).expect("reading").expect("the input is there").value());
    }

    fn parts(&self, document: u64, read: &mut dyn FnMut(Part<'_>)) {
        let transaction = self.database.begin_read().expect("a transaction");
        let columns = transaction.open_table(COLUMNS).expect("a table");
        read(Part::Columns(columns.get(document).expect("reading").expect("the document is there").value()));
        let blobs = transaction.open_table(BLOBS).expect("a table");
        read(Part::Blob(blobs.get(document).expect("reading").expect("its blob").value()));
        let nodes = transaction.open_table(NODES).expect("a table");
        for entry in nodes.range((document, 0)..=(document, u32::MAX)).expect("reading") {
            let (key, row) = entry.expect("reading");
            read(Part::Node(key.value().1, row.value()));
        }
    }
}
