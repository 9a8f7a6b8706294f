//! A persistent array from document ids to slots: a radix tree whose pages are shared between versions.
//!
//! 1. A clone costs one reference count; a change copies the path to one chunk of slots (Okasaki's path copying), or
//!    nothing where no other version shares it. Copying a node counts a reference to each of its children, each in a
//!    cache line of its own: so nodes have few of them, and pages are made of chunks.
//! 2. Document ids are dense by construction, so pages of slots beat a hash map; a page that empties out
//!    becomes a sorted list, an empty one goes.
//! 3. A page may lie in the checkpoint (`stored`) and is built when it is wanted, which is all that can fail here.

use std::sync::Arc;

use super::slot::Slot;
use super::stored::{Stored, Unread};
use crate::format::checkpoint::PAGE_BITS;

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
    Page(Page),
    Stored(Stored),
}

/// The slots of 256 ids.
#[derive(Clone, Debug)]
pub enum Page {
    /// Its chunks, and how many of its slots are in use.
    Dense(Vec<Option<Arc<Chunk>>>, usize),
    /// The slots that are in use, with their places.
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
    pub fn get(&self, id: u64) -> Result<&Slot, Unread> {
        if !self.reaches(id) {
            return Ok(&VACANT);
        }
        let mut node = self.root.as_deref();
        let mut level = self.levels;
        while let Some(Node::Inner(children)) = node {
            level -= 1;
            node = children[child_of(id, level)].as_deref();
        }
        Ok(match node {
            Some(Node::Page(page)) => page.get(page_index(id)),
            Some(Node::Stored(stored)) => stored.page()?.get(page_index(id)),
            _ => &VACANT,
        })
    }

    /// Sets the slot of `id`; a vacant one is taken out. What `get` has found can be set.
    pub fn set(&mut self, id: u64, slot: Slot) -> Result<(), Unread> {
        if slot.is_vacant() && self.get(id)?.is_vacant() {
            return Ok(());
        }
        self.make_room_for(id);
        set_in(&mut self.root, self.levels, id, slot)
    }

    /// Puts a page where there is none, to be built when it is wanted.
    pub fn place(&mut self, page: Stored) {
        self.place_node(page.number() << PAGE_BITS, Node::Stored(page));
    }

    /// Puts a page where there is none: that of these ids, without their lowest bits.
    pub fn place_built(&mut self, number: u64, page: Page) {
        self.place_node(number << PAGE_BITS, Node::Page(page));
    }

    fn place_node(&mut self, first: u64, node: Node) {
        self.make_room_for(first);
        place_in(&mut self.root, self.levels, first, node);
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
    pub fn for_each(&self, mut each: impl FnMut(u64, &Slot)) -> Result<(), Unread> {
        self.root.as_ref().map_or(Ok(()), |root| walk(root, self.levels, 0, true, &mut each))
    }

    /// As `for_each`, without the pages that lie in the checkpoint as they lay there when the store was opened.
    pub fn for_each_built(&self, mut each: impl FnMut(u64, &Slot)) {
        // Nothing is read, so nothing can be rotten.
        let _ = self.root.as_ref().map_or(Ok(()), |root| walk(root, self.levels, 0, false, &mut each));
    }

    /// Bytes of memory of all pages.
    pub fn memory(&self) -> u64 {
        self.root.as_deref().map_or(0, memory_of)
    }
}

fn place_in(place: &mut Option<Arc<Node>>, levels: u32, first: u64, node: Node) {
    if levels == 0 {
        *place = Some(Arc::new(node));
        return;
    }
    let inner = place.get_or_insert_with(|| Arc::new(Node::Inner(vec![None; INNER])));
    if let Node::Inner(children) = Arc::make_mut(inner) {
        place_in(&mut children[child_of(first, levels - 1)], levels - 1, first, node);
    }
}

impl Page {
    /// A page with these slots in use, which ascend, in the form that fits their number.
    pub fn of(mut slots: Vec<(u8, Slot)>) -> Page {
        if slots.len() < 2 * SPARSE_BELOW {
            slots.shrink_to_fit();
            return Page::Sparse(slots);
        }
        let used = slots.len();
        let mut chunks = vec![None; PAGE / CHUNK];
        for (at, slot) in slots {
            set_in_page(&mut chunks, at.into(), slot);
        }
        Page::Dense(chunks, used)
    }

    fn get(&self, at: usize) -> &Slot {
        match self {
            Page::Dense(chunks, _) => slot_in(chunks, at),
            Page::Sparse(slots) => match slots.binary_search_by_key(&(at as u8), |(at, _)| *at) {
                Ok(found) => &slots[found].1,
                Err(_) => &VACANT,
            },
        }
    }

