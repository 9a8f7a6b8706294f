//! What files are, told from damaged manifests and from segments without headers.

use super::*;
use crate::format::manifest::{Change, encode_edit, encode_header};
use crate::format::record::Frame;
use crate::format::segment::SegmentHeader;
use crate::salvage::tests::made::{Disk, Made};
use crate::vfs::FileSystem;
use crate::vfs::sim::SimDisk;
use std::sync::Arc;

const STORE: [u8; 16] = [1; 16];
const OTHER: [u8; 16] = [2; 16];

fn marks(next_document: u64) -> Change {
    Change::Marks(Marks { next_document, epoch: 1, sequence: 5, next_segment: 9 })
}

/// A source with these files.
fn source(files: &[(&str, &[u8])]) -> Source {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/store")).unwrap();
    files.iter().for_each(|(name, bytes)| disk.plant(&Path::new("/store").join(name), bytes));
    Source::open(Arc::new(disk), Path::new("/store"), &mut Vec::new()).unwrap()
}

/// What is read from a manifest of these bytes: its mark for documents, and whether it is whole.
fn read(bytes: &[u8]) -> Option<(u64, bool)> {
    let mut findings = Vec::new();
    let manifest = read_manifest(&source(&[("MANIFEST", bytes)]), &mut findings).unwrap();
    assert_eq!(findings.is_empty(), manifest.as_ref().is_some_and(|manifest| manifest.is_whole));
    manifest.map(|manifest| (manifest.state.marks.next_document, manifest.is_whole))
}

fn edits(numbers: &[(u64, u64)]) -> Vec<u8> {
    let edits = numbers.iter().flat_map(|(number, next_document)| encode_edit(*number, &[marks(*next_document)]));
    encode_header(STORE).into_iter().chain(edits).collect()
}

#[test]
fn a_manifest_is_read_past_what_is_damaged_in_it() {
    let header = manifest::HEADER_LEN;
    let edit = encode_edit(1, &[marks(1)]).len();
    assert_eq!(read(&edits(&[(1, 10), (2, 20)])), Some((20, true)));
    assert_eq!(read(&edits(&[(7, 10), (8, 20)])), Some((20, true)), "it goes on from another file's numbers");
    assert_eq!(read(&edits(&[(1, 10), (3, 20)])), Some((20, false)), "an edit is missing");
    assert_eq!(read(&edits(&[])), Some((1, false)), "it always has an edit");
    // The length of an edit, and what is in it.
    for at in [header + 4, header + 7, header + 30] {
        let mut bytes = edits(&[(1, 10), (2, 20), (3, 15)]);
        bytes[at] ^= 0x40;
        assert_eq!(read(&bytes), Some((20, false)), "byte {at}");
    }
    let mut bytes = edits(&[(1, 10), (2, 20)]);
    bytes[header + edit + 30] ^= 1;
    assert_eq!(read(&bytes), Some((10, false)));
    bytes = edits(&[(1, 10)]);
    bytes.extend([0; 100]);
    assert_eq!(read(&bytes), Some((10, true)), "zeros wait for edits");
    bytes.push(1);
    assert_eq!(read(&bytes), Some((10, false)));
    bytes = edits(&[(1, 10)]);
    bytes.push(1);
    assert_eq!(read(&bytes), Some((10, false)), "also the first of them");
}

#[test]
fn an_edit_that_is_there_again_is_not_made_again() {
    for again in [1, 2] {
        assert_eq!(read(&edits(&[(1, 10), (2, 20), (again, 90)])), Some((20, false)), "{again}");
    }
}

#[test]
fn a_manifest_is_one_by_its_header_or_by_an_edit() {
    let mut bytes = edits(&[(1, 10)]);
    bytes[20] ^= 1;
    assert_eq!(read(&bytes), Some((10, false)));
    let mut bytes = edits(&[]);
    bytes[20] ^= 1;
    assert_eq!(read(&bytes), None);
    assert_eq!(read(b"nothing of the kind"), None);
}

/// What only claims to be an edit: its length is that of all that follows.
fn claims(count: usize) -> Vec<u8> {
    let mut bytes = encode_header(STORE).to_vec();
    let edit = encode_edit(1, &[marks(10)]);
    let end = bytes.len() + 24 * count + edit.len();
    for _ in 0..count {
        let length = (end - bytes.len() - 16) as u32 / 8 * 8;
        bytes.extend([&[9; 4][..], &length.to_le_bytes(), &1u64.to_le_bytes(), &[3, 0, 0, 0, 0, 0, 0, 0]].concat());
    }
    bytes.extend(edit);
    bytes
}

