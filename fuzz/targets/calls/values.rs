//! Values and trees across the C boundary: made of the fuzzer's bytes on the way in, read whole on the way out.
//!
//! 1. What goes in either leads to valid memory, or has a length over 4 GiB, which is refused before it is followed.
//! 2. What comes out is read to its last byte, so that the sanitizer sees borrowed memory that is gone.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::slice;

use stratum::capi::tree::{stratum_input, stratum_tree_desc};
use stratum::capi::value::*;
use stratum::{Columns, Input, InputId, Tree, Value};

use crate::source::Source;

/// Memory that C's view of values leads to; it lives as long as the step that made it.
#[derive(Default)]
pub struct Memory {
    bytes: Vec<Box<[u8]>>,
    int64s: Vec<Box<[i64]>>,
    doubles: Vec<Box<[f64]>>,
    texts: Vec<Box<[stratum_text]>>,
    values: Vec<Box<[stratum_value]>>,
    entries: Vec<Box<[stratum_entry]>>,
    columns: Vec<Box<[stratum_column]>>,
    inputs: Vec<Box<[stratum_input]>>,
}

fn keep<T>(kept: &mut Vec<Box<[T]>>, items: Vec<T>) -> *const T {
    kept.push(items.into_boxed_slice());
    kept.last().map_or(ptr::null(), |items| items.as_ptr())
}

const NAMES: [&str; 4] = ["a", "b", "name", "grüße"];

/// A name; sometimes one that no column can have.
pub fn name(source: &mut Source<'_>) -> Vec<u8> {
    match source.byte() {
        250..=251 => vec![b'n'; 256],
        252..=253 => vec![b'x', 0xff],
        254..=255 => Vec::new(),
        byte => NAMES[usize::from(byte) % NAMES.len()].into(),
    }
}

/// Lengths that are refused before memory is looked at.
pub fn absurd(source: &mut Source<'_>) -> usize {
    [usize::MAX, usize::MAX / 2 + 1, (4 << 30) + 1, 1 << 40, usize::MAX / 8][usize::from(source.byte()) % 5]
}

/// Some bytes; now and then more than go into the tree itself.
pub fn blob(source: &mut Source<'_>) -> Vec<u8> {
    let byte = source.byte();
    match byte {
        255 => vec![byte; (64 << 10) + usize::from(source.byte())],
        _ => source.take(usize::from(byte % 12)).to_vec(),
    }
}

/// A value: `None` where it must be refused.
pub fn value(source: &mut Source<'_>, memory: &mut Memory, depth: usize) -> (stratum_value, Option<Value>) {
    let kind = source.byte();
    if kind % 2 == 0 {
        let number = Value::Int64(i64::from(kind));
        return (raw(&number, memory), Some(number));
    }
    let kind = kind / 2;
    let text = |source: &mut Source<'_>| String::from_utf8_lossy(source.take(usize::from(kind >> 6))).into_owned();
    let good = match kind % 16 {
        0 => Value::Null,
        1 => Value::Bool(source.byte() % 2 == 1),
        2 => Value::Int64(i64::from(source.u16())),
        3 => Value::Double(f64::from_bits(u64::from(source.u16()) << 48)),
        4 => Value::Decimal(format!("{}e400", source.byte())),
        5 => Value::String(text(source)),
        6 => Value::Bytes(blob(source)),
        7 => Value::Int64List((0..kind >> 5).map(|_| i64::from(source.u16())).collect()),
        8 => Value::DoubleList((0..kind >> 5).map(|_| f64::from(source.u16())).collect()),
        9 => Value::StringList((0..kind >> 6).map(|_| text(source)).collect()),
        10 => Value::StringMap((0..kind >> 6).map(|at| (format!("{at}"), text(source))).collect()),
        11 | 12 if depth < 3 => {
            let items: Vec<_> = (0..kind >> 6).map(|_| value(source, memory, depth + 1)).collect();
            return nested(kind % 16 == 12, items, memory);
        }
        13 if kind > 64 => return (hostile(source), None),
        _ => Value::Int64(7),
    };
    (raw(&good, memory), Some(good))
}

fn nested(
    map: bool,
    items: Vec<(stratum_value, Option<Value>)>,
    memory: &mut Memory,
) -> (stratum_value, Option<Value>) {
    let (raws, values): (Vec<_>, Vec<_>) = items.into_iter().unzip();
    let (count, values) = (raws.len(), values.into_iter().collect::<Option<Vec<Value>>>());
    if !map {
        return (stratum_value_list(keep(&mut memory.values, raws), count), values.map(Value::List));
    }
    let keys: Vec<String> = (0..count).map(|at| format!("k{at}")).collect();
    let entries = keys.iter().zip(raws).map(|(key, value)| stratum_entry { key: text(key, memory), value });
    let entries: Vec<_> = entries.collect();
    let value = stratum_value_map(keep(&mut memory.entries, entries), count);
    (value, values.map(|values| Value::Map(keys.into_iter().zip(values).collect())))
}

