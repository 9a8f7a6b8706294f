//! What an open store consists of, and which lock guards what.
//!
//! ```text
//!   ended           held by whoever closes the store, until it is closed
//!     maintenance   held by the one compaction, checkpoint or verification at work
//!       writer      held by the commit leader (validate, write, sync, publish) and, briefly, by maintenance
//!         LogSync   held while the log is synced, also by who does not hold `writer`
//! ```
//!
//! 1. Locks are taken in this order, from the outside in. Readers take none of them: `published` is a pointer.
//! 2. Only the holder of `writer` publishes; states become visible in the order of their sequence numbers.
//! 3. Foreign code runs under none of them but in `report`, under `maintenance`: what would wait for that lock from
//!    there is refused.
//! 4. What is published while nobody holds `writer` may be what a close left (`close`): `newest` is for those who do
//!    not hold it.
//! 5. After a failed sync the store is poisoned for good: what is on disk is unknown until it is opened again.

use std::sync::Arc;

use super::background::Signal;
use super::commit::Request;
use super::counters::Counters;
use super::input_ids::InputIds;
use super::moment::{Gate, Moment};
use super::queue::GroupQueue;
use super::retained::Retained;
use super::throttle::Throttle;
use crate::compaction::{KeptTombstones, Unfolded};
use crate::error::{Error, Result};
use crate::format::manifest::{Change, Marks, SegmentMeta};
use crate::format::{KEPT_FOR_RECOVERY, NUMBERS_END};
use crate::index::{Ledger, State};
use crate::log::Dir;
use crate::log::spare::Spare;
use crate::log::writer::ActiveSegment;
use crate::manifest::Manifest;
use crate::memory;
use crate::options::Options;
use crate::recovery::{Opened, Report};
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::caller::Caller;
use crate::sync::{ArcSwap, Guard, Mutex, MutexGuard, RwLock};
use crate::vfs::FileLock;

/// Bytes that even a small store sets aside for a full disk, twice.
const LEAST_RESERVE: u64 = 256 << 10;

/// An open store.
pub struct Core {
    pub dir: Dir,
    pub options: Options,
    pub store: [u8; 16],
    pub report: Report,
    pub spare_log: Spare,
    pub spare_compaction: Spare,
    pub counters: Counters,
    pub input_ids: InputIds,
    pub next_document: AtomicU64,
    pub next_segment: AtomicU32,
    /// What was committed up to this sequence number may be folded by the compaction at work; zero where there is none.
    /// Changed with `writer` held: whoever does not hold it has but a hint.
    pub folding: AtomicU64,
    pub queue: GroupQueue<Request, Result<u64>>,
    maintenance: Mutex<Maintenance>,
    pub writer: Mutex<Writer>,
    pub retained: Retained,
    pub signal: Signal,
    pub throttle: Throttle,
    pub lock: Mutex<Option<Box<dyn FileLock>>>,
    /// The thread that is in the callback of a `compact_now`, and so holds `maintenance` while foreign code runs.
    reporting: Mutex<Option<Caller>>,
    published: ArcSwap<Moment>,
    pub gate: Arc<Gate>,
    /// What closing came to, for every other call of `close`; `None` until one began.
    pub ended: Mutex<Option<Result<()>>>,
    poisoned: RwLock<Option<String>>,
}

/// What the commit leader works with.
pub struct Writer {
    pub manifest: Manifest,
    /// Absent until the first commit, and after close.
    pub active: Option<ActiveSegment>,
    pub ledger: Ledger,
    /// The highest sequence number ever used, also by commits that failed.
    pub sequence: u64,
    /// Everything up to here is on disk.
    pub durable_sequence: u64,
    /// Bytes of log since the last checkpoint.
    pub since_checkpoint: u64,
    /// An empty buffer for the next group: fresh memory costs a page fault for every 4 KiB.
    pub buffer: Vec<u8>,
    /// The store is closed, and nothing more is written.
    pub ended: bool,
}

impl Writer {
    /// Whether the store is still open, or about to be closed by the caller.
    pub fn check_not_ended(&self) -> Result<()> {
        if self.ended { Err(Error::Closed) } else { Ok(()) }
    }
}

/// What maintenance remembers between jobs.
#[derive(Default)]
pub struct Maintenance {
    /// What the last checkpoint covers: sequence number of the state, number of the manifest's edit.
    pub checkpoint: Option<(u64, u64)>,
    /// Segments that are not compacted any more: they are damaged, or a panic cut the job short that had them.
    pub given_up: Vec<u32>,
    /// Segments that the job at work has, or the last one had, if a panic cut it short.
    pub at_work: Vec<u32>,
    /// Tombstones that had to stay when they were last looked at.
    pub kept: KeptTombstones,
    /// Records that had to be copied with what deltas replaced of them.
    pub unfolded: Vec<Unfolded>,
}

