//! Gathering the changes that one batch makes to one document, and packing them as a delta.
//!
//! 1. The caller has checked each change against the document with these changes applied: an id is there when it is
//!    named, a new id is above all others. The builder only remembers.
//! 2. Encoded values are those of `encode_value`: their length is a multiple of 8.
//! 3. `bytes` is at all times exactly what `encode` would give.

use std::collections::{BTreeMap, BTreeSet};

use super::assembly::{Assembly, Mark, Part};
use super::columns::{column_len, section_len, write_columns};
use super::directory::OrderOp;
use super::header::{ENTRY_LEN, HEADER_LEN};
use crate::format::{Decoded, crc, padded};
use crate::ids::InputId;
use crate::memory::{self, NoMemory};

/// The pending changes of one document.
#[derive(Clone, Debug, Default)]
pub struct DeltaBuilder {
    blob: Option<Blob>,
    columns: ColumnChanges,
    inputs: BTreeMap<InputId, InputChanges>,
    ops: Vec<OrderOp>,
    touched: BTreeSet<InputId>,
    /// Bytes that the nodes will take.
    nodes_len: u64,
}

#[derive(Clone, Debug)]
enum Blob {
    Inline(Vec<u8>),
    External { length: u64, crc: u32 },
}

/// A blob that a delta sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PendingBlob<'a> {
    /// These bytes.
    Inline(&'a [u8]),
    /// A record of its own.
    External {
        /// Its length in bytes.
        length: u64,
        /// CRC-32 of its bytes.
        crc: u32,
    },
}

#[derive(Clone, Debug, Default)]
struct InputChanges {
    inserted: bool,
    deleted: bool,
    value: Option<Vec<u8>>,
    /// `Some(None)` is a removal.
    output: Option<Option<Vec<u8>>>,
    columns: ColumnChanges,
}

impl InputChanges {
    fn len(&self) -> u64 {
        let value = self.value.as_ref().map_or(0, Vec::len);
        let output = self.output.iter().flatten().map(Vec::len).sum::<usize>();
        (value + output) as u64 + self.columns.len()
    }
}

#[derive(Clone, Debug, Default)]
struct ColumnChanges {
    /// Encoded values; `None` is a removal.
    by_name: BTreeMap<String, Option<Vec<u8>>>,
}

impl ColumnChanges {
    fn get(&self, name: &str) -> Option<Option<&[u8]>> {
        self.by_name.get(name).map(Option::as_deref)
    }

    fn len(&self) -> u64 {
        section_len(
            self.by_name.iter().map(|(name, value)| column_len(name, value.as_ref().map_or(0, Vec::len) as u64)),
        )
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_columns(self.by_name.iter().map(|(name, value)| (name.as_str(), value.as_deref())), out);
    }
}

/// Changes.
impl DeltaBuilder {
    /// Sets the document's blob.
    pub fn set_blob(&mut self, blob: Vec<u8>) {
        self.blob = Some(Blob::Inline(blob));
    }

    /// Sets the document's blob to one that is a record of its own, `length` bytes with this CRC-32.
    pub fn set_blob_external(&mut self, length: u64, crc: u32) {
        self.blob = Some(Blob::External { length, crc });
    }

    /// Sets a column of the document to an encoded value, or removes it.
    pub fn set_column(&mut self, name: &str, value: Option<Vec<u8>>) {
        self.columns.by_name.insert(name.to_owned(), value);
    }

    /// Makes room for one more insertion, move or deletion of an input.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn expect_operation(&mut self) -> Result<(), NoMemory> {
        memory::reserve(&mut self.ops, 1)
    }

    /// Adds an input with an encoded value, before another or at the end.
    pub fn insert(&mut self, id: InputId, before: Option<InputId>, value: Vec<u8>) {
        self.rely_on(before);
        self.ops.push(OrderOp::Insert { id, before });
        self.nodes_len += value.len() as u64;
        self.inputs.insert(id, InputChanges { inserted: true, value: Some(value), ..InputChanges::default() });
    }

    /// Moves an input before another or to the end. Before itself is where it is already.
    pub fn move_(&mut self, id: InputId, before: Option<InputId>) {
        self.rely_on(Some(id));
        if before != Some(id) {
            self.rely_on(before);
            self.ops.push(OrderOp::Move { id, before });
        }
    }

    /// Deletes an input. What else was to change in it is dropped.
    pub fn delete(&mut self, id: InputId) {
        self.ops.push(OrderOp::Delete { id });
        self.change(id, |input| {
            *input = InputChanges { inserted: input.inserted, deleted: true, ..InputChanges::default() };
        });
    }

    /// Sets an input's encoded value.
    pub fn set_value(&mut self, id: InputId, value: Vec<u8>) {
        self.change(id, |input| input.value = Some(value));
    }

    /// Sets an input's output to an encoded value, or removes it.
    pub fn set_output(&mut self, id: InputId, output: Option<Vec<u8>>) {
        self.change(id, |input| input.output = Some(output));
    }

    /// Sets a column of an input to an encoded value, or removes it.
    pub fn set_input_column(&mut self, id: InputId, name: &str, value: Option<Vec<u8>>) {
        self.change(id, |input| drop(input.columns.by_name.insert(name.to_owned(), value)));
    }

    fn change(&mut self, id: InputId, change: impl FnOnce(&mut InputChanges)) {
        self.rely_on(Some(id));
        let input = self.inputs.entry(id).or_default();
        let before = input.len();
        change(input);
        self.nodes_len = self.nodes_len - before + input.len();
    }

    fn rely_on(&mut self, id: Option<InputId>) {
        self.touched.extend(id.filter(|id| !self.is_inserted(*id)));
    }
}

