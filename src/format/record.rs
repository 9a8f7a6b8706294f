//! Records: what segments are made of.
//!
//! ```text
//!  0 u32 header CRC    4 u8 kind   5 u8 flags   6 u8 codec   7 u8 zero   8 u32 space   12 u32 payload length
//! 16 u64 sequence     24 u64 first sequence    32 u64 document id    40 i32 nodes    44 u32 payload CRC
//! 48 u32 replaced / 8  52 u32 length of the plain payload under a codec, else zero
//! 56 payload, zero padding to 8
//! ```
//!
//! 1. The header CRC covers the segment's salt, the record's own offset and bytes 4..56: it is checked before
//!    the length is believed, and holds at one place of one segment only.
//! 2. The payload CRC covers the payload without its padding.
//! 3. A record covers its document's changes from `first_sequence` to `sequence`; they are equal but in folds.
//! 4. An unknown kind, flag, codec or space was written by a newer version.

use super::{Malformed, NUMBERS_END, u32_at, u64_at};
use crate::error::Error;
use crate::memory::{self, NoMemory};
use crate::options::Compression;

/// Bytes before the payload.
pub const HEADER_LEN: u64 = 56;
/// Where in it the kind stands, which is never zero.
pub const KIND_AT: usize = 4;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Heads the records of one commit; see [`Frame`].
    Frame = 1,
    /// A packed tree: the whole document.
    Tree = 2,
    /// A packed delta: changes to a document.
    Delta = 3,
    /// A blob too large to lie in its tree.
    Blob = 4,
    /// The document is gone, and every record of it.
    Tombstone = 5,
    /// The ids of the documents in this segment, ascending.
    Footer = 6,
}

/// What a record says of its document's blob (flag bits 0 and 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobPlace {
    /// Nothing: the blob stays as it was.
    Unchanged = 0,
    /// It lies in this record.
    Inline = 1,
    /// It is the document's newest [`RecordKind::Blob`] record.
    External = 2,
}

/// Flag: the record repeats earlier changes in a denser form; it is state, not history.
const FLAG_FOLD: u8 = 4;

/// A decoded record header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// What it holds.
    pub kind: RecordKind,
    /// What it says of the blob.
    pub blob: BlobPlace,
    /// Whether it is a fold: state, not history.
    pub fold: bool,
    /// Payload bytes.
    pub payload_len: u32,
    /// Sequence number of the commit, or of the newest change in a fold.
    pub sequence: u64,
    /// Sequence number of the oldest change in it.
    pub first_sequence: u64,
    /// The document, zero in frames and footers.
    pub document: u64,
    /// Tree: its documents, inputs and outputs. Delta: by how many it changes that count.
    pub nodes: i32,
    /// CRC of the payload.
    pub payload_crc: u32,
    /// Delta: about how many bytes of the document's older records mean nothing any more because of it, in units of 8.
    pub replaced8: u32,
    /// What the payload is compressed with; only a tree's is.
    pub codec: Compression,
    /// Under a codec: length of the plain payload. Zero otherwise.
    pub coded_len: u32,
}

/// Why a record header is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// Does not check out (or nothing was ever written there).
    Damaged(&'static str),
    /// Checks out, and says something that this version does not know.
    Newer(String),
}

impl RecordHeader {
    /// A header for `payload`, with everything a committing thread knows before its commit has a place.
    ///
    /// # Errors
    /// `TooLarge` for a payload longer than a header can say.
    pub fn new(kind: RecordKind, document: u64, payload: &[u8]) -> Result<RecordHeader, Error> {
        Ok(RecordHeader {
            kind,
            blob: BlobPlace::Unchanged,
            fold: false,
            payload_len: payload_len(payload.len() as u64)?,
            sequence: 0,
            first_sequence: 0,
            document,
            nodes: 0,
            payload_crc: super::crc(payload),
            replaced8: 0,
            codec: Compression::None,
            coded_len: 0,
        })
    }

    /// Length of the payload in its plain form.
    pub fn plain_len(&self) -> u64 {
        if self.codec == Compression::None { self.payload_len.into() } else { self.coded_len.into() }
    }

    /// The same record with another payload: `payload` under `codec`, which is either shorter than the plain one or it.
    pub fn recoded(&self, payload: &[u8], codec: Compression) -> RecordHeader {
        RecordHeader {
            payload_len: payload.len() as u32,
            payload_crc: super::crc(payload),
            codec,
            coded_len: if codec == Compression::None { 0 } else { self.plain_len() as u32 },
            ..*self
        }
    }

    /// Bytes that the whole record would take plain, padding included.
    pub fn plain_record_len(&self) -> u64 {
        HEADER_LEN + self.plain_len().next_multiple_of(8)
    }

    /// Bytes of the whole record, padding included.
    pub fn record_len(&self) -> u64 {
        HEADER_LEN + u64::from(self.payload_len).next_multiple_of(8)
    }