    /// Sets a slot; gives back whether the page is empty then.
    fn set(&mut self, at: usize, slot: Slot) -> bool {
        match self {
            Page::Dense(chunks, used) => {
                let is_used = !slot.is_vacant();
                let was_used = set_in_page(chunks, at, slot);
                *used = *used + usize::from(is_used) - usize::from(was_used);
                if *used < SPARSE_BELOW {
                    *self = Page::Sparse(in_use(chunks).map(|(at, slot)| (at as u8, slot.clone())).collect());
                }
                false
            }
            Page::Sparse(slots) => {
                let at = at as u8;
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
                    *self = Page::of(std::mem::take(slots));
                }
                empty
            }
        }
    }

    /// The lowest place from `from` on whose slot is in use.
    fn next(&self, from: usize) -> Option<u8> {
        match self {
            Page::Dense(chunks, _) => (from..PAGE).find(|at| !slot_in(chunks, *at).is_vacant()).map(|at| at as u8),
            Page::Sparse(slots) => {
                slots.get(slots.partition_point(|(at, _)| usize::from(*at) < from)).map(|(at, _)| *at)
            }
        }
    }

    fn for_each(&self, base: u64, each: &mut impl FnMut(u64, &Slot)) {
        match self {
            Page::Dense(chunks, _) => in_use(chunks).for_each(|(at, slot)| each(base + at as u64, slot)),
            Page::Sparse(slots) => slots.iter().for_each(|(at, slot)| each(base + u64::from(*at), slot)),
        }
    }

    /// Bytes of memory behind it.
    pub fn memory(&self) -> u64 {
        match self {
            Page::Dense(chunks, _) => {
                let count = chunks.iter().flatten().count();
                (chunks.capacity() * size_of::<Option<Arc<Chunk>>>() + count * (size_of::<Chunk>() + 16)) as u64
                    + in_use(chunks).map(|(_, slot)| changed_memory(slot)).sum::<u64>()
            }
            Page::Sparse(slots) => {
                (slots.capacity() * size_of::<(u8, Slot)>()) as u64
                    + slots.iter().map(|(_, slot)| changed_memory(slot)).sum::<u64>()
            }
        }
    }
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

fn set_in(place: &mut Option<Arc<Node>>, levels: u32, id: u64, slot: Slot) -> Result<(), Unread> {
    let node = place.get_or_insert_with(|| {
        Arc::new(if levels == 0 { Node::Page(Page::Sparse(Vec::new())) } else { Node::Inner(vec![None; INNER]) })
    });
    if let Node::Stored(stored) = &**node {
        *node = Arc::new(Node::Page(Page::clone(stored.page()?)));
    }
    let empty = match Arc::make_mut(node) {
        Node::Inner(children) => {
            set_in(&mut children[child_of(id, levels - 1)], levels - 1, id, slot)?;
            children.iter().all(Option::is_none)
        }
        Node::Page(page) => page.set(page_index(id), slot),
        Node::Stored(_) => false, // it was replaced above
    };
    if empty {
        *place = None;
    }
    Ok(())
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
        Node::Page(page) => page.next(page_index(from)).map(|at| base + u64::from(at)),
        Node::Stored(stored) => stored.next(page_index(from) as u8).map(|at| base + u64::from(at)),
    }
}

fn walk(
    node: &Node,
    levels: u32,
    base: u64,
    with_stored: bool,
    each: &mut impl FnMut(u64, &Slot),
) -> Result<(), Unread> {
    match node {
        Node::Inner(children) => {
            for (at, child) in children.iter().enumerate() {
                if let Some(child) = child {
                    let base = base + ((at as u64) << (PAGE_BITS + INNER_BITS * (levels - 1)));
                    walk(child, levels - 1, base, with_stored, each)?;
                }
            }
        }
        Node::Page(page) => page.for_each(base, each),
        Node::Stored(stored) => match stored.built() {
            Some(page) => page.for_each(base, each),
            None if with_stored => stored.slots(|at, slot| each(base + u64::from(at), &slot))?,
            None => {}
        },
    }
    Ok(())
}

