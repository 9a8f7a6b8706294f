//! What bytes mean: pure functions over slices, no I/O. docs/format.md is the normative description.
//!
//! 1. A decoder reports, it never repairs; recovery decides.
//! 2. No length, count or offset is believed before a checksum or a bound has vouched for it.
//! 3. All integers are little-endian, all structures 8-aligned, all padding zero.

pub mod checkpoint;
pub mod extent;
mod header;
pub mod manifest;
pub mod names;
pub mod packed;
pub mod record;
pub mod segment;
pub mod value;

pub use header::HeaderError;
pub(crate) use header::{Header, u32_at, u64_at};

/// The format version of every file that this code writes, and the highest that it reads.
pub const VERSION: u32 = 1;

/// Bytes that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed: {0}")]
pub struct Malformed(pub &'static str);

/// The result of decoding.
pub type Decoded<T> = Result<T, Malformed>;

/// The checksum of the format: CRC-32 (IEEE).
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}
