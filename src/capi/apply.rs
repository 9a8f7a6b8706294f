//! Many writes in one flat buffer: a row for each, little-endian, for languages in which a call into C is dear.
//!
//! 1. The layout of a row is told in the comment of `stratum_batch_apply_packed`, for C, and in `Row::split`.
//! 2. The whole buffer is split into rows before the first one is applied; a field that an operation does not use must
//!    be zero, so that it can get a meaning later.

#![allow(unsafe_code)] // the C boundary

use std::ffi::c_void;

use super::arguments::{self, Buffer, Out};
use super::batch::{on_batch_into, on_db_into, stratum_batch};
use super::db::stratum_db;
use super::error::stratum_error;
use super::status::{Call, Failure, STRATUM_BUFFER_TOO_SMALL};
use crate::error::Error;
use crate::format::Malformed;
use crate::format::packed::ColumnsRef;
use crate::format::value::decode_value;
use crate::memory;
use crate::tree::check_column_name_length;
use crate::{Batch, Columns, DocumentId, InputId, TreeIds, Value};

/// columns, body: the blob. Its id is the new document's.
pub const STRATUM_OP_CREATE_DOCUMENT: u32 = 1;
/// body: a packed tree. Its id is the new document's, whose inputs have the ids 1, 2, 3...
pub const STRATUM_OP_PUT_TREE: u32 = 2;
/// document, body: a packed tree. Its id is that of the first input, 0 for none; the others follow it one by one.
pub const STRATUM_OP_REPLACE_TREE: u32 = 3;
/// document, body: the blob.
pub const STRATUM_OP_SET_BLOB: u32 = 4;
/// document, name, body: a value.
pub const STRATUM_OP_SET_COLUMN: u32 = 5;
/// document, name.
pub const STRATUM_OP_REMOVE_COLUMN: u32 = 6;
/// document.
pub const STRATUM_OP_DELETE_DOCUMENT: u32 = 7;
/// document, body: a value. Its id is the new input's.
pub const STRATUM_OP_APPEND_INPUT: u32 = 8;
/// document, before, body: a value. Its id is the new input's.
pub const STRATUM_OP_INSERT_INPUT: u32 = 9;
/// document, input, before (0: to the end).
pub const STRATUM_OP_MOVE_INPUT: u32 = 10;
/// document, input, body: a value.
pub const STRATUM_OP_REPLACE_INPUT: u32 = 11;
/// document, input, name, body: a value.
pub const STRATUM_OP_SET_INPUT_COLUMN: u32 = 12;
/// document, input, name.
pub const STRATUM_OP_REMOVE_INPUT_COLUMN: u32 = 13;
/// document, input.
pub const STRATUM_OP_DELETE_INPUT: u32 = 14;
/// document, input, body: a value.
pub const STRATUM_OP_SET_OUTPUT: u32 = 15;
/// document, input, body: a value.
pub const STRATUM_OP_UPDATE_OUTPUT: u32 = 16;
/// document, input.
pub const STRATUM_OP_DELETE_OUTPUT: u32 = 17;

const HEADER_LEN: usize = 48;
/// Set in an id: the rest is the number of the row, from 0, that makes the document or input.
const MADE_BY_ROW: u64 = 1 << 63;

/// What an operation uses of its row.
#[derive(Clone, Copy)]
struct Uses(u8);

const DOCUMENT: u8 = 1;
const INPUT: u8 = 2;
const BEFORE: u8 = 4;
const NAME: u8 = 8;
const COLUMNS: u8 = 16;
const BODY: u8 = 32;

