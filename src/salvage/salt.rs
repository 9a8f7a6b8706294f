//! Which segment a file was, where its header is damaged: told by its records.
//!
//! The checksum of a record's header covers the segment's salt before anything else, and a CRC is linear: from the
//! checksum and the other bytes follows the one salt with which it holds. Bytes that only look like a header give some
//! salt or other; the records of one segment all give the same. A salt is a CRC too: from it, the store's id and the
//! segment's follows the epoch.
//!
//! 1. A salt is believed where it is that of a segment which the file can be, by its name, the manifest and the store's
//!    id. Where not even the store's id is known, the one that most records agree on is, if two do.

use std::collections::HashMap;

use super::source::Window;
use crate::format::manifest::SegmentMeta;
use crate::format::record::HEADER_LEN as RECORD_LEN;
use crate::format::segment::{HEADER_LEN, SegmentHeader, SegmentKind};
use crate::format::{NUMBERS_END, crc, read_u32, read_u64};
use crate::options::Compression;

/// Salts that are counted at a time.
const MOST_SALTS: usize = 1 << 16;
/// What the checksum of a record's header covers.
const COVERED: usize = 12 + RECORD_LEN as usize - 4;
/// What a salt covers: the store's id, the segment's, and where the epoch is.
const SALTED: usize = 28;
const EPOCH_AT: usize = 20;

/// For each bit of a checksum, the 32 bits that flip it alone, at one place of what it covers.
struct Solver([u32; 32]);

impl Solver {
    /// For checksums of `covered` bytes, and the four bytes at `at`.
    fn new(covered: usize, at: usize) -> Solver {
        let zero = crc(&vec![0; covered]);
        // Pairs (what bits flip in the checksum, the bits), brought to one bit each.
        let mut pairs: Vec<(u32, u32)> = (0..32)
            .map(|bit| {
                let mut bytes = vec![0; covered];
                bytes[at..at + 4].copy_from_slice(&(1u32 << bit).to_le_bytes());
                (crc(&bytes) ^ zero, 1 << bit)
            })
            .collect();
        for bit in 0..32 {
            let Some(at) = (bit..32).find(|at| pairs[*at].0 >> bit & 1 == 1) else { continue };
            pairs.swap(bit, at);
            let pivot = pairs[bit];
            for (other, pair) in pairs.iter_mut().enumerate() {
                if other != bit && pair.0 >> bit & 1 == 1 {
                    *pair = (pair.0 ^ pivot.0, pair.1 ^ pivot.1);
                }
            }
        }
        let mut flips = [0; 32];
        for (flip, (_, bits)) in flips.iter_mut().zip(pairs) {
            *flip = bits;
        }
        Solver(flips)
    }

    /// The bits with which a checksum differs so from that with zeros in their place.
    fn solve(&self, difference: u32) -> u32 {
        (0..32).filter(|bit| difference >> bit & 1 == 1).fold(0, |bits, bit| bits ^ self.0[bit])
    }
}

/// The salt with which the header in `bytes` checks out at this offset.
fn salt_of(solver: &Solver, bytes: &[u8; RECORD_LEN as usize], offset: u64) -> u32 {
    let mut covered = [0; COVERED];
    covered[4..12].copy_from_slice(&offset.to_le_bytes());
    covered[12..].copy_from_slice(&bytes[4..]);
    let stored = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    solver.solve(crc(&covered) ^ stored)
}

/// The salt of a segment.
fn salt(store: [u8; 16], id: u32, epoch: u64) -> u32 {
    let compression = Some(Compression::None);
    SegmentHeader { store, id, kind: SegmentKind::Log, epoch, first_sequence: 0, compression }.salt()
}

/// The segments that a store can have.
pub struct Segments {
    store: Option<[u8; 16]>,
    /// No segment is of this epoch or a later one.
    epochs_end: u64,
    /// Those that the manifest names, by their salts.
    named: HashMap<u32, u32>,
    records: Solver,
    epochs: Solver,
}

