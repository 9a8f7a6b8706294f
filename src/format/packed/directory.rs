//! The directory: which inputs there are, and where their bytes lie.
//!
//! 1. An `Entry` that was decoded has an id above zero and spans within the nodes' section.
//! 2. `find` believes that ids are sorted as the format says; where they are not it may miss one, nothing worse.
//! 3. After `check_bounds` the parts of all entries together are no longer than the section they lie in, and no id is
//!    there twice. It costs about as much as the checksum: who looks for one input does without.

use super::Span;
use super::header::Header;
use crate::format::{Decoded, Malformed, read_u32};
use crate::ids::InputId;

/// Flags in the top bits of an entry's `columns_len8`; only in a delta.
pub(super) const OUTPUT_REMOVED: u32 = 1 << 31;
/// See [`OUTPUT_REMOVED`].
pub(super) const DELETED: u32 = 1 << 30;

pub(super) const OP_INSERT: u32 = 1;
pub(super) const OP_MOVE: u32 = 2;
pub(super) const OP_DELETE: u32 = 3;

const ENTRY_LEN: usize = super::header::ENTRY_LEN as usize;
const OP_LEN: usize = 12;

/// What an entry says of the input's output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutputState {
    /// In a tree: there is none. In a delta: it is as it was.
    Unchanged,
    /// A delta takes it away.
    Removed,
    /// It is here.
    At(Span),
}

/// One input in a directory. The bytes at a span are the caller's to verify.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The input.
    pub id: InputId,
    /// Its value; `None` where a delta leaves it as it was, or deletes the input.
    pub value: Option<Span>,
    /// Its output.
    pub output: OutputState,
    /// Its columns section, or a delta's changes to it (see [`ColumnsRef`](super::ColumnsRef)); `None` for none.
    pub columns: Option<Span>,
    /// A delta deletes the input.
    pub deleted: bool,
}

/// A change to the order of inputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderOp {
    /// A new input.
    Insert {
        /// The input.
        id: InputId,
        /// What it goes before; `None` for the end.
        before: Option<InputId>,
    },
    /// An input changes its place.
    Move {
        /// The input.
        id: InputId,
        /// What it goes before; `None` for the end.
        before: Option<InputId>,
    },
    /// An input goes away.
    Delete {
        /// The input.
        id: InputId,
    },
}

impl OrderOp {
    pub(super) fn words(self) -> [u32; 3] {
        let raw = |id: Option<InputId>| id.map_or(0, InputId::raw);
        match self {
            OrderOp::Insert { id, before } => [OP_INSERT, id.raw(), raw(before)],
            OrderOp::Move { id, before } => [OP_MOVE, id.raw(), raw(before)],
            OrderOp::Delete { id } => [OP_DELETE, id.raw(), 0],
        }
    }

    fn decode(bytes: &[u8]) -> Decoded<OrderOp> {
        let id = input_id(read_u32(bytes, 4)?)?;
        let before = InputId::new(u64::from(read_u32(bytes, 8)?));
        match (read_u32(bytes, 0)?, before) {
            (OP_INSERT, before) => Ok(OrderOp::Insert { id, before }),
            (OP_MOVE, before) => Ok(OrderOp::Move { id, before }),
            (OP_DELETE, None) => Ok(OrderOp::Delete { id }),
            _ => Err(Malformed("an unknown order operation")),
        }
    }
}

fn input_id(raw: u32) -> Decoded<InputId> {
    InputId::new(u64::from(raw)).ok_or(Malformed("an input id is zero"))
}

/// A view of a directory whose CRC was verified.
#[derive(Clone, Copy, Debug)]
pub struct Directory<'a> {
    header: Header,
    entries: &'a [u8],
    /// A tree's permutation or a delta's order operations, with their padding.
    extra: &'a [u8],
}

