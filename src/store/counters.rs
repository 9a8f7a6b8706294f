//! What a store counts as it goes; the source of `Stats`.
//!
//! Never a reason to wait for one another, so always the plain atomics: a model checker has nothing to find here.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters, each exact on its own.
#[derive(Default)]
pub struct Counters {
    pub total_bytes: AtomicU64,
    pub live_bytes: AtomicU64,
    pub commits: AtomicU64,
    pub durable_commits: AtomicU64,
    pub syncs: AtomicU64,
    pub largest_group: AtomicU64,
    pub paced_commits: AtomicU64,
    pub compactions: AtomicU64,
    pub compaction_bytes_read: AtomicU64,
    pub compaction_bytes_written: AtomicU64,
    pub compaction_throttled_us: AtomicU64,
    pub folds: AtomicU64,
    pub checkpoint_sequence: AtomicU64,
    pub checkpoints: AtomicU64,
    pub background_failures: AtomicU64,
}

/// Adds to a counter.
pub fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

/// Reads a counter.
pub fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