    /// The header's bytes for its place.
    pub fn encode(&self, salt: u32, offset: u64) -> [u8; HEADER_LEN as usize] {
        let mut bytes = [0; HEADER_LEN as usize];
        bytes[KIND_AT] = self.kind as u8;
        bytes[5] = self.blob as u8 | if self.fold { FLAG_FOLD } else { 0 };
        bytes[6] = self.codec as u8;
        bytes[12..16].copy_from_slice(&self.payload_len.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_sequence.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.document.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.nodes.to_le_bytes());
        bytes[44..48].copy_from_slice(&self.payload_crc.to_le_bytes());
        bytes[48..52].copy_from_slice(&self.replaced8.to_le_bytes());
        bytes[52..56].copy_from_slice(&self.coded_len.to_le_bytes());
        let crc = header_crc(&bytes, salt, offset);
        bytes[0..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header of the record at `offset` of the segment with this salt.
    pub fn decode(bytes: &[u8], salt: u32, offset: u64) -> Result<RecordHeader, RecordError> {
        let bytes: &[u8; HEADER_LEN as usize] = bytes
            .get(..HEADER_LEN as usize)
            .and_then(|head| head.try_into().ok())
            .ok_or(RecordError::Damaged("the record's header is cut off"))?;
        if u32_at(bytes, 0) != header_crc(bytes, salt, offset) {
            return Err(RecordError::Damaged("the record header's checksum does not match"));
        }
        let newer = |what: &str, number: u32| Err(RecordError::Newer(format!("record of {what} {number}")));
        use RecordKind::*;
        let kinds = [Frame, Tree, Delta, Blob, Tombstone, Footer];
        let Some(kind) = kinds.into_iter().find(|kind| *kind as u8 == bytes[KIND_AT]) else {
            return newer("kind", bytes[KIND_AT].into());
        };
        let places = [BlobPlace::Unchanged, BlobPlace::Inline, BlobPlace::External];
        let flags = bytes[5];
        let Some(blob) = places.into_iter().find(|place| *place as u8 == flags & !FLAG_FOLD) else {
            return newer("flags", flags.into());
        };
        let is_possible = |codec: &Compression| match codec {
            Compression::None => u32_at(bytes, 52) == 0,
            _ => kind == Tree && u32_at(bytes, 52) != 0,
        };
        let codec = Compression::from_number(bytes[6].into()).filter(is_possible);
        let Some(codec) = codec.filter(|_| bytes[7] == 0) else {
            return newer("codec", bytes[6].into());
        };
        if u32_at(bytes, 8) != 0 {
            return newer("space", u32_at(bytes, 8));
        }
        if [16, 24, 32].into_iter().any(|at| u64_at(bytes, at) >= NUMBERS_END) {
            return Err(RecordError::Damaged("the record header's numbers are impossible"));
        }
        Ok(RecordHeader {
            kind,
            blob,
            fold: flags & FLAG_FOLD != 0,
            payload_len: u32_at(bytes, 12),
            sequence: u64_at(bytes, 16),
            first_sequence: u64_at(bytes, 24),
            document: u64_at(bytes, 32),
            nodes: u32_at(bytes, 40).cast_signed(),
            payload_crc: u32_at(bytes, 44),
            replaced8: u32_at(bytes, 48),
            codec,
            coded_len: u32_at(bytes, 52),
        })
    }
}

fn header_crc(header: &[u8; HEADER_LEN as usize], salt: u32, offset: u64) -> u32 {
    let mut covered = [0; 12 + HEADER_LEN as usize - 4];
    covered[0..4].copy_from_slice(&salt.to_le_bytes());
    covered[4..12].copy_from_slice(&offset.to_le_bytes());
    covered[12..].copy_from_slice(&header[4..]);
    super::crc(&covered)
}

/// Payload of a [`RecordKind::Frame`]: the head of one commit.
///
/// ```text
///  0 u64 bytes of the records behind it   8 u32 their number   12 u32 zero
/// 16 u64 durable offset                  24 u64 next document id
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Bytes of the commit's records, which follow the frame.
    pub body_len: u64,
    /// How many records follow.
    pub records: u32,
    /// Everything before this offset of this segment was on disk when the frame was written.
    pub durable_offset: u64,
    /// No document with this id or a higher one was handed out before the commit.
    pub next_document: u64,
}

/// Bytes of a frame's payload.
pub const FRAME_LEN: usize = 32;
/// Bytes of a frame with its record header.
pub const FRAME_RECORD_LEN: u64 = HEADER_LEN + FRAME_LEN as u64;

impl Frame {
    /// The payload's bytes.
    pub fn encode(&self) -> [u8; FRAME_LEN] {
        let mut bytes = [0; FRAME_LEN];
        bytes[0..8].copy_from_slice(&self.body_len.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.records.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.durable_offset.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.next_document.to_le_bytes());
        bytes
    }

