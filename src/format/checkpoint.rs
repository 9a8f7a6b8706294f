//! The index checkpoint's bytes: what the index held at one sequence number.
//!
//! ```text
//! File header, 96 bytes: 0 magic "STRATCKP", 8 u32 version, 12 u32 length, 16 store UUID, 32 u64 sequence,
//!                        40 u64 position offset, 48 u64 next document, 56 u64 body length, 64 u64 rows,
//!                        72 u32 position segment, 76 u32 segments, 80 u64 manifest edit,
//!                        88 u32 CRC of the body, 92 u32 CRC of the header
//! Body: segments  {u32 id, u32 zero, u64 bytes covered}
//!       rows      {u64 document, u32 entries, u32 zero} and per entry, 48 bytes:
//!                 {u32 tag (1 tree, 2 run, 3 blob), u32 segment, u32 offset / 8, u32 length / 8, i32 nodes,
//!                  u32 blob place, u64 sequence, u64 first sequence, u32 replaced / 8, u32 zero}
//! ```
//!
//! 1. A checkpoint is disposable: what does not check out is ignored, and the log tells the same.
//! 2. Rows ascend by document.

use super::extent::{Extent, Run};
use super::record::BlobPlace;
use super::{Decoded, Header, HeaderError, Malformed, NUMBER_LIMIT, crc, u32_at, u64_at};
use crate::memory::{self, NoMemory};

/// Bytes before the body.
pub const HEADER_LEN: usize = 96;
const MAGIC: &[u8; 8] = b"STRATCKP";
const ROW_LEN: usize = 16;
const ENTRY_LEN: usize = 48;

/// What a checkpoint covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointHead {
    /// The store.
    pub store: [u8; 16],
    /// Sequence number of the newest commit in it.
    pub sequence: u64,
    /// The log's position behind that commit: segment (zero for none) and offset.
    pub position: (u32, u64),
    /// As the manifest's mark.
    pub next_document: u64,
    /// Number of the manifest's newest edit, which was durable, as was every name that it gives.
    pub edit: u64,
    /// The segments there were, and how many bytes of each are covered.
    pub segments: Vec<(u32, u64)>,
}

/// One thing that the index knows of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Its tree.
    Tree(Extent),
    /// A delta on the tree.
    Run(Run),
    /// Its blob, where that is a record of its own.
    Blob(Extent),
}

/// Builds a checkpoint's bytes row by row.
pub struct CheckpointWriter {
    head: CheckpointHead,
    bytes: Vec<u8>,
    rows: u64,
}

impl CheckpointWriter {
    /// Begins a checkpoint.
    pub fn new(head: CheckpointHead) -> CheckpointWriter {
        let mut bytes = vec![0; HEADER_LEN];
        for (id, length) in &head.segments {
            bytes.extend(u64::from(*id).to_le_bytes());
            bytes.extend(length.to_le_bytes());
        }
        CheckpointWriter { head, bytes, rows: 0 }
    }

    /// Adds a document; ids must ascend.
    ///
    /// # Errors
    /// `NoMemory`; the checkpoint is then to be given up.
    pub fn row(&mut self, document: u64, entries: &[Entry]) -> Result<(), NoMemory> {
        memory::reserve(&mut self.bytes, ROW_LEN + entries.len() * ENTRY_LEN)?;
        self.rows += 1;
        self.bytes.extend(document.to_le_bytes());
        self.bytes.extend((entries.len() as u64).to_le_bytes());
        for entry in entries {
            let (tag, extent, first) = match entry {
                Entry::Tree(extent) => (1u32, extent, extent.sequence),
                Entry::Run(run) => (2, &run.extent, run.first_sequence),
                Entry::Blob(extent) => (3, extent, extent.sequence),
            };
            for number in [tag, extent.segment, extent.offset8, extent.length8] {
                self.bytes.extend(number.to_le_bytes());
            }
            self.bytes.extend(extent.nodes.to_le_bytes());
            self.bytes.extend((extent.blob as u32).to_le_bytes());
            self.bytes.extend(extent.sequence.to_le_bytes());
            self.bytes.extend(first.to_le_bytes());
            self.bytes.extend(u64::from(extent.replaced8).to_le_bytes());
        }
        Ok(())
    }