fn uses(operation: u32) -> Call<Uses> {
    Ok(Uses(match operation {
        STRATUM_OP_CREATE_DOCUMENT => COLUMNS | BODY,
        STRATUM_OP_PUT_TREE => BODY,
        STRATUM_OP_REPLACE_TREE | STRATUM_OP_SET_BLOB | STRATUM_OP_APPEND_INPUT => DOCUMENT | BODY,
        STRATUM_OP_SET_COLUMN => DOCUMENT | NAME | BODY,
        STRATUM_OP_REMOVE_COLUMN => DOCUMENT | NAME,
        STRATUM_OP_DELETE_DOCUMENT => DOCUMENT,
        STRATUM_OP_INSERT_INPUT => DOCUMENT | BEFORE | BODY,
        STRATUM_OP_MOVE_INPUT => DOCUMENT | INPUT | BEFORE,
        STRATUM_OP_SET_INPUT_COLUMN => DOCUMENT | INPUT | NAME | BODY,
        STRATUM_OP_REMOVE_INPUT_COLUMN => DOCUMENT | INPUT | NAME,
        STRATUM_OP_DELETE_INPUT | STRATUM_OP_DELETE_OUTPUT => DOCUMENT | INPUT,
        STRATUM_OP_REPLACE_INPUT | STRATUM_OP_SET_OUTPUT | STRATUM_OP_UPDATE_OUTPUT => DOCUMENT | INPUT | BODY,
        other => return Err(Failure::argument(format!("{other} is none of STRATUM_OP_*"))),
    }))
}

/// One operation, in the caller's buffer.
struct Row<'a> {
    operation: u32,
    document: u64,
    input: u64,
    before: u64,
    name: &'a [u8],
    columns: &'a [u8],
    body: &'a [u8],
}

/// The little-endian number of `LEN` bytes at byte `at`.
fn number<const LEN: usize>(header: &[u8; HEADER_LEN], at: usize) -> u64 {
    let mut bytes = [0; 8];
    if let Some(field) = header.get(at..at + LEN) {
        bytes[..LEN].copy_from_slice(field);
    }
    u64::from_le_bytes(bytes)
}

