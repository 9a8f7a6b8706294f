//! The active segment: the one place where commits are written.
//!
//! ```text
//!   create --> append* --> seal          append fails: the end stays where it was, and what was half written
//!                |  ^                    is cut off; where that fails too, the next append overwrites it
//!                v  |                    (it was never part of a record that anyone was told of)
//!               sync  -- fails --> the caller poisons the writer; nothing is tried again
//! ```
//!
//! 1. `end` is where the next commit goes, `durable` what is known to be on disk; `durable <= end`.
//! 2. The footer fits into the capacity too, and so into the mapping that readers go through.
//! 3. Sequence numbers of half-written commits are never used again, so what is left of them behind a newer
//!    commit is told from it: numbers must rise.
//! 4. An append that failed leaves no whole commit behind, and nothing that could complete a later one that fails, so
//!    that recovery finds nothing that was refused.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::ahead::Ahead;
use super::dir::Dir;
use super::segment::Segment;
use super::spare::Spare;
use super::sync::{LogSync, Unsynced};
use crate::error::{Error, Result};
use crate::format::manifest::SegmentMeta;
use crate::format::record::{self, KIND_AT, RecordHeader, RecordKind};
use crate::format::segment::{HEADER_LEN, SegmentHeader};
use crate::memory;
use crate::options::ReadMode;
use crate::vfs::File;

/// Bytes that nobody waits for are sent to the disk when so many have gathered, so that a later sync is short.
const BEGIN_SYNC: u64 = 4 << 20;

/// Bytes that `bytes` of records take in a segment, with a footer that names as many documents as can be in them.
pub fn room_for(bytes: u64) -> u64 {
    bytes + record::HEADER_LEN + bytes / record::HEADER_LEN * record::FOOTER_ENTRY_LEN
}

/// The segment that commits go to.
pub struct ActiveSegment {
    segment: Arc<Segment>,
    file: Arc<dyn File>,
    sync: Arc<LogSync>,
    end: u64,
    durable: u64,
    /// Everything before is on its way to the disk.
    begun: u64,
    capacity: u64,
    ahead: Ahead,
    min_sequence: u64,
    max_sequence: u64,
    documents: FxHashSet<u64>,
    /// Where commits ended when it was sealed.
    before_seal: Option<u64>,
}

impl ActiveSegment {
    /// Creates the file, durable with its name, for commits of up to `capacity` bytes in all. With `spare`, out of the
    /// reserved blocks.
    pub fn create(
        dir: &Dir,
        header: SegmentHeader,
        capacity: u64,
        mode: ReadMode,
        spare: Option<&Spare>,
    ) -> Result<ActiveSegment> {
        let path = dir.segment(header.id);
        dir.remove(&path)?;
        let file = match spare {
            Some(spare) => spare.take(dir, &path)?,
            None => dir.create(&path)?,
        };
        file.write_all_at(0, &header.encode()).map_err(|error| Error::io("writing", &path, error))?;
        // Nothing is in it yet, so that a failure loses nothing: the file is given up.
        file.sync().map_err(|error| Error::io("syncing", &path, error))?;
        dir.sync()?;
        let segment = Segment::new(header, path, Arc::clone(&file), capacity, HEADER_LEN, mode)?;
        Ok(ActiveSegment {
            segment: Arc::new(segment),
            sync: Arc::new(LogSync::new(Arc::clone(&file), HEADER_LEN)),
            file,
            end: HEADER_LEN,
            durable: HEADER_LEN,
            begun: HEADER_LEN,
            capacity,
            ahead: Ahead::new(HEADER_LEN, spare.is_some()),
            min_sequence: u64::MAX,
            max_sequence: 0,
            documents: FxHashSet::default(),
            before_seal: None,
        })
    }

