//! The encoded value: how one [`Value`](crate::Value) lies in a packed tree, in a column, and in a
//! caller's buffer. Layout: docs/format.md, "Value".
//!
//! 1. Self-delimiting, a multiple of 8 bytes, at least 8; at an 8-aligned address its numbers are aligned.
//! 2. Canonical: a value has one encoding, so equal values have equal bytes. Decoding refuses any other.
//! 3. Recursion is bounded by `MAX_DEPTH`, memory by a multiple of the bytes at hand.

mod encode;
mod lists;
mod view;

#[cfg(test)]
pub(crate) mod tests;

pub use encode::{encode_value, encoded_len};
pub use lists::{Doubles, Entries, Int64s, StringPairs, Strings, Values};
pub use view::{ValueRef, decode_value};

/// The kinds' numbers: in the encoded form, and in the C ABI. They never change.
pub mod kind {
    /// Nothing.
    pub const NULL: u8 = 1;
    /// True or false.
    pub const BOOL: u8 = 2;
    /// A signed 64-bit integer.
    pub const INT64: u8 = 3;
    /// A 64-bit IEEE 754 number.
    pub const DOUBLE: u8 = 4;
    /// A number as text.
    pub const DECIMAL: u8 = 5;
    /// Text.
    pub const STRING: u8 = 6;
    /// Any bytes.
    pub const BYTES: u8 = 7;
    /// A packed list of integers.
    pub const INT64_LIST: u8 = 8;
    /// A packed list of IEEE 754 numbers.
    pub const DOUBLE_LIST: u8 = 9;
    /// A packed list of texts.
    pub const STRING_LIST: u8 = 10;
    /// A packed map of text to text.
    pub const STRING_MAP: u8 = 11;
    /// A list of values of any kind.
    pub const LIST: u8 = 12;
    /// A map of text to values of any kind.
    pub const MAP: u8 = 13;
}

/// Bytes of the header that every encoded value begins with.
pub const VALUE_HEADER_LEN: u64 = 8;
