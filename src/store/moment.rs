//! A published moment, and whether it may be read.
//!
//! 1. A view is a hold on a moment and on nothing else: reading changes no memory that other threads read or change.
//! 2. `Gate` is written once, when the store is closed; every call looks at it.

use std::ops::Deref;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::index::State;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::vfs::os;

/// Whether a store may be used, for everybody who holds something of it.
pub struct Gate {
    closed: AtomicBool,
    /// The process that opened the store; a fork has another number.
    generation: u64,
    /// Whether reads verify what they read.
    pub verify: bool,
}

impl Gate {
    pub fn new(verify: bool) -> Gate {
        Gate { closed: AtomicBool::new(false), generation: os::fork_generation(), verify }
    }

    /// Whether this process is a fork of the one that opened the store.
    pub fn is_forked(&self) -> bool {
        self.generation != os::fork_generation()
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Comes before any lock is taken: in a fork it may be held by a thread that does not exist there.
    pub fn check_not_forked(&self) -> Result<()> {
        if self.is_forked() { Err(Error::Forked) } else { Ok(()) }
    }

    /// Whether this process may use the store.
    pub fn check_open(&self) -> Result<()> {
        self.check_not_forked()?;
        if self.is_closed() { Err(Error::Closed) } else { Ok(()) }
    }
}

/// A state that was published, with the gate of its store.
pub struct Moment {
    pub state: State,
    pub gate: Arc<Gate>,
}

impl Deref for Moment {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}
