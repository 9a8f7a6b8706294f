//! The facade: what a program does with a store.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Damage, Result};
use crate::ids::{DocumentId, InputId};
use crate::options::{Durability, Options};
use crate::tree::{Columns, Input, Tree, TreeIds};
use crate::value::Value;
use crate::vfs::FileSystem;

/// An open store. Cheap to clone; all calls may be made from any thread.
#[derive(Clone)]
pub struct Db {}

#[allow(unused_variables, missing_docs, clippy::missing_errors_doc)]
impl Db {
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Db> {
        todo!()
    }
    /// Opens on a file system of the caller's choice: the simulated disk, in tests.
    pub fn open_on(fs: Arc<dyn FileSystem>, path: &Path, options: &Options) -> Result<Db> {
        todo!()
    }
    /// The newest moment. A view stays at its moment for as long as it lives.
    pub fn view(&self) -> Result<View> {
        todo!()
    }
    /// A view that is counted in the stats and that `max_retained_bytes` may give up (`SnapshotTooOld`).
    pub fn snapshot(&self) -> Result<View> {
        todo!()
    }
    pub fn batch(&self) -> Result<Batch> {
        todo!()
    }
    /// Runs `work` on a batch and commits it; nothing is written where `work` fails.
    pub fn write<T>(&self, work: impl FnOnce(&mut Batch) -> Result<T>) -> Result<T> {
        todo!()
    }
    /// Makes everything committed so far durable.
    pub fn flush(&self) -> Result<()> {
        todo!()
    }
    /// Compacts until no garbage is left that can go; blocks. `progress` is called between steps and
    /// stops the work by returning false (what is done stays done).
    pub fn compact_now(&self, progress: &mut dyn FnMut(Progress) -> bool) -> Result<()> {
        todo!()
    }
    /// Writes an index checkpoint now.
    pub fn checkpoint(&self) -> Result<()> {
        todo!()
    }
    pub fn stats(&self) -> Result<Stats> {
        todo!()
    }
    /// Reads and checks everything.
    pub fn verify(&self) -> Result<VerifyReport> {
        todo!()
    }
    /// Makes everything durable and closes; later calls on any clone say `Closed`, a second close is `Ok`.
    pub fn close(&self) -> Result<()> {
        todo!()
    }
}

/// One moment of the whole store.
#[derive(Clone)]
pub struct View {}

#[allow(unused_variables, missing_docs, clippy::missing_errors_doc)]
impl View {
    /// Sequence number of the newest commit in this view.
    pub fn sequence(&self) -> u64 {
        todo!()
    }
    pub fn document_count(&self) -> Result<u64> {
        todo!()
    }
    pub fn exists(&self, document: DocumentId) -> Result<bool> {
        todo!()
    }
    /// Live ids from `from` on, ascending.
    pub fn documents(&self, from: DocumentId) -> Result<Documents> {
        todo!()
    }
    pub fn blob(&self, document: DocumentId) -> Result<Pinned> {
        todo!()
    }
    /// Reads no blob.
    pub fn columns(&self, document: DocumentId) -> Result<Columns> {
        todo!()
    }
    pub fn column(&self, document: DocumentId, name: &str) -> Result<Value> {
        todo!()
    }
    pub fn input_count(&self, document: DocumentId) -> Result<u64> {
        todo!()
    }
    /// The input ids in their order.
    pub fn input_ids(&self, document: DocumentId) -> Result<Vec<InputId>> {
        todo!()
    }
    /// A cursor over the inputs in their order, one decoded at a time.
    pub fn inputs(&self, document: DocumentId) -> Result<Inputs> {
        todo!()
    }
    pub fn input(&self, document: DocumentId, input: InputId) -> Result<Value> {
        todo!()
    }
    pub fn input_columns(&self, document: DocumentId, input: InputId) -> Result<Columns> {
        todo!()
    }
    pub fn output(&self, document: DocumentId, input: InputId) -> Result<Value> {
        todo!()
    }
    pub fn tree(&self, document: DocumentId) -> Result<Tree> {
        todo!()
    }
    pub fn packed_tree(&self, document: DocumentId) -> Result<PackedTree> {
        todo!()
    }
}

/// Live document ids, ascending.
pub struct Documents {}
impl Iterator for Documents {
    type Item = DocumentId;
    fn next(&mut self) -> Option<DocumentId> {
        todo!()
    }
}

/// The inputs of one document in their order.
pub struct Inputs {}
impl Iterator for Inputs {
    type Item = Result<Input>;
    fn next(&mut self) -> Option<Result<Input>> {
        todo!()
    }
}

/// Bytes of the store, kept valid for as long as this lives (also after close). 8-aligned where they are a packed tree.
pub struct Pinned {}
impl Deref for Pinned {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        todo!()
    }
}

/// A whole tree in its packed form (docs/format.md), pinned where it can be.
pub struct PackedTree {}
#[allow(missing_docs)]
impl PackedTree {
    pub fn as_bytes(&self) -> &[u8] {
        todo!()
    }
    /// Whether the bytes are the store's own (a mapped segment) rather than a copy.
    pub fn is_pinned(&self) -> bool {
        todo!()
    }
    pub fn to_tree(&self) -> Result<Tree> {
        todo!()
    }
}

/// Any number of writes that become visible and durable together.
///
/// Each call is checked when it is made (`NotFound` and limits at once; a refused call leaves the
/// batch as it was) and again at commit, against what others committed in between. Dropping a batch abandons it.
pub struct Batch {}

