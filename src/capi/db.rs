//! Stores: open, close, the views of them, and the work on the whole of them.

#![allow(unsafe_code)] // the C boundary

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;

use super::arguments::{self, Out};
use super::error::stratum_error;
use super::guard;
use super::handles::{self, Handle, Kind};
use super::kept::Keepers;
use super::options::stratum_options;
use super::status::{Call, Failure, STRATUM_BUSY};
use super::view::{LatestView, Snapshot, stratum_view};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::caller::Caller;
use crate::vfs::os::fork_generation;
use crate::{Db, Error, Options, Progress};

/// An open store.
pub struct stratum_db(());

/// What store handles, and all that hang on one, share.
pub(super) struct Store {
    pub(super) db: Db,
    /// Longest blob or encoded value, so that absurd ones are refused before they are copied.
    pub(super) max_record_bytes: u64,
    /// Longest batch as encoded.
    pub(super) max_batch_bytes: u64,
    /// What cursors and batches keep.
    pub(super) keepers: Keepers,
    closed: AtomicBool,
    /// The thread that runs a callback of this store, of which there is one at a time: a thread may be in the callbacks
    /// of several stores, one within the other.
    in_callback: AtomicUsize,
    /// Of the process that opened it; a fork has another.
    generation: u64,
}

impl Store {
    /// `STRATUM_FORKED` in a fork, also for what could be answered from memory there; `STRATUM_CLOSED` after
    /// `stratum_db_close`.
    pub(super) fn check_open(&self) -> Call<()> {
        if self.is_forked() {
            return Err(Failure::Engine(Error::Forked));
        }
        if self.closed.load(Ordering::Acquire) { Err(guard::store_closed()) } else { Ok(()) }
    }

    fn is_forked(&self) -> bool {
        self.generation != fork_generation()
    }

    /// Closes it. What handles kept of it is given back, whether or not they are freed.
    fn close(&self) -> Call<()> {
        self.closed.store(true, Ordering::Release);
        let closed = self.db.close();
        // In a fork somebody may be at work who is not there.
        if !self.is_forked() {
            self.keepers.let_go();
        }
        Ok(closed?)
    }

    /// `STRATUM_BUSY` inside a callback of this store, where only reads are allowed.
    pub(super) fn check_not_in_callback(&self) -> Call<()> {
        if self.in_callback.load(Ordering::Relaxed) == Caller::this().number() {
            return Err(Failure::Refused(STRATUM_BUSY, "inside a callback a store can only be read".into()));
        }
        Ok(())
    }
}

/// What a store handle holds.
pub(super) struct DbObject {
    pub(super) store: Arc<Store>,
    latest: *const LatestView,
}

// SAFETY: `latest` is a handle, a number that is never dereferenced.
unsafe impl Send for DbObject {}
// SAFETY: as above.
unsafe impl Sync for DbObject {}

impl Handle for stratum_db {
    const KIND: Kind = Kind::Db;
    type Object = DbObject;
}

/// How far a compaction has come.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_progress {
    /// sizeof(stratum_progress) as the library was compiled.
    pub struct_size: usize,
    /// Log files dealt with.
    pub segments_done: u64,
    /// Log files to deal with.
    pub segments_total: u64,
    /// Bytes read so far.
    pub bytes_read: u64,
    /// Bytes written so far.
    pub bytes_written: u64,
    /// Bytes of disk given back so far.
    pub bytes_reclaimed: u64,
}

impl From<Progress> for stratum_progress {
    fn from(progress: Progress) -> stratum_progress {
        let Progress { segments_done, segments_total, bytes_read, bytes_written, bytes_reclaimed } = progress;
        let struct_size = size_of::<stratum_progress>();
        stratum_progress { struct_size, segments_done, segments_total, bytes_read, bytes_written, bytes_reclaimed }
    }
}

/// Called between steps of a compaction, on the thread that called it: return non-zero to go on, 0 to stop (what is
/// done stays done). `progress` is valid during the call only. It may read the store; writes, flush, checkpoint,
/// compaction, verify and close of the same store answer STRATUM_BUSY, also from within callbacks of other stores that
/// it brings about. It must return: no exception, no longjmp.
pub type stratum_progress_fn =
    Option<unsafe extern "C" fn(progress: *const stratum_progress, context: *mut c_void) -> i32>;

/// Opens the store in the directory `path` (bytes as the system takes them), and creates it where there is none. NULL
/// options are the defaults. The caller closes it with stratum_db_close. A store is open at most once: the second
/// opener, in this process or another, gets STRATUM_LOCKED at once.
/// Errors: STRATUM_LOCKED, STRATUM_NOT_A_STORE, STRATUM_NEWER_FORMAT, STRATUM_OPEN_REFUSED, STRATUM_CORRUPTION,
/// STRATUM_IO, STRATUM_NO_SPACE, STRATUM_INVALID_ARGUMENT (also for options that make no sense together).
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_open(
    path: *const c_char,
    path_length: usize,
    options: *const stratum_options,
    db: *mut *mut stratum_db,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("db", db)?;
            let path = arguments::path("path", path, path_length)?;
            let options = if options.is_null() { Options::default() } else { handles::enter(options)?.lock().clone() };
            let db = Db::open(path, &options)?;
            let store = Arc::new(Store {
                db,
                max_record_bytes: options.max_record_bytes,
                max_batch_bytes: options.max_batch_bytes,
                keepers: Keepers::new(),
                closed: AtomicBool::new(false),
                in_callback: AtomicUsize::new(Caller::NOBODY),
                generation: fork_generation(),
            });
            let latest = handles::insert::<LatestView>(Arc::clone(&store))?;
            match handles::insert(DbObject { store, latest }) {
                Ok(db) => out.put(db),
                Err(failure) => {
                    drop(handles::close(latest));
                    return Err(failure);
                }
            }
            Ok(())
        })
    }
}

