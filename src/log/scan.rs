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
    if at + record::HEADER_LEN > end {
        return Err(segment.damage(at, None, "a record header is cut off"));
    }
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