    /// The whole file.
    pub fn finish(mut self) -> Vec<u8> {
        let body = &self.bytes[HEADER_LEN..];
        let mut header = Header::<HEADER_LEN>::new(MAGIC, super::VERSION);
        header.put(16, &self.head.store);
        header.put(32, &self.head.sequence.to_le_bytes());
        header.put(40, &self.head.position.1.to_le_bytes());
        header.put(48, &self.head.next_document.to_le_bytes());
        header.put(56, &(body.len() as u64).to_le_bytes());
        header.put(64, &self.rows.to_le_bytes());
        header.put(72, &self.head.position.0.to_le_bytes());
        header.put(76, &(self.head.segments.len() as u32).to_le_bytes());
        header.put(80, &self.head.edit.to_le_bytes());
        header.put(88, &crc(body).to_le_bytes());
        self.bytes[..HEADER_LEN].copy_from_slice(&header.seal());
        self.bytes
    }
}

/// A checkpoint read whole, its checksums verified.
pub struct CheckpointReader<'a> {
    /// What it covers.
    pub head: CheckpointHead,
    rows: &'a [u8],
    count: u64,
}

impl<'a> CheckpointReader<'a> {
    /// Checks header and body; the text says why a checkpoint is not believed.
    pub fn open(bytes: &'a [u8]) -> Result<CheckpointReader<'a>, HeaderError> {
        let header = Header::<HEADER_LEN>::open(bytes, MAGIC, super::VERSION)?;
        if [32, 48].into_iter().any(|at| header.u64(at) >= NUMBER_LIMIT) {
            return Err(HeaderError::Damaged("the header's numbers are impossible"));
        }
        let body = &bytes[HEADER_LEN..];
        if body.len() as u64 != header.u64(56) || crc(body) != header.u32(88) {
            return Err(HeaderError::Damaged("the body's checksum does not match"));
        }
        let count = header.u32(76) as usize;
        let table = body.get(..count * 16).ok_or(HeaderError::Damaged("the segment table is cut off"))?;
        let segments = table.chunks_exact(16).map(|row| (u32_at(row, 0), u64_at(row, 8))).collect();
        let head = CheckpointHead {
            store: header.uuid(16),
            sequence: header.u64(32),
            position: (header.u32(72), header.u64(40)),
            next_document: header.u64(48),
            edit: header.u64(80),
            segments,
        };
        Ok(CheckpointReader { head, rows: &body[count * 16..], count: header.u64(64) })
    }

    /// Calls `each` with every row, in order.
    pub fn rows(&self, mut each: impl FnMut(u64, &[Entry]) -> Decoded<()>) -> Decoded<()> {
        let cut = Malformed("a checkpoint row is cut off");
        let mut rest = self.rows;
        let mut entries = Vec::new();
        for _ in 0..self.count {
            let row = rest.get(..ROW_LEN).ok_or(cut)?;
            let length = (u32_at(row, 8) as usize).checked_mul(ENTRY_LEN).ok_or(cut)?;
            let body = rest.get(ROW_LEN..).and_then(|rest| rest.get(..length)).ok_or(cut)?;
            entries.clear();
            for entry in body.chunks_exact(ENTRY_LEN) {
                entries.push(decode_entry(entry)?);
            }
            let document = u64_at(row, 0);
            if document >= NUMBER_LIMIT {
                return Err(Malformed("a checkpoint row's document is impossible"));
            }
            each(document, &entries)?;
            rest = &rest[ROW_LEN + length..];
        }
        if !rest.is_empty() {
            return Err(Malformed("a checkpoint has bytes behind its last row"));
        }
        Ok(())
    }
}

fn decode_entry(bytes: &[u8]) -> Decoded<Entry> {
    let places = [BlobPlace::Unchanged, BlobPlace::Inline, BlobPlace::External];
    let blob = places.into_iter().find(|place| *place as u32 == u32_at(bytes, 20));
    let extent = Extent {
        segment: u32_at(bytes, 4),
        offset8: u32_at(bytes, 8),
        length8: u32_at(bytes, 12),
        nodes: u32_at(bytes, 16).cast_signed(),
        sequence: u64_at(bytes, 24),
        replaced8: u32_at(bytes, 40),
        blob: blob.ok_or(Malformed("a checkpoint entry's blob place is unknown"))?,
    };
    match u32_at(bytes, 0) {
        1 => Ok(Entry::Tree(extent)),
        2 => Ok(Entry::Run(Run { extent, first_sequence: u64_at(bytes, 32) })),
        3 => Ok(Entry::Blob(extent)),
        _ => Err(Malformed("a checkpoint entry's tag is unknown")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::golden;

    fn sample() -> (CheckpointHead, Vec<(u64, Vec<Entry>)>) {
        let head = CheckpointHead {
            store: [9; 16],
            sequence: 77,
            position: (4, 4096),
            next_document: 12,
            edit: 5,
            segments: vec![(2, 800), (4, 4096)],
        };
        let extent = Extent {
            segment: 2,
            offset8: 12,
            length8: 9,
            nodes: -4,
            sequence: 6,
            replaced8: 5,
            blob: BlobPlace::External,
        };
        let run = Run { extent: Extent { sequence: 9, ..extent }, first_sequence: 7 };
        let rich = vec![Entry::Tree(extent), Entry::Run(run), Entry::Blob(extent)];
        (head, vec![(3, vec![Entry::Tree(extent)]), (8, rich)])
    }

    fn encoded() -> Vec<u8> {
        let (head, rows) = sample();
        let mut writer = CheckpointWriter::new(head);
        rows.iter().for_each(|(document, entries)| writer.row(*document, entries).unwrap());
        writer.finish()
    }

    #[test]
    fn is_as_documented() {
        let head = CheckpointHead {
            store: golden::STORE,
            sequence: 2,
            position: (0, 0),
            next_document: 3,
            edit: 3,
            segments: vec![(1, 544)],
        };
        let tree = Extent {
            segment: 1,
            offset8: 23,
            length8: 18,
            nodes: 1,
            sequence: 1,
            replaced8: 0,
            blob: BlobPlace::Inline,
        };
        let mut writer = CheckpointWriter::new(head);
        writer.row(1, &[Entry::Tree(tree)]).unwrap();
        golden::check("checkpoint", &writer.finish());
    }

    #[test]
    fn every_entry_is_as_documented() {
        let head = CheckpointHead {
            store: golden::STORE,
            sequence: 3,
            position: (1, 768),
            next_document: 3,
            edit: 2,
            segments: vec![(1, 768)],
        };
        let of = |offset: u32, length: u32, nodes: i32, sequence: u64, blob: BlobPlace| Extent {
            segment: 1,
            offset8: offset / 8,
            length8: length / 8,
            nodes,
            sequence,
            replaced8: 0,
            blob,
        };
        let delta = Extent { replaced8: 1, ..of(632, 136, 0, 3, BlobPlace::External) };
        let mut writer = CheckpointWriter::new(head);
        let entries = [
            Entry::Tree(of(184, 144, 1, 1, BlobPlace::Inline)),
            Entry::Run(Run { extent: delta, first_sequence: 3 }),
            Entry::Blob(of(560, 72, 0, 3, BlobPlace::Unchanged)),
        ];
        writer.row(1, &entries).unwrap();
        golden::check("checkpoint-of-changes", &writer.finish());
    }

    #[test]
    fn round_trips() {
        let bytes = encoded();
        let reader = CheckpointReader::open(&bytes).unwrap();
        let mut rows = Vec::new();
        reader
            .rows(|document, entries| {
                rows.push((document, entries.to_vec()));
                Ok(())
            })
            .unwrap();
        assert_eq!((reader.head, rows), sample());
    }

    #[test]
    fn every_flip_and_truncation_is_seen() {
        let bytes = encoded();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x20;
            assert!(CheckpointReader::open(&damaged).is_err(), "byte {at}");
            assert!(CheckpointReader::open(&bytes[..at]).is_err());
        }
    }
}
