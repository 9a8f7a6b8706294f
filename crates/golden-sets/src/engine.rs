//! What every side of a comparison can do.
//!
//! 1. Failing is not measured: whatever goes wrong ends the run.
//! 2. Documents have the ids 1, 2, 3 and so on, in the order of the puts; the inputs of a tree have positions from 0.
//! 3. The calls go through a vtable on every side alike; it costs a nanosecond or two.

use std::hint::black_box;
use std::path::Path;

use stratum::{Columns, Tree, Value};

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// On disk when the call returns.
    Now,
    /// With the next `flush`.
    Later,
}

/// A kind of engine.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name in tables.
    pub name: &'static str,
    /// Opens the store in a directory, and makes it if there is none.
    pub open: fn(&Path) -> Box<dyn Engine>,
}

/// An open store of some engine.
pub trait Engine: Send + std::marker::Sync {
    /// Makes everything durable and closes.
    fn close(self: Box<Self>);

    /// Puts trees as one batch; gives back the first one's id.
    fn put(&self, trees: &[&Tree], sync: Sync) -> u64;
    /// Replaces all of a document, durably.
    fn replace(&self, document: u64, tree: &Tree);
    /// Adds an input at the end, durably.
    fn add_input(&self, document: u64, value: &Value);
    /// Replaces a blob; durable with the next `flush`.
    fn set_blob(&self, document: u64, blob: &[u8]);
    /// Deletes a document with all that belongs to it; durable with the next `flush`.
    fn delete(&self, document: u64);
    /// The same, durably; false, and nothing written, where there is no such document.
    fn remove(&self, document: u64) -> bool;
    /// Makes everything durable.
    fn flush(&self);
    /// Gives back the space of what was deleted and replaced.
    fn compact(&mut self);

    /// The documents there are.
    fn documents(&self) -> Vec<u64>;
    /// Reads a blob where it lies, or where the engine puts it; false where there is no such document.
    fn find_blob(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool;
    /// Reads a document's columns, and not its blob.
    fn columns(&self, document: u64) -> Columns;
    /// Reads the value of an input that was put with its tree, and nothing else.
    fn input(&self, document: u64, position: u32) -> Value;
    /// Reads a whole tree, as it is at one moment.
    fn tree(&self, document: u64) -> Tree;

    /// Reads the blob of a document that is there.
    fn with_blob(&self, document: u64, read: &mut dyn FnMut(&[u8])) {
        assert!(self.find_blob(document, read), "the document is there");
    }

    /// Reads a whole tree into the form that the engine's callers work with, every byte of it: what is timed as
    /// "decoded".
    fn visit_tree(&self, document: u64) {
        black_box(self.tree(document));
    }

    /// Reads a whole tree as one run of bytes, where it lies. False where an engine has nothing of the kind.
    fn with_packed(&self, _document: u64, _read: &mut dyn FnMut(&[u8])) -> bool {
        false
    }

    /// The same, decoded.
    fn unpacked(&self, _document: u64) -> Option<Tree> {
        None
    }

    /// Bytes of memory that the index takes, where an engine says so.
    fn index_bytes(&self) -> Option<u64> {
        None
    }

    /// Files below the store's directory, without which it opens just as well but more slowly.
    fn hints(&self) -> &'static [&'static str] {
        &[]
    }

    /// A copy of a blob.
    fn blob(&self, document: u64) -> Vec<u8> {
        let mut copy = Vec::new();
        self.with_blob(document, &mut |blob| copy = blob.to_vec());
        copy
    }
}
