//! What was found, by document: the records that may still count, and those that must have been there.
//!
//! 1. A tree that checks out ends all that came before it, so memory is taken by documents and what is live or damaged,
//!    not by history. Blob records are kept: which of them counts only the trees and deltas tell.
//! 2. A tombstone that checks out ends its document, whatever else is found.
//! 3. What the checkpoint or a footer names, and nothing that was found can stand for, is a loss with a name.

use std::collections::{BTreeMap, BTreeSet};

use super::records::Records;
use super::stand_ins::StandIns;
use crate::error::{Error, Result};
use crate::format::Malformed;
use crate::format::checkpoint::{CheckpointReader, Entry};
use crate::format::record::{BlobPlace, RecordHeader, RecordKind};
use crate::memory;
use crate::options::Compression;

/// A record of a document, and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub file: u32,
    pub offset8: u32,
    pub payload_len: u32,
    /// What the payload is compressed with, and the length of its plain form.
    pub codec: Compression,
    pub coded_len: u32,
    pub sequence: u64,
    pub first_sequence: u64,
    pub kind: RecordKind,
    pub blob: BlobPlace,
    pub fold: bool,
    /// The payload's checksum holds.
    pub whole: bool,
}

impl Found {
    pub fn new(file: u32, offset: u64, header: &RecordHeader, whole: bool) -> Found {
        Found {
            file,
            offset8: (offset / 8) as u32,
            payload_len: header.payload_len,
            codec: header.codec,
            coded_len: header.coded_len,
            sequence: header.sequence,
            first_sequence: header.first_sequence,
            kind: header.kind,
            blob: header.blob,
            fold: header.fold,
            whole,
        }
    }

    /// What is known of a record that is looked for.
    pub fn expected(kind: RecordKind, first_sequence: u64, sequence: u64) -> Found {
        Found {
            file: 0,
            offset8: 0,
            payload_len: 0,
            codec: Compression::None,
            coded_len: 0,
            sequence,
            first_sequence,
            kind,
            blob: BlobPlace::Unchanged,
            fold: false,
            whole: false,
        }
    }

    /// A header that says how `payload`, the stored one, is compressed.
    pub fn coding(&self, payload: &[u8]) -> Result<RecordHeader> {
        let header = RecordHeader::new(self.kind, 0, payload)?;
        Ok(RecordHeader { codec: self.codec, coded_len: self.coded_len, ..header })
    }

    pub fn offset(&self) -> u64 {
        u64::from(self.offset8) * 8
    }

    /// Whether every change in `other` is in this record too, if both are read.
    pub fn covers(&self, other: &Found) -> bool {
        match (self.kind, other.kind) {
            (RecordKind::Tree, RecordKind::Tree | RecordKind::Delta) => self.sequence >= other.sequence,
            (RecordKind::Delta, RecordKind::Delta) => {
                self.first_sequence <= other.first_sequence && self.sequence >= other.sequence
            }
            (RecordKind::Blob, RecordKind::Blob) => self.sequence == other.sequence,
            _ => false,
        }
    }
}

/// A record that must have been there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The highest sequence number that it can have.
    pub sequence: u64,
    /// What it was, where that is known.
    pub kind: Option<RecordKind>,
    /// The file that it was in, by the number of the segment's id.
    pub segment: u32,
}

/// Everything that was found.
#[derive(Default)]
pub struct Survey {
    pub documents: BTreeMap<u64, Records>,
    pub deleted: BTreeSet<u64>,
    pub losses: BTreeMap<u64, Vec<Loss>>,
    pub next_document: u64,
    pub sequence: u64,
    /// Bytes in which records may have been that are not known.
    pub unknown_bytes: u64,
    /// A log has no footer: nothing tells whether commits are cut off behind its last.
    pub is_open_ended: bool,
    /// What footers name and their segments do not show, until everything was read.
    unseen: Vec<(u64, u64, u32)>,
}

impl Survey {
    pub fn record(&mut self, document: u64, found: Found) -> Result<()> {
        self.sequence = self.sequence.max(found.sequence);
        self.used(document);
        if found.kind == RecordKind::Tombstone {
            self.deleted.insert(document);
            self.documents.remove(&document);
        } else if !self.deleted.contains(&document) {
            match self.documents.get_mut(&document) {
                Some(records) => records.add(found)?,
                None => drop(self.documents.insert(document, Records::One(found))),
            }
        }
        Ok(())
    }

