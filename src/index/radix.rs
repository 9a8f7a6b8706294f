//! A persistent array from document ids to slots: a radix tree whose pages are shared between versions.
//!
//! 1. A clone costs one reference count; a change copies the path to one chunk of slots (Okasaki's path copying), or
//!    nothing where no other version shares it. Copying a node counts a reference to each of its children, each in a
//!    cache line of its own: so nodes have few of them, and pages are made of chunks.
//! 2. Document ids are dense by construction, so pages of slots beat a hash map; a page that empties out
//!    becomes a sorted list, an empty one goes.

use std::sync::Arc;

use super::slot::Slot;

const PAGE_BITS: u32 = 8;
const PAGE: usize = 1 << PAGE_BITS;
const CHUNK: usize = 32;
const INNER_BITS: u32 = 4;
const INNER: usize = 1 << INNER_BITS;
/// A page with fewer slots in use than this becomes a list, one with twice as many an array again.
const SPARSE_BELOW: usize = 48;

static VACANT: Slot = Slot::Vacant;

/// The array.
#[derive(Clone, Debug, Default)]
pub struct Radix {
    root: Option<Arc<Node>>,
    /// Inner levels above the pages.
    levels: u32,
}

#[derive(Clone, Debug)]
enum Node {
    Inner(Vec<Option<Arc<Node>>>),
    /// A page's chunks, and how many of its slots are in use.
    Dense(Vec<Option<Arc<Chunk>>>, usize),
    /// The slots of a page that are in use, with their places in it.
    Sparse(Vec<(u8, Slot)>),
}

/// Some slots of a page.
type Chunk = [Slot; CHUNK];

impl Radix {
    fn reaches(&self, id: u64) -> bool {
        let bits = PAGE_BITS + INNER_BITS * self.levels;
        bits >= 64 || id >> bits == 0
    }

    /// The slot of `id`.
    pub fn get(&self, id: u64) -> &Slot {
        if !self.reaches(id) {
            return &VACANT;
        }
        let mut node = self.root.as_deref();
        let mut level = self.levels;
        while let Some(Node::Inner(children)) = node {
            level -= 1;
            node = children[child_of(id, level)].as_deref();
        }
        match node {
            Some(Node::Dense(chunks, _)) => slot_in(chunks, page_index(id)),
            Some(Node::Sparse(slots)) => match slots.binary_search_by_key(&(page_index(id) as u8), |(at, _)| *at) {
                Ok(at) => &slots[at].1,
                Err(_) => &VACANT,
            },
            _ => &VACANT,
        }
    }

    /// Sets the slot of `id`; a vacant one is taken out.
    pub fn set(&mut self, id: u64, slot: Slot) {
        if slot.is_vacant() && self.get(id).is_vacant() {
            return;
        }
        self.make_room_for(id);
        set_in(&mut self.root, self.levels, id, slot);
    }

    /// Adds levels until the array reaches `id`.
    fn make_room_for(&mut self, id: u64) {
        while !self.reaches(id) {
            if let Some(root) = self.root.take() {
                let mut children = vec![None; INNER];
                children[0] = Some(root);
                self.root = Some(Arc::new(Node::Inner(children)));
            }
            self.levels += 1;
        }
    }

    /// The lowest id from `from` on whose slot is in use.
    pub fn next(&self, from: u64) -> Option<u64> {
        if !self.reaches(from) {
            return None;
        }
        next_in(self.root.as_deref()?, self.levels, from, 0)
    }

    /// Calls `each` with every slot in use, ids ascending.
    pub fn for_each(&self, mut each: impl FnMut(u64, &Slot)) {
        if let Some(root) = &self.root {
            walk(root, self.levels, 0, &mut each);
        }
    }

    /// Bytes of memory of all pages.
    pub fn memory(&self) -> u64 {
        self.root.as_deref().map_or(0, memory_of)
    }
}

/// Fills an empty array with ids that ascend, a page at a time.
#[derive(Default)]
pub struct Filler {
    radix: Radix,
    /// The ids of the page at hand, without their lowest bits.
    page: u64,
    slots: Vec<(u8, Slot)>,
}

impl Filler {
    /// Sets the slot of an id, which is above all before it.
    pub fn push(&mut self, id: u64, slot: Slot) {
        if id >> PAGE_BITS != self.page {
            self.end_page();
            self.page = id >> PAGE_BITS;
        }
        if !slot.is_vacant() {
            self.slots.push((page_index(id) as u8, slot));
        }
    }

    fn end_page(&mut self) {
        if !self.slots.is_empty() {
            let first = self.page << PAGE_BITS;
            self.radix.make_room_for(first);
            let slots = std::mem::take(&mut self.slots);
            place_page(&mut self.radix.root, self.radix.levels, first, page_of(slots));
        }
    }

    /// The array.
    pub fn finish(mut self) -> Radix {
        self.end_page();
        self.radix
    }
}