impl Core {
    pub fn new(opened: Opened, options: Options) -> Core {
        let marks = opened.manifest.marks();
        let checkpoint = opened.report.checkpoint_sequence;
        let maintenance =
            Maintenance { checkpoint: opened.vouched_for.map(|edit| (checkpoint, edit)), ..Maintenance::default() };
        let gate = Arc::new(Gate::new(options.verify_reads));
        let writer = Writer {
            sequence: opened.state.sequence,
            durable_sequence: opened.state.sequence,
            manifest: opened.manifest,
            active: None,
            ledger: opened.ledger,
            since_checkpoint: opened.report.replayed_bytes,
            buffer: Vec::new(),
            ended: false,
        };
        let core = Core {
            spare_log: opened.spares.0,
            spare_compaction: opened.spares.1,
            dir: opened.dir,
            throttle: Throttle::new(options.compaction_bytes_per_second),
            options,
            store: writer.manifest.state().store,
            report: opened.report,
            counters: Counters::default(),
            input_ids: InputIds::default(),
            next_document: AtomicU64::new(opened.next_document),
            next_segment: AtomicU32::new(marks.next_segment),
            folding: AtomicU64::new(0),
            queue: GroupQueue::default(),
            maintenance: Mutex::new(maintenance),
            retained: Retained::default(),
            signal: Signal::default(),
            lock: Mutex::new(Some(opened.lock)),
            reporting: Mutex::new(None),
            published: ArcSwap::new(Arc::new(Moment { state: opened.state, gate: Arc::clone(&gate) })),
            gate,
            ended: Mutex::new(None),
            poisoned: RwLock::new(None),
            writer: Mutex::new(writer),
        };
        core.counters.checkpoint_sequence.store(checkpoint, Ordering::Relaxed);
        {
            let writer = core.writer.lock();
            core.note_sizes(&writer);
            if core.spare_log.was_found() || core.spare_compaction.was_found() {
                // Says how much is in them, and sets aside again what opening needed of them.
                core.reserve_spares(&writer);
            }
        }
        core
    }

    /// The lowest document id not handed out. Calls that were refused when there were no more are not counted.
    pub fn next_document(&self) -> u64 {
        self.next_document.load(Ordering::Relaxed).min(NUMBERS_END)
    }

    /// The newest moment, of a store that is open: whether it is, is looked at last.
    pub fn newest(&self) -> Result<Guard<Arc<Moment>>> {
        let newest = self.published();
        self.check_open()?;
        Ok(newest)
    }

    /// The newest moment, for who knows that no close gives it back meanwhile: `writer` or `maintenance` is held.
    pub fn published(&self) -> Guard<Arc<Moment>> {
        self.published.load()
    }

    /// Makes a moment the newest; the caller holds `writer`.
    pub fn publish(&self, state: State) {
        self.published.store(Arc::new(Moment { state, gate: Arc::clone(&self.gate) }));
    }

    /// Comes before any lock is taken: in a fork it may be held by a thread that does not exist there.
    pub fn check_not_forked(&self) -> Result<()> {
        self.gate.check_not_forked()
    }

    /// Whether this process may use the store.
    pub fn check_open(&self) -> Result<()> {
        self.gate.check_open()
    }

    /// Whether this process is a fork of the one that opened the store.
    pub fn is_forked(&self) -> bool {
        self.gate.is_forked()
    }

    /// Whether the store takes commits.
    pub fn check_writable(&self) -> Result<()> {
        self.check_open()?;
        match &*self.poisoned.read() {
            Some(reason) => Err(Error::Poisoned(reason.clone())),
            None => Ok(()),
        }
    }

    /// Whether the caller is the callback of a `compact_now`: what waits for `maintenance` would wait for itself.
    pub fn is_reporting(&self) -> bool {
        *self.reporting.lock() == Some(Caller::this())
    }

    /// Whether the callback of a `compact_now` is at work, on any thread: until it returns there is no maintenance.
    pub fn is_anyone_reporting(&self) -> bool {
        self.reporting.lock().is_some()
    }

    /// Refuses what would wait for itself there.
    pub fn check_not_reporting(&self) -> Result<()> {
        if self.is_reporting() {
            let what = "this was called from within the progress callback of compact_now; let that return first";
            return Err(Error::InvalidArgument(what.to_string()));
        }
        Ok(())
    }

