//! The header, and the head that it opens.
//!
//! 1. A `Header` that was decoded has sections that lie, without overflow, in this order: header, directory, extra,
//!    columns, nodes, inline blob.
//! 2. The first 80 bytes with their CRC at byte 76 and the version at byte 4 stay as they are in every later version,
//!    so that "newer" can be told from "damaged".

use super::columns::ColumnsRef;
use super::directory::Directory;
use super::{BlobState, Span};
use crate::format::{Decoded, Malformed, crc, padded, read_u32, read_u64, split};

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 80;

pub(super) const ENTRY_LEN: u64 = 32;
/// One more than the highest id, which is the largest `u32`.
pub(super) const MAX_NEXT_INPUT_ID: u64 = 1 << 32;

const TREE: [u8; 4] = *b"STPT";
const DELTA: [u8; 4] = *b"STPD";
const VERSION: u8 = 1;
const BLOB_SET: u8 = 1;
const BLOB_EXTERNAL: u8 = 2;
const CRC_AT: usize = 76;

/// The header's fields. Names ending in 8 count units of 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Header {
    pub delta: bool,
    pub blob_set: bool,
    pub blob_external: bool,
    pub total_len8: u32,
    pub head_len8: u32,
    pub next_input_id: u64,
    pub entry_count: u32,
    pub extra_count: u32,
    pub columns_off8: u32,
    pub columns_len8: u32,
    pub blob_off8: u32,
    pub blob_crc: u32,
    pub blob_len: u64,
    pub directory_crc: u32,
    pub columns_crc: u32,
    pub output_count: u32,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_LEN] {
        let flags = if self.blob_set { BLOB_SET } else { 0 } | if self.blob_external { BLOB_EXTERNAL } else { 0 };
        let mut out = [0; HEADER_LEN];
        let mut put = |at: usize, field: &[u8]| out[at..at + field.len()].copy_from_slice(field);
        put(0, if self.delta { &DELTA } else { &TREE });
        put(4, &[VERSION, flags]); // and no required features, two zero bytes
        put(8, &self.total_len8.to_le_bytes());
        put(12, &self.head_len8.to_le_bytes());
        put(16, &self.next_input_id.to_le_bytes());
        put(24, &self.entry_count.to_le_bytes());
        put(28, &self.extra_count.to_le_bytes());
        put(32, &self.columns_off8.to_le_bytes());
        put(36, &self.columns_len8.to_le_bytes());
        put(40, &self.blob_off8.to_le_bytes());
        put(44, &self.blob_crc.to_le_bytes());
        put(48, &self.blob_len.to_le_bytes());
        put(56, &self.directory_crc.to_le_bytes());
        put(60, &self.columns_crc.to_le_bytes());
        put(64, &self.output_count.to_le_bytes()); // and eight reserved bytes
        let crc = crc(&out[..CRC_AT]);
        out[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Decoded<Header> {
        let bytes: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Malformed("shorter than a packed header"))?;
        let delta = match bytes.first_chunk() {
            Some(&TREE) => false,
            Some(&DELTA) => true,
            _ => return Err(Malformed("not a packed tree or delta")),
        };
        if crc(&bytes[..CRC_AT]) != read_u32(bytes, CRC_AT)? {
            return Err(Malformed("the checksum of a packed header does not match"));
        }
        let (version, flags, features) = (bytes[4], bytes[5], [bytes[6], bytes[7]]);
        if version > VERSION || features != [0; 2] {
            return Err(Malformed::NEWER);
        }
        if version != VERSION || flags & !(BLOB_SET | BLOB_EXTERNAL) != 0 || read_u64(bytes, 68)? != 0 {
            return Err(Malformed("a packed header has a version, flag or reserved field that means nothing"));
        }
        let header = Header {
            delta,
            blob_set: flags & BLOB_SET != 0,
            blob_external: flags & BLOB_EXTERNAL != 0,
            total_len8: read_u32(bytes, 8)?,
            head_len8: read_u32(bytes, 12)?,
            next_input_id: read_u64(bytes, 16)?,
            entry_count: read_u32(bytes, 24)?,
            extra_count: read_u32(bytes, 28)?,
            columns_off8: read_u32(bytes, 32)?,
            columns_len8: read_u32(bytes, 36)?,
            blob_off8: read_u32(bytes, 40)?,
            blob_crc: read_u32(bytes, 44)?,
            blob_len: read_u64(bytes, 48)?,
            directory_crc: read_u32(bytes, 56)?,
            columns_crc: read_u32(bytes, 60)?,
            output_count: read_u32(bytes, 64)?,
        };
        header.check_sections()?;
        Ok(header)
    }

    /// Invariant 1. All sums are of a few products of 32-bit fields, in 64 bits; `blob_len` alone needs care.
    fn check_sections(&self) -> Decoded<()> {
        let sections = Malformed("the sections of a packed header do not fit together");
        let counts_right = if self.delta {
            self.output_count == 0
        } else {
            self.blob_set
                && (self.extra_count == 0 || self.extra_count == self.entry_count)
                && self.output_count <= self.entry_count
        };
        let columns_right = match self.columns_len8 {
            0 => self.columns_off8 == 0 && self.columns_crc == 0,
            _ => u64::from(self.columns_off8) * 8 == self.columns_start(),
        };
        let head_right = self.head_len() == self.columns_start() + u64::from(self.columns_len8) * 8
            && self.head_len8 <= self.total_len8;
        let blob_right = if self.blob_set && !self.blob_external {
            self.blob_off8 >= self.head_len8
                && self.blob_len <= self.total_len()
                && u64::from(self.blob_off8) * 8 + padded(self.blob_len) == self.total_len()
        } else {
            self.blob_off8 == 0 && (self.blob_set || (self.blob_len == 0 && self.blob_crc == 0 && !self.blob_external))
        };
        if !(counts_right && columns_right && head_right && blob_right) {
            return Err(sections);
        }
        if self.next_input_id == 0 || self.next_input_id > MAX_NEXT_INPUT_ID {
            return Err(Malformed("a packed header has an impossible next input id"));
        }
        Ok(())
    }

    pub(super) fn total_len(&self) -> u64 {
        u64::from(self.total_len8) * 8
    }

    pub(super) fn head_len(&self) -> u64 {
        u64::from(self.head_len8) * 8
    }

    pub(super) fn directory_len(&self) -> u64 {
        u64::from(self.entry_count) * ENTRY_LEN
    }

    /// Length of what follows the directory: a tree's permutation or a delta's order operations, padded.
    pub(super) fn extra_len(&self) -> u64 {
        padded(u64::from(self.extra_count) * if self.delta { 12 } else { 4 })
    }

    fn columns_start(&self) -> u64 {
        HEADER_LEN as u64 + self.directory_len() + self.extra_len()
    }

    /// Where the nodes end: at the inline blob, or with the packed form.
    pub(super) fn nodes_end(&self) -> u64 {
        if self.blob_set && !self.blob_external { u64::from(self.blob_off8) * 8 } else { self.total_len() }
    }
}