/// Splits off `length` bytes and the zeros that pad them to a multiple of 8.
fn padded(bytes: &[u8], length: u64) -> Option<(&[u8], &[u8])> {
    let (field, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    let (padding, rest) = rest.split_at_checked(usize::try_from(length.wrapping_neg() % 8).ok()?)?;
    padding.iter().all(|byte| *byte == 0).then_some((field, rest))
}

impl<'a> Row<'a> {
    fn split(bytes: &'a [u8]) -> Call<(Row<'a>, &'a [u8])> {
        let cut =
            || Failure::argument("the row's lengths do not fit each other or the buffer, or its padding is not zero");
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or_else(cut)?;
        let row_length = usize::try_from(number::<4>(header, 4) * 8).map_err(|_| cut())?;
        let (row, rest) = bytes.split_at_checked(row_length).ok_or_else(cut)?;
        let fields = row.get(HEADER_LEN..).ok_or_else(cut)?;
        let (name, fields) = padded(fields, number::<4>(header, 32)).ok_or_else(cut)?;
        let (columns, fields) = padded(fields, number::<4>(header, 36) * 8).ok_or_else(cut)?;
        let (body, fields) = padded(fields, number::<8>(header, 40)).ok_or_else(cut)?;
        if !fields.is_empty() {
            return Err(cut());
        }
        let row = Row {
            operation: number::<4>(header, 0) as u32,
            document: number::<8>(header, 8),
            input: number::<8>(header, 16),
            before: number::<8>(header, 24),
            name,
            columns,
            body,
        };
        row.check_unused()?;
        if std::str::from_utf8(name).is_err() {
            return Err(Failure::argument("the name is not UTF-8"));
        }
        Ok((row, rest))
    }

    fn check_unused(&self) -> Call<()> {
        let used = uses(self.operation)?.0;
        let set = [
            (DOCUMENT, self.document != 0, "document"),
            (INPUT, self.input != 0, "input"),
            (BEFORE, self.before != 0, "before"),
            (NAME, !self.name.is_empty(), "name"),
            (COLUMNS, !self.columns.is_empty(), "columns"),
            (BODY, !self.body.is_empty(), "body"),
        ];
        match set.iter().find(|(field, is_set, _)| used & field == 0 && *is_set) {
            Some((_, _, field)) => Err(Failure::argument(format!("its operation does not use the field {field}"))),
            None => Ok(()),
        }
    }

    fn value(&self) -> Call<Value> {
        own(self.body, |body| decode_value(body).map_err(|error| unpacked("value", error)))
    }

    fn columns(&self) -> Call<Columns> {
        own(self.columns, |columns| {
            let decoded = ColumnsRef::parse(columns).and_then(|columns| columns.to_columns());
            decoded.map_err(|error| unpacked("columns", error))
        })
    }

    fn name(&self) -> Call<String> {
        check_column_name_length(self.name.len())?;
        arguments::own_text("the name", self.name)
    }

    /// Applies it; `made` has what the rows before it made. Gives what it makes, 0 for nothing.
    fn apply(&self, batch: &mut Batch, made: &[u64]) -> Call<u64> {
        let document = || -> Call<DocumentId> { arguments::document(resolve(self.document, made)?) };
        let input = || -> Call<InputId> { arguments::input(resolve(self.input, made)?) };
        let before = || -> Call<Option<InputId>> { arguments::input_or_none(resolve(self.before, made)?) };
        match self.operation {
            STRATUM_OP_CREATE_DOCUMENT => return Ok(batch.create_document(self.body, &self.columns()?)?.get()),
            STRATUM_OP_PUT_TREE => return Ok(batch.put_packed(self.body)?.document.get()),
            STRATUM_OP_REPLACE_TREE => return Ok(first_input(batch.replace_packed(document()?, self.body)?)),
            STRATUM_OP_APPEND_INPUT => return Ok(batch.append_input(document()?, &self.value()?)?.get()),
            STRATUM_OP_INSERT_INPUT => {
                let before = arguments::input(resolve(self.before, made)?)?;
                return Ok(batch.insert_input(document()?, before, &self.value()?)?.get());
            }
            STRATUM_OP_SET_BLOB => batch.set_blob(document()?, self.body)?,
            STRATUM_OP_SET_COLUMN => batch.set_column(document()?, &self.name()?, &self.value()?)?,
            STRATUM_OP_REMOVE_COLUMN => batch.remove_column(document()?, &self.name()?)?,
            STRATUM_OP_DELETE_DOCUMENT => batch.delete_document(document()?)?,
            STRATUM_OP_MOVE_INPUT => batch.move_input(document()?, input()?, before()?)?,
            STRATUM_OP_REPLACE_INPUT => batch.replace_input(document()?, input()?, &self.value()?)?,
            STRATUM_OP_SET_INPUT_COLUMN => {
                batch.set_input_column(document()?, input()?, &self.name()?, &self.value()?)?;
            }
            STRATUM_OP_REMOVE_INPUT_COLUMN => batch.remove_input_column(document()?, input()?, &self.name()?)?,
            STRATUM_OP_DELETE_INPUT => batch.delete_input(document()?, input()?)?,
            STRATUM_OP_SET_OUTPUT => batch.set_output(document()?, input()?, &self.value()?)?,
            STRATUM_OP_UPDATE_OUTPUT => batch.update_output(document()?, input()?, &self.value()?)?,
            STRATUM_OP_DELETE_OUTPUT => batch.delete_output(document()?, input()?)?,
            other => return Err(Failure::argument(format!("{other} is none of STRATUM_OP_*"))),
        }
        Ok(0)
    }
}

/// Reads a copy of what a caller lends, which may change meanwhile, against all rules: what is checked must be what is
/// stored.
fn own<T>(lent: &[u8], read: impl FnOnce(&[u8]) -> Call<T>) -> Call<T> {
    let mut small = [0; 128];
    match small.get_mut(..lent.len()) {
        Some(copy) => {
            copy.copy_from_slice(lent);
            read(copy)
        }
        None => read(&memory::copy(lent)?),
    }
}

fn first_input(ids: TreeIds) -> u64 {
    ids.first_input.map_or(0, |id| id.get())
}

/// An id, or what an earlier row made.
fn resolve(id: u64, made: &[u64]) -> Call<u64> {
    if id & MADE_BY_ROW == 0 {
        return Ok(id);
    }
    let row = usize::try_from(id ^ MADE_BY_ROW).ok();
    match row.and_then(|row| made.get(row)) {
        Some(id) if *id != 0 => Ok(*id),
        _ => Err(Failure::argument("it names an earlier row that makes nothing, or a later one")),
    }
}

fn unpacked(part: &str, error: Malformed) -> Failure {
    match error {
        Malformed::NO_MEMORY => Error::NoMemory.into(),
        error => Failure::argument(format!("its {part}: {error}")),
    }
}

fn in_row(row: usize, failure: Failure) -> Failure {
    match failure {
        Failure::Refused(code, text) => Failure::Refused(code, format!("row {row}: {text}").into()),
        other => other,
    }
}

fn split_all(mut bytes: &[u8]) -> Call<Vec<Row<'_>>> {
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        let (row, rest) = Row::split(bytes).map_err(|failure| in_row(rows.len(), failure))?;
        memory::push(&mut rows, row)?;
        bytes = rest;
    }
    Ok(rows)
}

