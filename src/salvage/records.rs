//! The records of one document that may still count.
//!
//! 1. A record goes where another that checks out covers it: at once while they are few, now and then once they are
//!    many, since finding that out takes as long as they are many, and at the end (`finish`).

use std::cmp::Reverse;

use super::survey::Found;
use crate::format::record::RecordKind;
use crate::memory::{self, NoMemory};

/// So many are few.
const FEW: usize = 32;

/// The records of one document: mostly one.
#[derive(Clone, Debug)]
pub enum Records {
    One(Found),
    Many(Vec<Found>),
    /// And how many may come before those are looked for that others cover.
    VeryMany(Vec<Found>, usize),
}

impl Records {
    pub fn as_slice(&self) -> &[Found] {
        match self {
            Records::One(found) => std::slice::from_ref(found),
            Records::Many(all) | Records::VeryMany(all, _) => all,
        }
    }

    pub fn add(&mut self, found: Found) -> Result<(), NoMemory> {
        if let Records::VeryMany(all, most) = self {
            memory::push(all, found)?;
            if all.len() >= *most {
                drop_covered(all);
                *most = 2 * all.len().max(FEW);
            }
            return Ok(());
        }
        if self.as_slice().iter().any(|other| other.whole && other.covers(&found)) {
            return Ok(());
        }
        let mut all = match self {
            Records::One(one) => vec![*one],
            Records::Many(all) | Records::VeryMany(all, _) => std::mem::take(all),
        };
        all.retain(|other| !(found.whole && found.covers(other)));
        all.push(found);
        *self = match all[..] {
            [one] => Records::One(one),
            _ if all.len() < FEW => Records::Many(all),
            _ => Records::VeryMany(all, 2 * FEW),
        };
        Ok(())
    }

    /// There are no more: none is left that another covers.
    pub fn finish(&mut self) {
        if let Records::VeryMany(all, _) = self {
            drop_covered(all);
        }
    }
}

/// Takes out the records that another covers which checks out.
fn drop_covered(all: &mut Vec<Found>) {
    // From the newest on, those that check out before others, trees before deltas, and deltas that reach further back
    // before others: what covers a record comes before it. Of two that are the same the first stays.
    all.sort_unstable_by_key(|found| {
        let is_tree = found.kind == RecordKind::Tree;
        (Reverse(found.sequence), !found.whole, !is_tree, found.first_sequence, found.file, found.offset8)
    });
    let (mut after_tree, mut earliest, mut blob) = (false, u64::MAX, None);
    all.retain(|found| {
        let is_covered = match found.kind {
            RecordKind::Tree => after_tree,
            RecordKind::Delta => after_tree || earliest <= found.first_sequence,
            RecordKind::Blob => blob == Some(found.sequence),
            RecordKind::Frame | RecordKind::Tombstone | RecordKind::Footer => false,
        };
        match found.kind {
            _ if !found.whole => {}
            RecordKind::Tree => after_tree = true,
            RecordKind::Delta => earliest = earliest.min(found.first_sequence),
            RecordKind::Blob => blob = Some(found.sequence),
            RecordKind::Frame | RecordKind::Tombstone | RecordKind::Footer => {}
        }
        !is_covered
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    fn found(at: u32, kind: RecordKind, first_sequence: u64, sequence: u64, whole: bool) -> Found {
        Found { offset8: at, whole, ..Found::expected(kind, first_sequence, sequence) }
    }

    /// Rebuilding it for each of them took minutes.
    #[test]
    fn many_records_are_soon_added() {
        let begun = Instant::now();
        let delta = |at: u32| found(at, RecordKind::Delta, at.into(), at.into(), true);
        let mut records = Records::One(delta(1));
        (2..200_000).for_each(|at| records.add(delta(at)).unwrap());
        assert_eq!(records.as_slice().len(), 199_999);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }

    /// Most documents have no more, and there may be very many of them.
    #[test]
    fn one_record_takes_no_list() {
        let mut records = Records::One(found(1, RecordKind::Delta, 1, 1, true));
        records.add(found(2, RecordKind::Delta, 2, 2, true)).unwrap();
        assert!(matches!(&records, Records::Many(all) if all.len() == 2));
        records.add(found(3, RecordKind::Tree, 3, 3, true)).unwrap();
        assert!(matches!(records, Records::One(one) if one.kind == RecordKind::Tree));
    }

    #[test]
    fn what_is_covered_goes_at_once_until_there_are_many() {
        let delta = |at: usize| found(at as u32, RecordKind::Delta, at as u64, at as u64, true);
        let with = |count: usize| {
            let mut records = Records::One(delta(1));
            (2..=count).for_each(|at| records.add(delta(at)).unwrap());
            assert_eq!(records.as_slice().len(), count);
            records
        };
        let all = found(1000, RecordKind::Delta, 1, 1000, true);
        let mut few = with(FEW - 1);
        few.add(all).unwrap();
        assert_eq!(few.as_slice().len(), 1);
        let mut many = with(FEW);
        many.add(all).unwrap();
        assert_eq!(many.as_slice().len(), FEW + 1);
        for at in FEW + 2..2 * FEW {
            many.add(delta(at)).unwrap();
            assert_eq!(many.as_slice().len(), at, "they are looked for when there are twice as many");
        }
        many.add(delta(999)).unwrap();
        assert_eq!(many.as_slice().len(), 1);
    }

    proptest! {
        #[test]
        fn what_is_found_at_once_is_what_each_on_its_own_leads_to(
            seen in prop::collection::vec((0..3, 1..90u64, 1..90u64, any::<bool>()), 1..5 * FEW),
        ) {
            let kinds = [RecordKind::Tree, RecordKind::Delta, RecordKind::Blob];
            let numbered = seen.iter().enumerate();
            let mut all: Vec<Found> = numbered
                .map(|(at, (kind, first, last, whole))| {
                    let (kind, first) = (kinds[*kind as usize], if *kind == 1 { *first } else { *last });
                    found(at as u32, kind, first, *last, *whole)
                })
                .collect();
            let mut records = Records::One(all[0]);
            all[1..].iter().for_each(|found| records.add(*found).unwrap());
            records.finish();
            let mut one_by_one = records.as_slice().to_vec();
            drop_covered(&mut all);
            all.sort_by_key(|found| found.offset8);
            one_by_one.sort_by_key(|found| found.offset8);
            prop_assert_eq!(all, one_by_one);
        }
    }
}
