//! The index checkpoint's bytes: what the index held at one sequence number.
//!
//! ```text
//! File header, 96 bytes: 0 magic "STRATCKP", 8 u32 version, 12 u32 length, 16 store UUID, 32 u64 sequence,
//!                        40 u64 position offset, 48 u64 next document, 56 u64 body length, 64 u32 segments,
//!                        68 u32 pages, 72 u32 position segment, 76 u32 zero, 80 u64 manifest edit,
//!                        88 u32 CRC of the tables, 92 u32 CRC of the header
//! Body: pages     one behind the other: entries, of documents with the same id / 256
//!       tables    of segments, {u32 id, u32 zero, u64 bytes covered}
//!                 of pages, {u64 id / 256, u32 length / 8, u32 CRC, 256 bits: which documents it has}
//! Entry, 32 bytes:  {u8 id % 256, u8 tag (1 tree, 2 run, 3 blob), u8 blob place, u8 zero, u32 segment, u32 offset / 8,
//!                   u32 length / 8, i32 nodes, u32 replaced / 8, u64 sequence}; a run has u64 first sequence behind it
//! ```
//!
//! 1. A checkpoint is disposable: what does not check out is ignored, and the log tells the same.
//! 2. Pages ascend, and entries by document. A document's first entry is its tree, the only one of it. A page has a
//!    document; no document has the id 0.
//! 3. A page can be read without the others: the tables, which are small, say where it is and what it must be.

mod write;

use super::extent::{Extent, Run};
use super::present::Present;
use super::record::BlobPlace;
use super::{Decoded, Header, HeaderError, Malformed, NUMBERS_END, crc, u32_at, u64_at};
use crate::memory;

pub use write::{CheckpointWriter, Sink};

/// Bytes before the body.
pub const HEADER_LEN: usize = 96;
const MAGIC: &[u8; 8] = b"STRATCKP";
const SEGMENT_LEN: usize = 16;
const PAGE_ENTRY_LEN: usize = 48;
const ENTRY_LEN: usize = 32;
/// That of a run.
const LONG_ENTRY_LEN: usize = 40;
/// Tags of entries.
const TREE: u8 = 1;
const RUN: u8 = 2;
const BLOB: u8 = 3;
/// A page has the documents whose ids differ in so many bits.
pub const PAGE_BITS: u32 = 8;

/// What a checkpoint covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointHead {
    /// The store.
    pub store: [u8; 16],
    /// Sequence number of the newest commit in it.
    pub sequence: u64,
    /// The log's position behind that commit: segment (zero for none) and offset.
    pub position: (u32, u64),
    /// As the manifest's mark.
    pub next_document: u64,
    /// Number of the manifest's newest edit, which was durable, as was every name that it gives.
    pub edit: u64,
    /// The segments there were, and how many bytes of each are covered.
    pub segments: Vec<(u32, u64)>,
}

/// One thing that the index knows of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Its tree.
    Tree(Extent),
    /// A delta on the tree.
    Run(Run),
    /// Its blob, where that is a record of its own.
    Blob(Extent),
}

/// Where a page lies in a checkpoint, and what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageAt {
    /// Its documents' ids, without the lowest bits.
    pub number: u64,
    /// Offset in the file.
    pub start: usize,
    /// Bytes.
    pub length: usize,
    /// Which documents it has.
    pub present: Present,
    crc: u32,
}

/// The sums of a page of trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trees {
    /// The segment that all of them lie in.
    pub segment: u32,
    /// How many there are.
    pub documents: u64,
    /// Documents, inputs and outputs.
    pub nodes: i64,
    /// Their length, divided by 8.
    pub length8: u64,
}

/// A checkpoint whose header and tables were verified. Its pages are, each when it is read.
pub struct CheckpointReader<'a> {
    /// What it covers.
    pub head: CheckpointHead,
    bytes: &'a [u8],
    table: &'a [u8],
}