/// Reading what is pending.
impl DeltaBuilder {
    /// The blob, if it is set.
    pub fn blob(&self) -> Option<PendingBlob<'_>> {
        self.blob.as_ref().map(|blob| match blob {
            Blob::Inline(bytes) => PendingBlob::Inline(bytes),
            Blob::External { length, crc } => PendingBlob::External { length: *length, crc: *crc },
        })
    }

    /// A column's encoded value: `None` if it is not changed, `Some(None)` if it is removed.
    pub fn column(&self, name: &str) -> Option<Option<&[u8]>> {
        self.columns.get(name)
    }

    /// An input's encoded value, if it is set.
    pub fn value_of(&self, id: InputId) -> Option<&[u8]> {
        self.inputs.get(&id)?.value.as_deref()
    }

    /// An input's encoded output: `None` if it is not changed, `Some(None)` if it is removed.
    pub fn output_of(&self, id: InputId) -> Option<Option<&[u8]>> {
        self.inputs.get(&id)?.output.as_ref().map(Option::as_deref)
    }

    /// An encoded column of an input: `None` if it is not changed, `Some(None)` if it is removed.
    pub fn input_column(&self, id: InputId, name: &str) -> Option<Option<&[u8]>> {
        self.inputs.get(&id)?.columns.get(name)
    }

    /// Whether the input is deleted here.
    pub fn is_deleted(&self, id: InputId) -> bool {
        self.inputs.get(&id).is_some_and(|input| input.deleted)
    }

    /// Whether the input is new here; also when it was deleted since.
    pub fn is_inserted(&self, id: InputId) -> bool {
        self.inputs.get(&id).is_some_and(|input| input.inserted)
    }

    /// The inputs that the document must have for these changes to make sense, ascending.
    pub fn touched(&self) -> impl ExactSizeIterator<Item = InputId> + '_ {
        self.touched.iter().copied()
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.blob.is_none() && self.columns.by_name.is_empty() && self.inputs.is_empty() && self.ops.is_empty()
    }

    /// The length in bytes of what `encode` gives. Costs time in proportion to the document columns changed.
    pub fn bytes(&self) -> u64 {
        let blob = match &self.blob {
            Some(Blob::Inline(bytes)) => padded(bytes.len() as u64),
            Some(Blob::External { .. }) | None => 0,
        };
        HEADER_LEN as u64
            + self.inputs.len() as u64 * ENTRY_LEN
            + padded(self.ops.len() as u64 * 12)
            + self.columns.len()
            + self.nodes_len
            + blob
    }

    /// Packs the changes. `next_input_id` is the lowest id that the document has not handed out afterwards. The one
    /// error is [`Malformed::NO_MEMORY`](crate::format::Malformed::NO_MEMORY).
    pub fn encode(&self, next_input_id: u64) -> Decoded<Vec<u8>> {
        let mut packed = Assembly::new(true, self.inputs.len(), self.ops.len(), self.bytes())?;
        packed.extra(self.ops.iter().flat_map(|op| op.words()));
        packed.columns(|out| self.columns.write(out));
        for (id, input) in &self.inputs {
            let mut part = |value: Option<&Vec<u8>>| match value {
                Some(value) => packed.part(|out| out.extend_from_slice(value)),
                None => Part::NONE,
            };
            let (value, output) = (part(input.value.as_ref()), part(input.output.iter().flatten().next()));
            let columns = packed.part(|out| input.columns.write(out));
            let mark = match input.output {
                _ if input.deleted => Mark::Deleted,
                Some(None) => Mark::OutputRemoved,
                _ => Mark::None,
            };
            packed.entry(id.raw(), value, output, columns, mark);
        }
        match &self.blob {
            Some(Blob::Inline(blob)) => packed.inline_blob(blob, crc(blob))?,
            Some(Blob::External { length, crc }) => packed.external_blob(*length, *crc),
            None => {}
        }
        Ok(packed.finish(next_input_id))
    }
}
