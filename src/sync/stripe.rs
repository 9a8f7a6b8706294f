//! A small number for each thread, by which threads that count the same thing count it in different places: a count
//! that two cores change in turn costs each of them a trip of its cache line.
//!
//! 1. Threads get their stripes in turn, so that up to `STRIPES` of them that begin together have one each. More share.
//! 2. Nothing depends on who has which stripe but speed.

#[cfg(not(any(loom, shuttle)))]
use std::cell::Cell;
#[cfg(not(any(loom, shuttle)))]
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many places there are for each thing.
pub const STRIPES: usize = if cfg!(any(loom, shuttle)) { 2 } else { 16 };

/// Something on cache lines of its own. Two at a time: that is what processors fetch.
#[derive(Default)]
#[repr(align(128))]
pub struct Apart<T>(pub T);

#[cfg(not(any(loom, shuttle)))]
thread_local! {
    static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// The calling thread's stripe, below `STRIPES`.
#[cfg(not(any(loom, shuttle)))]
#[inline]
pub fn own() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let stripe = OWN.get();
    if stripe != usize::MAX {
        return stripe;
    }
    let stripe = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
    OWN.set(stripe);
    stripe
}

/// In a model all threads share one: there they meet most.
#[cfg(any(loom, shuttle))]
pub fn own() -> usize {
    0
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_stripe_and_its_neighbour_has_another() {
        let stripe = || std::thread::spawn(|| (own(), own())).join().unwrap();
        let stripes: Vec<_> = (0..STRIPES).map(|_| stripe()).collect();
        assert!(stripes.iter().all(|(first, again)| first == again && *first < STRIPES));
        // Other tests of this process take stripes too, but not all of them in between.
        assert!(stripes.windows(2).any(|two| two[0] != two[1]));
    }
}
