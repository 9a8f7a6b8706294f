//! The index: which records make up each document, at one moment.
//!
//! 1. An `Index` is a value: a clone is a moment that later changes do not touch, and costs one reference count.
//! 2. Every change goes through `apply` and `remove`, which keep the counts and tell the ledger which bytes of
//!    which segment came alive or died.
//! 3. It holds nothing that the log does not hold: a rebuild gives the same index to the bit.
//! 4. What was opened from a checkpoint stays in its file until it is wanted (`stored`). Where that has rotted
//!    meanwhile, whoever wants it gets an error (`Unread`).

pub mod layers;
pub mod ledger;
mod radix;
pub mod slot;
pub mod state;
mod stored;

pub use ledger::Ledger;
pub use slot::Slot;
pub use state::State;
pub use stored::{Pages, Stored, Unread};

use std::collections::BTreeMap;

use crate::format::checkpoint::Entry;
use crate::memory;
use radix::{Page, Radix};

/// Every document's entry.
#[derive(Clone, Debug, Default)]
pub struct Index {
    slots: Radix,
    documents: u64,
    nodes: i64,
}

/// Puts an index together from the pages of a checkpoint.
#[derive(Default)]
pub struct Assembly {
    index: Index,
    /// By segment: a hostile checkpoint may name very many, in any order.
    live: BTreeMap<u32, i64>,
}

impl Assembly {
    /// Adds a page, which is above all before it: to be built when it is wanted. Gives back whether all of its
    /// documents make sense.
    pub fn add(&mut self, page: Stored) -> Result<bool, Unread> {
        let mut is_sound = true;
        match page.trees()? {
            Some(trees) => {
                self.index.documents += trees.documents;
                self.index.nodes += trees.nodes;
                *self.live.entry(trees.segment).or_default() += trees.length8 as i64 * 8;
            }
            None => page.slots(|_, slot| is_sound &= self.count(&slot))?,
        }
        self.index.slots.place(page);
        Ok(is_sound)
    }

    /// As `add`, built at once.
    pub fn add_built(&mut self, page: &Stored) -> Result<bool, Unread> {
        let (mut is_sound, mut slots) = (true, Vec::new());
        page.slots(|place, slot| {
            is_sound &= self.count(&slot);
            slots.push((place, slot));
        })?;
        self.index.slots.place_built(page.number(), Page::of(slots));
        Ok(is_sound)
    }

    /// Counts a document; false where it makes no sense.
    fn count(&mut self, slot: &Slot) -> bool {
        self.index.documents += 1;
        self.index.nodes += slot.nodes();
        slot.live().for_each(|(extent, bytes)| *self.live.entry(extent.segment).or_default() += bytes as i64);
        slot.is_sound()
    }

    /// The index, and the live bytes per segment.
    pub fn finish(self) -> (Index, Ledger) {
        (self.index, Ledger::of(self.live))
    }
}

impl Index {
    /// The entry of a document.
    pub fn get(&self, document: u64) -> Result<&Slot, Unread> {
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
    pub fn for_each(&self, each: impl FnMut(u64, &Slot)) -> Result<(), Unread> {
        self.slots.for_each(each)
    }

    /// As `for_each`, without those that nobody wanted since they were found in a checkpoint.
    pub fn for_each_built(&self, each: impl FnMut(u64, &Slot)) {
        self.slots.for_each_built(each);
    }

    /// Adds records of one document. Cannot fail where `get` gave its entry.
    pub fn apply(&mut self, document: u64, entries: &[Entry], ledger: &mut Ledger) -> Result<(), Unread> {
        let old = self.slots.get(document)?;
        let slot = only_tree(old, entries).unwrap_or_else(|| old.with(entries).settled());
        self.replace(document, slot, ledger)
    }

    /// Adds records during recovery, before all of the document's records were seen.
    pub fn absorb(&mut self, document: u64, entries: &[Entry], ledger: &mut Ledger) -> Result<(), Unread> {
        let old = self.slots.get(document)?;
        let slot = match only_tree(old, entries) {
            Some(slot) => slot,
            None => old.try_with(entries)?,
        };
        self.replace(document, slot, ledger)
    }

    /// Ends recovery: documents get the form that commits give them (see `slot`, invariant 3). A checkpoint's have it.
    pub fn settle(&mut self, ledger: &mut Ledger) -> Result<(), Unread> {
        let (mut unsettled, mut noted) = (Vec::new(), Ok(()));
        self.slots.for_each_built(|document, slot| {
            if noted.is_ok() && !slot.is_settled() {
                noted = memory::push(&mut unsettled, document);
            }
        });
        noted?;
        for document in unsettled {
            let slot = self.slots.get(document)?.settled();
            self.replace(document, slot, ledger)?;
        }
        Ok(())
    }

    /// Takes a document out. Cannot fail where `get` gave its entry.
    pub fn remove(&mut self, document: u64, ledger: &mut Ledger) -> Result<(), Unread> {
        self.replace(document, Slot::Vacant, ledger)
    }

    fn replace(&mut self, document: u64, slot: Slot, ledger: &mut Ledger) -> Result<(), Unread> {
        let old = self.slots.get(document)?;
        self.documents = self.documents + u64::from(!slot.is_vacant()) - u64::from(!old.is_vacant());
        self.nodes += slot.nodes() - old.nodes();
        old.live().for_each(|(extent, bytes)| ledger.note(extent.segment, -(bytes as i64)));
        slot.live().for_each(|(extent, bytes)| ledger.note(extent.segment, bytes as i64));
        self.slots.set(document, slot)
    }

    /// Bytes of memory.
    pub fn memory(&self) -> u64 {
        self.slots.memory()
    }
}

/// The common case, without a detour over an allocation: a new document's one tree.
fn only_tree(old: &Slot, entries: &[Entry]) -> Option<Slot> {
    match entries {
        [Entry::Tree(tree)] if old.is_vacant() => Some(Slot::Tree(*tree)),
        _ => None,
    }
}

impl PartialEq for Index {
    fn eq(&self, other: &Index) -> bool {
        if (self.documents, self.nodes) != (other.documents, other.nodes) {
            return false;
        }
        let mut equal = true;
        let compared = self.for_each(|document, slot| equal &= other.get(document).is_ok_and(|other| slot.same(other)));
        equal && compared.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::extent::Extent;
    use crate::format::record::BlobPlace;

    fn index(trees: &[(u64, u32)]) -> Index {
        let (mut index, mut ledger) = (Index::default(), Ledger::default());
        for (document, segment) in trees {
            let (sequence, blob) = (*document, BlobPlace::Inline);
            let tree = Extent { segment: *segment, offset8: 1, length8: 1, nodes: 1, sequence, replaced8: 0, blob };
            index.apply(*document, &[Entry::Tree(tree)], &mut ledger).unwrap();
        }
        index
    }

    /// How `verify` finds that the index and the log do not say the same.
    #[test]
    fn indexes_are_equal_that_name_the_same_records() {
        let all = index(&[(1, 1), (2, 1), (300, 1)]);
        assert!(all == index(&[(300, 1), (2, 1), (1, 1)]));
        for other in [
            index(&[(1, 2), (2, 1), (300, 1)]), // elsewhere, the first, and the last
            index(&[(1, 1), (2, 1), (300, 2)]),
            index(&[(1, 1), (2, 1), (301, 1)]), // another document
            index(&[(1, 1), (2, 1)]),           // one less, and one more
            index(&[(1, 1), (2, 1), (3, 1), (300, 1)]),
        ] {
            assert!(all != other);
            assert!(other != all);
        }
    }
}
