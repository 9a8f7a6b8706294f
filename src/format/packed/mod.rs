//! The packed tree, a whole document in one run of bytes, and the packed delta, a change to one. Layout:
//! docs/format.md, "Packed tree" and "Packed delta".
//!
//! 1. Position independent: nothing inside depends on where the bytes lie. 8-aligned throughout.
//! 2. Canonical: a tree with given ids has one packed form (of each kind of blob), which `encode_tree` and `merge` both
//!    give.
//! 3. A reader needs only the head (header, directory, columns) to find any node; each section and node has its own
//!    CRC. What reads bytes through a [`Span`] verifies the span's CRC; `check` and `to_tree` do it here.
//! 4. `check` alone says that everything is right. The other readers believe what they have not looked at, but never
//!    read outside the slice and never panic.
//!
//! ```text
//!              Assembly (writes either form)
//!      encode_tree   DeltaBuilder::encode   merge   compose
//!                                           │
//!              Head ── Directory ── Stack (base + deltas: order, locate)
//! ```

mod assembly;
mod check;
mod columns;
mod delta;
mod directory;
mod header;
mod merge;
mod order;
mod stack;
mod supersede;
mod tree;

#[cfg(test)]
mod tests;

pub use check::check;
pub use columns::ColumnsRef;
pub use delta::{DeltaBuilder, PendingBlob};
pub use directory::{Directory, Entry, OrderOp, OutputState};
pub use header::{HEADER_LEN, Head, HeadFields};
pub use merge::{MergedBlob, compose, merge};
pub use stack::{Layer, Layers, Node, Stack};
pub use supersede::supersedes;
pub use tree::{TreeParts, encode_tree, encode_with_ids, renumber, reserve_ids, to_tree, to_tree_unverified, tree_len};

use super::{Decoded, Malformed, crc};

/// Where bytes lie in a packed form, and their checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Bytes from the start of the packed form.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    /// CRC-32 of the bytes, as the packed form has it.
    pub crc: u32,
}

impl Span {
    /// The bytes, not yet verified. `packed` is the whole packed form.
    pub fn of<'a>(&self, packed: &'a [u8]) -> Decoded<&'a [u8]> {
        let range = usize::try_from(self.offset).ok().zip(usize::try_from(self.length).ok());
        range
            .and_then(|(start, length)| packed.get(start..)?.get(..length))
            .ok_or(Malformed("a node lies outside the packed form"))
    }

    /// The bytes, with their checksum verified. `packed` is the whole packed form.
    pub fn verified<'a>(&self, packed: &'a [u8]) -> Decoded<&'a [u8]> {
        let bytes = self.of(packed)?;
        if crc(bytes) != self.crc {
            return Err(Malformed("the checksum of a node or blob does not match"));
        }
        Ok(bytes)
    }
}

/// What a packed form says of the document's blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlobState {
    /// Nothing: it is what it was. Only in a delta.
    Unchanged,
    /// It is in these bytes.
    Inline(Span),
    /// It is a record of its own.
    External {
        /// Its length in bytes.
        length: u64,
        /// CRC-32 of its bytes.
        crc: u32,
    },
}
