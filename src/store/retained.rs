//! What open snapshots hold: replaced segments that live on without a name.
//!
//! 1. A replaced segment's space comes back when the last state that names it is gone.
//! 2. Over `max_retained_bytes` the oldest snapshots that hold such segments are revoked until the rest fits: their
//!    holders get `SnapshotTooOld` from then on. A view that is not a snapshot is never revoked.
//! 3. When the store is closed all of them are revoked, so that a snapshot that was forgotten keeps nothing.

use std::sync::{Arc, Weak};

use super::moment::Moment;
use crate::error::Result;
use crate::log::Segment;
use crate::log::segment::Watch;
use crate::sync::{ArcSwapOption, Mutex};

/// A snapshot's hold on its moment; `None` once revoked.
pub type Lease = ArcSwapOption<Moment>;

/// Snapshots and the segments that outlive their names.
#[derive(Default)]
pub struct Retained {
    snapshots: Mutex<Vec<Weak<Lease>>>,
    segments: Mutex<Vec<Replaced>>,
}

/// A segment that was replaced.
struct Replaced {
    id: u32,
    bytes: u64,
    watch: Watch,
}

impl Retained {
    /// A lease on the newest moment, and that moment's sequence number. `newest` is asked once `limit` can see the
    /// lease that comes of it: what it gives then is not a moment that `limit` has just cleared out.
    pub fn lease(&self, newest: impl FnOnce() -> Result<Arc<Moment>>) -> Result<(Arc<Lease>, u64)> {
        let mut snapshots = self.snapshots.lock();
        let state = newest()?;
        let sequence = state.sequence;
        let lease = Arc::new(Lease::new(Some(state)));
        snapshots.retain(|snapshot| snapshot.strong_count() > 0);
        snapshots.push(Arc::downgrade(&lease));
        Ok((lease, sequence))
    }

    /// Revokes all snapshots, of a store that is closed.
    pub fn let_go(&self) {
        let snapshots = std::mem::take(&mut *self.snapshots.lock());
        snapshots.iter().filter_map(Weak::upgrade).for_each(|lease| lease.store(None));
        self.segments.lock().clear();
    }

    /// Open snapshots.
    pub fn snapshots(&self) -> u64 {
        self.snapshots.lock().iter().filter(|snapshot| snapshot.strong_count() > 0).count() as u64
    }

    /// Notes a segment that was replaced.
    pub fn retire(&self, segment: &Segment, bytes: u64) {
        self.segments.lock().push(Replaced { id: segment.id(), bytes, watch: segment.watch() });
    }

    /// Bytes of replaced segments that somebody still holds.
    pub fn bytes(&self) -> u64 {
        self.held().iter().map(|(_, bytes)| bytes).sum()
    }

    /// Ids and bytes of replaced segments that somebody still holds.
    fn held(&self) -> Vec<(u32, u64)> {
        let mut segments = self.segments.lock();
        segments.retain(|segment| segment.watch.is_held());
        segments.iter().map(|segment| (segment.id, segment.bytes)).collect()
    }

    /// Revokes the oldest snapshots while snapshots hold more than `limit` bytes of replaced segments. Those that hold
    /// none, and what views, cursors and pinned bytes hold, are left alone.
    pub fn limit(&self, limit: u64) {
        let held = self.held();
        let mut snapshots = self.snapshots.lock();
        loop {
            let open: Vec<Arc<Lease>> = snapshots.iter().filter_map(Weak::upgrade).collect();
            let holds = |lease: &Lease, id: u32| lease.load().as_ref().is_some_and(|state| state.segments.has(id));
            let by_snapshots = held.iter().filter(|(id, _)| open.iter().any(|lease| holds(lease, *id)));
            if by_snapshots.map(|(_, bytes)| bytes).sum::<u64>() <= limit {
                return;
            }
            let oldest = open.iter().find(|lease| held.iter().any(|(id, _)| holds(lease, *id)));
            let Some(oldest) = oldest else { return };
            oldest.store(None);
            snapshots.retain(|snapshot| snapshot.upgrade().is_some_and(|lease| lease.load().is_some()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::State;
    use crate::store::moment::Gate;

    #[test]
    fn of_snapshots_that_are_gone_nothing_is_kept_once_there_is_another() {
        let retained = Retained::default();
        for _ in 0..3 {
            let moment = Moment { state: State::default(), gate: Arc::new(Gate::new(false)) };
            drop(retained.lease(|| Ok(Arc::new(moment))).unwrap());
        }
        assert_eq!(retained.snapshots.lock().len(), 1);
    }
}
