//! Writing a checkpoint.
//!
//! 1. What is complete is handed on, so that it is never in memory as a whole: it may be as large as the index.
//! 2. The header is handed on last, since it says how long everything is.

use super::{BLOB, RUN, SEGMENT_LEN, TREE};
use super::{CheckpointHead, Entry, HEADER_LEN, LONG_ENTRY_LEN, MAGIC, PAGE_BITS, PAGE_ENTRY_LEN, PageAt};
use crate::format::present::Present;
use crate::format::{Header, VERSION, crc};
use crate::memory::{self, NoMemory};

/// Bytes that are worth a call to write them. The system caches what is written at once in pieces as large: with small
/// ones the file, which is mapped when it is opened, takes nearly twice as long to go through. Under miri a few small
/// pieces take long enough.
const PIECE: usize = if cfg!(miri) { 16 << 10 } else { 4 << 20 };

/// Where a checkpoint's bytes go.
pub trait Sink {
    /// Why it takes them no more.
    type Error: From<NoMemory>;
    /// Takes bytes that belong at this offset of the file. They follow those before, but for the header, which comes
    /// a second time, and last.
    ///
    /// # Errors
    /// The checkpoint is then to be given up.
    fn put(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// The whole file in memory.
impl Sink for Vec<u8> {
    type Error = NoMemory;

    fn put(&mut self, offset: u64, bytes: &[u8]) -> Result<(), NoMemory> {
        let (from, end) = (offset as usize, offset as usize + bytes.len());
        if end > self.len() {
            memory::reserve(self, end - self.len())?;
            self.resize(end, 0);
        }
        self[from..end].copy_from_slice(bytes);
        Ok(())
    }
}

/// Builds a checkpoint row by row.
pub struct CheckpointWriter<S> {
    head: CheckpointHead,
    sink: S,
    /// What the sink does not have yet: the last page, and those before it that are not worth a call.
    bytes: Vec<u8>,
    /// Where the first of them belongs.
    start: usize,
    pages: Vec<PageAt>,
}

impl<S: Sink> CheckpointWriter<S> {
    /// Begins a checkpoint.
    pub fn new(head: CheckpointHead, sink: S) -> CheckpointWriter<S> {
        CheckpointWriter { head, sink, bytes: vec![0; HEADER_LEN], start: 0, pages: Vec::new() }
    }

    /// Adds a document; ids must ascend.
    ///
    /// # Errors
    /// Those of the sink; the checkpoint is then to be given up.
    pub fn row(&mut self, document: u64, entries: &[Entry]) -> Result<(), S::Error> {
        let (number, place) = (document >> PAGE_BITS, document as u8);
        if self.pages.last().is_none_or(|page| page.number != number) {
            self.end_page();
            if self.bytes.len() >= PIECE {
                self.sink.put(self.start as u64, &self.bytes)?;
                self.start += self.bytes.len();
                self.bytes.clear();
            }
            let start = self.start + self.bytes.len();
            memory::push(&mut self.pages, PageAt { number, start, length: 0, present: Present::default(), crc: 0 })?;
        }
        if let Some(page) = self.pages.last_mut() {
            page.present.add(place);
        }
        memory::reserve(&mut self.bytes, entries.len() * LONG_ENTRY_LEN)?;
        for entry in entries {
            let (tag, extent) = match entry {
                Entry::Tree(extent) => (TREE, extent),
                Entry::Run(run) => (RUN, &run.extent),
                Entry::Blob(extent) => (BLOB, extent),
            };
            self.bytes.extend([place, tag, extent.blob as u8, 0]);
            for number in [extent.segment, extent.offset8, extent.length8] {
                self.bytes.extend(number.to_le_bytes());
            }
            self.bytes.extend(extent.nodes.to_le_bytes());
            self.bytes.extend(extent.replaced8.to_le_bytes());
            self.bytes.extend(extent.sequence.to_le_bytes());
            if let Entry::Run(run) = entry {
                self.bytes.extend(run.first_sequence.to_le_bytes());
            }
        }
        Ok(())
    }

    fn end_page(&mut self) {
        if let Some(page) = self.pages.last_mut() {
            let bytes = &self.bytes[page.start - self.start..];
            page.length = bytes.len();
            page.crc = crc(bytes);
        }
    }

    /// Ends the file with its tables, and says in its header what it is. Gives the sink back.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(mut self) -> Result<S, S::Error> {
        self.end_page();
        let tables = self.bytes.len();
        let more = self.head.segments.len() * SEGMENT_LEN + self.pages.len() * PAGE_ENTRY_LEN;
        memory::reserve(&mut self.bytes, more)?;
        for (id, length) in &self.head.segments {
            self.bytes.extend(u64::from(*id).to_le_bytes());
            self.bytes.extend(length.to_le_bytes());
        }
        for page in &self.pages {
            self.bytes.extend(page.number.to_le_bytes());
            self.bytes.extend(((page.length / 8) as u32).to_le_bytes());
            self.bytes.extend(page.crc.to_le_bytes());
            page.present.words().iter().for_each(|word| self.bytes.extend(word.to_le_bytes()));
        }
        let body = self.start + self.bytes.len() - HEADER_LEN;
        let header = self.header(body as u64, crc(&self.bytes[tables..]));
        if self.start == 0 {
            self.bytes[..HEADER_LEN].copy_from_slice(&header);
        }
        self.sink.put(self.start as u64, &self.bytes)?;
        if self.start > 0 {
            self.sink.put(0, &header)?;
        }
        Ok(self.sink)
    }

    fn header(&self, body_length: u64, tables_crc: u32) -> [u8; HEADER_LEN] {
        let mut header = Header::<HEADER_LEN>::new(MAGIC, VERSION);
        header.put(16, &self.head.store);
        header.put(32, &self.head.sequence.to_le_bytes());
        header.put(40, &self.head.position.1.to_le_bytes());
        header.put(48, &self.head.next_document.to_le_bytes());
        header.put(56, &body_length.to_le_bytes());
        header.put(64, &(self.head.segments.len() as u32).to_le_bytes());
        header.put(68, &(self.pages.len() as u32).to_le_bytes());
        header.put(72, &self.head.position.0.to_le_bytes());
        header.put(80, &self.head.edit.to_le_bytes());
        header.put(88, &tables_crc.to_le_bytes());
        header.seal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::checkpoint::{CheckpointReader, ENTRY_LEN};
    use crate::format::extent::Extent;
    use crate::format::record::BlobPlace;

    #[test]
    fn is_handed_on_in_pieces_that_come_to_the_same() {
        struct Pieces(Vec<(u64, usize)>, Vec<u8>);
        impl Sink for Pieces {
            type Error = NoMemory;
            fn put(&mut self, offset: u64, bytes: &[u8]) -> Result<(), NoMemory> {
                self.0.push((offset, bytes.len()));
                self.1.put(offset, bytes)
            }
        }
        let position = (1, 4096);
        let segments = vec![(1, 4096)];
        let head = CheckpointHead { store: [9; 16], sequence: 1, position, next_document: 2, edit: 1, segments };
        let tree = Extent {
            segment: 1,
            offset8: 12,
            length8: 9,
            nodes: 1,
            sequence: 1,
            replaced8: 0,
            blob: BlobPlace::Inline,
        };
        let (count, row) = (6 * PIECE / ENTRY_LEN, [Entry::Tree(tree)]);
        let mut writer = CheckpointWriter::new(head, Pieces(Vec::new(), Vec::new()));
        (1..=count as u64).for_each(|document| writer.row(document, &row).unwrap());
        let Pieces(mut pieces, file) = writer.finish().unwrap();
        assert_eq!(pieces.pop(), Some((0, HEADER_LEN)), "the header, last");
        assert!(pieces.len() >= 4 && pieces.iter().all(|(_, length)| *length < 2 * PIECE), "{pieces:?}");
        let end = pieces.iter().try_fold(0, |end, (at, length)| (*at == end).then_some(end + *length as u64));
        assert_eq!(end, Some(file.len() as u64));
        let (mut found, reader) = (0, CheckpointReader::open(&file).unwrap());
        let counting = reader.rows(|document, entries| {
            found += 1;
            assert_eq!((document, entries), (found, &row[..]));
            Ok(())
        });
        counting.unwrap();
        assert_eq!(found, count as u64);
    }
}
