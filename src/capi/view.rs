//! Views: every read of the C API, once.
//!
//! 1. `stratum_view` stands for two kinds of handle: the store's own latest view (a view of its own for each read, not
//!    the caller's to free) and snapshots.

#![allow(unsafe_code)] // the C boundary

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::arguments::{self, Buffer, Out};
use super::db::Store;
use super::error::stratum_error;
use super::guard;
use super::handles::{self, Handle, Kind};
use super::pinned::{self, PinnedObject, stratum_pinned};
use super::result::{ResultObject, stratum_result};
use super::status::{Call, Failure, STRATUM_BUFFER_TOO_SMALL};
use super::tree::{HeldTree, stratum_tree};
use crate::View;
use crate::memory;

/// One moment of a store: every read goes through one. stratum_db_latest lends one that always shows the newest commit,
/// stratum_db_snapshot makes one that stays at its moment.
pub struct stratum_view(());

/// The handle type behind `stratum_db_latest`.
pub(super) struct LatestView(());

/// What a snapshot handle holds.
pub(super) struct Snapshot {
    pub(super) store: Arc<Store>,
    pub(super) view: View,
}

impl Handle for stratum_view {
    const KIND: Kind = Kind::Snapshot;
    type Object = Snapshot;
}

impl Handle for LatestView {
    const KIND: Kind = Kind::LatestView;
    type Object = Arc<Store>;
}

/// Reads through either kind of view.
pub(super) fn with<T>(view: *const stratum_view, read: impl FnOnce(&View, &Arc<Store>) -> Call<T>) -> Call<T> {
    if handles::is_of_kind::<LatestView, _>(view) {
        let store = handles::enter(view.cast::<LatestView>())?;
        store.check_open()?;
        return read(&store.db.view()?, &store);
    }
    let snapshot = handles::enter(view)?;
    snapshot.store.check_open()?;
    read(&snapshot.view, &snapshot.store)
}

/// Frees a snapshot and sets `*view` to NULL. A NULL is no error.
/// Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE (also for the view that stratum_db_latest lends).
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_free(view: *mut *mut stratum_view) -> i32 {
    // SAFETY: the caller's pointer to its own variable, as the header's conventions demand.
    unsafe { guard::free(view) }
}

/// The sequence number of the newest commit in this view; 0 before the first. After an open it may be a higher one,
/// which a commit was given that failed, or that a power loss took back, and that is not given again: no commit in the
/// view has a higher one, and every commit after it has.
/// Errors: STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_sequence(
    view: *const stratum_view,
    sequence: *mut u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("sequence", sequence)?;
            out.put(with(view, |view, _| Ok(view.sequence()))?);
            Ok(())
        })
    }
}

/// How many documents there are.
/// Errors: STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_document_count(
    view: *const stratum_view,
    count: *mut u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("count", count)?;
            out.put(with(view, |view, _| Ok(view.document_count()?))?);
            Ok(())
        })
    }
}

/// Whether the document is there: 1 or 0 in `*exists`. No error for one that is not.
/// Errors: STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_exists(
    view: *const stratum_view,
    document: u64,
    exists: *mut i32,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("exists", exists)?;
            let found = with(view, |view, _| match crate::DocumentId::new(document) {
                Some(document) => Ok(view.exists(document)?),
                None => Ok(false),
            })?;
            out.put(i32::from(found));
            Ok(())
        })
    }
}

/// How many inputs the document has.
/// Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_input_count(
    view: *const stratum_view,
    document: u64,
    count: *mut u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("count", count)?;
            out.put(with(view, |view, _| Ok(view.input_count(arguments::document(document)?)?))?);
            Ok(())
        })
    }
}

/// The blob of a document, pinned: no copy where the bytes can be lent from the store's own mapping. The caller frees
/// it with stratum_pinned_free; it stays valid until then, whatever happens to the document or the store.
/// Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_blob(
    view: *const stratum_view,
    document: u64,
    blob: *mut *mut stratum_pinned,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("blob", blob)?;
            let blob = with(view, |view, _| Ok(view.blob(arguments::document(document)?)?))?;
            out.put(handles::insert(PinnedObject::Blob(blob))?);
            Ok(())
        })
    }
}

/// Copies the blob of a document into the caller's buffer. `*length` gets the blob's length in bytes, also where the
/// answer is STRATUM_BUFFER_TOO_SMALL (the buffer is then unchanged); a NULL buffer of capacity 0 asks for the length.
/// Errors: STRATUM_NOT_FOUND, STRATUM_BUFFER_TOO_SMALL, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_read_blob(
    view: *const stratum_view,
    document: u64,
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
            let blob = with(view, |view, _| Ok(view.blob(arguments::document(document)?)?))?;
            out.put(blob.len());
            if buffer.put(0, &blob) { Ok(()) } else { Err(too_small(blob.len(), capacity)) }
        })
    }
}

/// `STRATUM_BUFFER_TOO_SMALL`, with lengths in bytes.
pub(super) fn too_small(needed: usize, capacity: usize) -> Failure {
    Failure::Refused(STRATUM_BUFFER_TOO_SMALL, format!("the answer has {needed} bytes, the buffer {capacity}").into())
}

/// The columns of a document; its blob is not read. The caller frees the result; see stratum_result_columns.
/// Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_columns(
    view: *const stratum_view,
    document: u64,
    columns: *mut *mut stratum_result,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        read_result(columns, error, || {
            let read = with(view, |view, _| Ok(view.columns(arguments::document(document)?)?))?;
            ResultObject::columns(read)
        })
    }
}

