//! Who is inside of a handle that many threads use at once (a store, its latest view, a snapshot), counted by stripes
//! of threads, so that calls on different threads change no memory in common.
//!
//! ```text
//!   enter: own count + 1, then look at the state          close: mark the state, then (as everybody who leaves
//!   leave: own count - 1, then look at the state;                a marked slot) look at the counts
//!          marked as closing, and all counts 0: the slot is done with
//! ```
//!
//! 1. Everything here and the look at the state are `SeqCst`: who comes in has counted himself before he looks, who
//!    closes has marked before he counts; so one of the two sees the other.
//! 2. A thread is counted out where it was counted in (`Inside`), whichever thread does it: no count falls below zero.
//! 3. Who comes in and is refused was counted for a moment, and may be the last one out.

use std::sync::OnceLock;

use crate::memory;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::stripe::{self, Apart, STRIPES};

/// The counts; made for a slot that needs them, and kept with it.
#[derive(Default)]
pub(super) struct Pins(OnceLock<Box<[Apart<AtomicU64>]>>);

/// Where somebody was counted in.
#[derive(Clone, Copy)]
pub(super) struct Inside(usize);

impl Pins {
    /// Makes the counts, where that was not done before; false where there is no memory for them.
    pub(super) fn make(&self) -> bool {
        if self.0.get().is_none() {
            let Ok(made) = memory::collect((0..STRIPES).map(|_| Apart(AtomicU64::new(0)))) else { return false };
            self.0.get_or_init(|| made.into_boxed_slice());
        }
        true
    }

    fn counts(&self) -> &[Apart<AtomicU64>] {
        self.0.get().map_or(&[], |counts| counts)
    }

    /// Counts the calling thread in; `None` for a slot without counts.
    pub(super) fn enter(&self) -> Option<Inside> {
        let inside = stripe::own();
        self.counts().get(inside)?.0.fetch_add(1, Ordering::SeqCst);
        Some(Inside(inside))
    }

    /// Counts out who was counted in there.
    pub(super) fn leave(&self, inside: Inside) {
        if let Some(count) = self.counts().get(inside.0) {
            count.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Whether nobody is inside. Only on a slot that nobody gets into any more does the answer stay true.
    pub(super) fn is_empty(&self) -> bool {
        self.counts().iter().all(|count| count.0.load(Ordering::SeqCst) == 0)
    }
}
