//! What the index knows of one document, and the rule by which records change it.
//!
//! 1. The rule (`Document::add`) does not depend on the order in which records are seen: a tree supersedes
//!    every tree and run up to its sequence number, a run every run whose changes it covers. Commits, folds,
//!    compaction, recovery from a checkpoint and from nothing all go through it. Adding records costs as much as the
//!    document has, and no more where they are many: who sees many adds them together.
//! 2. Of two records with the same changes the one in the younger segment counts: the older is about to go.
//! 3. Once settled, a document has a tree, its runs ascend, and a blob record is kept only where the newest
//!    word on the blob is "external".
//! 4. A document without runs and blob record takes 32 bytes and no allocation.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::format::checkpoint::Entry;
use crate::format::extent::{Extent, Run};
use crate::format::record::BlobPlace;
use crate::memory::{self, NoMemory};

/// The index entry of a document id.
#[derive(Clone, Debug, Default)]
pub enum Slot {
    /// No such document.
    #[default]
    Vacant,
    /// A tree and nothing else.
    Tree(Extent),
    /// A tree with deltas, or with its blob apart.
    Changed(Arc<Document>),
}

/// A document with more than a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The tree; absent only while recovery has not come across it.
    pub tree: Option<Extent>,
    /// Deltas on it, oldest first.
    pub runs: Vec<Run>,
    /// The blob, where it is a record of its own.
    pub blob: Option<Extent>,
}

impl Slot {
    /// The document with these records and no others, settled.
    pub fn of(entries: &[Entry]) -> Result<Slot, NoMemory> {
        match entries {
            [Entry::Tree(tree)] => Ok(Slot::Tree(*tree)),
            _ => {
                let mut document = Slot::Vacant.opened(entries.len())?;
                document.add(entries);
                document.settle();
                Ok(document.closed())
            }
        }
    }

    /// Whether it has its tree, and a blob record if and only if its blob is one.
    pub fn is_sound(&self) -> bool {
        self.tree().is_some() && self.blob().is_some() == self.blob_is_external()
    }

    /// Whether there is no document.
    pub fn is_vacant(&self) -> bool {
        matches!(self, Slot::Vacant)
    }