#[test]
fn what_claims_to_be_an_edit_is_looked_at_so_often_and_no_more() {
    assert!(manifest::edit_head(&claims(1)[manifest::HEADER_LEN..]).is_some());
    assert_eq!(read(&claims(20)), Some((10, false)));
    assert_eq!(read(&claims(400)), Some((1, false)), "it would take too long to get there");
}

fn candidate(store: Option<[u8; 16]>) -> Candidate {
    let header = SegmentHeader { store: store.unwrap_or_default(), ..SegmentHeader::sample(SegmentKind::Log, 1) };
    let header = store.map(|_| header).ok_or("damaged");
    Candidate { path: PathBuf::new(), size: 0, header, id: None }
}

#[test]
fn the_store_is_the_one_that_most_files_belong_to() {
    let of = |stores: &[Option<[u8; 16]>]| stores.iter().map(|store| candidate(*store)).collect::<Vec<_>>();
    for (one, other) in [(STORE, OTHER), (OTHER, STORE)] {
        let by = |checkpoint, candidates: &[_]| vote(Some(one), checkpoint, &of(candidates));
        assert_eq!(by(None, &[]), Some(one));
        assert_eq!(by(None, &[Some(other)]), Some(one), "where as many belong to another, the manifest's");
        assert_eq!(by(Some(other), &[None]), Some(one));
        assert_eq!(by(None, &[Some(other), Some(other)]), Some(other));
        assert_eq!(by(Some(other), &[Some(other)]), Some(other));
        assert_eq!(by(Some(one), &[Some(other), None, Some(other)]), Some(one));
        assert_eq!(vote(None, None, &of(&[Some(one), Some(other), Some(one)])), Some(one));
    }
    assert_eq!(vote(None, None, &of(&[None])), None);
}

/// What a file without a header comes to that is called like the third segment.
fn resolved(bytes: &[u8], metas: &BTreeMap<u32, SegmentMeta>, findings: &mut Vec<Finding>) -> Option<SegmentFile> {
    let source = source(&[("x", bytes)]);
    let (path, size) = (source.dir.join("x"), bytes.len() as u64);
    let candidate = Candidate { path, size, header: Err("damaged"), id: Some(3) };
    let known = Segments::new(Some(STORE), EPOCHS, metas.values());
    resolve(&source, candidate, Some(STORE), (metas, &known), findings).unwrap()
}

#[test]
fn a_file_without_a_header_and_without_records_lost_no_more_than_it_is_long() {
    let findings_of = |bytes: &[u8]| {
        let mut findings = Vec::new();
        assert!(resolved(bytes, &BTreeMap::new(), &mut findings).is_none());
        findings.iter().map(|finding| (finding.kind, finding.length)).collect::<Vec<_>>()
    };
    assert_eq!(findings_of(&[7; 40]), [(FindingKind::SegmentHeader, 0)]);
    assert_eq!(findings_of(&[7; 96]), [(FindingKind::SegmentHeader, 0)]);
    assert_eq!(findings_of(&[7; 97]), [(FindingKind::SegmentUnusable, 97)]);
}

#[test]
fn records_tell_a_segment_only_of_this_store() {
    let told = |store, epoch, meta: Option<u64>| {
        let sample = SegmentHeader::sample(SegmentKind::Compacted, 0);
        let mut made = Made::of(SegmentHeader { store, id: 3, epoch, ..sample });
        for document in 1..4 {
            made.record(RecordKind::Tree, document, 5, b"payload");
        }
        let meta = meta.map(|epoch| SegmentMeta {
            id: 3,
            kind: SegmentKind::Compacted,
            epoch,
            length: 0,
            footer: 0,
            min_sequence: 0,
            max_sequence: 9,
        });
        let metas = meta.into_iter().map(|meta| (3, meta)).collect();
        resolved(&made.bytes, &metas, &mut Vec::new()).map(|segment| (segment.id, segment.salt, segment.kind))
    };
    let salt = |epoch| SegmentHeader { id: 3, epoch, ..SegmentHeader::sample(SegmentKind::Log, 0) }.salt();
    assert_eq!(told(STORE, 1, None), Some((3, salt(1), SegmentKind::Compacted)));
    assert_eq!(told(STORE, EPOCHS - 1, None), Some((3, salt(EPOCHS - 1), SegmentKind::Compacted)));
    assert_eq!(told(STORE, EPOCHS, None), None, "no segment can be of so late an epoch");
    assert_eq!(told(STORE, EPOCHS, Some(EPOCHS)), Some((3, salt(EPOCHS), SegmentKind::Compacted)));
    assert_eq!(told(OTHER, 1, None), None);
}

