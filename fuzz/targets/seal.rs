//! Making checksums match, so that what lies behind them is reached. The layouts are those of docs/format.md.
//!
//! 1. Only checksums are changed (and the length of a checkpoint's body). What does not reach far enough to have one is
//!    left as it is.

#![allow(dead_code)] // each target needs some of it

use std::ops::Range;

const SEGMENT_HEADER: usize = 96;
const RECORD_HEADER: usize = stratum::format::record::HEADER_LEN as usize;

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
}

fn put_crc(bytes: &mut [u8], at: usize, covered: Range<usize>) -> Option<()> {
    let crc = crc32fast::hash(bytes.get(covered)?);
    put(bytes, at, crc)
}

fn put(bytes: &mut [u8], at: usize, crc: u32) -> Option<()> {
    bytes.get_mut(at..at.checked_add(4)?)?.copy_from_slice(&crc.to_le_bytes());
    Some(())
}

/// Seals a file of a store by its name.
pub fn file(name: &str, bytes: &mut [u8]) {
    match name {
        "MANIFEST" => {
            file_header(bytes);
            if let Some(rest) = bytes.get_mut(96..) {
                edits(rest);
            }
        }
        "CHECKPOINT" => checkpoint(bytes),
        _ if name.ends_with(".strat") => segment(bytes),
        _ => {}
    }
}

/// Seals the header that every file begins with.
pub fn file_header(bytes: &mut [u8]) {
    if let Some(length @ 16..=4096) = u32_at(bytes, 12).map(|length| length as usize) {
        put_crc(bytes, length - 4, 0..length - 4);
    }
}

/// Seals edits of a manifest that stand one after another.
pub fn edits(mut bytes: &mut [u8]) {
    while let Some(length) = u32_at(bytes, 4) {
        let end = 16 + length as usize;
        if put_crc(bytes, 0, 4..end).is_none() {
            return;
        }
        bytes = &mut bytes[end..];
    }
}

/// Seals a checkpoint: its pages, as far as the table's lengths lead, the tables, the header.
pub fn checkpoint(bytes: &mut [u8]) {
    if bytes.len() >= 96 {
        let end = bytes.len();
        bytes[56..64].copy_from_slice(&(end as u64 - 96).to_le_bytes());
        let field = |bytes: &[u8], at: usize| u32_at(bytes, at).unwrap_or(0) as usize;
        let tables =
            (field(bytes, 64) * 16).checked_add(field(bytes, 68) * 48).and_then(|length| end.checked_sub(length));
        if let Some(tables) = tables.filter(|tables| *tables >= 96) {
            let mut start = 96;
            for row in (tables + field(bytes, 64) * 16..end).step_by(48) {
                let length = field(bytes, row + 8) * 8;
                put_crc(bytes, row + 12, start..start + length);
                start += length;
            }
            put_crc(bytes, 88, tables..end);
        }
    }
    file_header(bytes);
}

/// Seals the header of a record at `offset` of a segment with this salt.
pub fn record_header(bytes: &mut [u8], salt: u32, offset: u64) {
    if let Some(rest) = bytes.get(4..RECORD_HEADER) {
        let covered = [&salt.to_le_bytes()[..], &offset.to_le_bytes(), rest].concat();
        put(bytes, 0, crc32fast::hash(&covered));
    }
}

/// Seals a segment: its header, and each record with what is in it.
pub fn segment(bytes: &mut [u8]) {
    file_header(bytes);
    let Ok(header) = stratum::format::segment::SegmentHeader::decode(bytes) else { return };
    let mut at = SEGMENT_HEADER;
    while let Some(record) = bytes.get_mut(at..).filter(|record| record.len() >= RECORD_HEADER) {
        let length = u32_at(record, 12).unwrap_or(0) as usize;
        let is_plain = record[6] == 0;
        if let Some(payload) = record.get_mut(RECORD_HEADER..RECORD_HEADER + length) {
            if is_plain { packed(payload) } else { compressed(payload) }
        }
        put_crc(record, 44, RECORD_HEADER..RECORD_HEADER + length);
        record_header(record, header.salt(), at as u64);
        at += RECORD_HEADER + length.next_multiple_of(8);
    }
}

/// Seals a packed tree or delta from the inside out.
pub fn packed(bytes: &mut [u8]) {
    if !matches!(bytes.first_chunk(), Some(b"STPT" | b"STPD")) {
        return;
    }
    let (entries, end) = (field(bytes, 24), bytes.len());
    for entry in (0..entries).map(|entry| 80 + entry * 32).take_while(|entry| entry + 32 <= end) {
        let mut start = field(bytes, entry + 4) * 8;
        for (length_at, crc_at) in [(8, 20), (12, 24), (16, 28)] {
            let length = (field(bytes, entry + length_at) & 0x3fff_ffff) * 8;
            put_crc_or_none(bytes, entry + crc_at, start..start + length);
            start += length;
        }
    }
    let is_inline = bytes.get(5).is_some_and(|flags| flags & 3 == 1);
    if is_inline {
        let start = field(bytes, 40) * 8;
        let length = field(bytes, 48);
        put_crc_or_none(bytes, 44, start..start + length);
    }
    head(bytes);
}

/// Seals the head of a packed tree or delta.
fn head(bytes: &mut [u8]) {
    let is_delta = bytes.starts_with(b"STPD");
    let extra = (field(bytes, 28) * if is_delta { 12 } else { 4 }).next_multiple_of(8);
    let columns = 80 + field(bytes, 24) * 32 + extra;
    put_crc_or_none(bytes, 56, 80..columns);
    put_crc_or_none(bytes, 60, columns..columns + field(bytes, 36) * 8);
    put_crc(bytes, 76, 0..76);
}

/// Seals a compressed tree: each frame as it is stored, the table, the head. What frames decompress to is left alone.
pub fn compressed(bytes: &mut [u8]) {
    let table = field(bytes, 12) * 8;
    let frames = table + 8 + field(bytes, table) * 16;
    if frames > bytes.len() {
        return;
    }
    let mut start = frames;
    for entry in (table + 8..frames).step_by(16) {
        let end = start + field(bytes, entry + 4);
        put_crc(bytes, entry + 8, start..end);
        start = end;
    }
    put_crc(bytes, table + 4, table + 8..frames);
    head(bytes);
}

fn field(bytes: &[u8], at: usize) -> usize {
    u32_at(bytes, at).unwrap_or(0) as usize
}

/// What is empty has the checksum zero.
fn put_crc_or_none(bytes: &mut [u8], at: usize, covered: Range<usize>) {
    if put_crc(bytes, at, covered).is_none() {
        put(bytes, at, 0);
    }
}
