//! Writing a segment that is complete before anybody sees it: compaction's output, recovery's rewritten tail.
//!
//! 1. `finish` returns only after the file is synced; its name is durable after the caller's `Dir::sync`.
//! 2. A failed or abandoned build leaves a file that no manifest names; the caller removes it.
//! 3. A failed sync here loses nothing, since nothing points here yet: it is an ordinary I/O error.

use std::path::PathBuf;
use std::sync::Arc;

use super::dir::Dir;
use super::segment::Segment;
use super::spare::Spare;
use crate::error::{Error, Result};
use crate::format::extent::Extent;
use crate::format::manifest::SegmentMeta;
use crate::format::record::{self, RecordHeader, RecordKind};
use crate::format::segment::{HEADER_LEN, SegmentHeader};
use crate::memory;
use crate::options::ReadMode;
use crate::vfs::File;

/// Bytes gathered before a write.
const BUFFER: usize = 1 << 20;

/// Says how many of some bytes may be written now, at least one; it may take its time.
pub type Grant<'a> = &'a dyn Fn(u64) -> Result<u64>;

/// A segment being built.
pub struct SegmentBuilder<'a> {
    header: SegmentHeader,
    salt: u32,
    path: PathBuf,
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    /// File offset of the buffer's first byte.
    flushed: u64,
    documents: Vec<u64>,
    min_sequence: u64,
    max_sequence: u64,
    /// The file was the reserve.
    reserved: bool,
    grant: Grant<'a>,
}

impl<'a> SegmentBuilder<'a> {
    /// Creates the file; on a full disk, out of the reserved blocks.
    pub fn create(dir: &Dir, header: SegmentHeader, spare: Option<&Spare>) -> Result<SegmentBuilder<'a>> {
        let path = dir.segment(header.id);
        dir.remove(&path)?;
        let file = match spare {
            Some(spare) => spare.take(dir, &path)?,
            None => dir.create(&path)?,
        };
        Ok(SegmentBuilder {
            salt: header.salt(),
            buffer: header.encode().to_vec(),
            header,
            path,
            file,
            flushed: 0,
            documents: Vec::new(),
            min_sequence: u64::MAX,
            max_sequence: 0,
            reserved: spare.is_some(),
            grant: &|wanted| Ok(wanted),
        })
    }

    /// Writes no faster than `grant` says.
    pub fn granted(self, grant: Grant<'a>) -> SegmentBuilder<'a> {
        SegmentBuilder { grant, ..self }
    }

    /// Bytes so far.
    pub fn length(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// Whether it holds no record yet.
    pub fn is_empty(&self) -> bool {
        self.length() == HEADER_LEN
    }

    /// Adds a record and says where it lies.
    pub fn append(&mut self, header: &RecordHeader, payload: &[u8]) -> Result<Extent> {
        let offset = self.length();
        memory::reserve(&mut self.buffer, header.record_len() as usize)?;
        self.buffer.extend(header.encode(self.salt, offset));
        self.buffer.extend(payload);
        self.buffer.resize(self.buffer.len().next_multiple_of(8), 0);
        if !matches!(header.kind, RecordKind::Frame | RecordKind::Footer) {
            if self.documents.last() != Some(&header.document) {
                memory::push(&mut self.documents, header.document)?;
            }
            self.min_sequence = self.min_sequence.min(header.first_sequence);
            self.max_sequence = self.max_sequence.max(header.sequence);
        }
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(Extent::of(header, self.header.id, offset))
    }

    fn flush(&mut self) -> Result<()> {
        let mut rest = &self.buffer[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at((self.grant)(rest.len() as u64)? as usize);
            let written = self.file.write_all_at(self.flushed, piece);
            written.map_err(|error| Error::io("writing", &self.path, error))?;
            self.file.begin_sync(self.flushed, piece.len() as u64);
            self.flushed += piece.len() as u64;
            rest = behind;
        }
        self.buffer.clear();
        Ok(())
    }

    /// Ends the segment with its footer, syncs it, and opens it for reading.
    pub fn finish(mut self, mode: ReadMode) -> Result<(Arc<Segment>, SegmentMeta)> {
        let footer = self.length();
        self.documents.sort_unstable();
        self.documents.dedup();
        let payload = record::encode_footer(&self.documents)?;
        self.append(&RecordHeader::new(RecordKind::Footer, 0, &payload)?, &payload)?;
        self.flush()?;
        if self.reserved {
            // Blocks that nothing was written to are for the next reserve.
            self.file.truncate(self.flushed).map_err(|error| Error::io("cutting to its length", &self.path, error))?;
        }
        self.file.sync().map_err(|error| Error::io("syncing", &self.path, error))?;
        let meta = SegmentMeta {
            id: self.header.id,
            kind: self.header.kind,
            epoch: self.header.epoch,
            length: self.flushed,
            footer,
            min_sequence: self.min_sequence,
            max_sequence: self.max_sequence,
        };
        let segment = Segment::new(self.header, self.path, self.file, self.flushed, self.flushed, mode)?;
        Ok((Arc::new(segment), meta))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::format::segment::SegmentKind;
    use crate::vfs::sim::SimDisk;

    #[test]
    fn records_are_gathered_and_written_as_they_are_granted() {
        let disk = SimDisk::new(1);
        let dir = Dir::new(Arc::new(disk.clone()), Path::new("/"));
        let build = |grant: Grant<'_>| {
            let header = SegmentHeader::sample(SegmentKind::Compacted, 0);
            let mut builder = SegmentBuilder::create(&dir, header, None).unwrap().granted(grant);
            assert!(builder.is_empty());
            let before = disk.ops();
            for document in 1..=300 {
                let payload = [document as u8; 10_000];
                builder.append(&RecordHeader::new(RecordKind::Tree, document, &payload).unwrap(), &payload).unwrap();
                assert!(!builder.is_empty());
            }
            builder.finish(ReadMode::Pread).unwrap();
            disk.ops() - before
        };
        assert_eq!(build(&|wanted| Ok(wanted)), 4, "three writes of three megabytes, and a sync");
        let granted = std::cell::Cell::new(0);
        let slow = build(&|wanted| {
            granted.set(granted.get() + wanted.min(100_000));
            Ok(wanted.min(100_000))
        });
        let length = disk.files(Path::new("/")).values().map(|bytes| bytes.len() as u64).sum::<u64>();
        assert_eq!(granted.get(), length, "every byte was asked for");
        assert!(slow > 30, "{slow}");
    }

    #[test]
    fn what_a_segment_leaves_of_the_reserve_is_given_back() {
        let disk = SimDisk::new(1);
        let dir = Dir::new(Arc::new(disk.clone()), Path::new("/"));
        let spare = Spare::new(&dir, "SPARE.compaction", false);
        spare.reserve(&dir, 64 << 10);
        let header = SegmentHeader::sample(SegmentKind::Compacted, 0);
        let builder = SegmentBuilder::create(&dir, header, Some(&spare)).unwrap();
        assert_eq!(disk.used(), 64 << 10);
        let (_, meta) = builder.finish(ReadMode::Pread).unwrap();
        assert_eq!(disk.used(), meta.length);
    }
}
