//! What C passes in and where answers go: NULL, alignment and length are checked before memory is touched.
//!
//! 1. Whether a pointer that is not NULL leads to what it says is the caller's promise; nothing here can check it.
//! 2. No argument is longer than `MAX_BYTES`, which no limit of the engine exceeds: absurd lengths are refused before
//!    a slice of them is made.

#![allow(unsafe_code)] // the C boundary

use std::ffi::{OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::slice;

use super::status::{Call, Failure, STRATUM_TOO_LARGE};
use crate::error::Missing;
use crate::memory;
use crate::tree::check_column_name_length;
use crate::{DocumentId, InputId};

/// The largest argument, in bytes.
pub(super) const MAX_BYTES: u64 = 4 << 30;
/// The largest struct that any version of the header can have.
const MAX_STRUCT: usize = 4096;

/// A document id from C.
pub(super) fn document(id: u64) -> Call<DocumentId> {
    Ok(DocumentId::new(id).ok_or(Missing::Id(id))?)
}

/// An input id from C.
pub(super) fn input(id: u64) -> Call<InputId> {
    Ok(InputId::new(id).ok_or(Missing::Id(id))?)
}

/// An input id from C where 0 means none.
pub(super) fn input_or_none(id: u64) -> Call<Option<InputId>> {
    if id == 0 { Ok(None) } else { input(id).map(Some) }
}

/// `count` items at `data`; NULL only where there are none.
///
/// # Safety
/// `data` leads to `count` items that nobody changes for `'a`.
pub(super) unsafe fn items<'a, T>(what: &str, data: *const T, count: usize) -> Call<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    let bytes = (count as u64).checked_mul(size_of::<T>() as u64);
    if bytes.is_none_or(|bytes| bytes > MAX_BYTES) {
        return Err(Failure::Refused(
            STRATUM_TOO_LARGE,
            format!("{what}: {count} items of {} bytes; no argument may be longer than 4 GiB", size_of::<T>()).into(),
        ));
    }
    check_pointer(what, data)?;
    // SAFETY: not NULL, aligned, at most 4 GiB long; the rest is the caller's promise.
    Ok(unsafe { slice::from_raw_parts(data, count) })
}

/// `length` bytes at `data`.
///
/// # Safety
/// As `items`.
pub(super) unsafe fn bytes<'a>(what: &str, data: *const c_void, length: usize) -> Call<&'a [u8]> {
    // SAFETY: the caller's promise.
    unsafe { items(what, data.cast::<u8>(), length) }
}

/// `length` bytes of UTF-8 at `data`.
///
/// # Safety
/// As `items`.
pub(super) unsafe fn text<'a>(what: &str, data: *const c_char, length: usize) -> Call<&'a str> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { items(what, data.cast::<u8>(), length)? };
    std::str::from_utf8(bytes)
        .map_err(|error| Failure::argument(format!("{what}: not UTF-8 from byte {} on", error.valid_up_to())))
}

/// A copy of a text that a caller lends, for what is stored. It is the copy that is checked: what is lent may change
/// meanwhile, against all rules.
pub(super) fn own_text(what: &str, lent: &[u8]) -> Call<String> {
    String::from_utf8(memory::copy(lent)?).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        Failure::argument(format!("{what}: not UTF-8 from byte {valid} on"))
    })
}

/// A copy of a column's name, `length` bytes of UTF-8 at `data`.
///
/// # Safety
/// As `items`.
pub(super) unsafe fn own_name(what: &str, data: *const c_char, length: usize) -> Call<String> {
    // SAFETY: the caller's promise.
    let lent = unsafe { items(what, data.cast::<u8>(), length)? };
    check_column_name_length(length)?;
    own_text(what, lent)
}

/// A path of `length` bytes at `data`, as the system takes them.
///
/// # Safety
/// As `items`.
pub(super) unsafe fn path<'a>(what: &str, data: *const c_char, length: usize) -> Call<&'a Path> {
    // SAFETY: the caller's promise.
    let path = unsafe { items(what, data.cast::<u8>(), length)? };
    if path.is_empty() || path.contains(&0) {
        return Err(Failure::argument(format!("{what}: a path cannot be empty or hold a NUL byte")));
    }
    Ok(Path::new(OsStr::from_bytes(path)))
}

/// A struct that must be there.
///
/// # Safety
/// Where it is not NULL it leads to a `T` that nobody changes for `'a`.
pub(super) unsafe fn required<'a, T>(what: &str, data: *const T) -> Call<&'a T> {
    check_pointer(what, data)?;
    // SAFETY: not NULL, aligned; the rest is the caller's promise.
    Ok(unsafe { &*data })
}

/// A struct that may be NULL.
///
/// # Safety
/// As `required`.
pub(super) unsafe fn optional<'a, T>(what: &str, data: *const T) -> Call<Option<&'a T>> {
    if data.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { required(what, data).map(Some) }
}