impl<'a> Directory<'a> {
    /// The slices have the lengths that the header gives them.
    pub(super) fn new(header: Header, entries: &'a [u8], extra: &'a [u8]) -> Directory<'a> {
        Directory { header, entries, extra }
    }

    /// How many entries there are.
    pub fn len(&self) -> u32 {
        self.header.entry_count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.header.entry_count == 0
    }

    /// Whether this is a delta's directory rather than a tree's.
    pub fn is_delta(&self) -> bool {
        self.header.delta
    }

    /// The entry at `position`: in a tree the position in the chain, in a delta by ascending id.
    pub fn entry(&self, position: u32) -> Decoded<Entry> {
        let start = position as usize * ENTRY_LEN;
        let bytes = self.entries.get(start..).and_then(|rest| rest.first_chunk());
        self.decode(bytes.ok_or(Malformed("no entry at this position"))?)
    }

    /// The id at `position`, without decoding the rest of its entry.
    pub fn id(&self, position: u32) -> Decoded<InputId> {
        input_id(read_u32(self.entries, position as usize * ENTRY_LEN)?)
    }

    /// The entries in order of position.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Decoded<Entry>> + use<'a> {
        let directory = *self;
        self.entries.as_chunks().0.iter().map(move |entry| directory.decode(entry))
    }

    /// The ids in order of position.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = Decoded<InputId>> + use<'a> {
        let entries: &'a [[u8; ENTRY_LEN]] = self.entries.as_chunks().0;
        entries.iter().map(|entry| input_id(read_u32(entry, 0)?))
    }

    /// The entry of an input, if it has one.
    pub fn find(&self, id: InputId) -> Decoded<Option<Entry>> {
        self.position(id)?.map(|position| self.entry(position)).transpose()
    }

    /// The position of an input's entry, if it has one.
    pub fn position(&self, id: InputId) -> Decoded<Option<u32>> {
        if self.is_empty() {
            return Ok(None);
        }
        let permuted = !self.header.delta && self.header.extra_count != 0;
        let at = |rank: u32| if permuted { read_u32(self.extra, rank as usize * 4) } else { Ok(rank) };
        // A tree that was put in one call has consecutive ids: look there first.
        if let Some(rank) = id.raw().checked_sub(self.id(at(0)?)?.raw()).filter(|rank| *rank < self.len()) {
            let position = at(rank)?;
            if self.id(position)? == id {
                return Ok(Some(position));
            }
        }
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let position = at(middle)?;
            match self.id(position)?.cmp(&id) {
                std::cmp::Ordering::Equal => return Ok(Some(position)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// A delta's changes to the order of inputs, as they happened; none in a tree.
    pub fn order_ops(&self) -> impl ExactSizeIterator<Item = Decoded<OrderOp>> + use<'a> {
        let count = if self.header.delta { self.header.extra_count as usize } else { 0 };
        let ops: &'a [[u8; OP_LEN]] = self.extra.as_chunks().0;
        ops.iter().take(count).map(|op| OrderOp::decode(op))
    }

    /// A tree's positions by ascending id, as they stand there; none where the ids ascend anyway.
    pub(super) fn permutation(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        let count = if self.header.delta { 0 } else { self.header.extra_count as usize };
        let positions: &'a [[u8; 4]] = self.extra.as_chunks().0;
        positions.iter().take(count).map(|position| u32::from_le_bytes(*position))
    }

    /// The bytes that pad the extra section.
    pub(super) fn extra_padding(&self) -> &'a [u8] {
        let used = self.header.extra_count as usize * if self.header.delta { OP_LEN } else { 4 };
        self.extra.get(used..).unwrap_or_default()
    }

    fn decode(&self, bytes: &[u8; ENTRY_LEN]) -> Decoded<Entry> {
        let field = |index: usize| read_u32(bytes, index * 4);
        let (offset, columns) = (u64::from(field(1)?) * 8, field(4)?);
        let (output_removed, deleted) = (columns & OUTPUT_REMOVED != 0, columns & DELETED != 0);
        let lengths = [field(2)?, field(3)?, columns & !(OUTPUT_REMOVED | DELETED)];
        let mut end = offset;
        let mut part = |length8: u32, crc: u32| {
            let span = Span { offset: end, length: u64::from(length8) * 8, crc };
            end += span.length;
            (length8 != 0).then_some(span)
        };
        let value = part(lengths[0], field(5)?);
        let output = part(lengths[1], field(6)?);
        let columns = part(lengths[2], field(7)?);
        if offset < self.header.head_len() || end > self.header.nodes_end() {
            return Err(Malformed("a node lies outside the packed form"));
        }
        let fits = if self.header.delta {
            !(deleted && (output_removed || end > offset)) && !(output_removed && output.is_some())
        } else {
            value.is_some() && !output_removed && !deleted
        };
        if !fits {
            return Err(Malformed("an entry of a directory contradicts itself"));
        }
        let output = match output {
            Some(span) => OutputState::At(span),
            None if output_removed => OutputState::Removed,
            None => OutputState::Unchanged,
        };
        Ok(Entry { id: input_id(field(0)?)?, value, output, columns, deleted })
    }

    /// Invariant 3.
    pub(super) fn check_bounds(&self) -> Decoded<()> {
        let entries: &[[u8; ENTRY_LEN]] = self.entries.as_chunks().0;
        let word = |entry: &[u8; ENTRY_LEN], at: usize| {
            u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]])
        };
        let lengths8 = entries.iter().map(|entry| {
            let columns8 = word(entry, 16) & !(OUTPUT_REMOVED | DELETED);
            u64::from(word(entry, 8)) + u64::from(word(entry, 12)) + u64::from(columns8)
        });
        if lengths8.sum::<u64>() > (self.header.nodes_end() - self.header.head_len()) / 8 {
            return Err(Malformed("inputs of a packed form share bytes"));
        }
        let mut previous = None;
        let mut ascends = |id: InputId| previous.replace(id) < Some(id);
        let ascend = match self.permutation() {
            none if none.len() == 0 => self.ids().all(|id| id.is_ok_and(&mut ascends)),
            mut positions => positions.all(|position| self.id(position).is_ok_and(&mut ascends)),
        };
        if ascend { Ok(()) } else { Err(Malformed("the ids of a packed form are not in order, or there twice")) }
    }

    /// The entry at `position` as its eight words, for `check`.
    pub(super) fn words(&self, position: u32) -> Decoded<[u32; 8]> {
        let mut words = [0; 8];
        for (index, word) in words.iter_mut().enumerate() {
            *word = read_u32(self.entries, position as usize * ENTRY_LEN + index * 4)?;
        }
        Ok(words)
    }
}
