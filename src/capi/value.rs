//! Typed values as C sees them: one tagged union, the same on the way in and on the way out.
//!
//! 1. The kind numbers are those of the stored form (`format::value::kind`), which the compiler checks below.
//! 2. These structs are `repr(C)` and never change; what is new gets a new kind.

#![allow(unsafe_code)] // the extern "C" constructors carry `no_mangle`, which can clash at link time

use std::ffi::{c_char, c_void};

use crate::format::value::kind;

/// Nothing; not the same as a missing value.
pub const STRATUM_KIND_NULL: u32 = 1;
/// True or false: as.boolean, 0 or 1.
pub const STRATUM_KIND_BOOL: u32 = 2;
/// A signed 64-bit integer: as.int64.
pub const STRATUM_KIND_INT64: u32 = 3;
/// A 64-bit IEEE 754 number, kept to the bit: as.float64.
pub const STRATUM_KIND_DOUBLE: u32 = 4;
/// A number as text in JSON's number grammar, for what fits neither of the two: as.text, count bytes.
pub const STRATUM_KIND_DECIMAL: u32 = 5;
/// UTF-8 text: as.text, count bytes.
pub const STRATUM_KIND_STRING: u32 = 6;
/// Any bytes: as.bytes, count bytes.
pub const STRATUM_KIND_BYTES: u32 = 7;
/// A packed list of integers: as.int64s, count of them.
pub const STRATUM_KIND_INT64_LIST: u32 = 8;
/// A packed list of IEEE 754 numbers: as.doubles, count of them.
pub const STRATUM_KIND_DOUBLE_LIST: u32 = 9;
/// A packed list of texts: as.strings, count of them.
pub const STRATUM_KIND_STRING_LIST: u32 = 10;
/// A packed map of text to text: as.strings holds 2 * count texts: key, value, key, value... Keys are unique and
/// keep their order.
pub const STRATUM_KIND_STRING_MAP: u32 = 11;
/// A list of values of any kind: as.values, count of them. Lists and maps nest at most 64 deep.
pub const STRATUM_KIND_LIST: u32 = 12;
/// A map of text to values of any kind: as.entries, count of them. Keys are unique and keep their order.
pub const STRATUM_KIND_MAP: u32 = 13;

const _: () = {
    assert!(STRATUM_KIND_NULL == kind::NULL as u32 && STRATUM_KIND_BOOL == kind::BOOL as u32);
    assert!(STRATUM_KIND_INT64 == kind::INT64 as u32 && STRATUM_KIND_DOUBLE == kind::DOUBLE as u32);
    assert!(STRATUM_KIND_DECIMAL == kind::DECIMAL as u32 && STRATUM_KIND_STRING == kind::STRING as u32);
    assert!(STRATUM_KIND_BYTES == kind::BYTES as u32 && STRATUM_KIND_INT64_LIST == kind::INT64_LIST as u32);
    assert!(STRATUM_KIND_DOUBLE_LIST == kind::DOUBLE_LIST as u32);
    assert!(STRATUM_KIND_STRING_LIST == kind::STRING_LIST as u32);
    assert!(STRATUM_KIND_STRING_MAP == kind::STRING_MAP as u32);
    assert!(STRATUM_KIND_LIST == kind::LIST as u32 && STRATUM_KIND_MAP == kind::MAP as u32);
};

/// UTF-8 text: length bytes at data, not NUL-terminated; NULs may be part of it. data may be NULL where length is 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_text {
    /// The first byte.
    pub data: *const c_char,
    /// How many bytes.
    pub length: usize,
}

/// What a stratum_value holds; its kind says which member.
#[repr(C)]
#[derive(Clone, Copy)]
pub union stratum_value_as {
    /// BOOL: 0 or 1.
    pub boolean: i32,
    /// INT64.
    pub int64: i64,
    /// DOUBLE.
    pub float64: f64,
    /// DECIMAL, STRING: count bytes, not NUL-terminated.
    pub text: *const c_char,
    /// BYTES: count bytes.
    pub bytes: *const u8,
    /// INT64_LIST: count integers.
    pub int64s: *const i64,
    /// DOUBLE_LIST: count numbers.
    pub doubles: *const f64,
    /// STRING_LIST: count texts. STRING_MAP: 2 * count texts, keys and values in turn.
    pub strings: *const stratum_text,
    /// LIST: count values.
    pub values: *const stratum_value,
    /// MAP: count entries.
    pub entries: *const stratum_entry,
}

