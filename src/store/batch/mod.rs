//! Batches: any number of writes that become visible and durable together.
//!
//! 1. A call is checked when it is made, against the newest moment and what the batch holds already; a refused call
//!    leaves the batch as it was. The commit checks again (`prepare`).
//! 2. Per document a batch holds at most one new tree and one set of changes on it: each document costs one record.
//! 3. Ids are handed out at once, and to nobody else while the batch lives.

mod contents;
mod documents;
mod inputs;
mod prepare;
mod trees;

use std::sync::Arc;

pub use contents::Contents;
use contents::Pending;
pub use prepare::{Change, Prepared, prepare};

use super::core::Core;
use crate::error::{Error, Missing, Result};
use crate::ids::{DocumentId, InputId};
use crate::index::layers::Layers;
use crate::options::Durability;
use crate::value::Value;

/// Bytes that a call is counted with beside its data: record header and directory entry.
const OVERHEAD: u64 = 128;

/// Any number of writes that become visible and durable together.
///
/// Each call is checked when it is made (`NotFound` and limits at once; a refused call leaves the batch as it was) and
/// again at commit, against what others committed in between; calls that later ones of the batch undo, and those that
/// change nothing (a move before itself), do not count then. Dropping a batch abandons it.
///
/// A batch belongs to one thread at a time. Its calls do no I/O but to look at the documents they change.
///
/// ```
/// use stratum::{Columns, Db, Options, Value};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// let mut batch = db.batch()?;
/// let document = batch.create_document(b"Add two numbers.", &Columns::new())?;
/// let input = batch.append_input(document, &Value::String("2 3".into()))?;
/// batch.set_output(document, input, &Value::Int64(5))?;
/// batch.commit()?; // all of it, or nothing
/// assert_eq!(db.view()?.output(document, input)?, Value::Int64(5));
/// # Ok::<(), stratum::Error>(())
/// ```
pub struct Batch {
    core: Arc<Core>,
    pub(super) contents: Contents,
}

impl Batch {
    pub(super) fn new(core: Arc<Core>) -> Batch {
        Batch { contents: Contents::new(Arc::clone(&core)), core }
    }

    /// How many calls it holds.
    pub fn len(&self) -> usize {
        self.contents.calls()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.contents.calls() == 0
    }

    /// Its size in bytes, as counted against `max_batch_bytes`.
    pub fn bytes(&self) -> u64 {
        self.contents.bytes()
    }

    /// Forgets everything in it. Ids that it gave out mean nothing any more.
    pub fn clear(&mut self) {
        self.contents = Contents::new(Arc::clone(&self.core));
    }

    /// Commits with the store's durability; gives back the commit's sequence number.
    ///
    /// # Errors
    /// `NotFound` when another commit deleted what this one changes, `NoSpace`, `CommitUnknown`, `Poisoned`, `Closed`.
    pub fn commit(self) -> Result<u64> {
        let durability = self.core.options.durability;
        self.commit_with(durability)
    }

    /// Commits with another durability than the store's.
    ///
    /// # Errors
    /// As for [`Batch::commit`].
    pub fn commit_with(self, durability: Durability) -> Result<u64> {
        self.core.commit(Arc::new(self.contents), durability)
    }

    /// Whether `size` more bytes may be added.
    fn check_room(&self, size: u64) -> Result<()> {
        let (size, limit) = (self.contents.bytes() + size + OVERHEAD, self.core.options.max_batch_bytes);
        if size > limit {
            return Err(Error::TooLarge { what: "the batch", size, limit, option: "max_batch_bytes" });
        }
        Ok(())
    }

    fn check_record(&self, what: &'static str, size: u64) -> Result<()> {
        let limit = self.core.options.max_record_bytes;
        if size > limit {
            return Err(Error::TooLarge { what, size, limit, option: "max_record_bytes" });
        }
        Ok(())
    }

    /// A value's bytes, if it may be stored.
    fn encode(&self, value: &Value) -> Result<Vec<u8>> {
        value.check()?;
        let size = crate::format::value::encoded_len(value);
        self.check_record("the value", size)?;
        self.check_room(size)?;
        let mut bytes = crate::memory::vec(usize::try_from(size).map_err(|_| Error::NoMemory)?)?;
        crate::format::value::encode_value(value, &mut bytes);
        Ok(bytes)
    }

    /// What the batch holds of a document, after making sure that the document exists.
    fn pending(&mut self, document: DocumentId) -> Result<&mut Pending> {
        self.core.check_writable()?;
        let is_held = self.contents.get(document).is_some_and(|pending| pending.created || pending.changes_anything());
        if !is_held && self.core.newest()?.index.get(document.get())?.is_vacant() {
            return Err(Missing::Document(document).into());
        }
        self.contents.expect_document()?;
        let pending = self.contents.document(document);
        if pending.deleted { Err(Missing::Document(document).into()) } else { Ok(pending) }
    }

    /// Reads a document as it is below the batch's pending changes: its new tree in the batch, or the stored one.
    fn below<T>(
        &self,
        document: DocumentId,
        read: impl FnOnce(&crate::format::packed::Stack<'_>) -> crate::format::Decoded<T>,
    ) -> Result<T> {
        let bug = |error: crate::format::Malformed| error.into_error(|what| Error::InvalidArgument(what.to_string()));
        if let Some(tree) = self.contents.get(document).and_then(|pending| pending.tree.as_ref()) {
            let base = crate::format::packed::Head::parse(&tree.packed).map_err(bug)?;
            return read(&crate::format::packed::Stack { base, deltas: Vec::new() }).map_err(bug);
        }
        let state = self.core.newest()?;
        let layers =
            Layers::open(&state, document.get(), state.index.get(document.get())?, self.core.options.verify_reads)?;
        let layers = layers.ok_or(Missing::Document(document))?;
        let stack = layers.stack()?;
        read(&stack).map_err(|error| layers.malformed(error))
    }

    /// Whether the input is there, and whether it has an output.
    fn find_input(&mut self, document: DocumentId, input: InputId) -> Result<bool> {
        let missing = Missing::Input(document, input);
        let delta = &self.pending(document)?.delta;
        if delta.is_deleted(input) {
            return Err(missing.into());
        }
        let (inserted, output) = (delta.is_inserted(input), delta.output_of(input).map(|output| output.is_some()));
        if inserted {
            return Ok(output.unwrap_or(false));
        }
        let node = self.below(document, |stack| stack.locate(input))?.ok_or(missing)?;
        Ok(output.unwrap_or(node.output.is_some()))
    }

    /// Books a call of about `size` bytes.
    fn note(&mut self, size: u64, deletes: bool) {
        self.contents.note(size + OVERHEAD, deletes);
    }
}
