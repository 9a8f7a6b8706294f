//! Checkpoints, compaction: what the store does for itself, here one step at a time.
//!
//! 1. One of them is at work at a time (`Core::maintenance`); commits and reads go on meanwhile. The writer's lock is
//!    held for a manifest edit, or for `SWAPPED_AT_ONCE` index entries.
//! 2. A compaction that cannot be published leaves its inputs as they were and its files gone. The moment that it
//!    works on is on disk before it begins.
//! 3. From an edit of the manifest to the moment that says the same nothing can fail; a panic there poisons the store
//!    (`Unfinished`). The next job would take for garbage what the index does not point to yet.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::core::{Core, Maintenance};
use super::counters;
use crate::checkpoint;
use crate::compaction::{self, Job, KeptTombstones, Output, Unfolded, Usage};
use crate::error::{Error, Result};
use crate::format::checkpoint::Entry;
use crate::format::manifest::{Change, SegmentMeta};
use crate::index::{Ledger, Slot, State};
use crate::memory;
use crate::sync::atomic::Ordering;

/// Index entries that are exchanged while commits wait. Models exchange few, and want to see commits in between.
const SWAPPED_AT_ONCE: usize = if cfg!(any(loom, shuttle)) { 1 } else { 256 };

/// How far a compaction has come.
///
/// ```
/// use stratum::{Db, Options};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// db.compact_now(&mut |progress| {
///     println!("{progress:?}");
///     true // go on
/// })?;
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Segments compacted so far.
    pub segments_done: u64,
    /// Segments that will be compacted in all.
    pub segments_total: u64,
    /// Bytes of the segments compacted so far.
    pub bytes_read: u64,
    /// Bytes written in their place.
    pub bytes_written: u64,
    /// Bytes given back.
    pub bytes_reclaimed: u64,
}

/// What a job came to: segments that are gone, bytes of them that were read, and written in their place.
struct Compacted {
    segments: u64,
    read: u64,
    written: u64,
}

impl Core {
    /// Writes a checkpoint of the newest moment, if the last one covers another.
    pub fn checkpoint(&self) -> Result<()> {
        let mut maintenance = self.maintenance()?;
        self.check_writable()?;
        self.write_checkpoint(&mut maintenance)
    }

    /// As `checkpoint`; the caller holds `maintenance`.
    pub fn write_checkpoint(&self, maintenance: &mut Maintenance) -> Result<()> {
        let (state, (before, edit)) = self.on_disk(|writer, _| (writer.since_checkpoint, writer.manifest.number()))?;
        if maintenance.checkpoint == Some((state.sequence, edit)) {
            return Ok(());
        }
        let next_document = self.next_document();
        checkpoint::write(&self.dir, self.store, &state, next_document, edit).map_err(|error| self.fail(error))?;
        if self.counters.checkpoint_sequence.swap(state.sequence, Ordering::Relaxed) < state.sequence {
            // More of them may go now.
            maintenance.kept = KeptTombstones::default();
        }
        counters::add(&self.counters.checkpoints, 1);
        maintenance.checkpoint = Some((state.sequence, edit));
        self.writer.lock().since_checkpoint -= before;
        Ok(())
    }

    /// On a full disk, or where memory is refused, the store does without a checkpoint: everything is in the log, and
    /// the next open reads it.
    pub fn write_checkpoint_if_room(&self, maintenance: &mut Maintenance) -> Result<()> {
        match self.write_checkpoint(maintenance) {
            Err(Error::NoSpace { .. } | Error::NoMemory) => Ok(()),
            written => written,
        }
    }

    /// One step of background work; false when there is nothing to do.
    pub fn maintain(&self) -> Result<bool> {
        let mut maintenance = self.maintenance()?;
        self.check_writable()?;
        // First, since compaction may go on for as long as there are commits; it goes on also where this fails.
        let is_due = self.writer.lock().since_checkpoint >= self.options.checkpoint_bytes;
        let checkpointed = if is_due { self.write_checkpoint(&mut maintenance) } else { Ok(()) };
        if matches!(checkpointed, Err(Error::CommitUnknown { .. })) {
            return checkpointed.map(|()| false);
        }
        let compacted = self.compact_a_little(&mut maintenance)?;
        checkpointed.map(|()| compacted)
    }

    /// Compacts a few segments; false where there is nothing to gain.
    fn compact_a_little(&self, maintenance: &mut Maintenance) -> Result<bool> {
        // A job that a panic cut short would be cut short again, while commits wait for what it is to give back.
        let Maintenance { given_up, at_work, .. } = maintenance;
        given_up.append(at_work);
        let mut victims = self.choose_victims(maintenance)?;
        if victims.is_empty() && self.tombstones_await_a_checkpoint(maintenance) {
            self.write_checkpoint(maintenance)?;
            victims = self.choose_victims(maintenance)?;
        }
        if victims.is_empty() {
            return Ok(false);
        }
        self.compact(maintenance, &victims).map(|_| true)
    }

