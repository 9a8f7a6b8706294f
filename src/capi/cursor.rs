//! Cursors: the documents of a store, the inputs of a document, one at a time or a buffer full at a time.
//!
//! 1. A cursor holds its moment until its store is closed: what it shows does not change while it is walked.
//! 2. One thread at a time: a second one that comes in meanwhile gets `STRATUM_BUSY` (`kept`).
//! 3. A row that C borrows stays what it is when the store is closed.

#![allow(unsafe_code)] // the C boundary

use std::ffi::c_void;

use super::arguments::{self, Buffer, Out};
use super::error::stratum_error;
use super::guard;
use super::handles::{self, Handle, Kind};
use super::kept::Kept;
use super::status::{Call, Failure, STRATUM_PANIC};
use super::tree::stratum_input;
use super::value_out::{Arena, Frozen};
use super::view::{self, stratum_view, too_small};
use crate::error::Error;
use crate::format::packed::{Head, OutputState, TreeParts, encode_tree};
use crate::format::{Decoded, Malformed};
use crate::memory;
use crate::sync::Mutex;
use crate::{Columns, DocumentId, Documents, Input, InputId, Inputs};

const ROW_HEADER_LEN: u64 = 24;

/// Walks over the ids of the documents in a view, ascending.
pub struct stratum_document_cursor(());

/// Walks over the inputs of a document in their order.
pub struct stratum_input_cursor(());

/// What an input cursor handle holds.
pub(super) struct InputCursor {
    rows: Kept<InputRows>,
    /// The row that C borrows until the next call. Touched by the call that has the rows, and by no close.
    current: Mutex<Option<CurrentInput>>,
}

pub(super) struct InputRows {
    inputs: Inputs,
    /// Read, but too long for the buffer of `fill`: the next one to give.
    pending: Option<Input>,
    /// Met after rows that `fill` gave: what the next call answers.
    failed: Option<Failure>,
}

impl InputRows {
    fn next(&mut self) -> Call<Option<Input>> {
        if let Some(failure) = self.failed.take() {
            return Err(failure);
        }
        match self.pending.take() {
            Some(input) => Ok(Some(input)),
            None => Ok(self.inputs.next().transpose()?),
        }
    }
}

pub(super) struct CurrentInput {
    view: Frozen<stratum_input>,
    _arena: Arena,
    _input: Input,
}

impl Handle for stratum_document_cursor {
    const KIND: Kind = Kind::DocumentCursor;
    type Object = Kept<Documents>;
}

impl Handle for stratum_input_cursor {
    const KIND: Kind = Kind::InputCursor;
    type Object = InputCursor;
}

/// Runs a call on the rows of a cursor.
fn alone<T: Send + 'static, R>(kept: &Kept<T>, call: impl FnOnce(&mut T) -> Call<R>) -> Call<R> {
    let mut rows = kept.alone("another thread is using this cursor")?;
    call(rows.as_mut().ok_or_else(guard::store_closed)?)
}

/// A cursor over the live document ids of the view, ascending, from the id `from` on (0: from the first). It keeps the
/// moment of the view and may outlive it. The caller frees it with stratum_document_cursor_free.
/// Errors: STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_documents(
    view: *const stratum_view,
    from: u64,
    cursor: *mut *mut stratum_document_cursor,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("cursor", cursor)?;
            let cursor = view::with(view, |view, store| Kept::new(store, view.documents(first(from))?))?;
            out.put(handles::insert(cursor)?);
            Ok(())
        })
    }
}

fn first(from: u64) -> DocumentId {
    DocumentId::new(from).unwrap_or(DocumentId::FIRST)
}

/// The next document id.
/// Errors: STRATUM_END (past the last), STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_document_cursor_next(
    cursor: *mut stratum_document_cursor,
    document: *mut u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("document", document)?;
            let cursor = handles::enter(cursor)?;
            out.put(alone(&cursor, |rows| rows.next().ok_or(Failure::End))?.get());
            Ok(())
        })
    }
}