    /// Records may have been in so many bytes, and are not known.
    pub fn unknown(&mut self, bytes: u64) {
        self.unknown_bytes = self.unknown_bytes.saturating_add(bytes);
    }

    /// This document id was handed out.
    pub fn used(&mut self, document: u64) {
        self.next_document = self.next_document.max(document.saturating_add(1));
    }

    /// All records were seen.
    pub fn finish(&mut self) {
        self.documents.values_mut().for_each(Records::finish);
    }

    /// Takes from the checkpoint which records there must be, and which documents there cannot be.
    pub fn compare_with_checkpoint(&mut self, bytes: &[u8]) -> Result<()> {
        let Ok(reader) = CheckpointReader::open(bytes) else { return Ok(()) };
        let covered = reader.head.sequence;
        self.next_document = self.next_document.max(reader.head.next_document);
        self.sequence = self.sequence.max(covered);
        let mut listed = BTreeSet::new();
        let rows = reader.rows(|document, entries| {
            listed.insert(document);
            self.used(document);
            if !self.deleted.contains(&document) {
                let found = StandIns::of(self.documents.get(&document))?;
                let missing = entries.iter().map(named).filter(|(expected, _)| !found.stand_for(expected, true));
                for (expected, segment) in missing {
                    let loss = Loss { sequence: expected.sequence, kind: Some(expected.kind), segment };
                    memory::push(self.losses.entry(document).or_default(), loss)?;
                }
            }
            Ok(())
        });
        // What else there is to say of its rows was said when it was identified.
        if rows == Err(Malformed::NO_MEMORY) {
            return Err(Error::NoMemory);
        }
        let gone = |document: &u64, records: &Records| {
            !listed.contains(document) && records.as_slice().iter().all(|found| found.sequence <= covered)
        };
        let gone: Vec<u64> =
            self.documents.iter().filter(|(id, records)| gone(id, records)).map(|(id, _)| *id).collect();
        for document in gone {
            self.documents.remove(&document);
            self.deleted.insert(document);
        }
        Ok(())
    }

    /// A footer says that this document had a record in a segment whose sequence numbers end at `sequence`.
    pub fn unseen(&mut self, document: u64, sequence: u64, segment: u32) -> Result<()> {
        self.used(document);
        Ok(memory::push(&mut self.unseen, (document, sequence, segment))?)
    }

    /// Takes from footers which documents there must have been, once everything was read.
    pub fn compare_with_footers(&mut self) -> Result<()> {
        let mut unseen = std::mem::take(&mut self.unseen);
        unseen.sort_by_key(|(document, ..)| *document);
        for of_document in unseen.chunk_by(|one, other| one.0 == other.0) {
            let document = of_document[0].0;
            if self.deleted.contains(&document) {
                continue;
            }
            let found = StandIns::of(self.documents.get(&document))?;
            for (_, sequence, segment) in of_document {
                let (sequence, segment) = (*sequence, *segment);
                if !found.stand_for(&Found::expected(RecordKind::Delta, sequence, sequence), false) {
                    memory::push(self.losses.entry(document).or_default(), Loss { sequence, kind: None, segment })?;
                }
            }
        }
        Ok(())
    }
}

