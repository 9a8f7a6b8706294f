//! Results: the owner of what a read gave back, and the borrowed views into it.

#![allow(unsafe_code)] // the C boundary

use std::ptr;

use super::arguments::Out;
use super::guard;
use super::handles::{self, Handle, Kind};
use super::status::Call;
use super::tree::stratum_input;
use super::value::{stratum_column, stratum_value};
use super::value_out::{Arena, Frozen, lasting};
use crate::{Columns, Input, Value};

/// What a read gave back: a value, columns, ids or inputs. Everything borrowed from it is valid until it is freed.
pub struct stratum_result(());

/// What a result handle holds: Rust's form, and C's view of it.
pub(super) struct ResultObject {
    content: Content,
    _arena: Arena,
    _source: Source,
}

enum Content {
    Value(Box<Frozen<stratum_value>>),
    Columns(Frozen<(*const stratum_column, usize)>),
    Inputs(Frozen<(*const stratum_input, usize)>),
    Ids(Vec<u64>),
}

/// Keeps alive what the views lead to.
#[expect(dead_code, reason = "held for its memory, which the views in `Content` lead into")]
enum Source {
    Value(Value),
    Columns(Columns),
    Inputs(Vec<Input>),
    Nothing,
}

impl Handle for stratum_result {
    const KIND: Kind = Kind::Result;
    type Object = ResultObject;
}

impl ResultObject {
    pub(super) fn value(value: Value) -> Call<ResultObject> {
        let mut arena = Arena::default();
        let content = Content::Value(Box::new(Frozen(arena.value(&value)?)));
        Ok(ResultObject { content, _arena: arena, _source: Source::Value(value) })
    }

    pub(super) fn columns(columns: Columns) -> Call<ResultObject> {
        let mut arena = Arena::default();
        let content = Content::Columns(Frozen(arena.columns(&columns)?));
        Ok(ResultObject { content, _arena: arena, _source: Source::Columns(columns) })
    }

    pub(super) fn inputs(inputs: Vec<Input>) -> Call<ResultObject> {
        let mut arena = Arena::default();
        let content = Content::Inputs(Frozen(arena.inputs(&inputs)?));
        Ok(ResultObject { content, _arena: arena, _source: Source::Inputs(inputs) })
    }

    pub(super) fn ids(ids: Vec<u64>) -> ResultObject {
        ResultObject { content: Content::Ids(ids), _arena: Arena::default(), _source: Source::Nothing }
    }
}

/// # Safety
/// `count` is NULL or leads to room for a number.
unsafe fn list<T>(
    result: *const stratum_result,
    count: *mut usize,
    find: impl FnOnce(&Content) -> Option<(*const T, usize)>,
) -> *const T {
    guard::peek(ptr::null(), || {
        // SAFETY: the caller's promise.
        let out = unsafe { Out::optional("count", count)? };
        let found = handles::enter(result).map(|result| find(&result.content));
        let (data, length) = found.ok().flatten().unwrap_or((ptr::null(), 0));
        out.put(length);
        Ok(data)
    })
}

/// The value, borrowed. NULL where the result holds something else or is not an open handle.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_result_value(result: *const stratum_result) -> *const stratum_value {
    guard::peek(ptr::null(), || match &handles::enter(result)?.content {
        Content::Value(value) => Ok(&raw const value.0),
        _ => Ok(ptr::null()),
    })
}

/// The columns, sorted by the bytes of their names, borrowed; `*count` (may be NULL) gets their number. NULL and 0
/// where the result holds something else or is not an open handle; not NULL where it holds no columns.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_result_columns(
    result: *const stratum_result,
    count: *mut usize,
) -> *const stratum_column {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        list(result, count, |content| match content {
            Content::Columns(columns) => Some(columns.0),
            _ => None,
        })
    }
}

/// The inputs in their order, borrowed; `*count` (may be NULL) gets their number. NULL and 0 where the result holds
/// something else or is not an open handle; not NULL where it holds no inputs.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_result_inputs(
    result: *const stratum_result,
    count: *mut usize,
) -> *const stratum_input {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        list(result, count, |content| match content {
            Content::Inputs(inputs) => Some(inputs.0),
            _ => None,
        })
    }
}

/// The ids in their order, borrowed; `*count` (may be NULL) gets their number. NULL and 0 where the result holds
/// something else or is not an open handle; not NULL where it holds no ids.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_result_ids(result: *const stratum_result, count: *mut usize) -> *const u64 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        list(result, count, |content| match content {
            Content::Ids(ids) => Some((lasting(ids), ids.len())),
            _ => None,
        })
    }
}

/// Frees the result and sets `*result` to NULL; everything borrowed from it ends. A NULL is no error.
/// Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
///
/// Thread safety: any thread, when nobody uses what was borrowed any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_result_free(result: *mut *mut stratum_result) -> i32 {
    // SAFETY: the caller's pointer to its own variable, as the header's conventions demand.
    unsafe { guard::free(result) }
}