/// Applies the rows in `operations`, keeps count in `*applied`, and gives what each makes. `capacity` is the room for
/// that.
///
/// # Safety
/// The pointers are NULL or lead to what they say.
unsafe fn apply_all(
    batch: &mut Batch,
    operations: *const c_void,
    length: usize,
    capacity: usize,
    applied: *mut usize,
) -> Call<Vec<u64>> {
    // SAFETY: the caller's promise.
    let (applied, bytes) =
        unsafe { (Out::optional("applied", applied)?, arguments::bytes("operations", operations, length)?) };
    applied.put(0);
    let rows = split_all(bytes)?;
    if capacity != 0 && capacity < rows.len() {
        let text = format!("there are {} operations, and room for {capacity} ids", rows.len());
        return Err(Failure::Refused(STRATUM_BUFFER_TOO_SMALL, text.into()));
    }
    let mut made = memory::vec(rows.len())?;
    for (number, row) in rows.iter().enumerate() {
        let id = row.apply(batch, &made).map_err(|failure| in_row(number, failure))?;
        made.push(id);
        applied.put(made.len());
    }
    Ok(made)
}

/// # Safety
/// `ids` is NULL or leads to room for `capacity` ids.
unsafe fn place(ids: *mut u64, capacity: usize) -> Call<impl FnOnce(Vec<u64>)> {
    // SAFETY: the caller's promise.
    let mut ids = unsafe { Buffer::new("ids", ids, capacity)? };
    Ok(move |made: Vec<u64>| ids.put_first(&made))
}

/// Many writes in one call: `operations` is a run of rows, little-endian, each
///
/// -  0 u32 operation: STRATUM_OP_*
/// -  4 u32 length of the row in units of 8 bytes, this header included
/// -  8 u64 document
/// - 16 u64 input
/// - 24 u64 before
/// - 32 u32 length of the name in bytes
/// - 36 u32 length of the columns in units of 8 bytes
/// - 40 u64 length of the body in bytes
/// - 48 the name, the columns, the body, each padded with zeros to a multiple of 8
///
/// What an operation does not use is 0. Values and columns are in their encoded form ("Value" and "Columns section" in
/// docs/format.md). An id with the top bit set stands for what the row of that number (from 0) makes: 2^63 is the
/// document of the first row.
/// `*applied` (may be NULL) gets the number of rows that were applied, also on failure, when those before the failing
/// one stay in the batch. `ids` (may be NULL with capacity 0) gets one id for each row, on success: what it makes, else
/// 0.
/// Errors: those of the operations; STRATUM_INVALID_ARGUMENT for a row that is not well-formed;
/// STRATUM_BUFFER_TOO_SMALL where `capacity` is neither 0 nor enough (nothing was applied); STRATUM_CLOSED,
/// STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_apply_packed(
    batch: *mut stratum_batch,
    operations: *const c_void,
    length: usize,
    ids: *mut u64,
    capacity: usize,
    applied: *mut usize,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        on_batch_into(batch, place(ids, capacity), error, |batch, _| {
            apply_all(batch, operations, length, capacity, applied)
        })
    }
}

/// stratum_batch_apply_packed and a commit in one call: all rows or none. `*applied` tells which row failed.
/// Errors: as stratum_batch_apply_packed and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_apply_packed(
    db: *const stratum_db,
    operations: *const c_void,
    length: usize,
    ids: *mut u64,
    capacity: usize,
    applied: *mut usize,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        on_db_into(db, place(ids, capacity), error, |batch, _| apply_all(batch, operations, length, capacity, applied))
    }
}