/// Makes everything durable, closes the store and sets `*db` to NULL, whatever the answer (but see STRATUM_BUSY). A
/// NULL is no error, so a second close of the same variable is none. Calls that are under way on other threads finish;
/// only a compaction that sleeps for its limit (compaction_bytes_per_second) ends at once, with STRATUM_CLOSED, and
/// leaves all as it was. Views, cursors and batches of the store answer STRATUM_CLOSED from then on and are still to be
/// freed; what they kept of the store (memory, mappings, descriptors) is given back now. What was read (results, trees,
/// pinned bytes) stays valid until it is freed: trees and pinned bytes keep the mapping of their log file, and the disk
/// space of one that was replaced, until then; max_retained_bytes does not bound that.
/// Errors: STRATUM_CLOSED (closed already), STRATUM_IO, STRATUM_NO_SPACE, STRATUM_COMMIT_UNKNOWN: what could not be
/// made durable; STRATUM_BUSY: from inside a callback, the store stays open and `*db` as it was.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_close(db: *mut *mut stratum_db, error: *mut *mut stratum_error) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            if let Some(db) = arguments::optional("db", db)? {
                // what cannot be entered (NULL, closed, foreign, poisoned) is told apart below
                if let Ok(object) = handles::enter(db.cast_const()) {
                    object.store.check_not_in_callback()?;
                }
            }
            let Some(db) = guard::take(db)? else { return Ok(()) };
            let object = handles::close(db)?;
            drop(handles::close(object.latest));
            object.store.close()
        })
    }
}

/// The view that always shows the newest commit that is visible, for single reads: each read through it sees a moment
/// of its own. Borrowed: it belongs to the store, is not freed, and answers STRATUM_CLOSED once the store is closed.
/// NULL where `db` is not an open store.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_db_latest(db: *const stratum_db) -> *const stratum_view {
    guard::peek(ptr::null(), || Ok(handles::enter(db)?.latest.cast()))
}

/// A snapshot: one moment of the whole store, unchanged by later writes and compaction. Costs microseconds. The caller
/// frees it with stratum_view_free; while it lives, and the store is open, it keeps what it shows on disk.
/// Errors: STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_snapshot(
    db: *const stratum_db,
    view: *mut *mut stratum_view,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("view", view)?;
            let store = Arc::clone(&handles::enter(db)?.store);
            let view = store.db.snapshot()?;
            out.put(handles::insert::<stratum_view>(Snapshot { store, view })?);
            Ok(())
        })
    }
}

/// Makes everything that was committed so far durable, whatever durability it was committed with.
/// Errors: STRATUM_IO, STRATUM_COMMIT_UNKNOWN, STRATUM_POISONED, STRATUM_CLOSED, STRATUM_BUSY (inside a callback).
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_flush(db: *const stratum_db, error: *mut *mut stratum_error) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe { on_store(db, error, |store| Ok(store.db.flush()?)) }
}

/// Writes an index checkpoint now, so that the next open need not read the log before it.
/// Errors: STRATUM_IO, STRATUM_NO_SPACE, STRATUM_POISONED, STRATUM_CLOSED, STRATUM_BUSY (inside a callback).
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_checkpoint(db: *const stratum_db, error: *mut *mut stratum_error) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe { on_store(db, error, |store| Ok(store.db.checkpoint()?)) }
}

/// Compacts until no garbage is left that can go; returns when done. Reads and writes on other threads go on.
/// `progress` may be NULL; it is called on this thread, with `context`.
/// Errors: STRATUM_IO, STRATUM_NO_SPACE, STRATUM_CORRUPTION, STRATUM_CLOSED, STRATUM_BUSY (inside a callback). Where
/// `progress` stops the work the answer is STRATUM_OK.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_compact_now(
    db: *const stratum_db,
    progress: stratum_progress_fn,
    context: *mut c_void,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        on_store(db, error, |store| {
            store.db.compact_now(&mut |step| {
                let Some(progress) = progress else { return true };
                let _inside = Callback::of(store);
                progress(&stratum_progress::from(step), context) != 0
            })?;
            Ok(())
        })
    }
}

/// Runs work that is not allowed inside a callback.
///
/// # Safety
/// `error` is NULL or leads to room for a pointer.
pub(super) unsafe fn on_store(
    db: *const stratum_db,
    error: *mut *mut stratum_error,
    work: impl FnOnce(&Store) -> Call<()>,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard::call(error, || {
            let object = handles::enter(db)?;
            object.store.check_not_in_callback()?;
            work(&object.store)
        })
    }
}

/// Marks the thread as running a callback of a store for as long as it lives.
struct Callback<'a>(&'a Store);

impl Callback<'_> {
    fn of(store: &Store) -> Callback<'_> {
        store.in_callback.store(Caller::this().number(), Ordering::Relaxed);
        Callback(store)
    }
}

impl Drop for Callback<'_> {
    fn drop(&mut self) {
        self.0.in_callback.store(Caller::NOBODY, Ordering::Relaxed);
    }
}
