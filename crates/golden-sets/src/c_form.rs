//! The workload's trees and values in the form that stratum.h gives them, both ways.
//!
//! 1. Only the kinds that the workload has.

use std::ptr;

use stratum::capi::tree::{stratum_input, stratum_tree_desc};
use stratum::capi::value::{
    STRATUM_KIND_DOUBLE, STRATUM_KIND_INT64, STRATUM_KIND_INT64_LIST, STRATUM_KIND_STRING, STRATUM_KIND_STRING_LIST,
    STRATUM_KIND_STRING_MAP, stratum_column, stratum_text, stratum_value, stratum_value_double, stratum_value_int64,
    stratum_value_int64_list, stratum_value_string, stratum_value_string_list, stratum_value_string_map,
};
use stratum::{Columns, Tree, Value};

/// A tree's description, with all that it leads to.
pub struct Arena<'a> {
    /// What is passed on.
    pub desc: stratum_tree_desc,
    _tree: &'a Tree,
    _columns: Vec<stratum_column>,
    _inputs: Vec<stratum_input>,
    _outputs: Vec<stratum_value>,
    _texts: Vec<Vec<stratum_text>>,
}

impl<'a> Arena<'a> {
    /// Describes a tree.
    pub fn new(tree: &'a Tree) -> Arena<'a> {
        let mut texts = Vec::new();
        let columns: Vec<_> = tree
            .columns
            .iter()
            .map(|(name, content)| stratum_column { name: text(name), value: value(content, &mut texts) })
            .collect();
        let outputs: Vec<_> =
            tree.inputs.iter().map(|input| value(input.output.as_ref().unwrap_or(&Value::Null), &mut texts)).collect();
        let inputs: Vec<_> = tree
            .inputs
            .iter()
            .zip(&outputs)
            .map(|(input, output)| stratum_input {
                id: 0,
                value: value(&input.value, &mut texts),
                columns: ptr::null(),
                column_count: 0,
                output: if input.output.is_some() { output } else { ptr::null() },
            })
            .collect();
        let desc = stratum_tree_desc {
            struct_size: size_of::<stratum_tree_desc>(),
            blob: tree.blob.as_ptr().cast(),
            blob_length: tree.blob.len(),
            columns: columns.as_ptr(),
            column_count: columns.len(),
            inputs: inputs.as_ptr(),
            input_count: inputs.len(),
        };
        // the vectors' buffers stay where they are when the vectors move
        Arena { desc, _tree: tree, _columns: columns, _inputs: inputs, _outputs: outputs, _texts: texts }
    }
}

fn text(text: &str) -> stratum_text {
    stratum_text { data: text.as_ptr().cast(), length: text.len() }
}

/// Describes a value; lists of texts are kept in `texts`.
pub fn value(value: &Value, texts: &mut Vec<Vec<stratum_text>>) -> stratum_value {
    let mut keep = |list: Vec<stratum_text>| {
        let data = list.as_ptr();
        texts.push(list);
        data
    };
    match value {
        Value::Int64(number) => stratum_value_int64(*number),
        Value::Double(number) => stratum_value_double(*number),
        Value::String(text) => stratum_value_string(text.as_ptr().cast(), text.len()),
        Value::Int64List(items) => stratum_value_int64_list(items.as_ptr(), items.len()),
        Value::StringList(items) => {
            stratum_value_string_list(keep(items.iter().map(|item| text(item)).collect()), items.len())
        }
        Value::StringMap(pairs) => {
            let list = pairs.iter().flat_map(|(key, value)| [text(key), text(value)]).collect();
            stratum_value_string_map(keep(list), pairs.len())
        }
        other => panic!("the workload has no {other:?}"),
    }
}

/// What a pointer and a count lead to.
///
/// # Safety
/// They do so, for as long as the slice is used; NULL stands for nothing.
pub unsafe fn slice<'a, T>(data: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(data, count) }
}

