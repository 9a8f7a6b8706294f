//! The host that calls: its handles, live and dead, and what it knows of the stores.
//!
//! 1. A handle is passed as it is, after it was freed, in the place of another type, as NULL, and as a number that
//!    never was one. A handle that was given out is freed exactly once with success.
//! 2. Handle values are never given out twice, so what is known of one stays true.

use std::collections::{BTreeMap, HashMap};
use std::ffi::CStr;
use std::path::PathBuf;
use std::ptr;

use stratum::capi::error::*;
use stratum::capi::options::*;
use stratum::capi::status::*;

use crate::documented;
use crate::shadow::{Change, Shadow, apply, apply_batch};
use crate::source::Source;

/// The types of handles, as indices of pools.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Type {
    Error,
    Options,
    Db,
    View,
    Batch,
    Documents,
    Inputs,
    Result,
    Tree,
    Pinned,
    Report,
}

/// Frees a handle in the caller's variable.
pub type Free = unsafe extern "C" fn(*mut *mut ()) -> i32;

/// How many stores there are.
pub const STORES: usize = 2;
/// Handles of a type that are remembered.
const POOL: usize = 12;

/// The host.
pub struct Machine {
    /// Where the stores are.
    pub root: PathBuf,
    pools: BTreeMap<Type, Vec<usize>>,
    /// Handles to be freed.
    pub alive: BTreeMap<usize, Type>,
    /// The store that a handle (store, view, batch) belongs to.
    pub store_of: HashMap<usize, usize>,
    /// What each store holds; `None` where it must be looked up.
    pub shadows: [Option<Shadow>; STORES],
    /// What a snapshot shows.
    pub snapshots: HashMap<usize, Option<Shadow>>,
    /// What a batch will do, and whether the shadow can follow.
    pub pending: HashMap<usize, Vec<Change>>,
}

impl Machine {
    pub fn new(root: PathBuf) -> Machine {
        Machine {
            root,
            pools: BTreeMap::new(),
            alive: BTreeMap::new(),
            store_of: HashMap::new(),
            shadows: Default::default(),
            snapshots: HashMap::new(),
            pending: HashMap::new(),
        }
    }

    /// Where a store is.
    pub fn path(&self, store: usize) -> PathBuf {
        self.root.join(format!("store-{store}"))
    }

    /// Remembers a handle that was given out.
    pub fn made<T>(&mut self, kind: Type, handle: *mut T) -> usize {
        let number = handle.addr();
        assert_ne!(number, 0, "a {kind:?} that was made is not NULL");
        assert!(self.alive.insert(number, kind).is_none(), "a handle is given out twice");
        self.lent(kind, handle);
        number
    }

    /// Remembers a handle that is not to be freed.
    pub fn lent<T>(&mut self, kind: Type, handle: *const T) {
        let pool = self.pools.entry(kind).or_default();
        if pool.len() == POOL {
            pool.remove(0);
        }
        pool.push(handle.addr());
    }

    /// A handle for a parameter of this type; more often than not a good one.
    pub fn pick<T>(&self, kind: Type, source: &mut Source<'_>) -> *mut T {
        let byte = source.byte();
        let pool = |kind: Type| self.pools.get(&kind).map_or(&[][..], |pool| pool);
        let from = |pool: &[usize]| pool.get(usize::from(byte) % pool.len().max(1)).copied().unwrap_or(0);
        let number = match byte {
            0..=199 => pool(kind).last().copied().unwrap_or(0),
            200..=229 => from(pool(kind)),
            230..=237 => self.alive.keys().next_back().copied().unwrap_or(1),
            238..=243 => from(pool(kind)) ^ (1 << (byte % 64)),
            244..=249 => [1, 8, usize::MAX, 1 << 63, ptr::from_ref(self).addr(), 7][usize::from(byte) % 6],
            _ => 0,
        };
        ptr::without_provenance_mut(number)
    }

