package stratum

// #include "shim.h"
import "C"

import (
	"slices"
	"strconv"
	"time"
)

// Durability says when a commit is on disk.
type Durability int32

const (
	// DurabilityDefault is, for a commit, what the store was opened with; for a store, DurabilityAlways.
	DurabilityDefault Durability = C.STRATUM_DURABILITY_DEFAULT
	// DurabilityAlways: on disk when the call returns.
	DurabilityAlways Durability = C.STRATUM_DURABILITY_ALWAYS
	// DurabilityInterval: handed to the system when the call returns, synced every SyncInterval.
	DurabilityInterval Durability = C.STRATUM_DURABILITY_INTERVAL
	// DurabilityOS: handed to the system when the call returns; Flush or the next DurabilityAlways commit syncs it.
	DurabilityOS Durability = C.STRATUM_DURABILITY_OS
)

// ReadMode says how log files are read.
type ReadMode int32

const (
	// ReadMmap, the default, reads through a mapping. A disk that fails under it ends the process by SIGBUS.
	ReadMmap ReadMode = C.STRATUM_READ_MMAP
	// ReadPread reads with system calls: every I/O error is an error.
	ReadPread ReadMode = C.STRATUM_READ_PREAD
)

// Compression says how compaction compresses trees. Reading needs no option: every tree says how it is stored.
type Compression int32

const (
	// CompressionNone is the default.
	CompressionNone Compression = C.STRATUM_COMPRESSION_NONE
	// CompressionLZ4: little to pay for reads, least gained.
	CompressionLZ4 Compression = C.STRATUM_COMPRESSION_LZ4
	// CompressionZstd: smallest.
	CompressionZstd Compression = C.STRATUM_COMPRESSION_ZSTD
)

// Options are those of Open. The zero value of each field is its default.
type Options struct {
	// NoCreate refuses to open where there is no store.
	NoCreate bool
	// Exclusive refuses to open where there is a store already.
	Exclusive bool
	// Durability of commits that do not say otherwise; DurabilityAlways.
	Durability Durability
	// SyncInterval is the longest time between syncs with DurabilityInterval; 100 ms.
	SyncInterval time.Duration
	// ReadMode is how log files are read; ReadMmap.
	ReadMode ReadMode
	// NoVerifyReads leaves out the check of the checksum of what is read.
	NoVerifyReads bool
	// SegmentSize is the length in bytes at which a log file is ended and the next begun; 64 MiB.
	SegmentSize uint64
	// MaxRecordBytes is the largest blob or encoded value; 256 MiB.
	MaxRecordBytes uint64
	// MaxBatchBytes is the largest batch as encoded; 1 GiB.
	MaxBatchBytes uint64
	// NoBackground leaves compaction, checkpoints and interval syncs to CompactNow, Checkpoint, Flush and Close.
	NoBackground bool
	// MaxAmplification bounds the bytes on disk as a multiple of the live ones; 1.5, at least 1.1.
	MaxAmplification float64
	// CheckpointBytes is the length of log after which a new checkpoint is written; 64 MiB.
	CheckpointBytes uint64
	// FoldAfter is how many changes a document may gather before they are folded into one tree; 8.
	FoldAfter uint32
	// Compression is how compaction compresses trees; CompressionNone. CompactNow brings a whole store to it.
	Compression Compression
	// CompactionBytesPerSecond is how much compaction may write, CompactNow too; no limit.
	CompactionBytesPerSecond uint64
	// MaxRetainedBytes bounds what open snapshots hold on disk; no bound.
	MaxRetainedBytes uint64
	// Set has any options by their names in stratum.h ("fold_after"), with values as text; they go before the fields.
	Set map[string]string
}

// named gives the options that are not at their defaults, by name, as stratum_options_set takes them.
func (o *Options) named() [][2]string {
	var all [][2]string
	add := func(is bool, name, value string) {
		if is {
			all = append(all, [2]string{name, value})
		}
	}
	number := func(name string, value uint64) { add(value != 0, name, strconv.FormatUint(value, 10)) }
	add(o.NoCreate, "create", "false")
	add(o.Exclusive, "exclusive", "true")
	add(o.Durability != DurabilityDefault, "durability", o.Durability.word())
	// A time below a millisecond is rounded up: 0 would be another one.
	interval := (o.SyncInterval + time.Millisecond - 1) / time.Millisecond
	add(o.SyncInterval != 0, "sync_interval_ms", strconv.FormatInt(int64(interval), 10))
	add(o.ReadMode != 0, "read_mode", o.ReadMode.word())
	add(o.NoVerifyReads, "verify_reads", "false")
	number("segment_size", o.SegmentSize)
	number("max_record_bytes", o.MaxRecordBytes)
	number("max_batch_bytes", o.MaxBatchBytes)
	add(o.NoBackground, "background", "false")
	add(o.MaxAmplification != 0, "max_amplification", strconv.FormatFloat(o.MaxAmplification, 'g', -1, 64))
	number("checkpoint_bytes", o.CheckpointBytes)
	number("fold_after", uint64(o.FoldAfter))
	add(o.Compression != CompressionNone, "compression", o.Compression.word())
	number("compaction_bytes_per_second", o.CompactionBytesPerSecond)
	number("max_retained_bytes", o.MaxRetainedBytes)
	names := make([]string, 0, len(o.Set))
	for name := range o.Set {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		all = append(all, [2]string{name, o.Set[name]})
	}
	return all
}

func (d Durability) word() string {
	switch d {
	case DurabilityAlways:
		return "always"
	case DurabilityInterval:
		return "interval"
	case DurabilityOS:
		return "os"
	}
	return strconv.Itoa(int(d)) // which the library refuses
}

func (m ReadMode) word() string {
	switch m {
	case ReadMmap:
		return "mmap"
	case ReadPread:
		return "pread"
	}
	return strconv.Itoa(int(m))
}

func (c Compression) word() string {
	switch c {
	case CompressionLZ4:
		return "lz4"
	case CompressionZstd:
		return "zstd"
	}
	return strconv.Itoa(int(c))
}

// make builds the library's options; the caller frees them. 0 stands for the defaults.
func (o *Options) make() (C.uintptr_t, error) {
	if o == nil {
		return 0, nil
	}
	made := C.shim_options_create()
	if made.status != C.STRATUM_OK {
		return 0, failure(made.status, made.error)
	}
	options := C.uintptr_t(made.a)
	for _, option := range o.named() {
		name, nameLength := textOf(option[0])
		value, valueLength := textOf(option[1])
		if set := C.shim_options_set(options, name, nameLength, value, valueLength); set.status != C.STRATUM_OK {
			C.shim_options_free(options)
			return 0, failure(set.status, set.error)
		}
	}
	return options, nil
}
