//! What bytes mean: pure functions over slices, without I/O. docs/format.md is the normative description.
//!
//! 1. All integers are little-endian, through explicit codecs; all structures 8-aligned, all padding zero.
//! 2. No function panics, whatever the bytes, and memory use is bounded by a multiple of their length. No length,
//!    count or offset is believed before a checksum or a bound has vouched for it.
//! 3. A decoder reports, it never repairs; recovery decides.

pub mod checkpoint;
pub mod compressed;
pub mod extent;
#[cfg(test)]
pub(crate) mod golden;
mod header;
pub mod manifest;
pub mod names;
pub mod packed;
pub mod present;
pub mod record;
pub mod segment;
pub mod value;

pub use header::HeaderError;
pub(crate) use header::{Header, u32_at, u64_at};

use crate::error::Error;
use crate::memory::NoMemory;

/// The format version of every file that this code writes, and the highest that it reads.
pub const VERSION: u32 = 1;

/// Whatever says a number from here on is not an edit of a manifest; arithmetic below need not fear to overflow.
pub const NUMBER_LIMIT: u64 = 1 << 62;
/// Sequence numbers, epochs, document ids and the numbers of edits are below this. Rising by one at a time they never
/// get there: whatever is above was not written by a store. Nothing from here on is handed out, so that a store takes
/// nothing that the next open would refuse.
pub const NUMBERS_END: u64 = NUMBER_LIMIT - (1 << 32);
/// As `NUMBER_LIMIT`, of segment ids.
pub const SEGMENT_ID_LIMIT: u32 = 1 << 31;
/// As `NUMBERS_END`, of segment ids.
pub const SEGMENT_IDS_END: u32 = SEGMENT_ID_LIMIT - (1 << 20);
/// So many epochs, edits and segment ids are left to recoveries: a store that takes commits can be opened after crashes
/// too.
pub const KEPT_FOR_RECOVERY: u32 = 1 << 10;

/// Bytes that are not what they should be. The text says what does not check out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("malformed: {0}")]
pub struct Malformed(pub &'static str);

impl Malformed {
    /// Not damage, but a version or required feature that this version does not know.
    pub const NEWER: Malformed = Malformed("written by a newer version of Stratum");
    /// Nothing wrong with the bytes: the system refused the memory for what they hold.
    pub const NO_MEMORY: Malformed = Malformed("no memory for what the bytes hold");

    /// The error that this is: `NoMemory`, or what `otherwise` makes of bytes that are wrong.
    pub(crate) fn into_error(self, otherwise: impl FnOnce(&'static str) -> Error) -> Error {
        if self == Malformed::NO_MEMORY { Error::NoMemory } else { otherwise(self.0) }
    }
}

impl From<NoMemory> for Malformed {
    fn from(_: NoMemory) -> Malformed {
        Malformed::NO_MEMORY
    }
}

/// The result of decoding.
pub type Decoded<T> = Result<T, Malformed>;

const CUT_SHORT: Malformed = Malformed("the bytes end too early");

/// The checksum of every format here: CRC-32 (IEEE 802.3, as in zip and PNG).
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// The `u32` at byte `at`.
pub(crate) fn read_u32(bytes: &[u8], at: usize) -> Decoded<u32> {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(CUT_SHORT)?;
    Ok(u32::from_le_bytes(*field))
}

/// The `u64` at byte `at`.
pub(crate) fn read_u64(bytes: &[u8], at: usize) -> Decoded<u64> {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(CUT_SHORT)?;
    Ok(u64::from_le_bytes(*field))
}

/// Splits off the first `len` bytes.
pub(crate) fn split(bytes: &[u8], len: u64) -> Decoded<(&[u8], &[u8])> {
    let len = usize::try_from(len).map_err(|_| CUT_SHORT)?;
    bytes.split_at_checked(len).ok_or(CUT_SHORT)
}

/// Splits off the first `len` bytes and drops the zeros that pad them to a multiple of 8.
pub(crate) fn split_padded(bytes: &[u8], len: u64) -> Decoded<(&[u8], &[u8])> {
    let (field, rest) = split(bytes, len)?;
    let (padding, rest) = split(rest, len.wrapping_neg() % 8)?;
    check_zero(padding)?;
    Ok((field, rest))
}

/// Padding must be zero, so that equal content has equal bytes.
pub(crate) fn check_zero(padding: &[u8]) -> Decoded<()> {
    if padding.iter().any(|byte| *byte != 0) {
        return Err(Malformed("padding is not zero"));
    }
    Ok(())
}

/// The next multiple of 8. Lengths come from memory or from 32-bit fields, far from overflow.
pub(crate) const fn padded(len: u64) -> u64 {
    len.next_multiple_of(8)
}

/// Pads with zeros to a multiple of 8.
pub(crate) fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(8), 0);
}