/// What can never be right.
fn hostile(source: &mut Source<'_>) -> stratum_value {
    let there: *const u64 = &0;
    let count = absurd(source);
    match source.byte() % 12 {
        0 => stratum_value_string(there.cast(), count),
        1 => stratum_value_bytes(there.cast(), count),
        2 => stratum_value_int64_list(there.cast(), count),
        3 => stratum_value_double_list(there.cast(), count),
        4 => stratum_value_string_list(there.cast(), count),
        5 => stratum_value_string_map(there.cast(), count),
        6 => stratum_value_list(there.cast(), count),
        7 => stratum_value_map(there.cast(), count),
        8 => stratum_value_string(ptr::null(), 1),
        9 => stratum_value { kind: 14 + u32::from(source.byte()), ..stratum_value_null() },
        10 => stratum_value { reserved: 1, ..stratum_value_null() },
        _ => stratum_value_decimal(c"1e".as_ptr(), 2),
    }
}

fn text(text: &str, memory: &mut Memory) -> stratum_text {
    let data = keep(&mut memory.bytes, text.as_bytes().to_vec()).cast::<c_char>();
    stratum_text { data, length: text.len() }
}

fn raw(value: &Value, memory: &mut Memory) -> stratum_value {
    match value {
        Value::Null => stratum_value_null(),
        Value::Bool(value) => stratum_value_bool(i32::from(*value)),
        Value::Int64(number) => stratum_value_int64(*number),
        Value::Double(number) => stratum_value_double(*number),
        Value::Decimal(number) => stratum_value_decimal(text(number, memory).data, number.len()),
        Value::String(string) => stratum_value_string(text(string, memory).data, string.len()),
        Value::Bytes(bytes) => {
            let data: *const c_void = keep(&mut memory.bytes, bytes.clone()).cast();
            stratum_value_bytes(data, bytes.len())
        }
        Value::Int64List(items) => stratum_value_int64_list(keep(&mut memory.int64s, items.clone()), items.len()),
        Value::DoubleList(items) => stratum_value_double_list(keep(&mut memory.doubles, items.clone()), items.len()),
        Value::StringList(items) => {
            let texts = items.iter().map(|item| text(item, memory)).collect();
            stratum_value_string_list(keep(&mut memory.texts, texts), items.len())
        }
        Value::StringMap(pairs) => {
            let texts = pairs.iter().flat_map(|(key, value)| [text(key, memory), text(value, memory)]).collect();
            stratum_value_string_map(keep(&mut memory.texts, texts), pairs.len())
        }
        Value::List(_) | Value::Map(_) => unreachable!("these are made in `nested`"),
    }
}

/// Columns: `None` where they must be refused.
pub fn columns(source: &mut Source<'_>, memory: &mut Memory) -> (*const stratum_column, usize, Option<Columns>) {
    let (mut raws, mut good) = (Vec::new(), Some(Columns::new()));
    for _ in 0..source.byte() % 4 {
        let name = name(source);
        let (raw, value) = value(source, memory, 0);
        let is_new = good.as_ref().is_some_and(|good| {
            std::str::from_utf8(&name).is_ok_and(|name| (1..=255).contains(&name.len()) && good.get(name).is_none())
        });
        good = good.zip(value).filter(|_| is_new).map(|(mut good, value)| {
            good.set(std::str::from_utf8(&name).expect("it is new"), value);
            good
        });
        let length = name.len();
        let data = keep(&mut memory.bytes, name).cast::<c_char>();
        raws.push(stratum_column { name: stratum_text { data, length }, value: raw });
    }
    let count = raws.len();
    (keep(&mut memory.columns, raws), count, good)
}

/// A tree: `None` where it must be refused.
pub fn tree(source: &mut Source<'_>, memory: &mut Memory) -> (stratum_tree_desc, Option<Tree>) {
    let blob = blob(source);
    let (columns, column_count, good_columns) = columns(source, memory);
    let (mut raws, mut inputs) = (Vec::new(), Some(Vec::new()));
    for _ in 0..source.byte() % 5 {
        let (value, good) = value(source, memory, 0);
        let (columns, column_count, good_columns) = self::columns(source, memory);
        let (output, good_output) = match source.byte() % 2 {
            0 => (ptr::null(), Some(None)),
            _ => {
                let (raw, good) = self::value(source, memory, 0);
                (keep(&mut memory.values, vec![raw]), good.map(Some))
            }
        };
        raws.push(stratum_input { id: 9, value, columns, column_count, output });
        inputs = inputs.zip(good).zip(good_columns).zip(good_output).map(|(((mut inputs, value), columns), output)| {
            inputs.push(Input { id: None, value, columns, output });
            inputs
        });
    }
    let desc = stratum_tree_desc {
        struct_size: size_of::<stratum_tree_desc>() - usize::from(source.byte() == 255),
        blob_length: blob.len(),
        blob: keep(&mut memory.bytes, blob.clone()).cast(),
        columns,
        column_count,
        input_count: raws.len(),
        inputs: keep(&mut memory.inputs, raws),
    };
    let is_sized = desc.struct_size == size_of::<stratum_tree_desc>();
    let good = inputs.zip(good_columns).filter(|_| is_sized);
    (desc, good.map(|(inputs, columns)| Tree { blob, columns, inputs }))
}

