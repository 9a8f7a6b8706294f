//! Cursors: the documents of a store, the inputs of a document, one at a time or a buffer full at a time.
//!
//! 1. A cursor holds its view: what it shows does not change while it is walked.
//! 2. One thread at a time: a second one that comes in meanwhile gets `STRATUM_BUSY`.

#![allow(unsafe_code)] // the C boundary

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::arguments::{self, Buffer, Out};
use super::db::Store;
use super::error::stratum_error;
use super::guard;
use super::handles::{self, Handle, Kind};
use super::status::{Call, Failure, STRATUM_BUSY};
use super::tree::stratum_input;
use super::value_out::{Arena, Frozen};
use super::view::{self, stratum_view};
use crate::store::{Documents, Inputs};
use crate::{DocumentId, Input, View};

/// Walks over the ids of the documents in a view, ascending.
pub struct stratum_document_cursor(());

/// Walks over the inputs of a document in their order.
pub struct stratum_input_cursor(());

/// What a document cursor handle holds.
pub(super) struct DocumentCursor {
    store: Arc<Store>,
    view: View,
    rows: Mutex<Documents>,
}

/// What an input cursor handle holds.
pub(super) struct InputCursor {
    store: Arc<Store>,
    rows: Mutex<InputRows>,
}

struct InputRows {
    inputs: Inputs,
    /// The row that C borrows until the next call.
    current: Option<CurrentInput>,
}

struct CurrentInput {
    view: Frozen<stratum_input>,
    _arena: Arena,
    _input: Input,
}

impl Handle for stratum_document_cursor {
    const KIND: Kind = Kind::DocumentCursor;
    type Object = DocumentCursor;
}

impl Handle for stratum_input_cursor {
    const KIND: Kind = Kind::InputCursor;
    type Object = InputCursor;
}

/// The rows of a cursor for one call of an open store's.
fn alone<'a, T>(store: &Store, rows: &'a Mutex<T>) -> Call<MutexGuard<'a, T>> {
    store.check_open()?;
    rows.try_lock().ok_or(Failure::Refused(STRATUM_BUSY, "another thread is using this cursor".into()))
}

/// A cursor over the live document ids of the view, ascending, from the id `from` on (0: from the first). It keeps the
/// moment of the view and may outlive it. The caller frees it with stratum_document_cursor_free.
/// Errors: STRATUM_CLOSED, STRATUM_IO, STRATUM_CORRUPTION.
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
            let cursor = view::with(view, |view, store| {
                let rows = Mutex::new(view.documents(first(from))?);
                Ok(DocumentCursor { store: Arc::clone(store), view: view.clone(), rows })
            })?;
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
            let next = alone(&cursor.store, &cursor.rows)?.next();
            out.put(next.ok_or(Failure::End)?.get());
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
            let mut rows = alone(&cursor.store, &cursor.rows)?;
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
    }
}

/// Moves the cursor, forwards or back: the next id will be the first one that is `from` or above (0: the first of all).
/// Errors: STRATUM_CLOSED, STRATUM_BUSY, STRATUM_IO, STRATUM_CORRUPTION.
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
            let mut rows = alone(&cursor.store, &cursor.rows)?;
            *rows = cursor.view.documents(first(from))?;
            Ok(())
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

/// A cursor over the inputs of a document in their order. It keeps the moment of the view and may outlive it. The caller
/// frees it with stratum_input_cursor_free.
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
                let rows = Mutex::new(InputRows { inputs, current: None });
                Ok(InputCursor { store: Arc::clone(store), rows })
            })?;
            out.put(handles::insert(cursor)?);
            Ok(())
        })
    }
}

/// The next input with its value, columns and output. Borrowed: valid until the next call on this cursor, or its free.
/// Errors: STRATUM_END (past the last), STRATUM_CLOSED, STRATUM_BUSY, STRATUM_IO, STRATUM_CORRUPTION.
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
            let mut rows = alone(&cursor.store, &cursor.rows)?;
            rows.current = None;
            let input = rows.inputs.next().ok_or(Failure::End)??;
            let mut arena = Arena::default();
            let view = Frozen(arena.input(&input));
            let current = rows.current.insert(CurrentInput { view, _arena: arena, _input: input });
            out.put(&raw const current.view.0);
            Ok(())
        })
    }
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
