//! The yardstick's encoding: lengths and bytes, one after another, as simple as it gets.
//!
//! ```text
//! tree:   u32 length, blob   u32 length, columns   u32 count, inputs
//! input:  u32 length, value   u32 length, output (0 for none)   u32 length, columns
//! columns: u32 count, then u32 length, name   u32 length, value
//! ```
//!
//! 1. Lengths let a reader step over what it does not want. The bytes were checked by their record's CRC.

use stratum::{Columns, Input, InputId, Tree, Value};

const INT64: u8 = 1;
const DOUBLE: u8 = 2;
const STRING: u8 = 3;
const INT64_LIST: u8 = 4;
const STRING_MAP: u8 = 5;
const STRING_LIST: u8 = 6;

/// Appends a tree.
pub fn encode_tree(tree: &Tree, out: &mut Vec<u8>) {
    put_bytes(&tree.blob, out);
    with_length(out, |out| encode_columns(&tree.columns, out));
    put_u32(tree.inputs.len(), out);
    for input in &tree.inputs {
        with_length(out, |out| encode_value(&input.value, out));
        with_length(out, |out| input.output.iter().for_each(|output| encode_value(output, out)));
        with_length(out, |out| encode_columns(&input.columns, out));
    }
}

/// Appends columns.
pub fn encode_columns(columns: &Columns, out: &mut Vec<u8>) {
    if columns.is_empty() {
        return;
    }
    put_u32(columns.len(), out);
    for (name, value) in columns.iter() {
        put_bytes(name.as_bytes(), out);
        with_length(out, |out| encode_value(value, out));
    }
}

/// Appends a value.
pub fn encode_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Int64(number) => {
            out.push(INT64);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Double(number) => {
            out.push(DOUBLE);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::String(text) => {
            out.push(STRING);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Int64List(items) => {
            out.push(INT64_LIST);
            // The yardstick runs where it was built: the numbers in memory are what is read back.
            out.extend_from_slice(bytemuck::cast_slice(items));
        }
        Value::StringMap(pairs) => {
            out.push(STRING_MAP);
            pairs.iter().for_each(|(key, value)| {
                put_bytes(key.as_bytes(), out);
                put_bytes(value.as_bytes(), out);
            });
        }
        Value::StringList(items) => {
            out.push(STRING_LIST);
            items.iter().for_each(|item| put_bytes(item.as_bytes(), out));
        }
        other => panic!("the workload has no {other:?}"),
    }
}

fn put_u32(number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(number as u32).to_le_bytes());
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_u32(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Appends what `fill` does, its length in front.
pub fn with_length(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    put_u32(0, out);
    fill(out);
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

/// The number at `at`.
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("four bytes"))
}

/// The number at `at`.
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("eight bytes"))
}

/// Splits off what its length stands before.
pub fn take<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let (taken, rest) = bytes[4..].split_at(u32_at(bytes, 0) as usize);
    *bytes = rest;
    taken
}

fn take_count(bytes: &mut &[u8]) -> u32 {
    let count = u32_at(bytes, 0);
    *bytes = &bytes[4..];
    count
}

/// A tree's blob.
pub fn blob(mut tree: &[u8]) -> &[u8] {
    take(&mut tree)
}

/// A tree's columns.
pub fn columns(mut tree: &[u8]) -> Columns {
    take(&mut tree);
    decode_columns(take(&mut tree))
}

/// The value of the input at a position.
pub fn input(mut tree: &[u8], position: u32) -> Value {
    take(&mut tree);
    take(&mut tree);
    assert!(position < take_count(&mut tree), "the input is there");
    for _ in 0..3 * position {
        take(&mut tree);
    }
    decode_value(take(&mut tree))
}

/// The whole tree, ids filled in.
pub fn decode_tree(mut bytes: &[u8]) -> Tree {
    let blob = take(&mut bytes).to_vec();
    let columns = decode_columns(take(&mut bytes));
    let count = take_count(&mut bytes);
    let mut inputs = Vec::with_capacity(count as usize);
    for position in 0..count {
        let (value, output, columns) = (take(&mut bytes), take(&mut bytes), take(&mut bytes));
        inputs.push(Input {
            id: InputId::new(u64::from(position) + 1),
            value: decode_value(value),
            columns: decode_columns(columns),
            output: (!output.is_empty()).then(|| decode_value(output)),
        });
    }
    Tree { blob, columns, inputs }
}

/// An input that is a record of its own.
pub fn decode_input(value: &[u8]) -> Input {
    Input::new(decode_value(value), None)
}

/// Columns.
pub fn decode_columns(mut bytes: &[u8]) -> Columns {
    let mut columns = Columns::new();
    if bytes.is_empty() {
        return columns;
    }
    for _ in 0..take_count(&mut bytes) {
        let name = text(take(&mut bytes));
        columns.set(name, decode_value(take(&mut bytes)));
    }
    columns
}

/// A value.
pub fn decode_value(bytes: &[u8]) -> Value {
    let mut rest = &bytes[1..];
    match bytes[0] {
        INT64 => Value::Int64(u64_at(rest, 0).cast_signed()),
        DOUBLE => Value::Double(f64::from_bits(u64_at(rest, 0))),
        STRING => Value::String(text(rest)),
        INT64_LIST => Value::Int64List(rest.as_chunks().0.iter().map(|item| i64::from_ne_bytes(*item)).collect()),
        STRING_MAP => {
            let mut pairs = Vec::with_capacity(4);
            while !rest.is_empty() {
                pairs.push((text(take(&mut rest)), text(take(&mut rest))));
            }
            Value::StringMap(pairs)
        }
        STRING_LIST => {
            let mut items = Vec::with_capacity(4);
            while !rest.is_empty() {
                items.push(text(take(&mut rest)));
            }
            Value::StringList(items)
        }
        other => panic!("a value of kind {other}"),
    }
}

fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).expect("UTF-8").to_owned()
}