impl Segments {
    pub fn new<'a>(store: Option<[u8; 16]>, epochs_end: u64, metas: impl Iterator<Item = &'a SegmentMeta>) -> Segments {
        let named = store.map(|store| metas.map(|meta| (salt(store, meta.id, meta.epoch), meta.id)).collect());
        let (records, epochs) = (Solver::new(COVERED, 0), Solver::new(SALTED, EPOCH_AT));
        Segments { store, epochs_end, named: named.unwrap_or_default(), records, epochs }
    }

    /// Which segment has this salt, if it is one that the manifest names or the one with this id, of whatever epoch.
    fn id(&self, salt_of_it: u32, id: u32) -> Option<u32> {
        let by_name = || {
            let epoch = self.epochs.solve(salt_of_it ^ salt(self.store?, id, 0));
            (u64::from(epoch) < self.epochs_end).then_some(id)
        };
        self.named.get(&salt_of_it).copied().or_else(by_name)
    }

    /// Salt and id of a segment without a header, in a file that is called like the segment `id`.
    pub fn find(&self, window: &mut Window, id: u32) -> Option<(u32, u32)> {
        let mut votes: HashMap<u32, (u32, u64)> = HashMap::new();
        let mut at = HEADER_LEN;
        while at + RECORD_LEN <= window.length {
            let left = window.length - at;
            if let Some(bytes) = window.get(at, RECORD_LEN as usize).first_chunk()
                && is_likely(bytes, left)
            {
                let salt = salt_of(&self.records, bytes, at);
                if votes.len() < MOST_SALTS || votes.contains_key(&salt) {
                    let vote = votes.entry(salt).or_insert((0, at));
                    vote.0 += 1;
                    if vote.0 >= 2
                        && let Some(id) = self.id(salt, id)
                    {
                        return Some((salt, id));
                    }
                }
            }
            at += 8;
        }
        let ranked = |salts: &mut dyn Iterator<Item = (&u32, &(u32, u64))>| {
            salts.max_by_key(|(_, (count, first))| (*count, std::cmp::Reverse(*first))).map(|(salt, _)| *salt)
        };
        if self.store.is_none() {
            return ranked(&mut votes.iter().filter(|(_, (count, _))| *count >= 2)).map(|salt| (salt, id));
        }
        let salt = ranked(&mut votes.iter().filter(|(salt, _)| self.id(**salt, id).is_some()))?;
        Some((salt, self.id(salt, id)?))
    }
}

