//! Committing: from prepared batches to a published moment.
//!
//! ```text
//!   prepare (any thread) --> queue --> leader, for all that wait, with `writer` held:
//!       stage: documents still as prepared? number, place, apply to the next state ...
//!       write: one append --> sync, if anyone asked for it --> publish
//! ```
//!
//! 1. A batch whose documents changed since it was prepared is prepared again, against the state it will follow.
//! 2. A commit that could not be written leaves no trace in the state that is published; its sequence number is spent.
//! 3. On a full disk the commits of a group are tried one by one, and a batch that only deletes may take the reserve.
//! 4. Nothing of a group is visible before its sync, if any of its commits asked for one.
//! 5. After a failed sync nothing more is written or synced, also within the group that met it.

use std::sync::Arc;

use super::batch::{Change, Contents, Prepared, prepare};
use super::core::{Core, Writer};
use super::counters;
use crate::compaction;
use crate::error::{Error, Result};
use crate::format::NUMBERS_END;
use crate::format::checkpoint::Entry;
use crate::format::extent::{Extent, Run};
use crate::format::manifest;
use crate::format::record::{Frame, RecordHeader, RecordKind};
use crate::format::segment::{HEADER_LEN, SegmentHeader, SegmentKind};
use crate::index::{Ledger, State};
use crate::log::writer::{self, ActiveSegment};
use crate::log::{next_id, return_id};
use crate::memory;
use crate::options::{Compression, Durability};
use crate::sync::atomic::Ordering;

#[cfg(test)]
mod tests;

/// Why a store takes no commits after a panic.
const CUT_SHORT: &str = "a commit was cut short by a panic";

/// A buffer of up to so many bytes is kept for the next group.
const KEPT_BUFFER: usize = 4 << 20;

/// A batch on its way.
pub struct Request {
    pub contents: Arc<Contents>,
    pub prepared: Prepared,
    pub durability: Durability,
}

/// Commits that are staged and not yet written.
struct Pending {
    buffer: Vec<u8>,
    /// Positions in the group, of those staged since the last write.
    staged: Vec<usize>,
    /// Document, first and last sequence number of each record, for the segment's footer once they are written.
    notes: Vec<(u64, u64, u64)>,
    /// How many of the records are folds.
    folds: u64,
    /// The state and ledger to go back to when they cannot be written.
    before: State,
    ledger_before: Ledger,
}

/// A group at work.
struct Group<'a> {
    core: &'a Core,
    writer: &'a mut Writer,
    state: State,
    ledger: Ledger,
    pending: Pending,
    /// Folds that were written.
    folds: u64,
    results: Vec<Result<u64>>,
}

impl Core {
    /// Commits a batch and waits for its durability. Gives back its sequence number.
    pub fn commit(&self, contents: Arc<Contents>, durability: Durability) -> Result<u64> {
        self.check_writable()?;
        if contents.is_empty() {
            return Ok(self.newest()?.sequence);
        }
        if !contents.only_deletes() {
            self.pace();
        }
        let newest = self.newest()?;
        let prepared = prepare(self, &newest, &contents)?;
        drop(newest);
        let request = Request { contents, prepared, durability };
        let result = self.queue.submit(request, |requests| self.commit_group(requests));
        result.unwrap_or_else(|| Err(Error::Poisoned(CUT_SHORT.to_string())))
    }

    /// Holds a commit back while the store is at its ceiling and compaction can do something about it.
    fn pace(&self) {
        let over = || {
            let (total, live) = (counters::get(&self.counters.total_bytes), counters::get(&self.counters.live_bytes));
            compaction::is_over_ceiling(total, live, &self.options) && !self.is_anyone_reporting()
        };
        if !self.options.background || !over() {
            return;
        }
        // Once everything was done that could be, this commit goes on, over the ceiling or not.
        if self.signal.pace(|| over() && self.check_writable().is_ok()) {
            counters::add(&self.counters.paced_commits, 1);
        }
    }

