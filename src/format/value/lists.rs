//! Views of the list and map kinds: they read the encoded bytes in place.
//!
//! 1. Only `view::split_value` makes them, and a caller only gets one out of a value that was checked as a whole;
//!    so what an accessor finds malformed is out of its range, never damage.

use std::collections::HashSet;

use super::view::{ValueRef, split_value};
use crate::format::{Decoded, Malformed, read_u32, split, split_padded};
use crate::memory::{self, NoMemory};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $item:ty, $decode:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a> {
            bytes: &'a [u8],
        }

        impl<'a> $name<'a> {
            pub(super) fn split(bytes: &'a [u8], count: u32) -> Decoded<(Self, &'a [u8])> {
                let (bytes, rest) = split(bytes, u64::from(count) * 8)?;
                Ok(($name { bytes }, rest))
            }

            /// How many numbers there are.
            pub fn len(&self) -> usize {
                self.bytes.len() / 8
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.bytes.is_empty()
            }

            /// The number at `index`, `None` beyond the end.
            pub fn get(&self, index: usize) -> Option<$item> {
                self.iter().nth(index)
            }

            /// The numbers in order.
            pub fn iter(&self) -> impl ExactSizeIterator<Item = $item> + Clone + use<'a> {
                self.bytes.as_chunks().0.iter().map(|word: &[u8; 8]| $decode(*word))
            }

            /// The numbers where they lie: on a little-endian machine, where the bytes are 8-aligned.
            pub fn as_slice(&self) -> Option<&'a [$item]> {
                if cfg!(target_endian = "little") { bytemuck::try_cast_slice(self.bytes).ok() } else { None }
            }

            /// The numbers, copied; an error where there is no memory for them.
            pub fn to_vec(&self) -> Result<Vec<$item>, NoMemory> {
                self.as_slice().map_or_else(|| memory::collect(self.iter()), memory::copy)
            }
        }
    };
}

words!(
    /// A packed list of integers.
    Int64s, i64, i64::from_le_bytes
);
words!(
    /// A packed list of IEEE 754 numbers, to the bit.
    Doubles, f64, |word| f64::from_bits(u64::from_le_bytes(word))
);

/// A packed list of texts.
#[derive(Clone, Copy, Debug)]
pub struct Strings<'a> {
    /// A `u32` for each text: where it ends in `text`.
    ends: &'a [u8],
    text: &'a str,
}

impl<'a> Strings<'a> {
    pub(super) fn split(bytes: &'a [u8], count: u64) -> Decoded<(Strings<'a>, &'a [u8])> {
        let (ends, rest) = split_padded(bytes, count * 4)?;
        let length = match ends.len() {
            0 => 0,
            len => read_u32(ends, len - 4)?,
        };
        let (text, rest) = split_padded(rest, u64::from(length))?;
        let text = utf8(text)?;
        let mut start = 0;
        for end in ends_of(ends) {
            if end < start || !text.is_char_boundary(end) {
                return Err(Malformed("the ends of packed texts are out of order or inside a character"));
            }
            start = end;
        }
        Ok((Strings { ends, text }, rest))
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.ends.len() / 4
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text at `index`, `None` beyond the end.
    pub fn get(&self, index: usize) -> Option<&'a str> {
        let end = |index: usize| ends_of(self.ends).nth(index);
        let start = if index == 0 { 0 } else { end(index - 1)? };
        self.text.get(start..end(index)?)
    }

    /// The texts in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a str> + Clone + use<'a> {
        let text = self.text;
        let mut start = 0;
        ends_of(self.ends).map(move |end| {
            let range = start..end;
            start = end;
            text.get(range).unwrap_or_default() // the ends were checked: it is there
        })
    }
}

fn ends_of(ends: &[u8]) -> impl ExactSizeIterator<Item = usize> + Clone + use<'_> {
    ends.as_chunks().0.iter().map(|end| u32::from_le_bytes(*end) as usize)
}

/// A packed map of text to text, in the order given; keys are unique.
#[derive(Clone, Copy, Debug)]
pub struct StringPairs<'a> {
    texts: Strings<'a>,
}

