//! Values on their way out: C's view of Rust's values.
//!
//! 1. Scalars are copied; texts, bytes and packed lists lead into the buffers of the Rust value, which its owner keeps
//!    and never changes; only arrays that Rust has in another form are made anew, in the arena.
//! 2. No address changes when the owner moves: both sides are heap buffers.
//! 3. An empty list has an address that is not NULL, and a real one (some garbage collectors stop at small numbers).

#![allow(unsafe_code)] // see `Frozen`

use std::ffi::c_char;

use super::status::Call;
use super::tree::stratum_input;
use super::value::*;
use crate::memory;
use crate::{Columns, Input, Value};

/// What is never changed after it was made, though it holds pointers.
pub(super) struct Frozen<T>(pub(super) T);

// SAFETY: the pointers lead to memory that the same owner keeps and that nobody writes to after it was made.
unsafe impl<T> Send for Frozen<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Frozen<T> {}

/// The address of what lies in a slice, a lasting one where it is empty.
pub(super) fn lasting<T>(items: &[T]) -> *const T {
    static NOTHING: u64 = 0;
    const { assert!(align_of::<T>() <= align_of::<u64>()) };
    if items.is_empty() { (&raw const NOTHING).cast() } else { items.as_ptr() }
}

/// Keeps the arrays that C's view of a value is made of.
#[derive(Default)]
pub(super) struct Arena {
    texts: Vec<Frozen<Vec<stratum_text>>>,
    values: Vec<Frozen<Vec<stratum_value>>>,
    entries: Vec<Frozen<Vec<stratum_entry>>>,
    columns: Vec<Frozen<Vec<stratum_column>>>,
    inputs: Vec<Frozen<Vec<stratum_input>>>,
}

/// Moves an array into the arena; its address and length.
fn keep<T>(kept: &mut Vec<Frozen<Vec<T>>>, array: Vec<T>) -> Call<(*const T, usize)> {
    let (data, length) = (lasting(&array), array.len());
    if length > 0 {
        memory::push(kept, Frozen(array))?;
    }
    Ok((data, length))
}

/// C's view of a text, which the caller keeps.
pub(super) fn text(text: &str) -> stratum_text {
    stratum_text { data: lasting(text.as_bytes()).cast::<c_char>(), length: text.len() }
}

/// A value that leads to so many elements or bytes.
pub(super) fn view(kind: u32, count: usize, content: stratum_value_as) -> stratum_value {
    stratum_value { kind, reserved: 0, count, r#as: content }
}

impl Arena {
    /// C's view of a value, which the caller keeps. Values from the store nest at most 64 deep.
    pub(super) fn value(&mut self, value: &Value) -> Call<stratum_value> {
        Ok(match value {
            Value::Null => stratum_value_null(),
            Value::Bool(boolean) => stratum_value_bool(i32::from(*boolean)),
            Value::Int64(int64) => stratum_value_int64(*int64),
            Value::Double(float64) => stratum_value_double(*float64),
            Value::Decimal(number) => {
                view(STRATUM_KIND_DECIMAL, number.len(), stratum_value_as { text: text(number).data })
            }
            Value::String(string) => {
                view(STRATUM_KIND_STRING, string.len(), stratum_value_as { text: text(string).data })
            }
            Value::Bytes(bytes) => view(STRATUM_KIND_BYTES, bytes.len(), stratum_value_as { bytes: lasting(bytes) }),
            Value::Int64List(items) => {
                view(STRATUM_KIND_INT64_LIST, items.len(), stratum_value_as { int64s: lasting(items) })
            }
            Value::DoubleList(items) => {
                view(STRATUM_KIND_DOUBLE_LIST, items.len(), stratum_value_as { doubles: lasting(items) })
            }
            Value::StringList(items) => {
                let (strings, count) = keep(&mut self.texts, memory::collect(items.iter().map(|item| text(item)))?)?;
                view(STRATUM_KIND_STRING_LIST, count, stratum_value_as { strings })
            }
            Value::StringMap(pairs) => {
                let mut texts = memory::vec(2 * pairs.len())?;
                texts.extend(pairs.iter().flat_map(|(key, value)| [text(key), text(value)]));
                let (strings, _) = keep(&mut self.texts, texts)?;
                view(STRATUM_KIND_STRING_MAP, pairs.len(), stratum_value_as { strings })
            }
            Value::List(items) => {
                let items = memory::try_collect(items.iter().map(|item| self.value(item)))?;
                let (values, count) = keep(&mut self.values, items)?;
                view(STRATUM_KIND_LIST, count, stratum_value_as { values })
            }
            Value::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| -> Call<_> { Ok(stratum_entry { key: text(key), value: self.value(value)? }) });
                let entries = memory::try_collect(entries)?;
                let (entries, count) = keep(&mut self.entries, entries)?;
                view(STRATUM_KIND_MAP, count, stratum_value_as { entries })
            }
        })
    }

    /// C's view of columns, which the caller keeps.
    pub(super) fn columns(&mut self, columns: &Columns) -> Call<(*const stratum_column, usize)> {
        let columns = columns
            .iter()
            .map(|(name, value)| -> Call<_> { Ok(stratum_column { name: text(name), value: self.value(value)? }) });
        let columns = memory::try_collect(columns)?;
        keep(&mut self.columns, columns)
    }

    /// C's view of an input, which the caller keeps.
    pub(super) fn input(&mut self, input: &Input) -> Call<stratum_input> {
        let (columns, column_count) = self.columns(&input.columns)?;
        let output = match &input.output {
            None => std::ptr::null(),
            Some(output) => {
                let output = vec![self.value(output)?];
                keep(&mut self.values, output)?.0
            }
        };
        let id = input.id.map_or(0, |id| id.get());
        Ok(stratum_input { id, value: self.value(&input.value)?, columns, column_count, output })
    }

    /// C's view of inputs, which the caller keeps.
    pub(super) fn inputs(&mut self, inputs: &[Input]) -> Call<(*const stratum_input, usize)> {
        let inputs = memory::try_collect(inputs.iter().map(|input| self.input(input)))?;
        keep(&mut self.inputs, inputs)
    }
}
