//! Writing values.
//!
//! 1. The value was checked (`Value::check`) and its `encoded_len` is below 4 GiB; both are the caller's to see to.
//!    A count beyond 32 bits is written saturated, which no decoder accepts, rather than cut.
//! 2. Exactly `encoded_len` bytes are appended.

use super::{VALUE_HEADER_LEN, kind};
use crate::format::{pad, padded};
use crate::value::Value;

/// Bytes that `value` takes encoded: a multiple of 8, at least 8.
pub fn encoded_len(value: &Value) -> u64 {
    let payload = match value {
        Value::Null | Value::Bool(_) => 0,
        Value::Int64(_) | Value::Double(_) => 8,
        Value::Decimal(text) | Value::String(text) => padded(text.len() as u64),
        Value::Bytes(bytes) => padded(bytes.len() as u64),
        Value::Int64List(items) => items.len() as u64 * 8,
        Value::DoubleList(items) => items.len() as u64 * 8,
        Value::StringList(items) => strings_len(items.iter().map(String::as_str)),
        Value::StringMap(pairs) => strings_len(flatten(pairs)),
        Value::List(items) => 8 + items.iter().map(encoded_len).sum::<u64>(),
        Value::Map(entries) => 8 + entries.iter().map(|(key, value)| text_len(key) + encoded_len(value)).sum::<u64>(),
    };
    VALUE_HEADER_LEN + payload
}

/// Appends the encoded form of `value`.
///
/// `value` must have passed [`Value::check`] and be shorter than 4 GiB encoded; the length of `out` must be a
/// multiple of 8, and is one afterwards.
pub fn encode_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => header(kind::NULL, 0, out),
        Value::Bool(value) => header(kind::BOOL, usize::from(*value), out),
        Value::Int64(number) => {
            header(kind::INT64, 0, out);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Double(number) => {
            header(kind::DOUBLE, 0, out);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::Decimal(text) => encode_bytes(kind::DECIMAL, text.as_bytes(), out),
        Value::String(text) => encode_bytes(kind::STRING, text.as_bytes(), out),
        Value::Bytes(bytes) => encode_bytes(kind::BYTES, bytes, out),
        Value::Int64List(items) => {
            header(kind::INT64_LIST, items.len(), out);
            encode_words(items, |number| number.to_le_bytes(), out);
        }
        Value::DoubleList(items) => {
            header(kind::DOUBLE_LIST, items.len(), out);
            encode_words(items, |number| number.to_bits().to_le_bytes(), out);
        }
        Value::StringList(items) => {
            header(kind::STRING_LIST, items.len(), out);
            encode_strings(items.iter().map(String::as_str), out);
        }
        Value::StringMap(pairs) => {
            header(kind::STRING_MAP, pairs.len(), out);
            encode_strings(flatten(pairs), out);
        }
        Value::List(items) => {
            header(kind::LIST, items.len(), out);
            encode_body(out, |out| items.iter().for_each(|item| encode_value(item, out)));
        }
        Value::Map(entries) => {
            header(kind::MAP, entries.len(), out);
            encode_body(out, |out| {
                for (key, value) in entries {
                    encode_bytes(kind::STRING, key.as_bytes(), out);
                    encode_value(value, out);
                }
            });
        }
    }
}

fn header(kind: u8, count: usize, out: &mut Vec<u8>) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    out.extend_from_slice(&(u64::from(kind) | u64::from(count) << 32).to_le_bytes());
}

fn encode_bytes(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    header(kind, bytes.len(), out);
    out.extend_from_slice(bytes);
    pad(out);
}

fn encode_words<T: bytemuck::NoUninit>(items: &[T], encode: impl Fn(&T) -> [u8; 8], out: &mut Vec<u8>) {
    if cfg!(target_endian = "little") {
        // The numbers in memory are the encoded form already.
        out.extend_from_slice(bytemuck::cast_slice(items));
    } else {
        items.iter().for_each(|item| out.extend_from_slice(&encode(item)));
    }
}

fn encode_strings<'a>(texts: impl Iterator<Item = &'a str> + Clone, out: &mut Vec<u8>) {
    let mut end = 0usize;
    for text in texts.clone() {
        end += text.len();
        out.extend_from_slice(&u32::try_from(end).unwrap_or(u32::MAX).to_le_bytes());
    }
    pad(out);
    texts.for_each(|text| out.extend_from_slice(text.as_bytes()));
    pad(out);
}

/// The children's length in bytes goes before them, so that a reader can step over them.
fn encode_body(out: &mut Vec<u8>, children: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    children(out);
    let length = (out.len() - at - 8) as u64;
    out[at..at + 8].copy_from_slice(&length.to_le_bytes());
}

fn flatten(pairs: &[(String, String)]) -> impl Iterator<Item = &str> + Clone {
    pairs.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()])
}

fn text_len(text: &str) -> u64 {
    VALUE_HEADER_LEN + padded(text.len() as u64)
}

fn strings_len<'a>(texts: impl Iterator<Item = &'a str>) -> u64 {
    let (count, bytes) = texts.fold((0u64, 0u64), |(count, bytes), text| (count + 1, bytes + text.len() as u64));
    padded(count * 4) + padded(bytes)
}
