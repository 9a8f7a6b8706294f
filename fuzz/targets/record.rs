//! Records, segment headers, the manifest and checkpoints: any bytes, as they are and behind matching checksums.
//!
//! 1. Nothing panics.
//! 2. What decodes means something: encoded and decoded again it is the same.

#![no_main]

mod seal;
mod source;

use libfuzzer_sys::fuzz_target;
use source::Source;
use stratum::format::checkpoint::{CheckpointReader, CheckpointWriter, Entry};
use stratum::format::manifest::{self, EditAt, ManifestState};
use stratum::format::names;
use stratum::format::record::{Frame, HEADER_LEN, RecordHeader, decode_footer, encode_footer};
use stratum::format::segment::SegmentHeader;

fuzz_target!(|bytes: &[u8]| {
    let mut source = Source::new(bytes);
    let what = source.byte();
    let plain = source.take(usize::MAX);
    let mut sealed = plain.to_vec();
    match what % 6 {
        0 => {
            record_header(plain);
            seal::record_header(&mut sealed, SALT, OFFSET);
            record_header(&sealed);
        }
        1 => {
            segment_header(plain);
            seal::file_header(&mut sealed);
            segment_header(&sealed);
        }
        2 => {
            frame_and_footer(plain);
            file_name(plain);
        }
        3 => {
            edits(plain);
            seal::edits(&mut sealed);
            edits(&sealed);
        }
        4 => {
            let _ = manifest::decode_header(plain);
            seal::file_header(&mut sealed);
            if let Ok(store) = manifest::decode_header(&sealed) {
                assert_eq!(manifest::decode_header(&manifest::encode_header(store)), Ok(store));
            }
        }
        _ => {
            checkpoint(plain);
            seal::checkpoint(&mut sealed);
            checkpoint(&sealed);
        }
    }
});

const SALT: u32 = 0x5eed;
const OFFSET: u64 = 96;

fn record_header(bytes: &[u8]) {
    if let Ok(header) = RecordHeader::decode(bytes, SALT, OFFSET) {
        assert_eq!(header.encode(SALT, OFFSET)[..], bytes[..HEADER_LEN as usize], "a record header has one form");
        assert!(header.record_len().is_multiple_of(8));
    }
}

fn segment_header(bytes: &[u8]) {
    if let Ok(header) = SegmentHeader::decode(bytes) {
        assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
    }
}

fn frame_and_footer(bytes: &[u8]) {
    if let Ok(frame) = Frame::decode(bytes) {
        assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
    }
    if let Ok(documents) = decode_footer(bytes) {
        assert_eq!(encode_footer(&documents).as_deref(), Ok(bytes), "a footer has one form");
    }
}

fn file_name(bytes: &[u8]) {
    if let Ok(name) = std::str::from_utf8(bytes)
        && let Some(id) = names::segment_id(name.as_ref())
    {
        assert_eq!(names::segment(id), name, "a segment has one name");
    }
}

/// Reads edits one after another, as the store does.
fn edits(bytes: &[u8]) {
    let mut state = ManifestState::empty([7; 16]);
    let mut at = 0;
    while let EditAt::Edit(number, changes, length) = manifest::decode_edit(&bytes[at..]) {
        let encoded = manifest::encode_edit(number, &changes);
        assert_eq!(manifest::decode_edit(&encoded), EditAt::Edit(number, changes.clone(), encoded.len()));
        state.apply(&changes);
        at += length;
    }
    let mut copy = ManifestState::empty([7; 16]);
    copy.apply(&state.as_changes());
    assert_eq!(copy, state);
}

fn checkpoint(bytes: &[u8]) {
    let Ok(reader) = CheckpointReader::open(bytes) else { return };
    let Ok(rows) = rows(&reader) else { return };
    let mut writer = CheckpointWriter::new(reader.head.clone(), Vec::new());
    rows.iter().for_each(|(document, entries)| writer.row(*document, entries).expect("there is memory"));
    let written = writer.finish().expect("there is memory");
    let again = CheckpointReader::open(&written).expect("what was written opens");
    assert_eq!(again.head, reader.head);
    assert_eq!(self::rows(&again).expect("what was written can be read"), rows);
}

type Rows = Vec<(u64, Vec<Entry>)>;

fn rows(reader: &CheckpointReader<'_>) -> Result<Rows, stratum::format::Malformed> {
    let mut rows = Vec::new();
    reader.rows(|document, entries| {
        rows.push((document, entries.to_vec()));
        Ok(())
    })?;
    Ok(rows)
}