/// What an entry of the checkpoint says must be there, and in which segment.
fn named(entry: &Entry) -> (Found, u32) {
    let (kind, extent, first_sequence) = match entry {
        Entry::Tree(extent) => (RecordKind::Tree, extent, extent.sequence),
        Entry::Run(run) => (RecordKind::Delta, &run.extent, run.first_sequence),
        Entry::Blob(extent) => (RecordKind::Blob, extent, extent.sequence),
    };
    (Found::expected(kind, first_sequence, extent.sequence), extent.segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: u64 = 7;

    fn found(kind: RecordKind, first_sequence: u64, sequence: u64, whole: bool) -> Found {
        let header = RecordHeader::new(kind, DOCUMENT, b"").unwrap();
        Found { first_sequence, sequence, ..Found::new(0, 96, &header, whole) }
    }

    #[test]
    fn what_is_found_says_how_it_is_compressed() {
        let mut header = RecordHeader::new(RecordKind::Tree, DOCUMENT, b"payload").unwrap();
        (header.codec, header.coded_len) = (Compression::Lz4, 1000);
        let coding = Found::new(0, 96, &header, true).coding(b"payload").unwrap();
        assert_eq!((coding.codec, coding.coded_len, coding.payload_len), (Compression::Lz4, 1000, 7));
    }

    #[test]
    fn no_id_that_was_seen_is_handed_out_again() {
        let mut survey = Survey::default();
        survey.used(7);
        survey.used(3);
        assert_eq!(survey.next_document, 8);
        survey.record(9, found(RecordKind::Tree, 4, 4, true)).unwrap();
        assert_eq!((survey.next_document, survey.sequence), (10, 4));
        survey.unseen(20, 5, 1).unwrap();
        assert_eq!(survey.next_document, 21);
    }

    #[test]
    fn in_the_end_no_record_is_left_that_another_covers() {
        let mut survey = Survey::default();
        for at in 1..=40 {
            survey.record(DOCUMENT, found(RecordKind::Delta, at, at, true)).unwrap();
        }
        survey.record(DOCUMENT, found(RecordKind::Tree, 50, 50, true)).unwrap();
        assert!(survey.documents[&DOCUMENT].as_slice().len() > 1);
        survey.finish();
        assert_eq!(survey.documents[&DOCUMENT].as_slice().len(), 1);
    }

    #[test]
    fn a_document_that_only_a_footer_names_is_lost() {
        let mut survey = Survey::default();
        survey.record(8, found(RecordKind::Tree, 5, 5, true)).unwrap();
        survey.record(9, found(RecordKind::Tombstone, 4, 4, true)).unwrap();
        for document in [DOCUMENT, 8, 9] {
            survey.unseen(document, 5, 3).unwrap();
        }
        survey.compare_with_footers().unwrap();
        let loss = Loss { sequence: 5, kind: None, segment: 3 };
        assert_eq!(survey.losses, BTreeMap::from([(DOCUMENT, vec![loss])]));
    }

    #[test]
    fn a_record_stands_for_itself_and_for_what_it_covers() {
        use RecordKind::{Blob, Delta, Tree};
        let (whole, damaged) = (true, false);
        let cases = [
            (found(Tree, 5, 5, damaged), found(Tree, 5, 5, false), false, "it is the same"),
            (found(Tree, 1, 5, damaged), found(Tree, 5, 5, false), false, "a tree is told by its newest change"),
            (found(Tree, 5, 5, damaged), found(Blob, 5, 5, false), true, "it is of another kind"),
            (found(Tree, 5, 5, damaged), found(Tree, 6, 6, false), true, "it is an older one"),
            (found(Delta, 4, 5, damaged), found(Delta, 4, 5, false), false, "it is the same"),
            (found(Delta, 3, 5, damaged), found(Delta, 4, 5, false), true, "it may be, and is damaged"),
            (found(Delta, 3, 5, whole), found(Delta, 4, 5, false), false, "it covers more"),
            (found(Tree, 7, 7, whole), found(Delta, 5, 5, false), false, "it covers a change"),
            (found(Tree, 7, 7, damaged), found(Delta, 5, 5, false), true, "it would cover it, and is damaged"),
            (found(Tree, 5, 5, whole), found(Delta, 5, 5, false), false, "it covers the change of the same commit"),
            (found(Tree, 7, 7, whole), found(Blob, 5, 5, false), false, "the blob may have been replaced"),
            (found(Tree, 5, 5, whole), found(Blob, 5, 5, false), true, "the blob is of the same commit"),
            (found(Delta, 7, 7, whole), found(Blob, 5, 5, false), true, "the change may be of something else"),
        ];
        for (there, expected, is_lost, why) in cases {
            let mut survey = Survey::default();
            survey.record(DOCUMENT, there).unwrap();
            let found = StandIns::of(survey.documents.get(&DOCUMENT)).unwrap();
            assert_eq!(!found.stand_for(&expected, true), is_lost, "{why}: {there:?}, {expected:?}");
        }
    }
}