/// The header alone, decoded and verified once for any number of views of the head.
#[derive(Clone, Copy, Debug)]
pub struct HeadFields(Header);

impl HeadFields {
    /// Decodes the header out of the first [`HEADER_LEN`] bytes. Verifies its CRC and version.
    pub fn parse(prefix: &[u8]) -> Decoded<HeadFields> {
        Header::decode(prefix).map(HeadFields)
    }

    /// How many bytes the head has.
    pub fn head_len(&self) -> u64 {
        self.0.head_len()
    }

    /// Length in bytes of the whole packed form.
    pub fn total_len(&self) -> u64 {
        self.0.total_len()
    }

    /// Where the nodes end: at the inline blob, or with the packed form.
    pub fn nodes_end(&self) -> u64 {
        self.0.nodes_end()
    }

    /// Views the head in the bytes that this was decoded from: at least the head, at most the whole form.
    pub fn of<'a>(&self, bytes: &'a [u8]) -> Decoded<Head<'a>> {
        let (bytes, _) = split(bytes, self.head_len())?;
        Ok(Head { header: self.0, bytes })
    }
}

/// A view of the head of a packed tree or delta: header, directory and document columns.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    header: Header,
    /// Exactly the head.
    bytes: &'a [u8],
}

impl<'a> Head<'a> {
    /// Views the head. `bytes` holds at least the head, at most the whole form; only the header is verified.
    pub fn parse(bytes: &'a [u8]) -> Decoded<Head<'a>> {
        HeadFields::parse(bytes)?.of(bytes)
    }

    /// Whether this is a delta rather than a tree.
    pub fn is_delta(&self) -> bool {
        self.header.delta
    }

    /// Length in bytes of the whole packed form: head, nodes, inline blob.
    pub fn total_len(&self) -> u64 {
        self.header.total_len()
    }

    /// The lowest id that the document has never handed out: 1 to 2^32.
    pub fn next_input_id(&self) -> u64 {
        self.header.next_input_id
    }

    /// Where the blob is.
    pub fn blob(&self) -> BlobState {
        let header = &self.header;
        let (length, crc) = (header.blob_len, header.blob_crc);
        match (header.blob_set, header.blob_external) {
            (false, _) => BlobState::Unchanged,
            (true, true) => BlobState::External { length, crc },
            (true, false) => BlobState::Inline(Span { offset: u64::from(header.blob_off8) * 8, length, crc }),
        }
    }

    /// How many inputs a tree has, or how many a delta changes or deletes.
    pub fn entry_count(&self) -> u32 {
        self.header.entry_count
    }

    /// How many outputs a tree has; 0 for a delta.
    pub fn output_count(&self) -> u32 {
        self.header.output_count
    }

    /// The document's columns, or a delta's changes to them. Verifies their CRC.
    pub fn columns(&self) -> Decoded<ColumnsRef<'a>> {
        let header = &self.header;
        let start = self.bytes.len() as u64 - u64::from(header.columns_len8) * 8;
        let (_, section) = split(self.bytes, start)?;
        if crc(section) != header.columns_crc {
            return Err(Malformed("the checksum of a document's columns does not match"));
        }
        ColumnsRef::parse(section)
    }

    /// The directory of inputs. Verifies its CRC.
    pub fn directory(&self) -> Decoded<Directory<'a>> {
        let header = &self.header;
        let (_, rest) = split(self.bytes, HEADER_LEN as u64)?;
        let (covered, _) = split(rest, header.directory_len() + header.extra_len())?;
        if crc(covered) != header.directory_crc {
            return Err(Malformed("the checksum of a directory does not match"));
        }
        let (entries, extra) = split(covered, header.directory_len())?;
        Ok(Directory::new(*header, entries, extra))
    }

    /// The directory, for whoever goes through all of its inputs: no bytes of the form are claimed by two of them, and
    /// none is there twice, or what is made of them could be many times as long as the form.
    pub fn directory_of_all(&self) -> Decoded<Directory<'a>> {
        let directory = self.directory()?;
        directory.check_bounds()?;
        Ok(directory)
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }
}