#[allow(unused_variables, missing_docs, clippy::missing_errors_doc)]
impl Batch {
    pub fn create_document(&mut self, blob: &[u8], columns: &Columns) -> Result<DocumentId> {
        todo!()
    }
    pub fn put_tree(&mut self, tree: &Tree) -> Result<TreeIds> {
        todo!()
    }
    pub fn replace_tree(&mut self, document: DocumentId, tree: &Tree) -> Result<TreeIds> {
        todo!()
    }
    pub fn put_packed(&mut self, packed: &[u8]) -> Result<TreeIds> {
        todo!()
    }
    pub fn replace_packed(&mut self, document: DocumentId, packed: &[u8]) -> Result<TreeIds> {
        todo!()
    }
    pub fn set_blob(&mut self, document: DocumentId, blob: &[u8]) -> Result<()> {
        todo!()
    }
    pub fn set_column(&mut self, document: DocumentId, name: &str, value: &Value) -> Result<()> {
        todo!()
    }
    pub fn remove_column(&mut self, document: DocumentId, name: &str) -> Result<()> {
        todo!()
    }
    pub fn delete_document(&mut self, document: DocumentId) -> Result<()> {
        todo!()
    }
    pub fn append_input(&mut self, document: DocumentId, value: &Value) -> Result<InputId> {
        todo!()
    }
    pub fn insert_input(&mut self, document: DocumentId, before: InputId, value: &Value) -> Result<InputId> {
        todo!()
    }
    /// Moves an input before another, or to the end.
    pub fn move_input(&mut self, document: DocumentId, input: InputId, before: Option<InputId>) -> Result<()> {
        todo!()
    }
    pub fn replace_input(&mut self, document: DocumentId, input: InputId, value: &Value) -> Result<()> {
        todo!()
    }
    pub fn set_input_column(&mut self, document: DocumentId, input: InputId, name: &str, value: &Value) -> Result<()> {
        todo!()
    }
    pub fn remove_input_column(&mut self, document: DocumentId, input: InputId, name: &str) -> Result<()> {
        todo!()
    }
    pub fn delete_input(&mut self, document: DocumentId, input: InputId) -> Result<()> {
        todo!()
    }
    pub fn set_output(&mut self, document: DocumentId, input: InputId, value: &Value) -> Result<()> {
        todo!()
    }
    /// Like `set_output`, but the output must be there already.
    pub fn update_output(&mut self, document: DocumentId, input: InputId, value: &Value) -> Result<()> {
        todo!()
    }
    pub fn delete_output(&mut self, document: DocumentId, input: InputId) -> Result<()> {
        todo!()
    }
    /// How many calls it holds.
    pub fn len(&self) -> usize {
        todo!()
    }
    pub fn is_empty(&self) -> bool {
        todo!()
    }
    /// Its size in bytes, as counted against `max_batch_bytes`.
    pub fn bytes(&self) -> u64 {
        todo!()
    }
    /// Forgets everything in it.
    pub fn clear(&mut self) {
        todo!()
    }
    /// Commits with the store's durability; gives back the commit's sequence number.
    pub fn commit(self) -> Result<u64> {
        todo!()
    }
    pub fn commit_with(self, durability: Durability) -> Result<u64> {
        todo!()
    }
}

/// How far a compaction has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Progress {
    pub segments_done: u64,
    pub segments_total: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    pub bytes_reclaimed: u64,
}

/// Figures about a store.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub struct Stats {
    pub documents: u64,
    /// Documents + inputs + outputs as counted when last folded or written (see docs).
    pub nodes: u64,
    pub live_bytes: u64,
    /// Bytes on disk in segments that the store names.
    pub total_bytes: u64,
    pub garbage_bytes: u64,
    /// total / live; 1.0 for an empty store.
    pub amplification: f64,
    pub segments: u64,
    pub active_segment_bytes: u64,
    /// Bytes of replaced segments that open views still hold.
    pub retained_bytes: u64,
    pub snapshots: u64,
    pub compactions: u64,
    pub compaction_bytes_read: u64,
    pub compaction_bytes_written: u64,
    pub folds: u64,
    pub commits: u64,
    /// Commits that waited for a sync.
    pub durable_commits: u64,
    pub syncs: u64,
    /// Largest number of commits that shared one sync.
    pub largest_group: u64,
    /// Commits that were paced because the store was at its amplification ceiling.
    pub paced_commits: u64,
    pub mapped_bytes: u64,
    /// Bytes of RAM in the index.
    pub index_bytes: u64,
    /// Sequence number of the newest commit, and of the newest one known durable.
    pub sequence: u64,
    pub durable_sequence: u64,
    /// Sequence number that the last checkpoint covers; 0 for none.
    pub checkpoint_sequence: u64,
    /// Bytes of unacknowledged log that recovery discarded when the store was opened.
    pub recovery_discarded_bytes: u64,
    /// Whether the last open used the checkpoint, and how many log bytes it had to replay.
    pub opened_from_checkpoint: bool,
    pub recovery_replayed_bytes: u64,
    pub poisoned: bool,
}

/// What `verify` found.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub struct VerifyReport {
    pub segments: u64,
    pub records: u64,
    pub bytes: u64,
    pub documents: u64,
    pub inputs: u64,
    pub outputs: u64,
    /// Empty where all is well.
    pub damage: Vec<Damage>,
}