/// The next document ids, as many as there are and the buffer holds; `*count` gets their number, which is above 0 where
/// the answer is STRATUM_OK.
/// Errors: STRATUM_END (past the last), STRATUM_INVALID_ARGUMENT (capacity 0), STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_document_cursor_fill(
    cursor: *mut stratum_document_cursor,
    documents: *mut u64,
    capacity: usize,
    count: *mut usize,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("count", count)?;
            let mut buffer = Buffer::new("documents", documents, capacity)?;
            if capacity == 0 {
                return Err(Failure::argument("the capacity is 0"));
            }
            let cursor = handles::enter(cursor)?;
            alone(&cursor, |rows| {
                let mut filled = 0;
                while filled < buffer.capacity() {
                    let Some(document) = rows.next() else { break };
                    if !buffer.put(filled, &[document.get()]) {
                        break;
                    }
                    filled += 1;
                }
                if filled == 0 {
                    return Err(Failure::End);
                }
                out.put(filled);
                Ok(())
            })
        })
    }
}

/// Moves the cursor, forwards or back: the next id will be the first one that is `from` or above (0: the first of all).
/// Errors: STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_document_cursor_seek(
    cursor: *mut stratum_document_cursor,
    from: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let cursor = handles::enter(cursor)?;
            alone(&cursor, |rows| {
                rows.seek(first(from));
                Ok(())
            })
        })
    }
}

/// Frees the cursor and sets `*cursor` to NULL. A NULL is no error.
/// Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_document_cursor_free(cursor: *mut *mut stratum_document_cursor) -> i32 {
    // SAFETY: the caller's pointer to its own variable, as the header's conventions demand.
    unsafe { guard::free(cursor) }
}

/// A cursor over the inputs of a document in their order. It keeps the moment of the view and may outlive it. The
/// caller frees it with stratum_input_cursor_free.
/// Errors: STRATUM_NOT_FOUND, STRATUM_CLOSED, STRATUM_IO, STRATUM_CORRUPTION.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_input_cursor(
    view: *const stratum_view,
    document: u64,
    cursor: *mut *mut stratum_input_cursor,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("cursor", cursor)?;
            let cursor = view::with(view, |view, store| {
                let inputs = view.inputs(arguments::document(document)?)?;
                let rows = Kept::new(store, InputRows { inputs, pending: None, failed: None })?;
                Ok(InputCursor { rows, current: Mutex::new(None) })
            })?;
            out.put(handles::insert(cursor)?);
            Ok(())
        })
    }
}

/// The next input with its value, columns and output. Borrowed: valid until the next call on this cursor, or its free.
/// Errors: STRATUM_END (past the last), STRATUM_CLOSED, STRATUM_BUSY, STRATUM_IO, STRATUM_CORRUPTION, STRATUM_NO_MEMORY
/// (the cursor stays where it is).
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_input_cursor_next(
    cursor: *mut stratum_input_cursor,
    input: *mut *const stratum_input,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("input", input)?;
            let cursor = handles::enter(cursor)?;
            alone(&cursor.rows, |rows| {
                let mut current = cursor.current.lock();
                *current = None;
                let input = rows.next()?.ok_or(Failure::End)?;
                let mut arena = Arena::default();
                let view = match arena.input(&input) {
                    Ok(view) => Frozen(view),
                    Err(failure) => {
                        rows.pending = Some(input); // for the next call
                        return Err(failure);
                    }
                };
                let current = current.insert(CurrentInput { view, _arena: arena, _input: input });
                out.put(&raw const current.view.0);
                Ok(())
            })
        })
    }
}