    /// Reads a frame's payload.
    pub fn decode(bytes: &[u8]) -> Result<Frame, Malformed> {
        if bytes.len() != FRAME_LEN {
            return Err(Malformed("a commit frame has another length"));
        }
        if u64_at(bytes, 24) > NUMBERS_END {
            return Err(Malformed("a commit frame's numbers are impossible"));
        }
        Ok(Frame {
            body_len: u64_at(bytes, 0),
            records: u32_at(bytes, 8),
            durable_offset: u64_at(bytes, 16),
            next_document: u64_at(bytes, 24),
        })
    }
}

/// Bytes of each document's id in a footer.
pub const FOOTER_ENTRY_LEN: u64 = 8;

/// Payload of a [`RecordKind::Footer`]: sorted, unique document ids, 8 bytes each.
pub fn encode_footer(documents: &[u64]) -> Result<Vec<u8>, NoMemory> {
    let mut bytes = memory::vec(documents.len() * FOOTER_ENTRY_LEN as usize)?;
    bytes.extend(documents.iter().flat_map(|id| id.to_le_bytes()));
    Ok(bytes)
}

/// Reads a footer's payload.
pub fn decode_footer(bytes: &[u8]) -> Result<Vec<u64>, Malformed> {
    if !bytes.len().is_multiple_of(8) {
        return Err(Malformed("a footer is no list of ids"));
    }
    let documents = memory::collect(bytes.chunks_exact(8).map(|id| u64_at(id, 0)))?;
    if !documents.is_sorted_by(|a, b| a < b) {
        return Err(Malformed("a footer's ids do not ascend"));
    }
    Ok(documents)
}

/// A payload's length as its header has it.
fn payload_len(size: u64) -> Result<u32, Error> {
    let limit = u64::from(u32::MAX);
    let over = || Error::TooLarge { what: "a record", size, limit, option: "max_batch_bytes, smaller batches" };
    u32::try_from(size).map_err(|_| over())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::segment::SegmentHeader;
    use crate::format::{golden, packed};

    fn sample() -> RecordHeader {
        let mut header = RecordHeader::new(RecordKind::Tree, 42, b"payload").unwrap();
        header.sequence = 9;
        header.first_sequence = 7;
        header.nodes = -3;
        header.blob = BlobPlace::External;
        header.fold = true;
        header.replaced8 = 11;
        header
    }

    #[test]
    fn a_payload_that_no_header_can_say_is_refused() {
        assert_eq!(payload_len(u32::MAX.into()).unwrap(), u32::MAX);
        for size in [1 << 32, (1 << 32) + 8, u64::MAX] {
            let refused = payload_len(size);
            assert!(matches!(refused, Err(Error::TooLarge { size: said, .. }) if said == size), "{refused:?}");
        }
    }

    #[test]
    fn headers_round_trip_at_their_place_only() {
        let bytes = sample().encode(5, 96);
        assert_eq!(RecordHeader::decode(&bytes, 5, 96), Ok(sample()));
        assert!(RecordHeader::decode(&bytes, 6, 96).is_err());
        assert!(RecordHeader::decode(&bytes, 5, 104).is_err());
        assert_eq!(sample().record_len(), 64);
        assert!(RecordHeader::decode(&[0; 56], 5, 96).is_err(), "zeros are no record");
    }

    #[test]
    fn every_flip_is_seen() {
        let bytes = sample().encode(5, 96);
        for at in 0..bytes.len() {
            let mut damaged = bytes;
            damaged[at] ^= 0x10;
            assert!(RecordHeader::decode(&damaged, 5, 96).is_err(), "byte {at}");
        }
    }

    /// A commit that begins at `offset` of the segment whose header is a vector too.
    fn commit(offset: u64, sequence: u64, durable_offset: u64, records: &[(RecordHeader, &[u8])]) -> Vec<u8> {
        let segment = SegmentHeader::decode(&golden::vectors()["segment-header"]).unwrap();
        let body_len = records.iter().map(|(record, _)| record.record_len()).sum();
        let frame = Frame { body_len, records: records.len() as u32, durable_offset, next_document: 3 }.encode();
        let head = (RecordHeader::new(RecordKind::Frame, 0, &frame).unwrap(), &frame[..]);
        let mut bytes = Vec::new();
        for (header, payload) in [head].iter().chain(records) {
            let header = RecordHeader { sequence, first_sequence: sequence, ..*header };
            bytes.extend(header.encode(segment.salt(), offset + bytes.len() as u64));
            bytes.extend(*payload);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        bytes
    }

    #[test]
    fn commits_and_footers_are_as_documented() {
        let tree = crate::tree::Tree { blob: b"Hi".to_vec(), ..Default::default() };
        let tree = packed::encode_tree(&tree, 1, false).unwrap();
        let mut record = RecordHeader::new(RecordKind::Tree, 1, &tree).unwrap();
        record.blob = BlobPlace::Inline;
        record.nodes = 1;
        golden::check("commit-of-a-tree", &commit(96, 1, 96, &[(record, &tree)]));
        let tombstone = RecordHeader::new(RecordKind::Tombstone, 2, b"").unwrap();
        golden::check("commit-of-a-delete", &commit(328, 2, 328, &[(tombstone, b"")]));

        let blob = b"123456789";
        let mut delta = packed::DeltaBuilder::default();
        delta.set_blob_external(blob.len() as u64, crate::format::crc(blob));
        let delta = delta.encode(1).unwrap();
        let external =
            |kind, payload| RecordHeader { blob: BlobPlace::External, ..RecordHeader::new(kind, 1, payload).unwrap() };
        let records: [(RecordHeader, &[u8]); 2] = [
            (RecordHeader::new(RecordKind::Blob, 1, blob).unwrap(), blob),
            (RecordHeader { replaced8: 1, ..external(RecordKind::Delta, &delta) }, &delta),
        ];
        golden::check("commit-of-changes", &commit(472, 3, 472, &records));

        let fold = packed::merge(&tree, &[&delta], packed::MergedBlob::Keep).unwrap();
        let footer = encode_footer(&[1]).unwrap();
        let numbered = |header: RecordHeader| RecordHeader { sequence: 3, first_sequence: 3, ..header };
        let records: [(RecordHeader, &[u8]); 3] = [
            (numbered(RecordHeader { nodes: 1, fold: true, ..external(RecordKind::Tree, &fold) }), &fold),
            (numbered(RecordHeader::new(RecordKind::Blob, 1, blob).unwrap()), blob),
            (RecordHeader::new(RecordKind::Footer, 0, &footer).unwrap(), &footer),
        ];
        let kind = crate::format::segment::SegmentKind::Compacted;
        let header = SegmentHeader {
            store: golden::STORE,
            id: 3,
            kind,
            epoch: 1,
            first_sequence: 0,
            compression: Some(Compression::None),
        };
        let mut compacted = header.encode().to_vec();
        for (header_of_record, payload) in &records {
            compacted.extend(header_of_record.encode(header.salt(), compacted.len() as u64));
            compacted.extend(*payload);
            compacted.resize(compacted.len().next_multiple_of(8), 0);
        }
        golden::check("compacted-segment", &compacted);

        let segment = SegmentHeader::decode(&golden::vectors()["segment-header"]).unwrap();
        let payload = encode_footer(&[1, 2]).unwrap();
        let mut footer =
            RecordHeader::new(RecordKind::Footer, 0, &payload).unwrap().encode(segment.salt(), 472).to_vec();
        footer.extend(payload);
        golden::check("footer", &footer);
    }

    #[test]
    fn frames_and_footers_round_trip() {
        let frame = Frame { body_len: 640, records: 3, durable_offset: 96, next_document: 12 };
        assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        assert!(Frame::decode(&[0; 31]).is_err());
        assert_eq!(decode_footer(&encode_footer(&[1, 5, 9]).unwrap()), Ok(vec![1, 5, 9]));
        assert!(decode_footer(&encode_footer(&[5, 5]).unwrap()).is_err());
        assert!(decode_footer(&[0; 9]).is_err());
    }
    /// A header with one byte changed and the checksum that then fits.
    fn changed(at: usize, value: u8) -> Result<RecordHeader, RecordError> {
        let mut bytes = sample().encode(5, 96);
        bytes[at] = value;
        let crc = header_crc(&bytes, 5, 96);
        bytes[0..4].copy_from_slice(&crc.to_le_bytes());
        RecordHeader::decode(&bytes, 5, 96)
    }

    #[test]
    fn each_reserved_byte_and_unknown_flag_means_a_newer_version() {
        for (at, value) in [(4, 99), (5, 0x03), (5, 0x40), (5, 0xff), (6, 1), (7, 1), (8, 1), (52, 1)] {
            assert!(matches!(changed(at, value), Err(RecordError::Newer(_))), "byte {at} as {value:#x}");
        }
        for at in [23, 31, 39] {
            assert!(matches!(changed(at, 0xff), Err(RecordError::Damaged(_))), "byte {at}");
        }
    }

    #[test]
    fn the_place_of_the_blob_and_the_mark_of_a_fold_are_kept_apart() {
        for blob in [BlobPlace::Unchanged, BlobPlace::Inline, BlobPlace::External] {
            for fold in [false, true] {
                let header = RecordHeader { blob, fold, ..sample() };
                assert_eq!(RecordHeader::decode(&header.encode(5, 96), 5, 96), Ok(header));
            }
        }
    }
}
