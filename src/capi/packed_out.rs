//! A packed tree on its way out: C's view of it, leading into the packed bytes.
//!
//! 1. Nothing is copied that C can read where it lies: texts, bytes, packed lists, the blob. What C has in another
//!    form, arrays of structs, is made anew, all of a kind in one piece where their number is known.
//! 2. The bytes are those of a `PackedTree`: whole, checked against their checksum, at an address divisible by 8. They
//!    are not moved while anything leads into them; who holds the view holds them, too.
//! 3. Every value is checked as a whole before anything of it is given out. What does not check out is `Malformed`; the
//!    caller says where it lies.

#![allow(unsafe_code)] // see `Frozen`

use super::tree::{stratum_input, stratum_tree_desc};
use super::value::*;
use super::value_out::{Frozen, lasting, text, view};
use crate::format::packed::{BlobState, ColumnsRef, Entry, Head, OutputState};
use crate::format::value::ValueRef;
use crate::format::{Decoded, Malformed};
use crate::memory;

/// The arrays of a view, and its root.
pub(super) struct PackedView {
    pub(super) desc: Frozen<stratum_tree_desc>,
    _inputs: Frozen<Vec<stratum_input>>,
    _outputs: Frozen<Vec<stratum_value>>,
    _columns: Frozen<Vec<stratum_column>>,
    _nested: Nested,
}

/// Arrays within values, which have any number of them.
#[derive(Default)]
struct Nested {
    texts: Vec<Frozen<Vec<stratum_text>>>,
    values: Vec<Frozen<Vec<stratum_value>>>,
    entries: Vec<Frozen<Vec<stratum_entry>>>,
}

impl PackedView {
    /// C's view of a packed tree that holds its blob.
    pub(super) fn new(packed: &[u8]) -> Decoded<PackedView> {
        let head = Head::parse(packed)?;
        let BlobState::Inline(blob) = head.blob() else {
            return Err(Malformed("the packed tree does not hold its blob"));
        };
        let (blob, directory, own) = (blob.of(packed)?, head.directory_of_all()?, head.columns()?);
        let section = |entry: &Entry| match entry.columns {
            Some(span) => ColumnsRef::parse(span.of(packed)?),
            None => ColumnsRef::parse(&[]),
        };
        let mut column_count = own.len();
        for entry in directory.iter() {
            column_count += section(&entry?)?.len().min(packed.len());
        }
        // A hostile section can claim any number: no column takes fewer bytes than its header and a name.
        let mut nested = Nested::default();
        let mut columns = memory::vec(column_count.min(packed.len() / 16))?;
        let mut outputs = memory::vec((head.output_count() as usize).min(packed.len() / 8))?;
        let mut inputs = memory::vec(directory.len() as usize)?;
        nested.columns(own, &mut columns)?;
        for entry in directory.iter() {
            let entry = entry?;
            let value = entry.value.ok_or(Malformed("an input has no value"))?;
            let output = match entry.output {
                OutputState::At(span) => {
                    memory::push(&mut outputs, nested.value(&ValueRef::parse(span.of(packed)?)?)?)?;
                    outputs.len()
                }
                OutputState::Unchanged | OutputState::Removed => 0,
            };
            let first = columns.len();
            nested.columns(section(&entry)?, &mut columns)?;
            inputs.push(stratum_input {
                id: entry.id.get(),
                value: nested.value(&ValueRef::parse(value.of(packed)?)?)?,
                // Numbers until all arrays are where they stay.
                columns: std::ptr::without_provenance(first),
                column_count: columns.len() - first,
                output: std::ptr::without_provenance(output),
            });
        }
        let (all_columns, all_outputs) = (lasting(&columns), lasting(&outputs));
        for input in &mut inputs {
            input.columns = all_columns.wrapping_add(input.columns.addr());
            input.output = match input.output.addr() {
                0 => std::ptr::null(),
                number => all_outputs.wrapping_add(number - 1),
            };
        }
        let desc = stratum_tree_desc {
            struct_size: size_of::<stratum_tree_desc>(),
            blob: lasting(blob).cast(),
            blob_length: blob.len(),
            columns: all_columns,
            column_count: own.len(),
            inputs: lasting(&inputs),
            input_count: inputs.len(),
        };
        Ok(PackedView {
            desc: Frozen(desc),
            _inputs: Frozen(inputs),
            _outputs: Frozen(outputs),
            _columns: Frozen(columns),
            _nested: nested,
        })
    }
}

