//! Batches: make, commit, abandon. What can be written with one is in `batch_writes`.
//!
//! 1. One thread at a time: a second one that comes in meanwhile gets `STRATUM_BUSY` (`kept`).
//! 2. A commit takes the batch out of its handle, so that it happens once.

#![allow(unsafe_code)] // the C boundary

use super::arguments::{self, Out};
use super::db::{Store, stratum_db};
use super::error::stratum_error;
use super::guard;
use super::handles::{self, Handle, Kind};
use super::kept::Kept;
use super::options::{self, STRATUM_DURABILITY_DEFAULT};
use super::status::{Call, Failure, STRATUM_BUSY, STRATUM_CLOSED};
use crate::Batch;
use crate::sync::MutexGuard;

/// Any number of writes that become visible and durable together: all or none. Each is checked when it is made (a
/// refused one leaves the batch as it was) and again at commit, against what others committed in between; calls that
/// later ones of the batch undo, and those that change nothing (a move before itself), do not count then.
pub struct stratum_batch(());

impl Handle for stratum_batch {
    const KIND: Kind = Kind::Batch;
    /// The batch is taken out of it once it is committed.
    type Object = Kept<Batch>;
}

/// How a commit is done.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_commit_options {
    /// sizeof(stratum_commit_options).
    pub struct_size: usize,
    /// STRATUM_DURABILITY_*; DEFAULT is what the store was opened with.
    pub durability: i32,
    /// Must be 0.
    pub reserved: u32,
}

/// The batch, for one call.
fn alone(batch: &Kept<Batch>) -> Call<MutexGuard<'_, Option<Batch>>> {
    batch.alone("another thread is using this batch")
}

fn committed() -> Failure {
    Failure::Refused(STRATUM_CLOSED, "the batch was committed; make a new one".into())
}

/// Runs one operation on a batch and gives what it answers to `answer`.
///
/// # Safety
/// `error` is NULL or leads to room for a pointer.
pub(super) unsafe fn on_batch_into<T>(
    batch: *mut stratum_batch,
    answer: Call<impl FnOnce(T)>,
    error: *mut *mut stratum_error,
    operation: impl FnOnce(&mut Batch, &Store) -> Call<T>,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard::call(error, || {
            let answer = answer?;
            let object = handles::enter(batch)?;
            let mut batch = alone(&object)?;
            answer(operation(batch.as_mut().ok_or_else(committed)?, &object.store)?);
            Ok(())
        })
    }
}

/// Runs one operation as a batch of its own and gives what it answers to `answer` once that is committed.
///
/// # Safety
/// As `on_batch_into`.
pub(super) unsafe fn on_db_into<T>(
    db: *const stratum_db,
    answer: Call<impl FnOnce(T)>,
    error: *mut *mut stratum_error,
    operation: impl FnOnce(&mut Batch, &Store) -> Call<T>,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard::call(error, || {
            let answer = answer?;
            let object = handles::enter(db)?;
            object.store.check_not_in_callback()?;
            let mut batch = object.store.db.batch()?;
            let made = operation(&mut batch, &object.store)?;
            batch.commit()?;
            answer(made);
            Ok(())
        })
    }
}

/// `on_batch_into` with the answer stored in `*out`.
///
/// # Safety
/// `out` and `error` are NULL or lead to room for what they say.
pub(super) unsafe fn on_batch<T: 'static>(
    batch: *mut stratum_batch,
    out: *mut T,
    error: *mut *mut stratum_error,
    operation: impl FnOnce(&mut Batch, &Store) -> Call<T>,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { on_batch_into(batch, place(out), error, operation) }
}

/// `on_db_into` with the answer stored in `*out`.
///
/// # Safety
/// As `on_batch`.
pub(super) unsafe fn on_db<T: 'static>(
    db: *const stratum_db,
    out: *mut T,
    error: *mut *mut stratum_error,
    operation: impl FnOnce(&mut Batch, &Store) -> Call<T>,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { on_db_into(db, place(out), error, operation) }
}

/// # Safety
/// `out` is NULL or leads to room for a `T`.
unsafe fn place<T: 'static>(out: *mut T) -> Call<impl FnOnce(T)> {
    // SAFETY: the caller's promise.
    let out = unsafe { Out::optional("the place for the ids", out)? };
    Ok(move |answer| out.put(answer))
}