impl<'a> CheckpointReader<'a> {
    /// Checks header and tables; the text says why a checkpoint is not believed.
    pub fn open(bytes: &'a [u8]) -> Result<CheckpointReader<'a>, HeaderError> {
        let header = Header::<HEADER_LEN>::open(bytes, MAGIC, super::VERSION)?;
        if header.u64(32) >= NUMBERS_END || header.u64(48) > NUMBERS_END {
            return Err(HeaderError::Damaged("the header's numbers are impossible"));
        }
        let body = &bytes[HEADER_LEN..];
        let segments_len = header.u32(64) as usize * SEGMENT_LEN;
        let tables_len = segments_len + header.u32(68) as usize * PAGE_ENTRY_LEN;
        if body.len() as u64 != header.u64(56) || tables_len > body.len() {
            return Err(HeaderError::Damaged("the body has another length than the header says"));
        }
        let (pages, tables) = body.split_at(body.len() - tables_len);
        if crc(tables) != header.u32(88) {
            return Err(HeaderError::Damaged("the checksum of the tables does not match"));
        }
        let (segments, table) = tables.split_at(segments_len);
        let head = CheckpointHead {
            store: header.uuid(16),
            sequence: header.u64(32),
            position: (header.u32(72), header.u64(40)),
            next_document: header.u64(48),
            edit: header.u64(80),
            segments: segments.chunks_exact(SEGMENT_LEN).map(|row| (u32_at(row, 0), u64_at(row, 8))).collect(),
        };
        let reader = CheckpointReader { head, bytes, table };
        let (mut end, mut before) = (HEADER_LEN, None);
        for page in reader.pages() {
            if page.number >= NUMBERS_END >> PAGE_BITS || before.is_some_and(|before| before >= page.number) {
                return Err(HeaderError::Damaged("the pages do not ascend"));
            }
            let first = page.number << PAGE_BITS | u64::from(page.present.next(0).unwrap_or(0));
            if first == 0 || page.present == Present::default() {
                return Err(HeaderError::Damaged("a page has no document, or one with the id 0"));
            }
            (end, before) = (page.start.saturating_add(page.length), Some(page.number));
        }
        if end != HEADER_LEN + pages.len() {
            return Err(HeaderError::Damaged("the pages have other lengths than their table says"));
        }
        Ok(reader)
    }

    /// Where the pages are.
    pub fn pages(&self) -> impl ExactSizeIterator<Item = PageAt> {
        let mut end = HEADER_LEN;
        self.table.chunks_exact(PAGE_ENTRY_LEN).map(move |row| {
            let start = end;
            let length = u32_at(row, 8) as usize * 8;
            end = end.saturating_add(length);
            let present = Present::of([16, 24, 32, 40].map(|at| u64_at(row, at)));
            PageAt { number: u64_at(row, 0), start, length, present, crc: u32_at(row, 12) }
        })
    }

    /// Calls `each` with every row, in order, once the checksum of its page is verified.
    pub fn rows(&self, mut each: impl FnMut(u64, &[Entry]) -> Decoded<()>) -> Decoded<()> {
        for page in self.pages() {
            page.rows(self.bytes, |document, entries| each(document, entries))?;
        }
        Ok(())
    }
}

impl PageAt {
    /// The page's bytes, once their checksum is verified. `file` is the whole checkpoint.
    fn verified<'a>(&self, file: &'a [u8]) -> Decoded<&'a [u8]> {
        let bytes = file.get(self.start..).and_then(|rest| rest.get(..self.length));
        let bytes = bytes.ok_or(Malformed("a page of the checkpoint is cut off"))?;
        if crc(bytes) != self.crc {
            return Err(Malformed("the checksum of a page of the checkpoint does not match"));
        }
        Ok(bytes)
    }

    /// What `rows` would come to, if it has nothing but trees with their blobs inside them, all in one segment. Most
    /// pages are so; this is what opening a store takes its time for.
    pub fn trees(&self, file: &[u8]) -> Decoded<Option<Trees>> {
        let (entries, rest) = self.verified(file)?.as_chunks::<ENTRY_LEN>();
        let Some(first) = entries.first().filter(|_| rest.is_empty()) else { return Ok(None) };
        let segment = u32_at(first, 4);
        let mut trees = Trees { segment, documents: entries.len() as u64, nodes: 0, length8: 0 };
        let (mut found, mut others, mut last) = (Present::default(), 0, -1);
        for entry in entries {
            let head = u32_at(entry, 0);
            let place = (head as u8).into();
            found.add(head as u8);
            // Tag 1, padding 0, and a blob place of 0 or 1, which is not external; ids that ascend; the same segment.
            others |= (head >> 8 & !0x100) ^ u32::from(TREE) | u32_at(entry, 4) ^ segment | u32::from(place <= last);
            last = place;
            trees.nodes += i64::from(u32_at(entry, 16).cast_signed());
            trees.length8 += u64::from(u32_at(entry, 12));
        }
        Ok((others == 0 && found == self.present).then_some(trees))
    }

    /// Calls `each` with every document of the page and its entries, once the page's checksum is verified. `file` is
    /// the whole checkpoint.
    pub fn rows(&self, file: &[u8], mut each: impl FnMut(u64, &[Entry]) -> Decoded<()>) -> Decoded<()> {
        let bytes = self.verified(file)?;
        let (mut rest, mut last, mut found, mut entries) = (bytes, None, Present::default(), Vec::new());
        while !rest.is_empty() {
            let (place, tree, behind) = decode_entry(rest)?;
            if !matches!(tree, Entry::Tree(_)) || last.is_some_and(|last| last >= place) {
                return Err(Malformed("the documents of a page of the checkpoint do not ascend, each with its tree"));
            }
            (rest, last) = (behind, Some(place));
            found.add(place);
            let document = self.number << PAGE_BITS | u64::from(place);
            // Most documents are a tree and nothing else.
            if begins_document(rest) {
                each(document, std::slice::from_ref(&tree))?;
                continue;
            }
            entries.clear();
            memory::push(&mut entries, tree)?;
            while !begins_document(rest) {
                let (of, entry, behind) = decode_entry(rest)?;
                if of != place {
                    return Err(Malformed("an entry of the checkpoint stands behind another document's tree"));
                }
                memory::push(&mut entries, entry)?;
                rest = behind;
            }
            each(document, &entries)?;
        }
        if found != self.present {
            return Err(Malformed("a page of the checkpoint has other documents than its table says"));
        }
        Ok(())
    }
}