/// A typed value. On the way in the library copies what it keeps. On the way out everything that the pointers lead
/// to belongs to the handle that it came from, and is valid until that is freed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_value {
    /// STRATUM_KIND_*.
    pub kind: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Bytes, elements or entries, as the kind says; 0 for NULL, BOOL, INT64 and DOUBLE.
    pub count: usize,
    /// The content.
    pub r#as: stratum_value_as,
}

/// One entry of a STRATUM_KIND_MAP.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_entry {
    /// Its key, unique in the map.
    pub key: stratum_text,
    /// Its value.
    pub value: stratum_value,
}

/// A named value of a document or of an input.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_column {
    /// Its name: 1 to 255 bytes of UTF-8, unique in the document or input.
    pub name: stratum_text,
    /// Its value.
    pub value: stratum_value,
}

fn made(kind: u32, count: usize, content: stratum_value_as) -> stratum_value {
    stratum_value { kind, reserved: 0, count, r#as: content }
}

/// A STRATUM_KIND_NULL. This and the other stratum_value_* functions only fill the struct: nothing is copied or
/// checked, and what is pointed to must live until the value has been passed on.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_null() -> stratum_value {
    made(STRATUM_KIND_NULL, 0, stratum_value_as { int64: 0 })
}

/// A STRATUM_KIND_BOOL: false for 0, true for anything else.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_bool(boolean: i32) -> stratum_value {
    // all eight bytes are set, so that equal values have equal bytes on little-endian machines
    made(STRATUM_KIND_BOOL, 0, stratum_value_as { int64: i64::from(boolean != 0).to_le() })
}

/// A STRATUM_KIND_INT64.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_int64(int64: i64) -> stratum_value {
    made(STRATUM_KIND_INT64, 0, stratum_value_as { int64 })
}

/// A STRATUM_KIND_DOUBLE.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_double(float64: f64) -> stratum_value {
    made(STRATUM_KIND_DOUBLE, 0, stratum_value_as { float64 })
}

/// A STRATUM_KIND_DECIMAL: a number as text, in JSON's number grammar.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_decimal(text: *const c_char, length: usize) -> stratum_value {
    made(STRATUM_KIND_DECIMAL, length, stratum_value_as { text })
}

/// A STRATUM_KIND_STRING: UTF-8 text.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_string(text: *const c_char, length: usize) -> stratum_value {
    made(STRATUM_KIND_STRING, length, stratum_value_as { text })
}

/// A STRATUM_KIND_BYTES.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_bytes(bytes: *const c_void, length: usize) -> stratum_value {
    made(STRATUM_KIND_BYTES, length, stratum_value_as { bytes: bytes.cast() })
}

/// A STRATUM_KIND_INT64_LIST.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_int64_list(int64s: *const i64, count: usize) -> stratum_value {
    made(STRATUM_KIND_INT64_LIST, count, stratum_value_as { int64s })
}

/// A STRATUM_KIND_DOUBLE_LIST.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_double_list(doubles: *const f64, count: usize) -> stratum_value {
    made(STRATUM_KIND_DOUBLE_LIST, count, stratum_value_as { doubles })
}

/// A STRATUM_KIND_STRING_LIST.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_string_list(strings: *const stratum_text, count: usize) -> stratum_value {
    made(STRATUM_KIND_STRING_LIST, count, stratum_value_as { strings })
}

/// A STRATUM_KIND_STRING_MAP of `count` pairs: 2 * count texts, keys and values in turn.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_string_map(strings: *const stratum_text, count: usize) -> stratum_value {
    made(STRATUM_KIND_STRING_MAP, count, stratum_value_as { strings })
}

/// A STRATUM_KIND_LIST.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_list(values: *const stratum_value, count: usize) -> stratum_value {
    made(STRATUM_KIND_LIST, count, stratum_value_as { values })
}

/// A STRATUM_KIND_MAP.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_value_map(entries: *const stratum_entry, count: usize) -> stratum_value {
    made(STRATUM_KIND_MAP, count, stratum_value_as { entries })
}