    /// The segment, for reading.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// Where the next commit goes.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Everything before this offset is known to be on disk.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Whether `bytes` more of records fit, and the footer behind them.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.end + room_for(bytes) + self.documents.len() as u64 * record::FOOTER_ENTRY_LEN <= self.capacity
    }

    /// Whether it holds no commit.
    pub fn is_empty(&self) -> bool {
        self.end == HEADER_LEN
    }

    /// What the manifest says of it while it is active.
    pub fn meta(&self) -> SegmentMeta {
        let header = self.segment.header();
        SegmentMeta {
            id: header.id,
            kind: header.kind,
            epoch: header.epoch,
            length: 0,
            footer: 0,
            min_sequence: self.min_sequence,
            max_sequence: self.max_sequence,
        }
    }

    /// Writes whole commits, `count` of them; readers may be given places in them afterwards. Where that fails, not
    /// even a part of them can be taken for a commit.
    pub fn append(&mut self, commits: &mut [u8], count: usize) -> Result<()> {
        // A single commit is whole with its last byte only, where nothing behind the end stands in for its last bytes.
        // Else, and where there are several, they become commits all at once, with the last byte that is written of the
        // first frame: its kind, which is not zero.
        let at_once = count > 1 || self.ahead.may_reach_behind(self.end);
        let kind = if at_once { commits.get_mut(KIND_AT).map(std::mem::take) } else { None };
        let mut written = self.file.write_all_at(self.end, commits);
        if let (Ok(()), Some(kind)) = (&written, kind) {
            written = self.file.write_all_at(self.end + KIND_AT as u64, &[kind]);
        }
        if let Err(error) = written {
            self.ahead.void(&*self.file, self.end);
            return Err(Error::io("writing", self.segment.path(), error));
        }
        self.end += commits.len() as u64;
        self.segment.set_readable(self.end);
        let begun = self.begun.max(self.durable);
        let gathered = self.end - begun;
        if gathered >= BEGIN_SYNC {
            self.file.begin_sync(begun, gathered);
            self.begun = self.end;
        }
        Ok(())
    }

    /// Makes room for `note` to book as many records.
    pub fn expect_documents(&mut self, records: usize) -> Result<()> {
        self.documents.try_reserve(records).map_err(|_| Error::NoMemory)
    }

    /// Books a record that was written, for the footer and the segment's sequence range.
    pub fn note(&mut self, document: u64, first_sequence: u64, sequence: u64) {
        self.documents.insert(document);
        self.min_sequence = self.min_sequence.min(first_sequence);
        self.max_sequence = self.max_sequence.max(sequence);
    }

    /// What is not durable yet, if there is anything. Whoever syncs it says so with `note_synced`.
    pub fn unsynced(&mut self) -> Option<Unsynced> {
        let unsynced = self.unsynced_at_last()?;
        self.ahead.prepare(&*self.file, self.durable, self.end, self.capacity);
        Some(unsynced)
    }

    /// As `unsynced`, where no more commits will come, for which to write ahead.
    pub fn unsynced_at_last(&self) -> Option<Unsynced> {
        let unsynced = || Unsynced { segment: Arc::clone(&self.segment), sync: Arc::clone(&self.sync), end: self.end };
        (self.durable != self.end).then(unsynced)
    }

    /// That was made durable. It may be of a segment that was active before this one.
    pub fn note_synced(&mut self, synced: &Unsynced) {
        if Arc::ptr_eq(&self.segment, &synced.segment) {
            self.durable = self.durable.max(synced.end);
        }
    }

    /// Makes everything before `end` durable. Says whether that took a sync.
    pub fn sync(&mut self) -> Result<bool> {
        let Some(unsynced) = self.unsynced() else { return Ok(false) };
        let synced = unsynced.sync()?;
        self.note_synced(&unsynced);
        Ok(synced)
    }

    /// The file is not synced any more once this returns, whoever is at it.
    pub fn end_syncs(&self) {
        self.sync.close();
    }

    /// Gives back the room behind the end: on a full disk what comes next may need it.
    pub fn give_back(&mut self) {
        self.ahead.cut(&*self.file, self.end);
    }

    /// Ends the segment: footer, sync. Says what the manifest must say of it.
    pub fn seal(&mut self) -> Result<SegmentMeta> {
        let at = self.end;
        self.before_seal = Some(at);
        // A segment does without a footer where there is no room or memory for one: whoever needs it scans.
        let written = self.footer().is_ok_and(|mut footer| self.append(&mut footer, 1).is_ok());
        self.give_back();
        self.sync.sync(self.end).map_err(|error| Error::unknown("syncing", self.segment.path(), error))?;
        self.durable = self.end;
        let footer = if written { at } else { 0 };
        Ok(SegmentMeta { length: self.end, footer, ..self.meta() })
    }

    fn footer(&self) -> Result<Vec<u8>> {
        let mut documents = memory::collect(self.documents.iter().copied())?;
        documents.sort_unstable();
        let payload = record::encode_footer(&documents)?;
        let header = RecordHeader::new(RecordKind::Footer, 0, &payload)?;
        let mut footer = memory::vec(header.record_len() as usize)?;
        footer.extend(header.encode(self.segment.salt(), self.end));
        footer.extend(payload);
        Ok(footer)
    }

    /// Goes on after a `seal` that did not get into the manifest: the next commit takes the footer's place.
    pub fn unseal(&mut self) {
        if let Some(end) = self.before_seal.take() {
            self.end = end;
            self.durable = self.durable.min(self.end);
            self.begun = self.begun.min(self.end);
            self.sync.cut(self.end);
            self.segment.set_readable(self.end);
            // It is not cut off: if the edit is on disk after all, it counts.
            self.ahead.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::format::segment::SegmentKind;
    use crate::log::scan;
    use crate::vfs::os::OsFileSystem;
    use crate::vfs::sim::{Errno, Fault, Op, SimDisk};

    #[test]
    fn a_segment_full_of_small_records_can_be_read_to_its_end_through_its_mapping() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = Dir::new(Arc::new(OsFileSystem), temporary.path());
        let header = SegmentHeader::sample(SegmentKind::Compacted, 0);
        let mut active = ActiveSegment::create(&dir, header, 64 << 10, ReadMode::Mmap, None).unwrap();
        let mut documents = Vec::new();
        while active.has_room(record::HEADER_LEN) {
            let document = documents.len() as u64 + 1;
            let record = RecordHeader::new(RecordKind::Tombstone, document, &[]).unwrap();
            active.append(&mut record.encode(active.segment().salt(), active.end()), 1).unwrap();
            active.note(document, document, document);
            documents.push(document);
        }
        let meta = active.seal().unwrap();
        assert!(meta.footer > 0 && meta.length <= 64 << 10, "{meta:?}");
        assert_eq!(scan::documents(active.segment(), meta.length, meta.footer).unwrap(), documents);
    }

    #[test]
    fn a_segment_made_for_one_commit_has_room_for_its_footer_too() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = Dir::new(Arc::new(OsFileSystem), temporary.path());
        let header = SegmentHeader::sample(SegmentKind::Compacted, 0);
        let bytes = 1000 * record::HEADER_LEN;
        let capacity = HEADER_LEN + room_for(bytes);
        let mut active = ActiveSegment::create(&dir, header, capacity, ReadMode::Mmap, None).unwrap();
        assert!(active.has_room(bytes) && !active.has_room(bytes + record::HEADER_LEN));
        let mut commit = Vec::new();
        for document in 1..=1000 {
            let record = RecordHeader::new(RecordKind::Tombstone, document, &[]).unwrap();
            commit.extend(record.encode(active.segment().salt(), active.end() + commit.len() as u64));
            active.note(document, document, document);
        }
        active.append(&mut commit, 1).unwrap();
        assert!(!active.has_room(record::HEADER_LEN));
        let meta = active.seal().unwrap();
        assert_eq!(meta.length, capacity, "the footer ends where the mapping does");
        let documents = scan::documents(active.segment(), meta.length, meta.footer).unwrap();
        assert_eq!(documents, (1..=1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_segment_goes_on_after_a_seal_that_did_not_count() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = Dir::new(Arc::new(OsFileSystem), temporary.path());
        let header = SegmentHeader::sample(SegmentKind::Log, 1);
        let mut active = ActiveSegment::create(&dir, header, 64 << 20, ReadMode::Mmap, None).unwrap();
        (1..=1000).for_each(|document| active.note(document, document, document));
        active.append(&mut vec![1; BEGIN_SYNC as usize - 8000], 1).unwrap();
        let end = active.end();
        active.seal().unwrap();
        active.unseal();
        active.append(&mut [2; 56], 1).unwrap();
        assert_eq!((active.end(), active.durable()), (end + 56, end));
        assert_eq!(active.segment().readable(), end + 56);
    }

    fn active(disk: &SimDisk) -> ActiveSegment {
        let dir = Dir::new(Arc::new(disk.clone()), Path::new("/"));
        let header = SegmentHeader::sample(SegmentKind::Log, 1);
        ActiveSegment::create(&dir, header, 1 << 20, ReadMode::Pread, None).unwrap()
    }

    /// What the file has behind the end of the log.
    fn behind(disk: &SimDisk, active: &ActiveSegment) -> Vec<u8> {
        let files = disk.files(Path::new("/"));
        let file = &files[active.segment().path().strip_prefix("/").unwrap()];
        file[active.end() as usize..].to_vec()
    }

    /// A log with zeros ahead.
    fn with_zeros(disk: &SimDisk) -> ActiveSegment {
        let mut active = active(disk);
        for _ in 0..5 {
            active.append(&mut [1; 56], 1).unwrap();
            active.sync().unwrap();
        }
        assert!(behind(disk, &active).len() > 4096);
        active
    }

    /// Writes a part of `commit`, and cannot cut it off either. Says whether the file has it nevertheless.
    fn is_there_when_cut_short(disk: &SimDisk, active: &mut ActiveSegment, commit: &[u8], count: usize) -> bool {
        disk.inject(Fault::new(&[Op::Write, Op::Truncate], 0, Errno::Eio).short().sticky());
        assert!(active.append(&mut commit.to_vec(), count).is_err());
        disk.clear_faults();
        behind(disk, active).starts_with(commit)
    }

    /// A commit that ends with zeros.
    fn commit() -> Vec<u8> {
        let mut commit = vec![0; 4096];
        commit[..56].fill(1);
        commit
    }

    #[test]
    fn what_nobody_waits_for_is_sent_to_the_disk_in_large_pieces() {
        let dir = Dir::new(Arc::new(SimDisk::new(1)), Path::new("/"));
        let header = SegmentHeader::sample(SegmentKind::Log, 1);
        let mut active = ActiveSegment::create(&dir, header, 64 << 20, ReadMode::Pread, None).unwrap();
        let mut begun = Vec::new();
        for piece in 1..=13 {
            active.append(&mut vec![1; BEGIN_SYNC as usize / 4], 1).unwrap();
            if active.begun == active.end {
                begun.push(piece);
            }
            if piece == 6 {
                active.sync().unwrap();
            }
        }
        assert_eq!(begun, [4, 10], "after each fourth piece that is not durable otherwise");
    }

    /// Of commits that are written together none may be left when their write fails: all of them were refused.
    #[test]
    fn commits_that_were_cut_short_together_are_none() {
        for seed in 0..20 {
            let disk = SimDisk::new(seed);
            let mut active = active(&disk);
            disk.inject(Fault::new(&[Op::Write], 0, Errno::Eio).short());
            disk.inject(Fault::new(&[Op::Truncate], 0, Errno::Eio));
            assert!(active.append(&mut [1; 560], 10).is_err());
            assert_eq!(active.end(), HEADER_LEN);
            let file = &disk.files(Path::new("/"))[active.segment().path().strip_prefix("/").unwrap()];
            let kind = file.get(HEADER_LEN as usize + KIND_AT);
            assert!(kind.is_none_or(|kind| *kind == 0), "seed {seed}: the first of them is there");
        }
    }

    #[test]
    fn zeros_written_ahead_complete_no_commit_that_was_cut_short() {
        for seed in 0..20 {
            let disk = SimDisk::new(seed);
            let mut active = with_zeros(&disk);
            assert!(!is_there_when_cut_short(&disk, &mut active, &commit(), 1), "seed {seed}: refused, and there");
        }
    }

    /// The second attempt of one commit finds what the first, in a group, left of it.
    #[test]
    fn what_a_refused_commit_left_completes_no_other() {
        for seed in 0..20 {
            let disk = SimDisk::new(seed);
            let mut active = active(&disk);
            // All of it is written but the byte that makes commits of it.
            disk.inject(Fault::new(&[Op::Write], 1, Errno::Eio));
            disk.inject(Fault::new(&[Op::Truncate], 0, Errno::Eio));
            assert!(active.append(&mut commit().repeat(2), 2).is_err());
            disk.clear_faults();
            assert!(!is_there_when_cut_short(&disk, &mut active, &commit(), 1), "seed {seed}: refused, and there");
        }
    }

    #[test]
    fn a_footer_that_did_not_count_completes_no_commit() {
        for seed in 0..20 {
            let disk = SimDisk::new(seed);
            let mut active = active(&disk);
            active.append(&mut commit(), 1).unwrap();
            (1..=2000).for_each(|document| active.note(document, 1, 1));
            let end = active.end() as usize;
            active.seal().unwrap();
            // A commit whose last bytes are the footer's.
            let file = &disk.files(Path::new("/"))[active.segment().path().strip_prefix("/").unwrap()];
            let mut commit = file[end..].to_vec();
            commit[..56].fill(1);
            active.unseal();
            assert!(!is_there_when_cut_short(&disk, &mut active, &commit, 1), "seed {seed}: refused, and there");
        }
    }

    #[test]
    fn a_refused_commit_takes_no_room() {
        let disk = SimDisk::new(1);
        let mut active = active(&disk);
        active.append(&mut commit(), 1).unwrap();
        let used = disk.used();
        disk.inject(Fault::new(&[Op::Write], 0, Errno::Enospc).short());
        assert!(active.append(&mut vec![1; 500_000], 1).is_err());
        assert_eq!((disk.used(), behind(&disk, &active).len()), (used, 0));
    }

    #[test]
    fn a_file_is_not_synced_after_its_end() {
        let disk = SimDisk::new(1);
        let mut active = active(&disk);
        active.append(&mut [1; 56], 1).unwrap();
        let late = active.unsynced().unwrap();
        let before = disk.ops();
        active.end_syncs();
        assert!(late.sync().is_err());
        assert_eq!(disk.ops(), before);
    }

    #[test]
    fn what_was_synced_of_one_segment_says_nothing_of_the_next() {
        let disk = SimDisk::new(1);
        let dir = Dir::new(Arc::new(disk.clone()), Path::new("/"));
        let [mut first, mut second] = [1, 2].map(|id| {
            let header = SegmentHeader { id, ..SegmentHeader::sample(SegmentKind::Log, 1) };
            ActiveSegment::create(&dir, header, 1 << 20, ReadMode::Pread, None).unwrap()
        });
        first.append(&mut [1; 5600], 1).unwrap();
        second.append(&mut [1; 5600], 1).unwrap();
        let unsynced = first.unsynced().unwrap();
        first.append(&mut [1; 56], 1).unwrap();
        unsynced.sync().unwrap();
        for active in [&mut first, &mut second] {
            active.note_synced(&unsynced);
        }
        assert_eq!((first.durable(), first.end()), (HEADER_LEN + 5600, HEADER_LEN + 5656));
        assert_eq!(second.durable(), HEADER_LEN, "nothing of it was synced");
    }

    #[test]
    fn what_a_log_leaves_of_the_reserve_or_of_its_zeros_is_given_back() {
        for reserved in [true, false] {
            let disk = SimDisk::new(1);
            let dir = Dir::new(Arc::new(disk.clone()), Path::new("/"));
            let spare = Spare::new(&dir, "SPARE.log", false);
            if reserved {
                spare.reserve(&dir, 64 << 10);
            }
            let header = SegmentHeader::sample(SegmentKind::Log, 1);
            let spare = reserved.then_some(&spare);
            let mut active = ActiveSegment::create(&dir, header, 1 << 20, ReadMode::Pread, spare).unwrap();
            for _ in 0..5 {
                active.append(&mut [1; 56], 1).unwrap();
                active.sync().unwrap();
            }
            assert!(disk.used() >= 64 << 10, "{}", disk.used());
            let meta = active.seal().unwrap();
            assert_eq!(disk.used(), meta.length);
        }
    }
}