    /// Whether the store is too large for its contents, and a checkpoint may help.
    fn tombstones_await_a_checkpoint(&self, maintenance: &Maintenance) -> bool {
        let (total, live) = (counters::get(&self.counters.total_bytes), counters::get(&self.counters.live_bytes));
        maintenance.kept.await_checkpoint_of > counters::get(&self.counters.checkpoint_sequence)
            && compaction::is_due(total, live, &self.options)
    }

    /// Sealed segments and how much of each is live, without those that were given up.
    fn usage(&self, maintenance: &Maintenance) -> Result<Vec<Usage>> {
        let writer = self.writer.lock();
        let sealed = self.sealed(&writer)?.into_iter().filter(|meta| !maintenance.given_up.contains(&meta.id));
        let kept = |id: u32| maintenance.kept.bytes.get(&id).copied().unwrap_or(0);
        let state = self.published();
        let mut unfolded: HashMap<u32, u64> = HashMap::new();
        for Unfolded { segment, document, dead } in &maintenance.unfolded {
            // What cannot be read is not freed either.
            if state.index.get(*document).map_or(true, |slot| slot.extents().any(|at| at.segment == *segment)) {
                *unfolded.entry(*segment).or_default() += dead;
            }
        }
        let is_coded = |id: u32| {
            let compression = state.segments.get(id).map(|segment| segment.header().compression);
            compression == Some(Some(self.options.compression))
        };
        let usage = |meta: SegmentMeta| Usage {
            meta,
            live: writer.ledger.live(meta.id) + kept(meta.id) + unfolded.get(&meta.id).copied().unwrap_or(0),
            coded_otherwise: !is_coded(meta.id),
        };
        Ok(memory::collect(sealed.map(usage))?)
    }

    fn choose_victims(&self, maintenance: &Maintenance) -> Result<Vec<SegmentMeta>> {
        let (total, live) = (counters::get(&self.counters.total_bytes), counters::get(&self.counters.live_bytes));
        Ok(compaction::choose(&self.usage(maintenance)?, total, live, &self.options))
    }

    /// Compacts everything that holds garbage; `progress` ends the work between two jobs by returning false.
    pub fn compact_now(&self, progress: &mut dyn FnMut(Progress) -> bool) -> Result<()> {
        let mut maintenance = self.maintenance()?;
        self.check_writable()?;
        // With a checkpoint of all deletes, their tombstones can go.
        self.write_checkpoint_if_room(&mut maintenance)?;
        self.seal_active()?;
        maintenance.given_up.clear();
        maintenance.at_work.clear();
        maintenance.kept = KeptTombstones::default();
        maintenance.unfolded.clear();
        let mut done = Progress::default();
        let before = counters::get(&self.counters.total_bytes);
        loop {
            let at_first = counters::get(&self.counters.total_bytes);
            let jobs = compaction::choose_all(&self.usage(&maintenance)?, &self.segments_with_deltas()?, &self.options);
            // What was left of the jobs before is in these again.
            done.segments_total = done.segments_done + jobs.iter().map(|job| job.len() as u64).sum::<u64>();
            let mut refused = None;
            for victims in &jobs {
                let Compacted { segments, read, written } = match self.compact(&mut maintenance, victims) {
                    // Another job may make the room that this one needs.
                    Err(error @ Error::NoSpace { .. }) => {
                        refused = Some(error);
                        continue;
                    }
                    compacted => compacted?,
                };
                done.segments_done += segments;
                done.bytes_read += read;
                done.bytes_written += written;
                done.bytes_reclaimed = before.saturating_sub(counters::get(&self.counters.total_bytes));
                let goes_on = self.report(|| progress(done));
                self.check_writable()?;
                if !goes_on {
                    return self.write_checkpoint_if_room(&mut maintenance);
                }
            }
            // Folding documents leaves garbage in segments that were done already; tombstones may have to stay.
            if jobs.is_empty() || counters::get(&self.counters.total_bytes) >= at_first {
                if let Some(error) = refused {
                    return Err(error);
                }
                break;
            }
        }
        if done.segments_done == 0 { Ok(()) } else { self.write_checkpoint_if_room(&mut maintenance) }
    }

    /// Segments that hold deltas of live documents.
    fn segments_with_deltas(&self) -> Result<BTreeSet<u32>> {
        let mut segments = BTreeSet::new();
        let runs = |_, slot: &Slot| segments.extend(slot.runs().iter().map(|run| run.extent.segment));
        self.published().index.for_each(runs)?;
        Ok(segments)
    }