/// # Safety
/// `data` leads to `count` items, or `count` is 0.
unsafe fn items<'a, T>(data: *const T, count: usize) -> &'a [T] {
    // SAFETY: the caller's promise.
    if count == 0 { &[] } else { unsafe { slice::from_raw_parts(data, count) } }
}

/// # Safety
/// The library lent it, and it is still lent.
unsafe fn string(text: stratum_text) -> String {
    // SAFETY: the caller's promise.
    String::from_utf8(unsafe { items(text.data.cast::<u8>(), text.length) }.to_vec()).expect("text is UTF-8")
}

/// Reads a value that the library lent.
///
/// # Safety
/// It is still lent.
pub unsafe fn read(value: &stratum_value) -> Value {
    let (content, count) = (value.r#as, value.count);
    // SAFETY: the caller's promise; the kind says which member is set.
    unsafe {
        let text = |data| string(stratum_text { data, length: count });
        match value.kind {
            STRATUM_KIND_NULL => Value::Null,
            STRATUM_KIND_BOOL => Value::Bool(content.boolean == 1),
            STRATUM_KIND_INT64 => Value::Int64(content.int64),
            STRATUM_KIND_DOUBLE => Value::Double(content.float64),
            STRATUM_KIND_DECIMAL => Value::Decimal(text(content.text)),
            STRATUM_KIND_STRING => Value::String(text(content.text)),
            STRATUM_KIND_BYTES => Value::Bytes(items(content.bytes, count).to_vec()),
            STRATUM_KIND_INT64_LIST => Value::Int64List(items(content.int64s, count).to_vec()),
            STRATUM_KIND_DOUBLE_LIST => Value::DoubleList(items(content.doubles, count).to_vec()),
            STRATUM_KIND_STRING_LIST => {
                Value::StringList(items(content.strings, count).iter().map(|item| string(*item)).collect())
            }
            STRATUM_KIND_STRING_MAP => {
                let pairs = items(content.strings, 2 * count).chunks(2);
                Value::StringMap(pairs.map(|pair| (string(pair[0]), string(pair[1]))).collect())
            }
            STRATUM_KIND_LIST => Value::List(items(content.values, count).iter().map(|item| read(item)).collect()),
            STRATUM_KIND_MAP => {
                let entries = items(content.entries, count).iter();
                Value::Map(entries.map(|entry| (string(entry.key), read(&entry.value))).collect())
            }
            other => panic!("a value of kind {other}"),
        }
    }
}

/// Reads columns that the library lent.
///
/// # Safety
/// They are still lent.
pub unsafe fn read_columns(columns: *const stratum_column, count: usize) -> Columns {
    // SAFETY: the caller's promise.
    unsafe { items(columns, count).iter().map(|column| (string(column.name), read(&column.value))).collect() }
}

/// Reads an input that the library lent.
///
/// # Safety
/// It is still lent.
pub unsafe fn read_input(input: &stratum_input) -> Input {
    // SAFETY: the caller's promise.
    unsafe {
        Input {
            id: InputId::new(input.id),
            value: read(&input.value),
            columns: read_columns(input.columns, input.column_count),
            output: input.output.as_ref().map(|output| read(output)),
        }
    }
}

/// Reads inputs that the library lent.
///
/// # Safety
/// They are still lent.
pub unsafe fn read_inputs(inputs: *const stratum_input, count: usize) -> Vec<Input> {
    // SAFETY: the caller's promise.
    unsafe { items(inputs, count).iter().map(|input| read_input(input)).collect() }
}

/// Reads a tree that the library lent.
///
/// # Safety
/// It is still lent.
pub unsafe fn read_tree(desc: &stratum_tree_desc) -> Tree {
    // SAFETY: the caller's promise.
    unsafe {
        Tree {
            blob: items(desc.blob.cast::<u8>(), desc.blob_length).to_vec(),
            columns: read_columns(desc.columns, desc.column_count),
            inputs: read_inputs(desc.inputs, desc.input_count),
        }
    }
}