    /// Takes the lock of maintenance.
    pub fn maintenance(&self) -> Result<MutexGuard<'_, Maintenance>> {
        self.check_not_forked()?;
        self.check_not_reporting()?;
        Ok(self.maintenance.lock())
    }

    /// Runs foreign code while `maintenance` is held.
    pub fn report<T>(&self, callback: impl FnOnce() -> T) -> T {
        struct Reporting<'a>(&'a Core);
        impl Drop for Reporting<'_> {
            fn drop(&mut self) {
                *self.0.reporting.lock() = None;
            }
        }
        *self.reporting.lock() = Some(Caller::this());
        let _until_it_returns_or_panics = Reporting(self);
        // Commits that are held back already look again: the callback may wait for them.
        self.signal.got_on();
        callback()
    }

    pub fn is_poisoned(&self) -> bool {
        self.poisoned.read().is_some()
    }

    /// Passes an error on, and poisons the store if it leaves the disk's state unknown.
    pub fn fail(&self, error: Error) -> Error {
        if matches!(error, Error::CommitUnknown { .. }) {
            self.poison(&error.to_string());
        }
        error
    }

    /// Takes no commits from here on; the first reason is the one that is told.
    pub fn poison(&self, reason: &str) {
        self.poisoned.write().get_or_insert_with(|| reason.to_string());
    }

    /// Poisons the store unless it is told that something was done.
    pub fn unfinished(&self, cut_short: &'static str) -> Unfinished<'_> {
        Unfinished { core: self, cut_short }
    }

    /// Marks the store closed: calls that come from here on are refused.
    pub fn begin_close(&self) {
        self.gate.close();
    }

    pub fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    /// Makes a manifest edit. On a full disk, one that leads to more room (`frees`) gets its own from the reserves;
    /// others leave them alone.
    pub fn edit(&self, writer: &mut Writer, changes: &[Change], frees: bool) -> Result<()> {
        writer.check_not_ended()?;
        if let Some(reason) = &*self.poisoned.read() {
            return Err(Error::Poisoned(reason.clone()));
        }
        let marks = Marks { next_document: self.next_document(), sequence: writer.sequence, ..writer.manifest.marks() };
        writer.manifest.check(&marks, KEPT_FOR_RECOVERY)?;
        let mut edited = self.commit_edit(writer, changes, marks);
        let mut is_released = false;
        // The log's comes last: compaction, which has its own in use, makes room for both.
        for spare in [&self.spare_compaction, &self.spare_log] {
            if frees && matches!(edited, Err(Error::NoSpace { .. })) && spare.release(&self.dir)? {
                is_released = true;
                edited = self.commit_edit(writer, changes, marks);
            }
        }
        if is_released {
            self.reserve_spares(writer);
        }
        edited.map_err(|error| self.fail(error))
    }

    fn commit_edit(&self, writer: &mut Writer, changes: &[Change], marks: Marks) -> Result<()> {
        let unfinished = self.unfinished("a manifest edit was cut short by a panic");
        let edited = writer.manifest.commit(changes, marks);
        unfinished.done();
        edited
    }

    /// Sets blocks aside for a full disk: as much as the store's largest segment, so that any one can be compacted, and
    /// a little log for deletes. Where there is room for one of them only, compaction's is what leads to more.
    pub fn reserve_spares(&self, writer: &Writer) {
        let largest = writer.manifest.state().segments.values().map(|meta| meta.length).max().unwrap_or(0);
        let least = self.options.segment_size.min(LEAST_RESERVE);
        self.spare_compaction.reserve(&self.dir, largest.clamp(least, self.options.segment_size));
        self.spare_log.reserve(&self.dir, least);
    }

    /// Every sealed segment.
    pub fn sealed(&self, writer: &Writer) -> Result<Vec<SegmentMeta>> {
        let segments = writer.manifest.state().segments.values().copied();
        Ok(memory::collect(segments.filter(|meta| meta.length != 0))?)
    }

    /// Notes the store's size where readers of statistics and pacing find it without a lock.
    pub fn note_sizes(&self, writer: &Writer) {
        let sealed: u64 = writer.manifest.state().segments.values().map(|meta| meta.length).sum();
        let active = writer.active.as_ref().map_or(0, ActiveSegment::end);
        self.counters.total_bytes.store(sealed + active, Ordering::Relaxed);
        self.counters.live_bytes.store(writer.ledger.total(), Ordering::Relaxed);
    }
}

/// Something that must be done to its end. Dropped before that, by a panic or by an error that cannot be, it poisons
/// the store: what is on disk and what is published may not be the same any more.
#[must_use]
pub struct Unfinished<'a> {
    core: &'a Core,
    cut_short: &'static str,
}

impl Unfinished<'_> {
    /// It was done.
    pub fn done(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.core.poison(self.cut_short);
    }
}
