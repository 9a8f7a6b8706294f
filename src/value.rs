//! Typed values: what an input, an output or a column holds.
//!
//! 1. A value comes back bit for bit as it went in: NaN payloads, -0.0, empty lists of each kind.
//! 2. Kinds are part of the value: `Int64(1)` and `Double(1.0)` differ, and so do an empty
//!    `Int64List` and an empty `List`.
//! 3. `check` is the one place that says which values may be stored; encoders rely on it.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::memory::NoMemory;

/// How deep lists and maps may nest: a scalar or a packed list is depth 0, a list of them depth 1.
pub const MAX_DEPTH: usize = 64;

/// A typed value.
///
/// ```
/// use stratum::Value;
/// let points = Value::Int64List(vec![10, 20]);
/// assert_ne!(Value::Int64(1), Value::Double(1.0));
/// assert_ne!(Value::Double(0.0), Value::Double(-0.0));
/// let nested = Value::Map(vec![("points".into(), points), ("note".into(), Value::Null)]);
/// nested.check()?;
/// let twice = Value::Map(vec![("key".into(), Value::Null), ("key".into(), Value::Null)]);
/// assert!(twice.check().is_err());
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing; not the same as a missing value.
    Null,
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer.
    Int64(i64),
    /// A 64-bit IEEE 754 number, kept to the bit.
    Double(f64),
    /// A number as text, in JSON's number grammar, for what fits neither `Int64` nor `Double`.
    Decimal(String),
    /// Text.
    String(String),
    /// Any bytes.
    Bytes(Vec<u8>),
    /// A packed list of integers.
    Int64List(Vec<i64>),
    /// A packed list of IEEE 754 numbers, kept to the bit.
    DoubleList(Vec<f64>),
    /// A packed list of texts.
    StringList(Vec<String>),
    /// A packed map of text to text: keys unique, in the order given.
    StringMap(Vec<(String, String)>),
    /// A list of values of any kind.
    List(Vec<Value>),
    /// A map of text to values of any kind: keys unique, in the order given.
    Map(Vec<(String, Value)>),
}

impl PartialEq for Value {
    /// Bit equality: NaNs with the same bits are equal, 0.0 and -0.0 are not.
    fn eq(&self, other: &Value) -> bool {
        use Value::*;
        match (self, other) {
            (Null, Null) => true,
            (Bool(a), Bool(b)) => a == b,
            (Int64(a), Int64(b)) => a == b,
            (Double(a), Double(b)) => a.to_bits() == b.to_bits(),
            (Decimal(a), Decimal(b)) | (String(a), String(b)) => a == b,
            (Bytes(a), Bytes(b)) => a == b,
            (Int64List(a), Int64List(b)) => a == b,
            (DoubleList(a), DoubleList(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
            }
            (StringList(a), StringList(b)) => a == b,
            (StringMap(a), StringMap(b)) => a == b,
            (List(a), List(b)) => a == b,
            (Map(a), Map(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Value {
    /// Whether this value may be stored: nesting, map keys and decimal text are as they must be.
    pub fn check(&self) -> Result<()> {
        self.check_at(0)
    }

    fn check_at(&self, depth: usize) -> Result<()> {
        match self {
            Value::Decimal(text) => check_decimal(text),
            Value::StringMap(pairs) => check_keys(pairs.iter().map(|(key, _)| key.as_str())),
            Value::List(items) => {
                check_depth(depth)?;
                items.iter().try_for_each(|item| item.check_at(depth + 1))
            }
            Value::Map(entries) => {
                check_depth(depth)?;
                check_keys(entries.iter().map(|(key, _)| key.as_str()))?;
                entries.iter().try_for_each(|(_, value)| value.check_at(depth + 1))
            }
            _ => Ok(()),
        }
    }
}

fn check_depth(depth: usize) -> Result<()> {
    if depth >= MAX_DEPTH {
        return Err(Error::InvalidArgument(format!("a value may nest at most {MAX_DEPTH} lists and maps")));
    }
    Ok(())
}

fn check_keys<'a>(keys: impl ExactSizeIterator<Item = &'a str> + Clone) -> Result<()> {
    match repeated_key(keys)? {
        Some(key) => Err(Error::InvalidArgument(format!("map key {key:?} is there twice; keys are unique"))),
        None => Ok(()),
    }
}

/// A key that is there twice.
fn repeated_key<'a>(
    keys: impl ExactSizeIterator<Item = &'a str> + Clone,
) -> std::result::Result<Option<&'a str>, NoMemory> {
    /// Up to here, comparing each with each is cheaper than a hash table.
    const FEW: usize = 8;
    if keys.len() <= FEW {
        let is_repeated = |(at, key): &(usize, &str)| keys.clone().take(*at).any(|other| other == *key);
        return Ok(keys.clone().enumerate().find(is_repeated).map(|(_, key)| key));
    }
    let mut seen = HashSet::new();
    seen.try_reserve(keys.len()).map_err(|_| NoMemory)?;
    Ok(keys.into_iter().find(|key| !seen.insert(*key)))
}

fn check_decimal(text: &str) -> Result<()> {
    if is_decimal(text) {
        return Ok(());
    }
    let shown: String = text.chars().take(40).collect();
    Err(Error::InvalidArgument(format!("{shown:?} is not a decimal number (JSON's number grammar)")))
}

/// Whether `text` is a number in JSON's grammar: `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
pub(crate) fn is_decimal(text: &str) -> bool {
    fn digits(text: &[u8]) -> usize {
        text.iter().take_while(|byte| byte.is_ascii_digit()).count()
    }
    let mut rest = text.as_bytes();
    rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let count = digits(exponent);
        if count == 0 {
            return false;
        }
        rest = &exponent[count..];
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_bits_and_signed_zero_are_told_apart() {
        let nan = f64::from_bits(0x7ff8_0000_0000_0001);
        assert_eq!(Value::Double(nan), Value::Double(nan));
        assert_ne!(Value::Double(nan), Value::Double(f64::NAN));
        assert_ne!(Value::Double(0.0), Value::Double(-0.0));
        assert_ne!(Value::Int64(1), Value::Double(1.0));
        assert_ne!(Value::Int64List(vec![]), Value::List(vec![]));
    }

    #[test]
    fn decimals_follow_the_number_grammar_of_json() {
        for good in
            ["0", "-0", "10", "1.50", "1e400", "-3.25E-7", "98249283749234923498293171823948729348710298301928331"]
        {
            assert!(Value::Decimal(good.into()).check().is_ok(), "{good}");
        }
        for bad in ["", "-", "+1", "01", "1.", ".5", "1e", "1e+", "NaN", "1 ", " 1", "1.5.", "0x1"] {
            assert!(Value::Decimal(bad.into()).check().is_err(), "{bad}");
        }
    }

    #[test]
    fn nesting_stops_at_its_limit_and_keys_are_unique() {
        let nested = |levels| (0..levels).fold(Value::Null, |value, _| Value::List(vec![value]));
        assert!(nested(MAX_DEPTH).check().is_ok());
        assert!(nested(MAX_DEPTH + 1).check().is_err());
        let twice = vec![("k".to_string(), Value::Null), ("k".to_string(), Value::Null)];
        assert!(Value::Map(twice).check().is_err());
        assert!(Value::StringMap(vec![("k".into(), "1".into()), ("k".into(), "1".into())]).check().is_err());
    }
}
