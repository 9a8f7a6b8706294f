//! Figures about a store.

#![allow(unsafe_code)] // the C boundary

use super::arguments;
use super::db::stratum_db;
use super::error::stratum_error;
use super::guard;
use super::handles;
use crate::Stats;

/// Figures about a store. Set struct_size before the call; fields that the library does not know come back as 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_stats {
    /// sizeof(stratum_stats), as the caller was compiled.
    pub struct_size: usize,
    /// Live documents.
    pub documents: u64,
    /// Live documents, inputs and outputs.
    pub nodes: u64,
    /// Bytes on disk that the newest view reaches.
    pub live_bytes: u64,
    /// Bytes on disk in the store's log files.
    pub total_bytes: u64,
    /// Bytes that compaction can give back.
    pub garbage_bytes: u64,
    /// total_bytes / live_bytes; 1.0 for an empty store.
    pub amplification: f64,
    /// Log files.
    pub segments: u64,
    /// Bytes in the log file that is written to.
    pub active_segment_bytes: u64,
    /// Bytes of replaced log files that open views still hold.
    pub retained_bytes: u64,
    /// Open snapshots.
    pub snapshots: u64,
    /// Compactions since the store was opened.
    pub compactions: u64,
    /// Bytes that they read.
    pub compaction_bytes_read: u64,
    /// Bytes that they wrote.
    pub compaction_bytes_written: u64,
    /// Microseconds that compaction slept for compaction_bytes_per_second, in the one at work too.
    pub compaction_throttled_us: u64,
    /// Documents whose changes were folded into one tree.
    pub folds: u64,
    /// Commits since the store was opened.
    pub commits: u64,
    /// Commits that waited for a sync.
    pub durable_commits: u64,
    /// Syncs of the log.
    pub syncs: u64,
    /// Largest number of commits that shared one sync.
    pub largest_group: u64,
    /// Commits that were slowed down because the store was at its space ceiling.
    pub paced_commits: u64,
    /// Bytes of log files that are mapped.
    pub mapped_bytes: u64,
    /// Bytes of memory in the index.
    pub index_bytes: u64,
    /// Bytes of disk set aside for deletes and compaction on a full disk.
    pub reserved_bytes: u64,
    /// Sequence number of the newest commit.
    pub sequence: u64,
    /// Sequence number of the newest commit that is known durable.
    pub durable_sequence: u64,
    /// Checkpoints written since the store was opened.
    pub checkpoints: u64,
    /// Sequence number that the last checkpoint covers; 0 for none.
    pub checkpoint_sequence: u64,
    /// Bytes of unacknowledged log that were discarded when the store was opened.
    pub recovery_discarded_bytes: u64,
    /// Bytes of log that the open had to read.
    pub recovery_replayed_bytes: u64,
    /// Steps of background work that failed since the store was opened, also by a panic.
    pub background_failures: u64,
    /// 1 where the open used a checkpoint, otherwise 0.
    pub opened_from_checkpoint: i32,
    /// 1 where a failed sync or a panic stopped all writing until the store is reopened, otherwise 0.
    pub poisoned: i32,
}

impl From<Stats> for stratum_stats {
    fn from(stats: Stats) -> stratum_stats {
        // without `..`: a new figure is an error here until C has it too
        let Stats {
            documents,
            nodes,
            live_bytes,
            total_bytes,
            garbage_bytes,
            amplification,
            segments,
            active_segment_bytes,
            retained_bytes,
            snapshots,
            compactions,
            compaction_bytes_read,
            compaction_bytes_written,
            compaction_throttled_us,
            folds,
            commits,
            durable_commits,
            syncs,
            largest_group,
            paced_commits,
            mapped_bytes,
            index_bytes,
            reserved_bytes,
            sequence,
            durable_sequence,
            checkpoints,
            checkpoint_sequence,
            recovery_discarded_bytes,
            recovery_replayed_bytes,
            background_failures,
            opened_from_checkpoint,
            poisoned,
        } = stats;
        stratum_stats {
            struct_size: size_of::<stratum_stats>(),
            documents,
            nodes,
            live_bytes,
            total_bytes,
            garbage_bytes,
            amplification,
            segments,
            active_segment_bytes,
            retained_bytes,
            snapshots,
            compactions,
            compaction_bytes_read,
            compaction_bytes_written,
            compaction_throttled_us,
            folds,
            commits,
            durable_commits,
            syncs,
            largest_group,
            paced_commits,
            mapped_bytes,
            index_bytes,
            reserved_bytes,
            sequence,
            durable_sequence,
            checkpoints,
            checkpoint_sequence,
            recovery_discarded_bytes,
            recovery_replayed_bytes,
            background_failures,
            opened_from_checkpoint: i32::from(opened_from_checkpoint),
            poisoned: i32::from(poisoned),
        }
    }
}

/// Figures about the store, in `*stats`, whose struct_size the caller has set.
/// Errors: STRATUM_INVALID_ARGUMENT (struct_size), STRATUM_CLOSED.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_stats(
    db: *const stratum_db,
    stats: *mut stratum_stats,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let figures = handles::enter(db)?.store.db.stats()?;
            arguments::write_sized_struct("stats", stats, &stratum_stats::from(figures))
        })
    }
}