    /// Ends the active segment, so that all there is can be compacted. The next commit begins another.
    pub fn seal_active(&self) -> Result<()> {
        let mut writer = self.writer.lock();
        let writer = &mut *writer;
        let Some(active) = &mut writer.active else { return Ok(()) };
        let id = active.segment().id();
        let empty = active.is_empty();
        let change =
            if empty { Change::Remove(id) } else { Change::Segment(active.seal().map_err(|error| self.fail(error))?) };
        if let Err(error) = self.edit(writer, &[change], true) {
            if let Some(active) = &mut writer.active {
                active.unseal();
            }
            return Err(error);
        }
        let unfinished = self.unfinished("sealing a segment was cut short by a panic");
        writer.active = None;
        writer.durable_sequence = self.published().sequence;
        let mut state = State::clone(&self.published());
        state.position = (0, 0);
        if empty {
            state.segments.change([], &[id]);
        }
        self.publish(state);
        unfinished.done();
        self.note_sizes(writer);
        if empty { self.dir.remove(&self.dir.segment(id)) } else { Ok(()) }
    }

    /// Replaces segments by what is live in them; on a full disk maybe only some.
    fn compact(&self, maintenance: &mut Maintenance, victims: &[SegmentMeta]) -> Result<Compacted> {
        // What the job drops and folds follows from this moment. A crash must not lead back to before it, when victims
        // were still needed, nor keep of a batch only what was folded.
        // It is to be young, so that little of what is copied was replaced since: most is synced before it is noted.
        self.on_disk(|_, _| ())?;
        let _until_it_is_over = Folding(self);
        let moment = self.on_disk(|writer, state| {
            // From here to the end commits fold only what came later: a fold of what this job folds too would overlap
            // with it.
            self.folding.store(state.sequence, Ordering::Relaxed);
            (self.sealed(writer), writer.manifest.marks().epoch)
        });
        let (state, (sealed, epoch)) = moment?;
        let compacted = sealed.and_then(|sealed| self.compact_moment(maintenance, victims, &state, &sealed, epoch));
        drop(state);
        self.retained.limit(self.options.max_retained_bytes);
        compacted
    }

    /// As `compact`, what there is at a moment that is on disk.
    fn compact_moment(
        &self,
        maintenance: &mut Maintenance,
        victims: &[SegmentMeta],
        state: &State,
        sealed: &[SegmentMeta],
        epoch: u64,
    ) -> Result<Compacted> {
        let job = Job {
            dir: &self.dir,
            options: &self.options,
            state,
            sealed,
            victims,
            next_segment: &self.next_segment,
            store: self.store,
            epoch,
            forget_up_to: counters::get(&self.counters.checkpoint_sequence),
            spare: None,
            grant: &|wanted| self.grant(wanted),
        };
        maintenance.at_work.extend(victims.iter().map(|victim| victim.id));
        let (output, fitting) = self.rewrite(maintenance, &job);
        let victims = fitting.as_deref().unwrap_or(victims);
        let result = output.and_then(|output| self.exchange(victims, &output).map(|()| output));
        maintenance.at_work.clear();
        if let Err(Error::Corruption(damage)) = &result {
            let damaged = victims.iter().find(|victim| self.dir.segment(victim.id) == damage.file);
            maintenance.given_up.extend(damaged.map(|victim| victim.id));
        }
        let output = result?;
        let kept = &mut maintenance.kept;
        kept.bytes.retain(|id, _| !victims.iter().any(|victim| victim.id == *id));
        kept.bytes.extend(&output.kept.bytes);
        kept.await_checkpoint_of = kept.await_checkpoint_of.max(output.kept.await_checkpoint_of);
        let unfolded = &mut maintenance.unfolded;
        unfolded.retain(|record| !victims.iter().any(|victim| victim.id == record.segment));
        unfolded.extend(&output.unfolded);
        let segments = victims.len() as u64;
        Ok(Compacted { segments, read: output.bytes_read, written: output.bytes_written })
    }

    /// Writes a job's outputs. On a full disk, those of as many of its victims as the reserve can take: it says which.
    fn rewrite(&self, maintenance: &Maintenance, job: &Job<'_>) -> (Result<Output>, Option<Vec<SegmentMeta>>) {
        let output = compaction::rewrite(job);
        if !matches!(output, Err(Error::NoSpace { .. })) {
            return (output, None);
        }
        let usage = match self.whole_usage(maintenance, job) {
            Ok(usage) => usage,
            Err(error) => return (Err(error), None),
        };
        let victims = compaction::fitting(usage, self.spare_compaction.reserved());
        if victims.is_empty() {
            return (output, None);
        }
        let refused = output;
        let output = compaction::rewrite(&Job { victims: &victims, spare: Some(&self.spare_compaction), ..*job });
        let output = match output {
            // What is garbage in them lies in records that were not folded: it would be so again and again.
            Ok(same) if same.bytes_written >= same.bytes_read => {
                compaction::discard(&self.dir, &same);
                refused
            }
            output => output,
        };
        if output.is_err() {
            // The file is gone that it was taken for; somebody else may be about to take the room.
            self.reserve_spares(&self.writer.lock());
        }
        (output, Some(victims))
    }

