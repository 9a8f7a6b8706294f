//! Live bytes per segment: the record of what became reachable and what no longer is.

/// Live bytes by segment, or changes to them; segments ascend. There are few of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger(Vec<(u32, i64)>);

impl Ledger {
    /// Books bytes that came alive, or died.
    pub fn note(&mut self, segment: u32, bytes: i64) {
        match self.find(segment) {
            Ok(at) => self.0[at].1 += bytes,
            Err(at) => self.0.insert(at, (segment, bytes)),
        }
    }

    fn find(&self, segment: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&segment, |(segment, _)| *segment)
    }

    /// Books the changes of another ledger.
    pub fn add(&mut self, changes: &Ledger) {
        for (segment, bytes) in &changes.0 {
            self.note(*segment, *bytes);
        }
    }

    /// The segments that are booked.
    pub fn segments(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(segment, _)| *segment)
    }

    /// Forgets a segment that is gone.
    pub fn forget(&mut self, segment: u32) {
        if let Ok(at) = self.find(segment) {
            self.0.remove(at);
        }
    }

    /// Live bytes of a segment.
    pub fn live(&self, segment: u32) -> u64 {
        self.find(segment).map_or(0, |at| self.0[at].1.max(0) as u64)
    }

    /// Live bytes of all segments.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, bytes)| (*bytes).max(0) as u64).sum()
    }
}
