//! Bytes of the store that stay valid for as long as someone holds them.
//!
//! 1. Bytes of a mapped segment keep the mapping alive, also after the segment was replaced or the store closed.
//! 2. Copied bytes begin at an address divisible by 8, so that packed lists can be viewed in place.

use std::ops::{Deref, Range};
use std::sync::Arc;

use super::segment::{Pin, Segment};
use crate::memory::{self, NoMemory};
use crate::vfs::Mapping;

/// Shared, immutable bytes: a range of a mapped segment, a whole mapped file, or a copy.
#[derive(Clone)]
pub struct Bytes {
    owner: Owner,
    start: usize,
    length: usize,
}

#[derive(Clone)]
enum Owner {
    Mapped(Arc<Pin>),
    File(Arc<dyn Mapping>),
    /// A vector as it was filled: to move it behind a count would copy it once more.
    Copied(Arc<Vec<u64>>),
}

impl Bytes {
    /// A range of a mapped segment; `None` where it is not mapped that far.
    pub fn mapped(segment: &Segment, start: u64, length: u64) -> Option<Bytes> {
        let (start, length) = (usize::try_from(start).ok()?, usize::try_from(length).ok()?);
        segment.mapping()?.get(start..start.checked_add(length)?)?;
        Some(Bytes { owner: Owner::Mapped(segment.pin()), start, length })
    }

    /// All of a mapped file.
    pub fn file(mapping: Box<dyn Mapping>) -> Bytes {
        let length = mapping.len();
        Bytes { owner: Owner::File(Arc::from(mapping)), start: 0, length }
    }

    /// An aligned copy filled by `fill`.
    pub fn filled<E: From<NoMemory>>(length: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Bytes, E> {
        let mut words = memory::zeros::<u64>(length.div_ceil(8))?;
        fill(&mut bytemuck::cast_slice_mut(&mut words)[..length])?;
        Ok(Bytes { owner: Owner::Copied(Arc::new(words)), start: 0, length })
    }

    /// An aligned copy.
    pub fn copy(bytes: &[u8]) -> Result<Bytes, NoMemory> {
        Bytes::filled(bytes.len(), |into| {
            into.copy_from_slice(bytes);
            Ok(())
        })
    }

    /// A part of these bytes, without copying; `None` where it goes beyond them.
    pub fn slice(&self, range: Range<u64>) -> Option<Bytes> {
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
        if start > end || end > self.length {
            return None;
        }
        Some(Bytes { owner: self.owner.clone(), start: self.start + start, length: end - start })
    }

    /// Whether these are the store's own bytes rather than a copy.
    pub fn is_mapped(&self) -> bool {
        !matches!(self.owner, Owner::Copied(_))
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.length)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &self.owner {
            Owner::Mapped(pin) => pin.mapping(),
            Owner::File(mapping) => mapping,
            Owner::Copied(words) => bytemuck::cast_slice(words.as_slice()),
        };
        // Bounds were checked when these bytes were made, and neither kind of owner shrinks.
        &all[self.start..self.start + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_aligned_and_slices_stay_within() {
        let bytes = Bytes::copy(b"0123456789").unwrap();
        assert_eq!(bytes.as_ptr() as usize % 8, 0);
        assert_eq!(&bytes[..], b"0123456789");
        let part = bytes.slice(2..6).unwrap();
        assert_eq!(&part[..], b"2345");
        assert_eq!(&part.slice(1..2).unwrap()[..], b"3");
        assert!(part.slice(3..5).is_none());
        assert!(bytes.slice(4..11).is_none());
        let backwards = std::ops::Range { start: 4, end: 2 };
        assert!(bytes.slice(backwards).is_none());
        assert!(bytes.slice(4..4).unwrap().is_empty() && bytes.slice(10..10).unwrap().is_empty());
        assert_eq!(format!("{bytes:?}"), "10 bytes", "not what is in them");
        assert!(Bytes::copy(b"").unwrap().is_empty());
    }
}
