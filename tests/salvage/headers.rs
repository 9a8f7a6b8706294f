//! Segments whose headers are damaged, and damage that looks like a record: what the records tell all the same.

use std::path::Path;

use stratum::format::record::{HEADER_LEN as RECORD_LEN, RecordKind};
use stratum::format::segment::SegmentHeader;
use stratum::{Compression, FindingKind, Tree};

use crate::judge::judge;
use crate::parts::{documents, records};
use crate::stores::{Store, Work, compacted, log, options, recovered, tree};

fn only_segment(store: &Store) -> std::path::PathBuf {
    let mut names = store.files.keys().filter(|name| name.to_string_lossy().starts_with("segment-"));
    let name = names.next().expect("a segment").clone();
    assert!(names.next().is_none());
    name
}

/// Neither header nor footer is left of a segment of compressed trees, and no manifest.
#[test]
fn compressed_trees_tell_which_segment_they_are_of() {
    for compression in [Compression::Lz4, Compression::Zstd] {
        let mut work = Work::new({
            let mut options = options(64 << 10);
            options.compression = compression;
            options
        });
        for content in 0..8 {
            work.write(|batch| batch.put_tree(&Tree { blob: b"words and words ".repeat(40), ..tree(content, 9) }));
        }
        work.db.compact_now(&mut |_| true).unwrap();
        let store = work.done();
        let name = only_segment(&store);
        let trees = records(&store.files, &name).into_iter().filter(|place| place.header.kind == RecordKind::Tree);
        assert_eq!(trees.filter(|place| place.header.codec == compression).count(), 8);
        let mut files = store.files.clone();
        files.retain(|other, _| *other == name || other == Path::new("LOCK"));
        let bytes = files.get_mut(&name).unwrap();
        bytes[..96].fill(0);
        let end = records(&store.files, &name).pop().expect("a footer").start;
        bytes.truncate(end);
        assert_eq!(judge(&store, &files, &|_| true).1, store.now);
    }
}

/// Moves a segment to another epoch: its header, and the checksums of its records' headers.
fn moved(store: &Store, name: &Path, epoch: u64) -> Vec<u8> {
    let mut bytes = store.files[name].clone();
    let header = SegmentHeader { epoch, ..SegmentHeader::decode(&bytes).unwrap() };
    for place in records(&store.files, name) {
        let record = place.header.encode(header.salt(), place.start as u64);
        bytes[place.start..place.start + record.len()].copy_from_slice(&record);
    }
    bytes[..96].copy_from_slice(&header.encode());
    bytes
}

/// Each start after a kill begins an epoch: after years there are many.
#[test]
fn a_segment_of_a_late_epoch_is_known_by_its_records() {
    for store in [compacted(), recovered()] {
        let names = store.files.keys().filter(|name| name.to_string_lossy().starts_with("segment-"));
        let mut files = store.files.clone();
        files.remove(Path::new("MANIFEST"));
        names.clone().for_each(|name| drop(files.insert(name.clone(), moved(&store, name, 100_000))));
        assert!(names.clone().count() > 1);
        assert_eq!(judge(&store, &files, &|_| true).1, store.now);
        for damaged in names {
            let mut files = files.clone();
            files.get_mut(damaged).unwrap()[..96].fill(0);
            assert_eq!(judge(&store, &files, &|_| true).1, store.now, "{}", damaged.display());
        }
    }
}

/// A checksum of 32 bits holds now and then for bytes that are none.
#[test]
fn what_looks_like_a_newer_record_among_damage_ends_no_repair() {
    let store = log();
    let name = only_segment(&store);
    let places = records(&store.files, &name);
    let salt = SegmentHeader::decode(&store.files[&name]).unwrap().salt();
    let is_large = |place: &&crate::parts::Place| place.header.payload_len as u64 >= RECORD_LEN + 8;
    let damaged = places.iter().filter(|place| place.header.kind == RecordKind::Tree).find(is_large).unwrap();
    let mut files = store.files.clone();
    let bytes = files.get_mut(&name).unwrap();
    bytes[damaged.start..damaged.start + RECORD_LEN as usize].fill(0xaa);
    let at = damaged.start + RECORD_LEN as usize;
    let mut forged = damaged.header.encode(salt, at as u64);
    forged[4] = 99;
    let covered = [&salt.to_le_bytes()[..], &(at as u64).to_le_bytes(), &forged[4..]].concat();
    forged[..4].copy_from_slice(&crc32fast::hash(&covered).to_le_bytes());
    bytes[at..at + RECORD_LEN as usize].copy_from_slice(&forged);
    let touched = documents(&places, damaged.start..damaged.end);
    let (report, _) = judge(&store, &files, &|id| !touched.contains(&id));
    assert!(report.findings.iter().any(|finding| finding.kind == FindingKind::BytesLost), "{report}");
}
