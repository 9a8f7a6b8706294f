//! Live bytes per segment: the record of what became reachable and what no longer is.

use std::collections::BTreeMap;

/// Live bytes by segment, or changes to them; segments ascend. There are few of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger(Vec<(u32, i64)>);

impl Ledger {
    /// That of these bytes. Who books many segments in no order books them there: here each would move those above it.
    pub fn of(bytes: BTreeMap<u32, i64>) -> Ledger {
        Ledger(bytes.into_iter().collect())
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_booked_by_segment_until_it_is_forgotten() {
        let mut ledger = Ledger::default();
        for (segment, bytes) in [(7, 100), (2, 50), (7, -30), (9, -10)] {
            ledger.note(segment, bytes);
        }
        let mut changes = Ledger::default();
        changes.note(2, 5);
        changes.note(3, 1);
        ledger.add(&changes);
        assert_eq!(ledger.segments().collect::<Vec<_>>(), [2, 3, 7, 9]);
        assert_eq!(
            [2, 3, 7, 9, 1].map(|segment| ledger.live(segment)),
            [55, 1, 70, 0, 0],
            "none has less than nothing"
        );
        assert_eq!(ledger.total(), 126);
        ledger.forget(7);
        ledger.forget(8);
        assert_eq!((ledger.live(7), ledger.total()), (0, 56));
        assert_eq!(ledger.segments().collect::<Vec<_>>(), [2, 3, 9]);
    }
}
