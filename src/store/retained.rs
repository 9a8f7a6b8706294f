//! What open snapshots hold: replaced segments that live on without a name.
//!
//! 1. A replaced segment's space comes back when the last state that names it is gone.
//! 2. Over `max_retained_bytes` the oldest snapshots are revoked until the rest fits: their holders get
//!    `SnapshotTooOld` from then on. A view that is not a snapshot is never revoked.

use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use crate::index::State;
use crate::log::Segment;

/// A snapshot's hold on its state; `None` once revoked.
pub type Lease = RwLock<Option<Arc<State>>>;

/// Snapshots and the segments that outlive their names.
#[derive(Default)]
pub struct Retained {
    snapshots: Mutex<Vec<Weak<Lease>>>,
    segments: Mutex<Vec<(Weak<Segment>, u64)>>,
}

impl Retained {
    /// A lease on a state.
    pub fn lease(&self, state: Arc<State>) -> Arc<Lease> {
        let lease = Arc::new(RwLock::new(Some(state)));
        let mut snapshots = self.snapshots.lock();
        snapshots.retain(|snapshot| snapshot.strong_count() > 0);
        snapshots.push(Arc::downgrade(&lease));
        lease
    }

    /// Open snapshots.
    pub fn snapshots(&self) -> u64 {
        self.snapshots.lock().iter().filter(|snapshot| snapshot.strong_count() > 0).count() as u64
    }

    /// Notes a segment that was replaced.
    pub fn retire(&self, segment: &Arc<Segment>, bytes: u64) {
        self.segments.lock().push((Arc::downgrade(segment), bytes));
    }

    /// Bytes of replaced segments that somebody still holds.
    pub fn bytes(&self) -> u64 {
        let mut segments = self.segments.lock();
        segments.retain(|(segment, _)| segment.strong_count() > 0);
        segments.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Revokes the oldest snapshots while more than `limit` bytes are held.
    pub fn limit(&self, limit: u64) {
        while self.bytes() > limit {
            let oldest = {
                let mut snapshots = self.snapshots.lock();
                let oldest = snapshots.iter().position(|snapshot| snapshot.strong_count() > 0);
                oldest.map(|at| snapshots.remove(at))
            };
            let Some(oldest) = oldest else { return };
            if let Some(lease) = oldest.upgrade() {
                *lease.write() = None;
            }
        }
    }
}