/// Moves an array to where it stays; its address.
fn keep<T>(kept: &mut Vec<Frozen<Vec<T>>>, array: Vec<T>) -> Decoded<*const T> {
    let data = lasting(&array);
    if !array.is_empty() {
        memory::push(kept, Frozen(array))?;
    }
    Ok(data)
}

/// Packed numbers, which lie at addresses that fit them.
fn in_place<T>(numbers: Option<&[T]>) -> Decoded<&[T]> {
    numbers.ok_or(Malformed("a packed list lies at an odd address"))
}

impl Nested {
    fn columns(&mut self, section: ColumnsRef<'_>, columns: &mut Vec<stratum_column>) -> Decoded<()> {
        for column in section.iter() {
            let (name, value) = column?;
            let value = value.ok_or(Malformed("a tree removes a column"))?;
            let value = self.value(&ValueRef::parse(value)?)?;
            memory::push(columns, stratum_column { name: text(name), value })?;
        }
        Ok(())
    }

    fn value(&mut self, value: &ValueRef<'_>) -> Decoded<stratum_value> {
        Ok(match value {
            ValueRef::Null => stratum_value_null(),
            ValueRef::Bool(boolean) => stratum_value_bool(i32::from(*boolean)),
            ValueRef::Int64(int64) => stratum_value_int64(*int64),
            ValueRef::Double(float64) => stratum_value_double(*float64),
            ValueRef::Decimal(number) => {
                view(STRATUM_KIND_DECIMAL, number.len(), stratum_value_as { text: text(number).data })
            }
            ValueRef::String(string) => {
                view(STRATUM_KIND_STRING, string.len(), stratum_value_as { text: text(string).data })
            }
            ValueRef::Bytes(bytes) => view(STRATUM_KIND_BYTES, bytes.len(), stratum_value_as { bytes: lasting(bytes) }),
            ValueRef::Int64List(items) => {
                let int64s = lasting(in_place(items.as_slice())?);
                view(STRATUM_KIND_INT64_LIST, items.len(), stratum_value_as { int64s })
            }
            ValueRef::DoubleList(items) => {
                let doubles = lasting(in_place(items.as_slice())?);
                view(STRATUM_KIND_DOUBLE_LIST, items.len(), stratum_value_as { doubles })
            }
            ValueRef::StringList(items) => {
                let strings = keep(&mut self.texts, memory::collect(items.iter().map(text))?)?;
                view(STRATUM_KIND_STRING_LIST, items.len(), stratum_value_as { strings })
            }
            ValueRef::StringMap(pairs) => {
                let mut texts = memory::vec(2 * pairs.len())?;
                texts.extend(pairs.iter().flat_map(|(key, value)| [text(key), text(value)]));
                let strings = keep(&mut self.texts, texts)?;
                view(STRATUM_KIND_STRING_MAP, pairs.len(), stratum_value_as { strings })
            }
            ValueRef::List(items) => {
                let mut values = memory::vec(items.len())?;
                for item in items.iter() {
                    values.push(self.value(&item)?);
                }
                let values = keep(&mut self.values, values)?;
                view(STRATUM_KIND_LIST, items.len(), stratum_value_as { values })
            }
            ValueRef::Map(map) => {
                let mut entries = memory::vec(map.len())?;
                for (key, value) in map.iter() {
                    entries.push(stratum_entry { key: text(key), value: self.value(&value)? });
                }
                let entries = keep(&mut self.entries, entries)?;
                view(STRATUM_KIND_MAP, map.len(), stratum_value_as { entries })
            }
        })
    }
}