/// A struct that begins with its size as the caller was compiled. A larger one (a newer header) is taken where what
/// this version does not know is zero.
///
/// # Safety
/// `T` is `repr(C)`, begins with a `usize` and is valid for any bytes; `data` leads to as many bytes as that says.
pub(super) unsafe fn sized_struct<T: Copy>(what: &str, data: *const T) -> Call<T> {
    check_pointer(what, data)?;
    // SAFETY: not NULL, aligned; the size comes first.
    let size = unsafe { *data.cast::<usize>() };
    check_struct_size::<T>(what, size)?;
    // SAFETY: the caller's promise: `size` bytes are there.
    let rest = unsafe { slice::from_raw_parts(data.cast::<u8>().add(size_of::<T>()), size - size_of::<T>()) };
    if rest.iter().any(|byte| *byte != 0) {
        return Err(Failure::argument(format!(
            "{what}: a field is set that this version of the library does not know; zero the struct first"
        )));
    }
    // SAFETY: at least size_of::<T>() bytes are there.
    Ok(unsafe { *data })
}

/// Writes a struct that begins with its size: as much of it as the caller knows, zeros where the caller knows more.
///
/// # Safety
/// As `sized_struct`, and writable.
pub(super) unsafe fn write_sized_struct<T: Copy>(what: &str, out: *mut T, value: &T) -> Call<()> {
    check_pointer(what, out)?;
    // SAFETY: not NULL, aligned; the size comes first.
    let size = unsafe { *out.cast::<usize>() };
    check_struct_size::<T>(what, size)?;
    // SAFETY: `size` writable bytes are there; the size itself is put back.
    unsafe {
        out.write(*value);
        out.cast::<u8>().add(size_of::<T>()).write_bytes(0, size - size_of::<T>());
        out.cast::<usize>().write(size);
    }
    Ok(())
}

fn check_struct_size<T>(what: &str, size: usize) -> Call<()> {
    if (size_of::<T>()..=MAX_STRUCT).contains(&size) {
        return Ok(());
    }
    Err(Failure::argument(format!(
        "{what}: struct_size is {size}, this struct has {} bytes; set it to sizeof of the struct",
        size_of::<T>()
    )))
}

fn check_pointer<T>(what: &str, data: *const T) -> Call<()> {
    if data.is_null() {
        return Err(Failure::argument(format!("{what} is NULL")));
    }
    if !data.is_aligned() {
        return Err(Failure::argument(format!("{what} is not aligned to {} bytes", align_of::<T>())));
    }
    Ok(())
}

/// Where an answer goes.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// An answer that the caller must take.
    ///
    /// # Safety
    /// Where it is not NULL it leads to room for a `T` for the duration of the call.
    pub(super) unsafe fn required(what: &str, out: *mut T) -> Call<Out<T>> {
        check_pointer(what, out)?;
        Ok(Out(out))
    }

    /// An answer that the caller may decline with NULL.
    ///
    /// # Safety
    /// As `required`.
    pub(super) unsafe fn optional(what: &str, out: *mut T) -> Call<Out<T>> {
        if !out.is_null() {
            check_pointer(what, out)?;
        }
        Ok(Out(out))
    }

    /// Stores the answer.
    pub(super) fn put(&self, value: T) {
        if !self.0.is_null() {
            // SAFETY: the promise made to `required` or `optional`; aligned. What was there is plain data.
            unsafe { self.0.write(value) }
        }
    }
}

/// A buffer of the caller's that answers are copied into.
pub(super) struct Buffer<T> {
    data: *mut T,
    capacity: usize,
}

impl<T: Copy> Buffer<T> {
    /// # Safety
    /// `data` leads to room for `capacity` items for the duration of the call.
    pub(super) unsafe fn new(what: &str, data: *mut T, capacity: usize) -> Call<Buffer<T>> {
        if capacity > 0 {
            check_pointer(what, data)?;
        }
        Ok(Buffer { data, capacity })
    }

    /// How many items fit.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Stores `items` from the item `at` on; false where they do not fit, and nothing is stored.
    #[must_use]
    pub(super) fn put(&mut self, at: usize, items: &[T]) -> bool {
        if at > self.capacity || items.len() > self.capacity - at {
            return false;
        }
        if !items.is_empty() {
            // SAFETY: within the room that `new` was promised; `items` is memory of the library's own.
            unsafe { std::ptr::copy_nonoverlapping(items.as_ptr(), self.data.add(at), items.len()) }
        }
        true
    }

    /// Stores as many of `items` as fit.
    pub(super) fn put_first(&mut self, items: &[T]) {
        let fitting = items.len().min(self.capacity);
        if fitting > 0 {
            // SAFETY: as in `put`.
            unsafe { std::ptr::copy_nonoverlapping(items.as_ptr(), self.data, fitting) }
        }
    }
}
