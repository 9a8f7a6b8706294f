//! Live bytes per segment: the record of what became reachable and what no longer is.

use std::collections::HashMap;

/// Live bytes by segment, or changes to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger(HashMap<u32, i64>);

impl Ledger {
    /// Books bytes that came alive, or died.
    pub fn note(&mut self, segment: u32, bytes: i64) {
        *self.0.entry(segment).or_default() += bytes;
    }

    /// Books the changes of another ledger.
    pub fn add(&mut self, changes: &Ledger) {
        for (segment, bytes) in &changes.0 {
            *self.0.entry(*segment).or_default() += bytes;
        }
    }

    /// Forgets a segment that is gone.
    pub fn forget(&mut self, segment: u32) {
        self.0.remove(&segment);
    }

    /// Live bytes of a segment.
    pub fn live(&self, segment: u32) -> u64 {
        self.0.get(&segment).map_or(0, |bytes| (*bytes).max(0) as u64)
    }

    /// Live bytes of all segments.
    pub fn total(&self) -> u64 {
        self.0.values().map(|bytes| (*bytes).max(0) as u64).sum()
    }
}
