//! Walking the records of a segment in the order they stand.
//!
//! 1. Everything before `end` must check out: damage is an error. Only `recovery::tail` asks for less.
//! 2. Record headers and frames are verified; payloads are left to whoever reads them.

use std::sync::Arc;

use super::segment::Segment;
use crate::error::Result;
use crate::format::record::{self, Frame, RecordHeader, RecordKind};
use crate::format::segment::HEADER_LEN;
use crate::memory;

/// One commit: a frame and where its records stand.
pub struct Commit {
    /// The frame's record header.
    pub header: RecordHeader,
    /// The frame.
    pub frame: Frame,
    /// The commit's records with their offsets.
    pub records: Vec<(u64, RecordHeader)>,
    /// Offset behind the last of them.
    pub end: u64,
}

/// Calls `each` with offset and header of every record from `from` to `end` but frames and footers. Gives back the
/// highest `next_document` of the frames.
pub fn records(
    segment: &Arc<Segment>,
    from: u64,
    end: u64,
    mut each: impl FnMut(u64, &RecordHeader) -> Result<()>,
) -> Result<u64> {
    let mut next_document = 0;
    let mut at = from.max(HEADER_LEN);
    while at < end {
        let header = header_at(segment, at, end)?;
        if header.kind == RecordKind::Frame {
            let commit = commit_at(segment, at, end)?;
            next_document = next_document.max(commit.frame.next_document);
            commit.records.iter().try_for_each(|(offset, header)| each(*offset, header))?;
            at = commit.end;
        } else {
            if header.kind != RecordKind::Footer {
                if segment.header().kind.has_frames() {
                    return Err(segment.damage(at, Some(header.document), "a record outside of any commit"));
                }
                each(at, &header)?;
            }
            at += header.record_len();
        }
    }
    Ok(next_document)
}

/// Reads the commit whose frame stands at `at`; all of it must lie before `end`.
pub fn commit_at(segment: &Arc<Segment>, at: u64, end: u64) -> Result<Commit> {
    let header = header_at(segment, at, end)?;
    if header.kind != RecordKind::Frame {
        return Err(segment.damage(at, Some(header.document), "no commit frame where one must stand"));
    }
    let (header, payload) = segment.record(at)?;
    let frame = Frame::decode(&payload).map_err(|error| error.into_error(|what| segment.damage(at, None, what)))?;
    let body = at + record::FRAME_RECORD_LEN;
    let commit_end = body.checked_add(frame.body_len).filter(|commit_end| *commit_end <= end);
    let commit_end = commit_end.ok_or_else(|| segment.damage(at, None, "the commit is cut off"))?;
    let mut records = Vec::new();
    let mut next = body;
    while next < commit_end {
        let record = header_at(segment, next, commit_end)?;
        if record.sequence != header.sequence || record.kind == RecordKind::Frame {
            return Err(segment.damage(next, Some(record.document), "a record of another commit within this one"));
        }
        memory::push(&mut records, (next, record))?;
        next += record.record_len();
    }
    if records.len() != frame.records as usize {
        return Err(segment.damage(at, None, "the commit has another number of records than its frame says"));
    }
    Ok(Commit { header, frame, records, end: commit_end })
}

/// Reads a record header and checks that the record ends in time.
fn header_at(segment: &Arc<Segment>, at: u64, end: u64) -> Result<RecordHeader> {
    let header = segment.record_header(at)?;
    if at + header.record_len() > end {
        return Err(segment.damage(at, Some(header.document), "the record is cut off"));
    }
    Ok(header)
}