impl<'a> StringPairs<'a> {
    pub(super) fn split(bytes: &'a [u8], count: u32) -> Decoded<(StringPairs<'a>, &'a [u8])> {
        let (texts, rest) = Strings::split(bytes, u64::from(count) * 2)?;
        Ok((StringPairs { texts }, rest))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.texts.len() / 2
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Key and value of the pair at `index`, `None` beyond the end.
    pub fn get(&self, index: usize) -> Option<(&'a str, &'a str)> {
        let key = index.checked_mul(2)?;
        Some((self.texts.get(key)?, self.texts.get(key + 1)?))
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        let mut texts = self.texts.iter();
        std::iter::from_fn(move || Some((texts.next()?, texts.next()?)))
    }

    pub(super) fn check(&self) -> Decoded<()> {
        check_unique(self.iter().map(|(key, _)| key), self.len())
    }
}

/// A list of values of any kind.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    count: usize,
    body: &'a [u8],
}

impl<'a> Values<'a> {
    /// Whether `body` holds `count` values is `check`'s to find out.
    pub(super) fn new(count: u32, body: &'a [u8]) -> Values<'a> {
        Values { count: count as usize, body }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The values in order. Each step costs the time to step over one value.
    pub fn iter(&self) -> impl Iterator<Item = ValueRef<'a>> + Clone + use<'a> {
        let mut body = self.body;
        std::iter::from_fn(move || next_value(&mut body))
    }

    pub(super) fn check(&self, depth: usize) -> Decoded<()> {
        let mut body = self.body;
        for _ in 0..self.count {
            let (value, rest) = split_value(body)?;
            value.check(depth)?;
            body = rest;
        }
        check_used_up(body)
    }
}

/// A map of text to values of any kind, in the order given; keys are unique.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a> {
    count: usize,
    body: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Whether `body` holds `count` keys and values is `check`'s to find out.
    pub(super) fn new(count: u32, body: &'a [u8]) -> Entries<'a> {
        Entries { count: count as usize, body }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Key and value of each entry, in order. Each step costs the time to step over one entry.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + Clone + use<'a> {
        let mut body = self.body;
        std::iter::from_fn(move || match next_value(&mut body)? {
            ValueRef::String(key) => Some((key, next_value(&mut body)?)),
            _ => None, // was checked: a key is a text
        })
    }

    pub(super) fn check(&self, depth: usize) -> Decoded<()> {
        let mut body = self.body;
        for _ in 0..self.count {
            let (key, rest) = split_value(body)?;
            if !matches!(key, ValueRef::String(_)) {
                return Err(Malformed("a map key is not a text"));
            }
            let (value, rest) = split_value(rest)?;
            value.check(depth)?;
            body = rest;
        }
        check_used_up(body)?;
        check_unique(self.iter().map(|(key, _)| key), self.count)
    }
}

/// The next value of a body that was checked: it is there as long as bytes are.
fn next_value<'a>(body: &mut &'a [u8]) -> Option<ValueRef<'a>> {
    let (value, rest) = split_value(body).ok()?;
    *body = rest;
    Some(value)
}

fn check_used_up(body: &[u8]) -> Decoded<()> {
    if body.is_empty() { Ok(()) } else { Err(Malformed("a list or map has bytes after its last value")) }
}

pub(super) fn utf8(bytes: &[u8]) -> Decoded<&str> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("a text is not UTF-8"))
}

fn check_unique<'a>(keys: impl Iterator<Item = &'a str>, count: usize) -> Decoded<()> {
    /// Up to here, comparing each with each is cheaper than a hash table.
    const FEW: usize = 8;
    const TWICE: Malformed = Malformed("a map key is there twice");
    if count <= FEW {
        let mut seen = [""; FEW];
        for (at, key) in keys.take(FEW).enumerate() {
            if seen[..at].contains(&key) {
                return Err(TWICE);
            }
            seen[at] = key;
        }
        return Ok(());
    }
    let mut seen = HashSet::new();
    seen.try_reserve(count).map_err(|_| NoMemory)?;
    for key in keys {
        if !seen.insert(key) {
            return Err(TWICE);
        }
    }
    Ok(())
}
