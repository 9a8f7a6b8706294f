//! Segments made by hand, and files with bad places.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::format::record::{FRAME_RECORD_LEN, Frame, RecordHeader, RecordKind, encode_footer};
use crate::format::segment::{SegmentHeader, SegmentKind};
use crate::salvage::identify::SegmentFile;
use crate::vfs::{File, Mapping};

/// A file that cannot be read in some places.
pub struct Disk {
    bytes: Vec<u8>,
    bad: Vec<Range<u64>>,
    reads: AtomicU64,
}

impl Disk {
    pub fn with_bad(bytes: &[u8], bad: &[Range<u64>]) -> Arc<Disk> {
        Arc::new(Disk { bytes: bytes.to_vec(), bad: bad.to_vec(), reads: AtomicU64::new(0) })
    }

    /// How often it was read.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}

impl File for Disk {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let end = offset + into.len() as u64;
        if self.bad.iter().any(|bad| bad.start < end && offset < bad.end) {
            return Err(io::Error::other("a bad place"));
        }
        let from = &self.bytes[(offset as usize).min(self.bytes.len())..];
        let count = from.len().min(into.len());
        into[..count].copy_from_slice(&from[..count]);
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<usize> {
        unreachable!("what is salvaged is not changed")
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        unreachable!("what is salvaged is not changed")
    }

    fn preallocate(&self, _: u64) -> io::Result<()> {
        unreachable!("what is salvaged is not changed")
    }

    fn sync(&self) -> io::Result<()> {
        unreachable!("what is salvaged is not changed")
    }

    fn map(&self, _: u64) -> io::Result<Box<dyn Mapping>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A segment, record by record.
#[derive(Clone)]
pub struct Made {
    pub header: SegmentHeader,
    pub bytes: Vec<u8>,
}

impl Made {
    pub fn new(kind: SegmentKind) -> Made {
        Made::of(SegmentHeader::sample(kind, 1))
    }

    pub fn of(header: SegmentHeader) -> Made {
        Made { header, bytes: header.encode().to_vec() }
    }

    /// Where the next record begins.
    pub fn end(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Adds a record; gives back where it lies.
    pub fn put(&mut self, header: &RecordHeader, payload: &[u8]) -> u64 {
        let at = self.end();
        self.bytes.extend(header.encode(self.header.salt(), at));
        self.bytes.extend(payload);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        at
    }

    pub fn record(&mut self, kind: RecordKind, document: u64, sequence: u64, payload: &[u8]) -> u64 {
        let header = RecordHeader::new(kind, document, payload).unwrap();
        self.put(&RecordHeader { sequence, first_sequence: sequence, ..header }, payload)
    }

    pub fn frame(&mut self, sequence: u64, frame: Frame) -> u64 {
        self.record(RecordKind::Frame, 0, sequence, &frame.encode())
    }

    /// Adds a commit of trees and tombstones; gives back where its frame and its records lie.
    pub fn commit(&mut self, sequence: u64, records: &[(RecordKind, u64)]) -> Vec<u64> {
        self.commit_after(sequence, 0, records)
    }

    /// The same, where everything before an offset was on disk.
    pub fn commit_after(&mut self, sequence: u64, durable_offset: u64, records: &[(RecordKind, u64)]) -> Vec<u64> {
        let payload = |kind| if kind == RecordKind::Tombstone { &b""[..] } else { b"payload" };
        let length = |kind| 56 + payload(kind).len().next_multiple_of(8) as u64;
        let body_len = records.iter().map(|(kind, _)| length(*kind)).sum();
        let next_document = 1 + records.iter().map(|(_, document)| *document).max().unwrap_or_default();
        let frame = Frame { body_len, records: records.len() as u32, durable_offset, next_document };
        let mut places = vec![self.frame(sequence, frame)];
        assert_eq!(self.end(), places[0] + FRAME_RECORD_LEN);
        places.extend(records.iter().map(|(kind, document)| self.record(*kind, *document, sequence, payload(*kind))));
        places
    }

    pub fn footer(&mut self, documents: &[u64]) -> u64 {
        let payload = encode_footer(documents).unwrap();
        self.record(RecordKind::Footer, 0, 0, &payload)
    }

    /// Makes a header not check out.
    pub fn break_header(&mut self, at: u64) {
        self.bytes[at as usize + 16] ^= 1;
    }

    /// Makes a payload not check out.
    pub fn break_payload(&mut self, at: u64) {
        self.bytes[at as usize + 56] ^= 1;
    }

    /// What `identify` makes of it.
    pub fn file(&self) -> SegmentFile {
        SegmentFile {
            path: PathBuf::from("segment"),
            salt: self.header.salt(),
            kind: self.header.kind,
            id: self.header.id,
            header: Some(self.header),
            size: self.end(),
            limit: self.end(),
            is_sealed: false,
            discarded_from: u64::MAX,
        }
    }
}
