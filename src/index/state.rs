//! One moment of a store: index, open segments and log position, published together.
//!
//! 1. Every extent that the index reaches lies in a segment of the table.
//! 2. Holding a state keeps its segments readable, also after compaction unlinked them.

use super::Index;
use crate::log::SegmentTable;

/// A published moment.
#[derive(Clone, Default)]
pub struct State {
    /// Which records make up each document.
    pub index: Index,
    /// The segments they lie in.
    pub segments: SegmentTable,
    /// Sequence number of the newest commit.
    pub sequence: u64,
    /// The log's position behind it: segment (zero for none) and offset.
    pub position: (u32, u64),
}
