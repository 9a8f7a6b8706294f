//! Whether a record that must have been there is, or another that stands for it.
//!
//! 1. A record stands for another if it is the same one, damaged or not, or if it checks out and holds all of it, or
//!    comes after it as a tree.
//! 2. A checkpoint may name as many records of a document as there are. Asking for each of them takes no longer than
//!    sorting both.

use super::records::Records;
use super::survey::Found;
use crate::format::record::RecordKind;
use crate::memory::{self, NoMemory};

/// What identifies a record of a document.
type Name = (u8, u64, u64);

/// The records of a document that were found, to be asked which others they stand for.
pub enum StandIns<'a> {
    Few(&'a [Found]),
    Many(Sorted),
}

/// The same of very many.
pub struct Sorted {
    /// All of them.
    names: Vec<Name>,
    /// The newest tree that checks out.
    newest_tree: Option<u64>,
    /// Deltas that check out, ascending: the sequence number, and how far back this or a later one goes.
    deltas: Vec<(u64, u64)>,
    /// Blobs that check out, ascending.
    blobs: Vec<u64>,
}

impl<'a> StandIns<'a> {
    pub fn of(records: Option<&'a Records>) -> Result<StandIns<'a>, NoMemory> {
        match records {
            None => Ok(StandIns::Few(&[])),
            Some(Records::VeryMany(all, _)) => Sorted::of(all).map(StandIns::Many),
            Some(records) => Ok(StandIns::Few(records.as_slice())),
        }
    }

    /// Whether one of them stands for this record. Where it is not known what the record was, `is_named` is false, and
    /// none of them is it.
    pub fn stand_for(&self, expected: &Found, is_named: bool) -> bool {
        match self {
            StandIns::Few(all) => all.iter().any(|found| {
                let is_later_tree = found.kind == RecordKind::Tree && found.sequence > expected.sequence;
                (is_named && name(found) == name(expected))
                    || (found.whole && (found.covers(expected) || is_later_tree))
            }),
            StandIns::Many(sorted) => sorted.stand_for(expected, is_named),
        }
    }
}

/// Only deltas with the same newest change may differ in their oldest.
fn name(found: &Found) -> Name {
    (found.kind as u8, found.sequence, if found.kind == RecordKind::Delta { found.first_sequence } else { 0 })
}

impl Sorted {
    fn of(all: &[Found]) -> Result<Sorted, NoMemory> {
        let whole = |kind| all.iter().filter(move |found| found.whole && found.kind == kind);
        let mut names = memory::collect(all.iter().map(name))?;
        names.sort_unstable();
        let newest_tree = whole(RecordKind::Tree).map(|found| found.sequence).max();
        let mut deltas = memory::collect(whole(RecordKind::Delta).map(|found| (found.sequence, found.first_sequence)))?;
        deltas.sort_unstable();
        let mut earliest = u64::MAX;
        for (_, first) in deltas.iter_mut().rev() {
            earliest = earliest.min(*first);
            *first = earliest;
        }
        let mut blobs = memory::collect(whole(RecordKind::Blob).map(|found| found.sequence))?;
        blobs.sort_unstable();
        Ok(Sorted { names, newest_tree, deltas, blobs })
    }

    fn stand_for(&self, expected: &Found, is_named: bool) -> bool {
        if is_named && self.names.binary_search(&name(expected)).is_ok() {
            return true;
        }
        let sequence = expected.sequence;
        if self.newest_tree.is_some_and(|newest| newest > sequence) {
            return true;
        }
        match expected.kind {
            RecordKind::Tree => self.newest_tree == Some(sequence),
            RecordKind::Delta => {
                let later = self.deltas.partition_point(|(other, _)| *other < sequence);
                self.newest_tree == Some(sequence)
                    || self.deltas.get(later).is_some_and(|(_, earliest)| *earliest <= expected.first_sequence)
            }
            RecordKind::Blob => self.blobs.binary_search(&sequence).is_ok(),
            RecordKind::Frame | RecordKind::Tombstone | RecordKind::Footer => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record((kind, first, last, whole): (usize, u64, u64, bool)) -> Found {
        let kind = [RecordKind::Tree, RecordKind::Delta, RecordKind::Blob][kind];
        Found { whole, ..Found::expected(kind, if kind == RecordKind::Delta { first } else { last }, last) }
    }

    fn any_record() -> impl Strategy<Value = Found> {
        (0..3usize, 1..12u64, 1..12u64, any::<bool>()).prop_map(record)
    }

    proptest! {
        #[test]
        fn very_many_stand_for_what_each_of_them_stands_for(
            found in prop::collection::vec(any_record(), 0..8), expected in any_record(), is_named: bool,
        ) {
            let sorted = StandIns::Many(Sorted::of(&found).unwrap());
            prop_assert_eq!(
                sorted.stand_for(&expected, is_named),
                StandIns::Few(&found).stand_for(&expected, is_named)
            );
        }
    }
}
