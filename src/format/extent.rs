//! Where a record lies, and what the index must know of it without reading it.

use super::record::{BlobPlace, RecordHeader};

/// The place of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The segment.
    pub segment: u32,
    /// Offset of the record's header in the segment, in units of 8 bytes.
    pub offset8: u32,
    /// Length of the whole record, in units of 8 bytes.
    pub length8: u32,
    /// As in the record's header.
    pub nodes: i32,
    /// As in the record's header.
    pub sequence: u64,
    /// As in the record's header.
    pub replaced8: u32,
    /// As in the record's header.
    pub blob: BlobPlace,
}

impl Extent {
    /// The place of the record with this header at `offset` (a multiple of 8) of a segment.
    pub fn of(header: &RecordHeader, segment: u32, offset: u64) -> Extent {
        Extent {
            segment,
            offset8: (offset / 8) as u32,
            length8: (header.record_len() / 8) as u32,
            nodes: header.nodes,
            sequence: header.sequence,
            replaced8: header.replaced8,
            blob: header.blob,
        }
    }

    /// Offset of the record's header, in bytes.
    pub fn offset(&self) -> u64 {
        u64::from(self.offset8) * 8
    }

    /// Length of the whole record, in bytes.
    pub fn length(&self) -> u64 {
        u64::from(self.length8) * 8
    }

    /// About how many bytes of older records it replaces.
    pub fn replaced(&self) -> u64 {
        u64::from(self.replaced8) * 8
    }

    /// Whether both name the same place.
    pub fn same_place(&self, other: &Extent) -> bool {
        self.segment == other.segment && self.offset8 == other.offset8
    }
}

/// A delta's extent: the changes from `first_sequence` to `extent.sequence`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where it lies.
    pub extent: Extent,
    /// Sequence number of its oldest change.
    pub first_sequence: u64,
}

/// What one delta replaces that takes the place of several, given their lengths and what each of them replaces: what
/// the document's live bytes come to stays the same.
pub fn replaced_by_one(length: u64, parts: impl Iterator<Item = (u64, u64)>) -> u32 {
    let (lengths, replaced) = parts.fold((0, 0), |(lengths, replaced), part| (lengths + part.0, replaced + part.1));
    ((length + replaced).saturating_sub(lengths) / 8).min(u32::MAX.into()) as u32
}

/// By how many nodes some deltas change their document together. Bounded by what one document can hold, but for
/// headers that no store wrote; these are not to be trusted, only to be survived.
pub fn nodes_of(runs: &[Run]) -> i32 {
    runs.iter().fold(0, |nodes, run| nodes.wrapping_add(run.extent.nodes))
}

impl Run {
    /// Whether every change in `other` is in this one too.
    pub fn covers(&self, other: &Run) -> bool {
        self.first_sequence <= other.first_sequence && self.extent.sequence >= other.extent.sequence
    }
}
