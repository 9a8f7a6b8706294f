//! Which documents a piece of a segment belongs to, by the format alone.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use stratum::format::manifest::{EditAt, HEADER_LEN as MANIFEST_HEADER_LEN, ManifestState, decode_edit};
use stratum::format::record::{RecordHeader, RecordKind};
use stratum::format::segment::{HEADER_LEN, SegmentHeader};

use crate::stores::Files;

/// A record of an undamaged segment.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub start: usize,
    pub end: usize,
    pub header: RecordHeader,
}

/// What an undamaged manifest says.
fn manifest(files: &Files) -> ManifestState {
    let (bytes, mut at) = (&files[Path::new("MANIFEST")], MANIFEST_HEADER_LEN);
    let mut state = ManifestState::empty([0; 16]);
    while let EditAt::Edit(_, changes, length) = decode_edit(&bytes[at..]) {
        state.apply(&changes);
        at += length;
    }
    assert_eq!(decode_edit(&bytes[at..]), EditAt::End);
    state
}

/// The records of an undamaged file that count; none where it is no segment.
pub fn records(files: &Files, name: &Path) -> Vec<Place> {
    let bytes = &files[name];
    let Ok(header) = SegmentHeader::decode(bytes) else { return Vec::new() };
    let length = manifest(files).segments.get(&header.id).map_or(0, |meta| meta.length as usize);
    let bytes = if length > 0 { &bytes[..length] } else { bytes };
    let (mut at, mut places) = (HEADER_LEN as usize, Vec::new());
    while let Ok(record) = RecordHeader::decode(&bytes[at..], header.salt(), at as u64) {
        let end = at + record.record_len() as usize;
        places.push(Place { start: at, end, header: record });
        at = end;
        if at >= bytes.len() {
            break;
        }
    }
    places
}

/// The documents with a record in a range.
pub fn documents(records: &[Place], range: Range<usize>) -> BTreeSet<u64> {
    let touched = records.iter().filter(|place| place.start < range.end && range.start < place.end);
    let own = touched.filter(|place| !matches!(place.header.kind, RecordKind::Frame | RecordKind::Footer));
    own.map(|place| place.header.document).collect()
}
