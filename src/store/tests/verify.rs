//! What a full check reads, and what it finds where a file is changed beneath an open store.

use super::*;
use crate::Value;
use crate::store::verify::VerifyReport;
use crate::tree::Input;

fn compacted() -> Vec<u8> {
    file(&["compacted-segment"])
}

/// A store with this segment, and its disk.
fn store_of(segment: Vec<u8>) -> (SimDisk, Db) {
    let length = segment.len() as u64;
    let manifest = manifest_of(3, SegmentKind::Compacted, length, length - 64);
    let disk = disk(&[(names::MANIFEST, manifest), (&names::segment(3), segment)]);
    let db = open(&disk);
    (disk, db)
}

/// What the check finds once a file was changed: where, and what.
fn damage(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Vec<(String, u64, String)> {
    let (disk, db) = store_of(compacted());
    assert_eq!(db.verify().unwrap().damage, []);
    let mut bytes = disk.files(Path::new("/store")).remove(Path::new(name)).unwrap();
    change(&mut bytes);
    disk.plant(&Path::new("/store").join(name), &bytes);
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().to_string();
    db.verify().unwrap().damage.into_iter().map(|damage| (name(&damage.file), damage.offset, damage.what)).collect()
}

#[test]
fn a_check_tells_how_much_it_read() {
    let (_, db) = store_of(compacted());
    let report = db.verify().unwrap();
    let length = compacted().len() as u64;
    let expected =
        VerifyReport { segments: 1, records: 2, bytes: length, documents: 1, inputs: 0, outputs: 0, damage: vec![] };
    assert_eq!(report, expected);
}

#[test]
fn a_check_counts_inputs_and_outputs() {
    let db = super::records::open_with(&SimDisk::new(1), &super::records::options(1 << 20));
    let inputs = (0..3).map(|at| Input::new(Value::Int64(at), (at == 1).then_some(Value::Null))).collect();
    let tree = Tree { inputs, ..Tree::default() };
    db.write(|batch| (0..2).try_for_each(|_| batch.put_tree(&tree).map(drop))).unwrap();
    let report = db.verify().unwrap();
    assert_eq!((report.documents, report.inputs, report.outputs), (2, 6, 2));
}

/// No read looks at it, and nothing else of the store says what it was.
#[test]
fn a_check_reads_the_padding_of_every_record() {
    let blob = compacted().windows(9).position(|bytes| bytes == b"123456789").unwrap();
    for at in [blob + 9, blob + 15] {
        let found = damage(&names::segment(3), |bytes| bytes[at] = 1);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((&found[0].0, found[0].1), (&names::segment(3), blob as u64 - 56));
    }
}

#[test]
fn a_check_compares_headers_with_what_they_were() {
    let is_the_header = |found: Vec<(String, u64, String)>| {
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].1 == 0 && found[0].2.contains("header is not what it was"), "{found:?}");
    };
    is_the_header(damage(&names::segment(3), |bytes| bytes[20] ^= 1));
    is_the_header(damage(&names::segment(3), |bytes| {
        let header = SegmentHeader::decode(bytes).unwrap();
        let other = SegmentHeader { compression: None, ..header };
        assert_ne!(other, header);
        bytes[..HEADER_LEN as usize].copy_from_slice(&other.encode());
    }));
}

#[test]
fn a_check_compares_the_manifest_with_what_it_was() {
    let found = damage(names::MANIFEST, |bytes| bytes[100] ^= 1);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, names::MANIFEST);
}

#[test]
fn a_footer_must_name_every_document_of_its_segment() {
    let segment = compacted();
    let at = segment.len() - 64;
    let with_footer = |documents: &[u64]| {
        let mut bytes = segment[..at].to_vec();
        let payload = crate::format::record::encode_footer(documents).unwrap();
        let header = RecordHeader::new(RecordKind::Footer, 0, &payload).unwrap();
        bytes.extend(header.encode(SegmentHeader::decode(&segment).unwrap().salt(), at as u64));
        bytes.extend(payload);
        let manifest = manifest_of(3, SegmentKind::Compacted, bytes.len() as u64, at as u64);
        open(&disk(&[(names::MANIFEST, manifest), (&names::segment(3), bytes)])).verify().unwrap().damage
    };
    assert_eq!(with_footer(&[1]), []);
    assert_eq!(with_footer(&[1, 9]), [], "it may name more");
    let found = with_footer(&[9]);
    assert!(found.len() == 1 && found[0].what.contains("footer does not name"), "{found:?}");
    assert_eq!(found[0].offset, at as u64);
}
