//! The index from the log, with or without a checkpoint.
//!
//! 1. Segments are seen in any order; `index::slot` has the rule that makes it not matter. A tombstone hides every
//!    record of its document, since ids are never used again.
//! 2. With a checkpoint of sequence number C, only segments it does not cover are read. A record of C or before in
//!    them was moved there by compaction: it may replace what the checkpoint has, but never bring back a document.
//! 3. Records of a document that has many deltas already are gathered and added together: a file made to take long
//!    takes time in proportion to its length.
//! 4. A checkpoint that leaves anything pointing at a segment that is gone, or a delta without its tree, is dropped,
//!    and the log read whole.

use std::collections::HashSet;
use std::sync::Arc;

use super::Report;
use crate::checkpoint::Loaded;
use crate::error::{Error, Result};
use crate::format::checkpoint::Entry;
use crate::format::extent::{Extent, Run};
use crate::format::record::{RecordHeader, RecordKind};
use crate::format::segment::HEADER_LEN;
use crate::index::{Index, Ledger, Slot};
use crate::log::{Segment, scan};
use crate::memory;

/// What a document with so many deltas gets is gathered: each change costs as much as it has.
const MANY_DELTAS: usize = 64;
/// So many records are gathered at least.
const LEAST_GATHERED: usize = 512;

/// What a rebuild came to.
#[derive(Default)]
pub struct Rebuilt {
    /// The index.
    pub index: Index,
    /// Live bytes per segment.
    pub ledger: Ledger,
    /// Sequence number of the newest commit.
    pub sequence: u64,
    /// The lowest document id that no frame saw handed out.
    pub next_document: u64,
    /// What was done.
    pub report: Report,
    deleted: HashSet<u64>,
    /// Records that are not in the index yet, with their documents.
    gathered: Vec<(u64, Entry)>,
    /// How many may be: as many deltas as those documents had which got some the last time.
    most_gathered: usize,
    /// Sequence number up to which the checkpoint knows better.
    covered: u64,
}

/// Builds the index of the given segments, of each of which so many bytes count.
pub fn rebuild(segments: &[(Arc<Segment>, u64)], checkpoint: Option<Loaded>) -> Result<Rebuilt> {
    if let Some(checkpoint) = checkpoint {
        match from_checkpoint(checkpoint, segments) {
            // What the log has to say of it is said below.
            Ok(None) | Err(Error::Corruption(_)) => {}
            Ok(Some(rebuilt)) => return Ok(rebuilt),
            Err(error) => return Err(error),
        }
    }
    let mut rebuilt = Rebuilt::default();
    for (segment, length) in segments {
        rebuilt.replay(segment, HEADER_LEN, *length)?;
    }
    rebuilt.finish()?;
    rebuilt.check_trees(segments)?;
    Ok(rebuilt)
}

/// Pairs that begin with a segment's id, to be looked up by it.
fn by_id(pairs: impl Iterator<Item = (u32, u64)>) -> Result<Vec<(u32, u64)>> {
    let mut pairs = memory::collect(pairs)?;
    pairs.sort_unstable();
    Ok(pairs)
}

fn of_id(pairs: &[(u32, u64)], id: u32) -> Option<u64> {
    let at = pairs.partition_point(|(other, _)| *other < id);
    pairs.get(at).filter(|(other, _)| *other == id).map(|(_, of_it)| *of_it)
}

fn from_checkpoint(checkpoint: Loaded, segments: &[(Arc<Segment>, u64)]) -> Result<Option<Rebuilt>> {
    let head = checkpoint.head;
    let present = by_id(segments.iter().map(|(segment, length)| (segment.id(), *length)))?;
    // Whether everything that the checkpoint covers of a segment still counts.
    let fits = |(id, covered): &(u32, u64)| of_id(&present, *id).is_none_or(|length| length >= *covered);
    if !head.segments.iter().all(fits) {
        return Ok(None);
    }
    let all_covered = by_id(head.segments.iter().copied())?;
    let is_all_there = checkpoint.ledger.segments().all(|id| of_id(&present, id).is_some());
    let mut rebuilt = Rebuilt {
        index: checkpoint.index,
        ledger: checkpoint.ledger,
        sequence: head.sequence,
        next_document: head.next_document,
        report: Report { checkpoint_sequence: head.sequence, ..Report::default() },
        covered: head.sequence,
        ..Rebuilt::default()
    };
    for (segment, length) in segments {
        match of_id(&all_covered, segment.id()) {
            Some(_) if segment.id() != head.position.0 => {}
            Some(covered) => rebuilt.replay(segment, covered, *length)?,
            None => rebuilt.replay(segment, HEADER_LEN, *length)?,
        }
    }
    rebuilt.finish()?;
    Ok(rebuilt.is_whole(&present, is_all_there)?.then_some(rebuilt))
}