/// Whether these bytes have the shape of a record's header, with this many bytes of file from its start on.
fn is_likely(bytes: &[u8; RECORD_LEN as usize], left: u64) -> bool {
    let fields = || {
        let length = u64::from(read_u32(bytes, 12).ok()?);
        let (sequence, first, document) =
            (read_u64(bytes, 16).ok()?, read_u64(bytes, 24).ok()?, read_u64(bytes, 32).ok()?);
        let numbers = first <= sequence && sequence < NUMBERS_END && document < NUMBERS_END;
        let kind = match bytes[4] {
            1 => length == 32 && document == 0,
            2..=4 => document > 0,
            5 => length == 0 && document > 0,
            6 => length.is_multiple_of(8) && document == 0,
            _ => false,
        };
        let is_plain = bytes[6] == 0 && read_u32(bytes, 52).ok()? == 0;
        let is_compressed = bytes[4] == 2 && matches!(bytes[6], 1 | 2) && read_u32(bytes, 52).ok()? > 0;
        let reserved = bytes[7] == 0 && read_u32(bytes, 8).ok()? == 0;
        let is_coded = is_plain || is_compressed;
        Some(kind && is_coded && reserved && numbers && bytes[5] <= 6 && RECORD_LEN + length <= left)
    };
    fields().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::{RecordHeader, RecordKind};
    use crate::salvage::tests::made::Disk;

    #[test]
    fn the_salt_of_any_record_is_found() {
        let solver = Solver::new(COVERED, 0);
        for salt in [0, 1, 0x8000_0000, 0xdead_beef, u32::MAX] {
            for offset in [96, 104, 1 << 33] {
                let mut header = RecordHeader::new(RecordKind::Tree, 7, b"payload").unwrap();
                header.sequence = 9;
                let bytes = header.encode(salt, offset);
                assert_eq!(salt_of(&solver, &bytes, offset), salt);
                assert!(is_likely(&bytes, 64) && !is_likely(&bytes, 60));
            }
        }
    }

    #[test]
    fn what_is_no_header_is_not_likely() {
        let header = RecordHeader::new(RecordKind::Tombstone, 7, b"").unwrap().encode(1, 96);
        assert!(is_likely(&header, 56));
        for (at, value) in [(4, 0), (4, 7), (5, 7), (6, 1), (8, 1), (12, 1), (23, 0x80), (24, 1), (32, 0), (52, 1)] {
            let mut bytes = header;
            bytes[at] = value;
            assert!(!is_likely(&bytes, 56), "byte {at}");
        }
        assert!(!is_likely(&[0; 56], 56));
    }

    fn likely(kind: RecordKind, document: u64, length: usize, change: impl FnOnce(&mut RecordHeader)) -> bool {
        let mut header = RecordHeader::new(kind, document, &vec![1; length]).unwrap();
        change(&mut header);
        is_likely(&header.encode(1, 96), 1000)
    }

    #[test]
    fn each_kind_of_record_has_its_shape() {
        use RecordKind::*;
        for (kind, document, length, expected) in [
            (Frame, 0, 32, true),
            (Frame, 0, 40, false),
            (Frame, 1, 32, false),
            (Tree, 1, 8, true),
            (Tree, 0, 8, false),
            (Blob, 1, 3, true),
            (Blob, 0, 3, false),
            (Tombstone, 1, 0, true),
            (Tombstone, 1, 8, false),
            (Tombstone, 0, 0, false),
            (Footer, 0, 16, true),
            (Footer, 0, 12, false),
            (Footer, 1, 16, false),
        ] {
            assert_eq!(likely(kind, document, length, |_| ()), expected, "{kind:?} of document {document}, {length}");
        }
        assert!(likely(Tree, NUMBERS_END - 1, 8, |header| header.sequence = NUMBERS_END - 1));
        assert!(!likely(Tree, NUMBERS_END, 8, |_| ()));
        assert!(!likely(Tree, 1, 8, |header| header.sequence = NUMBERS_END));
    }

    /// A file with a tombstone for each of these salts.
    fn file(salts: impl IntoIterator<Item = u32>) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_LEN as usize];
        for salt in salts {
            let header = RecordHeader::new(RecordKind::Tombstone, 7, b"").unwrap();
            bytes.extend(header.encode(salt, bytes.len() as u64));
        }
        bytes
    }

    fn found(bytes: &[u8], known: &[u32]) -> Option<u32> {
        let mut window = Window::new(Disk::with_bad(bytes, &[]), bytes.len() as u64);
        // Those that a manifest names, where there is one.
        let store = (!known.is_empty()).then_some([1; 16]);
        let named = known.iter().map(|salt| (*salt, 1)).collect();
        let segments = Segments { epochs_end: 0, named, ..Segments::new(store, 0, [].iter()) };
        segments.find(&mut window, 1).map(|(salt, _)| salt)
    }

    #[test]
    fn the_salt_that_most_records_agree_on_is_the_segments() {
        assert_eq!(found(&file([5, 6, 6, 5, 6]), &[]), Some(6));
        assert_eq!(found(&file([5, 6, 6, 5]), &[]), Some(5), "of as many the first");
        assert_eq!(found(&file([5]), &[]), None, "one may be by chance");
        assert_eq!(found(&file([5]), &[5]), Some(5), "but not where it is one of a few");
        assert_eq!(found(&file([5, 5, 6, 6]), &[6]), Some(6), "another store's are as many");
        assert_eq!(found(&file([5, 6, 6]), &[5, 6]), Some(6));
        assert_eq!(found(&file([5, 5]), &[6]), None);
    }

    #[test]
    fn a_record_that_is_cut_off_says_nothing() {
        let header = RecordHeader::new(RecordKind::Tree, 7, b"12345678").unwrap();
        let mut bytes = file([]);
        bytes.extend(header.encode(5, bytes.len() as u64));
        bytes.extend(*b"12345678");
        assert_eq!(found(&bytes, &[5]), Some(5));
        bytes.pop();
        assert_eq!(found(&bytes, &[5]), None);
    }

    #[test]
    fn no_more_salts_are_counted_than_there_is_room_for() {
        let most = MOST_SALTS as u32;
        assert_eq!(found(&file((1..most).chain([0])), &[0]), Some(0));
        assert_eq!(found(&file((1..=most).chain([0])), &[0]), None);
    }
}