/// Puts a page where there is none.
fn place_page(place: &mut Option<Arc<Node>>, levels: u32, first: u64, page: Node) {
    if levels == 0 {
        *place = Some(Arc::new(page));
        return;
    }
    let node = place.get_or_insert_with(|| Arc::new(Node::Inner(vec![None; INNER])));
    if let Node::Inner(children) = Arc::make_mut(node) {
        place_page(&mut children[child_of(first, levels - 1)], levels - 1, first, page);
    }
}

/// A page with these slots in use, in the form that fits their number.
fn page_of(mut slots: Vec<(u8, Slot)>) -> Node {
    if slots.len() < 2 * SPARSE_BELOW {
        slots.shrink_to_fit();
        return Node::Sparse(slots);
    }
    let used = slots.len();
    let mut chunks = vec![None; PAGE / CHUNK];
    for (at, slot) in slots {
        set_in_page(&mut chunks, at.into(), slot);
    }
    Node::Dense(chunks, used)
}

fn page_index(id: u64) -> usize {
    id as usize & (PAGE - 1)
}

fn slot_in(chunks: &[Option<Arc<Chunk>>], at: usize) -> &Slot {
    chunks[at / CHUNK].as_ref().map_or(&VACANT, |chunk| &chunk[at % CHUNK])
}

/// The slots of a page that are in use, with their places in it.
fn in_use(chunks: &[Option<Arc<Chunk>>]) -> impl Iterator<Item = (usize, &Slot)> {
    let slots = chunks.iter().enumerate().flat_map(|(at, chunk)| {
        let slots = chunk.iter().flat_map(|chunk| chunk.iter());
        slots.enumerate().map(move |(within, slot)| (at * CHUNK + within, slot))
    });
    slots.filter(|(_, slot)| !slot.is_vacant())
}

/// Sets a slot of a page; gives back whether one was in use there.
fn set_in_page(chunks: &mut [Option<Arc<Chunk>>], at: usize, slot: Slot) -> bool {
    let chunk = &mut chunks[at / CHUNK];
    let slots = Arc::make_mut(chunk.get_or_insert_with(|| Arc::new([const { Slot::Vacant }; CHUNK])));
    let at = at % CHUNK;
    let was_used = !slots[at].is_vacant();
    slots[at] = slot;
    // From here on: where ids go in order, the next one is in use, and those before it are not.
    if slots[at..].iter().chain(&slots[..at]).all(Slot::is_vacant) {
        *chunk = None;
    }
    was_used
}

/// Which child of an inner node `level` levels above the pages' parents leads to `id`.
fn child_of(id: u64, level: u32) -> usize {
    (id >> (PAGE_BITS + INNER_BITS * level)) as usize & (INNER - 1)
}

fn set_in(place: &mut Option<Arc<Node>>, levels: u32, id: u64, slot: Slot) {
    let node = place.get_or_insert_with(|| {
        Arc::new(if levels == 0 { Node::Sparse(Vec::new()) } else { Node::Inner(vec![None; INNER]) })
    });
    let node = Arc::make_mut(node);
    let empty = match node {
        Node::Inner(children) => {
            set_in(&mut children[child_of(id, levels - 1)], levels - 1, id, slot);
            children.iter().all(Option::is_none)
        }
        Node::Dense(chunks, used) => {
            let is_used = !slot.is_vacant();
            let was_used = set_in_page(chunks, page_index(id), slot);
            *used = *used + usize::from(is_used) - usize::from(was_used);
            if *used < SPARSE_BELOW {
                let slots = in_use(chunks).map(|(at, slot)| (at as u8, slot.clone())).collect();
                *node = Node::Sparse(slots);
            }
            false
        }
        Node::Sparse(slots) => {
            let at = page_index(id) as u8;
            match (slots.binary_search_by_key(&at, |(at, _)| *at), slot.is_vacant()) {
                (Ok(found), true) => {
                    slots.remove(found);
                    if slots.capacity() > 2 * slots.len() {
                        slots.shrink_to_fit();
                    }
                }
                (Ok(found), false) => slots[found].1 = slot,
                (Err(_), true) => {}
                (Err(before), false) => slots.insert(before, (at, slot)),
            }
            let empty = slots.is_empty();
            if slots.len() >= 2 * SPARSE_BELOW {
                *node = page_of(std::mem::take(slots));
            }
            empty
        }
    };
    if empty {
        *place = None;
    }
}

fn next_in(node: &Node, levels: u32, from: u64, base: u64) -> Option<u64> {
    match node {
        Node::Inner(children) => {
            let shift = PAGE_BITS + INNER_BITS * (levels - 1);
            let first = child_of(from, levels - 1);
            children.iter().enumerate().skip(first).find_map(|(at, child)| {
                let base = base + ((at as u64) << shift);
                next_in(child.as_deref()?, levels - 1, from.max(base), base)
            })
        }
        Node::Dense(chunks, _) => {
            let found = (page_index(from)..PAGE).find(|at| !slot_in(chunks, *at).is_vacant());
            found.map(|at| base + at as u64)
        }
        Node::Sparse(slots) => {
            let first = slots.partition_point(|(at, _)| usize::from(*at) < page_index(from));
            slots.get(first).map(|(at, _)| base + u64::from(*at))
        }
    }
}

