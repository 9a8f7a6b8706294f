//! Stores whose checksums are right and whose contents no store would write: a repair that ends, and a target that is
//! sound, whatever it holds.

use std::path::Path;

use stratum::Columns;
use stratum::format::manifest::{Change, EditAt, HEADER_LEN as MANIFEST_HEADER_LEN, Marks, SegmentMeta};
use stratum::format::manifest::{decode_edit, encode_edit};
use stratum::format::packed::HEADER_LEN as PACKED_HEADER_LEN;
use stratum::format::record::{HEADER_LEN, RecordHeader, RecordKind};
use stratum::format::segment::SegmentHeader;
use stratum::vfs::sim::Rng;

use crate::judge::{open, repair};
use crate::parts::{Place, records};
use crate::setting;
use crate::stores::{Files, Store, compacted, contents, random};

/// Changes a record, and makes its checksums right again.
fn forge(bytes: &mut [u8], place: &Place, rng: &mut Rng) {
    let salt = SegmentHeader::decode(bytes).unwrap().salt();
    let mut header = RecordHeader::decode(&bytes[place.start..], salt, place.start as u64).unwrap();
    let start = place.start + HEADER_LEN as usize;
    let payload = &mut bytes[start..start + header.payload_len as usize];
    if rng.below(4) == 0 || payload.is_empty() {
        match rng.below(6) {
            0 => header.sequence = rng.below(50),
            1 => header.first_sequence = rng.below(50),
            2 => header.document = 1 + rng.below(9),
            3 => header.nodes = rng.next_u64() as i32,
            4 => header.fold = !header.fold,
            _ => header.replaced8 = u32::MAX,
        }
    } else {
        let at = rng.index(payload.len());
        payload[at] = rng.next_u64() as u8;
        if matches!(header.kind, RecordKind::Tree | RecordKind::Delta) && payload.len() >= PACKED_HEADER_LEN {
            let entries = u32::from_le_bytes(payload[24..28].try_into().unwrap()) as usize;
            if let Some(directory) = payload.get(PACKED_HEADER_LEN..PACKED_HEADER_LEN + entries.min(1000) * 32) {
                let crc = crc32fast::hash(directory);
                payload[56..60].copy_from_slice(&crc.to_le_bytes());
            }
            let crc = crc32fast::hash(&payload[..76]);
            payload[76..80].copy_from_slice(&crc.to_le_bytes());
        }
        header.payload_crc = crc32fast::hash(payload);
    }
    let head = header.encode(salt, place.start as u64);
    bytes[place.start..start].copy_from_slice(&head);
}

fn forged(store: &Store, rng: &mut Rng) -> Files {
    let mut files = store.files.clone();
    for (name, bytes) in &mut files {
        let places = records(&store.files, name);
        for _ in 0..3 {
            if !places.is_empty() {
                forge(bytes, &places[rng.index(places.len())], rng);
            }
        }
    }
    files
}

#[test]
fn forged_records_make_no_unsound_store() {
    let mut documents = 0;
    for seed in 1..=setting("STRATUM_CASES", 300) {
        let mut rng = Rng::new(seed ^ 0xf0f0);
        let store = random(rng.next_u64());
        let disk = store.disk(&forged(&store, &mut rng));
        let report = repair(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let db = open(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{report}"));
        let damage = db.verify().unwrap().damage;
        assert!(damage.is_empty(), "seed {seed}: {damage:?}\n{report}");
        documents += contents(&db).len();
    }
    assert!(documents > 0);
}

/// Going through all that follows for each place would take years.
#[test]
fn a_manifest_of_zeros_is_gone_through_once() {
    let store = compacted();
    let mut files = store.files.clone();
    let whole = files[Path::new("MANIFEST")].clone();
    let zeros = [&whole[..], &vec![0; 64 << 20]].concat();
    files.insert("MANIFEST".into(), zeros.clone());
    let report = repair(&store.disk(&files)).unwrap();
    assert!(!report.is_uncertain, "zeros wait for edits: {report}");
    files.insert("MANIFEST".into(), [&zeros[..], &[1]].concat());
    let report = repair(&store.disk(&files)).unwrap();
    assert!(report.is_uncertain, "{report}");
}

/// A manifest that checks out and claims segments of any length, there or not.
#[test]
fn no_claim_of_a_length_is_too_much() {
    let store = compacted();
    for length in [u64::MAX, u64::MAX / 2, 1 << 62, 0] {
        let mut files = store.files.clone();
        let bytes = files.get_mut(Path::new("MANIFEST")).unwrap();
        let (mut at, mut metas, mut last) = (MANIFEST_HEADER_LEN, Vec::new(), 0);
        while let EditAt::Edit(number, changes, length) = decode_edit(&bytes[at..]) {
            metas.extend(changes.iter().filter_map(|change| match change {
                Change::Segment(meta) => Some(*meta),
                _ => None,
            }));
            (at, last) = (at + length, number);
        }
        let absent = metas.iter().map(|meta| SegmentMeta { id: meta.id + 1000, length, ..*meta });
        let claimed = metas.iter().map(|meta| SegmentMeta { length, ..*meta });
        let claims: Vec<Change> = claimed.chain(absent).map(Change::Segment).collect();
        bytes.extend(encode_edit(last + 1, &claims));
        let disk = store.disk(&files);
        let report = repair(&disk).unwrap_or_else(|error| panic!("{length}: {error}"));
        assert!(report.is_uncertain || length == 0, "{length}: {report}");
        let db = open(&disk).unwrap_or_else(|error| panic!("{length}: {error}\n{report}"));
        assert!(db.verify().unwrap().damage.is_empty());
        assert_eq!(contents(&db), store.now, "{length}: {report}");
    }
}

/// Marks just below the highest that an edit can say: what is repaired must have room to go on from them.
#[test]
fn a_target_goes_on_from_any_marks() {
    let store = compacted();
    let mut files = store.files.clone();
    let bytes = files.get_mut(Path::new("MANIFEST")).unwrap();
    let (mut at, mut last, mut marks) = (MANIFEST_HEADER_LEN, 0, None);
    while let EditAt::Edit(number, changes, length) = decode_edit(&bytes[at..]) {
        marks = changes.iter().fold(marks, |marks, change| match change {
            Change::Marks(newer) => Some(*newer),
            _ => marks,
        });
        (at, last) = (at + length, number);
    }
    let most = (1 << 62) - 1;
    let marks = Change::Marks(Marks { next_document: most, sequence: most, ..marks.unwrap() });
    bytes.truncate(at);
    bytes.extend(encode_edit(last + 1, &[marks]));
    let disk = store.disk(&files);
    let report = repair(&disk).unwrap();
    for known in (store.now.len()..).take(3) {
        let db = open(&disk).unwrap_or_else(|error| panic!("{error}\n{report}"));
        assert_eq!(contents(&db).len(), known, "{report}");
        db.write(|batch| batch.create_document(b"new", &Columns::new())).unwrap();
        db.close().unwrap();
    }
}
