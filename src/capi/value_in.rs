//! Values on their way in: copied out of the caller's memory into Rust's values.
//!
//! 1. Nothing is believed but that pointers lead where they say: kinds, counts, text and nesting are checked.
//! 2. What is copied is bounded by the store's limits while it is copied, so that absurd lengths and structs that
//!    contain themselves are refused instead of followed. The bound never exceeds the encoded size, which the engine
//!    checks exactly.

#![allow(unsafe_code)] // the C boundary

use super::arguments;
use super::status::{Call, Failure, STRATUM_TOO_LARGE};
use super::value::*;
use crate::value::MAX_DEPTH;
use crate::{Columns, Value};

/// How much may still be copied in one call.
pub(super) struct Budget {
    max_record_bytes: u64,
    max_batch_bytes: u64,
    batch_left: u64,
    record_left: u64,
}

impl Budget {
    pub(super) fn new(max_record_bytes: u64, max_batch_bytes: u64) -> Budget {
        Budget { max_record_bytes, max_batch_bytes, batch_left: max_batch_bytes, record_left: max_record_bytes }
    }

    /// Accounts for a blob of `bytes`.
    pub(super) fn record(&mut self, what: &str, bytes: usize) -> Call<()> {
        self.record_left = self.max_record_bytes;
        self.take(what, bytes as u64)
    }

    fn take(&mut self, what: &str, bytes: u64) -> Call<()> {
        let over = |limit: u64, option: &str| {
            let text = format!("{what}: more than {limit} bytes ({option}); nothing was written");
            Failure::Refused(STRATUM_TOO_LARGE, text.into())
        };
        self.record_left =
            self.record_left.checked_sub(bytes).ok_or_else(|| over(self.max_record_bytes, "max_record_bytes"))?;
        self.batch_left =
            self.batch_left.checked_sub(bytes).ok_or_else(|| over(self.max_batch_bytes, "max_batch_bytes"))?;
        Ok(())
    }

    fn take_items(&mut self, count: usize, size: u64) -> Call<()> {
        self.take("a value", (count as u64).saturating_mul(size))
    }

    /// Copies a value.
    ///
    /// # Safety
    /// Its pointers lead to what its kind and count say, for the duration of the call.
    pub(super) unsafe fn value(&mut self, value: &stratum_value) -> Call<Value> {
        self.record_left = self.max_record_bytes;
        // SAFETY: the caller's promise.
        unsafe { self.nested(value, 0) }
    }

    /// Copies a value that must be there.
    ///
    /// # Safety
    /// As `value`.
    pub(super) unsafe fn value_at(&mut self, value: *const stratum_value) -> Call<Value> {
        // SAFETY: the caller's promise.
        unsafe { self.value(arguments::required("value", value)?) }
    }

    /// Copies columns; of two with the same name there can be no telling which is meant, so that is refused.
    ///
    /// # Safety
    /// As `value`.
    pub(super) unsafe fn columns(&mut self, columns: *const stratum_column, count: usize) -> Call<Columns> {
        // SAFETY: the caller's promise.
        unsafe {
            let mut copied = Vec::new();
            for column in arguments::items("columns", columns, count)? {
                let name = arguments::text("a column name", column.name.data, column.name.length)?;
                copied.push((name.to_string(), self.value(&column.value)?));
            }
            let all: Columns = copied.into_iter().collect();
            if all.len() != count {
                return Err(Failure::argument("two columns have the same name; names are unique"));
            }
            Ok(all)
        }
    }

