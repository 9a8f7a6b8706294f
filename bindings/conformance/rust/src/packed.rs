//! The packed forms of stratum.h that the crate itself does not offer: rows of operations, rows of inputs.
//!
//! 1. This is written from the comments of `stratum_batch_apply_packed` and `stratum_input_cursor_fill`, not from the
//!    library's code: where the two differ a vector says so.

use stratum::format::packed::ColumnsRef;
use stratum::format::value::{decode_value, encode_value};
use stratum::{Batch, Columns, DocumentId, Input, InputId, Value};

use crate::wire::{Call, INVALID_ARGUMENT, NOT_FOUND};

const HEADER: usize = 48;
const MADE: u64 = 1 << 63;

/// A row of operations.
#[derive(Default)]
struct Row<'a> {
    operation: u32,
    document: u64,
    input: u64,
    before: u64,
    name: &'a str,
    columns: &'a [u8],
    body: &'a [u8],
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Cuts `length` bytes and their padding off the front.
fn cut<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let length = usize::try_from(length).ok()?;
    let whole = length.checked_next_multiple_of(8)?;
    let (field, rest) = bytes.split_at_checked(whole)?;
    *bytes = rest;
    field.get(length..)?.iter().all(|byte| *byte == 0).then(|| &field[..length])
}

fn rows(mut bytes: &[u8]) -> Option<Vec<Row<'_>>> {
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        let length = u32_at(bytes, 4)? as usize * 8;
        let (row, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        let mut fields = row.get(HEADER..)?;
        let name = cut(&mut fields, u32_at(row, 32)?.into())?;
        let columns = cut(&mut fields, u64::from(u32_at(row, 36)?) * 8)?;
        let body = cut(&mut fields, u64_at(row, 40)?)?;
        let row = Row {
            operation: u32_at(row, 0)?,
            document: u64_at(row, 8)?,
            input: u64_at(row, 16)?,
            before: u64_at(row, 24)?,
            name: std::str::from_utf8(name).ok()?,
            columns,
            body,
        };
        (fields.is_empty() && row.leaves_alone_what_it_does_not_use()).then(|| rows.push(row))?;
    }
    Some(rows)
}

impl Row<'_> {
    fn leaves_alone_what_it_does_not_use(&self) -> bool {
        // Document, input, before, name, columns, body.
        let used = match self.operation {
            1 => "    cb",
            2 => "     b",
            3 | 4 | 8 => "d    b",
            5 => "d  n b",
            6 => "d  n  ",
            7 => "d     ",
            9 => "d b  b",
            10 => "dib   ",
            12 => "di n b",
            13 => "di n  ",
            14 | 17 => "di    ",
            11 | 15 | 16 => "di   b",
            _ => return false,
        };
        let set = [
            self.document != 0,
            self.input != 0,
            self.before != 0,
            !self.name.is_empty(),
            !self.columns.is_empty(),
            !self.body.is_empty(),
        ];
        set.iter().zip(used.bytes()).all(|(set, used)| !set || used != b' ')
    }

    fn value(&self) -> Call<Value> {
        decode_value(self.body).map_err(|_| INVALID_ARGUMENT)
    }

    fn columns(&self) -> Call<Columns> {
        ColumnsRef::parse(self.columns).and_then(|columns| columns.to_columns()).map_err(|_| INVALID_ARGUMENT)
    }

    fn apply(&self, batch: &mut Batch, made: &[u64]) -> Call<u64> {
        let id = |id: u64| match usize::try_from(id ^ MADE) {
            Ok(row) if id & MADE != 0 => made.get(row).copied().filter(|id| *id != 0).ok_or(INVALID_ARGUMENT),
            _ => Ok(id),
        };
        let document = || DocumentId::new(id(self.document)?).ok_or(NOT_FOUND);
        let input = || InputId::new(id(self.input)?).ok_or(NOT_FOUND);
        let before = || InputId::new(id(self.before)?).ok_or(NOT_FOUND);
        match self.operation {
            1 => return Ok(batch.create_document(self.body, &self.columns()?)?.get()),
            2 => return Ok(batch.put_packed(self.body)?.document.get()),
            3 => return Ok(batch.replace_packed(document()?, self.body)?.first_input.map_or(0, InputId::get)),
            4 => batch.set_blob(document()?, self.body)?,
            5 => batch.set_column(document()?, self.name, &self.value()?)?,
            6 => batch.remove_column(document()?, self.name)?,
            7 => batch.delete_document(document()?)?,
            8 => return Ok(batch.append_input(document()?, &self.value()?)?.get()),
            9 => return Ok(batch.insert_input(document()?, before()?, &self.value()?)?.get()),
            10 if self.before == 0 => batch.move_input(document()?, input()?, None)?,
            10 => batch.move_input(document()?, input()?, Some(before()?))?,
            11 => batch.replace_input(document()?, input()?, &self.value()?)?,
            12 => batch.set_input_column(document()?, input()?, self.name, &self.value()?)?,
            13 => batch.remove_input_column(document()?, input()?, self.name)?,
            14 => batch.delete_input(document()?, input()?)?,
            15 => batch.set_output(document()?, input()?, &self.value()?)?,
            16 => batch.update_output(document()?, input()?, &self.value()?)?,
            _ => batch.delete_output(document()?, input()?)?,
        }
        Ok(0)
    }
}

/// Applies rows of operations; gives what each makes.
pub fn apply(batch: &mut Batch, operations: &[u8]) -> Call<Vec<u64>> {
    let mut made = Vec::new();
    for row in rows(operations).ok_or(INVALID_ARGUMENT)? {
        let id = row.apply(batch, &made)?;
        made.push(id);
    }
    Ok(made)
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_value(value, &mut bytes);
    bytes
}

fn columns_section(columns: &Columns) -> Vec<u8> {
    let mut section = Vec::new();
    if !columns.is_empty() {
        section.extend_from_slice(&columns.len().to_le_bytes());
    }
    for (name, value) in columns.iter() {
        let value = encoded(value);
        section.extend_from_slice(&(name.len() as u32).to_le_bytes());
        section.extend_from_slice(&(value.len() as u32 / 8).to_le_bytes());
        section.extend_from_slice(name.as_bytes());
        section.resize(section.len().next_multiple_of(8), 0);
        section.extend(value);
    }
    section
}

/// A row of `stratum_input_cursor_fill`.
pub fn input_row(input: &Input) -> Vec<u8> {
    let parts = [
        encoded(&input.value),
        input.output.as_ref().map(encoded).unwrap_or_default(),
        columns_section(&input.columns),
    ];
    let id = input.id.map_or(0, InputId::get) as u32;
    let eighths = parts.each_ref().map(|part| part.len() as u32 / 8);
    let total = 3 + eighths.iter().sum::<u32>();
    let header = [total, id, eighths[0], eighths[1], eighths[2], 0];
    header.iter().flat_map(|field| field.to_le_bytes()).chain(parts.into_iter().flatten()).collect()
}