impl Rebuilt {
    fn replay(&mut self, segment: &Arc<Segment>, from: u64, end: u64) -> Result<()> {
        self.report.replayed_bytes += end.saturating_sub(from);
        let next_document = scan::records(segment, from, end, |offset, header| {
            self.deleted.try_reserve(1).map_err(|_| Error::NoMemory)?;
            self.see(header, Extent::of(header, segment.id(), offset))
        })?;
        self.next_document = self.next_document.max(next_document);
        Ok(())
    }

    fn see(&mut self, header: &RecordHeader, extent: Extent) -> Result<()> {
        self.sequence = self.sequence.max(header.sequence);
        let document = header.document;
        self.next_document = self.next_document.max(document.saturating_add(1));
        let entry = match header.kind {
            RecordKind::Tree => Entry::Tree(extent),
            RecordKind::Delta => Entry::Run(Run { extent, first_sequence: header.first_sequence }),
            RecordKind::Blob => Entry::Blob(extent),
            RecordKind::Tombstone => {
                self.deleted.insert(document);
                return Ok(self.index.remove(document, &mut self.ledger)?);
            }
            RecordKind::Frame | RecordKind::Footer => return Ok(()),
        };
        let slot = self.index.get(document)?;
        let moved_only = header.sequence <= self.covered && slot.is_vacant();
        if moved_only || self.deleted.contains(&document) {
            return Ok(());
        }
        if slot.runs().len() < MANY_DELTAS {
            return Ok(self.index.absorb(document, &[entry], &mut self.ledger)?);
        }
        memory::push(&mut self.gathered, (document, entry))?;
        if self.gathered.len() < self.most_gathered.max(LEAST_GATHERED) { Ok(()) } else { self.add_gathered() }
    }

    fn add_gathered(&mut self) -> Result<()> {
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.sort_unstable_by_key(|(document, _)| *document);
        self.most_gathered = 0;
        for of_one in gathered.chunk_by(|(one, _), (other, _)| one == other) {
            let Some((document, _)) = of_one.first().filter(|(id, _)| !self.deleted.contains(id)) else { continue };
            let entries = memory::collect(of_one.iter().map(|(_, entry)| *entry))?;
            self.index.absorb(*document, &entries, &mut self.ledger)?;
            self.most_gathered += self.index.get(*document)?.runs().len();
        }
        gathered.clear();
        self.gathered = gathered;
        Ok(())
    }

    /// Points the index at a record's copy, once it is finished anew.
    pub fn relocate(&mut self, header: &RecordHeader, extent: Extent) -> Result<()> {
        self.see(header, extent)
    }

    /// Puts into the index what was seen.
    pub fn finish(&mut self) -> Result<()> {
        self.add_gathered()?;
        Ok(self.index.settle(&mut self.ledger)?)
    }

    /// Whether every document has its tree and nothing points at a segment that is gone. What the log did not change is
    /// as it is in the checkpoint, where every document makes sense; and if all that points at is there, all is well.
    fn is_whole(&self, present: &[(u32, u64)], is_all_there: bool) -> Result<bool> {
        let is_present = |segment| of_id(present, segment).is_some();
        let mut whole = true;
        let mut check = |_, slot: &Slot| whole &= slot.is_sound() && slot.extents().all(|at| is_present(at.segment));
        if is_all_there {
            self.index.for_each_built(check);
        } else {
            self.index.for_each(&mut check)?;
        }
        Ok(whole)
    }