    /// # Safety
    /// As `value`.
    unsafe fn nested(&mut self, value: &stratum_value, depth: usize) -> Call<Value> {
        if value.reserved != 0 {
            return Err(Failure::argument("stratum_value.reserved is not 0; zero the struct first"));
        }
        self.take("a value", 8)?;
        let (count, content) = (value.count, value.r#as);
        // SAFETY: the caller's promise: `kind` says which member is set, `count` how much it leads to.
        unsafe {
            match value.kind {
                STRATUM_KIND_NULL..=STRATUM_KIND_DOUBLE if count != 0 => {
                    Err(Failure::argument("stratum_value.count is not 0 for a null, bool, int64 or double"))
                }
                STRATUM_KIND_NULL => Ok(Value::Null),
                STRATUM_KIND_BOOL => match content.boolean {
                    0 => Ok(Value::Bool(false)),
                    1 => Ok(Value::Bool(true)),
                    other => Err(Failure::argument(format!("a bool is 0 or 1, not {other}"))),
                },
                STRATUM_KIND_INT64 => Ok(Value::Int64(content.int64)),
                STRATUM_KIND_DOUBLE => Ok(Value::Double(content.float64)),
                STRATUM_KIND_DECIMAL => Ok(Value::Decimal(self.string(content.text, count)?)),
                STRATUM_KIND_STRING => Ok(Value::String(self.string(content.text, count)?)),
                STRATUM_KIND_BYTES => Ok(Value::Bytes(self.list(content.bytes, count)?)),
                STRATUM_KIND_INT64_LIST => Ok(Value::Int64List(self.list(content.int64s, count)?)),
                STRATUM_KIND_DOUBLE_LIST => Ok(Value::DoubleList(self.list(content.doubles, count)?)),
                STRATUM_KIND_STRING_LIST => Ok(Value::StringList(self.strings(content.strings, count)?)),
                STRATUM_KIND_STRING_MAP => {
                    let twice = count.checked_mul(2).ok_or_else(|| Failure::argument("a value's count is absurd"))?;
                    let mut texts = self.strings(content.strings, twice)?.into_iter();
                    Ok(Value::StringMap(std::iter::from_fn(|| Some((texts.next()?, texts.next()?))).collect()))
                }
                STRATUM_KIND_LIST | STRATUM_KIND_MAP if depth >= MAX_DEPTH => {
                    Err(Failure::argument(format!("a value may nest at most {MAX_DEPTH} lists and maps")))
                }
                STRATUM_KIND_LIST => {
                    self.take_items(count, 8)?;
                    let items = arguments::items("a list", content.values, count)?;
                    let mut copied = Vec::new();
                    for item in items {
                        copied.push(self.nested(item, depth + 1)?);
                    }
                    Ok(Value::List(copied))
                }
                STRATUM_KIND_MAP => {
                    self.take_items(count, 16)?;
                    let entries = arguments::items("a map", content.entries, count)?;
                    let mut copied = Vec::new();
                    for entry in entries {
                        let key = self.string(entry.key.data, entry.key.length)?;
                        copied.push((key, self.nested(&entry.value, depth + 1)?));
                    }
                    Ok(Value::Map(copied))
                }
                other => Err(Failure::argument(format!("value kind {other} is none of STRATUM_KIND_*"))),
            }
        }
    }

    /// # Safety
    /// As `value`.
    unsafe fn string(&mut self, data: *const std::ffi::c_char, length: usize) -> Call<String> {
        self.take("a value", length as u64)?;
        // SAFETY: the caller's promise.
        unsafe { arguments::text("a value's text", data, length).map(str::to_string) }
    }

    /// # Safety
    /// As `value`.
    unsafe fn strings(&mut self, data: *const stratum_text, count: usize) -> Call<Vec<String>> {
        self.take_items(count, 4)?;
        let mut copied = Vec::new();
        // SAFETY: the caller's promise.
        unsafe {
            for item in arguments::items("a list of texts", data, count)? {
                copied.push(self.string(item.data, item.length)?);
            }
        }
        Ok(copied)
    }

    /// # Safety
    /// As `value`.
    unsafe fn list<T: Copy>(&mut self, data: *const T, count: usize) -> Call<Vec<T>> {
        self.take_items(count, size_of::<T>() as u64)?;
        // SAFETY: the caller's promise.
        unsafe { arguments::items("a list", data, count).map(<[T]>::to_vec) }
    }
}
