package stratum

// #cgo noescape shim_db_stats
// #cgo nocallback shim_db_stats
// #cgo nocallback shim_db_verify
// #cgo nocallback shim_report_free
// #include "shim.h"
import "C"

import (
	"runtime"
	"time"
	"unsafe"
)

// Stats are figures about a store.
type Stats struct {
	// Documents are the live ones; Nodes counts documents, inputs and outputs.
	Documents, Nodes uint64
	// LiveBytes on disk are those that the newest view reaches, GarbageBytes those that compaction can give back.
	LiveBytes, TotalBytes, GarbageBytes uint64
	// Amplification is TotalBytes / LiveBytes; 1 for an empty store.
	Amplification float64
	// Segments are log files.
	Segments, ActiveSegmentBytes uint64
	// RetainedBytes of replaced log files are held by open views.
	RetainedBytes, Snapshots uint64
	// What compaction did since the store was opened.
	Compactions, CompactionBytesRead, CompactionBytesWritten, Folds uint64
	// CompactionThrottled is how long compaction slept for CompactionBytesPerSecond.
	CompactionThrottled time.Duration
	// Commits since the store was opened; DurableCommits waited for a sync.
	Commits, DurableCommits, Syncs uint64
	// LargestGroup is the largest number of commits that shared a sync.
	LargestGroup uint64
	// PacedCommits were slowed down because the store was at its space ceiling.
	PacedCommits uint64
	// MappedBytes of log files, IndexBytes of memory, ReservedBytes of disk for deletes on a full disk.
	MappedBytes, IndexBytes, ReservedBytes uint64
	// Sequence is the newest commit, DurableSequence the newest that is known durable.
	Sequence, DurableSequence uint64
	// Checkpoints were written since the store was opened; the last covers CheckpointSequence, 0 for none.
	Checkpoints, CheckpointSequence uint64
	// What opening the store had to discard, and to read.
	RecoveryDiscardedBytes, RecoveryReplayedBytes uint64
	// BackgroundFailures are steps of background work that failed.
	BackgroundFailures uint64
	// OpenedFromCheckpoint says whether the open used a checkpoint.
	OpenedFromCheckpoint bool
	// Poisoned: a failed sync or a panic stopped all writing until the store is reopened.
	Poisoned bool
}

// Stats gives figures about the store.
func (db *DB) Stats() (Stats, error) {
	var s C.stratum_stats
	done := C.shim_db_stats(db.writer.db, &s)
	runtime.KeepAlive(db)
	if done.status != C.STRATUM_OK {
		return Stats{}, failure(done.status, done.error)
	}
	return Stats{
		Documents: uint64(s.documents), Nodes: uint64(s.nodes),
		LiveBytes: uint64(s.live_bytes), TotalBytes: uint64(s.total_bytes), GarbageBytes: uint64(s.garbage_bytes),
		Amplification: float64(s.amplification),
		Segments:      uint64(s.segments), ActiveSegmentBytes: uint64(s.active_segment_bytes),
		RetainedBytes: uint64(s.retained_bytes), Snapshots: uint64(s.snapshots),
		Compactions: uint64(s.compactions), CompactionBytesRead: uint64(s.compaction_bytes_read),
		CompactionBytesWritten: uint64(s.compaction_bytes_written), Folds: uint64(s.folds),
		CompactionThrottled: time.Duration(s.compaction_throttled_us) * time.Microsecond,
		Commits:             uint64(s.commits), DurableCommits: uint64(s.durable_commits), Syncs: uint64(s.syncs),
		LargestGroup: uint64(s.largest_group), PacedCommits: uint64(s.paced_commits),
		MappedBytes: uint64(s.mapped_bytes), IndexBytes: uint64(s.index_bytes), ReservedBytes: uint64(s.reserved_bytes),
		Sequence: uint64(s.sequence), DurableSequence: uint64(s.durable_sequence),
		Checkpoints: uint64(s.checkpoints), CheckpointSequence: uint64(s.checkpoint_sequence),
		RecoveryDiscardedBytes: uint64(s.recovery_discarded_bytes),
		RecoveryReplayedBytes:  uint64(s.recovery_replayed_bytes),
		BackgroundFailures:     uint64(s.background_failures),
		OpenedFromCheckpoint:   s.opened_from_checkpoint != 0, Poisoned: s.poisoned != 0,
	}, nil
}

// Damage is one place where a store is damaged.
type Damage struct {
	// File is the damaged file, Offset where the damaged record is in it.
	File   string
	Offset uint64
	// Document is what the record belongs to, 0 where that cannot be told.
	Document DocumentID
	// What does not check out.
	What string
}

// Findings are what a full check found.
type Findings struct {
	Segments, Records, Bytes   uint64
	Documents, Inputs, Outputs uint64
	// Damage is empty where all is well.
	Damage []Damage
}

// Verify reads and checks everything: every checksum, every value, and the index against the log. Damage is not an
// error of this call, but listed.
func (db *DB) Verify() (*Findings, error) {
	if err := checkNotInCallback(db.writer.db); err != nil {
		return nil, err
	}
	done := C.shim_db_verify(db.writer.db)
	runtime.KeepAlive(db)
	if done.status != C.STRATUM_OK {
		return nil, failure(done.status, done.error)
	}
	f := lent[C.stratum_findings](done.b)
	findings := &Findings{
		Segments: uint64(f.segments), Records: uint64(f.records), Bytes: uint64(f.bytes),
		Documents: uint64(f.documents), Inputs: uint64(f.inputs), Outputs: uint64(f.outputs),
		Damage: make([]Damage, 0, int(f.damage_count)),
	}
	for _, d := range unsafe.Slice(f.damage, int(f.damage_count)) {
		findings.Damage = append(findings.Damage, Damage{
			textOfC(&d.file), uint64(d.offset), DocumentID(d.document), textOfC(&d.what),
		})
	}
	C.shim_report_free(C.uintptr_t(done.a))
	return findings, nil
}
