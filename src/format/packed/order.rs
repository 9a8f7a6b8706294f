//! The chain's order: a base tree's, changed by the order operations of its deltas.
//!
//! The chain is a doubly linked list in one vector, so that an operation costs the same wherever it takes place.
//! Link 0 is both ends; the base's position `p` is link `p + 1`; what was inserted follows.
//!
//! 1. Following `next` from link 0 comes back to link 0 through every live link once, whatever the operations were.
//! 2. A deleted link is out of the list and no operation can name it: ids are never used twice.

use std::collections::HashMap;

use super::directory::{Directory, OrderOp};
use crate::format::{Decoded, Malformed};
use crate::ids::InputId;
use crate::memory;

const ENDS: u32 = 0;

struct Link {
    /// `None` for the ends and for what was deleted.
    id: Option<InputId>,
    previous: u32,
    next: u32,
}

struct Chain<'a> {
    base: Directory<'a>,
    links: Vec<Link>,
    inserted: HashMap<InputId, u32>,
}

/// The ids in the chain's order. `base` is a tree's directory, `deltas` are deltas', oldest first.
pub(super) fn order(base: Directory<'_>, deltas: &[Directory<'_>]) -> Decoded<Vec<InputId>> {
    if deltas.iter().all(|delta| delta.order_ops().len() == 0) {
        return memory::try_collect(base.ids());
    }
    let mut chain = Chain::new(base)?;
    for op in deltas.iter().flat_map(Directory::order_ops) {
        match op? {
            OrderOp::Insert { id, before } => chain.insert(id, before)?,
            OrderOp::Move { id, before } => chain.relocate(id, before)?,
            OrderOp::Delete { id } => chain.delete(id)?,
        }
    }
    chain.into_ids()
}

impl<'a> Chain<'a> {
    fn new(base: Directory<'a>) -> Decoded<Chain<'a>> {
        let count = base.len();
        if count == u32::MAX {
            return Err(Malformed("a chain has too many inputs"));
        }
        let mut links = memory::vec(count as usize + 1)?;
        links.push(Link { id: None, previous: count, next: 1 % (count + 1) });
        for (position, id) in base.ids().enumerate() {
            let at = position as u32 + 1;
            let next = if at == count { ENDS } else { at + 1 };
            links.push(Link { id: Some(id?), previous: at - 1, next });
        }
        Ok(Chain { base, links, inserted: HashMap::new() })
    }

    /// The live link of an id.
    fn find(&self, id: InputId) -> Decoded<Option<u32>> {
        let at = match self.inserted.get(&id) {
            Some(at) => Some(*at),
            None => self.base.position(id)?.map(|position| position + 1),
        };
        Ok(at.filter(|at| self.links[*at as usize].id.is_some()))
    }

    /// The link that `before` names: the ends where it names none.
    fn place(&self, before: Option<InputId>) -> Decoded<u32> {
        let Some(id) = before else { return Ok(ENDS) };
        self.find(id)?.ok_or(Malformed("an order operation names a place that is not there"))
    }

    fn insert(&mut self, id: InputId, before: Option<InputId>) -> Decoded<()> {
        if self.inserted.contains_key(&id) || self.base.position(id)?.is_some() {
            return Err(Malformed("an input is inserted twice"));
        }
        let place = self.place(before)?;
        let at = u32::try_from(self.links.len()).map_err(|_| Malformed("a chain has too many inputs"))?;
        memory::push(&mut self.links, Link { id: Some(id), previous: ENDS, next: ENDS })?;
        self.inserted.try_reserve(1).map_err(|_| Malformed::NO_MEMORY)?;
        self.inserted.insert(id, at);
        self.link(at, place);
        Ok(())
    }

    fn relocate(&mut self, id: InputId, before: Option<InputId>) -> Decoded<()> {
        let at = self.find(id)?.ok_or(Malformed("an input that is not there is moved"))?;
        let place = self.place(before)?;
        if place == at {
            return Err(Malformed("an input is moved before itself"));
        }
        self.unlink(at);
        self.link(at, place);
        Ok(())
    }

    fn delete(&mut self, id: InputId) -> Decoded<()> {
        let at = self.find(id)?.ok_or(Malformed("an input that is not there is deleted"))?;
        self.unlink(at);
        self.links[at as usize].id = None;
        Ok(())
    }

    fn link(&mut self, at: u32, place: u32) {
        let previous = self.links[place as usize].previous;
        self.links[at as usize].previous = previous;
        self.links[at as usize].next = place;
        self.links[previous as usize].next = at;
        self.links[place as usize].previous = at;
    }

    fn unlink(&mut self, at: u32) {
        let Link { previous, next, .. } = self.links[at as usize];
        self.links[previous as usize].next = next;
        self.links[next as usize].previous = previous;
    }

    fn into_ids(self) -> Decoded<Vec<InputId>> {
        let mut ids = memory::vec(self.links.len() - 1)?;
        let mut at = self.links[ENDS as usize].next;
        while at != ENDS {
            let link = &self.links[at as usize];
            ids.extend(link.id);
            at = link.next;
        }
        Ok(ids)
    }
}
