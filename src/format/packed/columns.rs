//! The columns section: a document's or an input's columns, or a delta's changes to them.
//!
//! 1. Names are 1 to 255 bytes of UTF-8, unique, sorted by their bytes. A section has at least one; no columns is no
//!    section, an empty slice.
//! 2. A column without a value stands for its removal, in a delta only.

use std::collections::BTreeMap;

use crate::format::value::{decode_value, encode_value, encoded_len};
use crate::format::{Decoded, Malformed, pad, padded, read_u32, read_u64, split, split_padded};
use crate::tree::{Columns, MAX_COLUMN_NAME};

const SECTION_HEADER_LEN: u64 = 8;
const COLUMN_HEADER_LEN: u64 = 8;

/// A view of a columns section.
#[derive(Clone, Copy, Debug)]
pub struct ColumnsRef<'a> {
    count: u32,
    /// The columns, after the section's header.
    body: &'a [u8],
}

impl<'a> ColumnsRef<'a> {
    /// Views the section that is all of `section`; empty for no columns. What it holds is checked on the way through
    /// it.
    pub fn parse(section: &'a [u8]) -> Decoded<ColumnsRef<'a>> {
        if section.is_empty() {
            return Ok(ColumnsRef { count: 0, body: section });
        }
        let header = read_u64(section, 0)?;
        let (_, body) = split(section, SECTION_HEADER_LEN)?;
        match u32::try_from(header) {
            Ok(0) => Err(Malformed("a columns section has no columns")),
            Ok(count) => Ok(ColumnsRef { count, body }),
            Err(_) => Err(Malformed("a columns section has unknown flags")),
        }
    }

    /// How many columns the section says it has.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Name and encoded value of each column, sorted by name; `None` for a removal. Ends after the first error.
    pub fn iter(&self) -> impl Iterator<Item = Decoded<(&'a str, Option<&'a [u8]>)>> + use<'a> {
        let mut rest = Some((self.count, self.body));
        let mut previous = "";
        std::iter::from_fn(move || {
            let (left, body) = rest.take()?;
            if left == 0 {
                return (!body.is_empty()).then_some(Err(Malformed("a columns section has bytes after its columns")));
            }
            let (name, value, body) = match split_column(body) {
                Ok(column) => column,
                Err(error) => return Some(Err(error)),
            };
            if name <= previous {
                return Some(Err(Malformed("column names are empty, out of order or there twice")));
            }
            previous = name;
            rest = Some((left - 1, body));
            Some(Ok((name, value)))
        })
    }

    /// The encoded value of the column of that name: `None` if the section does not name it, `Some(None)` for a
    /// removal.
    pub fn get(&self, name: &str) -> Decoded<Option<Option<&'a [u8]>>> {
        for column in self.iter() {
            let (other, value) = column?;
            if other >= name {
                return Ok((other == name).then_some(value));
            }
        }
        Ok(None)
    }

    /// The columns, decoded. A removal is malformed here: there is nothing to remove from.
    pub fn to_columns(&self) -> Decoded<Columns> {
        let mut columns = Columns::new();
        for column in self.iter() {
            let (name, value) = column?;
            columns.reserve(1)?;
            columns.set(name, decode_value(value.ok_or(Malformed("a column has no value"))?)?);
        }
        Ok(columns)
    }
}

type Column<'a> = (&'a str, Option<&'a [u8]>, &'a [u8]);

fn split_column(bytes: &[u8]) -> Decoded<Column<'_>> {
    let (name_len, value_len8) = (read_u32(bytes, 0)?, read_u32(bytes, 4)?);
    let (_, rest) = split(bytes, COLUMN_HEADER_LEN)?;
    if name_len as usize > MAX_COLUMN_NAME {
        return Err(Malformed("a column name is too long"));
    }
    let (name, rest) = split_padded(rest, u64::from(name_len))?;
    let name = std::str::from_utf8(name).map_err(|_| Malformed("a column name is not UTF-8"))?;
    let (value, rest) = split(rest, u64::from(value_len8) * 8)?;
    Ok((name, (value_len8 != 0).then_some(value), rest))
}

/// Bytes of the section that `encode_columns` writes.
pub(super) fn columns_len(columns: &Columns) -> u64 {
    section_len(columns.iter().map(|(name, value)| column_len(name, encoded_len(value))))
}

/// Bytes of a section of columns of these lengths.
pub(super) fn section_len(columns: impl ExactSizeIterator<Item = u64>) -> u64 {
    if columns.len() == 0 { 0 } else { SECTION_HEADER_LEN + columns.sum::<u64>() }
}

/// Bytes that a column takes in a section.
pub(super) fn column_len(name: &str, value_len: u64) -> u64 {
    COLUMN_HEADER_LEN + padded(name.len() as u64) + value_len
}

/// Appends the section of these columns; nothing where there are none.
pub(super) fn encode_columns(columns: &Columns, out: &mut Vec<u8>) {
    let columns = columns.iter().map(|(name, value)| (name, encoded_len(value), value));
    write_section(columns, encode_value, out);
}

/// Appends a section of encoded values, `None` for a removal; nothing where there are none. Names ascend.
pub(super) fn write_columns<'a>(
    columns: impl ExactSizeIterator<Item = (&'a str, Option<&'a [u8]>)>,
    out: &mut Vec<u8>,
) {
    let columns = columns.map(|(name, value)| (name, value.map_or(0, <[u8]>::len) as u64, value.unwrap_or_default()));
    write_section(columns, |value, out| out.extend_from_slice(value), out);
}

fn write_section<'a, T>(
    columns: impl ExactSizeIterator<Item = (&'a str, u64, T)>,
    write: impl Fn(T, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    if columns.len() == 0 {
        return;
    }
    let saturated = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    out.extend_from_slice(&u64::from(saturated(columns.len() as u64)).to_le_bytes());
    for (name, value_len, value) in columns {
        out.extend_from_slice(&saturated(name.len() as u64).to_le_bytes());
        out.extend_from_slice(&saturated(value_len / 8).to_le_bytes());
        out.extend_from_slice(name.as_bytes());
        pad(out);
        write(value, out);
    }
}

/// Encoded columns by name; `None` for a removal.
pub(super) type Overlay<'a> = BTreeMap<&'a str, Option<&'a [u8]>>;

/// What sections come to, laid one over the other, oldest first.
pub(super) fn overlay<'a>(sections: impl Iterator<Item = Decoded<ColumnsRef<'a>>>) -> Decoded<Overlay<'a>> {
    let mut columns = BTreeMap::new();
    for section in sections {
        for column in section?.iter() {
            let (name, value) = column?;
            columns.insert(name, value);
        }
    }
    Ok(columns)
}

/// Bytes of the section of these columns.
pub(super) fn overlay_len(columns: &Overlay<'_>) -> u64 {
    section_len(columns.iter().map(|(name, value)| column_len(name, value.map_or(0, <[u8]>::len) as u64)))
}

/// The columns that are there once the removals have been.
pub(super) fn without_removals(mut columns: Overlay<'_>) -> Overlay<'_> {
    columns.retain(|_, value| value.is_some());
    columns
}