    /// Commits a group; gives back a result for each.
    fn commit_group(&self, requests: Vec<Request>) -> Vec<Result<u64>> {
        let mut writer = self.writer.lock();
        if let Err(error) = self.check_writable() {
            return requests.iter().map(|_| Err(error.again())).collect();
        }
        // What is in the log and what is published may not be the same on the way.
        let unfinished = self.unfinished(CUT_SHORT);
        let state = State::clone(&self.published());
        let pending = Pending {
            buffer: std::mem::take(&mut writer.buffer),
            staged: Vec::new(),
            notes: Vec::new(),
            folds: 0,
            before: state.clone(),
            ledger_before: Ledger::default(),
        };
        let (ledger, results) = (Ledger::default(), Vec::new());
        let mut group = Group { core: self, writer: &mut writer, state, ledger, pending, folds: 0, results };
        for request in &requests {
            // A sync may have failed while the group was at work: nothing is written after that.
            let result = self.check_writable().and_then(|()| group.stage(request));
            group.results.push(result);
            if group.results.last().is_some_and(Result::is_ok) {
                let position = group.results.len() - 1;
                group.pending.staged.push(position);
            }
        }
        let results = group.finish(&requests);
        unfinished.done();
        results
    }
}

impl Group<'_> {
    /// Gives a batch its number and place, and applies it to the next state.
    fn stage(&mut self, request: &Request) -> Result<u64> {
        if self.writer.sequence + 1 >= NUMBERS_END {
            let what = "the numbers of commits are used up; repair the store into a new one";
            return Err(Error::InvalidArgument(what.to_string()));
        }
        self.make_room(&request.prepared)?;
        if request.prepared.still_holds(&self.state) {
            return self.encode(&request.prepared);
        }
        // What it follows must be readable before it can be prepared once more.
        self.write();
        let prepared = prepare(self.core, &self.state, &request.contents)?;
        self.make_room(&prepared)?;
        self.encode(&prepared)
    }

    /// Makes sure that the active segment has room for a commit. Writes what is staged if it must begin another.
    fn make_room(&mut self, prepared: &Prepared) -> Result<()> {
        let bytes = prepared.commit_bytes(self.folding());
        let pending = self.pending.buffer.len() as u64;
        let fits = |writer: &Writer, bytes: u64| writer.active.as_ref().is_some_and(|active| active.has_room(bytes));
        if fits(self.writer, pending + bytes) {
            return Ok(());
        }
        self.write();
        if fits(self.writer, bytes) {
            return Ok(());
        }
        self.rotate(bytes, false)
    }

    /// Up to where compaction may be folding. It stays so while the group is at work, with the writer's lock.
    fn folding(&self) -> u64 {
        self.core.folding.load(Ordering::Relaxed)
    }

    /// Appends the commit's bytes to the buffer.
    fn encode(&mut self, prepared: &Prepared) -> Result<u64> {
        let folding = self.folding();
        let Some(active) = &mut self.writer.active else { return Err(Error::Closed) };
        for change in &prepared.changes {
            self.state.index.get(change.document)?;
        }
        let records = prepared.changes.iter().map(|change| change.records.len()).sum();
        let frame = Frame {
            body_len: prepared.bytes(folding),
            records: prepared.records(folding) as u32,
            durable_offset: active.durable(),
            next_document: self.core.next_document(),
        };
        let payload = frame.encode();
        let head = RecordHeader::new(RecordKind::Frame, 0, &payload)?;
        memory::reserve(&mut self.pending.notes, records)?;
        active.expect_documents(self.pending.notes.len() + records)?; // those that wait are not booked yet
        memory::reserve(&mut self.pending.buffer, prepared.commit_bytes(folding) as usize)?;
        // From here on nothing may fail: what the commit needs is there, the entries that it changes included.
        self.writer.sequence += 1;
        let sequence = self.writer.sequence;
        let (salt, segment) = (active.segment().salt(), active.segment().id());
        let buffer = &mut self.pending.buffer;
        let start = active.end();
        let mut put = |mut header: RecordHeader, payload: &[u8]| {
            header.sequence = sequence;
            if header.first_sequence == 0 {
                header.first_sequence = sequence;
            }
            let offset = start + buffer.len() as u64;
            buffer.extend(header.encode(salt, offset));
            buffer.extend(payload);
            buffer.resize(buffer.len().next_multiple_of(8), 0);
            (header, Extent::of(&header, segment, offset))
        };
        put(head, &payload);
        let mut entries = Vec::new();
        for Change { document, records, .. } in &prepared.changes {
            entries.clear();
            let mut deleted = false;
            for record in records.iter().filter(|record| record.is_written(folding)) {
                let (header, extent) = put(record.header(folding), &record.payload);
                match header.kind {
                    RecordKind::Tree => entries.push(Entry::Tree(extent)),
                    RecordKind::Blob => entries.push(Entry::Blob(extent)),
                    RecordKind::Delta => {
                        entries.push(Entry::Run(Run { extent, first_sequence: header.first_sequence }));
                    }
                    _ => deleted = true,
                }
                self.pending.notes.push((*document, header.first_sequence, sequence));
                self.pending.folds += u64::from(header.fold);
            }
            if deleted {
                self.state.index.remove(*document, &mut self.ledger)?;
            } else {
                self.state.index.apply(*document, &entries, &mut self.ledger)?;
            }
        }
        self.state.sequence = sequence;
        self.state.position = (segment, start + self.pending.buffer.len() as u64);
        Ok(sequence)
    }

    /// Writes what is staged. What cannot be written is taken back, and its results say so.
    fn write(&mut self) {
        let staged = std::mem::take(&mut self.pending.staged);
        let mut buffer = std::mem::take(&mut self.pending.buffer);
        let notes = std::mem::take(&mut self.pending.notes);
        let folds = std::mem::take(&mut self.pending.folds);
        let bytes = buffer.len() as u64;
        let written = match &mut self.writer.active {
            Some(active) => active.append(&mut buffer, staged.len()).map(|()| {
                notes.into_iter().for_each(|(document, first, last)| active.note(document, first, last));
            }),
            None => Ok(()),
        };
        if buffer.capacity() <= KEPT_BUFFER {
            buffer.clear();
            self.pending.buffer = buffer;
        }
        match written {
            Ok(()) => {
                self.writer.since_checkpoint += bytes;
                self.folds += folds;
                self.settle();
            }
            Err(error) => {
                self.state = self.pending.before.clone();
                self.ledger = self.pending.ledger_before.clone();
                for position in staged {
                    self.results[position] = Err(error.again());
                }
            }
        }
    }

    /// What is staged from here on is taken back to here, if it must be.
    fn settle(&mut self) {
        self.pending.before = self.state.clone();
        self.pending.ledger_before = self.ledger.clone();
    }

    /// Seals the active segment and begins another, for a commit of `bytes`.
    fn rotate(&mut self, bytes: u64, from_spare: bool) -> Result<()> {
        let core = self.core;
        let header = SegmentHeader {
            store: core.store,
            id: next_id(&core.next_segment)?,
            kind: SegmentKind::Log,
            epoch: self.writer.manifest.marks().epoch,
            first_sequence: self.writer.sequence + 1,
            compression: Some(Compression::None),
        };
        let capacity = core.options.segment_size.max(HEADER_LEN + writer::room_for(bytes));
        self.writer.active.iter_mut().for_each(ActiveSegment::give_back);
        let spare = from_spare.then_some(&core.spare_log);
        let created = ActiveSegment::create(&core.dir, header, capacity, core.options.read_mode, spare);
        let next = created.inspect_err(|_| {
            // Left behind, the file is a leftover that no manifest names; the next open removes it.
            let _ = core.dir.remove(&core.dir.segment(header.id));
            return_id(&core.next_segment, header.id);
        });
        let next = next.map_err(|error| core.fail(error))?;
        let mut changes = vec![manifest::Change::Segment(next.meta())];
        let mut empty = None;
        if let Some(active) = &mut self.writer.active {
            if active.is_empty() {
                empty = Some(active.segment().id());
                changes.push(manifest::Change::Remove(active.segment().id()));
            } else {
                let sealed = active.seal().map_err(|error| core.fail(error))?;
                changes.push(manifest::Change::Segment(sealed));
            }
        }
        if let Err(error) = core.edit(self.writer, &changes, from_spare) {
            if let Some(active) = &mut self.writer.active {
                active.unseal();
            }
            // As above; after a failed sync the edit may be on disk, and the file must stay.
            if !matches!(error, Error::CommitUnknown { .. }) {
                let _ = core.dir.remove(next.segment().path());
            }
            return Err(error);
        }
        self.state.segments.change([Arc::clone(next.segment())], empty.as_slice());
        self.state.position = (header.id, next.end());
        self.writer.active = Some(next);
        self.settle();
        if let Some(id) = empty {
            // Left behind, the file is a leftover as above. The edit is made: nothing may fail from here on.
            let _ = core.dir.remove(&core.dir.segment(id));
        }
        if !from_spare {
            core.reserve_spares(self.writer);
        }
        core.signal.raise();
        Ok(())
    }

    /// Writes, syncs, publishes.
    fn finish(mut self, requests: &[Request]) -> Vec<Result<u64>> {
        self.write();
        self.retry_alone(requests);
        self.writer.buffer = std::mem::take(&mut self.pending.buffer);
        if let Err(error) = self.sync(requests) {
            for result in self.results.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(error.again());
            }
            return self.results;
        }
        let committed = || self.results.iter().zip(requests).filter(|(result, _)| result.is_ok());
        let count = committed().count() as u64;
        let durable = committed().filter(|(_, request)| request.durability == Durability::Always).count() as u64;
        self.writer.ledger.add(&self.ledger);
        self.core.publish(self.state);
        self.core.note_sizes(self.writer);
        let counters = &self.core.counters;
        counters::add(&counters.commits, count);
        counters::add(&counters.durable_commits, durable);
        counters::add(&counters.folds, self.folds);
        counters.largest_group.fetch_max(durable, Ordering::Relaxed);
        if durable == 0 && requests.iter().any(|request| request.durability == Durability::Interval) {
            self.core.signal.sync_soon();
        }
        self.core.raise_if_due(self.writer);
        self.results
    }

    /// Makes the group durable, if one of its commits asked for it. A sync that failed on the way is not tried again:
    /// it might succeed, and not save what the first one lost.
    fn sync(&mut self, requests: &[Request]) -> Result<()> {
        if let Some(error) = self.failed_sync() {
            return Err(error);
        }
        let is_asked =
            |(result, request): (&Result<u64>, &Request)| result.is_ok() && request.durability == Durability::Always;
        if let Some(active) = &mut self.writer.active
            && self.results.iter().zip(requests).any(is_asked)
        {
            let synced = active.sync().map_err(|error| self.core.fail(error))?;
            counters::add(&self.core.counters.syncs, synced.into());
            self.writer.durable_sequence = self.state.sequence;
        }
        Ok(())
    }

    /// The failure after which it is not known what of the group is on disk, if there was one.
    fn failed_sync(&self) -> Option<Error> {
        let mut errors = self.results.iter().filter_map(|result| result.as_ref().err());
        errors.find(|error| matches!(error, Error::CommitUnknown { .. })).map(Error::again)
    }

    /// On a full disk one large commit must not take the others down, and a batch that only deletes may use the
    /// reserve.
    fn retry_alone(&mut self, requests: &[Request]) {
        for (position, request) in requests.iter().enumerate() {
            let full = matches!(self.results[position], Err(Error::NoSpace { .. }));
            let deletes = request.contents.only_deletes();
            if !full || (requests.len() == 1 && !deletes) || self.failed_sync().is_some() {
                continue;
            }
            let mut result = self.stage_and_write(request, position);
            if deletes && matches!(result, Err(Error::NoSpace { .. })) {
                result = self
                    .rotate(request.prepared.commit_bytes(self.folding()), true)
                    .and_then(|()| self.stage_and_write(request, position));
            }
            self.results[position] = result;
        }
    }

    fn stage_and_write(&mut self, request: &Request, position: usize) -> Result<u64> {
        let sequence = self.stage(request)?;
        self.results[position] = Ok(sequence);
        self.pending.staged.push(position);
        self.write();
        std::mem::replace(&mut self.results[position], Ok(sequence))
    }
}

impl Core {
    /// Wakes the store's thread if there is something to do.
    pub fn raise_if_due(&self, writer: &Writer) {
        let (total, live) = (counters::get(&self.counters.total_bytes), counters::get(&self.counters.live_bytes));
        if compaction::is_due(total, live, &self.options) || writer.since_checkpoint >= self.options.checkpoint_bytes {
            self.signal.raise();
        }
    }
}
