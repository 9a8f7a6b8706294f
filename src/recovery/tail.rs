//! The end of the segment that was active when the process ended.
//!
//! ```text
//!   header | commit | commit | commit | commit | torn, stale or missing bytes
//!                            ^                 ^
//!                            durable           valid_end
//! ```
//!
//! 1. Commits are taken from the front for as long as everything about them checks out, payloads included, and
//!    sequence numbers rise. `valid_end` lies behind the last.
//! 2. Each frame names a position that was durable when it was written, and so does a checkpoint; `durable` is the
//!    highest. If a frame behind the damage names a position behind the damage, something acknowledged was lost:
//!    `Corruption`.
//! 3. Everything else behind `valid_end` may legally look like anything: it was never promised.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::record::{self, Frame, RecordHeader, RecordKind};
use crate::format::segment::HEADER_LEN;
use crate::log::{Bytes, Segment, scan};
use crate::memory;

/// What the end of the active segment looks like.
pub struct Tail {
    /// Behind the last whole commit.
    pub valid_end: u64,
    /// Everything before was on disk before the crash.
    pub durable: u64,
    /// Bytes behind `valid_end` that are discarded.
    pub discarded: u64,
    /// Lowest sequence number (`u64::MAX` for none).
    pub min_sequence: u64,
    /// Highest sequence number before `durable`.
    pub max_durable_sequence: u64,
    /// Highest sequence number before `valid_end`.
    pub max_sequence: u64,
    /// The records between `durable` and `valid_end`, frames too, as they are to be written anew.
    pub unsynced: Vec<(RecordHeader, Bytes)>,
}

/// Reads the active segment to its end. A checkpoint says that everything before `synced` was on disk.
pub fn examine(segment: &Arc<Segment>, synced: u64) -> Result<Tail> {
    let end = segment.readable();
    let mut tail = Tail {
        valid_end: HEADER_LEN,
        durable: synced.max(HEADER_LEN),
        discarded: 0,
        min_sequence: u64::MAX,
        max_durable_sequence: 0,
        max_sequence: 0,
        unsynced: Vec::new(),
    };
    let mut boundaries = vec![(HEADER_LEN, 0)];
    let mut last = segment.header().first_sequence.saturating_sub(1);
    let damage = loop {
        match whole_commit(segment, tail.valid_end, end, last) {
            Ok(commit) => {
                last = commit.header.sequence;
                tail.min_sequence = tail.min_sequence.min(first_sequence(&commit));
                tail.durable = tail.durable.max(commit.frame.durable_offset);
                tail.valid_end = commit.end;
                memory::push(&mut boundaries, (commit.end, last))?;
            }
            Err(Error::Corruption(damage)) => break damage,
            Err(error) => return Err(error),
        }
    };
    if synced > tail.valid_end {
        let what = format!("{}; a checkpoint says that it was on disk", damage.what);
        return Err(segment.damage(damage.offset, damage.document.map(|id| id.get()), what));
    }
    let Some((_, sequence)) = boundaries.iter().find(|(boundary, _)| *boundary == tail.durable) else {
        return Err(segment.damage(tail.durable, None, "a frame names a durable position that is no commit's end"));
    };
    tail.max_durable_sequence = *sequence;
    tail.max_sequence = last;
    let rest = segment.read(tail.valid_end, end - tail.valid_end)?;
    if let Some(offset) = later_promise(segment, &rest, tail.valid_end, last) {
        let what = format!("{}; the commit at byte {offset} says that it was on disk", damage.what);
        return Err(segment.damage(damage.offset, damage.document.map(|id| id.get()), what));
    }
    if !is_footer(segment, &rest, tail.valid_end) {
        tail.discarded = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
    }
    tail.unsynced = unsynced(segment, tail.durable, tail.valid_end)?;
    Ok(tail)
}

/// Folds reach back beyond their commit.
fn first_sequence(commit: &scan::Commit) -> u64 {
    let firsts = commit.records.iter().map(|(_, header)| header.first_sequence);
    firsts.min().unwrap_or(commit.header.sequence)
}

/// The commit at `at`, payloads verified.
pub fn whole_commit(segment: &Arc<Segment>, at: u64, end: u64, last: u64) -> Result<scan::Commit> {
    let commit = scan::commit_at(segment, at, end)?;
    if commit.header.sequence <= last {
        return Err(segment.damage(at, None, "an older commit's remains"));
    }
    for (offset, _) in &commit.records {
        segment.record(*offset)?;
    }
    Ok(commit)
}

/// The offset of a frame in `rest` that says that bytes behind `from` were durable.
fn later_promise(segment: &Segment, rest: &Bytes, from: u64, last: u64) -> Option<u64> {
    let candidates = (0..rest.len().saturating_sub(record::FRAME_RECORD_LEN as usize - 1)).step_by(8);
    let mut promises = candidates.filter(|at| {
        let bytes = &rest[*at..];
        // Kind and payload length of a frame, before anything costly.
        if bytes[4] != RecordKind::Frame as u8 || bytes[12..16] != (record::FRAME_LEN as u32).to_le_bytes() {
            return false;
        }
        let Ok(header) = RecordHeader::decode(bytes, segment.salt(), from + *at as u64) else { return false };
        let payload = &bytes[record::HEADER_LEN as usize..][..record::FRAME_LEN];
        let intact = header.kind == RecordKind::Frame && crate::format::crc(payload) == header.payload_crc;
        let frame = Frame::decode(payload);
        intact && header.sequence > last && frame.is_ok_and(|frame| frame.durable_offset > from)
    });
    promises.next().map(|at| from + at as u64)
}

/// Whether the process ended between writing the footer and telling the manifest.
fn is_footer(segment: &Segment, rest: &Bytes, from: u64) -> bool {
    RecordHeader::decode(rest, segment.salt(), from).is_ok_and(|header| header.kind == RecordKind::Footer)
}

/// Reads the commits between two boundaries, as they are to be written into another segment.
fn unsynced(segment: &Arc<Segment>, from: u64, end: u64) -> Result<Vec<(RecordHeader, Bytes)>> {
    let mut all = Vec::new();
    let mut at = from;
    while at < end {
        let commit = scan::commit_at(segment, at, end)?;
        let payload = Frame { durable_offset: HEADER_LEN, ..commit.frame }.encode();
        let mut header = RecordHeader::new(RecordKind::Frame, 0, &payload)?;
        header.sequence = commit.header.sequence;
        header.first_sequence = commit.header.sequence;
        memory::push(&mut all, (header, Bytes::copy(&payload)?))?;
        for (offset, _) in &commit.records {
            memory::push(&mut all, segment.record(*offset)?)?;
        }
        at = commit.end;
    }
    Ok(all)
}