/// The ids of the documents that have a record in the first `length` bytes, ascending: from the footer, where there is
/// one.
pub fn documents(segment: &Arc<Segment>, length: u64, footer: u64) -> Result<Vec<u64>> {
    if footer != 0 {
        let (header, payload) = segment.record(footer)?;
        if header.kind != RecordKind::Footer {
            return Err(segment.damage(footer, None, "no footer where the manifest says one stands"));
        }
        return record::decode_footer(&payload)
            .map_err(|error| error.into_error(|what| segment.damage(footer, None, what)));
    }
    let mut documents = Vec::new();
    records(segment, HEADER_LEN, length, |_, header| {
        memory::push(&mut documents, header.document)?;
        Ok(())
    })?;
    documents.sort_unstable();
    documents.dedup();
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::format::manifest::SegmentMeta;
    use crate::format::segment::{SegmentHeader, SegmentKind};
    use crate::log::Dir;
    use crate::log::build::SegmentBuilder;
    use crate::options::ReadMode;
    use crate::vfs::sim::SimDisk;

    use RecordKind::{Frame as OfFrame, Tombstone, Tree};

    const RECORD: u64 = record::HEADER_LEN;

    /// What is to stand in a segment: kind, document and sequence number of records, and the frames with what they say.
    enum Item {
        Frame(u64, Frame),
        Record(RecordKind, u64, u64),
    }

    use Item::Record;

    /// The frame of a commit with so many records of the least size.
    fn frame(sequence: u64, records: u32) -> Item {
        frame_of(sequence, records, u64::from(records) * RECORD, 1)
    }

    fn frame_of(sequence: u64, records: u32, body_len: u64, next_document: u64) -> Item {
        Item::Frame(sequence, Frame { body_len, records, durable_offset: HEADER_LEN, next_document })
    }

    fn segment(kind: SegmentKind, items: &[Item]) -> (Arc<Segment>, SegmentMeta) {
        let dir = Dir::new(Arc::new(SimDisk::new(1)), Path::new("/"));
        let mut builder = SegmentBuilder::create(&dir, SegmentHeader::sample(kind, 1), None).unwrap();
        for item in items {
            let (kind, document, sequence, payload) = match item {
                Item::Frame(sequence, frame) => (OfFrame, 0, *sequence, frame.encode().to_vec()),
                Record(kind, document, sequence) => (*kind, *document, *sequence, Vec::new()),
            };
            let header = RecordHeader::new(kind, document, &payload).unwrap();
            let header = RecordHeader { sequence, first_sequence: sequence, ..header };
            builder.append(&header, &payload).unwrap();
        }
        builder.finish(ReadMode::Pread).unwrap()
    }

    /// The documents of the records up to `end`, in their order, and the highest `next_document`.
    fn read(segment: &Arc<Segment>, end: u64) -> Result<(Vec<u64>, u64)> {
        let mut seen = Vec::new();
        let next_document = records(segment, HEADER_LEN, end, |offset, header| {
            assert_eq!(segment.record_header(offset)?, *header);
            seen.push(header.document);
            Ok(())
        })?;
        Ok((seen, next_document))
    }

    #[test]
    fn records_come_in_their_order_and_frames_say_which_ids_were_given() {
        let items = [
            frame_of(1, 2, 2 * RECORD, 9),
            Record(Tree, 7, 1),
            Record(Tree, 3, 1),
            frame_of(2, 1, RECORD, 4),
            Record(Tombstone, 7, 2),
        ];
        let (log, meta) = segment(SegmentKind::Log, &items);
        assert_eq!(read(&log, meta.length).unwrap(), (vec![7, 3, 7], 9));
        let first = HEADER_LEN + record::FRAME_RECORD_LEN + 2 * RECORD;
        assert_eq!(read(&log, first).unwrap(), (vec![7, 3], 9), "up to the second commit");
        for end in [first + 8, first + record::FRAME_RECORD_LEN, meta.footer - 8] {
            assert!(read(&log, end).is_err(), "a commit that is cut off at {end}");
        }
        for footer in [0, meta.footer] {
            assert_eq!(documents(&log, meta.length, footer).unwrap(), [3, 7]);
        }
        assert!(documents(&log, meta.length, HEADER_LEN).is_err(), "a frame is no footer");
    }

    #[test]
    fn records_stand_alone_where_compaction_wrote_them_and_nowhere_else() {
        let items = || [Record(Tree, 3, 1), Record(Tree, 1, 2)];
        let (compacted, meta) = segment(SegmentKind::Compacted, &items());
        assert_eq!(read(&compacted, meta.length).unwrap(), (vec![3, 1], 0));
        assert!(commit_at(&compacted, HEADER_LEN, meta.length).is_err(), "no frame");
        assert!(read(&compacted, HEADER_LEN + RECORD + 8).is_err(), "the second is cut off");
        for kind in [SegmentKind::Log, SegmentKind::Recovered] {
            let (log, meta) = segment(kind, &items());
            assert!(read(&log, meta.length).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn a_commit_is_what_its_frame_says() {
        for (what, items) in [
            ("a record of another commit", [frame(2, 2), Record(Tree, 1, 2), Record(Tree, 2, 3)]),
            ("a record of an older commit", [frame(2, 2), Record(Tree, 1, 1), Record(Tree, 2, 2)]),
            ("a frame in it", [frame_of(2, 2, RECORD + record::FRAME_RECORD_LEN, 1), Record(Tree, 1, 2), frame(2, 0)]),
            ("a record too few", [frame_of(2, 3, 2 * RECORD, 1), Record(Tree, 1, 2), Record(Tree, 2, 2)]),
            ("a record too many", [frame_of(2, 1, 2 * RECORD, 1), Record(Tree, 1, 2), Record(Tree, 2, 2)]),
            ("half a record", [frame_of(2, 2, 2 * RECORD - 8, 1), Record(Tree, 1, 2), Record(Tree, 2, 2)]),
        ] {
            let (log, meta) = segment(SegmentKind::Log, &items);
            assert!(commit_at(&log, HEADER_LEN, meta.length).is_err(), "{what}");
        }
        let (log, meta) = segment(SegmentKind::Log, &[frame(2, 2), Record(Tree, 1, 2), Record(Tree, 2, 2)]);
        let commit = commit_at(&log, HEADER_LEN, meta.footer).unwrap();
        assert_eq!((commit.header.sequence, commit.records.len(), commit.end), (2, 2, meta.footer));
    }
}
