//! The writes as single calls on a store: each is a batch of one, committed with the store's durability. Thin C
//! functions over `operations`; `batch_writes` has the same ones on a batch.

#![allow(unsafe_code)] // the C boundary

use std::ffi::{c_char, c_void};
use std::ptr;

use super::batch::on_db;
use super::db::stratum_db;
use super::error::stratum_error;
use super::operations;
use super::tree::{stratum_tree_desc, stratum_tree_ids};
use super::value::{stratum_column, stratum_value};

const NO_ANSWER: *mut () = ptr::null_mut();

/// stratum_batch_create_document and a commit in one call. `*document` (may be NULL) gets the id.
/// Errors: as stratum_batch_create_document and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_create_document(
    db: *const stratum_db,
    blob: *const c_void,
    blob_length: usize,
    columns: *const stratum_column,
    column_count: usize,
    document: *mut u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, document, error, operations::create_document(blob, blob_length, columns, column_count)) }
}

/// stratum_batch_put_tree and a commit in one call. `*ids` (may be NULL) gets the ids.
/// Errors: as stratum_batch_put_tree and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_put_tree(
    db: *const stratum_db,
    tree: *const stratum_tree_desc,
    ids: *mut stratum_tree_ids,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, ids, error, operations::put_tree(tree)) }
}

/// stratum_batch_replace_tree and a commit in one call. `*ids` (may be NULL) gets the ids.
/// Errors: as stratum_batch_replace_tree and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_replace_tree(
    db: *const stratum_db,
    document: u64,
    tree: *const stratum_tree_desc,
    ids: *mut stratum_tree_ids,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, ids, error, operations::replace_tree(document, tree)) }
}

/// stratum_batch_put_packed and a commit in one call. `*ids` (may be NULL) gets the ids.
/// Errors: as stratum_batch_put_packed and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_put_packed(
    db: *const stratum_db,
    packed: *const c_void,
    packed_length: usize,
    ids: *mut stratum_tree_ids,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, ids, error, operations::put_packed(packed, packed_length)) }
}

/// stratum_batch_replace_packed and a commit in one call. `*ids` (may be NULL) gets the ids.
/// Errors: as stratum_batch_replace_packed and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_replace_packed(
    db: *const stratum_db,
    document: u64,
    packed: *const c_void,
    packed_length: usize,
    ids: *mut stratum_tree_ids,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, ids, error, operations::replace_packed(document, packed, packed_length)) }
}

/// stratum_batch_set_blob and a commit in one call.
/// Errors: as stratum_batch_set_blob and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_set_blob(
    db: *const stratum_db,
    document: u64,
    blob: *const c_void,
    blob_length: usize,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, NO_ANSWER, error, operations::set_blob(document, blob, blob_length)) }
}

/// stratum_batch_set_column and a commit in one call.
/// Errors: as stratum_batch_set_column and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_set_column(
    db: *const stratum_db,
    document: u64,
    name: *const c_char,
    name_length: usize,
    value: *const stratum_value,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, NO_ANSWER, error, operations::set_column(document, name, name_length, value)) }
}

/// stratum_batch_remove_column and a commit in one call.
/// Errors: as stratum_batch_remove_column and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_remove_column(
    db: *const stratum_db,
    document: u64,
    name: *const c_char,
    name_length: usize,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, NO_ANSWER, error, operations::remove_column(document, name, name_length)) }
}

/// stratum_batch_delete_document and a commit in one call.
/// Errors: as stratum_batch_delete_document and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_delete_document(
    db: *const stratum_db,
    document: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, NO_ANSWER, error, operations::delete_document(document)) }
}

/// stratum_batch_append_input and a commit in one call. `*input` (may be NULL) gets the id.
/// Errors: as stratum_batch_append_input and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_append_input(
    db: *const stratum_db,
    document: u64,
    value: *const stratum_value,
    input: *mut u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, input, error, operations::append_input(document, value)) }
}

/// stratum_batch_insert_input and a commit in one call. `*input` (may be NULL) gets the id.
/// Errors: as stratum_batch_insert_input and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_insert_input(
    db: *const stratum_db,
    document: u64,
    before: u64,
    value: *const stratum_value,
    input: *mut u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, input, error, operations::insert_input(document, before, value)) }
}

/// stratum_batch_move_input and a commit in one call.
/// Errors: as stratum_batch_move_input and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_move_input(
    db: *const stratum_db,
    document: u64,
    input: u64,
    before: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, NO_ANSWER, error, operations::move_input(document, input, before)) }
}

/// stratum_batch_replace_input and a commit in one call.
/// Errors: as stratum_batch_replace_input and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_replace_input(
    db: *const stratum_db,
    document: u64,
    input: u64,
    value: *const stratum_value,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, NO_ANSWER, error, operations::replace_input(document, input, value)) }
}

/// stratum_batch_set_input_column and a commit in one call.
/// Errors: as stratum_batch_set_input_column and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_set_input_column(
    db: *const stratum_db,
    document: u64,
    input: u64,
    name: *const c_char,
    name_length: usize,
    value: *const stratum_value,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, NO_ANSWER, error, operations::set_input_column(document, input, name, name_length, value)) }
}

/// stratum_batch_remove_input_column and a commit in one call.
/// Errors: as stratum_batch_remove_input_column and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_remove_input_column(
    db: *const stratum_db,
    document: u64,
    input: u64,
    name: *const c_char,
    name_length: usize,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, NO_ANSWER, error, operations::remove_input_column(document, input, name, name_length)) }
}

/// stratum_batch_delete_input and a commit in one call.
/// Errors: as stratum_batch_delete_input and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_delete_input(
    db: *const stratum_db,
    document: u64,
    input: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, NO_ANSWER, error, operations::delete_input(document, input)) }
}

/// stratum_batch_set_output and a commit in one call.
/// Errors: as stratum_batch_set_output and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_set_output(
    db: *const stratum_db,
    document: u64,
    input: u64,
    value: *const stratum_value,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, NO_ANSWER, error, operations::set_output(document, input, value)) }
}

/// stratum_batch_update_output and a commit in one call.
/// Errors: as stratum_batch_update_output and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_update_output(
    db: *const stratum_db,
    document: u64,
    input: u64,
    value: *const stratum_value,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, NO_ANSWER, error, operations::update_output(document, input, value)) }
}

/// stratum_batch_delete_output and a commit in one call.
/// Errors: as stratum_batch_delete_output and stratum_batch_commit.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_delete_output(
    db: *const stratum_db,
    document: u64,
    input: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe { on_db(db, NO_ANSWER, error, operations::delete_output(document, input)) }
}
