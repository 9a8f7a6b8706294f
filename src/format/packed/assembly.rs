//! Writing packed forms: the one place that knows in which order their parts go.
//!
//! 1. Parts are written front to back: columns, then each node in directory order, then the blob. The directory and
//!    the extra section lie before them in space reserved at the start; the header is written last.
//! 2. Lengths are those of memory that a caller holds and stay below 32 GiB (the batch limit is 3 GiB). What does not
//!    fit its field is written saturated, which no reader accepts, rather than cut.
//! 3. No more memory is taken than was asked for at the start. What comes from a file and has more in it than its own
//!    length allows for is malformed.

use super::directory::{DELETED, OUTPUT_REMOVED};
use super::header::{ENTRY_LEN, HEADER_LEN, Header};
use crate::format::{Decoded, Malformed, crc, pad, padded};
use crate::memory;

/// An encoded part of a node.
#[derive(Clone, Copy, Default)]
pub(super) struct Part {
    len8: u32,
    crc: u32,
}

impl Part {
    /// The part that is not there.
    pub(super) const NONE: Part = Part { len8: 0, crc: 0 };
}

/// What an entry says beside its parts; only a delta says any of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    OutputRemoved,
    Deleted,
}

pub(super) struct Assembly {
    out: Vec<u8>,
    header: Header,
    entries_written: usize,
    /// Where the node being written starts.
    node_start: usize,
}

impl Assembly {
    /// `capacity` is what the whole form takes at most: no more memory is asked for later.
    pub(super) fn new(delta: bool, entry_count: usize, extra_count: usize, capacity: u64) -> Decoded<Assembly> {
        let header = Header {
            delta,
            entry_count: saturated(entry_count),
            extra_count: saturated(extra_count),
            ..Header::default()
        };
        let head_len = HEADER_LEN + (header.directory_len() + header.extra_len()) as usize;
        let capacity = usize::try_from(capacity).map_err(|_| Malformed::NO_MEMORY)?;
        let mut out = memory::vec(capacity.max(head_len))?;
        out.resize(head_len, 0);
        Ok(Assembly { out, header, entries_written: 0, node_start: 0 })
    }

    /// Fills the extra section: a tree's permutation, a delta's order operations.
    pub(super) fn extra(&mut self, words: impl Iterator<Item = u32>) {
        let start = HEADER_LEN + self.header.directory_len() as usize;
        for (field, word) in self.out[start..].as_chunks_mut().0.iter_mut().zip(words) {
            *field = word.to_le_bytes();
        }
    }

    /// Writes the document's columns, or nothing, and ends the head.
    pub(super) fn columns(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let off8 = units(self.out.len());
        let part = self.part(write);
        if part.len8 != 0 {
            self.header.columns_off8 = off8;
            self.header.columns_len8 = part.len8;
            self.header.columns_crc = part.crc;
        }
        self.header.head_len8 = units(self.out.len());
        self.node_start = self.out.len();
    }

    /// Writes a part of the node at hand: value, output, columns, in this order.
    pub(super) fn part(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Part {
        let start = self.out.len();
        write(&mut self.out);
        let bytes = &self.out[start..];
        Part { len8: units(bytes.len()), crc: crc(bytes) }
    }

    /// Writes a part whose checksum is known, and not checked here.
    pub(super) fn copied(&mut self, bytes: &[u8], crc: u32) -> Decoded<Part> {
        self.expect_bytes(bytes.len() as u64)?;
        self.out.extend_from_slice(bytes);
        Ok(Part { len8: units(bytes.len()), crc })
    }

    /// Whether so many bytes are left of the capacity.
    pub(super) fn expect_bytes(&self, bytes: u64) -> Decoded<()> {
        if bytes > (self.out.capacity() - self.out.len()) as u64 {
            return Err(Malformed("the parts of a packed form are longer than all of it"));
        }
        Ok(())
    }

    /// Ends the node at hand: writes its entry.
    pub(super) fn entry(&mut self, id: u32, value: Part, output: Part, columns: Part, mark: Mark) {
        let flags = match mark {
            Mark::None => 0,
            Mark::OutputRemoved => OUTPUT_REMOVED,
            Mark::Deleted => DELETED,
        };
        let words = [
            id,
            units(self.node_start),
            value.len8,
            output.len8,
            columns.len8 | flags,
            value.crc,
            output.crc,
            columns.crc,
        ];
        let start = HEADER_LEN + self.entries_written * ENTRY_LEN as usize;
        for (field, word) in self.out[start..].as_chunks_mut().0.iter_mut().zip(words) {
            *field = word.to_le_bytes();
        }
        self.header.output_count += u32::from(!self.header.delta && output.len8 != 0);
        self.entries_written += 1;
        self.node_start = self.out.len();
    }

    /// Writes the blob, whose checksum is known.
    pub(super) fn inline_blob(&mut self, blob: &[u8], crc: u32) -> Decoded<()> {
        self.expect_bytes(padded(blob.len() as u64))?;
        self.header.blob_set = true;
        self.header.blob_off8 = units(self.out.len());
        self.header.blob_len = blob.len() as u64;
        self.header.blob_crc = crc;
        self.out.extend_from_slice(blob);
        pad(&mut self.out);
        Ok(())
    }

    /// Writes a blob and takes its checksum, of what was written: what a caller lends may change meanwhile, against all
    /// rules, and must not be stored as damage.
    pub(super) fn lent_blob(&mut self, blob: &[u8]) -> Decoded<()> {
        let start = self.out.len();
        self.inline_blob(blob, 0)?;
        self.header.blob_crc = crc(&self.out[start..start + blob.len()]);
        Ok(())
    }

    /// Describes a blob that is a record of its own.
    pub(super) fn external_blob(&mut self, length: u64, crc: u32) {
        self.header.blob_set = true;
        self.header.blob_external = true;
        self.header.blob_len = length;
        self.header.blob_crc = crc;
    }

    pub(super) fn finish(mut self, next_input_id: u64) -> Vec<u8> {
        self.header.next_input_id = next_input_id;
        self.header.total_len8 = units(self.out.len());
        seal(&mut self.header, &mut self.out);
        self.out
    }
}

/// Computes the directory's checksum and writes the header: what every change to either ends with.
pub(super) fn seal(header: &mut Header, packed: &mut [u8]) {
    let covered = HEADER_LEN + (header.directory_len() + header.extra_len()) as usize;
    header.directory_crc = crc(&packed[HEADER_LEN..covered]);
    packed[..HEADER_LEN].copy_from_slice(&header.encode());
}

fn units(len: usize) -> u32 {
    saturated(len / 8)
}

fn saturated(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