    fn check_trees(&self, segments: &[(Arc<Segment>, u64)]) -> Result<()> {
        let mut unsound = None;
        self.index.for_each(|document, slot| {
            if unsound.is_none() && !slot.is_sound() {
                unsound = slot.extents().next().map(|extent| (document, *extent));
            }
        })?;
        let Some((document, extent)) = unsound else { return Ok(()) };
        let segment = segments.iter().find(|(segment, _)| segment.id() == extent.segment);
        segment.map_or(Ok(()), |(segment, _)| {
            let what = "the tree or blob that this record belongs to is missing";
            Err(segment.damage(extent.offset(), Some(document), what))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::format::checkpoint::CheckpointHead;
    use crate::format::record::HEADER_LEN;
    use crate::format::segment::{SegmentHeader, SegmentKind};
    use crate::log::Dir;
    use crate::log::build::SegmentBuilder;
    use crate::options::ReadMode;
    use crate::vfs::sim::SimDisk;

    use RecordKind::{Delta, Tree};

    /// A segment as compaction makes it, with records without contents: of each the kind, the document, and the commit
    /// whose number it has.
    fn compacted(dir: &Dir, id: u32, records: &[(RecordKind, u64, u64)]) -> (Arc<Segment>, u64) {
        let header = SegmentHeader { id, ..SegmentHeader::sample(SegmentKind::Compacted, 0) };
        let mut builder = SegmentBuilder::create(dir, header, None).unwrap();
        for (kind, document, sequence) in records {
            let header = RecordHeader::new(*kind, *document, &[]).unwrap();
            let header = RecordHeader { sequence: *sequence, first_sequence: *sequence, nodes: 1, ..header };
            builder.append(&header, &[]).unwrap();
        }
        let (segment, meta) = builder.finish(ReadMode::Pread).unwrap();
        (segment, meta.length)
    }

    /// A checkpoint of all that these segments hold.
    fn checkpoint(segments: &[(Arc<Segment>, u64)]) -> Loaded {
        let rebuilt = rebuild(segments, None).unwrap();
        let head = CheckpointHead {
            store: [1; 16],
            sequence: 20,
            position: (0, 0),
            next_document: 4,
            edit: 1,
            segments: segments.iter().map(|(segment, length)| (segment.id(), *length)).collect(),
        };
        Loaded { head, index: rebuilt.index, ledger: rebuilt.ledger }
    }

    fn on_a_disk() -> Dir {
        Dir::new(Arc::new(SimDisk::new(1)), Path::new("/"))
    }

    /// A compaction copies what is deleted while it is at work; a checkpoint that knows of the delete, and not of the
    /// copy, must not be taken for one that has not heard of the document yet.
    #[test]
    fn a_copy_moves_what_the_checkpoint_has_and_brings_back_nothing() {
        let dir = on_a_disk();
        let covered = compacted(&dir, 1, &[(Tree, 1, 10)]);
        // Deleted were the second and the third, the latter right after the checkpoint's last commit had changed it.
        let copies = compacted(&dir, 2, &[(Tree, 1, 10), (Tree, 2, 11), (Tree, 3, 20), (Tree, 4, 21)]);
        let checkpoint = checkpoint(std::slice::from_ref(&covered));
        let rebuilt = rebuild(&[covered, copies], Some(checkpoint)).unwrap();
        assert_eq!(rebuilt.report.checkpoint_sequence, 20, "the checkpoint was used");
        let place = |document| rebuilt.index.get(document).unwrap().tree().map(|tree| (tree.segment, tree.sequence));
        assert_eq!([1, 2, 3, 4].map(place), [Some((2, 10)), None, None, Some((2, 21))]);
        assert_eq!((rebuilt.index.documents(), rebuilt.sequence, rebuilt.next_document), (2, 21, 5));
        assert_eq!((rebuilt.ledger.live(1), rebuilt.ledger.live(2)), (0, 2 * HEADER_LEN));
    }

    /// Such a one was written beside other files than these.
    #[test]
    fn a_checkpoint_with_which_the_log_makes_no_sense_is_dropped() {
        let dir = on_a_disk();
        let covered = compacted(&dir, 1, &[(Tree, 1, 10), (Tree, 2, 11)]);
        let other = compacted(&dir, 2, &[(Tree, 1, 10)]);
        let changes = compacted(&dir, 3, &[(Delta, 2, 21)]);
        let mut lacks_a_tree = checkpoint(std::slice::from_ref(&other));
        lacks_a_tree.head.segments = vec![(1, covered.1), (2, other.1)];
        let points_nowhere = checkpoint(&[covered.clone(), compacted(&dir, 4, &[(Tree, 3, 12)])]);
        for checkpoint in [lacks_a_tree, points_nowhere] {
            let segments = [covered.clone(), other.clone(), changes.clone()];
            let rebuilt = rebuild(&segments, Some(checkpoint)).unwrap();
            assert_eq!((rebuilt.report.checkpoint_sequence, rebuilt.index.documents()), (0, 2));
            assert!(rebuilt.index.get(2).unwrap().is_sound());
        }
        let alone = rebuild(&[other, changes], None);
        assert!(matches!(alone, Err(Error::Corruption(_))), "nowhere is the tree");
    }
}
