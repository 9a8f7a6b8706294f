//! What a batch holds.
//!
//! 1. Documents stand in the order in which they were first named.
//! 2. The ids that a batch took are given back to `InputIds` when its contents are gone: after its commit was
//!    published, or with the batch.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::{Error, Result};
use crate::format::packed::DeltaBuilder;
use crate::ids::{DocumentId, InputId};
use crate::memory;
use crate::store::core::Core;
use crate::store::input_ids;

/// The writes of one batch.
pub struct Contents {
    core: Arc<Core>,
    documents: Vec<(DocumentId, Pending)>,
    position: FxHashMap<DocumentId, usize>,
    calls: usize,
    bytes: u64,
    adds: bool,
}

/// The writes to one document.
#[derive(Default)]
pub struct Pending {
    /// The document is new in this batch.
    pub created: bool,
    /// It is deleted; the rest is empty.
    pub deleted: bool,
    /// Its new tree.
    pub tree: Option<NewTree>,
    /// Changes to the new tree, or to the stored one.
    pub delta: DeltaBuilder,
    /// A blob that is a record of its own.
    pub blob: Option<Arc<Vec<u8>>>,
    /// Inputs that must have an output for the commit to make sense.
    pub need_output: FxHashSet<InputId>,
    /// The lowest id that this batch knows to be free; zero where it took none.
    pub next_input: u64,
    /// Ids were taken from the store's table.
    taken: bool,
}

impl Pending {
    /// Whether there is anything to commit; calls that were refused leave nothing behind.
    pub fn changes_anything(&self) -> bool {
        self.deleted || self.tree.is_some() || !self.delta.is_empty()
    }
}

/// A whole document.
pub struct NewTree {
    /// Packed, without its blob where that is a record of its own.
    pub packed: Arc<Vec<u8>>,
    /// Documents, inputs and outputs.
    pub nodes: u32,
    /// The blob is a record of its own.
    pub external: bool,
}

impl Contents {
    pub fn new(core: Arc<Core>) -> Contents {
        Contents { core, documents: Vec::new(), position: FxHashMap::default(), calls: 0, bytes: 0, adds: false }
    }

    pub fn calls(&self) -> usize {
        self.calls
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Whether it can only make room.
    pub fn only_deletes(&self) -> bool {
        !self.adds
    }

    pub fn note(&mut self, bytes: u64, deletes: bool) {
        self.calls += 1;
        self.bytes += bytes;
        self.adds |= !deletes;
    }

    pub fn get(&self, document: DocumentId) -> Option<&Pending> {
        self.position.get(&document).map(|at| &self.documents[*at].1)
    }

    /// Makes room for the writes to one more document.
    pub fn expect_document(&mut self) -> Result<()> {
        memory::reserve(&mut self.documents, 1)?;
        self.position.try_reserve(1).map_err(|_| Error::NoMemory)
    }

    /// The writes to a document, begun if there are none.
    pub fn document(&mut self, document: DocumentId) -> &mut Pending {
        let at = *self.position.entry(document).or_insert_with(|| {
            self.documents.push((document, Pending::default()));
            self.documents.len() - 1
        });
        &mut self.documents[at].1
    }

    pub fn documents(&self) -> impl Iterator<Item = (DocumentId, &Pending)> {
        self.documents.iter().map(|(document, pending)| (*document, pending))
    }

    /// Takes input ids; gives back the first. `stored` reads the stored document's lowest free id.
    pub fn take_inputs(
        &mut self,
        document: DocumentId,
        count: u64,
        stored: impl FnOnce() -> Result<u64>,
    ) -> Result<u64> {
        let core = Arc::clone(&self.core);
        let pending = self.document(document);
        let first = if pending.created {
            pending.next_input.max(1)
        } else {
            let first = core.input_ids.take(document.get(), count, !pending.taken, stored)?;
            pending.taken = true;
            first
        };
        pending.next_input = input_ids::after(document.get(), first, count)?;
        Ok(first)
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        if self.core.is_forked() {
            return; // the table's locks may be held by threads that this process does not have
        }
        for (document, _) in self.documents.iter().filter(|(_, pending)| pending.taken) {
            self.core.input_ids.release(document.get());
        }
    }
}
