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

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(segment: u32, offset8: u32) -> Extent {
        Extent { segment, offset8, length8: 5, nodes: 3, sequence: 9, replaced8: 7, blob: BlobPlace::Unchanged }
    }

    #[test]
    fn lengths_are_kept_in_units_of_8_bytes() {
        let extent = extent(2, 12);
        assert_eq!((extent.offset(), extent.length(), extent.replaced()), (96, 40, 56));
    }

    #[test]
    fn a_place_is_a_segment_and_an_offset_in_it() {
        assert!(extent(2, 12).same_place(&Extent { sequence: 1, ..extent(2, 12) }));
        assert!(!extent(2, 12).same_place(&extent(3, 12)));
        assert!(!extent(2, 12).same_place(&extent(2, 13)));
    }

    #[test]
    fn one_delta_for_several_leaves_the_live_bytes_as_they_were() {
        // Two of 80 bytes, which replace 16 and 24: what one of 96 bytes replaces.
        assert_eq!(replaced_by_one(96, [(80, 16), (80, 24)].into_iter()), 0);
        assert_eq!(replaced_by_one(144, [(80, 16), (80, 24)].into_iter()), (144 + 40 - 160) / 8);
        assert_eq!(replaced_by_one(u64::MAX / 2, [].into_iter()), u32::MAX);
    }

    #[test]
    fn nodes_of_deltas_add_up_and_absurd_ones_are_survived() {
        let run = |nodes| Run { extent: Extent { nodes, ..extent(1, 12) }, first_sequence: 1 };
        assert_eq!(nodes_of(&[run(5), run(-2), run(4)]), 7);
        assert_eq!(nodes_of(&[run(i32::MAX), run(1)]), i32::MIN);
    }

    #[test]
    fn a_run_covers_what_lies_within_its_sequence_numbers() {
        let run = |first_sequence, sequence| Run { extent: Extent { sequence, ..extent(1, 12) }, first_sequence };
        assert!(run(3, 7).covers(&run(3, 7)) && run(3, 7).covers(&run(4, 6)));
        assert!(!run(3, 7).covers(&run(2, 6)) && !run(3, 7).covers(&run(4, 8)) && !run(4, 6).covers(&run(3, 7)));
    }
}
