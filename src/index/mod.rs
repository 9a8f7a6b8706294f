//! The index: which records make up each document, at one moment.
//!
//! 1. An `Index` is a value: a clone is a moment that later changes do not touch, and costs one reference count.
//! 2. Every change goes through `apply` and `remove`, which keep the counts and tell the ledger which bytes of
//!    which segment came alive or died.
//! 3. It holds nothing that the log does not hold: a rebuild gives the same index to the bit.

pub mod layers;
pub mod ledger;
mod radix;
pub mod slot;
pub mod state;

pub use ledger::Ledger;
pub use slot::Slot;
pub use state::State;

use crate::format::checkpoint::Entry;
use radix::Radix;

/// Every document's entry.
#[derive(Clone, Debug, Default)]
pub struct Index {
    slots: Radix,
    documents: u64,
    nodes: i64,
}

/// Builds an index of rows whose documents ascend, as a checkpoint has them.
#[derive(Default)]
pub struct Filler {
    slots: radix::Filler,
    documents: u64,
    nodes: i64,
    ledger: Ledger,
}

impl Filler {
    /// Adds all records of a document, which is above all before it.
    pub fn push(&mut self, document: u64, entries: &[Entry]) {
        let slot = match entries {
            [Entry::Tree(tree)] => Slot::Tree(*tree),
            _ => entries.iter().fold(Slot::Vacant, |slot, entry| slot.with(*entry)).settled(),
        };
        self.documents += u64::from(!slot.is_vacant());
        self.nodes += slot.nodes();
        slot.live().for_each(|(extent, bytes)| self.ledger.note(extent.segment, bytes as i64));
        self.slots.push(document, slot);
    }

    /// The index, and the live bytes per segment.
    pub fn finish(self) -> (Index, Ledger) {
        (Index { slots: self.slots.finish(), documents: self.documents, nodes: self.nodes }, self.ledger)
    }
}

impl Index {
    /// The entry of a document.
    pub fn get(&self, document: u64) -> &Slot {
        self.slots.get(document)
    }

    /// How many documents there are.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// How many documents, inputs and outputs there are.
    pub fn nodes(&self) -> u64 {
        self.nodes.max(0) as u64
    }

    /// The lowest live id from `from` on.
    pub fn next(&self, from: u64) -> Option<u64> {
        self.slots.next(from)
    }

    /// Calls `each` with every document, ids ascending.
    pub fn for_each(&self, each: impl FnMut(u64, &Slot)) {
        self.slots.for_each(each);
    }

    /// Adds records of one document.
    pub fn apply(&mut self, document: u64, entries: &[Entry], ledger: &mut Ledger) {
        self.add(document, entries, true, ledger);
    }

    /// Adds records during recovery, before all of the document's records were seen.
    pub fn absorb(&mut self, document: u64, entry: Entry, ledger: &mut Ledger) {
        self.add(document, &[entry], false, ledger);
    }

    fn add(&mut self, document: u64, entries: &[Entry], settle: bool, ledger: &mut Ledger) {
        let old = self.slots.get(document);
        let slot = match entries {
            // The common case, without a detour over an allocation: a new document's one tree.
            [Entry::Tree(tree)] if old.is_vacant() => Slot::Tree(*tree),
            _ => entries.iter().fold(old.clone(), |slot, entry| slot.with(*entry)),
        };
        self.replace(document, if settle { slot.settled() } else { slot }, ledger);
    }

    /// Ends recovery: documents get the form that commits give them (see `slot`, invariant 3).
    pub fn settle(&mut self, ledger: &mut Ledger) {
        let mut with_blob = Vec::new();
        self.slots.for_each(|document, slot| {
            if slot.blob().is_some() {
                with_blob.push(document);
            }
        });
        for document in with_blob {
            let slot = self.slots.get(document).settled();
            self.replace(document, slot, ledger);
        }
    }

    /// Takes a document out.
    pub fn remove(&mut self, document: u64, ledger: &mut Ledger) {
        self.replace(document, Slot::Vacant, ledger);
    }

    fn replace(&mut self, document: u64, slot: Slot, ledger: &mut Ledger) {
        let old = self.slots.get(document);
        self.documents = self.documents + u64::from(!slot.is_vacant()) - u64::from(!old.is_vacant());
        self.nodes += slot.nodes() - old.nodes();
        old.live().for_each(|(extent, bytes)| ledger.note(extent.segment, -(bytes as i64)));
        slot.live().for_each(|(extent, bytes)| ledger.note(extent.segment, bytes as i64));
        self.slots.set(document, slot);
    }

    /// Bytes of memory.
    pub fn memory(&self) -> u64 {
        self.slots.memory()
    }
}

impl PartialEq for Index {
    fn eq(&self, other: &Index) -> bool {
        if (self.documents, self.nodes) != (other.documents, other.nodes) {
            return false;
        }
        let mut equal = true;
        self.for_each(|document, slot| equal &= slot.same(other.get(document)));
        equal
    }
}
