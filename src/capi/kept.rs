//! What handles that hang on a store keep of it: lent to one call at a time, and taken from them when it is closed.
//!
//! 1. A second call that comes in meanwhile gets `STRATUM_BUSY`. Closing waits for the one at work.
//! 2. What a handle keeps is there, or was taken by a call, or the store is closed: then every call says so first.
//! 3. A handle that is made while the store is closed either is seen by that, or is refused.

use std::sync::{Arc, Weak};

use super::db::Store;
use super::guard;
use super::status::{Call, Failure, STRATUM_BUSY};
use crate::memory;
use crate::sync::{Mutex, MutexGuard};

/// What one handle keeps.
pub(super) struct Kept<T> {
    pub(super) store: Arc<Store>,
    kept: Arc<Mutex<Option<T>>>,
}

impl<T: Send + 'static> Kept<T> {
    /// For a handle of this store's.
    pub(super) fn new(store: &Arc<Store>, kept: T) -> Call<Kept<T>> {
        let kept = Arc::new(Mutex::new(Some(kept)));
        let weak = Arc::downgrade(&kept);
        store.keepers.add(weak)?;
        Ok(Kept { store: Arc::clone(store), kept })
    }

    /// What it keeps, for one call of an open store's.
    pub(super) fn alone(&self, busy: &'static str) -> Call<MutexGuard<'_, Option<T>>> {
        self.store.check_open()?;
        let kept = self.kept.try_lock();
        // Again, since it may be closing that has it, or has had it.
        self.store.check_open()?;
        kept.ok_or(Failure::Refused(STRATUM_BUSY, busy.into()))
    }
}

/// Something that can be told to keep nothing any more.
trait Keeper: Send + Sync {
    fn let_go(&self);
}

impl<T: Send> Keeper for Mutex<Option<T>> {
    fn let_go(&self) {
        let kept = self.lock().take();
        drop(kept); // with the lock free again
    }
}

/// Every handle that keeps something of one store's; `None` once that is closed.
pub(super) struct Keepers(Mutex<Option<Vec<Weak<dyn Keeper>>>>);

impl Keepers {
    pub(super) fn new() -> Keepers {
        Keepers(Mutex::new(Some(Vec::new())))
    }

    fn add(&self, keeper: Weak<dyn Keeper>) -> Call<()> {
        let mut keepers = self.0.lock();
        let keepers = keepers.as_mut().ok_or_else(guard::store_closed)?;
        if keepers.len() == keepers.capacity() {
            keepers.retain(|keeper| keeper.strong_count() > 0);
            // Twice of what is left: those that are gone are looked for after as many new ones.
            memory::reserve(keepers, keepers.len().max(16))?;
        }
        keepers.push(keeper);
        Ok(())
    }

    /// Takes everything from all of them, for good.
    pub(super) fn let_go(&self) {
        let keepers = self.0.lock().take();
        keepers.iter().flatten().filter_map(Weak::upgrade).for_each(|keeper| keeper.let_go());
    }
}