/// Whether a document's entries begin here, or the page ends.
fn begins_document(rest: &[u8]) -> bool {
    rest.get(1).is_none_or(|tag| *tag == TREE)
}

/// The entry that the bytes begin with, the place of its document, and the bytes behind it.
fn decode_entry(bytes: &[u8]) -> Decoded<(u8, Entry, &[u8])> {
    let cut = Malformed("an entry of the checkpoint is cut off");
    let (entry, behind) = bytes.split_first_chunk::<ENTRY_LEN>().ok_or(cut)?;
    let blob = match entry[2] {
        0 => BlobPlace::Unchanged,
        1 => BlobPlace::Inline,
        2 => BlobPlace::External,
        _ => return Err(Malformed("a checkpoint entry's blob place is unknown")),
    };
    if entry[3] != 0 {
        return Err(Malformed("padding is not zero"));
    }
    let extent = Extent {
        segment: u32_at(entry, 4),
        offset8: u32_at(entry, 8),
        length8: u32_at(entry, 12),
        nodes: u32_at(entry, 16).cast_signed(),
        replaced8: u32_at(entry, 20),
        sequence: u64_at(entry, 24),
        blob,
    };
    match entry[1] {
        TREE => Ok((entry[0], Entry::Tree(extent), behind)),
        RUN => {
            let (first, behind) = behind.split_first_chunk().ok_or(cut)?;
            let run = Run { extent, first_sequence: u64::from_le_bytes(*first) };
            Ok((entry[0], Entry::Run(run), behind))
        }
        BLOB => Ok((entry[0], Entry::Blob(extent), behind)),
        _ => Err(Malformed("a checkpoint entry's tag is unknown")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::golden;

    fn sample() -> (CheckpointHead, Vec<(u64, Vec<Entry>)>) {
        let head = CheckpointHead {
            store: [9; 16],
            sequence: 77,
            position: (4, 4096),
            next_document: 12,
            edit: 5,
            segments: vec![(2, 800), (4, 4096)],
        };
        let extent = Extent {
            segment: 2,
            offset8: 12,
            length8: 9,
            nodes: -4,
            sequence: 6,
            replaced8: 5,
            blob: BlobPlace::External,
        };
        let run = Run { extent: Extent { sequence: 9, ..extent }, first_sequence: 7 };
        let rich = vec![Entry::Tree(extent), Entry::Run(run), Entry::Blob(extent)];
        (head, vec![(3, vec![Entry::Tree(extent)]), (8, rich)])
    }

    fn encoded() -> Vec<u8> {
        let (head, rows) = sample();
        let mut writer = CheckpointWriter::new(head, Vec::new());
        rows.iter().for_each(|(document, entries)| writer.row(*document, entries).unwrap());
        writer.finish().unwrap()
    }

    #[test]
    fn is_as_documented() {
        let head = CheckpointHead {
            store: golden::STORE,
            sequence: 2,
            position: (0, 0),
            next_document: 3,
            edit: 3,
            segments: vec![(1, 544)],
        };
        let tree = Extent {
            segment: 1,
            offset8: 23,
            length8: 18,
            nodes: 1,
            sequence: 1,
            replaced8: 0,
            blob: BlobPlace::Inline,
        };
        let mut writer = CheckpointWriter::new(head, Vec::new());
        writer.row(1, &[Entry::Tree(tree)]).unwrap();
        golden::check("checkpoint", &writer.finish().unwrap());
    }

    #[test]
    fn every_entry_is_as_documented() {
        let head = CheckpointHead {
            store: golden::STORE,
            sequence: 3,
            position: (1, 768),
            next_document: 3,
            edit: 2,
            segments: vec![(1, 768)],
        };
        let of = |offset: u32, length: u32, nodes: i32, sequence: u64, blob: BlobPlace| Extent {
            segment: 1,
            offset8: offset / 8,
            length8: length / 8,
            nodes,
            sequence,
            replaced8: 0,
            blob,
        };
        let delta = Extent { replaced8: 1, ..of(632, 136, 0, 3, BlobPlace::External) };
        let mut writer = CheckpointWriter::new(head, Vec::new());
        let entries = [
            Entry::Tree(of(184, 144, 1, 1, BlobPlace::Inline)),
            Entry::Run(Run { extent: delta, first_sequence: 3 }),
            Entry::Blob(of(560, 72, 0, 3, BlobPlace::Unchanged)),
        ];
        writer.row(1, &entries).unwrap();
        golden::check("checkpoint-of-changes", &writer.finish().unwrap());
    }

    #[test]
    fn round_trips() {
        let bytes = encoded();
        let reader = CheckpointReader::open(&bytes).unwrap();
        let mut rows = Vec::new();
        reader
            .rows(|document, entries| {
                rows.push((document, entries.to_vec()));
                Ok(())
            })
            .unwrap();
        assert_eq!((reader.head, rows), sample());
    }

    /// Whether everything checks out.
    fn is_whole(bytes: &[u8]) -> bool {
        CheckpointReader::open(bytes).is_ok_and(|reader| reader.rows(|_, _| Ok(())).is_ok())
    }

    #[test]
    fn every_flip_and_truncation_is_seen() {
        let bytes = encoded();
        assert!(is_whole(&bytes));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x20;
            assert!(!is_whole(&damaged), "byte {at}");
            assert!(!is_whole(&bytes[..at]));
        }
    }

    #[test]
    fn a_page_is_read_without_the_others() {
        let (head, rows) = sample();
        let mut writer = CheckpointWriter::new(head, Vec::new());
        for document in [3, 255, 256, 1 << 40] {
            writer.row(document, &rows[1].1).unwrap();
        }
        let mut bytes = writer.finish().unwrap();
        let pages: Vec<PageAt> = CheckpointReader::open(&bytes).unwrap().pages().collect();
        assert_eq!(pages.iter().map(|page| page.number).collect::<Vec<_>>(), [0, 1, 1 << 32]);
        bytes[pages[1].start] ^= 1;
        let mut found = Vec::new();
        let mut read = |page: &PageAt| {
            page.rows(&bytes, |document, entries| {
                found.push((document, entries.len()));
                Ok(())
            })
        };
        assert!(read(&pages[0]).is_ok() && read(&pages[1]).is_err() && read(&pages[2]).is_ok());
        assert_eq!(found, [(3, 3), (255, 3), (1 << 40, 3)]);
    }

    #[test]
    fn rows_out_of_order_or_without_their_tree_are_malformed() {
        let (head, rows) = sample();
        let (plain, rich) = (&rows[0].1, &rows[1].1);
        let cases: [&[(u64, &[Entry])]; 6] = [
            &[(0, plain)],
            &[(8, plain), (3, plain)],
            &[(300, plain), (3, plain)],
            &[(3, plain), (3, plain)],
            &[(3, &rich[1..])],
            &[(3, rich), (4, &rich[2..])],
        ];
        for (at, case) in cases.into_iter().enumerate() {
            let mut writer = CheckpointWriter::new(head.clone(), Vec::new());
            case.iter().for_each(|(document, entries)| writer.row(*document, entries).unwrap());
            assert!(!is_whole(&writer.finish().unwrap()), "case {at}");
        }
    }

    #[test]
    fn a_table_that_lies_is_not_believed_whatever_its_checksums_say() {
        let (head, rows) = sample();
        let mut writer = CheckpointWriter::new(head.clone(), Vec::new());
        [3, 255, 300].into_iter().for_each(|document| writer.row(document, &rows[1].1).unwrap());
        let bytes = writer.finish().unwrap();
        let tables = bytes.len() - 2 * PAGE_ENTRY_LEN - head.segments.len() * SEGMENT_LEN;
        let table = bytes.len() - 2 * PAGE_ENTRY_LEN;
        let with = |changes: &[(usize, u64)]| {
            let mut lying = bytes.clone();
            for (at, field) in changes {
                lying[*at..at + 8].copy_from_slice(&field.to_le_bytes());
            }
            let sum = crc(&lying[tables..]);
            lying[88..92].copy_from_slice(&sum.to_le_bytes());
            let sum = crc(&lying[..92]);
            lying[92..96].copy_from_slice(&sum.to_le_bytes());
            lying
        };
        assert!(is_whole(&with(&[])));
        let (second, size) = (table + PAGE_ENTRY_LEN, u64_at(&bytes, table + 8));
        let cases: [(&str, &[(usize, u64)]); 11] = [
            ("a page of impossible ids", &[(second, NUMBERS_END >> PAGE_BITS)]),
            ("the same page twice", &[(second, 0)]),
            ("pages that descend", &[(table, 2)]),
            ("a page that is longer", &[(table + 8, size + 1)]),
            ("a page that is shorter", &[(table + 8, size - 1)]),
            ("a page beyond the file", &[(second + 8, u64::from(u32::MAX))]),
            ("a document that is not there", &[(table + 16, 1 << 3 | 1 << 4)]),
            ("a document that is not told", &[(table + 40, 0)]),
            ("another document", &[(second + 16, 1 << 43)]),
            ("a page without documents", &[(second + 16, 0)]),
            ("more pages than the file can have", &[(64, u64::MAX)]),
        ];
        for (what, changes) in cases {
            assert!(!is_whole(&with(changes)), "{what}");
        }
    }

    #[test]
    fn pages_of_trees_have_sums_and_no_other_pages() {
        let (head, rows) = sample();
        let Entry::Tree(plain) = rows[0].1[0] else { panic!("a tree") };
        let sums = |rows: &[(u64, &[Entry])]| {
            let mut writer = CheckpointWriter::new(head.clone(), Vec::new());
            rows.iter().for_each(|(document, entries)| writer.row(*document, entries).unwrap());
            let bytes = writer.finish().unwrap();
            let page = CheckpointReader::open(&bytes).unwrap().pages().next().unwrap();
            page.trees(&bytes).unwrap()
        };
        let tree = |blob, segment| [Entry::Tree(Extent { blob, segment, length8: u32::MAX, nodes: 2, ..plain })];
        let (inline, unchanged) = (&tree(BlobPlace::Inline, 7), &tree(BlobPlace::Unchanged, 7));
        let expected = Trees { segment: 7, documents: 3, nodes: 6, length8: 3 * u64::from(u32::MAX) };
        assert_eq!(sums(&[(1, inline), (2, unchanged), (255, inline)]), Some(expected));
        assert_eq!(sums(&[(1, inline), (2, &tree(BlobPlace::External, 7))]), None);
        assert_eq!(sums(&[(1, inline), (2, &tree(BlobPlace::Inline, 8))]), None);
        assert_eq!(sums(&[(1, inline), (3, &rows[1].1)]), None);
        assert_eq!(sums(&[(2, inline), (1, inline)]), None, "out of order");
        assert_eq!(sums(&[(1, inline), (1, inline)]), None, "twice");
        let runs = [Entry::Run(Run { extent: plain, first_sequence: 1 }); 4];
        assert_eq!(sums(&[(1, &runs)]), None, "as many bytes as five trees");
    }
}
