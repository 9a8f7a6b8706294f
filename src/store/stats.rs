//! Figures about a store.

use super::core::Core;
use super::counters::get;
use crate::format::segment::HEADER_LEN;
use crate::log::writer::ActiveSegment;

/// Figures about a store, each exact at some moment during the call.
///
/// ```
/// use stratum::{Columns, Db, Options};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// db.write(|batch| batch.create_document(b"one", &Columns::new()))?;
/// let stats = db.stats()?;
/// assert_eq!((stats.documents, stats.commits, stats.poisoned), (1, 1, false));
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Live documents.
    pub documents: u64,
    /// Live documents, inputs and outputs.
    pub nodes: u64,
    /// Bytes of the records that the newest moment reaches.
    pub live_bytes: u64,
    /// Bytes on disk in segments that the store names.
    pub total_bytes: u64,
    /// Bytes that are neither live nor a segment's own header.
    pub garbage_bytes: u64,
    /// `total_bytes / live_bytes`; 1.0 for an empty store.
    pub amplification: f64,
    /// Segments, the active one among them.
    pub segments: u64,
    /// Bytes of the active segment.
    pub active_segment_bytes: u64,
    /// Bytes of replaced segments that open views still hold.
    pub retained_bytes: u64,
    /// Open snapshots.
    pub snapshots: u64,
    /// Compaction jobs done since the store was opened.
    pub compactions: u64,
    /// Bytes that they read.
    pub compaction_bytes_read: u64,
    /// Bytes that they wrote.
    pub compaction_bytes_written: u64,
    /// Microseconds that compaction slept for `compaction_bytes_per_second`, in the job at work too.
    pub compaction_throttled_us: u64,
    /// Times that a document's deltas were folded.
    pub folds: u64,
    /// Commits since the store was opened.
    pub commits: u64,
    /// Commits among them that waited for a sync.
    pub durable_commits: u64,
    /// Syncs of the log.
    pub syncs: u64,
    /// Largest number of commits that shared one sync.
    pub largest_group: u64,
    /// Commits that were held back because the store was at its amplification ceiling.
    pub paced_commits: u64,
    /// Bytes of address space that segments are mapped in.
    pub mapped_bytes: u64,
    /// Bytes of memory in the index.
    pub index_bytes: u64,
    /// Bytes set aside for deletes and compaction on a full disk.
    pub reserved_bytes: u64,
    /// Sequence number of the newest commit.
    pub sequence: u64,
    /// Sequence number of the newest commit that is known to be on disk.
    pub durable_sequence: u64,
    /// Checkpoints written since the store was opened.
    pub checkpoints: u64,
    /// Sequence number that the last checkpoint covers; 0 for none.
    pub checkpoint_sequence: u64,
    /// Bytes behind the last whole commit that were discarded when the store was opened.
    pub recovery_discarded_bytes: u64,
    /// Bytes of log that were replayed when the store was opened.
    pub recovery_replayed_bytes: u64,
    /// Whether a checkpoint was used when the store was opened.
    pub opened_from_checkpoint: bool,
    /// Steps of background work that failed since the store was opened, also by a panic.
    pub background_failures: u64,
    /// Whether a failed sync or a panic made the store read-only.
    pub poisoned: bool,
}

impl Core {
    /// The figures now.
    pub fn stats(&self) -> Stats {
        let state = self.published();
        let (active, durable_sequence) = {
            let writer = self.writer.lock();
            (writer.active.as_ref().map_or(0, ActiveSegment::end), writer.durable_sequence)
        };
        let counters = &self.counters;
        let (live, total) = (get(&counters.live_bytes), get(&counters.total_bytes));
        let headers = HEADER_LEN * state.segments.len() as u64;
        let mapped = state.segments.iter().filter_map(|segment| segment.mapping());
        Stats {
            documents: state.index.documents(),
            nodes: state.index.nodes(),
            live_bytes: live,
            total_bytes: total,
            garbage_bytes: total.saturating_sub(live + headers),
            amplification: if live == 0 { 1.0 } else { total as f64 / live as f64 },
            segments: state.segments.len() as u64,
            active_segment_bytes: active,
            retained_bytes: self.retained.bytes(),
            snapshots: self.retained.snapshots(),
            compactions: get(&counters.compactions),
            compaction_bytes_read: get(&counters.compaction_bytes_read),
            compaction_bytes_written: get(&counters.compaction_bytes_written),
            compaction_throttled_us: get(&counters.compaction_throttled_us),
            folds: get(&counters.folds),
            commits: get(&counters.commits),
            durable_commits: get(&counters.durable_commits),
            syncs: get(&counters.syncs),
            largest_group: get(&counters.largest_group),
            paced_commits: get(&counters.paced_commits),
            mapped_bytes: mapped.map(|bytes| bytes.len() as u64).sum(),
            index_bytes: state.index.memory(),
            reserved_bytes: self.spare_log.reserved() + self.spare_compaction.reserved(),
            sequence: state.sequence,
            durable_sequence,
            checkpoints: get(&counters.checkpoints),
            checkpoint_sequence: get(&counters.checkpoint_sequence),
            recovery_discarded_bytes: self.report.discarded_bytes,
            recovery_replayed_bytes: self.report.replayed_bytes,
            opened_from_checkpoint: self.report.checkpoint_sequence > 0,
            background_failures: get(&counters.background_failures),
            poisoned: self.is_poisoned(),
        }
    }
}
