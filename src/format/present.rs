//! Which of 256 neighbouring documents there are: what the table of a checkpoint's pages says of each.
//!
//! 1. The bit of place p is bit p % 64 of word p / 64.

/// Which of a page's documents there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present([u64; 4]);

impl Present {
    /// Those whose bits are set in these words.
    pub fn of(words: [u64; 4]) -> Present {
        Present(words)
    }

    /// The words whose bits say which there are.
    pub fn words(&self) -> &[u64; 4] {
        &self.0
    }

    /// Adds a document.
    pub fn add(&mut self, place: u8) {
        self.0[usize::from(place) / 64] |= 1 << (place % 64);
    }

    /// The lowest place from `from` on that has a document.
    pub fn next(&self, from: u8) -> Option<u8> {
        let first = usize::from(from) / 64;
        let mut word = self.0[first] & (u64::MAX << (from % 64));
        for at in first..4 {
            if word != 0 {
                return Some((at * 64) as u8 + word.trailing_zeros() as u8);
            }
            word = self.0.get(at + 1).copied().unwrap_or(0);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_found_from_any_place_on() {
        let places = [0, 1, 63, 64, 130, 255];
        let mut present = Present::default();
        places.into_iter().for_each(|place| present.add(place));
        for from in 0..=255 {
            assert_eq!(present.next(from), places.into_iter().find(|place| *place >= from));
        }
        assert_eq!(Present::default().next(0), None);
    }
}