    /// Whether both are the very same state of a document.
    pub fn same(&self, other: &Slot) -> bool {
        match (self, other) {
            (Slot::Vacant, Slot::Vacant) => true,
            (Slot::Tree(a), Slot::Tree(b)) => a == b,
            (Slot::Changed(a), Slot::Changed(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        }
    }

    /// The tree's extent.
    pub fn tree(&self) -> Option<&Extent> {
        match self {
            Slot::Vacant => None,
            Slot::Tree(tree) => Some(tree),
            Slot::Changed(document) => document.tree.as_ref(),
        }
    }

    /// The deltas on the tree, oldest first.
    pub fn runs(&self) -> &[Run] {
        match self {
            Slot::Changed(document) => &document.runs,
            _ => &[],
        }
    }

    /// The blob's extent, where it is a record of its own.
    pub fn blob(&self) -> Option<&Extent> {
        match self {
            Slot::Changed(document) => document.blob.as_ref(),
            _ => None,
        }
    }

    /// Every extent that this entry reaches.
    pub fn extents(&self) -> impl Iterator<Item = &Extent> {
        self.tree_and_deltas().chain(self.blob())
    }

    /// The same without a blob that is a record of its own.
    pub fn tree_and_deltas(&self) -> impl Iterator<Item = &Extent> {
        self.tree().into_iter().chain(self.runs().iter().map(|run| &run.extent))
    }

    /// Whether the newest word on the blob is that it is a record of its own.
    pub fn blob_is_external(&self) -> bool {
        match self {
            Slot::Vacant => false,
            Slot::Tree(tree) => tree.blob == BlobPlace::External,
            Slot::Changed(document) => document.blob_place() == BlobPlace::External,
        }
    }

    /// Each extent with its live bytes. What deltas replace is taken from the oldest: from the tree, where most of it
    /// lies, and, once deltas have replaced what deltas before them said, from those.
    pub fn live(&self) -> impl Iterator<Item = (&Extent, u64)> {
        let mut replaced: u64 = self.runs().iter().map(|run| run.extent.replaced()).sum();
        self.extents().map(move |extent| {
            let dead = replaced.min(extent.length());
            replaced -= dead;
            (extent, extent.length() - dead)
        })
    }

    /// Documents, inputs and outputs.
    pub fn nodes(&self) -> i64 {
        let runs: i64 = self.runs().iter().map(|run| i64::from(run.extent.nodes)).sum();
        self.tree().map_or(0, |tree| i64::from(tree.nodes)) + runs
    }

    /// This entry as a checkpoint holds it.
    pub fn to_entries(&self) -> Vec<Entry> {
        let runs = self.runs().iter().map(|run| Entry::Run(*run));
        let tree = self.tree().map(|tree| Entry::Tree(*tree));
        tree.into_iter().chain(runs).chain(self.blob().map(|blob| Entry::Blob(*blob))).collect()
    }

    /// The document with `entries` added to it.
    pub fn with(&self, entries: &[Entry]) -> Slot {
        let mut document = match self {
            Slot::Changed(document) if !entries.is_empty() => Document::clone(document),
            Slot::Tree(tree) if !entries.is_empty() => Document { tree: Some(*tree), ..Document::default() },
            Slot::Vacant => Document::default(),
            same => return same.clone(),
        };
        document.add(entries);
        document.into_slot()
    }

    /// As `with`, where the records are a file's, and so may be more than there is memory for.
    pub fn try_with(&self, entries: &[Entry]) -> Result<Slot, NoMemory> {
        let mut document = self.opened(entries.len())?;
        document.add(entries);
        Ok(document.closed())
    }

    /// A copy of the document with room for so many deltas more.
    fn opened(&self, more: usize) -> Result<Document, NoMemory> {
        let mut runs = memory::vec(self.runs().len() + more)?;
        runs.extend_from_slice(self.runs());
        Ok(Document { tree: self.tree().copied(), runs, blob: self.blob().copied() })
    }

    /// Whether recovery kept nothing too long (invariant 3).
    pub fn is_settled(&self) -> bool {
        match self {
            Slot::Changed(document) => document.blob.is_none() || document.blob_place() != BlobPlace::Inline,
            _ => true,
        }
    }

    /// The document with what recovery kept too long taken out (invariant 3).
    pub fn settled(&self) -> Slot {
        match self {
            Slot::Changed(document) => {
                let mut document = Document::clone(document);
                document.settle();
                document.into_slot()
            }
            plain => plain.clone(),
        }
    }
}

impl Document {
    /// As `into_slot`, without the room for deltas that others turned out to cover.
    fn closed(mut self) -> Slot {
        self.runs.shrink_to_fit();
        self.into_slot()
    }

    fn into_slot(self) -> Slot {
        match (self.tree, self.runs.is_empty(), self.blob) {
            (None, true, None) => Slot::Vacant,
            (Some(tree), true, None) => Slot::Tree(tree),
            _ => Slot::Changed(Arc::new(self)),
        }
    }

    fn add(&mut self, entries: &[Entry]) {
        let known = self.runs.len();
        for entry in entries {
            match entry {
                Entry::Tree(tree) => replace_older(&mut self.tree, *tree),
                Entry::Run(run) => self.runs.push(*run),
                Entry::Blob(blob) => replace_older(&mut self.blob, *blob),
            }
        }
        if self.runs.len() > known {
            self.drop_covered();
        }
        if let Some(tree) = self.tree {
            let superseded = self.runs.partition_point(|run| run.extent.sequence <= tree.sequence);
            self.runs.drain(..superseded);
        }
    }

    /// Leaves the runs that no other covers, ascending.
    fn drop_covered(&mut self) {
        // From the newest end on, a run is covered where one before it begins no later. Of two with the same changes
        // the one in the younger segment comes first.
        self.runs.sort_unstable_by_key(|run| {
            let Extent { segment, offset8, sequence, .. } = run.extent;
            (Reverse(sequence), run.first_sequence, Reverse(segment), offset8)
        });
        let mut earliest = None;
        self.runs.retain(|run| {
            let is_kept = earliest.is_none_or(|earliest| run.first_sequence < earliest);
            if is_kept {
                earliest = Some(run.first_sequence);
            }
            is_kept
        });
        self.runs.reverse();
    }

    /// The newest word on where the blob is.
    fn blob_place(&self) -> BlobPlace {
        let layers = self.tree.iter().chain(self.runs.iter().map(|run| &run.extent));
        layers
            .rev()
            .map(|layer| layer.blob)
            .find(|place| *place != BlobPlace::Unchanged)
            .unwrap_or(BlobPlace::Unchanged)
    }

    fn settle(&mut self) {
        if self.blob_place() == BlobPlace::Inline {
            self.blob = None;
        }
    }
}

/// Puts `new` in the place of an older record of its kind, or of the same one in an older segment.
fn replace_older(place: &mut Option<Extent>, new: Extent) {
    if place.is_none_or(|old| (new.sequence, new.segment) > (old.sequence, old.segment)) {
        *place = Some(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extent(segment: u32, sequence: u64, blob: BlobPlace) -> Extent {
        Extent { segment, offset8: sequence as u32, length8: 1, nodes: 1, sequence, replaced8: 0, blob }
    }

    fn run(segment: u32, first: u64, last: u64) -> Entry {
        Entry::Run(Run { extent: extent(segment, last, BlobPlace::Unchanged), first_sequence: first })
    }

    fn build(entries: &[Entry]) -> Vec<Entry> {
        let one_by_one = entries.iter().fold(Slot::Vacant, |slot, entry| slot.with(&[*entry])).settled().to_entries();
        assert_eq!(Slot::of(entries).unwrap().to_entries(), one_by_one, "all at once");
        let (some, others) = entries.split_at(entries.len() / 2);
        let in_two = Slot::Vacant.with(some).try_with(others).unwrap().settled();
        assert_eq!(in_two.to_entries(), one_by_one, "in two parts");
        one_by_one
    }

    #[test]
    fn an_entry_takes_32_bytes() {
        assert_eq!(size_of::<Slot>(), 32);
    }

    #[test]
    fn an_inline_blob_drops_the_blob_record() {
        let entries = [
            Entry::Tree(extent(1, 1, BlobPlace::External)),
            Entry::Blob(extent(1, 1, BlobPlace::Unchanged)),
            Entry::Run(Run { extent: extent(1, 2, BlobPlace::Inline), first_sequence: 2 }),
        ];
        assert_eq!(build(&entries).len(), 2);
        assert_eq!(build(&entries[..2]).len(), 2);
    }

    #[test]
    fn the_same_state_is_told_from_every_other() {
        let (tree, other) = (extent(1, 1, BlobPlace::Inline), extent(2, 1, BlobPlace::Inline));
        let states = || {
            let changed = |first| Slot::of(&[Entry::Tree(tree), run(1, first, 3)]).unwrap();
            [Slot::of(&[]).unwrap(), Slot::Tree(tree), Slot::Tree(other), changed(2), changed(3)]
        };
        for (at, one) in states().iter().enumerate() {
            for (of, another) in states().iter().enumerate() {
                assert_eq!(one.same(another), at == of, "{one:?} and {another:?}");
            }
        }
        assert!(Slot::of(&[]).unwrap().is_vacant());
    }

    /// Also where a moved delta is seen beside the one that took its place, and the older copy after the younger.
    #[test]
    fn a_delta_counts_once_and_in_the_youngest_segment() {
        let tree = Entry::Tree(extent(1, 1, BlobPlace::Inline));
        for (seen, counts) in [
            ([run(2, 5, 5), run(3, 5, 5)], run(3, 5, 5)), // copied
            ([run(2, 4, 6), run(3, 5, 5)], run(2, 4, 6)), // part of the other, and moved later
            ([run(3, 4, 6), run(2, 5, 6)], run(3, 4, 6)),
        ] {
            assert_eq!(build(&[tree, seen[0], seen[1]]), [tree, counts]);
            assert_eq!(build(&[tree, seen[1], seen[0]]), [tree, counts]);
        }
    }

    #[test]
    fn what_deltas_replaced_is_taken_from_the_oldest_first() {
        let of = |segment, length8, replaced8| Extent {
            length8,
            replaced8,
            ..extent(segment, u64::from(segment), BlobPlace::Unchanged)
        };
        let run = |extent: Extent| Entry::Run(Run { extent, first_sequence: extent.sequence });
        let live = |entries: &[Entry]| {
            Slot::of(entries).unwrap().live().map(|(at, bytes)| (at.segment, bytes)).collect::<Vec<_>>()
        };
        let tree = Entry::Tree(of(1, 10, 0));
        assert_eq!(live(&[tree, run(of(2, 6, 4))]), [(1, 48), (2, 48)]);
        // A blob that is set again and again: each replaces what the one before it said, though that was no tree.
        let again = [tree, run(of(2, 6, 4)), run(of(3, 6, 6)), run(of(4, 6, 6))];
        assert_eq!(live(&again), [(1, 0), (2, 0), (3, 48), (4, 48)]);
        assert_eq!(live(&[tree, run(of(2, 6, 400))]), [(1, 0), (2, 0)], "and nothing is less than dead");
    }

    proptest! {
        /// A history of one document with folds, moves and leftovers of both: any order of seeing its
        /// records leads to the same entry.
        #[test]
        fn the_order_of_records_does_not_matter(shuffle in Just((0..12usize).collect::<Vec<_>>()).prop_shuffle()) {
            let place = |first| if first { BlobPlace::External } else { BlobPlace::Unchanged };
            let history = [
                Entry::Tree(extent(1, 1, place(true))), Entry::Blob(extent(1, 1, place(false))),
                run(1, 2, 2), run(1, 3, 3), run(1, 4, 4), run(2, 2, 4), run(2, 5, 5), run(3, 5, 5), run(2, 6, 6),
                Entry::Tree(extent(4, 4, place(true))), Entry::Tree(extent(3, 1, place(true))), run(5, 5, 6),
            ];
            let seen: Vec<Entry> = shuffle.iter().map(|at| history[*at]).collect();
            prop_assert_eq!(build(&seen), vec![history[9], history[11], history[1]]);
        }

        /// Whatever the runs, also such that no store makes: those are left that no other covers.
        #[test]
        fn runs_that_others_cover_go(spans in prop::collection::vec((1..3u32, 1..12u64, 1..12u64), 1..20)) {
            let runs = spans.iter().enumerate().map(|(at, (segment, first, last))| Run {
                extent: Extent { offset8: at as u32, ..extent(*segment, *last, BlobPlace::Unchanged) },
                first_sequence: *first,
            });
            let runs: Vec<Run> = runs.collect();
            let counts = |run: &&Run| runs.iter().all(|other| {
                let is_same = run.covers(other) && other.covers(run);
                let place = |run: &Run| (std::cmp::Reverse(run.extent.segment), run.extent.offset8);
                !other.covers(run) || (is_same && place(run) <= place(other))
            });
            let mut left: Vec<Run> = runs.iter().filter(counts).copied().collect();
            left.sort_by_key(|run| run.extent.sequence);
            let entries: Vec<Entry> = runs.iter().map(|run| Entry::Run(*run)).collect();
            prop_assert_eq!(build(&entries), left.into_iter().map(Entry::Run).collect::<Vec<_>>());
        }
    }
}
