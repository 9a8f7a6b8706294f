//! The model checkers' primitives in the shape of parking_lot's.
//!
//! 1. Every call here is one of the checker's, so that it sees each of them and may switch threads there.
//! 2. A lock whose holder panicked is simply free again, as with parking_lot.
//! 3. A wait with a time limit may end at any time: others have had a turn, and that is all its caller can count on.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

#[cfg(loom)]
use loom::sync as base;
#[cfg(shuttle)]
use shuttle::sync as base;

#[cfg(loom)]
pub use loom::thread;
#[cfg(shuttle)]
pub use shuttle::thread;

pub use base::atomic;

/// `parking_lot::Mutex`.
#[derive(Default)]
pub struct Mutex<T>(base::Mutex<T>);

/// `parking_lot::MutexGuard`; its own is lent to the condition variable while that waits.
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    own: Option<base::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub fn new(value: T) -> Mutex<T> {
        Mutex(base::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: self, own: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)) }
    }

    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(own) => Some(MutexGuard { mutex: self, own: Some(own) }),
            Err(std::sync::TryLockError::Poisoned(own)) => {
                Some(MutexGuard { mutex: self, own: Some(own.into_inner()) })
            }
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.own.as_deref().expect("lent only while its owner waits")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.own.as_deref_mut().expect("lent only while its owner waits")
    }
}

/// `parking_lot::Condvar`.
#[derive(Default)]
pub struct Condvar(base::Condvar);

impl Condvar {
    pub fn new() -> Condvar {
        Condvar(base::Condvar::new())
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.own = guard.own.take().map(|own| self.0.wait(own).unwrap_or_else(PoisonError::into_inner));
    }

    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _limit: Duration) {
        guard.own = None;
        thread::yield_now();
        guard.own = guard.mutex.lock().own;
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// `parking_lot::RwLock`.
#[derive(Default)]
pub struct RwLock<T>(base::RwLock<T>);

impl<T> RwLock<T> {
    pub fn new(value: T) -> RwLock<T> {
        RwLock(base::RwLock::new(value))
    }

    pub fn read(&self) -> base::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn write(&self) -> base::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `arc_swap::ArcSwapAny`: here a lock around the pointer, which is what it stands for.
pub struct ArcSwapAny<T>(RwLock<T>);

/// `arc_swap::ArcSwap`.
pub type ArcSwap<T> = ArcSwapAny<Arc<T>>;
/// `arc_swap::ArcSwapOption`.
pub type ArcSwapOption<T> = ArcSwapAny<Option<Arc<T>>>;

/// `arc_swap::Guard`.
pub struct Guard<T>(T);

impl<T: Clone> ArcSwapAny<T> {
    pub fn new(value: T) -> ArcSwapAny<T> {
        ArcSwapAny(RwLock::new(value))
    }

    pub fn load(&self) -> Guard<T> {
        Guard(self.load_full())
    }

    pub fn load_full(&self) -> T {
        self.0.read().clone()
    }

    pub fn swap(&self, value: T) -> T {
        std::mem::replace(&mut *self.0.write(), value)
    }

    pub fn store(&self, value: T) {
        drop(self.swap(value));
    }
}

impl<T> Guard<T> {
    pub fn from_inner(value: T) -> Guard<T> {
        Guard(value)
    }

    pub fn into_inner(guard: Guard<T>) -> T {
        guard.0
    }
}

impl<T> Deref for Guard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
