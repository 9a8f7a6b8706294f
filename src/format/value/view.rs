//! Reading values in place.
//!
//! 1. `split_value` looks at one level; `ValueRef::check` goes down, to `MAX_DEPTH`. Both together are the
//!    definition of "canonical", and `decode_value` goes through them too.

use super::kind;
use super::lists::{Doubles, Entries, Int64s, StringPairs, Strings, Values, utf8};
use crate::format::{Decoded, Malformed, read_u64, split, split_padded};
use crate::memory;
use crate::value::{MAX_DEPTH, Value, is_decimal};

/// An encoded value, checked and read in place.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// See [`Value::Null`].
    Null,
    /// See [`Value::Bool`].
    Bool(bool),
    /// See [`Value::Int64`].
    Int64(i64),
    /// See [`Value::Double`].
    Double(f64),
    /// See [`Value::Decimal`].
    Decimal(&'a str),
    /// See [`Value::String`].
    String(&'a str),
    /// See [`Value::Bytes`].
    Bytes(&'a [u8]),
    /// See [`Value::Int64List`].
    Int64List(Int64s<'a>),
    /// See [`Value::DoubleList`].
    DoubleList(Doubles<'a>),
    /// See [`Value::StringList`].
    StringList(Strings<'a>),
    /// See [`Value::StringMap`].
    StringMap(StringPairs<'a>),
    /// See [`Value::List`].
    List(Values<'a>),
    /// See [`Value::Map`].
    Map(Entries<'a>),
}

/// Decodes `bytes`, which must be exactly one canonical encoded value.
pub fn decode_value(bytes: &[u8]) -> Decoded<Value> {
    ValueRef::parse(bytes)?.to_value()
}

impl<'a> ValueRef<'a> {
    /// Checks that `bytes` are exactly one canonical encoded value, and views it.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Decoded<ValueRef<'a>> {
        let (value, rest) = split_value(bytes)?;
        if !rest.is_empty() {
            return Err(Malformed("there are bytes after the value"));
        }
        value.check(0)?;
        Ok(value)
    }

    /// The number of its kind ([`kind`]).
    pub fn kind(&self) -> u8 {
        match self {
            ValueRef::Null => kind::NULL,
            ValueRef::Bool(_) => kind::BOOL,
            ValueRef::Int64(_) => kind::INT64,
            ValueRef::Double(_) => kind::DOUBLE,
            ValueRef::Decimal(_) => kind::DECIMAL,
            ValueRef::String(_) => kind::STRING,
            ValueRef::Bytes(_) => kind::BYTES,
            ValueRef::Int64List(_) => kind::INT64_LIST,
            ValueRef::DoubleList(_) => kind::DOUBLE_LIST,
            ValueRef::StringList(_) => kind::STRING_LIST,
            ValueRef::StringMap(_) => kind::STRING_MAP,
            ValueRef::List(_) => kind::LIST,
            ValueRef::Map(_) => kind::MAP,
        }
    }

    /// The value, copied. The one error is [`Malformed::NO_MEMORY`].
    #[inline]
    pub fn to_value(&self) -> Decoded<Value> {
        Ok(match self {
            ValueRef::Null => Value::Null,
            ValueRef::Bool(value) => Value::Bool(*value),
            ValueRef::Int64(number) => Value::Int64(*number),
            ValueRef::Double(number) => Value::Double(*number),
            ValueRef::Decimal(text) => Value::Decimal(memory::text(text)?),
            ValueRef::String(text) => Value::String(memory::text(text)?),
            ValueRef::Bytes(bytes) => Value::Bytes(memory::copy(bytes)?),
            ValueRef::Int64List(items) => Value::Int64List(items.to_vec()?),
            ValueRef::DoubleList(items) => Value::DoubleList(items.to_vec()?),
            ValueRef::StringList(items) => {
                Value::StringList(collect(items.len(), items.iter().map(|item| Ok(memory::text(item)?)))?)
            }
            ValueRef::StringMap(pairs) => Value::StringMap(collect(pairs.len(), pairs.iter().map(owned_pair))?),
            ValueRef::List(items) => Value::List(collect(items.len(), items.iter().map(|item| item.to_value()))?),
            ValueRef::Map(entries) => Value::Map(collect(
                entries.len(),
                entries.iter().map(|(key, value)| Ok((memory::text(key)?, value.to_value()?))),
            )?),
        })
    }

    /// What `split_value` leaves open: the values within, at most `MAX_DEPTH` levels of them, and keys being unique.
    #[inline]
    pub(super) fn check(&self, depth: usize) -> Decoded<()> {
        match self {
            ValueRef::StringMap(pairs) => pairs.check(),
            ValueRef::List(_) | ValueRef::Map(_) if depth >= MAX_DEPTH => Err(Malformed("a value nests too deep")),
            ValueRef::List(items) => items.check(depth + 1),
            ValueRef::Map(entries) => entries.check(depth + 1),
            _ => Ok(()),
        }
    }
}

/// Views the value that `bytes` begin with, without looking at the values within; and what comes after it.
#[inline]
pub(super) fn split_value(bytes: &[u8]) -> Decoded<(ValueRef<'_>, &[u8])> {
    let header = read_u64(bytes, 0)?;
    let (_, rest) = split(bytes, super::VALUE_HEADER_LEN)?;
    let count = (header >> 32) as u32;
    // The kind is the lowest byte; the three above it are zero.
    let kind = u8::try_from(header as u32).map_err(|_| Malformed("an unknown kind of value"))?;
    Ok(match kind {
        kind::NULL => (ValueRef::Null, uncounted(count, rest)?),
        kind::BOOL if count <= 1 => (ValueRef::Bool(count == 1), rest),
        kind::BOOL => return Err(Malformed("a bool is neither 0 nor 1")),
        kind::INT64 => {
            let (word, rest) = split(uncounted(count, rest)?, 8)?;
            (ValueRef::Int64(read_u64(word, 0)?.cast_signed()), rest)
        }
        kind::DOUBLE => {
            let (word, rest) = split(uncounted(count, rest)?, 8)?;
            (ValueRef::Double(f64::from_bits(read_u64(word, 0)?)), rest)
        }
        kind::DECIMAL => {
            let (text, rest) = split_padded(rest, u64::from(count))?;
            let text = utf8(text)?;
            if !is_decimal(text) {
                return Err(Malformed("a decimal is not a number"));
            }
            (ValueRef::Decimal(text), rest)
        }
        kind::STRING => {
            let (text, rest) = split_padded(rest, u64::from(count))?;
            (ValueRef::String(utf8(text)?), rest)
        }
        kind::BYTES => {
            let (bytes, rest) = split_padded(rest, u64::from(count))?;
            (ValueRef::Bytes(bytes), rest)
        }
        kind::INT64_LIST => view(ValueRef::Int64List, Int64s::split(rest, count)?),
        kind::DOUBLE_LIST => view(ValueRef::DoubleList, Doubles::split(rest, count)?),
        kind::STRING_LIST => view(ValueRef::StringList, Strings::split(rest, u64::from(count))?),
        kind::STRING_MAP => view(ValueRef::StringMap, StringPairs::split(rest, count)?),
        kind::LIST => {
            let (body, rest) = split_body(rest)?;
            (ValueRef::List(Values::new(count, body)), rest)
        }
        kind::MAP => {
            let (body, rest) = split_body(rest)?;
            (ValueRef::Map(Entries::new(count, body)), rest)
        }
        _ => return Err(Malformed("an unknown kind of value")),
    })
}

fn view<'a, T>(kind: impl FnOnce(T) -> ValueRef<'a>, (value, rest): (T, &'a [u8])) -> (ValueRef<'a>, &'a [u8]) {
    (kind(value), rest)
}

fn uncounted(count: u32, rest: &[u8]) -> Decoded<&[u8]> {
    if count == 0 { Ok(rest) } else { Err(Malformed("a value that has no count counts something")) }
}

/// The children of a nested list or map. Their length is a multiple of 8 because each child's is.
fn split_body(bytes: &[u8]) -> Decoded<(&[u8], &[u8])> {
    let length = read_u64(bytes, 0)?;
    let (_, rest) = split(bytes, 8)?;
    split(rest, length)
}

fn owned_pair((key, value): (&str, &str)) -> Decoded<(String, String)> {
    Ok((memory::text(key)?, memory::text(value)?))
}

/// Collects with the right capacity from the start; `len` was checked against the bytes there are.
fn collect<T>(len: usize, items: impl Iterator<Item = Decoded<T>>) -> Decoded<Vec<T>> {
    let mut all = memory::vec(len)?;
    for item in items {
        all.push(item?);
    }
    Ok(all)
}