fn walk(node: &Node, levels: u32, base: u64, each: &mut impl FnMut(u64, &Slot)) {
    match node {
        Node::Inner(children) => {
            for (at, child) in children.iter().enumerate() {
                if let Some(child) = child {
                    walk(child, levels - 1, base + ((at as u64) << (PAGE_BITS + INNER_BITS * (levels - 1))), each);
                }
            }
        }
        Node::Dense(chunks, _) => in_use(chunks).for_each(|(at, slot)| each(base + at as u64, slot)),
        Node::Sparse(slots) => slots.iter().for_each(|(at, slot)| each(base + u64::from(*at), slot)),
    }
}

fn memory_of(node: &Node) -> u64 {
    let heap: u64 = match node {
        Node::Inner(children) => {
            let below: u64 = children.iter().flatten().map(|child| memory_of(child)).sum();
            below + (children.capacity() * size_of::<Option<Arc<Node>>>()) as u64
        }
        Node::Dense(chunks, _) => {
            let count = chunks.iter().flatten().count();
            (chunks.capacity() * size_of::<Option<Arc<Chunk>>>() + count * (size_of::<Chunk>() + 16)) as u64
                + in_use(chunks).map(|(_, slot)| changed_memory(slot)).sum::<u64>()
        }
        Node::Sparse(slots) => {
            (slots.capacity() * size_of::<(u8, Slot)>()) as u64
                + slots.iter().map(|(_, slot)| changed_memory(slot)).sum::<u64>()
        }
    };
    heap + (size_of::<Node>() + 16) as u64
}

fn changed_memory(slot: &Slot) -> u64 {
    match slot {
        Slot::Changed(document) => {
            (size_of_val(&**document) + 16 + document.runs.capacity() * size_of::<crate::format::extent::Run>()) as u64
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::extent::Extent;
    use crate::format::record::BlobPlace;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn slot(sequence: u64) -> Slot {
        Slot::Tree(Extent {
            segment: 1,
            offset8: 1,
            length8: 1,
            nodes: 1,
            sequence,
            replaced8: 0,
            blob: BlobPlace::Inline,
        })
    }

    fn contents(radix: &Radix) -> BTreeMap<u64, u64> {
        let mut all = BTreeMap::new();
        radix.for_each(|id, slot| {
            all.insert(id, slot.tree().unwrap().sequence);
        });
        all
    }

    fn id() -> impl Strategy<Value = u64> {
        prop_oneof![4 => 0..600u64, 2 => 0..40_000u64, 1 => any::<u64>()]
    }

    proptest! {
            #[test]
            fn equals_a_map_and_versions_do_not_change(
                before in prop::collection::vec((id(), any::<bool>()), 0..400),
                after in prop::collection::vec((id(), any::<bool>()), 0..400),
                probes in prop::collection::vec(id(), 20),
            ) {
                let mut radix = Radix::default();
                let mut map = BTreeMap::new();
                let mut change = |radix: &mut Radix, ops: &[(u64, bool)]| {
                    for (sequence, (id, remove)) in ops.iter().enumerate() {
                        if *remove {
                            radix.set(*id, Slot::Vacant);
                            map.remove(id);
                        } else {
                            radix.set(*id, slot(sequence as u64));
                            map.insert(*id, sequence as u64);
                        }
                    }
                    map.clone()
                };
                let first = change(&mut radix, &before);
                let mut filler = Filler::default();
                radix.for_each(|id, slot| filler.push(id, slot.clone()));
                let filled = filler.finish();
                prop_assert_eq!(contents(&filled), contents(&radix));
    prop_assert!(probes.iter().all(|probe| filled.next(*probe) == radix.next(*probe)));
                let version = radix.clone();
                let second = change(&mut radix, &after);
                prop_assert_eq!(contents(&version), first);
                prop_assert_eq!(&contents(&radix), &second);
                for probe in probes {
                    prop_assert_eq!(radix.next(probe), second.range(probe..).next().map(|(id, _)| *id));
                    prop_assert_eq!(radix.get(probe).is_vacant(), !second.contains_key(&probe));
                }
            }
        }

    #[test]
    fn pages_that_empty_out_shrink_and_go() {
        let mut radix = Radix::default();
        (1..=100_000).for_each(|id| radix.set(id, slot(id)));
        let full = radix.memory();
        assert!(full / 100_000 <= 36, "{} bytes a document", full / 100_000);
        (1..=100_000).filter(|id| id % 100 != 0).for_each(|id| radix.set(id, Slot::Vacant));
        assert!(radix.memory() / 1000 <= 100, "{} bytes a document", radix.memory() / 1000);
        (1..=100_000).for_each(|id| radix.set(id, Slot::Vacant));
        assert_eq!(radix.memory(), 0);
    }
}