/// One column of a document; its blob is not read. The caller frees the result; see stratum_result_value.
/// Errors: STRATUM_NOT_FOUND (also: no such column), STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_column(
    view: *const stratum_view,
    document: u64,
    name: *const c_char,
    name_length: usize,
    value: *mut *mut stratum_result,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        read_result(value, error, || {
            let name = arguments::text("name", name, name_length)?;
            let read = with(view, |view, _| Ok(view.column(arguments::document(document)?, name)?))?;
            ResultObject::value(read)
        })
    }
}

/// The ids of a document's inputs in their order. The caller frees the result; see stratum_result_ids.
/// Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_input_ids(
    view: *const stratum_view,
    document: u64,
    ids: *mut *mut stratum_result,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        read_result(ids, error, || {
            let read = with(view, |view, _| Ok(view.input_ids(arguments::document(document)?)?))?;
            Ok(ResultObject::ids(memory::collect(read.into_iter().map(|id| id.get()))?))
        })
    }
}

/// All inputs of a document in their order, with their columns and outputs; its blob is not read. The caller frees the
/// result; see stratum_result_inputs.
/// Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_inputs(
    view: *const stratum_view,
    document: u64,
    inputs: *mut *mut stratum_result,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        read_result(inputs, error, || {
            let read = with(view, |view, _| {
                let inputs = view.inputs(arguments::document(document)?)?;
                Ok(memory::try_collect(inputs)?)
            })?;
            ResultObject::inputs(read)
        })
    }
}

/// The value of an input. The caller frees the result; see stratum_result_value.
/// Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_input(
    view: *const stratum_view,
    document: u64,
    input: u64,
    value: *mut *mut stratum_result,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        read_result(value, error, || {
            let (document, input) = (arguments::document(document)?, arguments::input(input)?);
            ResultObject::value(with(view, |view, _| Ok(view.input(document, input)?))?)
        })
    }
}

/// The columns of an input. The caller frees the result; see stratum_result_columns.
/// Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_input_columns(
    view: *const stratum_view,
    document: u64,
    input: u64,
    columns: *mut *mut stratum_result,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        read_result(columns, error, || {
            let (document, input) = (arguments::document(document)?, arguments::input(input)?);
            ResultObject::columns(with(view, |view, _| Ok(view.input_columns(document, input)?))?)
        })
    }
}

/// The output of an input. The caller frees the result; see stratum_result_value.
/// Errors: STRATUM_NOT_FOUND (no such input, or it has no output), STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_output(
    view: *const stratum_view,
    document: u64,
    input: u64,
    value: *mut *mut stratum_result,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        read_result(value, error, || {
            let (document, input) = (arguments::document(document)?, arguments::input(input)?);
            ResultObject::value(with(view, |view, _| Ok(view.output(document, input)?))?)
        })
    }
}

/// A whole tree: blob, columns, inputs and outputs, decoded. Texts, bytes and packed lists in it are the store's own
/// where the document is unchanged since it was written, as with pinned bytes. The caller frees it; see
/// stratum_tree_get.
/// Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_tree(
    view: *const stratum_view,
    document: u64,
    tree: *mut *mut stratum_tree,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("tree", tree)?;
            let tree = with(view, |view, _| HeldTree::read(view, arguments::document(document)?))?;
            out.put(handles::insert(tree)?);
            Ok(())
        })
    }
}

/// A whole tree in its packed form, one flat buffer ("Packed tree" in docs/format.md), pinned where it can be. The
/// caller frees it; see stratum_pinned_data.
/// Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_packed_tree(
    view: *const stratum_view,
    document: u64,
    packed: *mut *mut stratum_pinned,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("packed", packed)?;
            let tree = with(view, |view, _| Ok(view.packed_tree(arguments::document(document)?)?))?;
            out.put(handles::insert(PinnedObject::Tree(tree))?);
            Ok(())
        })
    }
}

/// Many trees of one moment in one flat buffer, little-endian and 8-aligned: u64 count, then a row of three u64 for
/// each of `documents` in the order asked: {id, offset of its packed tree in bytes from the start of the buffer, its
/// length in bytes}, then the packed trees. A document that is not there has offset 0 and length 0. The caller frees
/// it; see stratum_pinned_data.
/// Errors: STRATUM_CORRUPTION, STRATUM_IO, STRATUM_TOO_LARGE (over 4 GiB together: ask for fewer), STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_view_packed_trees(
    view: *const stratum_view,
    documents: *const u64,
    document_count: usize,
    packed: *mut *mut stratum_pinned,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("packed", packed)?;
            let documents = arguments::items("documents", documents, document_count)?;
            let trees = with(view, |view, _| pinned::pack_many(view, documents))?;
            out.put(handles::insert(PinnedObject::Many(trees))?);
            Ok(())
        })
    }
}

/// Reads something that a `stratum_result` holds.
///
/// # Safety
/// `result` and `error` are NULL or lead to room for a pointer.
unsafe fn read_result(
    result: *mut *mut stratum_result,
    error: *mut *mut stratum_error,
    read: impl FnOnce() -> Call<ResultObject>,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard::call(error, || {
            let out = Out::required("the place for the result", result)?;
            out.put(handles::insert(read()?)?);
            Ok(())
        })
    }
}
