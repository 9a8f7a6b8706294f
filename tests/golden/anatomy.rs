//! The files of a store taken apart, by docs/format.md and apart from how the engine reads them.
//!
//! 1. Records are walked one behind the other; frames are not followed, so that a commit is what stands between one
//!    frame and the next.
//! 2. The walk ends at the first record that does not check out, payload included.

use std::collections::BTreeMap;

use stratum::format::manifest::{
    Change, EditAt, HEADER_LEN as MANIFEST_HEADER_LEN, ManifestState, decode_edit, decode_header,
};
use stratum::format::names;
use stratum::format::record::{Frame, HEADER_LEN as RECORD_HEADER_LEN, RecordHeader, RecordKind};
use stratum::format::segment::{HEADER_LEN, SegmentHeader};

/// Files by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A record and its place.
pub(crate) struct Record {
    pub(crate) offset: u64,
    pub(crate) header: RecordHeader,
    pub(crate) payload: Vec<u8>,
}

impl Record {
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.header.record_len()
    }

    /// Where its padding begins, which ends where the record does.
    pub(crate) fn padding(&self) -> u64 {
        self.offset + RECORD_HEADER_LEN + u64::from(self.header.payload_len)
    }
}

/// A segment file.
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    pub(crate) records: Vec<Record>,
}

/// Where a commit stands, and what its frame says was on disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commit {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) sequence: u64,
    pub(crate) durable: u64,
}

impl Segment {
    pub(crate) fn of(bytes: &[u8]) -> Segment {
        let header = SegmentHeader::decode(bytes).expect("a segment's header");
        let (mut records, mut at) = (Vec::new(), HEADER_LEN as usize);
        while let Some(record) = record(bytes, &header, at) {
            at = record.end() as usize;
            records.push(record);
        }
        Segment { header, records }
    }

    /// Behind the last record.
    pub(crate) fn end(&self) -> u64 {
        self.records.last().map_or(HEADER_LEN, Record::end)
    }

    /// The commits that are whole.
    pub(crate) fn commits(&self) -> Vec<Commit> {
        let frames = self.records.iter().filter(|record| record.header.kind == RecordKind::Frame);
        let commits = frames.map(|record| {
            let frame = Frame::decode(&record.payload).expect("a frame");
            let (end, sequence) = (record.end() + frame.body_len, record.header.sequence);
            Commit { start: record.offset, end, sequence, durable: frame.durable_offset }
        });
        commits.filter(|commit| commit.end <= self.end()).collect()
    }
}

fn record(bytes: &[u8], segment: &SegmentHeader, at: usize) -> Option<Record> {
    let header = RecordHeader::decode(bytes.get(at..)?, segment.salt(), at as u64).ok()?;
    let payload = at + RECORD_HEADER_LEN as usize;
    let payload = bytes.get(payload..payload + header.payload_len as usize)?.to_vec();
    (RecordHeader::new(header.kind, 0, &payload).unwrap().payload_crc == header.payload_crc).then_some(())?;
    let record = Record { offset: at as u64, header, payload };
    (record.end() as usize <= bytes.len()).then_some(record)
}

/// A manifest file: what its edits say together, and where each begins.
pub(crate) struct Manifest {
    pub(crate) state: ManifestState,
    pub(crate) edits: Vec<(usize, Vec<Change>)>,
    /// Behind the last edit.
    pub(crate) end: u64,
}

impl Manifest {
    pub(crate) fn of(files: &Files) -> Manifest {
        let bytes = &files[names::MANIFEST];
        let mut state = ManifestState::empty(decode_header(bytes).expect("a manifest's header"));
        let (mut edits, mut at) = (Vec::new(), MANIFEST_HEADER_LEN);
        while let EditAt::Edit(_, changes, length) = decode_edit(&bytes[at..]) {
            state.apply(&changes);
            edits.push((at, changes));
            at += length;
        }
        Manifest { state, edits, end: at as u64 }
    }

    /// The name of the active segment.
    pub(crate) fn active(&self) -> Option<String> {
        let mut active = self.state.segments.values().filter(|meta| meta.length == 0);
        active.next().map(|meta| names::segment(meta.id))
    }

    /// How many bytes of a sealed segment count; `None` for any other file.
    pub(crate) fn sealed(&self, name: &str) -> Option<u64> {
        let mut sealed = self.state.segments.values().filter(|meta| meta.length != 0);
        sealed.find(|meta| names::segment(meta.id) == name).map(|meta| meta.length)
    }
}

/// The segment files, also those that the manifest does not name.
pub(crate) fn segments(files: &Files) -> impl Iterator<Item = (&str, Segment)> {
    let segments = files.iter().filter(|(name, _)| names::segment_id(name.as_ref()).is_some());
    segments.map(|(name, bytes)| (name.as_str(), Segment::of(bytes)))
}
