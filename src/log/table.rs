//! The open segments of one moment.

use std::sync::Arc;

use super::segment::Segment;

/// Open segments, sorted by id. A clone is a moment that later changes do not touch.
#[derive(Clone, Default)]
pub struct SegmentTable(Arc<Vec<Arc<Segment>>>);

impl SegmentTable {
    /// The segment with this id.
    pub fn get(&self, id: u32) -> Option<&Arc<Segment>> {
        let at = self.0.binary_search_by_key(&id, |segment| segment.id()).ok()?;
        Some(&self.0[at])
    }

    /// Whether there is one with this id.
    pub fn has(&self, id: u32) -> bool {
        self.get(id).is_some()
    }

    /// All of them, ids ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Segment>> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds segments and takes others out.
    pub fn change(&mut self, added: impl IntoIterator<Item = Arc<Segment>>, removed: &[u32]) {
        let mut segments: Vec<_> = self.0.iter().filter(|segment| !removed.contains(&segment.id())).cloned().collect();
        segments.extend(added);
        segments.sort_by_key(|segment| segment.id());
        self.0 = Arc::new(segments);
    }
}
