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
use crate::memory;
use crate::tree::check_column_name_length;
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
            let mut all = Vec::new();
            for column in arguments::items("columns", columns, count)? {
                check_column_name_length(column.name.length)?;
                self.record_left = self.max_record_bytes.max(column.name.length as u64); // a name is no record
                self.take("a column name", column.name.length as u64)?;
                let name = arguments::own_name("a column name", column.name.data, column.name.length)?;
                memory::push(&mut all, (name, self.value(&column.value)?))?;
            }
            let all = Columns::from_unique(all);
            all.ok_or_else(|| Failure::argument("two columns have the same name; names are unique"))
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
                    let mut pairs = memory::vec(count)?;
                    pairs.extend(std::iter::from_fn(|| Some((texts.next()?, texts.next()?))));
                    Ok(Value::StringMap(pairs))
                }
                STRATUM_KIND_LIST | STRATUM_KIND_MAP if depth >= MAX_DEPTH => {
                    Err(Failure::argument(format!("a value may nest at most {MAX_DEPTH} lists and maps")))
                }
                STRATUM_KIND_LIST => {
                    self.take_items(count, 8)?;
                    let items = arguments::items("a list", content.values, count)?;
                    let mut copied = Vec::new();
                    for item in items {
                        let item = self.nested(item, depth + 1)?;
                        memory::push(&mut copied, item)?;
                    }
                    Ok(Value::List(copied))
                }
                STRATUM_KIND_MAP => {
                    self.take_items(count, 16)?;
                    let entries = arguments::items("a map", content.entries, count)?;
                    let mut copied = Vec::new();
                    for entry in entries {
                        let key = self.string(entry.key.data, entry.key.length)?;
                        let value = self.nested(&entry.value, depth + 1)?;
                        memory::push(&mut copied, (key, value))?;
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
        unsafe { arguments::own_text("a value's text", arguments::items("a value's text", data.cast(), length)?) }
    }

    /// # Safety
    /// As `value`.
    unsafe fn strings(&mut self, data: *const stratum_text, count: usize) -> Call<Vec<String>> {
        self.take_items(count, 4)?;
        let mut copied = Vec::new();
        // SAFETY: the caller's promise.
        unsafe {
            for item in arguments::items("a list of texts", data, count)? {
                let item = self.string(item.data, item.length)?;
                memory::push(&mut copied, item)?;
            }
        }
        Ok(copied)
    }

    /// # Safety
    /// As `value`.
    unsafe fn list<T: Copy>(&mut self, data: *const T, count: usize) -> Call<Vec<T>> {
        self.take_items(count, size_of::<T>() as u64)?;
        // SAFETY: the caller's promise.
        unsafe { Ok(memory::copy(arguments::items("a list", data, count)?)?) }
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::super::value_out::Arena;
    use super::*;

    fn copy(value: &stratum_value) -> Call<Value> {
        // SAFETY: every test passes values whose pointers lead where they say, or are refused before they are followed.
        unsafe { Budget::new(1 << 20, 1 << 20).value(value) }
    }

    fn code(value: &stratum_value) -> i32 {
        copy(value).err().map_or(0, |failure| failure.code())
    }

    fn every_kind() -> Vec<Value> {
        let text = |text: &str| text.to_string();
        let deep = (0..MAX_DEPTH).fold(Value::Null, |inner, level| match level % 2 {
            0 => Value::List(vec![inner]),
            _ => Value::Map(vec![(text("k"), inner)]),
        });
        let flat = vec![
            Value::Null,
            Value::Bool(false),
            Value::Bool(true),
            Value::Int64(i64::MIN),
            Value::Int64(i64::MAX),
            Value::Double(-0.0),
            Value::Double(f64::from_bits(0x7ff8_0000_dead_beef)),
            Value::Double(f64::NEG_INFINITY),
            Value::Decimal(text("98249283749234923498293171823948729348710298301928331")),
            Value::String(text("")),
            Value::String(text("a\0ü\u{10ffff}")),
            Value::Bytes(vec![]),
            Value::Bytes((0..=255).collect()),
            Value::Int64List(vec![]),
            Value::Int64List(vec![i64::MIN, -1, 0, i64::MAX]),
            Value::DoubleList(vec![]),
            Value::DoubleList(vec![f64::from_bits(1), -0.0, f64::MAX]),
            Value::StringList(vec![]),
            Value::StringList(vec![text(""), text("x"), text("")]),
            Value::StringMap(vec![]),
            Value::StringMap(vec![(text("z"), text("")), (text(""), text("1")), (text("a"), text("2"))]),
            Value::List(vec![]),
            Value::Map(vec![]),
            deep,
        ];
        let entries = flat.iter().take(20).enumerate().map(|(at, value)| (at.to_string(), value.clone())).collect();
        let nested = [Value::List(flat[..23].to_vec()), Value::Map(entries)];
        flat.into_iter().chain(nested).collect()
    }

    #[test]
    fn every_kind_comes_back_bit_for_bit() {
        for value in every_kind() {
            let mut arena = Arena::default();
            let view = arena.value(&value).unwrap();
            assert_eq!(copy(&view).unwrap(), value);
        }
    }

    #[test]
    fn kinds_are_those_of_the_stored_form() {
        let kinds: Vec<u32> = every_kind().iter().map(|value| Arena::default().value(value).unwrap().kind).collect();
        assert!(kinds.windows(2).take(23).all(|pair| pair[0] <= pair[1]));
        assert_eq!((kinds[0], kinds[22]), (STRATUM_KIND_NULL, STRATUM_KIND_MAP));
    }

    #[test]
    fn what_can_never_be_right_is_refused() {
        let refused = super::super::status::STRATUM_INVALID_ARGUMENT;
        let null = stratum_value_null();
        for kind in [0, 14, u32::MAX] {
            assert_eq!(code(&stratum_value { kind, ..null }), refused, "kind {kind}");
        }
        assert_eq!(code(&stratum_value { reserved: 1, ..null }), refused);
        assert_eq!(code(&stratum_value { count: 1, ..null }), refused);
        let mut boolean = stratum_value_bool(1);
        boolean.r#as.boolean = 2;
        assert_eq!(code(&boolean), refused);
        assert_eq!(code(&stratum_value_string(ptr::null(), 1)), refused);
        assert_eq!(code(&stratum_value_string(c"\xff".as_ptr(), 1)), refused);
        assert_eq!(code(&stratum_value_int64_list(ptr::without_provenance(9), 1)), refused, "misaligned");
        let deeper = (0..=MAX_DEPTH).fold(Value::Null, |inner, _| Value::List(vec![inner]));
        assert_eq!(code(&Arena::default().value(&deeper).unwrap()), refused);
    }

    #[test]
    fn absurd_counts_are_refused_before_memory_is_touched() {
        let data = ptr::without_provenance::<u64>(8);
        for count in [usize::MAX, usize::MAX / 2, 1 << 61, 1 << 40, 1 << 21] {
            let values = [
                stratum_value_string(data.cast(), count),
                stratum_value_decimal(data.cast(), count),
                stratum_value_bytes(data.cast(), count),
                stratum_value_int64_list(data.cast(), count),
                stratum_value_double_list(data.cast(), count),
                stratum_value_string_list(data.cast(), count),
                stratum_value_string_map(data.cast(), count),
                stratum_value_list(data.cast(), count),
                stratum_value_map(data.cast(), count),
            ];
            for value in &values {
                assert_ne!(code(value), 0, "kind {} count {count}", value.kind);
            }
        }
    }

    #[test]
    fn columns_are_refused_before_they_are_copied() {
        let named = |name: &str| stratum_column {
            name: stratum_text { data: name.as_ptr().cast(), length: name.len() },
            value: stratum_value_null(),
        };
        // SAFETY: the names lead where they say; what is too long is refused before it is followed.
        let copy = |columns: &[stratum_column], batch: u64| unsafe {
            Budget::new(1 << 20, batch).columns(columns.as_ptr(), columns.len()).map_err(|failure| failure.code())
        };
        let (longest, longer) = ("n".repeat(255), "n".repeat(256));
        let two = [named("z"), named(&longest)];
        let copied = copy(&two, 1 << 20).unwrap();
        assert_eq!(copied.iter().map(|(name, _)| name).collect::<Vec<_>>(), [&longest, "z"]);
        let refused = super::super::status::STRATUM_INVALID_ARGUMENT;
        assert_eq!(copy(&[named(&longer)], 1 << 20), Err(refused));
        assert_eq!(copy(&[named("")], 1 << 20), Err(refused));
        assert_eq!(copy(&[named("a"), named("b"), named("a")], 1 << 20), Err(refused), "there twice");
        let absurd = stratum_text { data: ptr::without_provenance(8), length: 1 << 30 };
        assert_eq!(copy(&[stratum_column { name: absurd, ..named("") }], 1 << 20), Err(refused));
        assert_eq!(copy(&two, 8 + 255 + 8 + 1 - 1), Err(STRATUM_TOO_LARGE), "names count");
    }

    #[test]
    fn lists_that_contain_themselves_are_refused() {
        let mut items = [stratum_value_null(); 3];
        let place = items.as_mut_ptr();
        // SAFETY: the second of three.
        unsafe { place.add(1).write(stratum_value_list(place, 3)) };
        let refused = super::super::status::STRATUM_INVALID_ARGUMENT;
        assert_eq!(code(&stratum_value_list(place, 3)), refused);
    }

    /// Forty lists of three, each thrice the next one: 3^40 values in 2 KiB of memory.
    #[test]
    fn lists_that_explode_are_refused() {
        let mut levels = [[stratum_value_null(); 3]; 40];
        for level in 1..levels.len() {
            levels[level] = [stratum_value_list(levels[level - 1].as_ptr(), 3); 3];
        }
        assert_eq!(code(&stratum_value_list(levels[39].as_ptr(), 3)), STRATUM_TOO_LARGE);
    }
}