#[test]
fn a_segment_with_a_frame_is_a_log() {
    let kind = |made: &Made| {
        let mut window = Window::new(Disk::with_bad(&made.bytes, &[]), made.end());
        kind_by_records(&mut window, made.header.salt())
    };
    let mut made = Made::new(SegmentKind::Log);
    assert_eq!(kind(&made), SegmentKind::Compacted);
    made.record(RecordKind::Tree, 1, 3, b"payload");
    made.record(RecordKind::Tree, 2, 4, b"of another length");
    assert_eq!(kind(&made), SegmentKind::Compacted);
    let first = made.commit(5, &[(RecordKind::Tree, 3)]);
    assert_eq!(kind(&made), SegmentKind::Log, "behind other records");
    made.break_header(first[0]);
    assert_eq!(kind(&made), SegmentKind::Compacted);
    made.commit(6, &[(RecordKind::Tree, 3)]);
    assert_eq!(kind(&made), SegmentKind::Log, "behind damage");
    made.bytes.truncate(first[0] as usize + 200);
    assert_eq!(kind(&made), SegmentKind::Compacted, "but not where it is cut off");
}

fn meta(kind: SegmentKind, epoch: u64) -> SegmentMeta {
    SegmentMeta { id: 1, kind, epoch, length: 0, footer: 0, min_sequence: 0, max_sequence: 9 }
}

#[test]
fn a_segment_is_the_one_that_the_manifest_means_by_id_kind_and_epoch() {
    let segment = Made::new(SegmentKind::Log).file();
    assert!(is_named(&segment, &meta(SegmentKind::Log, 1)));
    assert!(!is_named(&segment, &meta(SegmentKind::Log, 2)));
    assert!(!is_named(&segment, &meta(SegmentKind::Compacted, 1)));
    assert!(!is_named(&segment, &SegmentMeta { id: 2, ..meta(SegmentKind::Log, 1) }));
    let without_header = SegmentFile { header: None, ..segment };
    assert!(is_named(&without_header, &meta(SegmentKind::Compacted, 2)), "nothing else is known of it");
    assert!(!is_named(&without_header, &SegmentMeta { id: 2, ..meta(SegmentKind::Log, 1) }));
}

/// Whether a segment like this has commits that a manifest with commits up to the fifth cannot have known of.
fn knows(kind: SegmentKind, first_sequence: u64, change: impl FnOnce(&mut Made), has_header: bool) -> bool {
    let mut made = Made::of(SegmentHeader::sample(kind, first_sequence));
    change(&mut made);
    let source = source(&[("segment", &made.bytes)]);
    let mut segment = SegmentFile { path: source.dir.join("segment"), ..made.file() };
    segment.header = segment.header.filter(|_| has_header);
    let mut state = ManifestState::empty(STORE);
    state.apply(&[marks(1)]);
    knows_more(&source, &segment, &Manifest { state, is_whole: true, has_store: true }).unwrap()
}

#[test]
fn a_log_that_begins_behind_all_that_the_manifest_knows_says_more() {
    let frame = |sequence| {
        move |made: &mut Made| {
            let frame = Frame { body_len: 0, records: 0, durable_offset: 0, next_document: 1 };
            made.frame(sequence, frame);
        }
    };
    let log = |first, sequence| knows(SegmentKind::Log, first, frame(sequence), true);
    assert!(!log(5, 5) && !log(1, 5) && log(5, 6) && log(1, 9));
    assert!(log(6, 6));
    assert!(knows(SegmentKind::Log, 6, |made| made.bytes.extend([7; 8]), true), "also where its commits are damaged");
    assert!(!knows(SegmentKind::Log, 5, |made| made.bytes.extend([7; 8]), true));
    assert!(!knows(SegmentKind::Log, 6, |_| (), true), "it has none");
    for kind in [SegmentKind::Compacted, SegmentKind::Recovered] {
        assert!(!knows(kind, 6, frame(6), true), "its commits were in a log before");
    }
    let without_header = |sequence| knows(SegmentKind::Log, 1, frame(sequence), false);
    assert!(without_header(6) && !without_header(5));
    let tree = |made: &mut Made| assert_eq!(made.record(RecordKind::Tree, 1, 9, b"payload"), 96);
    assert!(!knows(SegmentKind::Log, 1, tree, false), "only a frame begins a commit");
}
