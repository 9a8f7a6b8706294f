//! The writes, on a batch: thin C functions over `operations`. `db_writes` has the same ones as single calls.

#![allow(unsafe_code)] // the C boundary

use std::ffi::{c_char, c_void};
use std::ptr;

use super::batch::{on_batch, stratum_batch};
use super::error::stratum_error;
use super::operations;
use super::tree::{stratum_tree_desc, stratum_tree_ids};
use super::value::{stratum_column, stratum_value};

const NO_ANSWER: *mut () = ptr::null_mut();

/// Creates a document with a blob (any bytes, may be empty) and columns. `*document` (may be NULL) gets its id, which
/// is final and can be used in this batch at once.
/// Errors: STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT (a column name twice, or over 255 bytes; a value that cannot be
/// stored), STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_create_document(
    batch: *mut stratum_batch,
    blob: *const c_void,
    blob_length: usize,
    columns: *const stratum_column,
    column_count: usize,
    document: *mut u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, document, error, operations::create_document(blob, blob_length, columns, column_count)) }
}

/// Creates a document with its columns, inputs and outputs. `*ids` (may be NULL) gets the ids.
/// Errors: STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_put_tree(
    batch: *mut stratum_batch,
    tree: *const stratum_tree_desc,
    ids: *mut stratum_tree_ids,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, ids, error, operations::put_tree(tree)) }
}

/// Replaces a document's blob, columns, inputs and outputs; the document keeps its id, the inputs get new ones. `*ids`
/// (may be NULL) gets the ids.
/// Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_replace_tree(
    batch: *mut stratum_batch,
    document: u64,
    tree: *const stratum_tree_desc,
    ids: *mut stratum_tree_ids,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, ids, error, operations::replace_tree(document, tree)) }
}

/// Creates a document from a packed tree ("Packed tree" in docs/format.md; stratum_view_packed_tree gives one). Its
/// inputs get new ids, in their order. The buffer is checked whole before anything is taken. `*ids` (may be NULL) gets
/// the ids.
/// Errors: STRATUM_INVALID_ARGUMENT (not a packed tree), STRATUM_TOO_LARGE, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_put_packed(
    batch: *mut stratum_batch,
    packed: *const c_void,
    packed_length: usize,
    ids: *mut stratum_tree_ids,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, ids, error, operations::put_packed(packed, packed_length)) }
}

/// Replaces a document by a packed tree; the document keeps its id, the inputs get new ones. `*ids` (may be NULL) gets
/// the ids.
/// Errors: STRATUM_NOT_FOUND, STRATUM_INVALID_ARGUMENT (not a packed tree), STRATUM_TOO_LARGE, STRATUM_CLOSED,
/// STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_replace_packed(
    batch: *mut stratum_batch,
    document: u64,
    packed: *const c_void,
    packed_length: usize,
    ids: *mut stratum_tree_ids,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, ids, error, operations::replace_packed(document, packed, packed_length)) }
}

/// Replaces the blob of a document.
/// Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_set_blob(
    batch: *mut stratum_batch,
    document: u64,
    blob: *const c_void,
    blob_length: usize,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, NO_ANSWER, error, operations::set_blob(document, blob, blob_length)) }
}

/// Sets a column of a document: creates or replaces it.
/// Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_set_column(
    batch: *mut stratum_batch,
    document: u64,
    name: *const c_char,
    name_length: usize,
    value: *const stratum_value,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, NO_ANSWER, error, operations::set_column(document, name, name_length, value)) }
}

/// Removes a column of a document.
/// Errors: STRATUM_NOT_FOUND (also: no such column), STRATUM_INVALID_ARGUMENT, STRATUM_TOO_LARGE, STRATUM_CLOSED,
/// STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_remove_column(
    batch: *mut stratum_batch,
    document: u64,
    name: *const c_char,
    name_length: usize,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, NO_ANSWER, error, operations::remove_column(document, name, name_length)) }
}

/// Deletes a document with its columns, inputs and outputs. Its id is never used again.
/// Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_delete_document(
    batch: *mut stratum_batch,
    document: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, NO_ANSWER, error, operations::delete_document(document)) }
}

/// Appends an input to a document. `*input` (may be NULL) gets its id, which is final and can be used in this batch at
/// once.
/// Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_append_input(
    batch: *mut stratum_batch,
    document: u64,
    value: *const stratum_value,
    input: *mut u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, input, error, operations::append_input(document, value)) }
}

/// Inserts an input before the input `before`. `*input` (may be NULL) gets its id, which is final and can be used in
/// this batch at once.
/// Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_insert_input(
    batch: *mut stratum_batch,
    document: u64,
    before: u64,
    value: *const stratum_value,
    input: *mut u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, input, error, operations::insert_input(document, before, value)) }
}

/// Moves an input before the input `before`, or to the end where that is 0.
/// Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_move_input(
    batch: *mut stratum_batch,
    document: u64,
    input: u64,
    before: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, NO_ANSWER, error, operations::move_input(document, input, before)) }
}

/// Replaces the value of an input; its place, columns and output stay.
/// Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_replace_input(
    batch: *mut stratum_batch,
    document: u64,
    input: u64,
    value: *const stratum_value,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, NO_ANSWER, error, operations::replace_input(document, input, value)) }
}

/// Sets a column of an input: creates or replaces it.
/// Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_set_input_column(
    batch: *mut stratum_batch,
    document: u64,
    input: u64,
    name: *const c_char,
    name_length: usize,
    value: *const stratum_value,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        on_batch(batch, NO_ANSWER, error, operations::set_input_column(document, input, name, name_length, value))
    }
}

/// Removes a column of an input.
/// Errors: STRATUM_NOT_FOUND (also: no such column), STRATUM_INVALID_ARGUMENT, STRATUM_TOO_LARGE, STRATUM_CLOSED,
/// STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_remove_input_column(
    batch: *mut stratum_batch,
    document: u64,
    input: u64,
    name: *const c_char,
    name_length: usize,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, NO_ANSWER, error, operations::remove_input_column(document, input, name, name_length)) }
}

/// Deletes an input with its columns and its output. Its id is never used again in the document.
/// Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_delete_input(
    batch: *mut stratum_batch,
    document: u64,
    input: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, NO_ANSWER, error, operations::delete_input(document, input)) }
}

/// Sets the output of an input: creates or replaces it.
/// Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_set_output(
    batch: *mut stratum_batch,
    document: u64,
    input: u64,
    value: *const stratum_value,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, NO_ANSWER, error, operations::set_output(document, input, value)) }
}

/// Replaces the output of an input, which must be there.
/// Errors: STRATUM_NOT_FOUND (also: no output yet), STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED,
/// STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_update_output(
    batch: *mut stratum_batch,
    document: u64,
    input: u64,
    value: *const stratum_value,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, NO_ANSWER, error, operations::update_output(document, input, value)) }
}

/// Deletes the output of an input.
/// Errors: STRATUM_NOT_FOUND (also: no output), STRATUM_TOO_LARGE, STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_delete_output(
    batch: *mut stratum_batch,
    document: u64,
    input: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_batch(batch, NO_ANSWER, error, operations::delete_output(document, input)) }
}
