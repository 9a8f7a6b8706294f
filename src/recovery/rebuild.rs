//! The index from the log, with or without a checkpoint.
//!
//! 1. Segments are seen in any order; `index::slot` has the rule that makes it not matter. A tombstone hides every
//!    record of its document, since ids are never used again.
//! 2. With a checkpoint of sequence number C, only segments it does not cover are read. A record of C or before in
//!    them was moved there by compaction: it may replace what the checkpoint has, but never bring back a document.
//! 3. A checkpoint that leaves anything pointing at a segment that is gone, or a delta without its tree, is dropped,
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
    /// Sequence number up to which the checkpoint knows better.
    covered: u64,
}

/// Builds the index of the given segments, of each of which so many bytes count.
pub fn rebuild(segments: &[(Arc<Segment>, u64)], checkpoint: Option<Loaded>) -> Result<Rebuilt> {
    if let Some(checkpoint) = checkpoint.filter(|checkpoint| fits(checkpoint, segments)) {
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

/// Whether everything that the checkpoint covers of a segment still counts.
fn fits(checkpoint: &Loaded, segments: &[(Arc<Segment>, u64)]) -> bool {
    checkpoint.head.segments.iter().all(|(id, covered)| {
        let found = segments.iter().find(|(segment, _)| segment.id() == *id);
        found.is_none_or(|(_, length)| length >= covered)
    })
}

fn from_checkpoint(checkpoint: Loaded, segments: &[(Arc<Segment>, u64)]) -> Result<Option<Rebuilt>> {
    let head = checkpoint.head;
    let is_present = |id| segments.iter().any(|(segment, _)| segment.id() == id);
    let is_all_there = checkpoint.ledger.segments().all(is_present);
    let mut rebuilt = Rebuilt {
        index: checkpoint.index,
        ledger: checkpoint.ledger,
        sequence: head.sequence,
        next_document: head.next_document,
        report: Report { checkpoint_sequence: head.sequence, ..Report::default() },
        deleted: HashSet::new(),
        covered: head.sequence,
    };
    for (segment, length) in segments {
        let covered = head.segments.iter().find(|(id, _)| *id == segment.id()).map(|(_, covered)| *covered);
        match covered {
            Some(_) if segment.id() != head.position.0 => {}
            Some(covered) => rebuilt.replay(segment, covered, *length)?,
            None => rebuilt.replay(segment, HEADER_LEN, *length)?,
        }
    }
    rebuilt.finish()?;
    Ok(rebuilt.is_whole(segments, is_all_there)?.then_some(rebuilt))
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
        let moved_only = header.sequence <= self.covered && self.index.get(document)?.is_vacant();
        if !moved_only && !self.deleted.contains(&document) {
            self.index.absorb(document, entry, &mut self.ledger)?;
        }
        Ok(())
    }

    /// Points the index at a record's copy.
    pub fn relocate(&mut self, header: &RecordHeader, extent: Extent) -> Result<()> {
        self.see(header, extent)?;
        Ok(self.index.apply(header.document, &[], &mut self.ledger)?)
    }

    fn finish(&mut self) -> Result<()> {
        Ok(self.index.settle(&mut self.ledger)?)
    }

    /// Whether every document has its tree and nothing points at a segment that is gone. What the log did not change is
    /// as it is in the checkpoint, where every document makes sense; and if all that points at is there, all is well.
    fn is_whole(&self, segments: &[(Arc<Segment>, u64)], is_all_there: bool) -> Result<bool> {
        let mut present: Vec<u32> = segments.iter().map(|(segment, _)| segment.id()).collect();
        present.sort_unstable();
        let is_present = |segment| present.binary_search(&segment).is_ok();
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
