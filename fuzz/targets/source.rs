//! Decisions out of the fuzzer's bytes.
//!
//! 1. Past the end every byte is zero: any input is a whole list of decisions, and short ones are small.

#![allow(dead_code)] // each target needs some of it

/// What is left of the bytes.
pub struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    /// Reads from these bytes.
    pub fn new(bytes: &'a [u8]) -> Source<'a> {
        Source(bytes)
    }

    /// Whether all bytes were read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Up to `length` bytes.
    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn word<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        let mut word = [0; LENGTH];
        let taken = self.take(LENGTH);
        word[..taken.len()].copy_from_slice(taken);
        word
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        self.word::<1>()[0]
    }

    /// A number of 16 bits.
    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.word())
    }
}