/// The next inputs as packed rows, little-endian, as many as there are and the buffer holds:
///
/// -  0 u32 length of the row, this header included
/// -  4 u32 id of the input
/// -  8 u32 length of the value
/// - 12 u32 length of the output, 0 for none
/// - 16 u32 length of the columns section, 0 for none
/// - 20 u32 0
/// - 24 the value, the output, the columns
///
/// with lengths in units of 8 bytes, and values and columns in their encoded form ("Value" and "Columns section" in
/// docs/format.md). An 8-aligned buffer has aligned rows. `*length` gets the bytes that were filled, above 0 where the
/// answer is STRATUM_OK; where not even the next row fits, the bytes that it needs, and the cursor stays where it is.
/// Errors: STRATUM_END (past the last), STRATUM_BUFFER_TOO_SMALL, STRATUM_CLOSED, STRATUM_BUSY, STRATUM_IO,
/// STRATUM_CORRUPTION (rows that were read before it are given first), STRATUM_NO_MEMORY (the cursor stays where it
/// is).
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_input_cursor_fill(
    cursor: *mut stratum_input_cursor,
    buffer: *mut c_void,
    capacity: usize,
    length: *mut usize,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("length", length)?;
            let mut buffer = Buffer::new("buffer", buffer.cast::<u8>(), capacity)?;
            let cursor = handles::enter(cursor)?;
            alone(&cursor.rows, |rows| {
                *cursor.current.lock() = None;
                let mut filled = 0;
                loop {
                    let input = match rows.next() {
                        Ok(Some(input)) => input,
                        Ok(None) => break,
                        Err(failure) if filled == 0 => return Err(failure),
                        Err(failure) => {
                            rows.failed = Some(failure);
                            break;
                        }
                    };
                    let row = pack_row(&input).map_err(|error| match error {
                        Malformed::NO_MEMORY => Failure::from(Error::NoMemory),
                        bug => Failure::Refused(STRATUM_PANIC, bug.to_string().into()),
                    });
                    let row = match row {
                        Ok(row) => row,
                        Err(failure) => {
                            rows.pending = Some(input);
                            if filled == 0 {
                                return Err(failure);
                            }
                            break;
                        }
                    };
                    if !buffer.put(filled, &row) {
                        rows.pending = Some(input);
                        if filled == 0 {
                            out.put(row.len());
                            return Err(too_small(row.len(), capacity));
                        }
                        break;
                    }
                    filled += row.len();
                }
                if filled == 0 {
                    return Err(Failure::End);
                }
                out.put(filled);
                Ok(())
            })
        })
    }
}

/// The packed row of an input. Its node is taken from a tree of this input alone, where value, output and columns
/// already lie one after another in their encoded form.
fn pack_row(input: &Input) -> Decoded<Vec<u8>> {
    let parts = TreeParts { blob: &[], columns: &Columns::new(), inputs: std::slice::from_ref(input) };
    let tree = encode_tree(parts, InputId::FIRST.get(), false)?;
    let node = Head::parse(&tree)?.directory()?.entry(0)?;
    let output = if let OutputState::At(span) = node.output { Some(span) } else { None };
    let sections = [node.value, output, node.columns];
    let lengths = sections.map(|section| section.map_or(0, |span| span.length));
    let total = ROW_HEADER_LEN + lengths.iter().sum::<u64>();
    let id = input.id.map_or(0, |id| id.get());
    let mut row = memory::vec(total as usize)?;
    for field in [total / 8, id, lengths[0] / 8, lengths[1] / 8, lengths[2] / 8, 0] {
        row.extend_from_slice(&(field as u32).to_le_bytes()); // no value is longer than 2 GiB
    }
    for span in sections.into_iter().flatten() {
        row.extend_from_slice(span.of(&tree)?);
    }
    Ok(row)
}

/// Frees the cursor and sets `*cursor` to NULL; what was borrowed from it ends. A NULL is no error.
/// Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_input_cursor_free(cursor: *mut *mut stratum_input_cursor) -> i32 {
    // SAFETY: the caller's pointer to its own variable, as the header's conventions demand.
    unsafe { guard::free(cursor) }
}