fn memory_of(node: &Node) -> u64 {
    let heap: u64 = match node {
        Node::Inner(children) => {
            let below: u64 = children.iter().flatten().map(|child| memory_of(child)).sum();
            below + (children.capacity() * size_of::<Option<Arc<Node>>>()) as u64
        }
        Node::Page(page) => page.memory(),
        Node::Stored(stored) => stored.memory(),
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
    use crate::format::NUMBER_LIMIT;
    use crate::format::checkpoint::{CheckpointHead, CheckpointReader, CheckpointWriter, PageAt};
    use crate::format::extent::Extent;
    use crate::format::record::BlobPlace;
    use crate::index::Pages;
    use crate::log::Bytes;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::path::PathBuf;

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
        let read = radix.for_each(|id, slot| {
            all.insert(id, slot.tree().unwrap().sequence);
        });
        read.unwrap();
        all
    }

    /// The file of a checkpoint of what an array holds.
    fn checkpoint(radix: &Radix) -> Vec<u8> {
        let head = CheckpointHead {
            store: [1; 16],
            sequence: 1,
            position: (0, 0),
            next_document: 1,
            edit: 1,
            segments: Vec::new(),
        };
        let mut writer = CheckpointWriter::new(head, Vec::new());
        radix.for_each(|id, slot| writer.row(id, &slot.to_entries()).unwrap()).unwrap();
        writer.finish().unwrap()
    }

    /// The array that is opened from a checkpoint.
    fn opened(bytes: &[u8], table: &[PageAt]) -> Radix {
        let pages = Arc::new(Pages::new(PathBuf::from("file"), Bytes::copy(bytes).unwrap(), table.to_vec()));
        let mut radix = Radix::default();
        pages.each().for_each(|page| radix.place(page));
        radix
    }

    fn pages(bytes: &[u8]) -> Vec<PageAt> {
        CheckpointReader::open(bytes).unwrap().pages().collect()
    }

    fn id() -> impl Strategy<Value = u64> {
        prop_oneof![4 => 0..600u64, 2 => 0..40_000u64, 1 => any::<u64>()]
    }

    fn change(radix: &mut Radix, map: &mut BTreeMap<u64, u64>, ops: &[(u64, bool)]) {
        for (sequence, (id, remove)) in ops.iter().enumerate() {
            if *remove {
                radix.set(*id, Slot::Vacant).unwrap();
                map.remove(id);
            } else {
                radix.set(*id, slot(sequence as u64)).unwrap();
                map.insert(*id, sequence as u64);
            }
        }
    }

    fn check(radix: &Radix, map: &BTreeMap<u64, u64>, probes: &[u64]) {
        for probe in probes {
            assert_eq!(radix.next(*probe), map.range(probe..).next().map(|(id, _)| *id));
            assert_eq!(radix.get(*probe).unwrap().tree().map(|tree| tree.sequence), map.get(probe).copied());
        }
        assert_eq!(&contents(radix), map);
    }

    proptest! {
        #[test]
        fn equals_a_map_and_versions_do_not_change(
            before in prop::collection::vec((id(), any::<bool>()), 0..400),
            after in prop::collection::vec((id(), any::<bool>()), 0..400),
            probes in prop::collection::vec(id(), 20),
        ) {
            let (mut radix, mut map) = (Radix::default(), BTreeMap::new());
            change(&mut radix, &mut map, &before);
            check(&radix, &map, &probes);
            let (version, first) = (radix.clone(), map.clone());
            change(&mut radix, &mut map, &after);
            check(&radix, &map, &probes);
            check(&version, &first, &probes);
        }

        #[test]
        fn what_is_opened_from_a_checkpoint_equals_a_map_too(
            before in prop::collection::vec((0..NUMBER_LIMIT, any::<bool>()), 0..9),
            dense in prop::collection::vec((id(), any::<bool>()), 0..400),
            after in prop::collection::vec((id(), any::<bool>()), 0..400),
            probes in prop::collection::vec(id(), 20),
        ) {
            let (mut radix, mut map) = (Radix::default(), BTreeMap::new());
            let mut stored = [before, dense].concat();
            stored.retain(|(id, _)| (1..NUMBER_LIMIT).contains(id));
            change(&mut radix, &mut map, &stored);
            let bytes = checkpoint(&radix);
            let mut radix = opened(&bytes, &pages(&bytes));
            check(&radix.clone(), &map, &[]);
            radix.for_each_built(|id, _| panic!("{id} was built"));
            let (version, first) = (radix.clone(), map.clone());
            change(&mut radix, &mut map, &after);
            check(&radix, &map, &probes);
            check(&version, &first, &probes);
        }
    }

    #[test]
    fn what_rots_in_the_file_is_noticed_when_it_is_wanted_and_hides_nothing() {
        let mut radix = Radix::default();
        let ids = [1, 2, 300, 301, 1000];
        ids.into_iter().for_each(|id| radix.set(id, slot(id)).unwrap());
        let mut bytes = checkpoint(&radix);
        let pages = pages(&bytes);
        bytes[pages[1].start..][..pages[1].length].fill(0);
        let mut radix = opened(&bytes, &pages);
        let start = pages[1].start as u64;
        let is_rotten = |read| matches!(read, Err(Unread::Rotten(damage)) if damage.offset == start);
        assert!(is_rotten(radix.get(300).map(drop)) && radix.get(555).unwrap().is_vacant());
        assert!(is_rotten(radix.set(301, Slot::Vacant)) && is_rotten(radix.set(302, slot(7))));
        assert!(is_rotten(radix.for_each(|_, _| {})));
        assert_eq!(radix.get(1000).unwrap().tree().unwrap().sequence, 1000);
        let listed = std::iter::successors(radix.next(0), |id| radix.next(id + 1));
        assert_eq!(listed.collect::<Vec<_>>(), ids);
    }

    fn page(slots: u8) -> Page {
        Page::of((0..slots).map(|at| (at, slot(1))).collect())
    }

    #[test]
    fn a_page_has_the_form_that_fits_its_number() {
        let used = |page: &Page| match page {
            Page::Dense(_, used) => (true, *used),
            Page::Sparse(slots) => (false, slots.len()),
        };
        assert_eq!([0, 1, 95, 96, 255].map(|count| used(&page(count)).0), [false, false, false, true, true]);
        let mut grown = page(0);
        for count in 1..=120 {
            grown.set(count - 1, slot(1));
            grown.set(count / 2, slot(2)); // in use already
            assert_eq!(used(&grown), (count >= 96, count), "growing");
        }
        for count in (0..120).rev() {
            let is_empty = grown.set(count, Slot::Vacant);
            assert_eq!((used(&grown), is_empty), ((count >= 48, count), count == 0), "emptying out");
            if let Page::Sparse(slots) = &grown {
                assert!(slots.capacity() <= 2 * slots.len() || count == 0, "{} for {count}", slots.capacity());
            }
        }
    }

    /// What `Stats` says that the index takes: its nodes, each behind two reference counts, and what they hold.
    #[test]
    fn memory_is_that_of_all_parts() {
        const COUNTED: usize = size_of::<Node>() + 16;
        const DENSE: usize = COUNTED + (PAGE / CHUNK) * (size_of::<usize>() + CHUNK * size_of::<Slot>() + 16);
        const ENTRY: usize = size_of::<(u8, Slot)>();
        let mut radix = Radix::default();
        radix.place_built(0, page(255));
        assert_eq!(radix.memory(), DENSE as u64);
        radix.place_built(1, page(3));
        let inner = COUNTED + INNER * size_of::<usize>();
        assert_eq!(radix.memory(), (inner + DENSE + COUNTED + 3 * ENTRY) as u64);
        let run = crate::format::extent::Run { extent: *slot(2).tree().unwrap(), first_sequence: 2 };
        let changed = crate::index::slot::Document { tree: None, runs: vec![run; 3], blob: None };
        let heap = size_of_val(&changed) + 16 + 3 * size_of_val(&run);
        radix.place_built(2, Page::of(vec![(0, Slot::Changed(Arc::new(changed)))]));
        assert_eq!(radix.memory(), (inner + DENSE + 2 * COUNTED + 4 * ENTRY + heap) as u64);
    }

    #[test]
    fn memory_of_a_page_in_the_checkpoint_is_that_of_its_row_until_it_is_built() {
        let mut radix = Radix::default();
        (1..=5).for_each(|id| radix.set(id, slot(id)).unwrap());
        let bytes = checkpoint(&radix);
        let table = pages(&bytes);
        let pages = Arc::new(Pages::new(PathBuf::from("file"), Bytes::copy(&bytes).unwrap(), table.clone()));
        let stored = pages.each().next().unwrap();
        // These bytes are a copy; those of a mapped file would not count.
        let row = (table[0].length + size_of::<PageAt>()) as u64;
        assert_eq!(stored.memory(), row);
        let built = stored.page().unwrap().memory();
        assert!(built >= 5 * size_of::<(u8, Slot)>() as u64);
        assert_eq!(stored.memory(), row + built + size_of::<Page>() as u64 + 16);
    }

    #[test]
    fn pages_that_empty_out_shrink_and_go() {
        // Under miri few take long enough.
        const COUNT: u64 = if cfg!(miri) { 10_000 } else { 100_000 };
        let mut radix = Radix::default();
        (1..=COUNT).for_each(|id| radix.set(id, slot(id)).unwrap());
        let full = radix.memory();
        assert!(full / COUNT <= 36, "{} bytes a document", full / COUNT);
        (1..=COUNT).filter(|id| id % 100 != 0).for_each(|id| radix.set(id, Slot::Vacant).unwrap());
        let left = COUNT / 100;
        assert!(radix.memory() / left <= 100, "{} bytes a document", radix.memory() / left);
        (1..=COUNT).for_each(|id| radix.set(id, Slot::Vacant).unwrap());
        assert_eq!(radix.memory(), 0);
    }
}