/// Makes an empty batch. The caller commits it with stratum_batch_commit or abandons it with stratum_batch_free.
/// Errors: STRATUM_CLOSED, STRATUM_POISONED; STRATUM_IO where a thread of the store's own cannot be started.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_create(
    db: *const stratum_db,
    batch: *mut *mut stratum_batch,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("batch", batch)?;
            let object = handles::enter(db)?;
            let batch = Kept::new(&object.store, object.store.db.batch()?)?;
            out.put(handles::insert(batch)?);
            Ok(())
        })
    }
}

/// Commits the batch, frees it and sets `*batch` to NULL. NULL options are the defaults. `*sequence` (may be NULL) gets
/// the commit's sequence number. Waits as the durability says, and shares the wait with commits on other threads. An
/// empty batch commits nothing.
/// Where it fails nothing of it is in the store (but see STRATUM_COMMIT_UNKNOWN), and the batch is freed all the same,
/// except after STRATUM_BUSY, STRATUM_INVALID_ARGUMENT for the options, and STRATUM_PANIC: then it is still the
/// caller's.
/// Errors: STRATUM_NOT_FOUND (others deleted what it changes), STRATUM_NO_SPACE, STRATUM_IO, STRATUM_COMMIT_UNKNOWN,
/// STRATUM_POISONED, STRATUM_CLOSED, STRATUM_BUSY (also inside a callback of the store).
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_commit(
    batch: *mut *mut stratum_batch,
    options: *const stratum_commit_options,
    sequence: *mut u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::optional("sequence", sequence)?;
            let durability = match options.is_null() {
                true => None,
                false => commit_durability(arguments::sized_struct("options", options)?)?,
            };
            let handle = *arguments::required("batch", batch.cast_const())?;
            let object = handles::enter(handle.cast_const())?;
            object.store.check_not_in_callback()?;
            let taken = alone(&object).map(|mut batch| batch.take());
            if !matches!(&taken, Err(failure) if failure.code() == STRATUM_BUSY) {
                guard::free(batch);
            }
            let batch = taken?.ok_or_else(committed)?;
            out.put(match durability {
                None => batch.commit()?,
                Some(durability) => batch.commit_with(durability)?,
            });
            Ok(())
        })
    }
}

fn commit_durability(options: stratum_commit_options) -> Call<Option<crate::Durability>> {
    if options.reserved != 0 {
        return Err(Failure::argument("stratum_commit_options.reserved is not 0; zero the struct first"));
    }
    if options.durability == STRATUM_DURABILITY_DEFAULT {
        return Ok(None);
    }
    options::durability(options.durability).map(Some)
}

/// Abandons the batch and sets `*batch` to NULL: nothing of it is written. A NULL is no error.
/// Errors: STRATUM_CLOSED (freed or committed already), STRATUM_INVALID_HANDLE.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_free(batch: *mut *mut stratum_batch) -> i32 {
    // SAFETY: the caller's pointer to its own variable, as the header's conventions demand.
    unsafe { guard::free(batch) }
}

/// Forgets everything in the batch; it can be used again. The ids that it handed out are skipped.
/// Errors: STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_clear(batch: *mut stratum_batch, error: *mut *mut stratum_error) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        on_batch::<()>(batch, std::ptr::null_mut(), error, |batch, _| {
            batch.clear();
            Ok(())
        })
    }
}

/// How many writes the batch holds, and its size in bytes as counted against max_batch_bytes. Either may be NULL.
/// Errors: STRATUM_CLOSED, STRATUM_BUSY.
///
/// Thread safety: one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_batch_size(
    batch: *mut stratum_batch,
    operations: *mut u64,
    bytes: *mut u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let (operations, bytes) = (Out::optional("operations", operations)?, Out::optional("bytes", bytes)?);
            let object = handles::enter(batch)?;
            let batch = alone(&object)?;
            let batch = batch.as_ref().ok_or_else(committed)?;
            operations.put(batch.len() as u64);
            bytes.put(batch.bytes());
            Ok(())
        })
    }
}
