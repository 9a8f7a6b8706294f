//! The order of a document's inputs where some of the changes that made it may be lost: what cannot be done is left
//! out, and said.
//!
//! 1. Any list of operations takes time in proportion to its length.
//! 2. An input that was deleted never comes back.

use std::collections::{HashMap, HashSet};

use crate::format::packed::{Directory, OrderOp};
use crate::ids::InputId;

/// Neighbours by id; 0 stands for both ends.
#[derive(Default)]
pub struct Chain {
    links: HashMap<u64, (u64, u64)>,
    ends: (u64, u64),
    deleted: HashSet<InputId>,
}

impl Chain {
    fn link(&mut self, id: u64) -> &mut (u64, u64) {
        if id == 0 { &mut self.ends } else { self.links.entry(id).or_default() }
    }

    fn put(&mut self, id: u64, before: u64) {
        let previous = self.link(before).0;
        *self.link(id) = (previous, before);
        self.link(previous).1 = id;
        self.link(before).0 = id;
    }

    fn take(&mut self, id: u64) -> bool {
        let Some((previous, next)) = self.links.remove(&id) else { return false };
        self.link(previous).1 = next;
        self.link(next).0 = previous;
        true
    }

    fn has(&self, id: InputId) -> bool {
        self.links.contains_key(&id.get())
    }

    /// Where an operation puts something: at the end where the place is gone, which is not as it was.
    fn place(&self, before: Option<InputId>) -> (u64, bool) {
        match before {
            None => (0, true),
            Some(id) if self.has(id) => (id.get(), true),
            Some(_) => (0, false),
        }
    }

    /// Adds an input, unless it is there or was deleted; false where that cannot be done as it was.
    pub fn insert(&mut self, id: InputId, before: Option<InputId>) -> bool {
        if self.has(id) || self.deleted.contains(&id) {
            return false;
        }
        let (place, is_exact) = self.place(before);
        self.put(id.get(), place);
        is_exact
    }

    /// Applies a delta's operations and deletions; false where not all of them can be done as they were.
    pub fn apply(&mut self, delta: &Directory<'_>) -> bool {
        let mut is_exact = true;
        for op in delta.order_ops() {
            is_exact &= match op {
                Ok(OrderOp::Insert { id, before }) => self.insert(id, before),
                Ok(OrderOp::Move { id, before }) => self.relocate(id, before),
                Ok(OrderOp::Delete { id }) => self.delete(id),
                Err(_) => false,
            };
        }
        for entry in delta.iter().flatten().filter(|entry| entry.deleted) {
            is_exact &= self.deleted.contains(&entry.id) || self.delete(entry.id);
        }
        is_exact
    }

    fn relocate(&mut self, id: InputId, before: Option<InputId>) -> bool {
        if before == Some(id) || !self.take(id.get()) {
            return false;
        }
        let (place, is_exact) = self.place(before);
        self.put(id.get(), place);
        is_exact
    }

    fn delete(&mut self, id: InputId) -> bool {
        self.deleted.insert(id);
        self.take(id.get())
    }

    pub fn into_ids(self) -> Vec<InputId> {
        let mut ids = Vec::with_capacity(self.links.len());
        let mut at = self.ends.1;
        while let Some((_, next)) = self.links.get(&at) {
            ids.extend(InputId::new(at));
            at = *next;
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::packed::{DeltaBuilder, Head};

    fn id(id: u64) -> InputId {
        InputId::new(id).unwrap()
    }

    fn ids(chain: Chain) -> Vec<u64> {
        chain.into_ids().into_iter().map(InputId::get).collect()
    }

    fn value() -> Vec<u8> {
        vec![1, 0, 0, 0, 0, 0, 0, 0]
    }

    fn apply(chain: &mut Chain, delta: &DeltaBuilder) -> bool {
        let packed = delta.encode(100).unwrap();
        chain.apply(&Head::parse(&packed).unwrap().directory().unwrap())
    }

    fn chain() -> Chain {
        let mut chain = Chain::default();
        (1..=4).for_each(|number| assert!(chain.insert(id(number), None)));
        chain
    }

    #[test]
    fn operations_that_fit_are_exact() {
        let (mut chain, mut delta) = (chain(), DeltaBuilder::default());
        delta.insert(id(5), Some(id(1)), value());
        delta.move_(id(2), None);
        delta.delete(id(3));
        assert!(apply(&mut chain, &delta));
        assert_eq!(ids(chain), [5, 1, 4, 2]);
    }

    #[test]
    fn what_is_there_or_was_deleted_is_not_inserted() {
        let (mut chain, mut delta) = (chain(), DeltaBuilder::default());
        delta.delete(id(3));
        assert!(apply(&mut chain, &delta));
        for number in 1..=4 {
            assert!(!chain.insert(id(number), None) && !chain.insert(id(number), Some(id(1))), "{number}");
        }
        assert_eq!(ids(chain), [1, 2, 4]);
    }

    #[test]
    fn operations_on_what_is_lost_are_left_out_and_said() {
        let (mut chain, mut delta) = (chain(), DeltaBuilder::default());
        delta.insert(id(7), Some(id(6)), value());
        delta.move_(id(6), None);
        delta.delete(id(5));
        assert!(!apply(&mut chain, &delta));
        assert!(!chain.insert(id(5), None), "deleted for good");
        assert!(chain.insert(id(6), None) && !chain.insert(id(6), None));
        assert_eq!(ids(chain), [1, 2, 3, 4, 7, 6]);
    }
}