/// A sum over all the bytes of a value that was read: a reader that looks at everything, and keeps nothing.
///
/// # Safety
/// It is alive.
pub unsafe fn visit_value(value: &stratum_value) -> u64 {
    // SAFETY: as in `value_of`.
    unsafe {
        match value.kind {
            STRATUM_KIND_INT64 => value.r#as.int64.cast_unsigned(),
            STRATUM_KIND_DOUBLE => value.r#as.float64.to_bits(),
            STRATUM_KIND_STRING => sum(slice(value.r#as.text.cast(), value.count)),
            STRATUM_KIND_INT64_LIST => sum(bytemuck::cast_slice(slice(value.r#as.int64s, value.count))),
            STRATUM_KIND_STRING_LIST => total(slice(value.r#as.strings, value.count), |text| visit_text(text)),
            STRATUM_KIND_STRING_MAP => total(slice(value.r#as.strings, 2 * value.count), |text| visit_text(text)),
            other => panic!("a value of kind {other}"),
        }
    }
}

/// The same over a whole tree.
///
/// # Safety
/// It is alive.
pub unsafe fn visit_tree(tree: &stratum_tree_desc) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let columns = |columns, count| {
            total(slice(columns, count), |column: &stratum_column| {
                visit_text(&column.name).wrapping_add(visit_value(&column.value))
            })
        };
        let input = |input: &stratum_input| {
            let output = input.output.as_ref().map_or(0, |output| visit_value(output));
            let columns = columns(input.columns, input.column_count);
            visit_value(&input.value).wrapping_add(columns).wrapping_add(output)
        };
        let inputs = total(slice(tree.inputs, tree.input_count), input);
        let blob = sum(slice(tree.blob.cast(), tree.blob_length));
        blob.wrapping_add(columns(tree.columns, tree.column_count)).wrapping_add(inputs)
    }
}

unsafe fn visit_text(text: &stratum_text) -> u64 {
    // SAFETY: the caller's promise.
    sum(unsafe { slice(text.data.cast(), text.length) })
}

fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks();
    let words = total(words, |word| u64::from_ne_bytes(*word));
    words.wrapping_add(total(rest, |byte| u64::from(*byte)))
}

fn total<T>(items: &[T], one: impl FnMut(&T) -> u64) -> u64 {
    items.iter().map(one).fold(0, u64::wrapping_add)
}

unsafe fn string(text: &stratum_text) -> String {
    // SAFETY: the library gives UTF-8.
    unsafe { std::str::from_utf8(slice(text.data.cast(), text.length)).expect("UTF-8").to_owned() }
}

/// A value that was read.
///
/// # Safety
/// It is alive.
pub unsafe fn value_of(value: &stratum_value) -> Value {
    // SAFETY: the kind says which member it is, and the caller that it is alive.
    unsafe {
        match value.kind {
            STRATUM_KIND_INT64 => Value::Int64(value.r#as.int64),
            STRATUM_KIND_DOUBLE => Value::Double(value.r#as.float64),
            STRATUM_KIND_STRING => Value::String(string(&stratum_text { data: value.r#as.text, length: value.count })),
            STRATUM_KIND_INT64_LIST => Value::Int64List(slice(value.r#as.int64s, value.count).to_vec()),
            STRATUM_KIND_STRING_LIST => {
                Value::StringList(slice(value.r#as.strings, value.count).iter().map(|text| string(text)).collect())
            }
            STRATUM_KIND_STRING_MAP => {
                let pairs = slice(value.r#as.strings, 2 * value.count).as_chunks().0;
                Value::StringMap(pairs.iter().map(|[key, value]| (string(key), string(value))).collect())
            }
            other => panic!("a value of kind {other}"),
        }
    }
}

/// Columns that were read.
///
/// # Safety
/// They are alive.
pub unsafe fn columns_of(columns: *const stratum_column, count: usize) -> Columns {
    // SAFETY: the caller's promise.
    unsafe { slice(columns, count).iter().map(|column| (string(&column.name), value_of(&column.value))).collect() }
}
