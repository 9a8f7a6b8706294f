//! Documents in a store of rows: what all the peers have in common.
//!
//! ```text
//!   blob     document            -> bytes                 apart, so that columns are read without it
//!   columns  document            -> all columns, encoded
//!   node     document, position  -> input and output, encoded
//! ```
//!
//! 1. Every peer keeps a document like this, in its own tables, column families or key ranges, as an expert would: one
//!    write transaction a commit, one read transaction a read, numbers as keys in their order.
//! 2. What is in a row is encoded as the yardstick does it, so that all sides pay the same for it.
//! 3. Opening only opens: what a reader does not need is looked up or made by the first write.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use golden_sets::{Engine, Sync, codec};
use stratum::{Columns, Input, InputId, Tree, Value};

/// One change of a commit.
pub enum Op {
    /// Sets a document's blob.
    Blob(u64, Vec<u8>),
    /// Sets a document's columns.
    Columns(u64, Vec<u8>),
    /// Sets an input with its output.
    Node(u64, u32, Vec<u8>),
    /// Adds an input behind the document's last.
    Append(u64, Vec<u8>),
    /// Deletes a document with all of its rows.
    Delete(u64),
}

/// A part of a document that is read.
pub enum Part<'a> {
    /// Its blob.
    Blob(&'a [u8]),
    /// Its columns.
    Columns(&'a [u8]),
    /// An input with its output, in their order.
    Node(u32, &'a [u8]),
}

/// A store of rows.
pub trait Rows: Send + std::marker::Sync + Sized + 'static {
    /// Opens the store in a directory, and makes it if there is none.
    fn open(dir: &Path) -> Self;
    /// Makes everything durable and closes.
    fn close(self);
    /// Makes one commit.
    fn write(&self, ops: Vec<Op>, sync: Sync);
    /// Makes everything durable.
    fn flush(&self);
    /// Gives back space.
    fn compact(&mut self);
    /// The documents there are, in order.
    fn documents(&self) -> Vec<u64>;
    /// Reads a blob; false where there is no such document.
    fn blob(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool;
    /// Reads columns; false where there is no such document.
    fn columns(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool;
    /// Reads one input.
    fn node(&self, document: u64, position: u32, read: &mut dyn FnMut(&[u8]));
    /// Reads everything, as it is at one moment.
    fn parts(&self, document: u64, read: &mut dyn FnMut(Part<'_>));
}

/// Any store of rows as a side of the comparison.
pub struct Peer<R> {
    rows: R,
    /// Found by the first put: it takes a list of all documents.
    next_document: OnceLock<AtomicU64>,
}

/// Opens a peer; for `Kind::open`.
pub fn open<R: Rows>(dir: &Path) -> Box<dyn Engine> {
    Box::new(Peer { rows: R::open(dir), next_document: OnceLock::new() })
}

/// The key of an input, in the order of documents and positions.
pub fn node_key(document: u64, position: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&document.to_be_bytes());
    key[8..].copy_from_slice(&position.to_be_bytes());
    key
}

/// The position in such a key.
pub fn position_of(key: &[u8]) -> u32 {
    u32::from_be_bytes(key[8..12].try_into().expect("four bytes"))
}

fn ops_of(document: u64, tree: &Tree, ops: &mut Vec<Op>) {
    let mut columns = Vec::with_capacity(128);
    codec::encode_columns(&tree.columns, &mut columns);
    ops.push(Op::Blob(document, tree.blob.clone()));
    ops.push(Op::Columns(document, columns));
    for (position, input) in (0..).zip(&tree.inputs) {
        ops.push(Op::Node(document, position, encode_node(&input.value, input.output.as_ref())));
    }
}

fn encode_node(value: &Value, output: Option<&Value>) -> Vec<u8> {
    let mut row = Vec::with_capacity(256);
    codec::with_length(&mut row, |row| codec::encode_value(value, row));
    if let Some(output) = output {
        codec::encode_value(output, &mut row);
    }
    row
}

fn decode_node(mut row: &[u8]) -> (Value, Option<Value>) {
    let value = codec::decode_value(codec::take(&mut row));
    (value, (!row.is_empty()).then(|| codec::decode_value(row)))
}

impl<R: Rows> Engine for Peer<R> {
    fn close(self: Box<Self>) {
        self.rows.close();
    }

    fn put(&self, trees: &[&Tree], sync: Sync) -> u64 {
        let next = self.next_document.get_or_init(|| (self.rows.documents().last().unwrap_or(&0) + 1).into());
        let first = next.fetch_add(trees.len() as u64, Ordering::Relaxed);
        let mut ops = Vec::with_capacity(trees.len() * 12);
        for (document, tree) in (first..).zip(trees) {
            ops_of(document, tree, &mut ops);
        }
        self.rows.write(ops, sync);
        first
    }

    fn replace(&self, document: u64, tree: &Tree) {
        let mut ops = Vec::with_capacity(12);
        ops_of(document, tree, &mut ops);
        self.rows.write(ops, Sync::Now);
    }

    fn add_input(&self, document: u64, value: &Value) {
        self.rows.write(vec![Op::Append(document, encode_node(value, None))], Sync::Now);
    }

    fn set_blob(&self, document: u64, blob: &[u8]) {
        self.rows.write(vec![Op::Blob(document, blob.to_vec())], Sync::Later);
    }

    fn delete(&self, document: u64) {
        self.rows.write(vec![Op::Delete(document)], Sync::Later);
    }

    fn remove(&self, document: u64) -> bool {
        let is_there = self.rows.columns(document, &mut |_| ());
        if is_there {
            self.rows.write(vec![Op::Delete(document)], Sync::Now);
        }
        is_there
    }

    fn flush(&self) {
        self.rows.flush();
    }

    fn compact(&mut self) {
        self.rows.compact();
    }

    fn documents(&self) -> Vec<u64> {
        self.rows.documents()
    }

    fn find_blob(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        self.rows.blob(document, read)
    }

    fn columns(&self, document: u64) -> Columns {
        let mut columns = None;
        self.rows.columns(document, &mut |row| columns = Some(codec::decode_columns(row)));
        columns.expect("the document is there")
    }

    fn input(&self, document: u64, position: u32) -> Value {
        let mut value = None;
        self.rows.node(document, position, &mut |row| value = Some(decode_node(row).0));
        value.expect("the input is there")
    }

    fn tree(&self, document: u64) -> Tree {
        let mut tree = Tree::default();
        self.rows.parts(document, &mut |part| match part {
            Part::Blob(blob) => tree.blob = blob.to_vec(),
            Part::Columns(row) => tree.columns = codec::decode_columns(row),
            Part::Node(position, row) => {
                let (value, output) = decode_node(row);
                let id = InputId::new(u64::from(position) + 1);
                tree.inputs.push(Input { id, value, columns: Columns::new(), output });
            }
        });
        tree
    }
}
