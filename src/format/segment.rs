//! The header that every segment file starts with.
//!
//! ```text
//!  0  8 magic "STRATSEG"      8 u32 format version     12 u32 header length (96)
//! 16 16 store UUID           32 u32 segment id         36 u32 kind (1 log, 2 compacted, 3 recovered)
//! 40 u64 epoch               48 u64 required features  56 u64 optional features
//! 64 u64 key id              72 u64 first sequence     80 u32 compression    84 u32 zero
//! 88 u32 zero                92 u32 CRC-32 of bytes 0..92
//! ```
//!
//! 1. The salt of a segment (store, id, epoch) goes into the CRC of each of its record headers, so that a
//!    record is believed only where it was written: not in a blob, not in another store's file.
//! 2. Segments of a kind, version or required feature that this code does not know are refused whole.

use crate::format::{Header, NUMBERS_END, SEGMENT_IDS_END};
use crate::options::Compression;

/// Bytes of a segment header; records start here.
pub const HEADER_LEN: u64 = 96;
/// Most bytes of a segment: places in it are 32 bits, in units of 8.
pub const MOST_BYTES: u64 = 8 << 32;
const MAGIC: &[u8; 8] = b"STRATSEG";

/// What a segment's records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    /// Commit frames in the order they became visible.
    Log = 1,
    /// Records that compaction kept: state, not history, without frames.
    Compacted = 2,
    /// Commit frames that recovery saved from an unsynced tail.
    Recovered = 3,
}

impl SegmentKind {
    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<SegmentKind> {
        [SegmentKind::Log, SegmentKind::Compacted, SegmentKind::Recovered]
            .into_iter()
            .find(|kind| *kind as u32 == number)
    }

    /// Whether its records stand in commit frames.
    pub fn has_frames(self) -> bool {
        self != SegmentKind::Compacted
    }
}

/// A decoded segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The store this segment belongs to.
    pub store: [u8; 16],
    /// Its id within the store.
    pub id: u32,
    /// What its records are.
    pub kind: SegmentKind,
    /// Raised by every recovery that discarded or moved records.
    pub epoch: u64,
    /// No record in it has a lower sequence number (log), or zero.
    pub first_sequence: u64,
    /// What its trees were to be compressed with when it was written; `None` where it took them as they came.
    pub compression: Option<Compression>,
}

/// Stands for trees that were taken as they came.
const AS_THEY_CAME: u32 = 255;

impl SegmentHeader {
    /// The header's bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN as usize] {
        let mut header = Header::<{ HEADER_LEN as usize }>::new(MAGIC, super::VERSION);
        header.put(16, &self.store);
        header.put(32, &self.id.to_le_bytes());
        header.put(36, &(self.kind as u32).to_le_bytes());
        header.put(40, &self.epoch.to_le_bytes());
        header.put(72, &self.first_sequence.to_le_bytes());
        header.put(80, &self.compression.map_or(AS_THEY_CAME, |compression| compression as u32).to_le_bytes());
        header.seal()
    }

    /// Reads a header.
    pub fn decode(bytes: &[u8]) -> Result<SegmentHeader, super::HeaderError> {
        let header = Header::<{ HEADER_LEN as usize }>::open(bytes, MAGIC, super::VERSION)?;
        let required = header.u64(48);
        if required != 0 {
            return Err(super::HeaderError::Newer(format!("segment needs features {required:#x}")));
        }
        if header.u64(64) != 0 {
            return Err(super::HeaderError::Newer("segment is encrypted".to_string()));
        }
        let number = header.u32(36);
        let kind = SegmentKind::from_number(number)
            .ok_or_else(|| super::HeaderError::Newer(format!("segment is of kind {number}")))?;
        if header.u32(32) >= SEGMENT_IDS_END || [40, 72].into_iter().any(|at| header.u64(at) >= NUMBERS_END) {
            return Err(super::HeaderError::Damaged("the header's numbers are impossible"));
        }
        Ok(SegmentHeader {
            store: header.uuid(16),
            id: header.u32(32),
            kind,
            epoch: header.u64(40),
            first_sequence: header.u64(72),
            compression: Compression::from_number(header.u32(80)),
        })
    }

    /// What goes into the CRC of this segment's record headers.
    pub fn salt(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.store);
        hasher.update(&self.id.to_le_bytes());
        hasher.update(&self.epoch.to_le_bytes());
        hasher.finalize()
    }
}

#[cfg(test)]
impl SegmentHeader {
    /// The header of some store's first segment.
    pub fn sample(kind: SegmentKind, first_sequence: u64) -> SegmentHeader {
        let compression = Some(crate::options::Compression::None);
        SegmentHeader { store: [1; 16], id: 1, kind, epoch: 1, first_sequence, compression }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{HeaderError, golden};

    fn sample() -> SegmentHeader {
        SegmentHeader {
            store: *b"0123456789abcdef",
            id: 7,
            kind: SegmentKind::Compacted,
            epoch: 3,
            first_sequence: 99,
            compression: Some(Compression::Zstd),
        }
    }

    #[test]
    fn round_trips_and_every_flip_is_seen() {
        let bytes = sample().encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(sample()));
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = bytes;
                damaged[at] ^= flip;
                assert!(SegmentHeader::decode(&damaged).is_err(), "byte {at}");
            }
            assert!(SegmentHeader::decode(&bytes[..at]).is_err());
        }
    }

    #[test]
    fn is_as_documented() {
        let header = SegmentHeader {
            store: golden::STORE,
            id: 1,
            kind: SegmentKind::Log,
            epoch: 1,
            first_sequence: 1,
            compression: Some(Compression::None),
        };
        golden::check("segment-header", &header.encode());
        assert_eq!(header.salt(), 0x233b_6f2e);
    }

    #[test]
    fn newer_versions_and_features_are_told_from_damage() {
        for (at, value) in [(8, 2u8), (48, 1), (36, 9), (64, 1)] {
            let mut bytes = sample().encode();
            bytes[at] = value;
            let crc = crc32fast::hash(&bytes[..92]);
            bytes[92..].copy_from_slice(&crc.to_le_bytes());
            assert!(matches!(SegmentHeader::decode(&bytes), Err(HeaderError::Newer(_))), "byte {at}");
        }
    }
    #[test]
    fn only_what_compaction_wrote_stands_outside_of_commits() {
        let with_frames =
            [SegmentKind::Log, SegmentKind::Compacted, SegmentKind::Recovered].map(SegmentKind::has_frames);
        assert_eq!(with_frames, [true, false, true]);
    }

    #[test]
    fn each_number_beyond_its_limit_is_damage() {
        for header in [
            SegmentHeader { id: SEGMENT_IDS_END, ..sample() },
            SegmentHeader { epoch: NUMBERS_END, ..sample() },
            SegmentHeader { first_sequence: NUMBERS_END, ..sample() },
        ] {
            assert!(matches!(SegmentHeader::decode(&header.encode()), Err(HeaderError::Damaged(_))), "{header:?}");
        }
        let last = SegmentHeader {
            id: SEGMENT_IDS_END - 1,
            epoch: NUMBERS_END - 1,
            first_sequence: NUMBERS_END - 1,
            ..sample()
        };
        assert_eq!(SegmentHeader::decode(&last.encode()), Ok(last));
    }
}