    /// What a job's victims come to where nothing of them is folded: records whole, with what deltas replaced of them.
    fn whole_usage(&self, maintenance: &Maintenance, job: &Job<'_>) -> Result<Vec<Usage>> {
        let kept = |id: u32| maintenance.kept.bytes.get(&id).copied().unwrap_or(0);
        let mut whole: HashMap<u32, u64> = job.victims.iter().map(|victim| (victim.id, kept(victim.id))).collect();
        job.state.index.for_each(|_, slot: &Slot| {
            for at in slot.extents() {
                whole.entry(at.segment).and_modify(|bytes| *bytes += at.length());
            }
        })?;
        let usage = |meta: &SegmentMeta| Usage { meta: *meta, live: whole[&meta.id], coded_otherwise: false };
        Ok(memory::collect(job.victims.iter().map(usage))?)
    }

    /// Publishes a compaction's output, and removes what it replaces.
    fn exchange(&self, victims: &[SegmentMeta], output: &Output) -> Result<()> {
        let ids: Vec<u32> = victims.iter().map(|victim| victim.id).collect();
        self.dir.sync().map_err(|error| self.fail(error))?;
        let unfinished = {
            let mut writer = self.writer.lock();
            let writer = &mut *writer;
            let added = output.segments.iter().map(|(_, meta)| Change::Segment(*meta));
            let changes: Vec<Change> = added.chain(ids.iter().map(|id| Change::Remove(*id))).collect();
            if let Err(error) = self.edit(writer, &changes, true) {
                // After a failed sync the edit may be on disk, and the files must stay.
                if !matches!(error, Error::CommitUnknown { .. }) {
                    compaction::discard(&self.dir, output);
                    self.reserve_spares(writer);
                }
                return Err(error);
            }
            let unfinished = self.unfinished("a compaction was cut short before its end");
            let mut state = State::clone(&self.published());
            state.segments.change(output.segments.iter().map(|(segment, _)| Arc::clone(segment)), &[]);
            self.publish(state);
            unfinished
        };
        for entries in output.entries.chunks(SWAPPED_AT_ONCE) {
            self.swap(entries)?;
        }
        self.retire(victims, &ids);
        unfinished.done();
        self.signal.got_on();
        let counters = &self.counters;
        counters::add(&counters.compactions, 1);
        counters::add(&counters.compaction_bytes_read, output.bytes_read);
        counters::add(&counters.compaction_bytes_written, output.bytes_written);
        counters::add(&counters.folds, output.folds);
        for id in ids {
            self.dir.remove(&self.dir.segment(id))?;
        }
        self.reserve_spares(&self.writer.lock());
        Ok(())
    }

    /// Points the index at copied records, but for documents that were deleted or replaced meanwhile.
    fn swap(&self, entries: &[(u64, Entry)]) -> Result<()> {
        #[cfg(test)]
        super::tests::panics::here();
        let mut writer = self.writer.lock();
        let mut state = State::clone(&self.published());
        let mut ledger = Ledger::default();
        for (document, entry) in entries {
            // The rewriting had all of them before it, so that none can be missed here.
            if !state.index.get(*document)?.is_vacant() {
                state.index.apply(*document, std::slice::from_ref(entry), &mut ledger)?;
            }
        }
        writer.ledger.add(&ledger);
        self.publish(state);
        Ok(())
    }

    /// Takes replaced segments out of the newest moment. Older moments keep them open.
    fn retire(&self, victims: &[SegmentMeta], ids: &[u32]) {
        let mut writer = self.writer.lock();
        let mut state = State::clone(&self.published());
        for victim in victims {
            if let Some(segment) = state.segments.get(victim.id) {
                self.retained.retire(segment, victim.length);
            }
            writer.ledger.forget(victim.id);
        }
        state.segments.change([], ids);
        self.publish(state);
        self.note_sizes(&writer);
    }
}

/// A compaction that may be folding; when it is over, also by a panic, commits fold everything again.
struct Folding<'a>(&'a Core);

impl Drop for Folding<'_> {
    fn drop(&mut self) {
        let _changed_with_it_held = self.0.writer.lock();
        self.0.folding.store(0, Ordering::Relaxed);
    }
}