    /// Makes a call with or without a place for its error, and checks that the answer is one of those that its comment
    /// names, and that the error object agrees with it.
    pub fn call(&mut self, function: &str, call: impl FnOnce(*mut *mut stratum_error) -> i32) -> i32 {
        let mut error: *mut stratum_error = ptr::without_provenance_mut(8);
        let status = call(&raw mut error);
        let text = stratum_error_message(error);
        // SAFETY: never NULL and NUL-terminated, also for what is no handle.
        let text = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
        documented::check(function, status, &text);
        assert_eq!(error.is_null(), status < STRATUM_INVALID_ARGUMENT, "{function}: an error for each failure");
        if !error.is_null() {
            assert_eq!(stratum_error_code(error), status, "{function}");
            assert!(!text.is_empty(), "{function}: an error without a text");
            // SAFETY: the variable is this function's own.
            assert_eq!(unsafe { stratum_error_free(&raw mut error) }, STRATUM_OK, "{function}");
        }
        status
    }

    /// Frees any handle, through the function for this type.
    pub fn free(&mut self, kind: Type, handle: *mut (), free: Free) {
        let mut variable = handle;
        // SAFETY: the variable is this function's own.
        let status = unsafe { free(&raw mut variable) };
        assert!(variable.is_null(), "a freed variable is NULL");
        let was_alive = self.alive.get(&handle.addr()) == Some(&kind);
        let is_right = match status {
            STRATUM_OK => was_alive || handle.is_null(),
            STRATUM_CLOSED | STRATUM_INVALID_HANDLE => !was_alive,
            _ => false,
        };
        assert!(is_right, "freeing a {kind:?}: {}, alive: {was_alive}", documented::name_of(status));
        self.gone(kind, handle.addr());
    }

    /// A handle of this type was given back, if it was one.
    pub fn gone(&mut self, kind: Type, handle: usize) {
        if self.alive.get(&handle) == Some(&kind) {
            self.alive.remove(&handle);
            self.pending.remove(&handle);
        }
    }

    /// What the store of this handle holds, where it is known.
    pub fn shadow_of(&mut self, handle: usize) -> Option<&mut Shadow> {
        let store = *self.store_of.get(&handle)?;
        self.shadows[store].as_mut()
    }

    /// A call that commits at once was answered.
    pub fn committed(&mut self, function: &str, db: usize, change: &Change, status: i32) {
        let Some(store) = self.store_of.get(&db).copied() else { return };
        let Some(shadow) = &mut self.shadows[store] else { return };
        match (status, change) {
            (STRATUM_OK, Change::Unknown) => self.shadows[store] = None,
            (STRATUM_OK, _) => assert!(apply(shadow, change).is_some(), "{function} finds what is not there"),
            (STRATUM_NOT_FOUND, Change::Unknown) => {}
            (STRATUM_NOT_FOUND, _) => {
                assert!(apply(&mut shadow.clone(), change).is_none(), "{function} does not find what is there");
            }
            _ => {}
        }
    }

    /// A batch was committed.
    pub fn batch_committed(&mut self, batch: usize) {
        let changes = self.pending.remove(&batch).unwrap_or_default();
        let Some(store) = self.store_of.get(&batch).copied() else { return };
        if changes.iter().any(|change| matches!(change, Change::Unknown)) {
            self.shadows[store] = None;
        }
        let Some(shadow) = &mut self.shadows[store] else { return };
        if let Err(change) = apply_batch(shadow, &changes) {
            panic!("a batch changes what is not there: {change:?} of {changes:?}");
        }
    }
}

/// Options under which a run is quick and its result does not depend on time.
pub fn quick_options(machine: &mut Machine, source: &mut Source<'_>) -> *mut stratum_options {
    let mut options = ptr::null_mut();
    let (pread, size) = (i32::from(source.byte() % 2), u64::from(source.byte()));
    // SAFETY: the variable is this function's own; the calls after it take handles, which are numbers.
    unsafe {
        machine.call("stratum_options_create", |error| stratum_options_create(&raw mut options, error));
        let all = [
            stratum_options_set_background(options, 0, ptr::null_mut()),
            stratum_options_set_durability(options, STRATUM_DURABILITY_OS, ptr::null_mut()),
            stratum_options_set_read_mode(options, STRATUM_READ_MMAP + pread, ptr::null_mut()),
            stratum_options_set_segment_size(options, 400 + 40 * size, ptr::null_mut()),
            stratum_options_set_fold_after(options, 1 + size as u32 % 5, ptr::null_mut()),
        ];
        assert_eq!(all, [STRATUM_OK; 5]);
    }
    machine.made(Type::Options, options);
    options
}
