//! Files made to take long: time in proportion to their length, whatever is in them. Each of these stores took minutes
//! or hours to open when every record of a document cost what the document had so far.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stratum::format::checkpoint::{CheckpointHead, CheckpointWriter, Entry};
use stratum::format::extent::{Extent, Run};
use stratum::format::manifest::{Change, Marks, SegmentMeta};
use stratum::format::record::{BlobPlace, RecordHeader, RecordKind};
use stratum::format::segment::{HEADER_LEN as SEGMENT_HEADER_LEN, SegmentHeader, SegmentKind};
use stratum::salvage::repair_on;
use stratum::vfs::sim::SimDisk;
use stratum::{FindingKind, RepairOptions};

use super::{STORE, disk, header, manifest, marks, options, tree};
use crate::runner::{open, store_path};

/// Deltas of the one document.
const DELTAS: u64 = 200_000;
/// Far more than any of it takes, and far less than it took.
const LIMIT: Duration = Duration::from_secs(30);

fn compacted(id: u32) -> SegmentHeader {
    SegmentHeader { kind: SegmentKind::Compacted, first_sequence: 0, ..header(id, 1) }
}

fn sealed(id: u32, length: u64) -> Change {
    let kind = SegmentKind::Compacted;
    Change::Segment(SegmentMeta { id, kind, epoch: 1, length, footer: 0, min_sequence: 1, max_sequence: DELTAS + 1 })
}

/// A tree and deltas without contents, in this order.
fn segment_of(sequences: impl Iterator<Item = u64>) -> Vec<u8> {
    segment_with(sequences, 0)
}

/// The same; `rot` is what is wrong with the checksums of the deltas' payloads.
fn segment_with(sequences: impl Iterator<Item = u64>, rot: u32) -> Vec<u8> {
    let (header, (first, payload)) = (compacted(1), tree(1, 1, 1));
    let mut bytes = header.encode().to_vec();
    bytes.extend(first.encode(header.salt(), SEGMENT_HEADER_LEN));
    bytes.extend(&payload);
    let mut delta = RecordHeader::new(RecordKind::Delta, 1, &[]).unwrap();
    delta.payload_crc ^= rot;
    for sequence in sequences {
        (delta.sequence, delta.first_sequence) = (sequence, sequence);
        bytes.extend(delta.encode(header.salt(), bytes.len() as u64));
    }
    bytes
}

fn is_opened_in_time(what: &str, disk: &SimDisk) {
    let begun = Instant::now();
    let db = open(disk, &options()).unwrap();
    assert_eq!(db.view().unwrap().document_count().unwrap(), 1, "{what}");
    assert!(begun.elapsed() < LIMIT, "{what}: {:?}", begun.elapsed());
}

fn marked() -> Marks {
    Marks { sequence: DELTAS + 1, next_document: 2, ..marks() }
}

#[test]
fn deltas_of_one_document_in_any_order_are_soon_read() {
    let all = 2..DELTAS + 2;
    // Coprime, so that each comes once.
    let scattered = all.clone().map(|at| 2 + at * 99_991 % DELTAS);
    for (what, log) in [
        ("ascending", segment_of(all.clone())),
        ("descending", segment_of(all.clone().rev())),
        ("scattered", segment_of(scattered)),
    ] {
        let manifest = manifest(&[sealed(1, log.len() as u64)], marked());
        is_opened_in_time(what, &disk(&[("MANIFEST", &manifest), ("segment-00000001.strat", &log)]));
    }
}

/// A checkpoint of a segment with the tree and so many deltas; `off` is by how much their numbers are others.
fn checkpoint_of(length: u64, off: u64) -> Vec<u8> {
    let blob = BlobPlace::Unchanged;
    let extent =
        |sequence, offset8, length8| Extent { segment: 1, offset8, length8, nodes: 0, sequence, replaced8: 0, blob };
    let whole = Extent { nodes: 1, blob: BlobPlace::Inline, ..extent(1, SEGMENT_HEADER_LEN as u32 / 8, 17) };
    let run = |at: u64| Run { extent: extent(at, 15 + at as u32 * 7, 7), first_sequence: at - off };
    let deltas = (2..DELTAS + 2).rev().map(|at| Entry::Run(run(at)));
    let entries: Vec<Entry> = std::iter::once(Entry::Tree(whole)).chain(deltas).collect();
    let head = CheckpointHead {
        store: STORE,
        sequence: DELTAS + 1,
        position: (0, 0),
        next_document: 2,
        edit: 1,
        segments: vec![(1, length)],
    };
    let mut writer = CheckpointWriter::new(head, Vec::new());
    writer.row(1, &entries).unwrap();
    writer.finish().unwrap()
}

#[test]
fn deltas_of_one_document_in_a_checkpoint_are_soon_read() {
    let log = segment_of(2..DELTAS + 2);
    let length = log.len() as u64;
    let manifest = manifest(&[sealed(1, length)], marked());
    let checkpoint = checkpoint_of(length, 0);
    let files: [(&str, &[u8]); 3] =
        [("MANIFEST", &manifest), ("segment-00000001.strat", &log), ("CHECKPOINT", &checkpoint)];
    is_opened_in_time("a page", &disk(&files));
}

#[test]
fn a_checkpoint_of_many_segments_is_soon_compared() {
    let (segments, rows) = (6000, 4_000_000);
    let log = segment_of(std::iter::empty());
    let empty = |id| (format!("segment-{id:08x}.strat"), compacted(id).encode().to_vec());
    let mut named: Vec<(String, Vec<u8>)> = (2..=segments).map(empty).collect();
    named.push(("segment-00000001.strat".to_string(), log.clone()));
    let mut changes: Vec<Change> = (2..=segments).map(|id| sealed(id, SEGMENT_HEADER_LEN)).collect();
    changes.push(sealed(1, log.len() as u64));
    named.push(("MANIFEST".to_string(), manifest(&changes, Marks { next_segment: segments + 1, ..marked() })));
    // Segments that are gone, and of the document nothing yet.
    let head = CheckpointHead {
        store: STORE,
        sequence: 0,
        position: (0, 0),
        next_document: 2,
        edit: 1,
        segments: (0..rows).map(|row| (segments + 1 + row, 96)).collect(),
    };
    named.push(("CHECKPOINT".to_string(), CheckpointWriter::new(head, Vec::new()).finish().unwrap()));
    let files: Vec<(&str, &[u8])> = named.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    is_opened_in_time("rows of segments", &disk(&files));
}

#[test]
fn a_document_of_many_damaged_records_is_soon_repaired() {
    let log = segment_with(2..DELTAS + 2, 1);
    let manifest = manifest(&[sealed(1, log.len() as u64)], marked());
    // It names as many others.
    let checkpoint = checkpoint_of(log.len() as u64, 1);
    let disk = disk(&[("MANIFEST", &manifest), ("segment-00000001.strat", &log), ("CHECKPOINT", &checkpoint)]);
    let (begun, target) = (Instant::now(), Path::new("/repaired"));
    let report = repair_on(Arc::new(disk), store_path(), target, &RepairOptions::default(), &mut |_| true).unwrap();
    let missing = report.findings.iter().filter(|finding| finding.kind == FindingKind::RecordMissing);
    assert_eq!((report.documents(), missing.count() as u64), (1, DELTAS));
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
}
